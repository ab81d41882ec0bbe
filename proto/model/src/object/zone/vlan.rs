//! Zones of type vlan and qinq, which use a bridge that the nodes already have.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::name::LinkName;
use crate::vlan::{VlanId, VlanProtocol};

/// The bridge of a node that a zone's packets leave by. It is not ours and stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VlanZone {
    /// The bridge's name, the same on every node of the zone; of the kernel or of Open vSwitch.
    pub bridge: LinkName,
    /// The ports of the bridge that lead to other nodes; empty: its physical ports and bonds. Only
    /// a bridge that does not look at tags is asked.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub uplinks: BTreeSet<LinkName>,
    /// Whether the vnets' bridges learn which guest is behind which port.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub mac_learning: bool,
}

/// What a qinq zone needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QinqZone {
    /// The bridge's name, the same on every node of the zone.
    pub bridge: LinkName,
    /// As in a zone of type vlan.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub uplinks: BTreeSet<LinkName>,
    /// The service VLAN that carries the zone's own VLANs.
    pub tag: VlanId,
    /// The tag of the service VLAN on the wire.
    #[serde(default, skip_serializing_if = "VlanProtocol::is_default")]
    pub protocol: VlanProtocol,
    /// Whether the vnets' bridges learn which guest is behind which port.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub mac_learning: bool,
}

fn yes() -> bool {
    true
}

// Serde hands out references.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_yes(value: &bool) -> bool {
    *value
}
