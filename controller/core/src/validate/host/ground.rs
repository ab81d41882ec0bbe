//! What a node will be when it has its host networks: its facts, with what is declared laid over
//! them. Zones are built on this, so that a bridge and the zone that uses it can come together.
//!
//! # Guarantees
//! Of an interface with declared addresses of a family only these count: what else is on it may be
//! what an earlier version of the host network declared.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::facts::{BridgeFacts, Facts, LinkFacts};
use weft_model::mtu::Mtu;
use weft_model::name::{HostNetworkName, LinkName, NodeName};
use weft_model::object::host_network::{Interface, InterfaceKind};
use weft_model::prefix::{Family, InterfaceAddress};
use weft_model::vlan::{BridgeVlans, VlanProtocol};

use super::{Hosts, Spot};
use crate::validate::finding::Findings;
use crate::validate::reading::Reading;
use crate::validate::text::list;

/// The facts of nodes with host networks, by node.
pub(in crate::validate) type Grounds = BTreeMap<NodeName, Facts>;

/// Lays host networks over the facts of the nodes that have some.
pub(in crate::validate) fn lay(reading: &Reading<'_>, hosts: &Hosts) -> Grounds {
    let mut grounds = Grounds::new();
    for (node, interfaces) in by_node(reading, hosts) {
        if let Some(facts) = reading.snapshot.facts().get(node) {
            grounds.insert(node.clone(), laid(facts, &interfaces));
        }
    }
    grounds
}

/// The interfaces that a node is to have, of all its host networks.
type Interfaces<'a> = BTreeMap<&'a LinkName, &'a Interface>;

fn by_node<'a>(reading: &Reading<'a>, hosts: &'a Hosts) -> BTreeMap<&'a NodeName, Interfaces<'a>> {
    let mut by_node: BTreeMap<&NodeName, Interfaces<'_>> = BTreeMap::new();
    for (name, nodes) in hosts {
        if let Some(host) = reading.snapshot.host_networks().get(name) {
            for node in &**nodes {
                by_node
                    .entry(node)
                    .or_default()
                    .extend(&host.spec.interfaces);
            }
        }
    }
    by_node
}

fn laid(facts: &Facts, interfaces: &Interfaces<'_>) -> Facts {
    let mut laid = facts.clone();
    for (name, interface) in interfaces {
        let mut addresses = facts
            .links
            .get(*name)
            .map(|link| link.addresses.clone())
            .unwrap_or_default();
        for family in [Family::Ipv4, Family::Ipv6] {
            if of(&interface.addresses, family).next().is_some() {
                addresses.retain(|it| it.family() != family);
            }
        }
        addresses.extend(&interface.addresses);
        let mtu = mtu(facts, interfaces, name, 0);
        if let InterfaceKind::Bridge(bridge) = &interface.kind {
            let was = facts.bridges.get(*name);
            let mut uplinks = was.map(|it| it.uplinks.clone()).unwrap_or_default();
            uplinks.extend(bridge.ports.iter().cloned());
            let bridge = BridgeFacts {
                vlans: match bridge.vlan_aware {
                    true => BridgeVlans::Filtered(VlanProtocol::Dot1q),
                    false => BridgeVlans::Ignored,
                },
                mtu,
                uplinks,
            };
            laid.bridges.insert((*name).clone(), bridge);
        }
        if addresses.is_empty() {
            laid.links.remove(*name);
        } else {
            laid.links
                .insert((*name).clone(), LinkFacts { mtu, addresses });
        }
        for gateway in &interface.gateways {
            let default = match Family::of(*gateway) {
                Family::Ipv4 => &mut laid.default_ipv4,
                Family::Ipv6 => &mut laid.default_ipv6,
            };
            *default = Some((*name).clone());
        }
    }
    // What is plugged into a bridge or bond has no packets of its own.
    for interface in interfaces.values() {
        if !matches!(interface.kind, InterfaceKind::Vlan(_)) {
            for part in interface.kind.parts() {
                laid.links.remove(part);
            }
        }
    }
    laid
}

fn of(
    addresses: &BTreeSet<InterfaceAddress>,
    family: Family,
) -> impl Iterator<Item = &InterfaceAddress> {
    addresses.iter().filter(move |it| it.family() == family)
}

