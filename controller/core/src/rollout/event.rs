//! What can happen in a rollout.

use weft_model::clock::Moment;
use weft_model::message::{Answer, Fence, Hello};
use weft_model::name::NodeName;
use weft_model::revision::Timestamp;

use super::record::Record;

/// The time of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Now {
    /// By the leader's steady clock: decisions depend on this one.
    pub steady: Moment,
    /// By the wall: for people only.
    pub wall: Timestamp,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A node connected and said where it stands.
    Hello(NodeName, Hello),
    /// A node's stream ended.
    Lost(NodeName),
    /// A node answered.
    Answer(NodeName, Fence, Answer),
    /// Time passed; wanted at [`next_wake`](super::machine::Rollout::next_wake).
    Tick,
    /// A write ended.
    Written(Outcome),
    /// The record that [`Read`](super::effect::Effect::Read) asked for, read linearizably.
    Read(Box<Record>),
    /// Someone wants something.
    User(Wish),
}

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is durable.
    Won,
    /// The stored record was not the one to be replaced.
    Lost,
    /// Nobody knows: it may be durable, or become so, or not.
    Unknown,
    /// The writer leads no more.
    Deposed,
}

/// What a user may want of a rollout that runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Wish {
    /// Tell no further node to apply.
    Pause,
    /// Go on.
    Resume,
    /// Keep the change, under a policy that leaves this to a person.
    Confirm {
        /// Who wants it.
        author: String,
    },
    /// Undo the change.
    Abort {
        /// Who wants it.
        author: String,
    },
}
