//! How nodes take part in routing: which controllers run where, as whom, and with whom they speak.
//!
//! # Guarantees
//! A node has one AS number, one router id, and at most one controller of the types bgp and isis:
//! whatever the order of names, the same follows from the same objects.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use weft_model::asn::Asn;
use weft_model::facts::Facts;
use weft_model::name::{ControllerName, LinkName, NodeName};
use weft_model::object::controller::{
    BgpController, ControllerKind, EvpnController, EvpnPeers, Mode,
};
use weft_model::object::fabric::FabricKind;
use weft_model::object::selector::NodeSelector;
use weft_model::object::{Controller, Kind};
use weft_model::prefix::Family;

use super::fabric::{self, Joins};
use super::finding::{Findings, at};
use super::policy;
use super::reading::Reading;
use crate::intent::{Group, Joined, Neighbors, Policies, Routing};
use crate::{device, own_policy};

/// The nodes that every controller runs on.
pub(super) type Runners = BTreeMap<ControllerName, BTreeSet<NodeName>>;

/// How every node takes part in routing; a node that runs no controller is not in it.
pub(super) type Routings = BTreeMap<NodeName, Arc<Routing>>;

/// Finds the nodes of every controller: those that it chooses and that have said what they are.
pub(super) fn choose_nodes(reading: &Reading<'_>, findings: &mut Findings) -> Runners {
    let mut runners = Runners::new();
    for (name, controller) in reading.snapshot.controllers().iter() {
        if let NodeSelector::Names(names) = &controller.spec.nodes {
            let unknown = names
                .iter()
                .filter(|it| !reading.snapshot.nodes().contains(*it));
            for node in unknown {
                findings.error(
                    at(Kind::Controller, name, "spec.nodes.names"),
                    format!("node {node} does not exist"),
                    "start weft-agent on it, which makes the node, or take the name out",
                );
            }
        }
        let nodes = reading.snapshot.nodes().iter();
        let chosen = nodes.filter(|(node, declared)| {
            let selector = &controller.spec.nodes;
            selector.selects(node, &declared.metadata.labels)
                && reading.snapshot.facts().contains(*node)
        });
        runners.insert(name.clone(), chosen.map(|(node, _)| node.clone()).collect());
    }
    runners
}

/// Finds out how every node takes part.
pub(super) fn resolve(
    reading: &Reading<'_>,
    runners: &Runners,
    mut joins: Joins,
    findings: &mut Findings,
) -> Routings {
    let mut running: BTreeMap<NodeName, Vec<&Arc<Controller>>> = BTreeMap::new();
    running.extend(joins.keys().map(|node| (node.clone(), Vec::new())));
    for (name, nodes) in runners {
        if let Some(controller) = reading.snapshot.controllers().get(name) {
            for node in nodes {
                running.entry(node.clone()).or_default().push(controller);
            }
        }
    }
    check_groups(reading, findings);
    let mut routings = Routings::new();
    for (node, controllers) in running {
        let Some(facts) = reading.facts(&node) else {
            continue;
        };
        let fabrics = joins.remove(&node).unwrap_or_default();
        let mut routing = of_node(reading, (&node, facts), &controllers, fabrics, findings);
        routing.policies = policy::of_node(reading, controllers.iter().map(|it| &***it));
        routings.insert(node, Arc::new(routing));
    }
    check_router_ids(&routings, findings);
    routings
}

/// Routers that are called the same do not speak with each other (RFC 4271, section 6.2).
fn check_router_ids(routings: &Routings, findings: &mut Findings) {
    let mut first: BTreeMap<Ipv4Addr, &NodeName> = BTreeMap::new();
    for (node, routing) in routings {
        let Some(id) = routing.router_id else {
            continue;
        };
        match first.get(&id) {
            Some(other) => findings.error(
                at(Kind::Node, node, "metadata.name"),
                format!("nodes {other} and {node} would both be router {id}"),
                "give a loopback device of each an IPv4 address of its own",
            ),
            None => {
                first.insert(id, node);
            }
        }
    }
}

/// Neighbors of two controllers cannot be called the same.
fn check_groups(reading: &Reading<'_>, findings: &mut Findings) {
    let mut first: BTreeMap<&str, &ControllerName> = BTreeMap::new();
    for (name, controller) in reading.snapshot.controllers().iter() {
        let ControllerKind::Evpn(evpn) = &controller.spec.kind else {
            continue;
        };
        let group = evpn.group.as_str();
        match first.get(group) {
            Some(other) => findings.error(
                at(Kind::Controller, name, "spec.evpn.group"),
                format!("controller {other} calls its neighbors {group} too"),
                "give one of the two another name",
            ),
            None => {
                first.insert(group, name);
            }
        }
        if own_policy::is_own(group) {
            findings.error(
                at(Kind::Controller, name, "spec.evpn.group"),
                format!("{group} is what Weft calls one of its own"),
                "use another name",
            );
        }
    }
}

