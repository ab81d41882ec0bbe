//! What a node says of what it was asked to become.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::plan::Origin;
use crate::revision::Timestamp;

/// One thing that a node would not or could not do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// The objects that it concerns, where it concerns any.
    pub origin: Option<Origin>,
    /// What was attempted, on what: `cannot create device vxlan_web of type vxlan`.
    pub attempt: String,
    /// Why it failed.
    pub cause: String,
    /// What to do about it.
    pub advice: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        write!(f, "{}: {}", self.attempt, self.cause)?;
        if !self.advice.is_empty() {
            write!(f, ": {}", self.advice)?;
        }
        Ok(())
    }
}

/// Something that happened on a node and that people want to know of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeEvent {
    /// When it happened, by the node's clock.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
    /// The objects that it concerns, where it concerns any.
    pub origin: Option<Origin>,
    /// What happened, in words: `device web was deleted by someone else and is back`.
    pub message: String,
}

/// The kinds of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EventKind {
    /// Someone else changed a device of ours, and it was put right.
    DriftHealed,
    /// Someone else changed a device of ours, and the zone says to leave it.
    DriftObserved,
    /// Someone else changed a device of ours, and putting it right failed.
    DriftFailed,
    /// An unconfirmed change was undone by the node alone.
    Reverted,
    /// The agent started.
    Started,
    /// A routing session was lost.
    SessionLost,
    /// A routing session came up, or is up again.
    SessionUp,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::DriftHealed,
        Self::DriftObserved,
        Self::DriftFailed,
        Self::Reverted,
        Self::Started,
        Self::SessionLost,
        Self::SessionUp,
    ];

    /// The reason word that clients show, `DriftHealed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DriftHealed => "DriftHealed",
            Self::DriftObserved => "DriftObserved",
            Self::DriftFailed => "DriftFailed",
            Self::Reverted => "Reverted",
            Self::Started => "Started",
            Self::SessionLost => "SessionLost",
            Self::SessionUp => "SessionUp",
        }
    }
}
