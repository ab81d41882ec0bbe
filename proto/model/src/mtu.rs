//! Maximum transmission units.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The largest packet that a device sends, in bytes without the Ethernet header: 576 to 65535.
///
/// The lower bound is what every IPv4 host must be able to receive (RFC 791); a bridge refuses
/// more than 65535 (`ETH_MAX_MTU`). IPv6 wants at least [`Mtu::IPV6_MINIMUM`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Mtu(u32);

/// A number that is no usable MTU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a usable MTU: use 576 to 65535")]
pub struct MtuError(pub u32);

impl Mtu {
    /// What Ethernet carries when nobody says otherwise.
    pub const ETHERNET: Self = Self(1500);
    /// The least that IPv6 works with (RFC 8200, section 5).
    pub const IPV6_MINIMUM: Self = Self(1280);

    /// The MTU in bytes.
    pub fn get(self) -> u32 {
        self.0
    }

    /// What is left inside an encapsulation that costs `overhead` bytes; `None` below the range.
    pub fn inside(self, overhead: u32) -> Option<Self> {
        self.0
            .checked_sub(overhead)
            .and_then(|rest| Self::try_from(rest).ok())
    }
}

impl TryFrom<u32> for Mtu {
    type Error = MtuError;

    fn try_from(value: u32) -> Result<Self, MtuError> {
        if (576..=65_535).contains(&value) {
            Ok(Self(value))
        } else {
            Err(MtuError(value))
        }
    }
}

impl From<Mtu> for u32 {
    fn from(mtu: Mtu) -> Self {
        mtu.0
    }
}

impl fmt::Display for Mtu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_mtu_inside_a_tunnel_is_smaller_by_the_overhead() {
        assert_eq!(Mtu::ETHERNET.inside(50), Mtu::try_from(1450).ok());
        assert_eq!(Mtu::try_from(600).unwrap().inside(70), None);
    }
}
