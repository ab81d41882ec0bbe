//! Digests of plans, over their wire form.
//!
//! # Assumes
//! The messages of a plan hold no maps, so their encoding is the same everywhere.

use prost::Message;
use sha2::{Digest as _, Sha256};
use weft_model::plan::digest::Digest;
use weft_model::plan::{Entry, NodePlan, PlanDelta};

use crate::v1;

/// The digest of one entry: SHA-256 of its wire form.
pub fn entry(entry: &Entry) -> Digest {
    Digest::from_bytes(Sha256::digest(v1::Entry::from(entry).encode_to_vec()).into())
}

/// The digest of a whole plan. Its cost is that of the plan; see [`changed`] for that of a change.
pub fn plan(plan: &NodePlan) -> Digest {
    plan.entries()
        .fold(Digest::EMPTY, |sum, (_, part)| sum.with(entry(part)))
}

/// The digest that `plan`, whose digest is `before`, has once `delta` is applied to it.
pub fn changed(plan: &NodePlan, before: Digest, delta: &PlanDelta) -> Digest {
    let replaced = delta.put.iter().map(|part| part.key());
    let gone = delta
        .remove
        .iter()
        .cloned()
        .chain(replaced)
        .filter_map(|key| plan.get(&key).cloned());
    let rest = gone.fold(before, |sum, part| sum.without(entry(&part)));
    delta
        .put
        .iter()
        .fold(rest, |sum, part| sum.with(entry(part)))
}
