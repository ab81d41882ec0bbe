//! Networks and gateways that meet where they must not: in one zone, on one node, or with what a
//! node already has.
//!
//! # Guarantees
//! Networks either contain each other or have nothing in common, so that a walk over the sorted
//! list finds every subnet that overlaps another. Each is told of once, beside the nearest one that
//! contains it; a cluster of n subnets costs n log n, not n squared.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use weft_model::name::{NodeName, SubnetName, ZoneName};
use weft_model::object::{Kind, Subnet};
use weft_model::prefix::{InterfaceAddress, Prefix};

use super::finding::{Findings, at};
use super::reading::{Reading, is_in_main_table};
use super::text::list;
use super::zone::Carriers;

/// Checks all subnets against each other and against what nodes have.
pub(super) fn check(reading: &Reading<'_>, carriers: &Carriers, findings: &mut Findings) {
    for name in reading.snapshot.zones().iter().map(|(name, _)| name) {
        check_zone(reading, name, findings);
    }
    for zones in sharing_a_node(reading, carriers) {
        check_together(reading, &zones, findings);
    }
    check_with_nodes(reading, carriers, findings);
}

/// A subnet in a walk.
#[derive(Clone, Copy)]
struct Placed<'a> {
    zone: &'a ZoneName,
    subnet: &'a Subnet,
}

fn sorted<'a>(mut placed: Vec<Placed<'a>>) -> Vec<Placed<'a>> {
    placed.sort_by_key(|it| {
        let cidr = it.subnet.spec.cidr;
        (cidr.address(), cidr.length(), &it.subnet.metadata.name)
    });
    placed
}

/// Tells `meet` of every network and the nearest that contains it and that `apart` lets pass.
fn walk<'a>(
    placed: Vec<Placed<'a>>,
    apart: impl Fn(Placed<'a>, Placed<'a>) -> bool,
    mut meet: impl FnMut(Placed<'a>, Placed<'a>),
) {
    let mut around: Vec<Placed<'a>> = Vec::new();
    for it in sorted(placed) {
        let cidr = it.subnet.spec.cidr;
        while around
            .pop_if(|outer| !outer.subnet.spec.cidr.overlaps(cidr))
            .is_some()
        {}
        let outer = around.iter().rev().find(|outer| apart(**outer, it));
        if let Some(outer) = outer {
            meet(*outer, it);
        }
        // Of equal networks two of different zones stand for all, or a walk among thousands of
        // them would look at each for each.
        let equal = |outer: &&Placed<'_>| outer.subnet.spec.cidr == cidr;
        let (mut count, mut same_zone) = (0, false);
        for outer in around.iter().rev().take_while(equal) {
            count += 1;
            same_zone |= outer.zone == it.zone;
        }
        if count < 2 && !same_zone {
            around.push(it);
        }
    }
}

fn check_zone(reading: &Reading<'_>, zone: &ZoneName, findings: &mut Findings) {
    let subnets = reading.subnets_of_zone(zone);
    let placed = subnets.map(|subnet| Placed { zone, subnet }).collect();
    walk(
        placed,
        |_, _| true,
        |outer, inner| {
            findings.error(
                at(Kind::Subnet, &inner.subnet.metadata.name, "spec.cidr"),
                format!(
                    "{} overlaps {} of subnet {} (vnet {}) in the same zone {zone}",
                    inner.subnet.spec.cidr,
                    outer.subnet.spec.cidr,
                    outer.subnet.metadata.name,
                    outer.subnet.spec.vnet
                ),
                "use another network, or delete one of the two",
            );
        },
    );
}

/// The sets of zones with gateways that some node carries together; each set once, however many
/// nodes carry it.
fn sharing_a_node<'a>(
    reading: &Reading<'a>,
    carriers: &'a Carriers,
) -> BTreeSet<Vec<&'a ZoneName>> {
    let mut by_node: BTreeMap<&NodeName, Vec<&ZoneName>> = BTreeMap::new();
    for (name, nodes) in carriers {
        let zone = reading.snapshot.zones().get(name);
        if zone.is_some_and(|zone| is_in_main_table(zone)) {
            for node in &**nodes {
                by_node.entry(node).or_default().push(name);
            }
        }
    }
    by_node.into_values().collect()
}

