//! VXLAN network identifiers.

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// A VXLAN network identifier: 24 bits (RFC 7348, section 5), and never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Vni(NonZeroU32);

/// A number that is no VNI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a VNI: use 1 to 16777215")]
pub struct VniError(pub u32);

impl Vni {
    /// The largest VNI, 2^24 - 1.
    pub const MAX: u32 = 0xff_ffff;

    /// The VNI as a number.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl TryFrom<u32> for Vni {
    type Error = VniError;

    fn try_from(value: u32) -> Result<Self, VniError> {
        match NonZeroU32::new(value) {
            Some(vni) if value <= Self::MAX => Ok(Self(vni)),
            _ => Err(VniError(value)),
        }
    }
}

impl From<Vni> for u32 {
    fn from(vni: Vni) -> Self {
        vni.get()
    }
}

impl fmt::Display for Vni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vni_has_24_bits_and_is_never_zero() {
        assert!(Vni::try_from(0).is_err());
        assert!(Vni::try_from(1).is_ok());
        assert!(Vni::try_from(16_777_215).is_ok());
        assert!(Vni::try_from(16_777_216).is_err());
    }
}
