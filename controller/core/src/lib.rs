//! Decides for the cluster, without IO: what users want is checked and resolved, every node's plan
//! is compiled from it, and what differs is told.
//!
//! The modules are listed bottom-up; a module uses only those above its own.

pub mod shelf;

pub mod snapshot;

pub mod device;
mod own_policy;
mod snippet;

pub mod intent;

pub mod validate;

pub mod compile;

pub mod diff;
pub mod plan_text;

pub mod class;

pub mod condition;

pub mod rollout;

#[cfg(test)]
mod fixtures;
