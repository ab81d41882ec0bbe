//! Where the tunnels of every node of a vxlan or evpn zone end.
//!
//! # Guarantees
//! The choice follows from objects and facts alone, and never falls on one of several addresses
//! that are equally good: then the user is asked.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::OnceLock;

use weft_model::facts::Facts;
use weft_model::name::{ControllerName, NodeName, ZoneName};
use weft_model::object::zone::{VxlanPeers, ZoneKind};
use weft_model::object::{Kind, Node, Zone};
use weft_model::port::UdpPort;
use weft_model::prefix::Family;

use super::finding::{Findings, at};
use super::reading::Reading;
use super::routing::Routings;
use super::text::list;
use super::zone::Carriers;
use crate::intent::{Tunnel, Underlay};

/// The underlay of every vxlan and evpn zone.
pub(super) type Underlays = BTreeMap<ZoneName, Underlay>;

/// Finds the tunnel end points of every vxlan and evpn zone.
pub(super) fn resolve(
    reading: &Reading<'_>,
    carriers: &Carriers,
    routings: &Routings,
    findings: &mut Findings,
) -> Underlays {
    let mut underlays = Underlays::new();
    for (name, zone) in reading.snapshot.zones().iter() {
        let Some(wanted) = Wanted::of(zone) else {
            continue;
        };
        let mut tunnels = BTreeMap::new();
        for node in carriers.get(name).into_iter().flat_map(|nodes| &**nodes) {
            let nodes = reading.snapshot.nodes();
            let (Some(declared), Some(facts)) = (nodes.get(node), reading.facts(node)) else {
                continue;
            };
            match wanted.choose(declared, facts, routings) {
                Ok(address) => {
                    let also_own = also_own(facts, address, &wanted.peers);
                    let flood = OnceLock::new();
                    let tunnel = Tunnel {
                        address,
                        also_own,
                        flood,
                    };
                    tunnels.insert(node.clone(), tunnel);
                }
                Err(lack) => lack.report(zone, node, wanted.peers.family(), findings),
            }
        }
        check_twins(zone, &tunnels, findings);
        let endpoints = match (&*wanted.peers, &zone.spec.kind) {
            // They are found by BGP.
            (_, ZoneKind::Evpn(_)) => BTreeSet::new(),
            (VxlanPeers::Static(peers), _) => {
                check_listed(zone, peers, &tunnels, findings);
                peers.clone()
            }
            (VxlanPeers::Nodes(_) | VxlanPeers::Fabric(..), _) => {
                tunnels.values().map(|tunnel| tunnel.address).collect()
            }
        };
        let underlay = Underlay {
            port: wanted.port,
            learning: wanted.learning,
            endpoints,
            tunnels,
        };
        underlays.insert(name.clone(), underlay);
    }
    underlays
}

/// What a zone says of its tunnels.
struct Wanted<'a> {
    peers: Cow<'a, VxlanPeers>,
    port: UdpPort,
    learning: bool,
    /// Who carries the zone's routes.
    controller: Option<&'a ControllerName>,
}

impl<'a> Wanted<'a> {
    fn of(zone: &'a Zone) -> Option<Self> {
        match &zone.spec.kind {
            ZoneKind::Vxlan(vxlan) => Some(Self {
                peers: Cow::Borrowed(&vxlan.peers),
                port: vxlan.port,
                learning: vxlan.learning,
                controller: None,
            }),
            ZoneKind::Evpn(evpn) => Some(Self {
                peers: Cow::Owned(VxlanPeers::Nodes(evpn.underlay)),
                port: evpn.port,
                learning: false,
                controller: evpn.controllers.first(),
            }),
            ZoneKind::Simple | ZoneKind::Vlan(_) | ZoneKind::Qinq(_) => None,
        }
    }

    /// The tunnel address of a node.
    fn choose(&self, node: &Node, facts: &Facts, routings: &Routings) -> Result<IpAddr, Lack> {
        let family = self.peers.family();
        let routing = routings.get(&node.metadata.name);
        let mut groups = routing.into_iter().flat_map(|routing| &routing.groups);
        let of_zone = groups.find(|it| Some(&it.controller.metadata.name) == self.controller);
        if let VxlanPeers::Fabric(fabric, family) = &*self.peers {
            let mut fabrics = routing.into_iter().flat_map(|routing| &routing.fabrics);
            let joined = fabrics.find(|joined| joined.name == *fabric);
            let addresses = joined.into_iter().flat_map(|joined| &joined.addresses);
            let mut addresses = addresses.filter(|it| Family::of(**it) == *family);
            return addresses.next().copied().ok_or(Lack::Fabric);
        }
        match of_zone.map(|group| group.local) {
            // Tunnels end where sessions do, unless the user says otherwise.
            Some(local) if Family::of(local) == family && declared(node, family).is_none() => {
                Ok(local)
            }
            Some(_) | None => choose(node, facts, &self.peers),
        }
    }
}

