//! What can happen next, and what comes of it. All decisions are those of the two machines; what
//! is written here is only what a store, a network, a disk, a kernel and a clock do.
//!
//! # Time
//! A leader's clock stands still but for three actions: it goes to the next keep-alive, past
//! every lease, or past the time for closing. A node's clock stands still; its deadline may come
//! whenever the lease rule lets it: not while the leader that the node obeyed last believes the
//! node's lease valid, nor while an acknowledgement is on its way that would make it believe so.
//! Contact with another leader does not count, which lets a deadline come earlier than it could.

use std::collections::BTreeSet;
use std::sync::Arc;

use stateright::{Model, Property};
use weft_core::rollout::effect::Effect as Order;
use weft_core::rollout::event::{Event as News, Outcome, Wish};
use weft_core::rollout::record::{Attempt, Deed, Phase, Record, Transaction};
use weft_core::rollout::welcome::{Held, Welcome, welcome};
use weft_model::clock::Moment;
use weft_model::message::{Answer, Command, Confirmed, Fence, Progress};
use weft_model::report::Fault;
use weft_model::revision::{Epoch, Nonce, RolloutId};
use weft_node::session::effect::Effect;
use weft_node::session::event::Event;
use weft_node::session::journal::{BootId, State};
use weft_node::session::machine::Session;

use super::setup::{Bug, ROLLOUT, Setup, identity, name, new, now, old};
use super::world::{Job, Kernel, Message, Node, World};

/// One thing that can happen. Leaders and nodes are numbered from zero.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Connect { leader: usize, node: usize },
    Disconnect { leader: usize, node: usize },
    Deliver(Arc<Message>),
    Land { leader: usize },
    Reply { leader: usize, known: bool },
    KeepAlive { leader: usize },
    LeasesEnd { leader: usize },
    CloseEarly { leader: usize },
    Abort { leader: usize },
    Confirm { leader: usize },
    Pause { leader: usize },
    Resume { leader: usize },
    AbortLate { leader: usize },
    Elect,
    Finish { node: usize, well: bool },
    Deadline { node: usize },
    Crash { node: usize },
    Reboot { node: usize },
    Start { node: usize },
    Welcome { node: usize },
}

impl Model for Setup {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![self.first()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        actions.extend(world.net.iter().cloned().map(Action::Deliver));
        if world.leaders.len() < self.leaders && !world.is_closed() {
            actions.push(Action::Elect);
        }
        for leader in 0..world.leaders.len() {
            self.leader_actions(world, leader, actions);
        }
        for node in 0..world.nodes.len() {
            self.node_actions(world, node, actions);
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        self.act(&mut world, action);
        self.forget_the_mute(&mut world);
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        super::properties::all()
    }

    fn within_boundary(&self, world: &World) -> bool {
        world.net.iter().all(|message| match &**message {
            Message::Down(_, fence, _) | Message::Up(_, fence, _) => {
                fence.nonce.0 <= self.commands || fence.nonce == WELCOME
            }
        })
    }
}

/// What is sent outside the rollout's machine is told from what the machine sends.
const WELCOME: Nonce = Nonce(1_000);

impl Setup {
    fn leader_actions(&self, world: &World, leader: usize, actions: &mut Vec<Action>) {
        let this = &world.leaders[leader];
        for (node, connected) in this.connected.iter().enumerate() {
            match (connected, &world.nodes[node].session) {
                (false, Some(_)) => actions.push(Action::Connect { leader, node }),
                (true, None) => actions.push(Action::Disconnect { leader, node }),
                (false, None) | (true, Some(_)) => {}
            }
        }
        if !this.writes.is_empty() {
            actions.push(Action::Land { leader });
        }
        if this.reply.is_some() {
            let known = true;
            actions.push(Action::Reply { leader, known });
            if self.lost_replies {
                let known = false;
                actions.push(Action::Reply { leader, known });
            }
        }
        let phase = &this.rollout.record().phase;
        if matches!(phase, Phase::Applying { .. }) {
            let told = this.rollout.counts();
            if told.applying + told.verified > 0 {
                if this.keep_alives < self.keep_alives {
                    actions.push(Action::KeepAlive { leader });
                }
                if this.clock < LEASES_END {
                    actions.push(Action::LeasesEnd { leader });
                }
            }
        }
        if self.early_close && matches!(phase, Phase::Committed | Phase::Aborted(_)) {
            actions.push(Action::CloseEarly { leader });
        }
        if self.bug == Bug::AbortAfterCommit && matches!(phase, Phase::Committed) {
            actions.push(Action::AbortLate { leader });
        }
        if this.rollout.permits(&Wish::Confirm).is_ok() {
            actions.push(Action::Confirm { leader });
        }
        if self.manual && this.pauses == 0 && this.rollout.permits(&Wish::Pause).is_ok() {
            actions.push(Action::Pause { leader });
        }
        if this.rollout.permits(&Wish::Resume).is_ok() {
            actions.push(Action::Resume { leader });
        }
        let author = String::new();
        if self.aborts && this.rollout.permits(&Wish::Abort { author }).is_ok() {
            actions.push(Action::Abort { leader });
        }
    }

