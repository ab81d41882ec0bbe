//! Evpn zones of layout bundle: every vnet is a VLAN of the zone's bridge and a network of its one
//! tunnel device, and so is what packets between vnets travel in.
//!
//! # Guarantees
//! A gateway is on a VLAN of that bridge, in the zone's routing domain. All gateways of a zone have
//! the bridge's own Ethernet address: for every VLAN that a bridge lets up to its host it knows its
//! own address to be here by itself, and another one it would flood, to every node, all of which
//! have the same gateway.

use weft_model::plan::Entry;
use weft_model::plan::link::{Bundle, Link, LinkKind, Vlan};
use weft_model::plan::segment::Segment;
use weft_model::vlan::{VlanId, VlanProtocol};
use weft_model::vni::Vni;

use super::super::{bundle, guest_bridge, of_zone, origin};
use super::{Place, between_vnets, gateway};
use crate::device::ZoneDeviceNames;
use crate::intent::Vnet;

/// What a vnet asks of a node. Where it has no subnet there is nothing to route, and no device.
pub(super) fn vnet(place: Place<'_>, vnet: &Vnet, vni: Vni) -> Vec<Entry> {
    let zone = place.zone;
    let Some(id) = vnet.declared.spec.bundle_vlan() else {
        unreachable!("validation lets no vnet without a VNI pass")
    };
    let of_vnet = Segment {
        origin: origin(zone, vnet),
        ..segment(place, id, vni)
    };
    let interface = (!vnet.subnets.is_empty()).then(|| Link {
        mac: Some(place.gateway_mac()),
        ..gateway(
            place,
            vnet,
            Link {
                kind: vlan(place, id),
                ..guest_bridge(zone, vnet)
            },
        )
    });
    let interface = interface.map(Entry::Link);
    interface
        .into_iter()
        .chain([Entry::Segment(of_vnet)])
        .collect()
}

/// The devices of the zone as a whole, beside its routing domain.
pub(super) fn zone(place: Place<'_>) -> Vec<Entry> {
    let Place { zone, evpn, .. } = place;
    let Some(local) = place.underlay.tunnel_address(place.node) else {
        unreachable!("validation lets no node without an address pass")
    };
    let tunnel = Bundle {
        local,
        port: place.underlay.port,
        learning: false,
        suppression: evpn.suppression,
        told_by_bgp: true,
    };
    let [bridge, tunnel] = bundle::devices(zone, tunnel);
    let bridge = Link {
        mac: Some(place.gateway_mac()),
        ..bridge
    };
    let id = evpn.vrf_vlan();
    let interface = between_vnets(place, vlan(place, id));
    let links = [bridge, tunnel, interface].map(Entry::Link);
    let segment = Entry::Segment(segment(place, id, evpn.vrf_vni));
    links.into_iter().chain([segment]).collect()
}

/// A VLAN of the zone's bridge that the node itself takes part in.
fn vlan(place: Place<'_>, id: VlanId) -> LinkKind {
    LinkKind::Vlan(Vlan {
        parent: ZoneDeviceNames::of(place.zone.name()).bridge,
        id,
        protocol: VlanProtocol::default(),
        join: true,
    })
}

fn segment(place: Place<'_>, vlan: VlanId, vni: Vni) -> Segment {
    Segment {
        origin: of_zone(place.zone),
        tunnel: ZoneDeviceNames::of(place.zone.name()).tunnel,
        vlan,
        vni,
        flood: place.underlay.flood(place.node),
    }
}
