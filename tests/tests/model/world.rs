//! Everything there is: the store, the leaders, the nodes, and every message that was ever sent.

use std::collections::BTreeSet;
use std::sync::Arc;

use weft_core::rollout::machine::Rollout;
use weft_core::rollout::record::{Decision, Phase, Record, Transaction};
use weft_model::message::{Answer, Command, Fence, Progress, Standing, Target};
use weft_model::revision::{Epoch, RevisionId};
use weft_node::session::journal::Journal;
use weft_node::session::machine::Session;

/// The whole state of the model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub store: Store,
    /// By epoch, from 1; the last one leads, those before it do not know.
    pub leaders: Vec<Leader>,
    pub nodes: Vec<Node>,
    /// Nothing is ever taken out: a message may come never, late, twice, and in any order.
    pub net: BTreeSet<Arc<Message>>,
}

/// What etcd holds, and what became true of it at any time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Store {
    pub record: Arc<Record>,
    pub head: RevisionId,
    pub epoch: Epoch,
    /// A commit was durable once.
    pub committed: bool,
    /// An abort was durable once.
    pub aborted: bool,
    /// At that moment every node that was not rebooted ran the new revision.
    pub sound: bool,
    /// The epoch of the leader that committed.
    pub committed_by: Epoch,
}

/// One controller, for as long as it believes to lead.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leader {
    pub rollout: Rollout,
    /// Its own clock, in milliseconds.
    pub clock: u64,
    /// Writes that have not reached the store.
    pub writes: Vec<Transaction>,
    /// The result of a write, on its way back.
    pub reply: Option<weft_core::rollout::event::Outcome>,
    /// Which nodes have a stream to it.
    pub connected: Vec<bool>,
    pub keep_alives: u8,
    pub pauses: u8,
}

/// One node: its agent, disk and kernel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// None while the agent is down.
    pub session: Option<Session>,
    pub disk: Journal,
    pub kernel: Kernel,
    pub job: Job,
    /// The leader whose word the node last obeyed: its lease is with that one.
    pub obeyed: Epoch,
    pub crashes: u8,
    pub boots: u8,
    /// It went back of itself once.
    pub went_back: bool,
    /// The staged plan is on disk.
    pub has_stage: bool,
}

/// What the kernel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Nothing of ours, after a boot.
    Empty,
    /// The revision that the rollout starts from.
    Old,
    /// Parts of both.
    Mixed,
    /// The revision that the rollout brings.
    New,
}

/// What the agent's shell is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Job {
    None,
    Stage,
    Apply,
    Revert,
}

/// A message, to or from the node with this number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Message {
    Down(usize, Fence, Command),
    Up(usize, Fence, Answer),
}

impl World {
    pub fn decision(&self) -> Option<Decision> {
        self.store.record.phase.decision()
    }

    pub fn is_closed(&self) -> bool {
        matches!(self.store.record.phase, Phase::Closed { .. })
    }
}

impl Node {
    /// The node has nothing in hand and will not hear of the rollout again.
    pub fn is_final(&self, to: Target) -> Option<bool> {
        let settled = self.disk.state.standing() == Standing::Settled;
        let over = self.disk.tombstone == super::setup::ROLLOUT || self.disk.confirmed.target == to;
        (settled && over).then_some(self.disk.confirmed.target == to)
    }

    pub fn progress(&self) -> Option<Progress> {
        match self.disk.state.standing() {
            Standing::Settled => None,
            Standing::Unsettled { progress, .. } => Some(progress),
        }
    }
}
