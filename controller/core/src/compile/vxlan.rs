//! Vxlan zones: on each node a bridge with a tunnel that ends at all other nodes (RFC 7348, with
//! head-end replication).

use std::collections::BTreeSet;

use weft_model::name::NodeName;
use weft_model::plan::Entry;
use weft_model::plan::link::{Link, LinkKind, Vxlan};
use weft_model::vni::Vni;

use super::origin;
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
    let bridge = Link {
        name: devices.bridge.clone(),
        origin: origin(zone, vnet),
        kind: LinkKind::Bridge,
        mtu: zone.mtu,
        mac: None,
        alias: vnet.declared.spec.alias.clone(),
        alternative_name: devices.alternative.clone(),
        master: None,
        addresses: BTreeSet::new(),
        routes: BTreeSet::new(),
        forward: BTreeSet::new(),
        drift: zone.declared.spec.drift,
    };
    let tunnel = Link {
        name: devices.tunnel.clone(),
        kind: LinkKind::Vxlan(Vxlan {
            vni,
            local,
            port: underlay.port,
            learning: underlay.learning,
            flood: underlay.flood(node),
        }),
        alias: None,
        alternative_name: None,
        master: Some(devices.bridge.clone()),
        ..bridge.clone()
    };
    vec![Entry::Link(bridge), Entry::Link(tunnel)]
}
