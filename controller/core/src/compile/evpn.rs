//! Zones of type evpn: on each node a routing domain, in it a bridge for every vnet with the gateway
//! of its subnets, and a VXLAN device for each; who is where is told by BGP.
//!
//! Packets between two vnets of the zone on different nodes travel in a network of their own, the
//! layer-3 VNI (RFC 9135, symmetric routing), so that a node needs only the vnets of its guests.
//! Of what devices that is made is the zone's layout; on the wire there is no difference.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use weft_model::mac::Mac;
use weft_model::mtu::Mtu;
use weft_model::name::{LinkName, NodeName};
use weft_model::object::zone::{EvpnZone, Layout};
use weft_model::plan::Entry;
use weft_model::plan::link::{Bridge, GuestPorts, Link, LinkKind, Vrf, Vxlan};
use weft_model::plan::nat::Nat;
use weft_model::prefix::{Family, InterfaceAddress};
use weft_model::vni::Vni;

use super::simple::{gateway_addresses, point_to_point};
use super::{frr, guest_bridge, of_zone, origin, port};
use crate::device::{ZoneDeviceNames, router_mac, zone_gateway_mac};
use crate::intent::{Routing, Underlay, Vnet, Zone};

mod bundle;

/// What a node needs of everything around a zone.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) zone: &'a Zone,
    pub(super) evpn: &'a EvpnZone,
    pub(super) underlay: &'a Underlay,
    pub(super) routing: &'a Routing,
    pub(super) node: &'a NodeName,
}

impl Place<'_> {
    /// Whether guests leave the zone by this node.
    pub(super) fn is_exit(&self) -> bool {
        let exits = self.evpn.exits.as_ref();
        exits.is_some_and(|exits| exits.nodes.contains(self.node))
    }

    /// The Ethernet address of every gateway of the zone.
    fn gateway_mac(&self) -> Mac {
        let derived = || zone_gateway_mac(self.zone.name());
        self.evpn.mac.unwrap_or_else(derived)
    }

    fn is_bundle(&self) -> bool {
        self.evpn.layout == Layout::Bundle
    }

    fn tunnel(&self, vni: Vni) -> Option<LinkKind> {
        Some(LinkKind::Vxlan(Vxlan {
            vni,
            local: self.underlay.tunnel_address(self.node)?,
            port: self.underlay.port,
            learning: false,
            flood: self.underlay.flood(self.node),
            suppression: self.evpn.suppression,
            told_by_bgp: true,
        }))
    }
}

/// What a vnet asks of a node.
pub(super) fn entries(place: Place<'_>, vnet: &Vnet) -> Vec<Entry> {
    let zone = place.zone;
    let tag = vnet.declared.spec.tag;
    let Some(vni) = tag.and_then(|tag| Vni::try_from(u32::from(tag)).ok()) else {
        unreachable!("validation lets no vnet without a VNI pass")
    };
    let names = &vnet.devices;
    let mut entries = if place.is_bundle() {
        bundle::vnet(place, vnet, vni)
    } else {
        separate(place, vnet, vni).map(Entry::Link).into()
    };
    if place.is_exit() {
        let nats = vnet.subnets.iter().filter_map(|subnet| {
            subnet.spec.snat.map(|to| Nat {
                origin: origin(zone, vnet),
                source: subnet.spec.cidr,
                inside: names.bridge.clone(),
                outside: BTreeSet::new(),
                to,
            })
        });
        entries.extend(nats.map(Entry::Nat));
    }
    entries.extend(frr::evpn::vnet(place, vnet, vni).map(Entry::Frr));
    entries
}

/// The bridge and the tunnel device of a vnet that has its own.
fn separate(place: Place<'_>, vnet: &Vnet, vni: Vni) -> [Link; 2] {
    let zone = place.zone;
    let Some(tunnel) = place.tunnel(vni) else {
        unreachable!("validation lets no node without an address pass")
    };
    let names = &vnet.devices;
    let bridge = gateway(place, vnet, guest_bridge(zone, vnet));
    let own = vnet.declared.spec.mac.or(place.evpn.mac);
    let bridge = Link {
        mac: own.or_else(|| (!bridge.addresses.is_empty()).then(|| place.gateway_mac())),
        ..bridge
    };
    let (name, master) = (names.tunnel.clone(), names.bridge.clone());
    [bridge, port(zone, vnet, name, tunnel, master)]
}

/// The device as one that a vnet's gateway is on, in the zone's routing domain.
fn gateway(place: Place<'_>, vnet: &Vnet, device: Link) -> Link {
    let addresses = gateway_addresses(vnet);
    Link {
        forward: addresses.iter().map(|it| it.family()).collect(),
        hears_announcements: true,
        any_source: place.is_exit(),
        addresses,
        routes: point_to_point(vnet),
        master: Some(ZoneDeviceNames::of(place.zone.name()).vrf),
        ..device
    }
}

