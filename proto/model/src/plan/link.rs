//! A device of ours, or one of the host's that a host network declares, and all that is on it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::bond::{BondMode, LacpRate, MiiMonitor, XmitHashPolicy};
use crate::facts::DeviceType;
use crate::mac::Mac;
use crate::mtu::Mtu;
use crate::name::{LinkName, VnetName};
use crate::object::drift::DriftPolicy;
use crate::plan::Origin;
use crate::plan::route::Route;
use crate::port::UdpPort;
use crate::prefix::{Family, InterfaceAddress, Prefix};
use crate::text::Text;
use crate::vlan::{VlanId, VlanProtocol, VlanSet};
use crate::vni::Vni;

/// A device. Every device is up.
///
/// Where the origin is a host network, the device may be there already. Then it is taken over: what
/// the entry says of it is made so and kept so, all else on it (other addresses, other routes, ports
/// that others plugged in) stays as it is, and when the entry goes, what was changed is changed back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Link {
    /// The device's name.
    pub name: LinkName,
    /// The objects that it is there for.
    pub origin: Origin,
    /// What the device is.
    pub kind: LinkKind,
    /// Its MTU; `None` leaves it to the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<Mtu>,
    /// Its Ethernet address; `None` leaves it to the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// The user's name for it, shown in the device's alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<Text>,
    /// The name that is too long for a device, kept as the device's alternative name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternative_name: Option<VnetName>,
    /// The bridge or bond of the plan that the device is a port of. A device of the host that is
    /// said to be a port of nothing stays a port of what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<LinkName>,
    /// Its addresses.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub addresses: BTreeSet<InterfaceAddress>,
    /// Networks that are reached directly through the device, besides those of its addresses.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub routes: BTreeSet<Prefix>,
    /// Routes by the device that somebody asked for, with gateway and metric: of a host network.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub static_routes: BTreeSet<Route>,
    /// The families that packets coming in by the device are forwarded of.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub forward: BTreeSet<Family>,
    /// Whether ARP requests that come in by the device for addresses which the node reaches
    /// elsewhere are answered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proxy_arp: bool,
    /// Whether hosts are known as soon as they announce themselves unasked, so that one that moved
    /// is reached where it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hears_announcements: bool,
    /// Whether IPv4 packets that come in by the device are let in by whichever device the way back
    /// to their source leads: between two exits they come back by the other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub any_source: bool,
    /// The VLANs that the device carries as a port of its master, where that filters VLANs; and of
    /// a bridge that filters VLANs, those that the host itself takes part in.
    #[serde(default, skip_serializing_if = "Vlans::is_empty")]
    pub vlans: Vlans,
    /// What to do when someone else changes the device.
    #[serde(default)]
    pub drift: DriftPolicy,
}

impl Link {
    /// A device with nothing on it, that the kernel chooses for what can be left to it.
    pub fn plain(name: LinkName, origin: Origin, kind: LinkKind) -> Self {
        Self {
            name,
            origin,
            kind,
            mtu: None,
            mac: None,
            alias: None,
            alternative_name: None,
            master: None,
            addresses: BTreeSet::new(),
            routes: BTreeSet::new(),
            static_routes: BTreeSet::new(),
            forward: BTreeSet::new(),
            proxy_arp: false,
            hears_announcements: false,
            any_source: false,
            vlans: Vlans::default(),
            drift: DriftPolicy::default(),
        }
    }
}

/// The VLANs of a bridge's port.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vlans {
    /// Those whose packets have their tag on the port.
    #[serde(default, skip_serializing_if = "VlanSet::is_empty")]
    pub tagged: VlanSet,
    /// The one that packets without a tag belong to, and that leaves the port without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untagged: Option<VlanId>,
}

impl Vlans {
    /// What a port of a bridge of ours has before anything is said of it.
    pub fn of_a_new_port() -> Self {
        Self {
            tagged: VlanSet::default(),
            untagged: VlanId::try_from(1).ok(),
        }
    }

    /// Whether the VLAN is one of them, with its tag or without.
    pub fn has(&self, id: VlanId) -> bool {
        self.untagged == Some(id) || self.tagged.contains(id)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tagged.is_empty() && self.untagged.is_none()
    }
}

/// A bridge of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bridge {
    /// Whether it filters VLANs by their 802.1Q tag.
    #[serde(default)]
    pub vlan_aware: bool,
    /// Whether a new port takes part in no VLAN, and not in VLAN 1 without tag.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bare_ports: bool,
    /// What is set on ports that others plug in.
    #[serde(default)]
    pub guests: GuestPorts,
    /// Whether it speaks the spanning tree protocol.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spanning_tree: bool,
    /// How many seconds a port listens and learns before it forwards; with spanning tree 2 to 30,
    /// without 0 to 30.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub forward_delay: u8,
}

fn is_zero(value: &u8) -> bool {
    *value == 0
}

