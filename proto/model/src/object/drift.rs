//! What an agent does when someone else changes a device that is ours.

use serde::{Deserialize, Serialize};

/// What to do about drift.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum DriftPolicy {
    /// Undo the change and report it.
    #[default]
    Heal,
    /// Only report it.
    Observe,
}
