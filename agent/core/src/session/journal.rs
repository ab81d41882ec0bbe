//! What a node must still know after a crash or a reboot.

use serde::{Deserialize, Serialize};
use weft_model::clock::{Moment, Span};
use weft_model::message::{Confirmed, Found, Gates, Lease, Pin, Progress, Standing, Target};
use weft_model::report::Fault;
use weft_model::revision::{Epoch, RolloutId};

/// One boot of the host; another boot has another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BootId(pub String);

/// The agent's memory of the protocol. The default is a node that was never in a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Journal {
    /// The cluster that the node belongs to; set by the first command that is obeyed.
    pub pin: Option<Pin>,
    /// The highest epoch that was obeyed.
    pub epoch: Epoch,
    /// The last rollout that ended here: it never begins again.
    pub tombstone: RolloutId,
    /// The plan that the node falls back to.
    pub confirmed: Confirmed,
    /// The boot that the moments in `state` count from.
    pub boot: BootId,
    /// Where the node stands.
    pub state: State,
}

/// Where a node stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum State {
    /// The confirmed plan, and nothing else in hand.
    #[default]
    Idle,
    /// A plan is staged; nothing was changed.
    Prepared {
        /// The staged change.
        change: Change,
        /// When the stage is dropped.
        until: Moment,
    },
    /// The change is being made: the node may have parts of either plan.
    Armed {
        /// The change.
        change: Change,
        /// When the node goes back.
        term: Term,
    },
    /// The change is made and true, unconfirmed.
    Verified {
        /// The change.
        change: Change,
        /// When the node goes back.
        term: Term,
    },
    /// The change is being undone.
    Reverting {
        /// The change.
        change: Change,
        /// Whether the decision is known.
        fate: Fate,
        /// Why.
        faults: Vec<Fault>,
        /// How often it was tried in vain.
        attempts: u32,
    },
    /// The change is undone, and the decision is not known.
    Reverted {
        /// The change.
        change: Change,
        /// Why.
        faults: Vec<Fault>,
    },
    /// The change could not be undone: all stays as it is until the operator acts.
    Stuck {
        /// The change.
        change: Change,
        /// Whether the decision is known.
        fate: Fate,
        /// Why.
        faults: Vec<Fault>,
    },
}

/// A change that is not settled.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Change {
    /// The rollout that it belongs to.
    pub rollout: RolloutId,
    /// What the node becomes.
    pub to: Target,
    /// How long it may stand unconfirmed.
    pub lease: Lease,
    /// What the node must show: what it could show when it staged the plan.
    #[serde(default, skip_serializing_if = "Gates::is_empty")]
    pub gates: Gates,
    /// What the node found when it staged the plan.
    pub found: Found,
}

impl Change {
    /// A change that is still to be staged.
    pub fn new(rollout: RolloutId, to: Target, lease: Lease, gates: Gates) -> Self {
        Self {
            rollout,
            to,
            lease,
            gates,
            found: Found::default(),
        }
    }

    /// The change once it is decided: nothing has to be shown for it any more.
    #[must_use]
    pub fn decided(self) -> Self {
        Self {
            gates: Gates::default(),
            ..self
        }
    }

    /// The change once it is staged. Only what worked before may fail it, so what fails already is
    /// asked of the node no more.
    #[must_use]
    pub fn staged(mut self, found: Found) -> Self {
        let works = |probe: &_| !found.failing.contains_key(probe);
        self.gates.probes.retain(works);
        self.found = found;
        self
    }
}

/// How long an unconfirmed change may still stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Term {
    /// The leader whose apply began it.
    pub epoch: Epoch,
    /// When that leader's first apply arrived.
    pub armed: Moment,
    /// When the leader was last heard of.
    pub contact: Moment,
}

impl Term {
    /// When the node goes back.
    pub fn until(self, lease: Lease) -> Moment {
        let silence = self.contact.after(lease.contact);
        silence.min(self.armed.after(lease.cap))
    }
}

/// What a node that goes back knows of the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fate {
    /// Nothing: it goes back of itself.
    Unknown,
    /// The rollout was aborted.
    RolledBack,
}

/// How long to wait before a revert that failed is tried again: the kernel's transient refusals
/// (a device still busy) are over by then.
pub(super) const REVERT_PAUSE: Span = Span::from_secs(2);

/// After so many reverts in vain more of the same only adds noise to what the operator must read.
pub(super) const REVERT_LIMIT: u32 = 5;

impl State {
    /// What is said of the state in a hello.
    pub fn standing(&self) -> Standing {
        let (change, progress) = match self {
            Self::Idle => return Standing::Settled,
            Self::Prepared { change, .. } => (change, Progress::Prepared),
            Self::Armed { change, .. } => (change, Progress::Armed),
            Self::Verified { change, .. } => (change, Progress::Verified),
            Self::Reverting { change, .. } => (change, Progress::Reverting),
            Self::Reverted { change, .. } => (change, Progress::Reverted),
            Self::Stuck { change, .. } => (change, Progress::Stuck),
        };
        Standing::Unsettled {
            rollout: change.rollout,
            to: change.to,
            progress,
        }
    }

    /// The change in hand.
    pub fn change(&self) -> Option<&Change> {
        match self {
            Self::Idle => None,
            Self::Prepared { change, .. }
            | Self::Armed { change, .. }
            | Self::Verified { change, .. }
            | Self::Reverting { change, .. }
            | Self::Reverted { change, .. }
            | Self::Stuck { change, .. } => Some(change),
        }
    }
}
