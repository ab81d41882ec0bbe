//! Fabrics: who has which address in them, on which interfaces they are, and what names them.
//!
//! # Guarantees
//! What a node's part is follows from the fabric, the node's own entry in it and the node's own
//! interfaces: it does not change when other nodes come or go.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use weft_model::facts::{Facts, LinkFacts};
use weft_model::mtu::Mtu;
use weft_model::name::{FabricName, LinkName, NodeName};
use weft_model::object::fabric::{FabricKind, FabricNode, FabricSpec};
use weft_model::object::{Fabric, Kind};
use weft_model::prefix::{Family, InterfaceAddress};

use super::finding::{Findings, at};
use super::reading::Reading;
use super::text::list;
use crate::device;
use crate::intent::Joined;

mod address;
pub(super) mod user;

use address::{check_addresses, check_prefixes, check_twins};

/// The fabrics of every node that has said what it is.
pub(super) type Joins = BTreeMap<NodeName, Vec<Joined>>;

const FAMILIES: [Family; 2] = [Family::Ipv4, Family::Ipv6];

/// Checks every fabric, and finds the part of every node.
pub(super) fn join(reading: &Reading<'_>, findings: &mut Findings) -> Joins {
    let mut joins = Joins::new();
    for (name, fabric) in reading.snapshot.fabrics().iter() {
        for (index, (node, part)) in fabric.spec.nodes.iter().enumerate() {
            if !reading.snapshot.nodes().contains(node) {
                findings.error(
                    at(Kind::Fabric, name, &format!("spec.nodes[{index}].name")),
                    format!("node {node} does not exist"),
                    "start weft-agent on it, which makes the node, or take it out",
                );
            }
            check_addresses(fabric, index, (node, part), findings);
            let Some(facts) = reading.facts(node) else {
                continue;
            };
            check_ground(fabric, index, (node, part), facts, findings);
            let joined = joined(fabric, node, part, facts);
            joins.entry(node.clone()).or_default().push(joined);
        }
    }
    check_prefixes(reading, findings);
    check_twins(reading, findings);
    check_devices(reading, findings);
    check_together(&joins, findings);
    joins
}

fn joined(fabric: &Fabric, node: &NodeName, part: &FabricNode, facts: &Facts) -> Joined {
    let spec = &fabric.spec;
    let addresses = spec.addresses(part);
    let ipv4 = addresses.iter().find_map(|it| match it {
        IpAddr::V4(address) => Some(*address),
        IpAddr::V6(_) => None,
    });
    let mtus = part.interfaces.keys().filter_map(|name| {
        let link = facts.links.get(name);
        link.and_then(|link| link.mtu)
            .or_else(|| facts.bridges.get(name).and_then(|bridge| bridge.mtu))
    });
    Joined {
        name: fabric.metadata.name.clone(),
        device: device::fabric(&fabric.metadata.name),
        kind: spec.kind.clone(),
        prefixes: FAMILIES
            .into_iter()
            .filter_map(|it| spec.prefix(it))
            .collect(),
        router_id: ipv4.unwrap_or_else(|| device::router_id(node)),
        addresses,
        asn: part.asn,
        interfaces: part.interfaces.clone(),
        mtu: mtus.min().unwrap_or(Mtu::ETHERNET),
    }
}

/// Adds the devices of fabrics to what nodes will be: what ends at an address there finds it.
pub(super) fn lay(
    joins: &Joins,
    said: impl Fn(&NodeName) -> Option<Facts>,
    grounds: &mut BTreeMap<NodeName, Facts>,
) {
    for (node, joins) in joins {
        let Some(mut facts) = grounds.remove(node).or_else(|| said(node)) else {
            continue;
        };
        for joined in joins {
            let link = LinkFacts {
                mtu: Some(joined.mtu),
                addresses: host_addresses(&joined.addresses),
            };
            facts.links.insert(joined.device.clone(), link);
        }
        grounds.insert(node.clone(), facts);
    }
}

fn host_addresses(addresses: &BTreeSet<IpAddr>) -> BTreeSet<InterfaceAddress> {
    let addresses = addresses.iter();
    addresses
        .filter_map(|it| InterfaceAddress::new(*it, Family::of(*it).host_length()))
        .collect()
}

