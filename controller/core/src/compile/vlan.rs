//! Zones of type vlan: on each node a bridge for a vnet, with a VLAN of a bridge that the node has.
//!
//! Where that bridge filters VLANs, the VLAN is one of the bridge itself: `vmbr0.100`. Where it does
//! not, the VLAN is split off its uplinks before the bridge sees it: `eth0.100`, in a helper bridge
//! that joins all uplinks, with a pair of devices from there to the vnet. On an Open vSwitch bridge
//! the vnet is joined by a port of that, which has the VLAN.

use weft_model::name::LinkName;
use weft_model::plan::Entry;
use weft_model::plan::link::{Bridge, Link, LinkKind, SwitchPort, Vlan};
use weft_model::vlan::{BridgeVlans, VlanId, VlanProtocol};

use super::{guest_bridge, port};
use crate::device;
use crate::intent::{Trunk, Vnet, Zone};

/// What a vnet asks of a node with this trunk.
pub(super) fn entries(zone: &Zone, trunk: &Trunk, vnet: &Vnet) -> Vec<Entry> {
    let Some(id) = vnet.declared.spec.tag.and_then(|tag| tag.vlan()) else {
        unreachable!("validation lets no vnet without a VLAN pass")
    };
    let bridge = guest_bridge(zone, vnet);
    let mut links = match trunk.vlans {
        BridgeVlans::Filtered(protocol) => {
            let name = device::vlan(&trunk.bridge, id);
            let vlan = of_bridge(&trunk.bridge, id, protocol);
            vec![port(zone, vnet, name, vlan, bridge.name.clone())]
        }
        BridgeVlans::Ignored => split(zone, trunk, vnet, id),
        BridgeVlans::OpenVswitch => {
            let name = vnet.devices.near.clone();
            // Guests' own tags stay on their packets, behind the vnet's.
            let tunnel = vnet.declared.spec.vlan_aware.then_some(VlanProtocol::Dot1q);
            let kind = of_switch(&trunk.bridge, id, tunnel);
            let port = port(zone, vnet, name, kind, bridge.name.clone());
            vec![switched(port)]
        }
    };
    links.push(bridge);
    links.into_iter().map(Entry::Link).collect()
}

/// A VLAN of a bridge that filters VLANs.
pub(super) fn of_bridge(bridge: &LinkName, id: VlanId, protocol: VlanProtocol) -> LinkKind {
    LinkKind::Vlan(Vlan {
        parent: bridge.clone(),
        id,
        protocol,
        join: true,
    })
}

/// A VLAN of a device that is no such bridge.
pub(super) fn of_port(port: &LinkName, id: VlanId, protocol: VlanProtocol) -> LinkKind {
    LinkKind::Vlan(Vlan {
        parent: port.clone(),
        id,
        protocol,
        join: false,
    })
}

/// A VLAN of an Open vSwitch bridge; where packets have tags of their own, it is put before them.
pub(super) fn of_switch(bridge: &LinkName, id: VlanId, tunnel: Option<VlanProtocol>) -> LinkKind {
    LinkKind::Switched(SwitchPort {
        switch: bridge.clone(),
        id,
        tunnel,
    })
}

/// The port of an Open vSwitch bridge with what only such a port has.
///
/// Its MTU is the switch's to choose, which keeps to the least of its own ports; asking for another
/// would change that of everyone else's ports too.
pub(super) fn switched(port: Link) -> Link {
    Link { mtu: None, ..port }
}

/// The VLAN of every uplink, joined by a helper bridge, and the pair of devices to the vnet.
fn split(zone: &Zone, trunk: &Trunk, vnet: &Vnet, id: VlanId) -> Vec<Link> {
    let names = &vnet.devices;
    let helper = device::helper_bridge(&trunk.bridge, id);
    let uplinks = trunk.uplinks.iter().map(|uplink| {
        let kind = of_port(uplink, id, VlanProtocol::Dot1q);
        port(zone, vnet, device::vlan(uplink, id), kind, helper.clone())
    });
    let end = |name: &LinkName, peer: &LinkName, master: &LinkName| {
        let kind = LinkKind::Veth { peer: peer.clone() };
        port(zone, vnet, name.clone(), kind, master.clone())
    };
    let mut links: Vec<Link> = uplinks.collect();
    links.push(end(&names.near, &names.far, &names.bridge));
    links.push(end(&names.far, &names.near, &helper));
    links.push(Link {
        name: helper,
        kind: LinkKind::Bridge(Bridge::default()),
        alias: None,
        alternative_name: None,
        ..guest_bridge(zone, vnet)
    });
    links
}
