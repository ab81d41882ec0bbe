//! Rollouts as clients see them.

use weft_core::rollout::record::{Decision, Phase, Reason, Record};
use weft_core::rollout::status::{NodeProgress, NodeStatus, closing_words, phase_word};
use weft_model::clock::{Moment, Span};
use weft_model::name::NodeName;
use weft_model::report::Fault;
use weft_proto::v1;

use crate::engine::course::Course;
use crate::store::results::{End, NodeResult, Trouble};

/// A rollout that this leader drives or drove last.
pub fn running(course: &Course, now: Moment) -> v1::Rollout {
    let machine = &course.machine;
    let soaks = machine.soak_until().map(|until| now.until(until));
    let (begun, _) = machine.waves();
    // While it applies, it does not wait for a person, or not any more.
    let waits = machine.confirm_until().map(|until| now.until(until));
    let waits = waits.filter(|_| machine.phase_word() != "Applying");
    let reason = match (machine.reason(), &course.trouble) {
        (reason, None) => reason,
        (reason, Some(trouble)) if reason.is_empty() => trouble.clone(),
        (reason, Some(trouble)) => format!("{reason}; {trouble}"),
    };
    v1::Rollout {
        phase: machine.phase_word().to_owned(),
        reason,
        nodes: machine
            .explained(now)
            .map(|(status, detail)| node(status, detail))
            .collect(),
        confirm_remaining_seconds: seconds(waits),
        soak_remaining_seconds: seconds(soaks),
        waves_begun: number(begun),
        ..common(course.record())
    }
}

/// A rollout that is over, with what became of its nodes.
pub fn ended(record: &Record, results: &[NodeResult]) -> v1::Rollout {
    if results.is_empty() {
        return recorded(record);
    }
    let (deferred, nodes) = results
        .iter()
        .partition::<Vec<_>, _>(|result| result.end == End::Deferred);
    let told = |results: Vec<&NodeResult>| results.into_iter().map(result).collect();
    v1::Rollout {
        nodes: told(nodes),
        deferred_nodes: told(deferred),
        ..recorded(record)
    }
}

fn result(result: &NodeResult) -> v1::RolloutNode {
    v1::RolloutNode {
        node: result.node.to_string(),
        state: match result.end {
            End::Confirmed => "Confirmed",
            End::RolledBack => "RolledBack",
            End::Converging | End::Open => "Converging",
            End::Offline => "Offline",
            End::Deferred => "Deferred",
        }
        .to_owned(),
        faults: result.faults.iter().map(Into::into).collect(),
        steps: result.steps,
        at: result.at.0,
        trouble: match result.trouble {
            Trouble::None => "",
            Trouble::Refused => "refused",
            Trouble::Failed => "failed",
        }
        .to_owned(),
        later: result.later.map_or(0, |later| later.at.0),
        later_revision: result.later.map_or(0, |later| later.revision.0),
        failing_before: result.failing.iter().map(Into::into).collect(),
        disruptive: result.disruptive.iter().map(Into::into).collect(),
        ..v1::RolloutNode::default()
    }
}

fn seconds(left: Option<Span>) -> u32 {
    let seconds = left.map_or(0, |left| left.0.div_ceil(1_000));
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
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
        waves: number(record.waves()),
        probes: record
            .policy
            .gates
            .probes
            .iter()
            .map(ToString::to_string)
            .collect(),
        deferred: record.deferred.iter().map(ToString::to_string).collect(),
        node_count: u32::try_from(record.participants.len()).unwrap_or(u32::MAX),
        confirmed_by: record
            .consent
            .given
            .as_ref()
            .map(|given| given.author.clone())
            .unwrap_or_default(),
        ..v1::Rollout::default()
    }
}

fn node(status: NodeStatus<'_>, detail: String) -> v1::RolloutNode {
    v1::RolloutNode {
        node: status.node.to_string(),
        state: status.progress.as_str().to_owned(),
        faults: status.faults.iter().map(Into::into).collect(),
        steps: status.steps,
        wave: status.wave,
        detail,
        failing_before: status.failing.into_iter().map(Into::into).collect(),
        disruptive: status.disruptive.iter().map(Into::into).collect(),
        ..v1::RolloutNode::default()
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
        wave: record.participants.get(name).map_or(0, |wave| wave + 1),
        ..v1::RolloutNode::default()
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
