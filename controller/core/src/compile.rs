//! What every node must be: a pure function of the intent, which cannot fail.
//!
//! # Guarantees
//! A plan depends on nothing but the intent. What a vnet contributes to it depends on nothing but
//! that vnet, its subnets and its zone; what a zone contributes by itself, on the zone and on which
//! of its vnets has no tag. So the plan of one vnet on one node is the unit of work, and [`update`]
//! visits only what changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use weft_model::name::{HostNetworkName, LinkName, NodeName, VnetName, ZoneName};
use weft_model::object::zone::{Layout, ZoneKind};
use weft_model::plan::link::{Bridge, GuestPorts, Link, LinkKind, Vlans};
use weft_model::plan::{Entry, NodePlan, Origin};
use weft_model::vlan::VlanId;

use crate::device::ZoneDeviceNames;
use crate::intent::{Intent, Vnet, Zone};

mod bundle;
mod host;
mod qinq;
mod simple;
mod vlan;
mod vxlan;

mod evpn;
mod fabric;
mod frr;

mod change;

pub use change::{Affected, affected, update};

/// All that a node must be.
pub fn node(intent: &Intent, node: &NodeName) -> NodePlan {
    let hosts = intent.host_networks_of(node).iter();
    let hosts = hosts.flat_map(|it| host::entries(it, node));
    let zones = intent.zones_of(node).iter().flat_map(|zone| {
        let vnets = zone.vnets.iter();
        let vnets = vnets.flat_map(|vnet| entries(intent, zone, vnet, node));
        zone_entries(intent, zone, node).into_iter().chain(vnets)
    });
    hosts.chain(zones).chain(routing(intent, node)).collect()
}

/// What one vnet asks of a node; nothing where the node does not carry it.
pub fn vnet(intent: &Intent, node: &NodeName, name: &VnetName) -> Vec<Entry> {
    intent
        .vnet(name)
        .and_then(|vnet| Some((intent.zone_of(vnet)?, vnet)))
        .filter(|(zone, _)| zone.nodes.contains(node))
        .map_or_else(Vec::new, |(zone, vnet)| entries(intent, zone, vnet, node))
}

/// What a zone asks of a node beside what its vnets do; nothing where the node does not carry it.
pub fn zone(intent: &Intent, node: &NodeName, name: &ZoneName) -> Vec<Entry> {
    let zone = intent.zone(name).filter(|zone| zone.nodes.contains(node));
    zone.map_or_else(Vec::new, |zone| zone_entries(intent, zone, node))
}

/// What a node's routing asks of it beside what zones do; nothing where no controller runs on it, it
/// is in no fabric, and the administrator has no lines for it.
pub fn routing(intent: &Intent, node: &NodeName) -> Vec<Entry> {
    let snippets = intent.snippets_of(node).iter();
    let snippets = snippets.map(|it| frr::policy::snippet(it));
    let routing = intent.routing(node);
    let stanzas = routing.map(|routing| {
        let mut stanzas = frr::node::entries(routing, &exits(intent, node));
        stanzas.extend(frr::policy::entries(&routing.policies));
        stanzas.extend(frr::fabric::entries(routing));
        stanzas
    });
    let stanzas = stanzas.into_iter().flatten().chain(snippets);
    let devices = routing.into_iter().flat_map(|it| fabric::entries(it));
    devices.chain(stanzas.map(Entry::Frr)).collect()
}

/// The zones that a node leads out of.
fn exits(intent: &Intent, node: &NodeName) -> frr::node::Exits {
    let mut found = frr::node::Exits::default();
    for zone in intent.zones_of(node) {
        let Some(exits) = zone.exits().filter(|exits| exits.nodes.contains(node)) else {
            continue;
        };
        if !exits.local_routing {
            found.leaked.insert(ZoneDeviceNames::of(zone.name()).vrf);
        }
        match &exits.primary {
            Some(primary) if primary != node => found.is_second = true,
            Some(_) | None => found.is_first = true,
        }
    }
    found
}

/// What a host network asks of a node; nothing where the node does not have it.
pub fn host_network(intent: &Intent, node: &NodeName, name: &HostNetworkName) -> Vec<Entry> {
    let host = intent.host_network(name);
    let host = host.filter(|host| host.nodes.contains(node));
    host.map_or_else(Vec::new, |it| host::entries(it, node))
}

/// The plans of all nodes that have told their facts; an empty one where a node carries no zone.
pub fn all(intent: &Intent) -> BTreeMap<NodeName, NodePlan> {
    let facts = intent.snapshot().facts();
    intent
        .snapshot()
        .nodes()
        .iter()
        .filter(|(name, _)| facts.contains(*name))
        .map(|(name, _)| (name.clone(), node(intent, name)))
        .collect()
}

