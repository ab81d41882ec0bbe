//! What nodes have confirmed, kept for the next leader to show while they are away.
//!
//! # Never
//! Nothing is decided by these records: what a node has is what it says when it connects.

use std::collections::BTreeMap;

use weft_core::rollout::catchup;
use weft_model::clock::{Moment, Span};
use weft_model::message::{Confirmed, Target};
use weft_model::name::NodeName;

use super::Term;
use crate::engine::clock::wall_clock;
use crate::store::nodes::NodeRecord;

/// How long records are collected before they are written, so that a rollout to many nodes is few
/// transactions.
const COLLECT: Span = Span(500);

/// What is stored of nodes, and what is to be.
#[derive(Default)]
pub(super) struct Records {
    stored: BTreeMap<NodeName, Target>,
    waiting: BTreeMap<NodeName, NodeRecord>,
    due: Option<Moment>,
}

impl Records {
    /// The records as the store has them.
    pub(super) fn of(stored: &BTreeMap<NodeName, NodeRecord>) -> Self {
        let target = |record: &NodeRecord| Target {
            revision: record.revision,
            digest: record.digest,
        };
        Self {
            stored: stored
                .iter()
                .map(|(node, record)| (node.clone(), target(record)))
                .collect(),
            ..Self::default()
        }
    }

    /// When there is something to write.
    pub(super) fn next_wake(&self) -> Option<Moment> {
        self.due
    }

    fn note(&mut self, node: &NodeName, target: Target, now: Moment) {
        if self.stored.get(node) == Some(&target) {
            return;
        }
        self.stored.insert(node.clone(), target);
        let record = NodeRecord {
            revision: target.revision,
            digest: target.digest,
            at: wall_clock(),
        };
        self.waiting.insert(node.clone(), record);
        self.due.get_or_insert(now.after(COLLECT));
    }

    fn take(&mut self, now: Moment) -> Option<BTreeMap<NodeName, NodeRecord>> {
        self.due.filter(|due| *due <= now)?;
        self.due = None;
        Some(std::mem::take(&mut self.waiting))
    }
}

impl Term {
    /// A node has confirmed this.
    pub(super) fn note_confirmed(&mut self, node: &NodeName, confirmed: Confirmed) {
        let now = self.clock.now();
        self.records.note(node, confirmed.target, now);
        self.parts
            .board
            .write(|state| state.roster.confirm(node, confirmed));
    }

    pub(super) fn tick_records(&mut self) {
        if let Some(records) = self.records.take(self.clock.now()) {
            self.secretary.note_nodes(records);
        }
    }

    /// The head moved: nodes that were no part of the rollout follow it, each for itself.
    pub(super) fn bring_along(&mut self) {
        let others: Vec<_> = self.parts.board.read(|state| {
            state
                .roster
                .connected()
                .filter(|node| state.course.as_ref().is_none_or(|course| !course.has(node)))
                .filter_map(|node| Some((node.clone(), state.roster.get(node)?.confirmed())))
                .collect()
        });
        for (node, confirmed) in others {
            self.catch_up(&node, catchup::Event::Compare(confirmed));
        }
    }
}
