//! VLAN identifiers.

use std::fmt;
use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

/// A VLAN identifier that may be put on a frame: 1 to 4094 (IEEE 802.1Q-2018, table 9-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct VlanId(NonZeroU16);

/// A number that is no VLAN identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a VLAN id: use 1 to 4094")]
pub struct VlanIdError(pub u32);

impl VlanId {
    /// The identifier as a number.
    pub fn get(self) -> u16 {
        self.0.get()
    }
}

impl TryFrom<u32> for VlanId {
    type Error = VlanIdError;

    fn try_from(value: u32) -> Result<Self, VlanIdError> {
        u16::try_from(value)
            .ok()
            .filter(|id| *id <= 4094)
            .and_then(NonZeroU16::new)
            .map(Self)
            .ok_or(VlanIdError(value))
    }
}

impl From<VlanId> for u32 {
    fn from(id: VlanId) -> Self {
        id.get().into()
    }
}

impl fmt::Display for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vlan_id_is_1_to_4094() {
        for (value, valid) in [
            (0, false),
            (1, true),
            (4094, true),
            (4095, false),
            (65_537, false),
        ] {
            assert_eq!(VlanId::try_from(value).is_ok(), valid, "{value}");
        }
    }
}
