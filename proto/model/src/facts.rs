//! What a node says of itself: what it has that is not ours, and what it is able to do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::mtu::Mtu;
use crate::name::LinkName;
use crate::prefix::{Family, InterfaceAddress};
use crate::text::Text;
use crate::vlan::BridgeVlans;

/// A node's facts. They are part of what is published, so only what a plan may depend on is here;
/// guests' ports and our own devices are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Facts {
    /// The kernel's release, `6.1.0-18-amd64`.
    pub kernel: Text,
    /// The agent's version.
    pub agent: Text,
    /// The device types that the kernel can make.
    pub device_types: BTreeSet<DeviceType>,
    /// Devices that are not ours and have an address, by name.
    pub links: BTreeMap<LinkName, LinkFacts>,
    /// Bridges that are not ours, by name: what zones of type vlan and qinq can use.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bridges: BTreeMap<LinkName, BridgeFacts>,
    /// The device of the IPv4 default route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_ipv4: Option<LinkName>,
    /// The device of the IPv6 default route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_ipv6: Option<LinkName>,
    /// The families that the host forwards between its devices.
    pub forwarding: BTreeSet<Family>,
    /// The version of the `nft` program, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nft: Option<Text>,
    /// The FRR that runs here, where there is one that the agent may speak to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frr: Option<FrrFacts>,
}

impl Facts {
    /// The device of the default route of a family.
    pub fn default_link(&self, family: Family) -> Option<&LinkName> {
        match family {
            Family::Ipv4 => self.default_ipv4.as_ref(),
            Family::Ipv6 => self.default_ipv6.as_ref(),
        }
    }
}

/// What is known of the FRR of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FrrFacts {
    /// Its version, `8.4.4`.
    pub version: Text,
    /// Its daemons that were started, `bgpd`.
    pub daemons: BTreeSet<Text>,
}

/// What is known of a device that is not ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LinkFacts {
    /// Its MTU; `None` where it is outside what a vnet could use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<Mtu>,
    /// Its global addresses.
    pub addresses: BTreeSet<InterfaceAddress>,
}

/// What is known of a bridge that is not ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BridgeFacts {
    /// How the bridge treats VLANs.
    #[serde(default, skip_serializing_if = "BridgeVlans::is_default")]
    pub vlans: BridgeVlans,
    /// Its MTU; `None` where it is outside what a vnet could use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<Mtu>,
    /// Its physical ports, bonds and VLANs of these. Guests' ports come and go and are left out, and
    /// so are all ports of Open vSwitch, which sends a VLAN where it belongs by itself.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub uplinks: BTreeSet<LinkName>,
}

/// A type of device that a kernel may or may not be able to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceType {
    /// A software switch.
    Bridge,
    /// A VXLAN tunnel end point.
    Vxlan,
    /// One VXLAN tunnel end point for many networks, which it tells apart by a list: Linux 5.18.
    #[serde(rename = "vxlan-bundle")]
    Bundle,
    /// A VLAN of another device.
    Vlan,
    /// A routing domain.
    Vrf,
    /// A pair of devices joined back to back.
    Veth,
    /// A device that goes nowhere.
    Dummy,
    /// Several devices as one.
    Bond,
    /// A port of an Open vSwitch bridge.
    OpenVswitch,
}

impl DeviceType {
    /// Every type.
    pub const ALL: [Self; 9] = [
        Self::Bridge,
        Self::Vxlan,
        Self::Bundle,
        Self::Vlan,
        Self::Vrf,
        Self::Veth,
        Self::Dummy,
        Self::Bond,
        Self::OpenVswitch,
    ];

    /// The type as the kernel names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Vxlan => "vxlan",
            Self::Bundle => "vxlan-bundle",
            Self::Vlan => "vlan",
            Self::Vrf => "vrf",
            Self::Veth => "veth",
            Self::Dummy => "dummy",
            Self::Bond => "bond",
            Self::OpenVswitch => "openvswitch",
        }
    }
}

impl fmt::Display for DeviceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