    fn node_actions(&self, world: &World, node: usize, actions: &mut Vec<Action>) {
        let this = &world.nodes[node];
        if this.session.is_none() {
            actions.push(Action::Start { node });
            return;
        }
        if this.job != Job::None {
            let well = true;
            actions.push(Action::Finish { node, well });
            if self.failures && this.job != Job::Revert {
                let well = false;
                actions.push(Action::Finish { node, well });
            }
        }
        if self.deadline_may_come(world, node) {
            actions.push(Action::Deadline { node });
        }
        let crashes: u8 = world.nodes.iter().map(|node| node.crashes).sum();
        if this.crashes < self.crashes && crashes < self.falls {
            actions.push(Action::Crash { node });
        }
        let boots: u8 = world.nodes.iter().map(|node| node.boots).sum();
        if this.boots < self.boots && boots < self.falls {
            actions.push(Action::Reboot { node });
        }
        if self.early_close && world.is_closed() {
            actions.push(Action::Welcome { node });
        }
    }

    /// The lease rule.
    fn deadline_may_come(&self, world: &World, node: usize) -> bool {
        let this = &world.nodes[node];
        if !matches!(this.progress(), Some(Progress::Armed | Progress::Verified)) {
            return false;
        }
        let Some(leader) = index(this.obeyed).and_then(|leader| world.leaders.get(leader)) else {
            return true;
        };
        let believes = |rollout: &weft_core::rollout::machine::Rollout| {
            let until = rollout.stands_until(&name(node));
            until.is_some_and(|until| Moment(leader.clock) < until)
        };
        if believes(&leader.rollout) {
            return false;
        }
        world.net.iter().all(|message| match &**message {
            Message::Up(from, fence, answer)
                if *from == node && matches!(answer, Answer::Alive | Answer::Verified) =>
            {
                let mut rollout = leader.rollout.clone();
                let news = News::Answer(name(node), fence.clone(), answer.clone());
                rollout.step(news, now(leader.clock));
                !believes(&rollout)
            }
            Message::Up(..) | Message::Down(..) => true,
        })
    }