/// What the node's own interfaces lack. They are the host's: nothing is changed on them.
fn check_ground(
    fabric: &Fabric,
    index: usize,
    (node, part): (&NodeName, &FabricNode),
    facts: &Facts,
    findings: &mut Findings,
) {
    let (name, spec) = (&fabric.metadata.name, &fabric.spec);
    let place = format!("spec.nodes[{index}].interfaces");
    let needs_address = match spec.kind {
        FabricKind::OpenFabric(_) | FabricKind::Ospf(_) => spec.prefix.is_some(),
        FabricKind::Bgp(_) => false,
    };
    let has_ipv4 = |name: &&LinkName| {
        let link = facts.links.get(*name);
        let mut addresses = link.into_iter().flat_map(|link| &link.addresses);
        addresses.any(|it| it.family() == Family::Ipv4)
    };
    let bare = part.interfaces.keys().filter(|it| !has_ipv4(it));
    let bare: Vec<&LinkName> = bare.filter(|_| needs_address).collect();
    if let (false, Some(own)) = (bare.is_empty(), spec.address(part, Family::Ipv4)) {
        findings.warn(
            at(Kind::Fabric, name, &place),
            format!(
                "no IPv4 address is on {} of node {node}, and so nobody is spoken to there in IPv4",
                list(bare)
            ),
            format!("give it one by a host network: {own}/32 will do"),
        );
    }
    let lacking = FAMILIES.into_iter().filter(|it| spec.prefix(*it).is_some());
    let lacking: Vec<Family> = lacking
        .filter(|it| !facts.forwarding.contains(it))
        .collect();
    if part.interfaces.len() > 1 && !lacking.is_empty() {
        findings.warn(
            at(Kind::Fabric, name, &place),
            format!(
                "node {node} does not forward {}: what comes by one interface for other nodes is \
                 dropped",
                list(lacking)
            ),
            "set `forward` of the interfaces in a host network, or leave one interface",
        );
    }
}

/// No two fabrics have one device.
fn check_devices(reading: &Reading<'_>, findings: &mut Findings) {
    let mut first: BTreeMap<LinkName, &FabricName> = BTreeMap::new();
    for (name, _) in reading.snapshot.fabrics().iter() {
        let device = device::fabric(name);
        if let Some(other) = first.get(&device) {
            findings.error(
                at(Kind::Fabric, name, "metadata.name"),
                format!("device {device} would be that of fabric {other} too"),
                "use another name",
            );
        } else {
            first.insert(device, name);
        }
    }
}

/// What the fabrics of one node cannot share.
fn check_together(joins: &Joins, findings: &mut Findings) {
    for (node, joins) in joins {
        let mut users: BTreeMap<&LinkName, &FabricName> = BTreeMap::new();
        for joined in joins {
            users.insert(&joined.device, &joined.name);
        }
        let mut ospf: Option<&FabricName> = None;
        let mut bgp: Option<&Joined> = None;
        for joined in joins {
            let name = &joined.name;
            for interface in joined.interfaces.keys() {
                if let Some(other) = users.get(interface) {
                    findings.error(
                        at(Kind::Fabric, name, "spec.nodes"),
                        format!(
                            "{interface} of node {node} is an interface of fabric {other} already"
                        ),
                        "use an interface in one fabric only",
                    );
                } else {
                    users.insert(interface, name);
                }
            }
            match (&joined.kind, ospf, bgp) {
                (FabricKind::OpenFabric(_), ..) => {}
                (FabricKind::Ospf(_), None, _) => ospf = Some(name),
                (FabricKind::Ospf(_), Some(other), _) => findings.error(
                    at(Kind::Fabric, name, "spec.nodes"),
                    format!("node {node} is in fabric {other} of type ospf already"),
                    "use one fabric of the type on a node",
                ),
                (FabricKind::Bgp(_), _, None) => bgp = Some(joined),
                (FabricKind::Bgp(_), _, Some(other)) if other.asn != joined.asn => findings.error(
                    at(Kind::Fabric, name, "spec.nodes"),
                    format!("node {node} has another AS number in fabric {}", other.name),
                    "use one AS number on a node",
                ),
                (FabricKind::Bgp(_), _, Some(_)) => {}
            }
        }
    }
}

/// The address that a node's sessions by a fabric are made from, of IPv4 where the fabric has such,
/// and those of all its other nodes.
pub(super) fn sessions(spec: &FabricSpec, node: &NodeName) -> Option<(IpAddr, BTreeSet<IpAddr>)> {
    let family = match spec.prefix {
        Some(_) => Family::Ipv4,
        None => Family::Ipv6,
    };
    let own = spec.address(spec.nodes.get(node)?, family)?;
    let all = spec
        .nodes
        .values()
        .filter_map(|part| spec.address(part, family));
    Some((own, all.filter(|it| *it != own).collect()))
}

/// The least of a node's IPv4 addresses in fabrics.
pub(super) fn router_id(joins: &[Joined]) -> Option<Ipv4Addr> {
    let addresses = joins.iter().flat_map(|joined| &joined.addresses);
    let ipv4 = addresses.filter_map(|it| match it {
        IpAddr::V4(address) => Some(*address),
        IpAddr::V6(_) => None,
    });
    ipv4.min()
}
