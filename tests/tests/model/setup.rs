//! One configuration of the model, and its first state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weft_core::rollout::machine::{Change, Rollout};
use weft_core::rollout::policy::{Confirm, Policy, Wave};
use weft_core::rollout::record::{Attempt, Consent, Leader as Identity, Phase, Record};
use weft_model::clock::{Moment, Span};
use weft_model::message::{Pin, Target};
use weft_model::name::NodeName;
use weft_model::plan::digest::Digest;
use weft_model::revision::{ClusterId, Epoch, Incarnation, RevisionId, RolloutId, Timestamp};
use weft_node::session::journal::{BootId, Journal};
use weft_node::session::machine::Session;

use super::world::{Job, Kernel, Leader, Node, Store, World};

pub const ROLLOUT: RolloutId = RolloutId(1);

/// What every node has at first: the first revision that the cluster ever had is not rolled out
/// here, so that a node that falls back to nothing is told from one that falls back.
pub fn old() -> Target {
    Target {
        revision: RevisionId(1),
        digest: Digest::from_bytes([1; 32]),
    }
}

/// What the rollout brings.
pub fn new() -> Target {
    Target {
        revision: RevisionId(2),
        digest: Digest::from_bytes([2; 32]),
    }
}

/// What may happen in a configuration.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub nodes: usize,
    /// How many controllers lead, one after the other; the earlier ones never learn it.
    pub leaders: usize,
    /// How often each agent may crash.
    pub crashes: u8,
    /// How often each host may reboot.
    pub boots: u8,
    /// How many crashes, and how many reboots, there may be in all.
    pub falls: u8,
    /// How many keep-alives each leader may send to each node.
    pub keep_alives: u8,
    /// Stages and applies may fail.
    pub failures: bool,
    /// A user may abort.
    pub aborts: bool,
    /// Replies of the store may be lost.
    pub lost_replies: bool,
    /// Writes reach the store later than they are made.
    pub slow_store: bool,
    /// The rollout may close without nodes that do not answer; they are welcomed later.
    pub early_close: bool,
    /// Waves of one node.
    pub waves: bool,
    /// A person decides, and may pause once before.
    pub manual: bool,
    /// How many steps to look ahead; none is to the end.
    pub depth: Option<usize>,
    /// The highest nonce of a leader.
    pub commands: u64,
    pub bug: Bug,
}

/// The seeded bugs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    None,
    /// The agent does not check the epoch.
    EpochUnchecked,
    /// The agent has no tombstone.
    NoTombstone,
    /// The leader has no lease rule: its belief never ends.
    NoLease,
    /// The leader takes one node's Verified for all.
    CommitAfterFirst,
    /// A host boots into the unconfirmed revision.
    BootUnconfirmed,
    /// The store does not compare the leader's epoch.
    StoreUnfenced,
    /// A leader may abort after the commit.
    AbortAfterCommit,
    /// A leader counts a Verified that was said to an earlier one.
    OldVerified,
    /// An agent's crash loses the journal.
    JournalForgotten,
}

impl Setup {
    pub const SMALL: Self = Self {
        nodes: 2,
        leaders: 1,
        crashes: 0,
        boots: 0,
        falls: 1,
        keep_alives: 0,
        failures: true,
        aborts: true,
        lost_replies: false,
        slow_store: false,
        early_close: false,
        waves: false,
        manual: false,
        depth: None,
        commands: 10,
        bug: Bug::None,
    };

    pub fn first(&self) -> World {
        let policy = Policy {
            waves: if self.waves {
                vec![Wave::Count(1)]
            } else {
                Vec::new()
            },
            confirm: if self.manual {
                let within = Span::from_secs(600);
                Confirm::Manual { within }
            } else {
                Confirm::Auto
            },
            ..Policy::default()
        };
        let names: Vec<_> = (0..self.nodes).map(name).collect();
        let record = Record {
            id: ROLLOUT,
            from: old().revision,
            to: new().revision,
            participants: Record::assign(&policy, &names),
            deferred: BTreeSet::new(),
            policy,
            author: String::new(),
            message: String::new(),
            started: Timestamp(0),
            decided: None,
            consent: Consent::default(),
            phase: Phase::Preparing,
            attempt: Attempt {
                epoch: Epoch(1),
                number: 0,
            },
        };
        let store = Store {
            record: Arc::new(record),
            head: old().revision,
            epoch: Epoch(1),
            committed: false,
            aborted: false,
            sound: true,
            committed_by: Epoch(0),
        };
        let mut world = World {
            leaders: Vec::new(),
            nodes: (0..self.nodes).map(|_| node()).collect(),
            net: BTreeSet::new(),
            store,
        };
        world.leaders.push(self.leader(&world, Epoch(1)));
        world
    }

    /// A leader that takes up the rollout as the store has it. It has sent nothing yet.
    pub fn leader(&self, world: &World, epoch: Epoch) -> Leader {
        let change = Change {
            from: old(),
            to: new(),
        };
        let changes: BTreeMap<_, _> = (0..self.nodes).map(|node| (name(node), change)).collect();
        let record = Record::clone(&world.store.record);
        let (rollout, effects) = Rollout::load(identity(epoch), record, &changes, now(0));
        let finished = world.is_closed();
        assert!(
            effects.is_empty() || finished,
            "a new leader waits for hellos: {effects:?}"
        );
        Leader {
            rollout,
            clock: 0,
            writes: Vec::new(),
            reply: None,
            connected: vec![false; self.nodes],
            keep_alives: 0,
            pauses: 0,
        }
    }
}

pub fn identity(epoch: Epoch) -> Identity {
    Identity {
        cluster: cluster(),
        incarnation: Incarnation(0),
        epoch,
    }
}

fn cluster() -> ClusterId {
    ClusterId::from_bytes([7; 16])
}

pub fn name(node: usize) -> NodeName {
    format!("n{node}").parse().unwrap()
}

pub fn now(clock: u64) -> weft_core::rollout::event::Now {
    weft_core::rollout::event::Now {
        steady: Moment(clock),
        wall: Timestamp(0),
    }
}

fn node() -> Node {
    let mut journal = Journal {
        pin: Some(Pin {
            cluster: cluster(),
            incarnation: Incarnation(0),
        }),
        boot: BootId("boot".to_owned()),
        ..Journal::default()
    };
    journal.confirmed.target = old();
    let (session, _) = Session::start(journal.clone(), journal.boot.clone(), Moment(0));
    Node {
        session: Some(session),
        disk: journal,
        kernel: Kernel::Old,
        job: Job::None,
        obeyed: Epoch(0),
        crashes: 0,
        boots: 0,
        went_back: false,
        has_stage: false,
    }
}