fn entries(intent: &Intent, zone: &Zone, vnet: &Vnet, node: &NodeName) -> Vec<Entry> {
    match (
        &zone.declared.spec.kind,
        &zone.underlay,
        zone.trunks.get(node),
    ) {
        (ZoneKind::Vxlan(vxlan), Some(underlay), _) => match vxlan.layout {
            Layout::Bundle => bundle::entries(zone, underlay, vnet, node),
            Layout::Separate => vxlan::entries(zone, underlay, vnet, node),
        },
        (ZoneKind::Vlan(_), _, Some(trunk)) => vlan::entries(zone, trunk, vnet),
        (ZoneKind::Qinq(_), _, _) => qinq::entries(zone, vnet),
        (ZoneKind::Simple, _, _) => simple::entries(zone, vnet),
        (ZoneKind::Evpn(_), _, _) => evpn::entries(place(intent, zone, node), vnet),
        (ZoneKind::Vxlan(_), None, _) | (ZoneKind::Vlan(_), _, None) => {
            unreachable!("validation gives every zone what its type needs on every node")
        }
    }
}

/// What a zone asks of a node beside what its vnets do.
fn zone_entries(intent: &Intent, zone: &Zone, node: &NodeName) -> Vec<Entry> {
    match (&zone.declared.spec.kind, zone.trunks.get(node)) {
        (ZoneKind::Qinq(qinq), Some(trunk)) => qinq::zone_entries(zone, qinq, trunk),
        (ZoneKind::Evpn(_), _) => {
            let place = place(intent, zone, node);
            let others = intent.zones().filter(|other| other.name() != zone.name());
            let others =
                others.filter(|other| matches!(other.declared.spec.kind, ZoneKind::Evpn(_)));
            evpn::zone_entries(place, others.map(|other| &**other))
        }
        (ZoneKind::Vxlan(vxlan), _) if vxlan.layout == Layout::Bundle => {
            bundle::zone_entries(zone, node)
        }
        (ZoneKind::Simple | ZoneKind::Vlan(_) | ZoneKind::Qinq(_) | ZoneKind::Vxlan(_), _) => {
            Vec::new()
        }
    }
}

/// A node in an evpn zone.
fn place<'a>(intent: &'a Intent, zone: &'a Zone, node: &'a NodeName) -> evpn::Place<'a> {
    let (ZoneKind::Evpn(evpn), Some(underlay), Some(routing)) = (
        &zone.declared.spec.kind,
        &zone.underlay,
        intent.routing(node),
    ) else {
        unreachable!("validation gives every node of an evpn zone tunnels and a controller")
    };
    evpn::Place {
        zone,
        evpn,
        underlay,
        routing,
        node,
    }
}

/// The objects of an entry that is there for a zone as a whole.
fn of_zone(zone: &Zone) -> Origin {
    Origin::Zone {
        zone: zone.name().clone(),
        vnet: None,
    }
}

fn origin(zone: &Zone, vnet: &Vnet) -> Origin {
    Origin::Zone {
        zone: zone.name().clone(),
        vnet: Some(vnet.name().clone()),
    }
}

/// The bridge that guests of a vnet plug into, with nothing of the node's own on it.
fn guest_bridge(zone: &Zone, vnet: &Vnet) -> Link {
    let spec = &vnet.declared.spec;
    let kind = LinkKind::Bridge(Bridge {
        vlan_aware: spec.vlan_aware,
        bare_ports: false,
        guests: GuestPorts {
            isolated: spec.isolate_ports,
            learning: zone.declared.spec.kind.learns_guests(),
        },
        ..Bridge::default()
    });
    Link {
        mtu: vnet.mtu,
        alias: spec.alias.clone(),
        alternative_name: vnet.devices.alternative.clone(),
        drift: zone.declared.spec.drift,
        ..Link::plain(vnet.devices.bridge.clone(), origin(zone, vnet), kind)
    }
}

/// A bridge that has VLANs of a zone, there for the zone as a whole.
fn zone_bridge(zone: &Zone, name: LinkName) -> Link {
    let origin = Origin::Zone {
        zone: zone.name().clone(),
        vnet: None,
    };
    let kind = LinkKind::Bridge(Bridge {
        vlan_aware: true,
        ..Bridge::default()
    });
    Link {
        mtu: zone.mtu,
        drift: zone.declared.spec.drift,
        ..Link::plain(name, origin, kind)
    }
}

/// A device of the vnet that is a port of a bridge.
fn port(zone: &Zone, vnet: &Vnet, name: LinkName, kind: LinkKind, master: LinkName) -> Link {
    let bridge = guest_bridge(zone, vnet);
    // Where guests use VLANs of their own, the way to the other nodes carries them all.
    let carries_all = vnet.declared.spec.vlan_aware && master == bridge.name;
    Link {
        name,
        kind,
        alias: None,
        alternative_name: None,
        master: Some(master),
        vlans: if carries_all {
            all_vlans()
        } else {
            Vlans::default()
        },
        ..bridge
    }
}

/// Every VLAN with its tag, and packets without a tag.
pub(crate) fn all_vlans() -> Vlans {
    let id = |number: u32| VlanId::try_from(number).ok();
    Vlans {
        tagged: id(2).zip(id(4094)).into_iter().collect(),
        untagged: id(1),
    }
}

/// The entries of a vnet on one node, shared with the other nodes where they are the same on all.
type Shared = Vec<Arc<Entry>>;

#[cfg(test)]
mod tests;
