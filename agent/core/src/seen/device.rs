//! One device as the kernel has it, ours or not.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use weft_model::bond::{BondMode, LacpRate, XmitHashPolicy};
use weft_model::plan::link::Vlans;
use weft_model::prefix::{Family, InterfaceAddress};
use weft_model::vlan::VlanProtocol;

use super::port::{Port, SeenPlug};
use crate::route::{DirectRoute, SeenRoute};

/// What a kernel lets one device have and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// A network on a port.
    Tunnel(Tunnel),
    /// A VLAN of a device.
    Vlan(SeenVlan),
    /// A port, for many networks. Several devices for many may share one.
    Port(u16),
    /// A routing table. A kernel would let several routing domains share one, and mix their routes.
    Table(u32),
}

/// A VLAN of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeenVlan {
    /// The number of the device.
    pub parent: u32,
    /// The VLAN.
    pub id: u16,
    /// Its tag.
    pub protocol: VlanProtocol,
}

/// What a kernel allows one VXLAN device only to receive for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tunnel {
    /// The network identifier.
    pub vni: u32,
    /// The destination port.
    pub port: u16,
    /// The underlay's family.
    pub family: Family,
}

/// A device, ours or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenLink {
    /// The device's number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its other names.
    pub alternative_names: BTreeSet<String>,
    /// What it is.
    pub kind: SeenKind,
    /// Its link group.
    pub group: u32,
    /// Its alias.
    pub alias: Option<String>,
    /// Its MTU.
    pub mtu: u32,
    /// Its Ethernet address, where it has one.
    pub mac: Option<[u8; 6]>,
    /// The device that it is a port of.
    pub master: Option<u32>,
    /// Whether it is set up.
    pub up: bool,
    /// Whether IPv4 packets that come in by it are forwarded; `None` is not known.
    pub forward_ipv4: Option<bool>,
    /// Whether ARP requests for what the host reaches elsewhere are answered; `None` is not known.
    pub proxy_arp: Option<bool>,
    /// Whether who announces itself unasked over IPv4 is known from then on; `None` is not known.
    pub hears_announcements: Option<bool>,
    /// Whether IPv4 packets are let in by whichever device the way back to their source leads;
    /// `None` is not known.
    pub any_source: Option<bool>,
    /// Its IPv6 switches; `None` where it has no IPv6 at all.
    pub ipv6: Option<Ipv6>,
    /// Its addresses, without those that are only valid on the link.
    pub addresses: BTreeSet<InterfaceAddress>,
    /// The routes that carry our protocol number and leave by it.
    pub routes: BTreeSet<DirectRoute>,
    /// Routes by it that administrators made, and ours among them: with gateway or metric.
    pub static_routes: BTreeSet<SeenRoute>,
    /// Where it sends what has no known destination (VXLAN).
    pub flood: BTreeSet<IpAddr>,
    /// Its networks, where it is a tunnel end point for many.
    pub networks: Networks,
    /// What its bridge does with it, as a port.
    pub port: Port,
    /// The VLANs that it carries as a port; of a bridge, those that the host takes part in. Empty
    /// where the kernel does not say.
    pub vlans: Vlans,
}

/// The networks of a tunnel end point that has many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// Those that it receives for.
    pub vnis: BTreeSet<u32>,
    /// The network of a VLAN of its bridge.
    pub vlans: BTreeMap<u16, u32>,
    /// Where it sends what has no known destination, by network.
    pub flood: BTreeMap<u32, BTreeSet<IpAddr>>,
}