    fn act(&self, world: &mut World, action: Action) {
        match action {
            Action::Connect { leader, node } => {
                let Some(session) = &world.nodes[node].session else {
                    return;
                };
                let hello = session.hello();
                world.leaders[leader].connected[node] = true;
                self.tell(world, leader, News::Hello(name(node), hello));
            }
            Action::Disconnect { leader, node } => {
                world.leaders[leader].connected[node] = false;
                self.tell(world, leader, News::Lost(name(node)));
            }
            Action::Deliver(message) => match &*message {
                Message::Down(node, fence, command) => {
                    self.command(world, *node, fence.clone(), command.clone());
                }
                Message::Up(node, fence, answer) => {
                    for leader in 0..world.leaders.len() {
                        self.answer(world, leader, *node, fence.clone(), answer.clone());
                    }
                }
            },
            Action::Land { leader } => {
                let write = world.leaders[leader].writes.remove(0);
                self.land(world, leader, write);
            }
            Action::Reply { leader, known } => {
                let Some(outcome) = world.leaders[leader].reply.take() else {
                    return;
                };
                let outcome = if known { outcome } else { Outcome::Unknown };
                self.tell(world, leader, News::Written(outcome));
            }
            Action::KeepAlive { leader } => {
                world.leaders[leader].keep_alives += 1;
                world.leaders[leader].clock += 5_000;
                self.tell(world, leader, News::Tick);
            }
            Action::LeasesEnd { leader } => {
                world.leaders[leader].clock = LEASES_END;
                // Not a tick: a leader may look at a vote before it looks at the clock.
            }
            Action::CloseEarly { leader } => {
                world.leaders[leader].clock = CLOSES;
                self.tell(world, leader, News::Tick);
            }
            Action::Abort { leader } => {
                let author = String::new();
                self.tell(world, leader, News::User(Wish::Abort { author }));
            }
            Action::Confirm { leader } => self.tell(world, leader, News::User(Wish::Confirm)),
            Action::Pause { leader } => {
                world.leaders[leader].pauses += 1;
                self.tell(world, leader, News::User(Wish::Pause));
            }
            Action::Resume { leader } => self.tell(world, leader, News::User(Wish::Resume)),
            Action::AbortLate { leader } => self.abort_late(world, leader),
            Action::Elect => {
                world.store.epoch = Epoch(world.leaders.len() as u64 + 1);
                let leader = self.leader(world, world.store.epoch);
                world.leaders.push(leader);
            }
            Action::Finish { node, well } => self.finish(world, node, well),
            Action::Deadline { node } => {
                world.nodes[node].went_back = true;
                self.step(world, node, Event::Timer, Moment(FAR));
            }
            Action::Crash { node } => {
                world.nodes[node].crashes += 1;
                self.go_down(&mut world.nodes[node]);
            }
            Action::Reboot { node } => {
                let this = &mut world.nodes[node];
                this.boots += 1;
                self.go_down(this);
                this.kernel = Kernel::Empty;
                if self.bug == Bug::BootUnconfirmed
                    && let State::Verified { change, .. } = &this.disk.state
                {
                    this.disk.confirmed.target = change.to;
                    this.disk.state = State::Idle;
                }
            }
            Action::Start { node } => self.start(world, node),
            Action::Welcome { node } => self.welcome(world, node),
        }
    }

    /// Takes out what can never again have an effect: answers that a leader is past, since its
    /// phase never goes back, and commands of a leader that a node has seen deposed.
    fn forget_the_mute(&self, world: &mut World) {
        if self.bug != Bug::None {
            return;
        }
        let World {
            net,
            leaders,
            nodes,
            ..
        } = world;
        net.retain(|message| match &**message {
            Message::Up(_, fence, answer) => index(fence.epoch)
                .and_then(|leader| leaders.get(leader))
                .is_some_and(|leader| is_heard(&leader.rollout.record().phase, answer)),
            Message::Down(node, fence, _) => fence.epoch >= nodes[*node].disk.epoch,
        });
    }

