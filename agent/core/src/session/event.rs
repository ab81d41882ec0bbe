//! What can happen to a node in a rollout.

use weft_model::message::{Command, Fence, Target};
use weft_model::report::Fault;
use weft_model::revision::RolloutId;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A command arrived.
    Command(Fence, Command),
    /// A stage ended: the number of changes that the plan would make, or why it cannot be made.
    Staged {
        /// The rollout that it was for.
        rollout: RolloutId,
        /// The plan that was staged.
        to: Target,
        /// How it ended.
        result: Result<u32, Vec<Fault>>,
    },
    /// An apply ended: the plan is true and verified, or why not.
    Applied {
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
