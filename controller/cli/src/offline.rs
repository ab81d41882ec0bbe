//! What a node must be, worked out here, without a controller.

use std::collections::{BTreeMap, BTreeSet};

use weft_core::snapshot::Snapshot;
use weft_core::{compile, validate};
use weft_model::facts::Facts;
use weft_model::name::NodeName;
use weft_model::note::Note;
use weft_model::object::node::NodeSpec;
use weft_model::object::selector::NodeSelector;
use weft_model::object::{Declared, Kind, Labels, Metadata, Object, ObjectKey};
use weft_model::plan::NodePlan;
use weft_model::revision::Version;

/// The plan of `node`, with the warnings; every node that anything names is taken to be there.
///
/// # Errors
/// Every finding, when one of them stops the objects from being used.
pub fn plan(
    mut objects: Vec<Object>,
    facts: BTreeMap<NodeName, Facts>,
    node: &NodeName,
) -> Result<(NodePlan, Vec<Note>), Vec<Note>> {
    let known: BTreeSet<ObjectKey> = objects.iter().map(Object::key).collect();
    let mut named: BTreeSet<NodeName> = facts.keys().cloned().collect();
    named.insert(node.clone());
    for object in &objects {
        named.extend(nodes(object).cloned());
    }
    named.retain(|name| !known.contains(&ObjectKey::new(Kind::Node, name.as_str())));
    objects.extend(named.into_iter().map(|name| {
        Object::Node(Declared {
            metadata: Metadata {
                name,
                labels: Labels::new(),
            },
            spec: NodeSpec::default(),
        })
    }));
    let snapshot = Snapshot::new(Version::default(), objects, facts);
    let (intent, warnings) = validate::validate(&snapshot)?;
    Ok((compile::node(&intent, node), warnings))
}

/// The nodes that an object names.
fn nodes(object: &Object) -> impl Iterator<Item = &NodeName> {
    let (selector, members) = match object {
        Object::Zone(it) => (Some(&it.spec.nodes), None),
        Object::Controller(it) => (Some(&it.spec.nodes), None),
        Object::FrrSnippet(it) => (Some(&it.spec.nodes), None),
        Object::HostNetwork(it) => (Some(&it.spec.nodes), None),
        Object::Fabric(it) => (None, Some(it.spec.nodes.keys())),
        Object::Node(_)
        | Object::PrefixList(_)
        | Object::RouteMap(_)
        | Object::Vnet(_)
        | Object::Subnet(_) => (None, None),
    };
    let selected = selector.and_then(|it| match it {
        NodeSelector::Names(names) => Some(names),
        NodeSelector::All | NodeSelector::Labels(_) => None,
    });
    selected
        .into_iter()
        .flatten()
        .chain(members.into_iter().flatten())
}
