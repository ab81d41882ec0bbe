//! The cluster in one thread: what happens next, in virtual time, and what comes of it.
//!
//! # Assumes
//! As the machines do: a stream keeps the order of what goes through it, and begins with a hello.
//! What is cut with a stream is lost. Besides, in wild runs, any message may also arrive again
//! later, behind the back of the streams.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use weft_core::rollout::event::Outcome;
use weft_core::rollout::policy::Policy;
use weft_core::rollout::record::{Record, Transaction};
use weft_model::clock::Span;
use weft_model::message::{Answer, Command, Fence, Hello};
use weft_model::revision::{Epoch, RevisionId, RolloutId};

use super::chance::Chance;
use super::control::Controller;
use super::node::{Node, pin};
use super::store::Store;

/// The seeded bugs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    None,
    /// The agent does not check the epoch.
    EpochUnchecked,
    /// The leader believes that leases never end.
    NoLease,
    /// An agent's crash loses what the journal says of the change in hand.
    JournalForgotten,
    /// The store does not compare the leader's epoch.
    StoreUnfenced,
    /// A host boots into the unconfirmed plan.
    BootUnconfirmed,
}

/// What may happen in a run.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub nodes: usize,
    pub rollouts: u64,
    /// For how long there are faults, in milliseconds.
    pub trouble: u64,
    /// How often there is one, on average, in milliseconds; none is never.
    pub faults_every: Option<u64>,
    /// Messages arrive again, late and out of order.
    pub wild: bool,
    pub failures: bool,
    /// The effect before which the first controller crashes.
    pub controller_dies_at: Option<u64>,
    /// The effect before which the first node's agent crashes, or its host reboots.
    pub agent_dies_at: Option<(u64, bool)>,
    pub bug: Bug,
}

/// One stream between a node and a controller.
pub struct Stream {
    pub node: usize,
    pub controller: usize,
    /// Nothing goes through any more, whether or not the ends know it.
    pub broken: bool,
    /// When the last message of each way arrives.
    pub down: u64,
    pub up: u64,
}

/// One thing that will happen.
#[derive(Clone, Debug)]
pub enum Happening {
    Down {
        stream: usize,
        fence: Fence,
        command: Command,
    },
    Greet {
        stream: usize,
        hello: Hello,
    },
    Up {
        stream: usize,
        fence: Fence,
        answer: Answer,
    },
    Stray {
        node: usize,
        fence: Fence,
        command: Command,
    },
    Echo {
        controller: usize,
        node: usize,
        fence: Fence,
        answer: Answer,
    },
    ControllerSeesCut {
        stream: usize,
    },
    NodeSeesCut {
        stream: usize,
    },
    Connect {
        node: usize,
    },
    Timer {
        node: usize,
        timer: u64,
    },
    Work {
        node: usize,
        job: u64,
        fails: bool,
    },
    Start {
        node: usize,
    },
    Land {
        controller: usize,
        write: Box<Transaction>,
    },
    Written {
        controller: usize,
        rollout: RolloutId,
        outcome: Outcome,
    },
    Look {
        controller: usize,
        rollout: RolloutId,
    },
    Read {
        controller: usize,
        record: Box<Record>,
    },
    Tick {
        controller: usize,
        tick: u64,
    },
    Elect,
    Fault,
    User,
    Quiet,
    CutAll,
}

/// The cluster.
pub struct Cluster {
    pub setup: Setup,
    pub chance: Chance,
    pub now: u64,
    queue: BinaryHeap<Reverse<(u64, u64, usize)>>,
    happenings: Vec<Option<Happening>>,
    pub store: Store,
    pub controllers: Vec<Controller>,
    pub nodes: Vec<Node>,
    pub streams: Vec<Stream>,
    pub quiet: bool,
    pub broken: Option<String>,
    /// How many effects controllers carried out.
    pub hits: u64,
    pub elections: u64,
    pub rollouts_begun: u64,
    /// When each rollout began.
    pub began: BTreeMap<RolloutId, u64>,
    pub seen: BTreeSet<&'static str>,
}

impl Cluster {
    pub fn new(seed: u64, setup: Setup) -> Self {
        let mut chance = Chance::new(seed);
        let store = Store::new(setup.nodes);
        let nodes = (0..setup.nodes)
            .map(|node| {
                let rate = chance.within(996, 1_004);
                Node::new(rate, pin(), store.target(node, RevisionId(1)))
            })
            .collect();
        let mut cluster = Self {
            setup,
            chance,
            now: 1_000,
            queue: BinaryHeap::new(),
            happenings: Vec::new(),
            store,
            controllers: Vec::new(),
            nodes,
            streams: Vec::new(),
            quiet: false,
            broken: None,
            hits: 0,
            elections: 0,
            rollouts_begun: 0,
            began: BTreeMap::new(),
            seen: BTreeSet::new(),
        };
        cluster.store.unfenced = setup.bug == Bug::StoreUnfenced;
        for node in 0..setup.nodes {
            cluster.nodes[node].booted = cluster.now;
            cluster.later(0, Happening::Start { node });
        }
        cluster.later(0, Happening::Elect);
        cluster.later(3_000, Happening::User);
        if let Some(every) = setup.faults_every {
            cluster.later(every, Happening::Fault);
        }
        cluster.later(setup.trouble, Happening::Quiet);
        cluster
    }

