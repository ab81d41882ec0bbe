//! Vxlan zones: on each node a bridge with a tunnel that ends at all other nodes (RFC 7348, with
//! head-end replication).

use weft_model::name::NodeName;
use weft_model::plan::Entry;
use weft_model::plan::link::{LinkKind, Vxlan};
use weft_model::vni::Vni;

use super::{guest_bridge, port};
use crate::intent::{Underlay, Vnet, Zone};

/// What a vnet asks of one node of its zone.
pub(super) fn entries(
    zone: &Zone,
    underlay: &Underlay,
    vnet: &Vnet,
    node: &NodeName,
) -> Vec<Entry> {
    // Validation gives every node of the zone an address, and every vnet a tag that is a VNI.
    let tag = vnet
        .declared
        .spec
        .tag
        .and_then(|tag| Vni::try_from(u32::from(tag)).ok());
    let (Some(vni), Some(local)) = (tag, underlay.tunnel_address(node)) else {
        unreachable!("validation lets no vnet without a VNI, and no node without an address, pass")
    };
    let devices = &vnet.devices;
    let tunnel = LinkKind::Vxlan(Vxlan {
        vni,
        local,
        port: underlay.port,
        learning: underlay.learning,
        flood: underlay.flood(node),
        suppression: false,
        told_by_bgp: false,
    });
    let (name, bridge) = (devices.tunnel.clone(), devices.bridge.clone());
    vec![
        Entry::Link(guest_bridge(zone, vnet)),
        Entry::Link(port(zone, vnet, name, tunnel, bridge)),
    ]
}
