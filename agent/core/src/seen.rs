//! What the kernel has: every device, and all that is on it.
//!
//! # Guarantees
//! The look-ups by name, master and tunnel always agree with the devices. What a kernel takes away
//! without saying so (the IPv4 routes of a device that goes down) is taken away here too.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use weft_model::plan::link::Vlans;
use weft_model::prefix::{Family, InterfaceAddress, Prefix};
use weft_model::vlan::{VlanId, VlanProtocol};

use crate::nft::Table;

mod port;

pub use port::{Port, SeenPlug};

/// What the kernel has, as far as a plan may depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    links: BTreeMap<u32, SeenLink>,
    names: BTreeMap<String, u32>,
    ports: BTreeMap<u32, BTreeSet<u32>>,
    claims: BTreeMap<Claim, BTreeSet<u32>>,
    /// Our table of source translations.
    pub nat: Option<Table>,
    /// The names of the bridges that Open vSwitch has.
    pub switches: BTreeSet<String>,
    /// Ports with the mark of a cluster that Open vSwitch is to have and that there is no device
    /// of, by name.
    pub unmade: BTreeMap<String, SeenPlug>,
}

/// What a kernel lets one device have and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// A network on a port.
    Tunnel(Tunnel),
    /// A VLAN of a device.
    Vlan(SeenVlan),
    /// A port, for many networks. Several devices for many may share one.
    Port(u16),
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
    /// Its IPv6 switches; `None` where it has no IPv6 at all.
    pub ipv6: Option<Ipv6>,
    /// Its addresses, without those that are only valid on the link.
    pub addresses: BTreeSet<InterfaceAddress>,
    /// The routes that carry our protocol number and leave by it.
    pub routes: BTreeSet<Prefix>,
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
    /// A device of the machine, or what others make of several: what leads to other machines.
    Uplink,
    /// Anything else.
    Other,
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
            ipv6: None,
            addresses: BTreeSet::new(),
            routes: BTreeSet::new(),
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
            SeenKind::Bridge { .. }
            | SeenKind::Veth { .. }
            | SeenKind::Switched(_)
            | SeenKind::Uplink
            | SeenKind::Other => None,
        }
    }

    /// Whether it is a bridge.
    pub fn is_bridge(&self) -> bool {
        matches!(self.kind, SeenKind::Bridge { .. })
    }

    fn lose_routes(&mut self, family: Family) {
        self.routes.retain(|route| route.family() != family);
    }
}

impl Seen {
    /// Every device, in the order of the numbers.
    pub fn links(&self) -> impl DoubleEndedIterator<Item = &SeenLink> {
        self.links.values()
    }

    /// The device with this number.
    pub fn link(&self, index: u32) -> Option<&SeenLink> {
        self.links.get(&index)
    }

    /// The device with this name or alternative name.
    pub fn named(&self, name: &str) -> Option<&SeenLink> {
        self.names.get(name).and_then(|index| self.link(*index))
    }

    /// The ports of a device.
    pub fn ports(&self, master: u32) -> impl Iterator<Item = &SeenLink> {
        self.ports
            .get(&master)
            .into_iter()
            .flatten()
            .filter_map(|index| self.link(*index))
    }

    /// The devices that have what only one can have.
    pub fn holding(&self, claim: Claim) -> impl Iterator<Item = &SeenLink> {
        self.claims
            .get(&claim)
            .into_iter()
            .flatten()
            .filter_map(|index| self.link(*index))
    }

    /// The largest device number within `range`.
    pub fn largest_index(&self, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        self.links.range(range).next_back().map(|(index, _)| *index)
    }

    /// Whether the host has IPv6: its loopback device says so.
    pub fn has_ipv6(&self) -> bool {
        self.named("lo").is_none_or(|lo| lo.ipv6.is_some())
    }

    /// Takes in a device's own properties; what is on it (addresses, routes, flood list) is kept
    /// from what was known.
    pub fn put(&mut self, mut link: SeenLink) {
        let index = link.index;
        if let Some(was) = self.remove(index) {
            link.addresses = was.addresses;
            link.routes = was.routes;
            link.flood = was.flood;
            link.networks = was.networks;
            let is_elsewhere = was.master != link.master;
            if is_elsewhere {
                link.networks.vlans.clear();
            } else {
                link.vlans = was.vlans;
            }
        }
        if !link.up {
            link.lose_routes(Family::Ipv4);
        }
        for name in link.alternative_names.iter().chain([&link.name]) {
            self.names.insert(name.clone(), index);
        }
        if let Some(master) = link.master {
            self.ports.entry(master).or_default().insert(index);
        }
        if let Some(claim) = link.claim() {
            self.claims.entry(claim).or_default().insert(index);
        }
        self.links.insert(index, link);
    }

    /// Takes a device out, and gives it.
    pub fn remove(&mut self, index: u32) -> Option<SeenLink> {
        let link = self.links.remove(&index)?;
        for name in link.alternative_names.iter().chain([&link.name]) {
            if self.names.get(name) == Some(&index) {
                self.names.remove(name);
            }
        }
        if let Some(master) = link.master {
            forget(&mut self.ports, master, index);
        }
        if let Some(claim) = link.claim() {
            forget(&mut self.claims, claim, index);
        }
        Some(link)
    }