    /// Gives a leader's machine an event, and does what it says.
    fn tell(&self, world: &mut World, leader: usize, news: News) {
        let this = &mut world.leaders[leader];
        let clock = if self.bug == Bug::NoLease {
            0
        } else {
            this.clock
        };
        let orders = this.rollout.step(news, now(clock));
        for order in orders {
            match order {
                Order::Write(write) if self.slow_store => world.leaders[leader].writes.push(*write),
                Order::Write(write) => self.land(world, leader, *write),
                Order::Read => {
                    let record = Box::new(Record::clone(&world.store.record));
                    self.tell(world, leader, News::Read(record));
                }
                Order::Send(to, fence, command) => {
                    let to = (0..self.nodes).find(|node| name(*node) == to);
                    let to = to.expect("commands go to participants");
                    let message = Message::Down(to, fence, command);
                    world.net.insert(Arc::new(message));
                }
                Order::Progress(_) | Order::Finished | Order::Deposed => {}
            }
        }
    }

    /// A write reaches the store.
    fn land(&self, world: &mut World, leader: usize, write: Transaction) {
        let epoch = write.record.attempt.epoch;
        let outcome = if epoch != world.store.epoch && self.bug != Bug::StoreUnfenced {
            Outcome::Deposed
        } else if write.replaces != world.store.record.attempt {
            Outcome::Lost
        } else {
            self.make_durable(world, write);
            Outcome::Won
        };
        world.leaders[leader].reply = Some(outcome);
    }

    fn make_durable(&self, world: &mut World, write: Transaction) {
        match (&write.record.phase, write.deed) {
            (Phase::Committed, deed) => {
                assert_eq!(deed, Deed::MoveHead);
                assert_eq!(world.store.head, write.record.from);
                world.store.head = write.record.to;
                world.store.committed = true;
                world.store.committed_by = write.record.attempt.epoch;
                let runs = |node: &Node| node.kernel == Kernel::New || node.boots > 0;
                world.store.sound = world.nodes.iter().all(runs);
            }
            (Phase::Aborted(_), deed) => {
                assert_eq!(deed, Deed::Turn);
                world.store.aborted = true;
            }
            (Phase::Closed { .. }, deed) => assert_eq!(deed, Deed::Release),
            (Phase::Preparing | Phase::Applying { .. }, deed) => assert_eq!(deed, Deed::Turn),
        }
        world.store.record = Arc::new(write.record);
    }

    fn abort_late(&self, world: &mut World, leader: usize) {
        let mut record = Record::clone(&world.store.record);
        let author = String::new();
        record.phase = Phase::Aborted(weft_core::rollout::record::Reason::User { author });
        record.attempt = Attempt {
            number: record.attempt.number + 1,
            ..record.attempt
        };
        world.store.record = Arc::new(record);
        world.store.aborted = true;
        let connected = world.leaders[leader].connected.clone();
        let epoch = world.store.epoch;
        world.leaders[leader] = self.leader(world, epoch);
        for (node, _) in connected.iter().enumerate().filter(|(_, is)| **is) {
            self.act(world, Action::Connect { leader, node });
        }
    }

    fn answer(&self, world: &mut World, leader: usize, node: usize, fence: Fence, answer: Answer) {
        let own = Epoch(leader as u64 + 1);
        let mut fence = fence;
        if fence.epoch != own {
            let counted = self.bug == Bug::OldVerified && answer == Answer::Verified;
            let Some(nonce) = last_word(world, own, node).filter(|_| counted) else {
                return;
            };
            fence.epoch = own;
            fence.nonce = nonce;
        }
        if self.bug == Bug::CommitAfterFirst && answer == Answer::Verified {
            for other in (0..self.nodes).filter(|other| *other != node) {
                if let Some(nonce) = last_word(world, own, other) {
                    let fence = Fence {
                        nonce,
                        ..fence.clone()
                    };
                    let news = News::Answer(name(other), fence, Answer::Verified);
                    self.tell(world, leader, news);
                }
            }
        }
        self.tell(world, leader, News::Answer(name(node), fence, answer));
    }

