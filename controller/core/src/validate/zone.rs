//! Which nodes carry which zone, and what a zone says of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use weft_model::name::{NodeName, ZoneName};
use weft_model::object::selector::NodeSelector;
use weft_model::object::zone::{VxlanPeers, ZoneKind};
use weft_model::object::{Kind, Labels, Zone};

use super::finding::{Findings, at};
use super::reading::Reading;

/// The nodes that carry a zone, by zone. Zones that choose alike share one set.
pub(super) type Carriers = BTreeMap<ZoneName, Arc<BTreeSet<NodeName>>>;

/// Finds the nodes of every zone: those that its selector chooses and that have said what they are.
pub(super) fn choose_nodes(reading: &Reading<'_>, findings: &mut Findings) -> Carriers {
    let mut choices = Choices::default();
    let mut carriers = Carriers::new();
    for (name, zone) in reading.snapshot.zones().iter() {
        check_peers(zone, findings);
        let nodes = match &zone.spec.nodes {
            NodeSelector::Names(names) => Arc::new(choose_named(reading, zone, names, findings)),
            selector @ NodeSelector::All => choices.choose(reading, selector, None),
            selector @ NodeSelector::Labels(labels) => {
                choices.choose(reading, selector, Some(labels))
            }
        };
        if nodes.is_empty() {
            findings.warn(
                at(Kind::Zone, name, "spec.nodes"),
                "no node carries the zone".to_owned(),
                "start weft-agent on the nodes that should, or choose others",
            );
        }
        carriers.insert(name.clone(), nodes);
    }
    for node in choices.silent {
        findings.warn(
            at(Kind::Node, &node, "metadata.name"),
            "its agent has never connected, so the node is left out".to_owned(),
            "start weft-agent on it, or delete the node",
        );
    }
    carriers
}

/// What selectors by label chose, and the nodes that they would have chosen.
#[derive(Default)]
struct Choices<'a> {
    made: BTreeMap<Option<&'a Labels>, Arc<BTreeSet<NodeName>>>,
    silent: BTreeSet<NodeName>,
}

impl<'a> Choices<'a> {
    fn choose(
        &mut self,
        reading: &Reading<'a>,
        selector: &NodeSelector,
        labels: Option<&'a Labels>,
    ) -> Arc<BTreeSet<NodeName>> {
        if let Some(nodes) = self.made.get(&labels) {
            return Arc::clone(nodes);
        }
        let mut nodes = BTreeSet::new();
        for (name, node) in reading.snapshot.nodes().iter() {
            if !selector.selects(name, &node.metadata.labels) {
                continue;
            }
            if reading.snapshot.facts().contains(name) {
                nodes.insert(name.clone());
            } else {
                self.silent.insert(name.clone());
            }
        }
        let nodes = Arc::new(nodes);
        self.made.insert(labels, Arc::clone(&nodes));
        nodes
    }
}

fn choose_named(
    reading: &Reading<'_>,
    zone: &Zone,
    names: &BTreeSet<NodeName>,
    findings: &mut Findings,
) -> BTreeSet<NodeName> {
    let mut nodes = BTreeSet::new();
    for name in names {
        let place = at(Kind::Zone, &zone.metadata.name, "spec.nodes.names");
        if !reading.snapshot.nodes().contains(name) {
            findings.error(
                place,
                format!("node {name} does not exist"),
                "start weft-agent on it, which makes the node, or take the name out",
            );
        } else if reading.snapshot.facts().contains(name) {
            nodes.insert(name.clone());
        } else {
            findings.warn(
                place,
                format!("node {name} waits for its agent, which has never connected"),
                "start weft-agent on it; the other nodes do not wait",
            );
        }
    }
    nodes
}

/// An address that needs a device beside it to be of use is no end point of a tunnel.
fn check_peers(zone: &Zone, findings: &mut Findings) {
    let ZoneKind::Vxlan(vxlan) = &zone.spec.kind else {
        return;
    };
    let VxlanPeers::Static(peers) = &vxlan.peers else {
        return;
    };
    for peer in peers {
        let unusable = match peer {
            IpAddr::V4(peer) => peer.is_broadcast() || peer.is_link_local(),
            IpAddr::V6(peer) => peer.is_unicast_link_local(),
        };
        if unusable {
            findings.error(
                at(Kind::Zone, &zone.metadata.name, "spec.vxlan.peers"),
                format!("{peer} is valid on one link only and cannot be a tunnel end point"),
                "use an address that can be routed to",
            );
        }
    }
}
