//! UDP ports.

use std::fmt;
use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

/// A UDP port that something can listen on: 1 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct UdpPort(NonZeroU16);

/// A number that is no UDP port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a UDP port: use 1 to 65535")]
pub struct UdpPortError(pub u32);

impl UdpPort {
    /// The port that IANA assigned to VXLAN (RFC 7348, section 8).
    pub const VXLAN: Self = match NonZeroU16::new(4789) {
        Some(port) => Self(port),
        None => unreachable!(),
    };

    /// The port as a number.
    pub fn get(self) -> u16 {
        self.0.get()
    }
}

impl TryFrom<u32> for UdpPort {
    type Error = UdpPortError;

    fn try_from(value: u32) -> Result<Self, UdpPortError> {
        u16::try_from(value)
            .ok()
            .and_then(NonZeroU16::new)
            .map(Self)
            .ok_or(UdpPortError(value))
    }
}

impl From<UdpPort> for u32 {
    fn from(port: UdpPort) -> Self {
        port.get().into()
    }
}

impl fmt::Display for UdpPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
