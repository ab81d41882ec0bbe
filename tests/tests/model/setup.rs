//! One configuration of the model, and its first state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weft_core::rollout::catchup::CatchUps;
use weft_core::rollout::machine::{Change, Rollout};
use weft_core::rollout::policy::{Confirm, Offline, Policy, Wave};
use weft_core::rollout::record::{Attempt, Consent, Leader as Identity, Phase, Record};
use weft_model::clock::{Moment, Span};
use weft_model::message::{Confirmed, Pin, Target};
use weft_model::name::NodeName;
use weft_model::plan::digest::Digest;
use weft_model::revision::{ClusterId, Epoch, Incarnation, RevisionId, RolloutId, Timestamp};
use weft_node::session::journal::{BootId, Journal};
use weft_node::session::machine::Session;

use super::pointer::Shared;
use super::world::{Job, Kernel, Leader, Node, Saga, Store, World};

pub const FIRST: RolloutId = RolloutId(1);
pub const SECOND: RolloutId = RolloutId(2);

/// What every node has at first: the first revision that the cluster ever had is not rolled out
/// here, so that a node that falls back to nothing is told from one that falls back.
pub fn old() -> Target {
    Target {
        revision: RevisionId(1),
        digest: Digest::from_bytes([1; 32]),
    }
}

/// What the first rollout brings.
pub fn new() -> Target {
    Target {
        revision: RevisionId(2),
        digest: Digest::from_bytes([2; 32]),
    }
}

/// The second rollout of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Second {
    /// There is none.
    None,
    /// It goes on, from whatever there is.
    Onward,
    /// It goes back to the plans before the first one, under a revision of its own.
    Back,
}

impl Second {
    pub fn target(self) -> Option<Target> {
        let content = match self {
            Self::None => return None,
            Self::Onward => [3; 32],
            Self::Back => *old().digest.as_bytes(),
        };
        Some(Target {
            revision: RevisionId(3),
            digest: Digest::from_bytes(content),
        })
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
    /// Stages and applies may fail once their rollout is committed.
    pub late_failures: bool,
    /// Reverts may fail for good, and a person may have the node try again.
    pub stuck: bool,
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
    /// No lease ends and no deadline comes.
    pub calm: bool,
    /// A person decides, and may pause once before.
    pub manual: bool,
    /// How many nodes, the last ones, are left out at the start because they are not there.
    pub deferred: usize,
    /// What follows the first rollout.
    pub second: Second,
    /// How often each leader turns, of its own, to nodes that catch up.
    pub turns: u8,
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
    /// The agent remembers that the last rollout ended, and takes an earlier one for new.
    OneTombstone,
    /// A leader counts what a node said of the first rollout for the second.
    OldRollout,
    /// A leader brings deferred nodes along before the commit.
    DeferredTooSoon,
    /// A rollout closes and names nobody.
    NobodyNamed,
    /// The decision is forgotten when the rollout closes.
    DecisionForgotten,
    /// A node that cannot catch up aborts the rollout that runs.
    CatchUpAborts,
    /// A leader tries a node again with what the head was.
    OldHead,
    /// A node that cannot go back says that it has.
    StuckSaysBack,
    /// A new leader does not see that the rollout is paused.
    PauseForgotten,
    /// A new leader does not see that a person decides.
    PersonForgotten,
    /// A new leader does not see that a person has decided.
    WordForgotten,
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
        late_failures: false,
        stuck: false,
        aborts: true,
        lost_replies: false,
        slow_store: false,
        early_close: false,
        waves: false,
        calm: false,
        manual: false,
        deferred: 0,
        second: Second::None,
        turns: 0,
        depth: None,
        commands: 10,
        bug: Bug::None,
    };

    pub fn first(&self) -> World {
        let names: Vec<_> = (0..self.nodes).map(name).collect();
        let (present, absent) = names.split_at(self.nodes - self.deferred);
        let saga = self.saga(FIRST, Epoch(1), old(), new(), present, absent);
        let store = Store {
            sagas: vec![saga],
            head: Confirmed {
                rollout: RolloutId(0),
                target: old(),
            },
            epoch: Epoch(1),
            sound: true,
            strayed: false,
            strange: false,
            rushed: false,
        };
        let mut world = World {
            leaders: Vec::new(),
            nodes: vec![Shared::new(node()); self.nodes],
            net: Shared::new(BTreeSet::new()),
            store: Shared::new(store),
        };
        world
            .leaders
            .push(Shared::new(self.leader(&world, Epoch(1))));
        world
    }

