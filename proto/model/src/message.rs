//! The messages of the rollout protocol between controller and agent, without their wire form.

use serde::{Deserialize, Serialize};

use crate::plan::digest::Digest;
use crate::report::Fault;
use crate::revision::{ClusterId, Epoch, Incarnation, Nonce, RevisionId, RolloutId};

/// What every command carries so that an agent can refuse one that is not for it, not from the
/// present leader, or too late.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fence {
    /// The cluster that the command is for.
    pub cluster: ClusterId,
    /// The store's incarnation.
    pub incarnation: Incarnation,
    /// The leader's epoch.
    pub epoch: Epoch,
    /// The rollout that the command belongs to.
    pub rollout: RolloutId,
    /// Echoed by the answer.
    pub nonce: Nonce,
}

/// What a controller asks of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Check and stage the plan of `to`; change nothing.
    Prepare {
        /// The revision that the node must hold as confirmed.
        from: RevisionId,
        /// The revision to stage.
        to: RevisionId,
        /// The digest of the node's plan at `to`.
        digest: Digest,
    },
    /// Make the staged plan true, unconfirmed.
    Apply,
    /// The controller is still there.
    KeepAlive,
    /// The change is decided: keep it.
    Confirm,
    /// The change is off: return to the confirmed plan.
    Rollback,
    /// Become `to` alone, outside any rollout.
    CatchUp {
        /// The revision that the cluster is at.
        to: RevisionId,
        /// The digest of the node's plan at `to`.
        digest: Digest,
    },
}

/// What an agent says to a command; always with the fence of the command it answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The plan is staged and could be applied.
    Prepared {
        /// How many changes it would make.
        steps: u32,
    },
    /// The plan cannot be applied here; nothing was changed.
    Refused(Vec<Fault>),
    /// A keep-alive arrived.
    Alive,
    /// The plan is true on the node, unconfirmed.
    Verified,
    /// The plan could not be made true; the node is on its way back.
    Failed(Vec<Fault>),
    /// The plan is now the node's confirmed plan.
    Confirmed,
    /// The node is back at its confirmed plan.
    RolledBack,
}
