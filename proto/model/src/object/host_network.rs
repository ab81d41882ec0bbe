//! Host networks: the bridges, bonds, VLANs, addresses and routes that nodes themselves have.
//!
//! What no object declares stays foreign and untouched.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::bond::{BondMode, LacpRate, MiiMonitor, XmitHashPolicy};
use crate::mtu::Mtu;
use crate::name::LinkName;
use crate::object::drift::DriftPolicy;
use crate::object::selector::NodeSelector;
use crate::prefix::{Family, InterfaceAddress, Prefix};
use crate::text::Text;
use crate::vlan::{VlanId, VlanProtocol, VlanSet};

mod form;

pub use form::HostNetworkError;

/// What a host network is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "form::Spec", into = "form::Spec")]
pub struct HostNetworkSpec {
    /// The nodes that have it.
    pub nodes: NodeSelector,
    /// What to do when someone else changes a device of it.
    pub drift: DriftPolicy,
    /// The nodes' interfaces, by name.
    pub interfaces: BTreeMap<LinkName, Interface>,
}

/// One interface of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// What it is.
    pub kind: InterfaceKind,
    /// A name for people.
    pub alias: Option<Text>,
    /// Its MTU; `None` leaves it to the kernel.
    pub mtu: Option<Mtu>,
    /// Its addresses.
    pub addresses: BTreeSet<InterfaceAddress>,
    /// Where packets go that no other route is for; at most one of a family on a node.
    pub gateways: BTreeSet<IpAddr>,
    /// Further routes by the interface.
    pub routes: BTreeSet<HostRoute>,
    /// The families that packets coming in by the interface are forwarded of.
    pub forward: BTreeSet<Family>,
    /// Whether ARP requests for addresses that the node reaches elsewhere are answered.
    pub proxy_arp: bool,
    /// The networks behind the interface whose packets leave the node with an address of its own.
    pub masquerade: BTreeSet<Masquerade>,
}

/// What an interface is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum InterfaceKind {
    /// A device that the node has by itself: a network card.
    #[default]
    Physical,
    /// A Linux bridge.
    Bridge(HostBridge),
    /// Several devices as one.
    Bond(HostBond),
    /// A VLAN of another device.
    Vlan(HostVlan),
}

impl InterfaceKind {
    /// The kind as manifests name its options.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Physical => "physical",
            Self::Bridge(_) => "bridge",
            Self::Bond(_) => "bond",
            Self::Vlan(_) => "vlan",
        }
    }

    /// The devices that the interface is made of: ports of a bridge, members of a bond, the device
    /// of a VLAN.
    pub fn parts(&self) -> BTreeSet<&LinkName> {
        match self {
            Self::Physical => BTreeSet::new(),
            Self::Bridge(bridge) => bridge.ports.iter().collect(),
            Self::Bond(bond) => bond.members.iter().collect(),
            Self::Vlan(vlan) => BTreeSet::from([&vlan.device]),
        }
    }
}

/// A bridge of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostBridge {
    /// The devices that are plugged in, besides guests' ports.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ports: BTreeSet<LinkName>,
    /// Whether it filters VLANs by their 802.1Q tag.
    #[serde(default, skip_serializing_if = "is_default")]
    pub vlan_aware: bool,
    /// The VLANs that its ports carry with their tag, where it filters VLANs; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vids: Option<VlanSet>,
    /// Whether it speaks the spanning tree protocol.
    #[serde(default, skip_serializing_if = "is_default")]
    pub stp: bool,
    /// How many seconds a port listens and learns before it forwards; `None`: none without
    /// spanning tree, the kernel's 15 with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_delay: Option<ForwardDelay>,
}

/// How many seconds a bridge's port waits before it forwards: 0 to 30.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "u32", into = "u32")]
pub struct ForwardDelay(u8);

/// A number that is no such delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a forwarding delay: use 0 to 30 seconds")]
pub struct ForwardDelayError(pub u32);

impl ForwardDelay {
    /// What the kernel takes with spanning tree (IEEE 802.1D-2004, table 17-1).
    pub const SPANNING_TREE: Self = Self(15);
    /// The least that the kernel takes with spanning tree.
    pub const LEAST_WITH_SPANNING_TREE: Self = Self(2);