    /// Runs until all is well again after the faults, or a law is broken.
    ///
    /// # Errors
    /// The law.
    pub fn run(&mut self) -> Result<(), String> {
        /// Longer than every time of the protocol one after the other.
        const PATIENCE: u64 = 3 * 3_600_000;
        let limit = self.setup.trouble + PATIENCE;
        let mut steps = 0_u64;
        while let Some(Reverse((at, _, place))) = self.queue.pop() {
            self.now = at;
            if let Some(happening) = self.happenings[place].take() {
                self.happen(happening);
            }
            if let Some(broken) = self.broken.take() {
                return Err(format!("at {} ms: {broken}", self.now));
            }
            if self.quiet && self.is_well() {
                return Ok(());
            }
            steps += 1;
            if at > limit || steps > 2_000_000 {
                return Err(format!("does not come to rest: {}", self.unrest()));
            }
        }
        Err(format!("nothing happens any more: {}", self.unrest()))
    }

    fn is_well(&self) -> bool {
        self.store.active.is_none() && self.unsettled().is_none()
    }

    fn unsettled(&self) -> Option<usize> {
        use super::node::Kernel;
        use weft_node::session::journal::State;
        (0..self.nodes.len()).find(|node| {
            let head = self.store.target(*node, self.store.head).digest;
            let this = &self.nodes[*node];
            let confirmed = this.disk.confirmed.target.digest == head;
            let runs = this.kernel == Kernel::Plan(head);
            !(confirmed && runs && this.disk.state == State::Idle && this.session.is_some())
        })
    }

    fn unrest(&self) -> String {
        let node = self.unsettled().map(|node| {
            let this = &self.nodes[node];
            let head = self.store.target(node, self.store.head);
            format!(
                "node {node} {:?} {:?}, head {head:?}",
                this.disk, this.kernel
            )
        });
        let active = self.store.active.map(|active| &self.store.records[&active]);
        format!("{active:?}, {node:?}")
    }

    pub fn break_law(&mut self, law: String) {
        self.broken.get_or_insert(law);
    }

    pub fn later(&mut self, wait: u64, happening: Happening) {
        self.at(self.now + wait, happening);
    }

    pub fn at(&mut self, at: u64, happening: Happening) {
        let place = self.happenings.len();
        let turn = self.chance.next();
        self.happenings.push(Some(happening));
        // What happens at the same time happens in any order, but for a stream's messages, which
        // never arrive at the same time.
        self.queue.push(Reverse((at.max(self.now), turn, place)));
    }

    /// How long a message, a write or a reply takes.
    pub fn delay(&mut self) -> u64 {
        if !self.quiet && self.setup.faults_every.is_some() && self.chance.hits(200) {
            self.chance.within(100, 20_000)
        } else {
            self.chance.within(1, 20)
        }
    }

    pub fn policy(&mut self) -> Policy {
        use weft_core::rollout::policy::{Confirm, Offline, Wave};
        let chance = &mut self.chance;
        let mut policy = Policy::default();
        if chance.hits(4_000) {
            policy.waves = vec![Wave::Count(1), Wave::Percent(10)];
            policy.pause = Span(chance.within(0, 5_000));
        }
        if chance.hits(2_000) {
            policy.max_in_flight = std::num::NonZeroU32::new(2);
        }
        if chance.hits(2_500) {
            let within = Span::from_secs(chance.within(5, 120));
            policy.confirm = Confirm::Manual { within };
        }
        if chance.hits(7_000) {
            policy.offline = Offline::Defer;
        }
        policy.settle = Span::from_secs(chance.within(1, 60));
        if self.setup.bug == Bug::NoLease {
            policy.contact = Span::from_secs(100_000);
        }
        policy
    }

    pub fn current(&self) -> Option<usize> {
        let last = self.controllers.len().checked_sub(1)?;
        self.controllers[last].alive.then_some(last)
    }

    /// Cuts a stream: what is on its way is lost, and each end learns of it by itself.
    pub fn cut(&mut self, stream: usize) {
        if std::mem::replace(&mut self.streams[stream].broken, true) {
            return;
        }
        let wait = if self.quiet { 10 } else { 15_000 };
        let waits = [self.chance.within(0, wait), self.chance.within(0, wait)];
        self.later(waits[0], Happening::ControllerSeesCut { stream });
        self.later(waits[1], Happening::NodeSeesCut { stream });
    }

    pub fn elect(&mut self) {
        self.elections += 1;
        self.store.epoch = Epoch(self.elections * 10);
        let rate = self.chance.within(996, 1_004);
        let policy = Policy::default();
        let controller = Controller::new(self.store.epoch, self.now, rate, &policy, &self.store);
        self.controllers.push(controller);
        let place = self.controllers.len() - 1;
        if let Some(active) = self.store.active {
            let record = self.store.records[&active].clone();
            self.begin(place, record);
        }
        self.set_tick(place);
    }

    pub fn kill_controller(&mut self, controller: usize) {
        self.controllers[controller].alive = false;
        for stream in 0..self.streams.len() {
            if self.streams[stream].controller == controller {
                self.cut(stream);
            }
        }
    }
}
