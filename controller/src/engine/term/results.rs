//! What became of every node of a rollout, for the history: who confirmed, who was in the way and
//! why, who came back later.
//!
//! # Never
//! Nothing is decided by it.

use std::collections::{BTreeMap, BTreeSet};

use weft_core::rollout::record::{Phase, Record};
use weft_core::rollout::status::{NodeProgress, NodeStatus};
use weft_model::clock::{Moment, Span};
use weft_model::message::Answer;
use weft_model::name::NodeName;
use weft_model::report::Fault;
use weft_model::revision::{RevisionId, RolloutId, Timestamp};

use super::Term;
use crate::engine::clock::wall_clock;
use crate::engine::course::Course;
use crate::store::results::{End, Later, NodeResult, Results, Trouble};

/// How long it is collected who came back before it is written: they come back together.
const COLLECT: Span = Span(500);

/// More faults of one node, or longer ones, tell people nothing more; and those of a hundred nodes
/// fit one key.
const FAULTS: usize = 3;
const LONGEST: usize = 200;

/// What this leader saw of the nodes, beside what the state machine keeps.
#[derive(Default)]
pub(super) struct Chronicle {
    /// How nodes were in the way of the rollout that runs.
    trouble: BTreeMap<NodeName, (Trouble, Vec<Fault>)>,
    /// When nodes last said something that settles them.
    said: BTreeMap<NodeName, Timestamp>,
    /// Who had not heard how rollouts ended.
    away: BTreeMap<NodeName, BTreeSet<RolloutId>>,
    back: BTreeMap<RolloutId, BTreeMap<NodeName, Later>>,
    due: Option<Moment>,
}

impl Chronicle {
    /// What the store knows of nodes that are away.
    pub(super) fn of(away: BTreeMap<RolloutId, BTreeSet<NodeName>>) -> Self {
        let mut chronicle = Self::default();
        for (rollout, nodes) in away {
            chronicle.miss(rollout, nodes);
        }
        chronicle
    }

    /// When there is something to write.
    pub(super) fn next_wake(&self) -> Option<Moment> {
        self.due
    }

    /// A rollout begins, or goes on with what was stored of it.
    pub(super) fn begin(&mut self, stored: Results) {
        self.said.clear();
        self.trouble = stored
            .into_iter()
            .filter(|result| result.trouble != Trouble::None)
            .map(|result| (result.node, (result.trouble, result.faults)))
            .collect();
    }

    fn miss(&mut self, rollout: RolloutId, nodes: impl IntoIterator<Item = NodeName>) {
        for node in nodes {
            self.away.entry(node).or_default().insert(rollout);
        }
    }

    fn hear(&mut self, node: &NodeName, answer: &Answer, at: Timestamp) {
        let trouble = match answer {
            Answer::Refused(faults) => (Trouble::Refused, faults),
            Answer::Failed(faults) => (Trouble::Failed, faults),
            Answer::Confirmed | Answer::RolledBack => {
                self.said.entry(node.clone()).or_insert(at);
                return;
            }
            Answer::Prepared { .. } | Answer::Alive | Answer::Verified => return,
        };
        let faults = trouble.1.iter().take(FAULTS).map(cut).collect();
        // What was said first is the reason, what follows is mostly its consequence.
        self.trouble
            .entry(node.clone())
            .or_insert((trouble.0, faults));
    }

    fn result(&self, status: &NodeStatus<'_>, now: Timestamp) -> NodeResult {
        let known = self.trouble.get(status.node).cloned();
        let (trouble, faults) = known.unwrap_or_default();
        NodeResult {
            node: status.node.clone(),
            end: end(status.progress),
            at: self.said.get(status.node).copied().unwrap_or(now),
            steps: status.steps,
            trouble,
            faults,
            failing: status.failing.iter().map(|it| (*it).clone()).collect(),
            disruptive: status.disruptive.to_vec(),
            later: None,
        }
    }
}

