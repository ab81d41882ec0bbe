//! The agent's half of the rollout: what one node does with each command, outcome and deadline.
//!
//! The shell around it owns the stream, the disk, the drivers and the clock. It calls
//! [`machine::Session::start`] once, then [`machine::Session::step`] for everything that happens,
//! and carries out the effects in their order, each one finished before the next is begun
//! (starting a stage, an apply or a revert is finished when it is started).
//!
//! # Guarantees
//! - Whatever the order, number and age of commands: a revision that is not confirmed is never on
//!   the node without a deadline on disk, and never survives the deadline.
//! - A command of a lower incarnation or a lower epoch than one that was obeyed changes nothing.
//! - A rollout that ended on this node never begins again.
//! - Nothing is sent before the state that it speaks of is on disk.
//!
//! # Assumes
//! - `now` comes from the clock that counts from the boot of the host, and never goes back.
//! - Starting a revert stops an apply that still runs, and the end of that apply is not reported.
//! - The ledger keeps plans by digest, until [`effect::Effect::Forget`].

pub mod journal;

pub mod effect;
pub mod event;

pub mod machine;

mod answer;
mod fence;

mod command;
mod decision;
mod outcome;
mod stage;

#[cfg(test)]
mod tests;
