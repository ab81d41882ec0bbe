//! Everything there is: the store, the leaders, the nodes, and every message that was ever sent.

use std::collections::BTreeSet;
use std::sync::Arc;

use weft_core::rollout::catchup::CatchUps;
use weft_core::rollout::machine::Rollout;
use weft_core::rollout::record::{Decision, Phase, Record, Transaction};
use weft_model::message::{Answer, Command, Confirmed, Fence, Hello, Progress, Standing, Target};
use weft_model::name::NodeName;
use weft_model::plan::digest::Digest;
use weft_model::revision::{Epoch, RolloutId};
use weft_node::session::journal::Journal;
use weft_node::session::machine::Session;

use super::pointer::Shared;

/// The whole state of the model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub store: Shared<Store>,
    /// By epoch, from 1; the last one leads, those before it do not know.
    pub leaders: Vec<Shared<Leader>>,
    pub nodes: Vec<Shared<Node>>,
    /// Nothing is ever taken out: a message may come never, late, twice, and in any order.
    pub net: Shared<BTreeSet<Shared<Message>>>,
}

/// What etcd holds, and what became true of it at any time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Store {
    /// Every rollout that there was, in their order; only the last one may be open.
    pub sagas: Vec<Saga>,
    /// What the cluster has, and the rollout that brought it.
    pub head: Confirmed,
    pub epoch: Epoch,
    /// At every commit all participants that were not rebooted ran what was committed.
    pub sound: bool,
    /// A leader told a node to catch up with what was not its head.
    pub strayed: bool,
    /// A leader took a node for one that it must not touch.
    pub strange: bool,
    /// A leader told a further node to apply while the stored rollout was paused.
    pub rushed: bool,
}

/// One rollout, as it is stored, and what was decided of it at any time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Saga {
    pub record: Arc<Record>,
    /// What every participant has before.
    pub from: Target,
    /// What every node is to have.
    pub to: Target,
    /// A commit was durable once.
    pub committed: bool,
    /// An abort was durable once.
    pub aborted: bool,
    /// The epoch of the leader that committed.
    pub committed_by: Epoch,
    /// A person has confirmed.
    pub confirmed: bool,
    /// That was durable once.
    pub word: bool,
}

/// One controller, for as long as it believes to lead.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leader {
    /// The rollout that runs, or ran last.
    pub rollout: Rollout,
    /// Its place among the rollouts that there were.
    pub saga: usize,
    /// What nodes should have, for all that this leader knows.
    pub head: Confirmed,
    /// Nodes that follow the head alone.
    pub catchups: CatchUps,
    /// Its own clock, in milliseconds.
    pub clock: u64,
    /// Writes that have not reached the store.
    pub writes: Vec<Transaction>,
    /// The result of a write, on its way back.
    pub reply: Option<weft_core::rollout::event::Outcome>,
    /// Which nodes have a stream to it.
    pub connected: Vec<bool>,
    /// What each node said of itself last, where that can still matter.
    pub hellos: Vec<Option<Hello>>,
    pub keep_alives: u8,
    pub pauses: u8,
    /// How often it turned to nodes that catch up.
    pub turns: u8,
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
    /// The plans on disk.
    pub plans: BTreeSet<Digest>,
    /// It could not be brought to the head once.
    pub degraded: bool,
    /// A person had it try again once.
    pub retried: bool,
}

/// What the kernel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Nothing of ours, after a boot.
    Empty,
    /// This plan.
    Runs(Digest),
    /// Parts of two plans.
    Mixed,
}

/// What the agent's shell is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Job {
    None,
    Stage { rollout: RolloutId, to: Target },
    Apply { rollout: RolloutId, to: Target },
    Revert,
}

/// A message, to or from the node with this number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Message {
    Down(usize, Fence, Command),
    Up(usize, Fence, Answer),
}

impl Store {
    /// The last rollout.
    pub fn last(&self) -> &Saga {
        // There is one from the start.
        &self.sagas[self.sagas.len() - 1]
    }

    /// Whether no rollout runs.
    pub fn is_idle(&self) -> bool {
        self.last().is_closed()
    }

    pub fn place(&self, rollout: RolloutId) -> Option<usize> {
        self.sagas.iter().position(|saga| saga.id() == rollout)
    }

    pub fn decision(&self, rollout: RolloutId) -> Option<Decision> {
        let place = self.place(rollout)?;
        self.sagas[place].record.phase.decision()
    }
}

impl Saga {
    pub fn id(&self) -> RolloutId {
        self.record.id
    }

    pub fn is_closed(&self) -> bool {
        matches!(self.record.phase, Phase::Closed { .. })
    }

    pub fn takes_part(&self, node: &NodeName) -> bool {
        self.record.participants.contains_key(node)
    }
}

impl Node {
    /// The node has nothing in hand.
    pub fn is_settled(&self) -> bool {
        self.disk.state.standing() == Standing::Settled
    }

    /// The rollout of the change that the node has in hand.
    pub fn holds(&self) -> Option<RolloutId> {
        self.disk.state.change().map(|change| change.rollout)
    }

    pub fn progress(&self) -> Option<Progress> {
        match self.disk.state.standing() {
            Standing::Settled => None,
            Standing::Unsettled { progress, .. } => Some(progress),
        }
    }
}
