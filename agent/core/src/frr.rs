//! What a node's FRR must be told so that it is what the plan says.
//!
//! # Guarantees
//! * What is asked for is compared with what runs, a section at a time; what is the same costs
//!   nothing, and no command is sent where nothing differs.
//! * Only what we wrote is taken away. A line that was there before us, or that someone added to a
//!   section of ours, stays; one that says something else about the same thing is a clash.
//! * What can be changed in place is: a session is not dropped for a line that does not concern it,
//!   and a route map is never away for a moment.
//!
//! # Assumes
//! FRR keeps no order of lines within a section but that of numbers in them.

pub mod config;
pub mod daemon;
pub mod grammar;
pub mod version;

pub mod want;

pub mod step;

pub mod difference;

pub mod file;

#[cfg(test)]
mod model;

#[cfg(test)]
mod laws;