    /// A rollout that was just created.
    pub fn saga(
        &self,
        id: RolloutId,
        epoch: Epoch,
        from: Target,
        to: Target,
        present: &[NodeName],
        absent: &[NodeName],
    ) -> Saga {
        let policy = self.policy();
        let record = Record {
            id,
            from: from.revision,
            to: to.revision,
            participants: Record::assign(&policy, present),
            deferred: absent.iter().cloned().collect(),
            policy,
            author: String::new(),
            message: String::new(),
            started: Timestamp(0),
            decided: None,
            consent: Consent::default(),
            phase: Phase::Preparing,
            attempt: Attempt { epoch, number: 0 },
        };
        Saga {
            record: Arc::new(record),
            from,
            to,
            committed: false,
            aborted: false,
            committed_by: Epoch(0),
            confirmed: false,
            word: false,
        }
    }

    fn policy(&self) -> Policy {
        Policy {
            waves: if self.waves {
                vec![Wave::Count(1)]
            } else {
                Vec::new()
            },
            confirm: if self.manual {
                let within = WITHIN;
                Confirm::Manual { within }
            } else {
                Confirm::Auto
            },
            offline: if self.deferred > 0 || self.second != Second::None {
                Offline::Defer
            } else {
                Offline::RequireAll
            },
            ..Policy::default()
        }
    }

    /// A leader that takes up the rollout as the store has it. It has sent nothing yet.
    pub fn leader(&self, world: &World, epoch: Epoch) -> Leader {
        let saga = world.store.last();
        let mut record = Record::clone(&saga.record);
        if let Phase::Applying { paused } = &mut record.phase
            && self.bug == Bug::PauseForgotten
        {
            *paused = false;
        }
        if self.bug == Bug::PersonForgotten && epoch > Epoch(1) {
            record.policy.confirm = Confirm::Auto;
        }
        if self.bug == Bug::WordForgotten {
            record.consent = Consent::default();
        }
        let rollout = take_up(epoch, record, saga, 0);
        Leader {
            rollout,
            saga: world.store.sagas.len() - 1,
            head: world.store.head,
            catchups: self.catch_ups(epoch),
            clock: 0,
            writes: Vec::new(),
            reply: None,
            connected: vec![false; self.nodes],
            hellos: vec![None; self.nodes],
            keep_alives: 0,
            pauses: 0,
            turns: 0,
        }
    }

    /// No node that follows the head alone.
    pub fn catch_ups(&self, epoch: Epoch) -> CatchUps {
        let policy = self.policy();
        CatchUps::new(identity(epoch), policy.lease(), policy.keep_alive)
    }

    /// How many rollouts there are in all.
    pub fn rollouts(&self) -> usize {
        1 + usize::from(self.second != Second::None)
    }

    /// Whether nodes may follow the head alone.
    pub fn has_catch_ups(&self) -> bool {
        self.early_close || self.deferred > 0 || self.second != Second::None
    }
}

/// The machine of a leader for a rollout that is stored.
pub fn take_up(epoch: Epoch, record: Record, saga: &Saga, clock: u64) -> Rollout {
    let change = Change {
        from: saga.from,
        to: saga.to,
    };
    let participants = record.participants.keys().cloned();
    let changes: BTreeMap<_, _> = participants.map(|node| (node, change)).collect();
    let (rollout, effects) = Rollout::load(identity(epoch), record, &changes, now(clock));
    assert!(
        effects.is_empty() || saga.is_closed(),
        "a new leader waits for hellos: {effects:?}"
    );
    rollout
}

/// The time that a person has: one keep-alive long, so that it ends before the leases do.
pub const WITHIN: Span = Span::from_secs(5);

/// The epoch of a leader.
pub fn epoch(leader: usize) -> Epoch {
    Epoch(leader as u64 + 1)
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
        kernel: Kernel::Runs(old().digest),
        job: Job::None,
        obeyed: Epoch(0),
        crashes: 0,
        boots: 0,
        went_back: false,
        plans: BTreeSet::from([old().digest]),
        degraded: false,
        retried: false,
    }
}
