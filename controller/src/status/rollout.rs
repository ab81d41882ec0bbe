//! Rollouts as clients see them.

use weft_core::rollout::record::{Decision, Phase, Reason, Record};
use weft_core::rollout::status::{NodeProgress, NodeStatus, closing_words, phase_word};
use weft_model::clock::Moment;
use weft_model::name::NodeName;
use weft_model::report::Fault;
use weft_proto::v1;

use crate::engine::course::Course;

/// A rollout that this leader drives or drove last.
pub fn running(course: &Course, now: Moment) -> v1::Rollout {
    let machine = &course.machine;
    let waits = machine.confirm_until().map(|until| now.until(until));
    v1::Rollout {
        phase: machine.phase_word().to_owned(),
        reason: machine.reason(),
        nodes: machine.statuses().map(node).collect(),
        confirm_remaining_seconds: waits
            .map(|span| u32::try_from(span.0.div_ceil(1_000)).unwrap_or(u32::MAX))
            .unwrap_or_default(),
        ..common(course.record())
    }
}

/// A rollout of which only the record is known.
pub fn recorded(record: &Record) -> v1::Rollout {
    let reason = match &record.phase {
        Phase::Aborted(reason) => reason.to_string(),
        Phase::Preparing | Phase::Applying { .. } | Phase::Committed | Phase::Closed { .. } => {
            closing_words(record).unwrap_or_default()
        }
    };
    v1::Rollout {
        phase: phase_word(record).to_owned(),
        reason,
        nodes: record
            .participants
            .keys()
            .map(|name| recorded_node(record, name))
            .collect(),
        ..common(record)
    }
}

fn common(record: &Record) -> v1::Rollout {
    v1::Rollout {
        rollout: record.id.0,
        from: record.from.0,
        to: record.to.0,
        decision: match record.phase.decision() {
            None => "none",
            Some(Decision::Commit) => "commit",
            Some(Decision::Abort(_)) => "abort",
        }
        .to_owned(),
        author: record.author.clone(),
        message: record.message.clone(),
        started: record.started.0,
        decided: record.decided.map_or(0, |decided| decided.0),
        deferred: record.deferred.iter().map(ToString::to_string).collect(),
        ..v1::Rollout::default()
    }
}

fn node(status: NodeStatus<'_>) -> v1::RolloutNode {
    v1::RolloutNode {
        node: status.node.to_string(),
        state: status.progress.as_str().to_owned(),
        faults: status.faults.iter().map(Into::into).collect(),
        steps: status.steps,
    }
}

/// What a record says of a node: how it ended, and whether the node caused that.
fn recorded_node(record: &Record, name: &NodeName) -> v1::RolloutNode {
    let progress = match &record.phase {
        Phase::Preparing | Phase::Applying { .. } => NodeProgress::Waiting,
        Phase::Committed | Phase::Aborted(_) => NodeProgress::Converging,
        Phase::Closed { unsettled, .. } if unsettled.contains(name) => NodeProgress::Converging,
        Phase::Closed { decision, .. } => match decision {
            Decision::Commit => NodeProgress::Confirmed,
            Decision::Abort(_) => NodeProgress::RolledBack,
        },
    };
    let faults = match record.phase.decision() {
        Some(Decision::Abort(reason)) => faults(&reason, name),
        Some(Decision::Commit) | None => Vec::new(),
    };
    v1::RolloutNode {
        node: name.to_string(),
        state: progress.as_str().to_owned(),
        faults: faults.iter().map(Into::into).collect(),
        steps: 0,
    }
}

fn faults(reason: &Reason, name: &NodeName) -> Vec<Fault> {
    match reason {
        Reason::Refused { node, faults } | Reason::Failed { node, faults } if node == name => {
            faults.clone()
        }
        Reason::Refused { .. }
        | Reason::Failed { .. }
        | Reason::User { .. }
        | Reason::Lost { .. }
        | Reason::Unprepared { .. }
        | Reason::Unconfirmed { .. } => Vec::new(),
    }
}
