//! The controller's half of the rollout: one revision brought to all nodes, or to none.
//!
//! The shell around it owns the store, the streams and the clock. A leader makes a
//! [`record::Record`] and writes it once, or reads the one that it finds, gives it to
//! [`machine::Rollout::load`], and calls [`machine::Rollout::step`] for everything that happens.
//!
//! # Guarantees
//! - A rollout has one decision for ever. It is durable before any node hears of it.
//! - No node is told to apply before every participant has prepared and that is durable.
//! - The decision to commit is only asked for while every participant has said, to this leader,
//!   that the change is true, and no participant can have gone back for want of contact.
//! - Where nodes must stand by the change for a while, between waves or before the decision, every
//!   one of them says after that while that it still does and that it passes its gates.
//! - One event costs what it touches: a node, not the cluster. Only the changes of phase, of which
//!   a rollout has four, and what follows such a while, visit every participant.
//!
//! # Assumes
//! - The store carries out a [`record::Transaction`] whole or not at all, only while this leader
//!   leads, and only if the record is still the one that it replaces.
//! - `now` comes from one steady clock that drifts less than [`policy::DRIFT_PERCENT`].
//! - A hello is the first message of a stream, and is given before what follows it.

pub mod policy;

pub mod record;

pub mod effect;
pub mod event;

mod node;
mod tally;
mod wave;

pub mod machine;

mod consent;

mod enter;

mod look;

mod absorb;
pub mod advance;
mod tick;

pub mod status;

mod explain;

pub mod welcome;

pub mod catchup;

#[cfg(test)]
mod tests;
