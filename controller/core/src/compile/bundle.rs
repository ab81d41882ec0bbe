//! Zones of layout bundle: on each node one bridge that filters VLANs and one tunnel device for the
//! whole zone; a vnet is a VLAN of that bridge, and a network of that device.

use weft_model::name::NodeName;
use weft_model::plan::Entry;
use weft_model::plan::link::{Bridge, Bundle, GuestPorts, Link, LinkKind};
use weft_model::plan::segment::Segment;
use weft_model::vni::Vni;

use super::{origin, zone_bridge};
use crate::device::ZoneDeviceNames;
use crate::intent::{Underlay, Vnet, Zone};

/// What a vnet asks of one node of its zone.
pub(super) fn entries(
    zone: &Zone,
    underlay: &Underlay,
    vnet: &Vnet,
    node: &NodeName,
) -> Vec<Entry> {
    let spec = &vnet.declared.spec;
    let tag = spec.tag.and_then(|tag| Vni::try_from(u32::from(tag)).ok());
    let (Some(vni), Some(vlan)) = (tag, spec.bundle_vlan()) else {
        unreachable!("validation lets no vnet without a VNI pass")
    };
    vec![Entry::Segment(Segment {
        origin: origin(zone, vnet),
        tunnel: ZoneDeviceNames::of(zone.name()).tunnel,
        vlan,
        vni,
        flood: underlay.flood(node),
    })]
}

/// What the zone asks of one of its nodes beside that.
pub(super) fn zone_entries(zone: &Zone, node: &NodeName) -> Vec<Entry> {
    let underlay = zone.underlay.as_ref();
    let Some((underlay, local)) =
        underlay.and_then(|underlay| Some((underlay, underlay.tunnel_address(node)?)))
    else {
        unreachable!("validation lets no node without an address pass")
    };
    let tunnel = Bundle {
        local,
        port: underlay.port,
        learning: underlay.learning,
        suppression: false,
        told_by_bgp: false,
    };
    devices(zone, tunnel).map(Entry::Link).into()
}

/// The bridge and the tunnel device of a zone.
pub(super) fn devices(zone: &Zone, tunnel: Bundle) -> [Link; 2] {
    let names = ZoneDeviceNames::of(zone.name());
    let bridge = LinkKind::Bridge(Bridge {
        vlan_aware: true,
        bare_ports: true,
        guests: GuestPorts {
            learning: zone.declared.spec.kind.learns_guests(),
            ..GuestPorts::default()
        },
        ..Bridge::default()
    });
    let bridge = Link {
        kind: bridge,
        ..zone_bridge(zone, names.bridge.clone())
    };
    let tunnel = Link {
        name: names.tunnel,
        kind: LinkKind::Bundle(tunnel),
        master: Some(names.bridge),
        ..bridge.clone()
    };
    [bridge, tunnel]
}