fn of_node(
    reading: &Reading<'_>,
    (node, facts): (&NodeName, &Facts),
    controllers: &[&Arc<Controller>],
    fabrics: Vec<Joined>,
    findings: &mut Findings,
) -> Routing {
    let (mut evpn, mut bgp, mut isis) = (Vec::new(), None, None);
    for controller in controllers {
        match &controller.spec.kind {
            ControllerKind::Evpn(it) => evpn.push((*controller, it)),
            ControllerKind::Bgp(it) => only(&mut bgp, (*controller, it), node, findings),
            ControllerKind::Isis(it) => only(&mut isis, (*controller, it), node, findings),
        }
    }
    let asn = asn(node, &evpn, bgp, &fabrics, findings);
    // The node's loopback, whoever names it.
    let loopback = bgp
        .and_then(|(_, it)| it.sessions.source.as_ref())
        .or(isis.and_then(|(_, it)| it.source.as_ref()));
    let groups: Vec<Group> = evpn
        .iter()
        .filter_map(|(controller, it)| {
            let mut is_external = match it.mode {
                Mode::Auto => asn.is_some_and(|asn| asn != it.asn),
                Mode::External => true,
                Mode::Internal => false,
            };
            let (neighbors, source, local) = match &it.peers {
                EvpnPeers::Listed { peers, listen } => {
                    let named = it.sessions.source.as_ref().or(loopback);
                    let field = "spec.evpn.sessions.source";
                    let local = local(node, facts, named, peers, (controller, field), findings)?;
                    let neighbors = Neighbors {
                        peers: peers.difference(&own_addresses(facts)).copied().collect(),
                        listen: listen.clone(),
                    };
                    (neighbors, named.cloned(), local)
                }
                EvpnPeers::Fabric(fabric) => {
                    let declared = reading.snapshot.fabrics().get(fabric)?;
                    let (local, peers) = fabric::sessions(&declared.spec, node)?;
                    let listen = BTreeSet::new();
                    // Every node is another system, this one's number be what it may.
                    is_external |= matches!(declared.spec.kind, FabricKind::Bgp(_));
                    let source = device::fabric(fabric);
                    (Neighbors { peers, listen }, Some(source), local)
                }
            };
            Some(Group {
                controller: Arc::clone(controller),
                is_external,
                neighbors,
                source,
                local,
            })
        })
        .collect();
    let uplink = bgp.and_then(|(controller, it)| {
        let named = it.sessions.source.as_ref();
        let field = "spec.bgp.sessions.source";
        let local = local(node, facts, named, &it.peers, (controller, field), findings)?;
        Some(Group {
            controller: Arc::clone(controller),
            is_external: it.external,
            neighbors: Neighbors {
                // No router speaks with itself, and FRR refuses that it should.
                peers: it
                    .peers
                    .difference(&own_addresses(facts))
                    .copied()
                    .collect(),
                listen: BTreeSet::new(),
            },
            source: named.cloned(),
            local,
        })
    });
    let local = groups.iter().chain(&uplink).map(|group| group.local);
    let by_fabric = fabric::router_id(&fabrics).map(IpAddr::V4);
    let local = local.chain(by_fabric);
    let router_id = asn.map(|_| router_id(local, facts).unwrap_or_else(|| device::router_id(node)));
    if let Some((controller, it)) = isis {
        fabric::user::check_isis(node, &fabrics, (controller, it), findings);
    }
    Routing {
        asn,
        router_id,
        groups,
        uplink,
        isis: isis.map(|(controller, _)| Arc::clone(controller)),
        policies: Policies::default(),
        fabrics,
    }
}

/// Takes a controller of a type of which a node can have one.
fn only<'a, T>(
    slot: &mut Option<(&'a Arc<Controller>, &'a T)>,
    found: (&'a Arc<Controller>, &'a T),
    node: &NodeName,
    findings: &mut Findings,
) {
    match slot {
        Some((other, _)) => findings.error(
            at(Kind::Controller, &found.0.metadata.name, "spec.nodes"),
            format!(
                "controller {} of the same type runs on node {node} too",
                other.metadata.name
            ),
            "let one of the two choose other nodes",
        ),
        None => *slot = Some(found),
    }
}

