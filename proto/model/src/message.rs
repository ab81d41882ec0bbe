//! The messages of the rollout protocol between controller and agent, without their wire form.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::clock::Span;
use crate::name::ProbeName;
use crate::plan::digest::Digest;
use crate::report::Fault;
use crate::revision::{ClusterId, Epoch, Incarnation, Nonce, RevisionId, RolloutId};

/// What every command carries so that an agent can refuse one that is not for it, not from the
/// present leader, or too late.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fence {
    /// The cluster that the command is for.
    pub cluster: ClusterId,
    /// The store's incarnation.
    pub incarnation: Incarnation,
    /// The leader's epoch.
    pub epoch: Epoch,
    /// The rollout that the command belongs to; for a catch-up, the one that set the head.
    pub rollout: RolloutId,
    /// Echoed by the answer.
    pub nonce: Nonce,
}

/// What a node is or must become: a revision, and the digest of the node's own plan at it.
///
/// Equal digests mean that the node has nothing to do, whatever the revisions' numbers: a node
/// that a rollout did not touch keeps the number of the last one that did.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Target {
    /// The revision.
    pub revision: RevisionId,
    /// The digest of the node's plan at the revision.
    pub digest: Digest,
}

impl Target {
    /// What a node is that never confirmed anything: the empty plan of the empty revision.
    pub const EMPTY: Self = Self {
        revision: RevisionId::EMPTY,
        digest: Digest::EMPTY,
    };
}

/// How long an unconfirmed change may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lease {
    /// Without a word from the leader.
    pub contact: Span,
    /// At all, counted from the first apply of the present leader.
    pub cap: Span,
}

/// What a node must show, besides a network that is what its plan says, before it may call a
/// change good.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gates {
    /// Probes to run, by the names under which the node's administrator allows them.
    pub probes: BTreeSet<ProbeName>,
    /// How long each may take; one that takes longer is ended, and has failed.
    pub limit: Span,
    /// Whether routing sessions that were up before may be down after.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sessions_may_fall: bool,
}

impl Gates {
    /// Whether nothing is said that is not so by itself.
    pub fn is_empty(&self) -> bool {
        self.probes.is_empty() && !self.sessions_may_fall
    }
}

/// What a node found when it prepared.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Found {
    /// How many changes the plan would make.
    pub steps: u32,
    /// Probes that fail already, and how. Only what worked before may fail a rollout, so they are
    /// not run again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failing: BTreeMap<ProbeName, Fault>,
    /// What the plan takes away from guests that are plugged in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disruptive: Vec<Fault>,
}

impl Found {
    /// Nothing but a number of changes.
    pub fn steps(steps: u32) -> Self {
        Self {
            steps,
            ..Self::default()
        }
    }
}

/// What a controller asks of an agent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Command {
    /// Check and stage the plan of `to`; change nothing.
    Prepare {
        /// What the node must hold as confirmed.
        from: Target,
        /// What to stage.
        to: Target,
        /// How long the change may stand unconfirmed; the stage is kept for as long as `cap` if
        /// the leader says no more of it.
        lease: Lease,
        /// What the node must show. What it cannot show before the change is not asked for after.
        gates: Gates,
    },
    /// Make the staged plan true, unconfirmed; from a new leader, tell again how it stands.
    Apply,
    /// The controller is still there.
    KeepAlive,
    /// Say whether the change, which is made and unconfirmed, still is true and passes its gates.
    Check,
    /// The change is decided: keep it. A node that has gone back makes the change again, alone.
    Confirm,
    /// The change is off: return to the confirmed plan.
    Rollback,
    /// Become `to` alone, outside any rollout: prepare and apply in one; a confirm follows.
    CatchUp {
        /// What the cluster wants of the node.
        to: Target,
        /// How long the change may stand unconfirmed.
        lease: Lease,
    },
}

/// What an agent says to a command; always with the fence of the command it answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// The plan is staged and could be applied.
    Prepared(Found),
    /// The plan cannot be applied here; nothing was changed.
    Refused(Vec<Fault>),
    /// A keep-alive arrived while the change stands unconfirmed: its lease is longer now.
    Alive,
    /// The plan is true on the node, unconfirmed, and passed its gates after the command came.
    Verified,
    /// The plan could not be made true, or could not be kept, and the node is on its way back; or
    /// it does not pass its gates, and the node waits for the decision to go back.
    Failed(Vec<Fault>),
    /// The plan is now the node's confirmed plan.
    Confirmed,
    /// The node is at its confirmed plan and will not hear of this rollout again.
    RolledBack,
}

/// Where a node stands when it connects: the first thing it says on every stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hello {
    /// The cluster that the node belongs to, and the incarnation it knows; none on first contact.
    pub pin: Option<Pin>,
    /// The highest epoch that the node has obeyed.
    pub epoch: Epoch,
    /// The last plan that was confirmed.
    pub confirmed: Confirmed,
    /// A change that is not settled, if there is one.
    pub standing: Standing,
}

/// The cluster that a node belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pin {
    /// The cluster.
    pub cluster: ClusterId,
    /// How often its store was restored, as far as the node knows.
    pub incarnation: Incarnation,
}

/// The last plan that a node confirmed.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Confirmed {
    /// The rollout that brought it.
    pub rollout: RolloutId,
    /// The plan.
    pub target: Target,
}

/// What a node has begun and not finished.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Standing {
    /// Nothing.
    #[default]
    Settled,
    /// A change that waits for a decision or for the node itself.
    Unsettled {
        /// The rollout that it belongs to.
        rollout: RolloutId,
        /// What the node would become.
        to: Target,
        /// How far it is.
        progress: Progress,
    },
}

/// How far an unsettled change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Progress {
    /// Staged; nothing was changed.
    Prepared,
    /// Being made.
    Armed,
    /// Made and true, unconfirmed.
    Verified,
    /// Being undone.
    Reverting,
    /// Undone by the node itself; it does not know the decision.
    Reverted,
    /// Could not be undone; the node leaves everything as it is and waits for the operator.
    Stuck,
}