    /// Takes in an address.
    pub fn add_address(&mut self, index: u32, address: InterfaceAddress) {
        if let Some(link) = self.links.get_mut(&index) {
            link.addresses.insert(address);
        }
    }

    /// Takes out an address. With the last IPv4 address a kernel takes the IPv4 routes away.
    pub fn remove_address(&mut self, index: u32, address: InterfaceAddress) {
        if let Some(link) = self.links.get_mut(&index) {
            let removed = link.addresses.remove(&address);
            let is_ipv4 = |address: &InterfaceAddress| address.family() == Family::Ipv4;
            if removed && is_ipv4(&address) && !link.addresses.iter().any(is_ipv4) {
                link.lose_routes(Family::Ipv4);
            }
        }
    }

    /// Takes in a route of ours.
    pub fn add_route(&mut self, index: u32, route: Prefix) {
        if let Some(link) = self.links.get_mut(&index) {
            link.routes.insert(route);
        }
    }

    /// Takes out a route of ours.
    pub fn remove_route(&mut self, index: u32, route: Prefix) {
        if let Some(link) = self.links.get_mut(&index) {
            link.routes.remove(&route);
        }
    }

    /// Takes in an entry of a flood list.
    pub fn add_flood(&mut self, index: u32, peer: IpAddr) {
        if let Some(link) = self.links.get_mut(&index) {
            link.flood.insert(peer);
        }
    }

    /// Takes out an entry of a flood list.
    pub fn remove_flood(&mut self, index: u32, peer: IpAddr) {
        if let Some(link) = self.links.get_mut(&index) {
            link.flood.remove(&peer);
        }
    }

    /// Changes the networks of a tunnel end point that has many.
    pub fn set_networks(&mut self, index: u32, change: impl FnOnce(&mut Networks)) {
        if let Some(link) = self.links.get_mut(&index) {
            change(&mut link.networks);
            link.networks.flood.retain(|_, peers| !peers.is_empty());
        }
    }

    /// Takes in the VLANs of a port or bridge.
    pub fn set_vlans(&mut self, index: u32, vlans: Vlans) {
        if let Some(link) = self.links.get_mut(&index) {
            // A VLAN that a port no longer carries is no network either.
            let keeps = |id: u16| VlanId::try_from(u32::from(id)).is_ok_and(|id| vlans.has(id));
            link.networks.vlans.retain(|id, _| keeps(*id));
            link.vlans = vlans;
        }
    }

    /// Takes in whether a device forwards IPv4 packets.
    pub fn set_forward_ipv4(&mut self, index: u32, forward: bool) {
        if let Some(link) = self.links.get_mut(&index) {
            link.forward_ipv4 = Some(forward);
        }
    }

    /// Takes in the marks that a device was given while it is down, which kernels do not tell of.
    pub fn mark_down(&mut self, index: u32, group: Option<u32>, alias: Option<&str>) {
        if let Some(link) = self.links.get_mut(&index).filter(|link| !link.up) {
            link.group = group.unwrap_or(link.group);
            link.alias = alias.map(str::to_owned).or(link.alias.take());
        }
    }

    /// Changes a device's IPv6 switches.
    pub fn set_ipv6(&mut self, index: u32, change: impl FnOnce(&mut Ipv6)) {
        if let Some(ipv6) = self
            .links
            .get_mut(&index)
            .and_then(|link| link.ipv6.as_mut())
        {
            change(ipv6);
        }
    }
}

fn forget<K: Ord + Copy>(index: &mut BTreeMap<K, BTreeSet<u32>>, key: K, link: u32) {
    if let Some(links) = index.get_mut(&key) {
        links.remove(&link);
        if links.is_empty() {
            index.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_and_moved_device_is_found_where_it_now_is() {
        let mut seen = Seen::default();
        let mut link = SeenLink::new(7, "a", SeenKind::Other);
        link.master = Some(3);
        seen.put(link.clone());
        link.name = "b".to_owned();
        link.master = Some(4);
        seen.put(link);
        assert!(seen.named("a").is_none());
        assert_eq!(seen.named("b").map(|link| link.index), Some(7));
        assert_eq!(seen.ports(3).count(), 0);
        assert_eq!(seen.ports(4).count(), 1);
        seen.remove(7);
        assert_eq!(seen, Seen::default());
    }

    #[test]
    fn a_device_that_goes_down_has_no_ipv4_routes_and_keeps_its_addresses() {
        let mut seen = Seen::default();
        let mut link = SeenLink::new(7, "a", SeenKind::Other);
        link.up = true;
        seen.put(link.clone());
        seen.add_address(7, "10.0.0.1/24".parse().unwrap());
        seen.add_route(7, "10.1.0.0/24".parse().unwrap());
        seen.add_route(7, "fd01::/64".parse().unwrap());
        link.up = false;
        seen.put(link);
        let link = seen.link(7).unwrap();
        assert_eq!(link.routes, BTreeSet::from(["fd01::/64".parse().unwrap()]));
        assert_eq!(link.addresses.len(), 1);
    }
}
