//! How much of a node is looked at: all of it, or only what changed.

use std::collections::BTreeSet;

use weft_model::plan::link::Link;
use weft_model::plan::{Entry, EntryKey, NodePlan, PlanDelta};

use crate::seen::{Seen, SeenLink};

/// Which devices are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// Those with these names, and the source translations where `nat` says so.
    Some {
        /// Names of devices.
        names: BTreeSet<String>,
        /// Whether source translations are looked at.
        nat: bool,
    },
}

impl Scope {
    /// What two plans differ in.
    pub fn between(was: &NodePlan, next: &NodePlan) -> Self {
        let PlanDelta { remove, put } = was.delta(next);
        let mut names = BTreeSet::new();
        let mut nat = false;
        for key in remove {
            match key {
                EntryKey::Link(name) => drop(names.insert(name.as_str().to_owned())),
                EntryKey::Nat(..) => nat = true,
            }
        }
        for entry in put {
            match &*entry {
                Entry::Link(link) => drop(names.insert(link.name.as_str().to_owned())),
                Entry::Nat(_) => nat = true,
            }
        }
        Self::Some { names, nat }
    }

    /// Widens the scope by these devices.
    #[must_use]
    pub fn and(self, more: impl IntoIterator<Item = String>) -> Self {
        match self {
            Self::All => Self::All,
            Self::Some { mut names, nat } => {
                names.extend(more);
                Self::Some { names, nat }
            }
        }
    }

    pub(crate) fn has_nat(&self) -> bool {
        match self {
            Self::All => true,
            Self::Some { nat, .. } => *nat,
        }
    }

    pub(crate) fn wanted<'a>(&self, want: &'a NodePlan) -> Vec<&'a Link> {
        let mut links: Vec<&Link> = match self {
            Self::All => want.links().collect(),
            Self::Some { names, .. } => names
                .iter()
                .filter_map(|name| want.link(&name.parse().ok()?))
                .collect(),
        };
        // Stable: masters first, each half in the order of the names.
        links.sort_by_key(|link| link.master.is_some());
        links
    }

    pub(crate) fn present<'a>(&self, seen: &'a Seen) -> Vec<&'a SeenLink> {
        match self {
            Self::All => seen.links().collect(),
            Self::Some { names, .. } => names.iter().filter_map(|name| seen.named(name)).collect(),
        }
    }
}
