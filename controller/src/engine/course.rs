//! A rollout that runs, or has ended, with the plans that it brings.

use std::sync::Arc;

use weft_core::condition::Stage;
use weft_core::rollout::machine::Rollout;
use weft_core::rollout::record::{Decision, Phase, Record};
use weft_core::rollout::status::NodeProgress;
use weft_model::message::Target;
use weft_model::name::NodeName;
use weft_model::plan::digest::Digest;
use weft_model::revision::Version;
use weft_proto::convert::plan::{delta_to_wire, whole_to_wire};
use weft_proto::v1;

use super::head::{Head, Next};

/// A rollout that this leader drives or drove last.
pub struct Course {
    /// Where it stands.
    pub machine: Rollout,
    /// The revision that nodes come from.
    pub from: Arc<Head>,
    /// The revision that nodes go to.
    pub next: Next,
    /// The version of the record in the store.
    pub version: Version,
    /// Why the store does not take what should be written next, while it does not.
    pub trouble: Option<String>,
}

impl Course {
    /// What is durable of it.
    pub fn record(&self) -> &Record {
        self.machine.record()
    }

    /// Whether it is over.
    pub fn is_closed(&self) -> bool {
        matches!(self.record().phase, Phase::Closed { .. })
    }

    /// Whether it was decided to keep the change.
    pub fn is_committed(&self) -> bool {
        self.record().phase.decision() == Some(Decision::Commit)
    }

    /// Whether a node takes part.
    pub fn has(&self, node: &NodeName) -> bool {
        self.record().participants.contains_key(node)
    }

    /// What a node has once it has confirmed the change.
    pub fn target(&self, node: &NodeName) -> Target {
        self.next.head.target(node)
    }

    /// How far a node is with the change, as conditions are told.
    pub fn stage(&self, node: &NodeName) -> Stage {
        let Some(status) = self.machine.node_status(node) else {
            return Stage::None;
        };
        match status.progress {
            NodeProgress::Waiting | NodeProgress::Preparing | NodeProgress::Prepared => {
                Stage::Preparing
            }
            NodeProgress::Applying | NodeProgress::Reconnecting | NodeProgress::Verified => {
                Stage::Applied
            }
            NodeProgress::Converging if self.is_committed() => Stage::Applied,
            NodeProgress::Refused => Stage::Refused(status.faults.to_vec()),
            NodeProgress::Failed => Stage::Failed(status.faults.to_vec()),
            NodeProgress::RolledBack if status.faults.is_empty() => Stage::Reverted,
            NodeProgress::RolledBack => Stage::Failed(status.faults.to_vec()),
            NodeProgress::Converging => Stage::Reverted,
            NodeProgress::Confirmed | NodeProgress::Offline => Stage::None,
        }
    }

    /// The plan that a prepare brings to a node that holds the plan with digest `holds`.
    pub fn plan_for(&self, node: &NodeName, holds: Digest) -> v1::PlanDelta {
        match self.next.changes.get(node) {
            Some(change) if change.from == holds => {
                delta_to_wire(&change.delta, change.from, change.to)
            }
            Some(_) | None => self.whole(node),
        }
    }

    /// The whole plan of a node.
    pub fn whole(&self, node: &NodeName) -> v1::PlanDelta {
        whole_to_wire(&self.next.head.plan(node))
    }
}
