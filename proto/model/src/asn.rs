//! Autonomous system numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An autonomous system number that may be configured: 1 to 4294967294.
///
/// Zero and the last number are reserved (RFC 7607, RFC 7300).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Asn(u32);

/// A number that is no usable autonomous system number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a usable AS number: use 1 to 4294967294")]
pub struct AsnError(pub u32);

impl TryFrom<u32> for Asn {
    type Error = AsnError;

    fn try_from(value: u32) -> Result<Self, AsnError> {
        if matches!(value, 0 | u32::MAX) {
            Err(AsnError(value))
        } else {
            Ok(Self(value))
        }
    }
}

impl From<Asn> for u32 {
    fn from(asn: Asn) -> Self {
        asn.0
    }
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