    /// The delay in seconds.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u32> for ForwardDelay {
    type Error = ForwardDelayError;

    fn try_from(value: u32) -> Result<Self, ForwardDelayError> {
        u8::try_from(value)
            .ok()
            .filter(|it| *it <= 30)
            .map(Self)
            .ok_or(ForwardDelayError(value))
    }
}

impl From<ForwardDelay> for u32 {
    fn from(delay: ForwardDelay) -> Self {
        delay.0.into()
    }
}

/// A bond of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostBond {
    /// Which member a packet leaves by.
    pub mode: BondMode,
    /// The devices that it is made of.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub members: BTreeSet<LinkName>,
    /// How often it looks at their links.
    #[serde(default, skip_serializing_if = "MiiMonitor::is_default")]
    pub miimon: MiiMonitor,
    /// How often LACP partners tell of themselves; only in mode 802.3ad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacp_rate: Option<LacpRate>,
    /// What of a packet chooses the member; only in modes that choose by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xmit_hash_policy: Option<XmitHashPolicy>,
    /// The member that is used while it works; only in modes that have one active member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<LinkName>,
}

/// A VLAN of a device of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostVlan {
    /// The device.
    pub device: LinkName,
    /// The VLAN.
    pub tag: VlanId,
    /// Its tag on the wire.
    #[serde(default, skip_serializing_if = "VlanProtocol::is_default")]
    pub protocol: VlanProtocol,
}

/// A route of a host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostRoute {
    /// Where it leads.
    pub to: Prefix,
    /// The neighbor that packets are given to; `None`: they are delivered on the interface's link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<IpAddr>,
    /// What decides between routes to one network: the least counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
}

/// A network whose packets leave with an address of the node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Masquerade {
    /// The network.
    pub source: Prefix,
    /// The interfaces that they leave by; empty: any other than the one they came in by.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub out: BTreeSet<LinkName>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<HostNetworkSpec, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_host_network_is_written_as_it_is_read() {
        for json in [
            r#"{"interfaces":[{"name":"eth0","mtu":9000}]}"#,
            r#"{"nodes":{"names":["n1"]},"drift":"observe","interfaces":[
                {"name":"bond0","bond":{"mode":"802.3ad","members":["eth1","eth2"],"miimon":50,
                    "lacpRate":"fast","xmitHashPolicy":"layer2+3"}},
                {"name":"vmbr0","alias":"up","bridge":{"ports":["bond0"],"vlanAware":true,
                    "vids":"2-100","stp":true,"forwardDelay":4},
                    "addresses":["192.0.2.1/24","2001:db8::1/64"],
                    "gateways":["192.0.2.254"],"forward":["ipv4"],"proxyArp":true,
                    "routes":[{"to":"10.0.0.0/8","via":"192.0.2.9","metric":5}],
                    "masquerade":[{"source":"10.1.0.0/24","out":["eth0"]},{"source":"10.2.0.0/24"}]},
                {"name":"vmbr0.5","vlan":{"device":"vmbr0","tag":5,"protocol":"802.1ad"}}]}"#,
        ] {
            let spec = read(json).unwrap();
            assert_eq!(read(&serde_json::to_string(&spec).unwrap()), Ok(spec));
        }
    }

    #[test]
    fn an_interface_that_contradicts_itself_is_refused() {
        for (interface, part) in [
            (r#""bridge":{},"bond":{"mode":"balance-rr"}"#, "either"),
            (r#""bond":{}"#, "missing field `mode`"),
            (r#""bond":{"mode":"best"}"#, "unknown variant `best`"),
            (r#""bridge":{"forwardDelay":31}"#, "use 0 to 30 seconds"),
            (r#""vlan":{"device":"eth1","tag":4095}"#, "use 1 to 4094"),
            (r#""address":"10.0.0.1/24""#, "unknown field `address`"),
        ] {
            let json = format!(r#"{{"interfaces":[{{"name":"eth0",{interface}}}]}}"#);
            let error = read(&json).unwrap_err();
            assert!(error.contains(part), "{json}: {error}");
        }
        let twice = r#"{"interfaces":[{"name":"eth0"},{"name":"eth0"}]}"#;
        assert_eq!(
            read(twice).unwrap_err(),
            "interfaces: eth0 is listed twice: keep one of them"
        );
    }
}