    fn command(&self, world: &mut World, node: usize, fence: Fence, command: Command) {
        let this = &mut world.nodes[node];
        let Some(session) = &mut this.session else {
            return;
        };
        let said = fence.epoch;
        let mut fence = fence;
        if self.bug == Bug::EpochUnchecked {
            fence.epoch = fence.epoch.max(this.disk.epoch);
        }
        let effects = session.step(Event::Command(fence, command), Moment(0));
        if !effects.is_empty() {
            this.obeyed = said;
        }
        self.carry_out(world, node, effects);
    }

    fn step(&self, world: &mut World, node: usize, event: Event, at: Moment) {
        if let Some(session) = &mut world.nodes[node].session {
            let effects = session.step(event, at);
            self.carry_out(world, node, effects);
        }
    }

    /// Does what a node's machine says.
    fn carry_out(&self, world: &mut World, node: usize, effects: Vec<Effect>) {
        let World { nodes, net, .. } = world;
        let this = &mut nodes[node];
        for effect in effects {
            match effect {
                Effect::Persist(journal) => this.disk = *journal,
                Effect::Stage { .. } => this.job = Job::Stage,
                Effect::Apply { .. } => {
                    assert!(this.has_stage, "there is no plan to apply");
                    this.job = Job::Apply;
                    this.kernel = Kernel::Mixed;
                }
                Effect::Revert { to } => {
                    assert_eq!(to, old(), "a revert goes to what is confirmed");
                    this.job = Job::Revert;
                    this.kernel = Kernel::Mixed;
                }
                Effect::Send(fence, answer) | Effect::SendAfresh(fence, answer) => {
                    net.insert(Arc::new(up(node, fence, answer)));
                }
                Effect::Forget(plan) if plan == new() => {
                    this.has_stage = false;
                    if this.job == Job::Stage {
                        this.job = Job::None;
                    }
                }
                Effect::Forget(_) | Effect::Wake(_) | Effect::Sleep | Effect::Collect => {}
            }
        }
        if self.bug == Bug::NoTombstone && this.disk.state == State::Idle && this.job == Job::None {
            this.disk.tombstone = RolloutId(0);
            let boot = this.disk.boot.clone();
            let (session, _) = Session::start(this.disk.clone(), boot, Moment(0));
            this.session = Some(session);
        }
    }

    fn finish(&self, world: &mut World, node: usize, well: bool) {
        let this = &mut world.nodes[node];
        let faults = || vec![fault()];
        let job = std::mem::replace(&mut this.job, Job::None);
        let rollout = ROLLOUT;
        let event = match (job, well) {
            (Job::None, _) => return,
            (Job::Stage, well) => {
                this.has_stage |= well;
                Event::Staged {
                    rollout,
                    to: new(),
                    result: if well { Ok(1) } else { Err(faults()) },
                }
            }
            (Job::Apply, true) => {
                this.kernel = Kernel::New;
                let result = Ok(());
                Event::Applied { rollout, result }
            }
            (Job::Apply, false) => Event::Applied {
                rollout,
                result: Err(faults()),
            },
            (Job::Revert, _) => {
                this.kernel = Kernel::Old;
                Event::Reverted { result: Ok(()) }
            }
        };
        self.step(world, node, event, Moment(0));
    }

    fn go_down(&self, node: &mut Node) {
        node.session = None;
        node.job = Job::None;
        if self.bug == Bug::JournalForgotten {
            node.disk.state = State::Idle;
        }
    }

    fn start(&self, world: &mut World, node: usize) {
        let this = &mut world.nodes[node];
        let boot = BootId(format!("boot {}", this.boots));
        let boot = if this.boots == 0 {
            this.disk.boot.clone()
        } else {
            boot
        };
        let (session, effects) = Session::start(this.disk.clone(), boot, Moment(0));
        let upkeep = session.upkeep();
        this.session = Some(session);
        if let (Kernel::Empty, Some(plan)) = (this.kernel, upkeep) {
            this.kernel = if plan == new() {
                Kernel::New
            } else {
                Kernel::Old
            };
        }
        self.carry_out(world, node, effects);
    }