/// The number of the system that a node is.
fn asn(
    node: &NodeName,
    evpn: &[(&Arc<Controller>, &EvpnController)],
    bgp: Option<(&Arc<Controller>, &BgpController)>,
    fabrics: &[Joined],
    findings: &mut Findings,
) -> Option<Asn> {
    let of_fabric = fabrics.iter().find(|joined| joined.asn.is_some());
    if let (Some((controller, it)), Some(joined)) = (bgp, of_fabric)
        && joined.asn != Some(it.asn)
    {
        findings.error(
            at(Kind::Controller, &controller.metadata.name, "spec.bgp.asn"),
            format!(
                "node {node} has another AS number than {} in fabric {}",
                it.asn, joined.name
            ),
            "use one AS number on a node, or other nodes",
        );
    }
    let (first, rest) = match evpn.split_first() {
        Some((first, rest)) => (Some(first), rest),
        None => (None, &[][..]),
    };
    if let Some((controller, it)) = first {
        for (other, another) in rest.iter().filter(|(_, another)| another.asn != it.asn) {
            findings.error(
                at(Kind::Controller, &other.metadata.name, "spec.evpn.asn"),
                format!(
                    "controller {} runs on node {node} too, as AS {} instead of {}",
                    controller.metadata.name, it.asn, another.asn
                ),
                "use one AS number on a node, or other nodes",
            );
        }
    }
    let of_fabric = of_fabric.and_then(|joined| joined.asn);
    let of_bgp = bgp.map(|(_, it)| it.asn).or(of_fabric);
    of_bgp.or(first.map(|(_, it)| it.asn))
}

/// The address that sessions are made from, or what is to be done so that there is one.
fn local(
    node: &NodeName,
    facts: &Facts,
    source: Option<&LinkName>,
    peers: &BTreeSet<IpAddr>,
    (controller, field): (&Controller, &str),
    findings: &mut Findings,
) -> Option<IpAddr> {
    let on_source = source.and_then(|source| address_on(facts, source));
    let place = || at(Kind::Controller, &controller.metadata.name, field);
    if let (Some(source), None) = (source, on_source) {
        findings.warn(
            place(),
            format!("device {source} of node {node} has no address that neighbors could reach"),
            format!("give {source} of node {node} an address, or name another device"),
        );
    }
    let found = on_source.or_else(|| nearest(facts, peers));
    if found.is_none() {
        findings.error(
            place(),
            format!("node {node} has no address that sessions could be made from"),
            "name a device that has one",
        );
    }
    found
}

/// The address that sessions are made from where no device is named: an own one that is listed
/// among the neighbors, else one in the network of a neighbor, else the first on the device of the
/// default route.
fn nearest(facts: &Facts, peers: &BTreeSet<IpAddr>) -> Option<IpAddr> {
    let own = own_addresses(facts);
    if let Some(listed) = peers.intersection(&own).next() {
        return Some(*listed);
    }
    let all = facts.links.values().flat_map(|link| &link.addresses);
    let beside = all.filter(|it| peers.iter().any(|peer| it.network().contains(*peer)));
    if let Some(beside) = beside.map(|it| it.address()).min() {
        return Some(beside);
    }
    let family = peers.first().map_or(Family::Ipv4, |peer| Family::of(*peer));
    let default = facts
        .default_link(family)
        .and_then(|name| facts.links.get(name))?;
    let of_family = default.addresses.iter().filter(|it| it.family() == family);
    of_family.map(|it| it.address()).min()
}

/// The first address of a device that others could reach.
fn address_on(facts: &Facts, device: &LinkName) -> Option<IpAddr> {
    let link = facts.links.get(device);
    let addresses = link.into_iter().flat_map(|link| &link.addresses);
    let usable = addresses.map(|it| it.address()).filter(|it| match it {
        IpAddr::V4(it) => !it.is_loopback() && !it.is_link_local(),
        IpAddr::V6(it) => !it.is_loopback() && !it.is_unicast_link_local(),
    });
    usable.min()
}

fn own_addresses(facts: &Facts) -> BTreeSet<IpAddr> {
    let links = facts.links.values();
    links
        .flat_map(|link| &link.addresses)
        .map(|it| it.address())
        .collect()
}

/// The address of a session where it is of IPv4; else the least of the node's IPv4 addresses.
fn router_id(mut local: impl Iterator<Item = IpAddr>, facts: &Facts) -> Option<Ipv4Addr> {
    let ipv4 = |address: IpAddr| match address {
        IpAddr::V4(address) if !address.is_loopback() => Some(address),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    };
    local
        .find_map(ipv4)
        .or_else(|| own_addresses(facts).into_iter().find_map(ipv4))
}
