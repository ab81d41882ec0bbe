//! How things stand with every object and node, as clients see it.
//!
//! # Guarantees
//! Nothing is shown as live that a node has not confirmed. What this controller cannot know,
//! because it does not lead, is shown as unknown.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use weft_core::condition::NodeView;
use weft_model::name::NodeName;
use weft_model::object::{Object, ObjectKey, Stored};
use weft_proto::v1;

use crate::engine::board::Board;
use crate::engine::draft::Draft;
use crate::engine::head::Head;
use crate::engine::judge::{Judge, Verdict};

mod node;
mod object;
pub mod rollout;

/// How things stand with the objects of one draft.
pub struct Statuses {
    draft: Draft,
    verdict: Arc<Verdict>,
    head: Arc<Head>,
    board: Arc<Board>,
    /// Had when the first object is dressed; a listing without status does without.
    nodes: OnceLock<Arc<BTreeMap<NodeName, NodeView>>>,
}

impl Statuses {
    /// The statuses of a draft's objects.
    pub fn new(draft: Draft, board: &Arc<Board>, judge: &Judge) -> Self {
        let verdict = judge.of(draft.snapshot());
        Self {
            verdict,
            head: board.head(),
            board: Arc::clone(board),
            draft,
            nodes: OnceLock::new(),
        }
    }

    fn node_views(&self) -> &BTreeMap<NodeName, NodeView> {
        self.nodes.get_or_init(|| self.board.node_views(&self.head))
    }

    /// An object of the draft with its status, with every node that carries it.
    pub fn dressed(&self, stored: &Stored) -> v1::Object {
        object::dressed(self, stored)
    }

    /// An object that the draft has no more and the confirmed revision still has.
    pub fn leaving(&self, key: &ObjectKey) -> Option<v1::Object> {
        if self.draft.stored().contains(key) {
            return None;
        }
        let object = self.head.intent.snapshot().get(key)?;
        Some(object::leaving(self, &object))
    }

    /// The objects that the draft has no more and the confirmed revision still has.
    pub fn all_leaving(&self, matches: impl Fn(&Object) -> bool) -> Vec<v1::Object> {
        object::gone(self.head.intent.snapshot(), self.draft.snapshot())
            .iter()
            .filter_map(|key| self.head.intent.snapshot().get(key))
            .filter(|object| matches(object))
            .map(|object| object::leaving(self, &object))
            .collect()
    }

    /// Every node, by name.
    pub fn nodes(&self) -> Vec<v1::NodeView> {
        node::all(self)
    }

    /// One node, with how much its plan holds.
    pub fn node(&self, name: &NodeName) -> Option<v1::NodeView> {
        node::one(self, name)
    }
}