/// The routing domain and what packets between vnets come in by; on an exit node that itself reaches
/// guests, the way there.
///
/// `others` are the other zones of the type, whose networks packets must not reach by an exit.
pub(super) fn zone_entries<'a>(
    place: Place<'_>,
    others: impl Iterator<Item = &'a Zone>,
) -> Vec<Entry> {
    let Place { zone, evpn, .. } = place;
    let names = ZoneDeviceNames::of(zone.name());
    let domain = LinkKind::Vrf(Vrf {
        table: table(evpn.vrf_vni),
        // What no route of the zone's leads to is dropped, but by an exit the node's own routes go
        // on.
        has_unreachable_default: !place.is_exit(),
    });
    let mut entries = vec![Entry::Link(Link {
        mtu: None,
        ..of_whole(zone, &names.vrf, domain)
    })];
    entries.extend(if place.is_bundle() {
        bundle::zone(place)
    } else {
        separate_domain(place, &names).map(Entry::Link).into()
    });
    if place.is_exit() && evpn.exits.as_ref().is_some_and(|exits| exits.local_routing) {
        entries.extend(way_in(zone, &names).map(Entry::Link));
    }
    entries.extend(frr::evpn::zone(place, others).into_iter().map(Entry::Frr));
    entries
}

/// The bridge that packets between vnets come in by, and its tunnel device.
fn separate_domain(place: Place<'_>, names: &ZoneDeviceNames) -> [Link; 2] {
    let Some(tunnel) = place.tunnel(place.evpn.vrf_vni) else {
        unreachable!("validation lets no node without an address pass")
    };
    let bridge = LinkKind::Bridge(Bridge {
        guests: GuestPorts {
            learning: false,
            ..GuestPorts::default()
        },
        ..Bridge::default()
    });
    let bridge = between_vnets(place, bridge);
    let tunnel = Link {
        master: Some(bridge.name.clone()),
        ..of_whole(place.zone, &names.vrf_tunnel, tunnel)
    };
    [bridge, tunnel]
}

/// The device of the routing domain that packets between vnets come in by.
fn between_vnets(place: Place<'_>, kind: LinkKind) -> Link {
    let zone = place.zone;
    let names = ZoneDeviceNames::of(zone.name());
    Link {
        mac: Some(router_mac(zone.name(), place.node)),
        // A family that the zone has none of is not asked for: whether a host forwards IPv6 is the
        // host's to say.
        forward: families(zone),
        master: Some(names.vrf),
        // What comes from another node may be from a network that this one has a bridge of.
        any_source: true,
        ..of_whole(zone, &names.vrf_bridge, kind)
    }
}

/// A device that is there for the zone as a whole.
fn of_whole(zone: &Zone, name: &LinkName, kind: LinkKind) -> Link {
    Link {
        mtu: zone.mtu,
        drift: zone.declared.spec.drift,
        ..Link::plain(name.clone(), of_zone(zone), kind)
    }
}

/// The number of the routing table of a zone's routing domain: the layer-3 VNI, which no two zones
/// share, far above the numbers that people and distributions give out.
fn table(vni: Vni) -> u32 {
    1_000_000_000 + u32::from(vni)
}

/// The addresses of the pair of devices by which an exit node reaches guests: the end outside, and
/// the end in the routing domain. Proxmox VE uses the same.
pub(super) const OUTSIDE: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(10, 255, 255, 1)),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)),
];
/// See [`OUTSIDE`].
pub(super) const INSIDE: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(10, 255, 255, 2)),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2)),
];

fn way_in(zone: &Zone, names: &ZoneDeviceNames) -> [Link; 2] {
    let families = families(zone);
    let end = |name: &LinkName, peer: &LinkName, addresses: [IpAddr; 2], master| Link {
        // Between the two ends nothing is added, so that packets of the zone pass whole.
        mtu: zone.mtu.map(|mtu| mtu.max(Mtu::ETHERNET)),
        drift: zone.declared.spec.drift,
        addresses: of_pair(addresses)
            .filter(|address| families.contains(&address.family()))
            .collect(),
        forward: families.clone(),
        any_source: true,
        master,
        ..Link::plain(
            name.clone(),
            of_zone(zone),
            LinkKind::Veth { peer: peer.clone() },
        )
    };
    let (outside, inside) = (&names.exit_outside, &names.exit_inside);
    [
        end(outside, inside, OUTSIDE, None),
        end(inside, outside, INSIDE, Some(names.vrf.clone())),
    ]
}

fn of_pair(addresses: [IpAddr; 2]) -> impl Iterator<Item = InterfaceAddress> {
    let lengths = [30, 126];
    let pairs = addresses.into_iter().zip(lengths);
    pairs.filter_map(|(address, length)| InterfaceAddress::new(address, length))
}

/// The families of a zone's subnets.
fn families(zone: &Zone) -> BTreeSet<Family> {
    let subnets = zone.vnets.iter().flat_map(|vnet| &vnet.subnets);
    subnets.map(|subnet| subnet.spec.cidr.family()).collect()
}
