//! What can happen to a node in a rollout.

use weft_model::message::{Command, Fence, Found, Target};
use weft_model::report::Fault;
use weft_model::revision::RolloutId;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A command arrived.
    Command(Fence, Command),
    /// A stage ended: what was found, or why the plan cannot be made.
    Staged {
        /// The rollout that it was for.
        rollout: RolloutId,
        /// The plan that was staged.
        to: Target,
        /// How it ended.
        result: Result<Found, Vec<Fault>>,
    },
    /// An apply ended: the plan is true and the node passes its gates, or why not.
    Applied {
        /// The rollout that it was for.
        rollout: RolloutId,
        /// How it ended.
        result: Result<(), Vec<Fault>>,
    },
    /// A check ended: the node passes its gates, or why not.
    Checked {
        /// The rollout that it was for.
        rollout: RolloutId,
        /// How it ended.
        result: Result<(), Vec<Fault>>,
    },
    /// A revert ended: the confirmed plan is true, or why not.
    Reverted {
        /// How it ended.
        result: Result<(), Vec<Fault>>,
    },
    /// The moment of the last [`Wake`](super::effect::Effect::Wake) came.
    Timer,
    /// The moment came, and the agent did nothing: its watchdog acts in its place.
    Forsaken,
    /// The operator wants a node that is stuck to try again.
    Retry,
}
