//! Which nodes something is for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::name::NodeName;
use crate::object::Labels;

/// Chooses nodes by name or by label.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub enum NodeSelector {
    /// Every node.
    #[default]
    All,
    /// The nodes with these names; never empty.
    Names(BTreeSet<NodeName>),
    /// The nodes that carry all these labels; never empty.
    Labels(Labels),
}

impl NodeSelector {
    /// Whether the selector is `All`, which manifests leave out.
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// Whether the node with this name and these labels is chosen.
    pub fn selects(&self, name: &NodeName, labels: &Labels) -> bool {
        match self {
            Self::All => true,
            Self::Names(names) => names.contains(name),
            Self::Labels(wanted) => wanted
                .iter()
                .all(|(key, value)| labels.get(key) == Some(value)),
        }
    }
}

/// A selector that says two things, or nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "choose nodes either by `names` or by `labels`, and name at least one; leave `nodes` out for all"
)]
pub struct SelectorError;

/// How manifests write a selector.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Form {
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    names: BTreeSet<NodeName>,
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    labels: Labels,
}

impl NodeSelector {
    /// The selector that lists these names or these labels, whichever is not empty.
    ///
    /// # Errors
    /// When both or neither are given.
    pub fn listing(names: BTreeSet<NodeName>, labels: Labels) -> Result<Self, SelectorError> {
        match (names.is_empty(), labels.is_empty()) {
            (false, true) => Ok(Self::Names(names)),
            (true, false) => Ok(Self::Labels(labels)),
            (true, true) | (false, false) => Err(SelectorError),
        }
    }
}

impl TryFrom<Form> for NodeSelector {
    type Error = SelectorError;

    fn try_from(form: Form) -> Result<Self, SelectorError> {
        Self::listing(form.names, form.labels)
    }
}

impl From<NodeSelector> for Form {
    fn from(selector: NodeSelector) -> Self {
        match selector {
            NodeSelector::All => Self {
                names: BTreeSet::new(),
                labels: Labels::new(),
            },
            NodeSelector::Names(names) => Self {
                names,
                labels: Labels::new(),
            },
            NodeSelector::Labels(labels) => Self {
                names: BTreeSet::new(),
                labels,
            },
        }
    }
}