/// What a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeenKind {
    /// A bridge.
    Bridge {
        /// Whether it takes part in spanning tree.
        spanning_tree: bool,
        /// How long a new port waits, in the kernel's unit of 10 ms.
        forward_delay: u32,
        /// The tag by which it filters VLANs; `None` where it does not filter.
        vlans: Option<VlanProtocol>,
        /// Whether a new port takes part in no VLAN.
        bare_ports: bool,
    },
    /// A VXLAN tunnel end point.
    Vxlan {
        /// Network and port.
        tunnel: Tunnel,
        /// The source address.
        local: Option<IpAddr>,
        /// Whether it learns.
        learning: bool,
    },
    /// A VXLAN tunnel end point for many networks, which it tells apart by a list.
    Bundle {
        /// The destination port.
        port: u16,
        /// The underlay's family.
        family: Family,
        /// The source address.
        local: Option<IpAddr>,
        /// Whether it learns.
        learning: bool,
    },
    /// A VLAN of another device.
    Vlan(SeenVlan),
    /// One end of a pair.
    Veth {
        /// The number of the other end; `None` where that is in another namespace.
        peer: Option<u32>,
    },
    /// A port of an Open vSwitch bridge that bears the mark of a cluster.
    Switched(Box<SeenPlug>),
    /// Several devices as one.
    Bond(SeenBond),
    /// A routing domain.
    Vrf {
        /// The number of its routing table.
        table: u32,
    },
    /// A device that goes nowhere.
    Dummy,
    /// A device of the machine, or what others make of several: what leads to other machines.
    Uplink,
    /// Anything else.
    Other,
}

/// How a bond chooses among its devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeenBond {
    /// Which device a packet leaves by.
    pub mode: BondMode,
    /// How often it looks at their links, in milliseconds.
    pub miimon: u32,
    /// How often LACP partners tell of themselves.
    pub lacp_rate: LacpRate,
    /// What of a packet chooses the device; `None` is none that is known here.
    pub xmit_hash_policy: Option<XmitHashPolicy>,
    /// The number of the device that is used while it works.
    pub primary: Option<u32>,
}

/// A device's IPv6 switches; `None` is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ipv6 {
    /// Whether IPv6 is off on the device.
    pub disabled: Option<bool>,
    /// Whether the device acts as a router.
    pub forwarding: Option<bool>,
    /// Whether router advertisements are believed.
    pub accept_ra: Option<bool>,
    /// Whether addresses are probed before they are used.
    pub accept_dad: Option<bool>,
    /// Whether who announces itself unasked is known from then on; `None` also where the kernel
    /// cannot do that, which is so of all its devices.
    pub accept_untracked: Option<bool>,
}

impl SeenLink {
    /// A device of which only number, name and kind are known.
    pub fn new(index: u32, name: impl Into<String>, kind: SeenKind) -> Self {
        Self {
            index,
            name: name.into(),
            alternative_names: BTreeSet::new(),
            kind,
            group: 0,
            alias: None,
            mtu: 0,
            mac: None,
            master: None,
            up: false,
            forward_ipv4: None,
            proxy_arp: None,
            hears_announcements: None,
            any_source: None,
            ipv6: None,
            addresses: BTreeSet::new(),
            routes: BTreeSet::new(),
            static_routes: BTreeSet::new(),
            flood: BTreeSet::new(),
            networks: Networks::default(),
            port: Port::default(),
            vlans: Vlans::default(),
        }
    }

    /// What only one device can have, where it is of a kind that has such.
    pub fn claim(&self) -> Option<Claim> {
        match self.kind {
            SeenKind::Vxlan { tunnel, .. } => Some(Claim::Tunnel(tunnel)),
            SeenKind::Vlan(vlan) => Some(Claim::Vlan(vlan)),
            SeenKind::Bundle { port, .. } => Some(Claim::Port(port)),
            SeenKind::Vrf { table } => Some(Claim::Table(table)),
            SeenKind::Bridge { .. }
            | SeenKind::Veth { .. }
            | SeenKind::Switched(_)
            | SeenKind::Bond(_)
            | SeenKind::Dummy
            | SeenKind::Uplink
            | SeenKind::Other => None,
        }
    }

    /// Whether it is a bridge.
    pub fn is_bridge(&self) -> bool {
        matches!(self.kind, SeenKind::Bridge { .. })
    }

    /// Whether it is a routing domain.
    pub fn is_vrf(&self) -> bool {
        matches!(self.kind, SeenKind::Vrf { .. })
    }

    pub(super) fn lose_routes(&mut self, family: Family) {
        self.routes.retain(|route| route.to.family() != family);
        self.static_routes
            .retain(|route| route.to.family() != family);
    }
}
