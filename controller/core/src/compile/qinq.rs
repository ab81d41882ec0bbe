//! Zones of type qinq: on each node a bridge with the zone's own VLANs, whose packets leave by a
//! service VLAN of a bridge that the node has; and for each vnet a bridge with one of these VLANs.

use weft_model::name::LinkName;
use weft_model::object::zone::QinqZone;
use weft_model::plan::Entry;
use weft_model::plan::link::{Link, LinkKind, Vlans};
use weft_model::vlan::{BridgeVlans, VlanProtocol};

use super::vlan::{of_bridge, of_port, of_switch, switched};
use super::{all_vlans, guest_bridge, port, zone_bridge};
use crate::device::{self, ZoneDeviceNames};
use crate::intent::{Trunk, Vnet, Zone};

/// What a vnet asks of every node of its zone.
pub(super) fn entries(zone: &Zone, vnet: &Vnet) -> Vec<Entry> {
    let bridge = guest_bridge(zone, vnet);
    let names = ZoneDeviceNames::of(zone.name());
    let mut links = Vec::new();
    // The vnet without tag is reached by the pair of devices that the zone has for it.
    if let Some(id) = vnet.declared.spec.tag.and_then(|tag| tag.vlan()) {
        let inner = of_bridge(&names.bridge, id, VlanProtocol::Dot1q);
        let name = device::vlan(&names.bridge, id);
        links.push(port(zone, vnet, name, inner, bridge.name.clone()));
    }
    links.push(bridge);
    links.into_iter().map(Entry::Link).collect()
}

/// What the zone itself asks of a node with this trunk.
pub(super) fn zone_entries(zone: &Zone, qinq: &QinqZone, trunk: &Trunk) -> Vec<Entry> {
    let names = ZoneDeviceNames::of(zone.name());
    let bridge = zone_bridge(zone, names.bridge.clone());
    let service = |name: LinkName, kind: LinkKind| Link {
        name,
        kind,
        master: Some(names.bridge.clone()),
        vlans: all_vlans(),
        ..bridge.clone()
    };
    let mut links: Vec<Link> = match trunk.vlans {
        BridgeVlans::Filtered(protocol) => {
            let kind = of_bridge(&trunk.bridge, qinq.tag, protocol);
            vec![service(device::vlan(&trunk.bridge, qinq.tag), kind)]
        }
        BridgeVlans::OpenVswitch => {
            let kind = of_switch(&trunk.bridge, qinq.tag, Some(qinq.protocol));
            vec![switched(service(names.service.clone(), kind))]
        }
        BridgeVlans::Ignored => trunk
            .uplinks
            .iter()
            .enumerate()
            .map(|(at, uplink)| {
                let name = match at {
                    0 => names.service.clone(),
                    _ => device::by_port(&names.service, uplink),
                };
                service(name, of_port(uplink, qinq.tag, qinq.protocol))
            })
            .collect(),
    };
    let peer = |peer: &LinkName| LinkKind::Veth { peer: peer.clone() };
    let untagged = zone.untagged.as_ref();
    links.push(Link {
        vlans: Vlans::of_a_new_port(),
        ..service(names.near.clone(), peer(&names.far))
    });
    links.push(Link {
        master: untagged.map(|vnet| vnet.devices.bridge.clone()),
        vlans: match untagged {
            Some(vnet) if vnet.declared.spec.vlan_aware => Vlans::of_a_new_port(),
            Some(_) | None => Vlans::default(),
        },
        ..service(names.far.clone(), peer(&names.near))
    });
    links.push(bridge);
    links.into_iter().map(Entry::Link).collect()
}