/// Gateways of simple zones are all in the node's one routing table.
fn check_together(reading: &Reading<'_>, zones: &[&ZoneName], findings: &mut Findings) {
    let placed: Vec<Placed<'_>> = zones
        .iter()
        .flat_map(|zone| {
            reading
                .subnets_of_zone(zone)
                .map(move |subnet| (*zone, subnet))
        })
        .map(|(zone, subnet)| Placed { zone, subnet })
        .filter(|it| it.subnet.spec.gateway.is_some())
        .collect();
    check_gateways(&placed, findings);
    walk(
        placed,
        |outer, inner| outer.zone != inner.zone,
        |outer, inner| {
            findings.error(
                at(Kind::Subnet, &inner.subnet.metadata.name, "spec.cidr"),
                format!(
                    "{} overlaps {} of subnet {} in zone {}, and both have gateways on the same \
                     nodes, where one route would hide the other",
                    inner.subnet.spec.cidr,
                    outer.subnet.spec.cidr,
                    outer.subnet.metadata.name,
                    outer.zone
                ),
                "use another network, or zones that share no node",
            );
        },
    );
}

/// One address is on one bridge of a node. Point-to-point subnets may share theirs: it is no part
/// of a network, only what guests send to.
fn check_gateways(placed: &[Placed<'_>], findings: &mut Findings) {
    let mut holders: BTreeMap<IpAddr, Vec<&Subnet>> = BTreeMap::new();
    for it in placed {
        if let Some(gateway) = it.subnet.spec.gateway {
            holders.entry(gateway).or_default().push(it.subnet);
        }
    }
    for (gateway, subnets) in holders {
        let Some(network) = subnets.iter().find(|it| !it.spec.cidr.is_host()) else {
            continue;
        };
        for subnet in &subnets {
            let apart = subnet.spec.vnet != network.spec.vnet;
            if apart && !subnet.spec.cidr.overlaps(network.spec.cidr) {
                findings.error(
                    at(Kind::Subnet, &subnet.metadata.name, "spec.gateway"),
                    format!(
                        "{gateway} is also the gateway of subnet {} (vnet {})",
                        network.metadata.name, network.spec.vnet
                    ),
                    "give each vnet its own",
                );
            }
        }
    }
}

/// Warns of networks that the nodes are in already: what they send there goes to the vnet then.
fn check_with_nodes(reading: &Reading<'_>, carriers: &Carriers, findings: &mut Findings) {
    let mut by_network: BTreeMap<Prefix, BTreeSet<&NodeName>> = BTreeMap::new();
    for (node, facts) in reading.all_facts() {
        for address in facts.links.values().flat_map(|link| &link.addresses) {
            by_network
                .entry(address.network())
                .or_default()
                .insert(node);
        }
    }
    let mut routed: BTreeMap<Prefix, Vec<(&Subnet, &BTreeSet<NodeName>)>> = BTreeMap::new();
    for subnet in reading.snapshot.subnets().values() {
        let Some(zone) = reading
            .zone_of(subnet)
            .filter(|zone| is_in_main_table(zone))
        else {
            continue;
        };
        // A point-to-point subnet is meant to be carved out of the node's own network.
        if subnet.spec.gateway.is_none() || subnet.spec.cidr.is_host() {
            continue;
        }
        if let Some(nodes) = carriers.get(&zone.metadata.name) {
            routed
                .entry(subnet.spec.cidr)
                .or_default()
                .push((subnet, nodes));
        }
    }
    let mut met: BTreeMap<(&SubnetName, Prefix), BTreeSet<&NodeName>> = BTreeMap::new();
    for (cidr, network) in meeting(&routed, &by_network) {
        let (Some(subnets), Some(nodes)) = (routed.get(&cidr), by_network.get(&network)) else {
            continue;
        };
        for (subnet, carriers) in subnets {
            let both = nodes
                .iter()
                .copied()
                .filter(|node| carriers.contains(*node));
            met.entry((&subnet.metadata.name, network))
                .or_default()
                .extend(both);
        }
    }
    for ((subnet, network), nodes) in met {
        if !nodes.is_empty() {
            findings.warn(
                at(Kind::Subnet, subnet, "spec.cidr"),
                format!(
                    "it overlaps {network}, the network that {} is in",
                    list(nodes)
                ),
                "use another network, or the node may lose its way to others",
            );
        }
    }
}

/// The pairs of one network of each map that overlap.
fn meeting<A, B>(
    ours: &BTreeMap<Prefix, A>,
    theirs: &BTreeMap<Prefix, B>,
) -> Vec<(Prefix, Prefix)> {
    let mut pairs = Vec::new();
    for their in theirs.keys() {
        // Every network that contains this one is one of its 128 truncations at most.
        let address = their.address();
        for length in 0..=their.length() {
            let outer = InterfaceAddress::new(address, length).map(InterfaceAddress::network);
            if let Some(outer) = outer.filter(|outer| ours.contains_key(outer)) {
                pairs.push((outer, *their));
            }
        }
    }
    for our in ours.keys() {
        for length in 0..our.length() {
            let outer = InterfaceAddress::new(our.address(), length).map(InterfaceAddress::network);
            if let Some(outer) = outer.filter(|outer| theirs.contains_key(outer)) {
                pairs.push((*our, outer));
            }
        }
    }
    pairs
}