    /// The rollout is closed; a node that is not settled connects.
    fn welcome(&self, world: &mut World, node: usize) {
        let Some(session) = &world.nodes[node].session else {
            return;
        };
        let committed = world.store.committed;
        let head = Confirmed {
            rollout: if committed { ROLLOUT } else { RolloutId(0) },
            target: if committed { new() } else { old() },
        };
        let leader = identity(world.store.epoch);
        let lease = world.store.record.policy.lease();
        let held = Held::of(world.decision().as_ref());
        match welcome(&leader, head, lease, &session.hello(), held) {
            Welcome::Current | Welcome::Wait => {}
            Welcome::Quarantine(why) => panic!("a node is strange: {why:?}"),
            Welcome::Say(rollout, command) => {
                let fence = Fence {
                    cluster: leader.cluster,
                    incarnation: leader.incarnation,
                    epoch: leader.epoch,
                    rollout,
                    nonce: WELCOME,
                };
                let message = Message::Down(node, fence, command);
                world.net.insert(Arc::new(message));
            }
        }
    }
}

/// Past every lease: contact is 30 s.
const LEASES_END: u64 = 100_000;

/// Past the time for closing, counted from there.
const CLOSES: u64 = 1_000_000;

/// A moment after every deadline of a node whose clock stands at zero.
const FAR: u64 = 10_000_000;

/// An answer, without what the leader's machine does not look at: the nonce of an answer that is
/// no acknowledgement, and the words of a fault.
fn up(node: usize, fence: Fence, answer: Answer) -> Message {
    let unnumbered = Fence {
        nonce: Nonce(0),
        ..fence.clone()
    };
    let plain = |faults: Vec<Fault>| faults.first().map(|_| fault()).into_iter().collect();
    match answer {
        Answer::Alive | Answer::Verified => Message::Up(node, fence, answer),
        Answer::Prepared { .. } | Answer::Confirmed | Answer::RolledBack => {
            Message::Up(node, unnumbered, answer)
        }
        Answer::Refused(faults) => Message::Up(node, unnumbered, Answer::Refused(plain(faults))),
        Answer::Failed(faults) => Message::Up(node, unnumbered, Answer::Failed(plain(faults))),
    }
}

/// Whether a leader in this phase, or a later one, may still make something of an answer.
fn is_heard(phase: &Phase, answer: &Answer) -> bool {
    match (phase, answer) {
        (Phase::Preparing, _)
        | (
            Phase::Applying { .. },
            Answer::Refused(_)
            | Answer::Alive
            | Answer::Verified
            | Answer::Failed(_)
            | Answer::Confirmed
            | Answer::RolledBack,
        )
        | (Phase::Committed, Answer::Verified | Answer::Failed(_) | Answer::Confirmed)
        | (Phase::Aborted(_), Answer::Failed(_) | Answer::RolledBack) => true,
        (
            Phase::Applying { .. } | Phase::Committed | Phase::Aborted(_) | Phase::Closed { .. },
            _,
        ) => false,
    }
}

fn fault() -> Fault {
    Fault {
        origin: None,
        attempt: String::new(),
        cause: String::new(),
        advice: String::new(),
    }
}

/// The nonce of the last apply or keep-alive that a leader sent to a node.
fn last_word(world: &World, epoch: Epoch, node: usize) -> Option<Nonce> {
    let nonces: BTreeSet<_> = world
        .net
        .iter()
        .filter_map(|message| match &**message {
            Message::Down(to, fence, Command::Apply | Command::KeepAlive)
                if *to == node && fence.epoch == epoch =>
            {
                Some(fence.nonce)
            }
            Message::Down(..) | Message::Up(..) => None,
        })
        .collect();
    nonces.last().copied()
}

fn index(epoch: Epoch) -> Option<usize> {
    usize::try_from(epoch.0).ok()?.checked_sub(1)
}
