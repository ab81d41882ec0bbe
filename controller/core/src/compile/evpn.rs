//! Zones of type evpn: on each node a routing domain, in it a bridge for every vnet with the gateway
//! of its subnets, and a VXLAN device for each; who is where is told by BGP.
//!
//! Packets between two vnets of the zone on different nodes travel in a network of their own, the
//! layer-3 VNI (RFC 9135, symmetric routing), so that a node needs only the vnets of its guests.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use weft_model::mtu::Mtu;
use weft_model::name::{LinkName, NodeName};
use weft_model::object::zone::EvpnZone;
use weft_model::plan::Entry;
use weft_model::plan::link::{Bridge, GuestPorts, Link, LinkKind, Vrf, Vxlan};
use weft_model::plan::nat::Nat;
use weft_model::prefix::{Family, InterfaceAddress};
use weft_model::vni::Vni;

use super::simple::{gateway_addresses, point_to_point};
use super::{frr, guest_bridge, of_zone, origin, port};
use crate::device::{ZoneDeviceNames, router_mac, zone_gateway_mac};
use crate::intent::{Routing, Underlay, Vnet, Zone};

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
    let Place { zone, evpn, .. } = place;
    let tag = vnet.declared.spec.tag;
    let vni = tag.and_then(|tag| Vni::try_from(u32::from(tag)).ok());
    let Some((vni, tunnel)) = vni.and_then(|vni| Some((vni, place.tunnel(vni)?))) else {
        unreachable!("validation lets no vnet without a VNI, and no node without an address, pass")
    };
    let names = &vnet.devices;
    let addresses = gateway_addresses(vnet);
    let gateway = (!addresses.is_empty()).then(|| zone_gateway_mac(zone.name()));
    let bridge = Link {
        mac: vnet.declared.spec.mac.or(evpn.mac).or(gateway),
        forward: addresses.iter().map(|it| it.family()).collect(),
        hears_announcements: true,
        any_source: place.is_exit(),
        addresses,
        routes: point_to_point(vnet),
        master: Some(ZoneDeviceNames::of(zone.name()).vrf),
        ..guest_bridge(zone, vnet)
    };
    let tunnel = port(
        zone,
        vnet,
        names.tunnel.clone(),
        tunnel,
        names.bridge.clone(),
    );
    let mut entries = vec![Entry::Link(bridge), Entry::Link(tunnel)];
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

/// The routing domain and what packets between vnets come in by; on an exit node that itself reaches
/// guests, the way there.
///
/// `others` are the other zones of the type, whose networks packets must not reach by an exit.
pub(super) fn zone_entries<'a>(
    place: Place<'_>,
    others: impl Iterator<Item = &'a Zone>,
) -> Vec<Entry> {
    let Place {
        zone, evpn, node, ..
    } = place;
    let names = ZoneDeviceNames::of(zone.name());
    let Some(tunnel) = place.tunnel(evpn.vrf_vni) else {
        unreachable!("validation lets no node without an address pass")
    };
    let link = |name: &LinkName, kind: LinkKind| Link {
        mtu: zone.mtu,
        drift: zone.declared.spec.drift,
        ..Link::plain(name.clone(), of_zone(zone), kind)
    };
    let domain = LinkKind::Vrf(Vrf {
        table: table(evpn.vrf_vni),
        // What no route of the zone's leads to is dropped, but by an exit the node's own routes go
        // on.
        has_unreachable_default: !place.is_exit(),
    });
    let bridge = LinkKind::Bridge(Bridge {
        guests: GuestPorts {
            learning: false,
            ..GuestPorts::default()
        },
        ..Bridge::default()
    });
    let mut links = vec![
        Link {
            mtu: None,
            ..link(&names.vrf, domain)
        },
        Link {
            mac: Some(router_mac(zone.name(), node)),
            // Packets between vnets come in by it. A family that the zone has none of is not asked
            // for: whether a host forwards IPv6 is the host's to say.
            forward: families(zone),
            master: Some(names.vrf.clone()),
            // What comes from another node may be from a network that this one has a bridge of.
            any_source: true,
            ..link(&names.vrf_bridge, bridge)
        },
        Link {
            master: Some(names.vrf_bridge.clone()),
            ..link(&names.vrf_tunnel, tunnel)
        },
    ];
    if place.is_exit() && evpn.exits.as_ref().is_some_and(|exits| exits.local_routing) {
        links.extend(way_in(zone, &names));
    }
    let mut entries: Vec<Entry> = links.into_iter().map(Entry::Link).collect();
    entries.extend(frr::evpn::zone(place, others).into_iter().map(Entry::Frr));
    entries
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