/// How a node stands, as the history tells it.
fn end(progress: NodeProgress) -> End {
    match progress {
        NodeProgress::Confirmed => End::Confirmed,
        NodeProgress::RolledBack => End::RolledBack,
        NodeProgress::Offline => End::Offline,
        NodeProgress::Converging | NodeProgress::Refused | NodeProgress::Failed => End::Converging,
        NodeProgress::Waiting
        | NodeProgress::Preparing
        | NodeProgress::Prepared
        | NodeProgress::Applying
        | NodeProgress::Reconnecting
        | NodeProgress::Verified => End::Open,
    }
}

fn cut(fault: &Fault) -> Fault {
    let cut = |text: &String| text.chars().take(LONGEST).collect();
    Fault {
        origin: fault.origin.clone(),
        attempt: cut(&fault.attempt),
        cause: cut(&fault.cause),
        advice: cut(&fault.advice),
    }
}

impl Term {
    /// Keeps in mind what a participant says of itself.
    pub(super) fn chronicle(&mut self, node: &NodeName, rollout: RolloutId, answer: &Answer) {
        let takes_part = self.parts.board.read(|state| {
            let course = state.course.as_ref();
            course.is_some_and(|course| course.record().id == rollout && course.has(node))
        });
        if takes_part {
            self.chronicle.hear(node, answer, wall_clock());
        }
    }

    /// What became of all nodes of a rollout whose record becomes `record`; nothing unless it is
    /// over, or is aborted with somebody in the way.
    pub(super) fn results(&self, record: &Record) -> Option<Results> {
        match record.phase {
            Phase::Closed { .. } => {}
            Phase::Aborted(_) if !self.chronicle.trouble.is_empty() => {}
            Phase::Preparing | Phase::Applying { .. } | Phase::Committed | Phase::Aborted(_) => {
                return None;
            }
        }
        let now = wall_clock();
        self.parts.board.read(|state| {
            let course = state.course.as_ref()?;
            let mut results: Results = course
                .machine
                .statuses()
                .map(|status| self.chronicle.result(&status, now))
                .collect();
            results.extend(deferred(course, now));
            results.sort_by(|one, other| one.node.cmp(&other.node));
            Some(results)
        })
    }

    /// A rollout is over: remembers who has still to hear of it.
    pub(super) fn miss(&mut self, record: &Record) {
        if let Phase::Closed { unsettled, .. } = &record.phase {
            let away = unsettled.iter().chain(&record.deferred).cloned();
            self.chronicle.miss(record.id, away);
        }
    }

    /// A node has what it should have: the rollouts that ended without it say so.
    pub(super) fn came_back(&mut self, node: &NodeName, revision: RevisionId) {
        let Some(rollouts) = self.chronicle.away.remove(node) else {
            return;
        };
        let later = Later {
            at: wall_clock(),
            revision,
        };
        for rollout in rollouts {
            let back = self.chronicle.back.entry(rollout).or_default();
            back.insert(node.clone(), later);
        }
        let now = self.clock.now();
        self.chronicle.due.get_or_insert(now.after(COLLECT));
    }

    pub(super) fn tick_results(&mut self) {
        let now = self.clock.now();
        if self.chronicle.due.is_some_and(|due| due <= now) {
            self.chronicle.due = None;
            for (rollout, nodes) in std::mem::take(&mut self.chronicle.back) {
                self.secretary.note_later(rollout, nodes);
            }
        }
    }
}

fn deferred(course: &Course, now: Timestamp) -> impl Iterator<Item = NodeResult> {
    course.record().deferred.iter().map(move |node| NodeResult {
        node: node.clone(),
        end: End::Deferred,
        at: now,
        steps: 0,
        trouble: Trouble::None,
        faults: Vec::new(),
        failing: Vec::new(),
        disruptive: Vec::new(),
        later: None,
    })
}
