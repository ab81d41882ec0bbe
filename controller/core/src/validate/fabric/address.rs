//! The addresses of nodes in fabrics, and the systems that they are.

use std::collections::BTreeMap;
use std::net::IpAddr;

use weft_model::asn::Asn;
use weft_model::name::{FabricName, NodeName};
use weft_model::object::fabric::{FabricNode, FabricSpec};
use weft_model::object::{Fabric, Kind};
use weft_model::prefix::Family;

use crate::validate::finding::{Findings, at};
use crate::validate::reading::Reading;

/// A node has an address of each family that the fabric has, inside its network, and of no other.
pub(super) fn check_addresses(
    fabric: &Fabric,
    index: usize,
    (node, part): (&NodeName, &FabricNode),
    findings: &mut Findings,
) {
    let (name, spec) = (&fabric.metadata.name, &fabric.spec);
    for (family, field, given) in given(part) {
        let place = format!("spec.nodes[{index}].{field}");
        let place = || at(Kind::Fabric, name, &place);
        match (spec.prefix(family), given) {
            (None, None) => {}
            (None, Some(address)) => findings.error(
                place(),
                format!("{address} of node {node}: the fabric has no {family} network"),
                format!("take the address out, or give the fabric an {family} network"),
            ),
            (Some(prefix), Some(address)) if !prefix.contains(address) => findings.error(
                place(),
                format!("{address} of node {node} is not in {prefix}"),
                "use an address inside the fabric's network",
            ),
            (Some(_), Some(address)) if !is_usable(address) => findings.error(
                place(),
                format!("{address} of node {node} cannot be the address of a node"),
                "use a unicast address that can be routed to",
            ),
            (Some(_), Some(_)) => {}
            (Some(prefix), None) => match part.index {
                None => findings.error(
                    place(),
                    format!("node {node} has no {family} address"),
                    format!("give it an address inside {prefix}, or an `index`"),
                ),
                Some(number) if spec.address(part, family).is_none() => findings.error(
                    at(Kind::Fabric, name, &format!("spec.nodes[{index}].index")),
                    format!("{prefix} has no address with number {number}, for node {node}"),
                    "use a smaller number, or give the address itself",
                ),
                Some(_) => {}
            },
        }
    }
}

fn given(part: &FabricNode) -> [(Family, &'static str, Option<IpAddr>); 2] {
    [
        (Family::Ipv4, "ip", part.ip.map(IpAddr::V4)),
        (Family::Ipv6, "ip6", part.ip6.map(IpAddr::V6)),
    ]
}

fn is_usable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => {
            let special = it.is_multicast() || it.is_broadcast() || it.is_unspecified();
            !special && !it.is_loopback() && !it.is_link_local()
        }
        IpAddr::V6(it) => {
            let special = it.is_multicast() || it.is_unspecified() || it.is_loopback();
            !special && !it.is_unicast_link_local()
        }
    }
}

/// No two fabrics share addresses.
pub(super) fn check_prefixes(reading: &Reading<'_>, findings: &mut Findings) {
    let fabrics: Vec<(&FabricName, &FabricSpec)> = reading
        .snapshot
        .fabrics()
        .iter()
        .map(|(name, fabric)| (name, &fabric.spec))
        .collect();
    for (later, (name, spec)) in fabrics.iter().enumerate() {
        for (field, own) in [("spec.prefix", spec.prefix), ("spec.prefix6", spec.prefix6)] {
            let Some(own) = own else { continue };
            let clash = fabrics[..later].iter().find_map(|(other, spec)| {
                let theirs = spec.prefix(own.family())?;
                theirs.overlaps(own).then_some((*other, theirs))
            });
            if let Some((other, theirs)) = clash {
                findings.error(
                    at(Kind::Fabric, name, field),
                    format!("{own} overlaps {theirs} of fabric {other}"),
                    "use networks of their own",
                );
            }
        }
    }
}

/// No two nodes have one address, or are one system: a system takes no route that it is in already.
pub(super) fn check_twins(reading: &Reading<'_>, findings: &mut Findings) {
    for (name, fabric) in reading.snapshot.fabrics().iter() {
        let mut first: BTreeMap<IpAddr, &NodeName> = BTreeMap::new();
        let mut systems: BTreeMap<Asn, &NodeName> = BTreeMap::new();
        for (index, (node, part)) in fabric.spec.nodes.iter().enumerate() {
            let before = part
                .asn
                .and_then(|asn| Some((asn, systems.insert(asn, node)?)));
            if let Some((asn, other)) = before {
                findings.error(
                    at(Kind::Fabric, name, &format!("spec.nodes[{index}].asn")),
                    format!("nodes {other} and {node} are both AS {asn}"),
                    "give each its own",
                );
            }
            for address in fabric.spec.addresses(part) {
                let Some(other) = first.get(&address) else {
                    first.insert(address, node);
                    continue;
                };
                let is_given = given(part).iter().any(|(_, _, it)| *it == Some(address));
                let field = match (is_given, address) {
                    (false, _) => "index",
                    (true, IpAddr::V4(_)) => "ip",
                    (true, IpAddr::V6(_)) => "ip6",
                };
                findings.error(
                    at(Kind::Fabric, name, &format!("spec.nodes[{index}].{field}")),
                    format!("nodes {other} and {node} both have {address}"),
                    "give each its own",
                );
            }
        }
    }
}