/// What the user says of where a node's tunnels end.
fn declared(node: &Node, family: Family) -> Option<IpAddr> {
    match family {
        Family::Ipv4 => node.spec.tunnel.ipv4.map(IpAddr::V4),
        Family::Ipv6 => node.spec.tunnel.ipv6.map(IpAddr::V6),
    }
}

/// Why a node has no tunnel address.
#[derive(Debug, PartialEq, Eq)]
enum Lack {
    /// The address that the user gave is none of the node's.
    NotThere(IpAddr),
    /// Several addresses would do.
    Ambiguous(BTreeSet<IpAddr>),
    /// No address would do.
    None,
    /// The fabric that the tunnels end in has none for it, which is told of elsewhere.
    Fabric,
}

/// The node's tunnel address: what the user says; else the one that a list of peers names; else the
/// one on the device of the default route; else the only one.
fn choose(node: &Node, facts: &Facts, peers: &VxlanPeers) -> Result<IpAddr, Lack> {
    let family = peers.family();
    let addresses = addresses(facts, family);
    if let Some(declared) = declared(node, family) {
        let there = addresses.contains(&declared);
        return there.then_some(declared).ok_or(Lack::NotThere(declared));
    }
    if let VxlanPeers::Static(peers) = peers
        && let Some(result) = only(addresses.intersection(peers).copied().collect())
    {
        return result;
    }
    let default = facts
        .default_link(family)
        .and_then(|name| facts.links.get(name));
    let on_default = default.into_iter().flat_map(|link| &link.addresses);
    let on_default = on_default
        .filter(|it| it.family() == family)
        .map(|it| it.address());
    only(on_default.collect())
        .or_else(|| only(addresses))
        .unwrap_or(Err(Lack::None))
}

/// The only one of these, if there is any.
fn only(addresses: BTreeSet<IpAddr>) -> Option<Result<IpAddr, Lack>> {
    match addresses.len() {
        0 => None,
        1 => addresses.first().copied().map(Ok),
        _ => Some(Err(Lack::Ambiguous(addresses))),
    }
}

fn addresses(facts: &Facts, family: Family) -> BTreeSet<IpAddr> {
    let all = facts.links.values().flat_map(|link| &link.addresses);
    all.filter(|it| it.family() == family)
        .map(|it| it.address())
        .collect()
}

/// End points in the list that are the node itself by another address: what it would send there
/// would come back into the vnet.
fn also_own(facts: &Facts, address: IpAddr, peers: &VxlanPeers) -> Vec<IpAddr> {
    let VxlanPeers::Static(peers) = peers else {
        return Vec::new();
    };
    let own = addresses(facts, peers_family(peers));
    peers
        .iter()
        .filter(|it| **it != address && own.contains(it))
        .copied()
        .collect()
}

fn peers_family(peers: &BTreeSet<IpAddr>) -> Family {
    peers.first().map_or(Family::Ipv4, |peer| Family::of(*peer))
}

impl Lack {
    fn report(&self, zone: &Zone, node: &NodeName, family: Family, findings: &mut Findings) {
        let field = match family {
            Family::Ipv4 => "spec.tunnel.ipv4",
            Family::Ipv6 => "spec.tunnel.ipv6",
        };
        let zone = &zone.metadata.name;
        let place = at(Kind::Node, node, field);
        match self {
            Self::NotThere(address) => findings.error(
                place,
                format!("node {node} has no address {address}"),
                "use one of the node's addresses, or give it this one",
            ),
            Self::Ambiguous(addresses) => findings.error(
                place,
                format!(
                    "zone {zone} needs one {family} tunnel address on node {node}, which could be \
                     any of {}",
                    list(addresses)
                ),
                format!("set {field} to the right one"),
            ),
            Self::Fabric => {}
            Self::None => findings.error(
                place,
                format!("zone {zone} needs an {family} tunnel address, and node {node} has none"),
                format!(
                    "give node {node} an {family} address, or leave it out of the zone's nodes"
                ),
            ),
        }
    }
}

