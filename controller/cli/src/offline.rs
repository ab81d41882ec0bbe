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
        if let Object::Zone(zone) = object
            && let NodeSelector::Names(names) = &zone.spec.nodes
        {
            named.extend(names.iter().cloned());
        }
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