/// Several devices as one: those whose master it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bond {
    /// Which of its devices a packet leaves by.
    pub mode: BondMode,
    /// How often it looks at their links.
    #[serde(default, skip_serializing_if = "MiiMonitor::is_default")]
    pub miimon: MiiMonitor,
    /// How often LACP partners tell of themselves, where the mode speaks LACP; `None` leaves it to
    /// the kernel, or as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacp_rate: Option<LacpRate>,
    /// What of a packet chooses the device, where the mode chooses by it; `None` leaves it to the
    /// kernel, or as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xmit_hash_policy: Option<XmitHashPolicy>,
    /// The device that is used while it works, where the mode has such; `None`: none is preferred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<LinkName>,
}

/// What is set on the ports of a bridge of ours that others plug in: guests' ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GuestPorts {
    /// Whether such ports are kept from reaching each other.
    pub isolated: bool,
    /// Whether the bridge learns which guest is behind which.
    pub learning: bool,
}

impl Default for GuestPorts {
    fn default() -> Self {
        Self {
            isolated: false,
            learning: true,
        }
    }
}

/// A VLAN of another device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vlan {
    /// The device; ours, or one that the host has.
    pub parent: LinkName,
    /// The VLAN.
    pub id: VlanId,
    /// Its tag.
    #[serde(default, skip_serializing_if = "VlanProtocol::is_default")]
    pub protocol: VlanProtocol,
    /// Whether the parent is someone else's bridge that filters VLANs and must let this one up to
    /// the host.
    #[serde(default)]
    pub join: bool,
}

/// A port of an Open vSwitch bridge, which is someone else's, that the host has as a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SwitchPort {
    /// The bridge.
    pub switch: LinkName,
    /// The VLAN that what comes in by the port belongs to.
    pub id: VlanId,
    /// Where packets keep tags of their own, the tag that the VLAN's is put before them with;
    /// `None` where packets have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tunnel: Option<VlanProtocol>,
}

/// What a device is. A change of kind, or of what the kernel cannot change in place, makes a new
/// device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkKind {
    /// A Linux bridge without spanning tree and without forwarding delay.
    Bridge(Bridge),
    /// A VXLAN tunnel end point.
    Vxlan(Vxlan),
    /// One VXLAN tunnel end point for all vnets of a zone: its networks are the plan's segments.
    Bundle(Bundle),
    /// A VLAN of another device.
    Vlan(Vlan),
    /// One end of a pair of devices joined back to back; the other end is a device of the plan too.
    Veth {
        /// The other end.
        peer: LinkName,
    },
    /// Several devices as one.
    Bond(Bond),
    /// A routing domain: the devices whose master it is have a routing table of their own.
    Vrf(Vrf),
    /// A device that goes nowhere: it holds addresses that are the node's whatever card is up.
    Dummy,
    /// A device that the host has by itself, of whatever type: configured, never made or destroyed.
    Physical,
    /// A port of an Open vSwitch bridge.
    Switched(SwitchPort),
}

impl LinkKind {
    /// The type that the kernel must be able to make; `None` where the device is there already.
    pub fn device_type(&self) -> Option<DeviceType> {
        match self {
            Self::Bridge(_) => Some(DeviceType::Bridge),
            Self::Vxlan(_) => Some(DeviceType::Vxlan),
            Self::Bundle(_) => Some(DeviceType::Bundle),
            Self::Vlan(_) => Some(DeviceType::Vlan),
            Self::Veth { .. } => Some(DeviceType::Veth),
            Self::Switched(_) => Some(DeviceType::OpenVswitch),
            Self::Bond(_) => Some(DeviceType::Bond),
            Self::Vrf(_) => Some(DeviceType::Vrf),
            Self::Dummy => Some(DeviceType::Dummy),
            Self::Physical => None,
        }
    }

    /// The kind in a word.
    pub fn as_str(&self) -> &'static str {
        self.device_type().map_or("physical", DeviceType::as_str)
    }
}

/// A routing domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vrf {
    /// The number of its routing table.
    pub table: u32,
    /// Whether packets that no route of it leads to are dropped; else the node's own routes lead
    /// them on.
    pub has_unreachable_default: bool,
}

/// A VXLAN tunnel end point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vxlan {
    /// The network identifier.
    pub vni: Vni,
    /// The source address of tunnel packets.
    pub local: IpAddr,
    /// The destination port of tunnel packets.
    pub port: UdpPort,
    /// Whether it learns which guest is behind which peer.
    pub learning: bool,
    /// Where packets go whose destination is unknown or many: the other tunnel end points.
    ///
    /// Shared between the vnets of a zone, which all have the same.
    pub flood: Arc<BTreeSet<IpAddr>>,
    /// Whether its bridge answers ARP and neighbor discovery for guests that it knows to be behind
    /// it, and does not flood the question.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suppression: bool,
    /// Whether BGP tells who is behind which peer, and which peers there are: then neither the
    /// device nor its bridge learns that from packets, and what a routing daemon entered on it is
    /// the daemon's alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told_by_bgp: bool,
}

/// A VXLAN tunnel end point for many networks, which are VLANs of the bridge that it is a port of.
/// The VLANs that it carries are those of its segments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bundle {
    /// The source address of tunnel packets.
    pub local: IpAddr,
    /// The destination port of tunnel packets.
    pub port: UdpPort,
    /// Whether it learns which guest is behind which peer.
    pub learning: bool,
    /// As of a [`Vxlan`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suppression: bool,
    /// As of a [`Vxlan`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told_by_bgp: bool,
}