/// What is said, else what a device has, else what its parts allow: as the kernel does it.
fn mtu(facts: &Facts, interfaces: &Interfaces<'_>, name: &LinkName, depth: u8) -> Option<Mtu> {
    /// A VLAN of a bridge of a VLAN of a bond of cards is the deepest that hosts have.
    const DEEPEST: u8 = 8;
    let interface = interfaces.get(name);
    if let Some(mtu) = interface.and_then(|it| it.mtu) {
        return Some(mtu);
    }
    let bridge = facts.bridges.get(name).and_then(|it| it.mtu);
    let link = facts.links.get(name).and_then(|it| it.mtu);
    let parts = interface.map(|it| it.kind.parts()).unwrap_or_default();
    let of_parts = parts
        .iter()
        .filter(|_| depth < DEEPEST)
        .filter_map(|part| mtu(facts, interfaces, part, depth + 1))
        .min();
    let made = interface.is_some_and(|it| !matches!(it.kind, InterfaceKind::Physical));
    link.or(bridge)
        .or(of_parts)
        .or(made.then_some(Mtu::ETHERNET))
}

/// A host network and an interface of it.
type Key<'a> = (&'a HostNetworkName, &'a LinkName);

/// Warns of what nodes have and lose, or have not and need.
pub(in crate::validate) fn check(reading: &Reading<'_>, hosts: &Hosts, findings: &mut Findings) {
    let mut spots: BTreeMap<Key<'_>, Spot<'_>> = BTreeMap::new();
    let mut lost: BTreeMap<(Key<'_>, &LinkName, InterfaceAddress), BTreeSet<&NodeName>> =
        BTreeMap::new();
    let mut defaults: BTreeMap<(Key<'_>, Family, &LinkName), BTreeSet<&NodeName>> = BTreeMap::new();
    let on_nodes = by_node(reading, hosts);
    for (host, nodes) in hosts {
        let Some(host) = reading.snapshot.host_networks().get(host) else {
            continue;
        };
        for node in &**nodes {
            let facts = reading.snapshot.facts().get(node);
            let Some((facts, interfaces)) = facts.zip(on_nodes.get(node)) else {
                continue;
            };
            for spot in Spot::all(host) {
                let key = (&host.metadata.name, spot.name);
                for part in spot.plugged().into_iter().flat_map(|(parts, _)| parts) {
                    let link = facts.links.get(part);
                    let has = link.into_iter().flat_map(|link| &link.addresses);
                    for address in has.filter(|it| !is_declared(interfaces, **it)) {
                        spots.insert(key, spot);
                        lost.entry((key, part, *address)).or_default().insert(node);
                    }
                }
                for gateway in &spot.interface.gateways {
                    let family = Family::of(*gateway);
                    let other = facts.default_link(family);
                    let foreign = |other: &&LinkName| {
                        !interfaces.contains_key(*other) && !is_below(interfaces, spot.name, other)
                    };
                    if let Some(other) = other.filter(foreign) {
                        spots.insert(key, spot);
                        let key = (key, family, other);
                        defaults.entry(key).or_default().insert(node);
                    }
                }
            }
        }
    }
    for ((key, part, address), nodes) in lost {
        let Some(spot) = spots.get(&key) else {
            continue;
        };
        let field = spot.plugged().map_or("", |(_, field)| field);
        let problem = format!(
            "{part} of {} has address {address}, which no longer works when it is plugged into {}",
            list(nodes),
            spot.name
        );
        let advice = format!("add {address} to the addresses of {}", spot.name);
        spot.warn(field, problem, advice, findings);
    }
    for ((key, family, other), nodes) in defaults {
        let Some(spot) = spots.get(&key) else {
            continue;
        };
        let problem = format!(
            "{}: there is an {family} default route by {other} already, which stays",
            list(nodes)
        );
        let advice = format!(
            "take it out of the node's own configuration, or declare {other} with its gateway \
             instead"
        );
        spot.warn("gateways", problem, advice, findings);
    }
}

/// Whether an interface of the node has the address.
fn is_declared(interfaces: &Interfaces<'_>, address: InterfaceAddress) -> bool {
    let mut declared = interfaces.values().flat_map(|it| &it.addresses);
    declared.any(|it| it.address() == address.address())
}

/// Whether a device is plugged into an interface, or into something that is: then its routes are
/// moved, not doubled.
fn is_below(interfaces: &Interfaces<'_>, name: &LinkName, other: &LinkName) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![name];
    while let Some(name) = open.pop() {
        let parts = interfaces.get(name).map(|it| it.kind.parts());
        for part in parts.unwrap_or_default() {
            if part == other {
                return true;
            }
            if seen.insert(part) {
                open.push(part);
            }
        }
    }
    false
}
