//! The nodes that selectors choose: those that have said what they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weft_model::name::NodeName;
use weft_model::object::selector::NodeSelector;
use weft_model::object::{Kind, Labels};

use super::finding::{Findings, at};
use super::reading::Reading;

/// The nodes of every object of a kind, by its name. Objects that choose alike share one set.
///
/// An object that no node is left for is warned of: `unused` says what that means.
pub(super) fn choose_all<'a, N: Clone + Ord + AsRef<str> + 'a>(
    reading: &Reading<'a>,
    kind: Kind,
    selectors: impl Iterator<Item = (&'a N, &'a NodeSelector)>,
    unused: &str,
    findings: &mut Findings,
) -> BTreeMap<N, Arc<BTreeSet<NodeName>>> {
    let mut choices = Choices::default();
    let mut chosen = BTreeMap::new();
    for (name, selector) in selectors {
        let nodes = choices.choose(reading, (kind, name.as_ref()), selector, findings);
        if nodes.is_empty() {
            findings.warn(
                at(kind, name, "spec.nodes"),
                unused.to_owned(),
                "start weft-agent on the nodes that should, or choose others",
            );
        }
        chosen.insert(name.clone(), nodes);
    }
    choices.tell_of_silent(findings);
    chosen
}

/// What selectors by label chose, and the nodes that they would have chosen.
#[derive(Default)]
struct Choices<'a> {
    made: BTreeMap<Option<&'a Labels>, Arc<BTreeSet<NodeName>>>,
    silent: BTreeSet<NodeName>,
}

impl<'a> Choices<'a> {
    /// The nodes that the selector of an object chooses. Selectors that choose alike share one set.
    fn choose(
        &mut self,
        reading: &Reading<'a>,
        chooser: (Kind, &str),
        selector: &'a NodeSelector,
        findings: &mut Findings,
    ) -> Arc<BTreeSet<NodeName>> {
        let labels = match selector {
            NodeSelector::Names(names) => {
                return Arc::new(named(reading, chooser, names, findings));
            }
            NodeSelector::All => None,
            NodeSelector::Labels(labels) => Some(labels),
        };
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

    /// Tells of the nodes that would have been chosen, had they ever connected.
    fn tell_of_silent(self, findings: &mut Findings) {
        for node in self.silent {
            findings.warn(
                at(Kind::Node, &node, "metadata.name"),
                "its agent has never connected, so the node is left out".to_owned(),
                "start weft-agent on it, or delete the node",
            );
        }
    }
}

fn named(
    reading: &Reading<'_>,
    (kind, chooser): (Kind, &str),
    names: &BTreeSet<NodeName>,
    findings: &mut Findings,
) -> BTreeSet<NodeName> {
    let mut nodes = BTreeSet::new();
    for name in names {
        let place = at(kind, chooser, "spec.nodes.names");
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
