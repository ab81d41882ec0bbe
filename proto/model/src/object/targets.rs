//! Which routes a network takes in, and how it marks its own.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::route_target::RouteTarget;

/// Route targets that a user chose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteTargets {
    /// Routes with any of these are taken in.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub import: BTreeSet<RouteTarget>,
    /// The network's own routes carry all of these.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub export: BTreeSet<RouteTarget>,
}

impl RouteTargets {
    /// Whether none was chosen.
    pub fn is_empty(&self) -> bool {
        self.import.is_empty() && self.export.is_empty()
    }
}
