//! Vnets: the layer-2 networks that guests plug into.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::mac::Mac;
use crate::name::ZoneName;
use crate::object::targets::RouteTargets;
use crate::route_target::RouteDistinguisher;
use crate::text::Text;
use crate::vlan::VlanId;
use crate::vni::Vni;

/// What a vnet is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VnetSpec {
    /// The zone that the vnet is built in.
    pub zone: ZoneName,
    /// What tells the vnet's packets apart on the wire; what it means depends on the zone's type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// In a zone of layout bundle, the VLAN of the zone's bridge that the vnet is; `None` takes the
    /// one that follows from the tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<VlanId>,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<Text>,
    /// The address of the gateway's interface; `None` derives one from the vnet's name, in an evpn
    /// zone from the zone's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// Whether guests may use VLANs of their own inside the vnet.
    #[serde(default, skip_serializing_if = "is_no")]
    pub vlan_aware: bool,
    /// Whether guests on one node are kept from reaching each other directly.
    #[serde(default, skip_serializing_if = "is_no")]
    pub isolate_ports: bool,
    /// What the vnet's routes are told apart by, in an evpn zone; `None` leaves it to FRR.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinguisher: Option<RouteDistinguisher>,
    /// Which routes the vnet takes in and how it marks its own, in an evpn zone.
    #[serde(default, skip_serializing_if = "RouteTargets::is_empty")]
    pub targets: RouteTargets,
}

impl VnetSpec {
    /// The VLAN that the vnet is in a zone of layout bundle: the one that the user chose, or the one
    /// that follows from the tag. So it stays what it is whatever other vnets come and go, and no
    /// vnet ever gets the VLAN of another that went while guests' ports still carry it.
    pub fn bundle_vlan(&self) -> Option<VlanId> {
        self.vlan.or_else(|| self.tag.map(Tag::bundle_vlan))
    }
}

// Serde hands out references.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_no(value: &bool) -> bool {
    !*value
}

/// The largest VLAN, and how many there are.
const LARGEST_VLAN: u32 = 4094;

/// A number between 1 and 16777215; a VNI in a vxlan zone, a VLAN in a zone of type vlan or qinq.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Tag(u32);

/// A number that is no tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a tag: use 1 to 16777215")]
pub struct TagError(pub u32);

impl Tag {
    /// The tag as a VLAN, where it is one.
    pub fn vlan(self) -> Option<VlanId> {
        VlanId::try_from(self.0).ok()
    }

    /// The VLAN that stands for the tag where all tags of a zone are VLANs of one bridge: tags of up
    /// to 4094 are their own VLANs, and 4094 tags in a row never meet.
    pub fn bundle_vlan(self) -> VlanId {
        let number = (self.0 - 1) % LARGEST_VLAN + 1;
        VlanId::try_from(number)
            .unwrap_or_else(|_| unreachable!("a remainder of 4094 and one is at most 4094"))
    }
}

impl TryFrom<u32> for Tag {
    type Error = TagError;

    fn try_from(value: u32) -> Result<Self, TagError> {
        if (1..=0xff_ffff).contains(&value) {
            Ok(Self(value))
        } else {
            Err(TagError(value))
        }
    }
}

impl From<Vni> for Tag {
    fn from(vni: Vni) -> Self {
        Self(vni.get())
    }
}

impl From<Tag> for u32 {
    fn from(tag: Tag) -> Self {
        tag.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_its_own_vlan_where_it_can_be_and_tags_in_a_row_never_meet() {
        let vlan = |tag: u32| Tag::try_from(tag).unwrap().bundle_vlan().get();
        let of = [1, 100, 4094, 4095, 4096, 10_000, 0xff_ffff].map(vlan);
        assert_eq!(of, [1, 100, 4094, 1, 2, 1812, 3]);
        let row: std::collections::BTreeSet<u16> = (70_000..74_094).map(vlan).collect();
        assert_eq!(row.len(), 4094);
    }
}