fn check_twins(zone: &Zone, tunnels: &BTreeMap<NodeName, Tunnel>, findings: &mut Findings) {
    let mut first: BTreeMap<IpAddr, &NodeName> = BTreeMap::new();
    for (node, tunnel) in tunnels {
        if let Some(other) = first.get(&tunnel.address) {
            let field = match Family::of(tunnel.address) {
                Family::Ipv4 => "spec.tunnel.ipv4",
                Family::Ipv6 => "spec.tunnel.ipv6",
            };
            findings.error(
                at(Kind::Node, node, field),
                format!(
                    "nodes {other} and {node} of zone {} have the same tunnel address {}",
                    zone.metadata.name, tunnel.address
                ),
                "give each its own",
            );
        } else {
            first.insert(tunnel.address, node);
        }
    }
}

fn check_listed(
    zone: &Zone,
    peers: &BTreeSet<IpAddr>,
    tunnels: &BTreeMap<NodeName, Tunnel>,
    findings: &mut Findings,
) {
    for (node, tunnel) in tunnels {
        if !peers.contains(&tunnel.address) {
            findings.warn(
                at(Kind::Zone, &zone.metadata.name, "spec.vxlan.peers"),
                format!(
                    "{}, where the tunnels of node {node} end, is not in the list: the others do \
                     not send there",
                    tunnel.address
                ),
                format!("add {} to the list on every side", tunnel.address),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use weft_model::object::Metadata;
    use weft_model::object::node::NodeSpec;

    use super::*;
    use crate::fixtures;

    fn node(tunnel: Option<&str>) -> Node {
        let mut spec = NodeSpec::default();
        spec.tunnel.ipv4 = tunnel.map(|text| text.parse().unwrap());
        Node {
            metadata: Metadata {
                name: "n1".parse().unwrap(),
                labels: std::collections::BTreeMap::new(),
            },
            spec,
        }
    }

    fn set(addresses: &[&str]) -> BTreeSet<IpAddr> {
        addresses.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn chosen(tunnel: Option<&str>, links: &[(&str, &[&str])], peers: &VxlanPeers) -> String {
        let mut facts = fixtures::facts(links);
        facts.default_ipv4 = Some("eth0".parse().unwrap());
        match choose(&node(tunnel), &facts, peers) {
            Ok(address) => address.to_string(),
            Err(lack) => format!("{lack:?}"),
        }
    }

    #[test]
    fn what_the_user_says_counts_if_the_node_has_it() {
        let links: &[(&str, &[&str])] = &[("eth0", &["10.0.0.1/24"]), ("eth1", &["10.1.0.1/24"])];
        let peers = VxlanPeers::Nodes(Family::Ipv4);
        assert_eq!(chosen(Some("10.1.0.1"), links, &peers), "10.1.0.1");
        assert_eq!(
            chosen(Some("10.2.0.1"), links, &peers),
            "NotThere(10.2.0.1)"
        );
    }

    #[test]
    fn then_the_address_that_the_peers_name() {
        let links: &[(&str, &[&str])] = &[("eth0", &["10.0.0.1/24"]), ("eth1", &["10.1.0.1/24"])];
        let peers = VxlanPeers::Static(set(&["10.1.0.1", "10.1.0.2"]));
        assert_eq!(chosen(None, links, &peers), "10.1.0.1");
    }

    #[test]
    fn then_the_one_on_the_default_routes_device() {
        let links: &[(&str, &[&str])] = &[("eth0", &["10.0.0.1/24"]), ("eth1", &["10.1.0.1/24"])];
        assert_eq!(
            chosen(None, links, &VxlanPeers::Nodes(Family::Ipv4)),
            "10.0.0.1"
        );
    }

    #[test]
    fn then_the_only_one() {
        let links: &[(&str, &[&str])] = &[("eth0", &["fd00::1/64"]), ("eth1", &["10.1.0.1/24"])];
        assert_eq!(
            chosen(None, links, &VxlanPeers::Nodes(Family::Ipv4)),
            "10.1.0.1"
        );
    }

    #[test]
    fn one_of_several_is_never_guessed() {
        let two_on_default: &[(&str, &[&str])] = &[("eth0", &["10.0.0.1/24", "10.0.0.9/24"])];
        let peers = VxlanPeers::Nodes(Family::Ipv4);
        assert_eq!(
            chosen(None, two_on_default, &peers),
            "Ambiguous({10.0.0.1, 10.0.0.9})"
        );
        assert_eq!(chosen(None, &[("eth1", &["fd00::1/64"])], &peers), "None");
    }
}
