//! What can happen next, and what comes of it. All decisions are those of the two machines; what
//! is written here is only what a store, a network, a disk, a kernel and a clock do.
//!
//! # Time
//! A leader's clock stands still but for four actions: it goes to the next keep-alive, past every
//! lease, past the time for closing, or to the next word to a node that catches up. A node's clock stands still; its deadline may come
//! whenever the lease rule lets it: not while the leader that the node obeyed last believes the
//! node's lease valid, nor while an acknowledgement is on its way that would make it believe so.
//! Contact with another leader does not count, which lets a deadline come earlier than it could.

use stateright::{Model, Property};
use weft_core::rollout::event::{Event as News, Outcome, Wish};
use weft_core::rollout::machine::Rollout;
use weft_core::rollout::record::Phase;
use weft_model::clock::Moment;
use weft_model::message::{Answer, Progress};
use weft_model::revision::{Epoch, Nonce};
use weft_node::session::event::Event;
use weft_node::session::journal::State;

use super::pointer::Shared;
use super::setup::{Bug, Setup, name, now};
use super::world::{Job, Kernel, Message, World};

/// One thing that can happen. Leaders and nodes are numbered from zero.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Connect { leader: usize, node: usize },
    Disconnect { leader: usize, node: usize },
    Deliver(Shared<Message>),
    Land { leader: usize },
    Reply { leader: usize, known: bool },
    KeepAlive { leader: usize },
    LeasesEnd { leader: usize },
    CloseEarly { leader: usize },
    Turn { leader: usize },
    Begin { leader: usize },
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
    Retry { node: usize },
}

impl Model for Setup {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![self.first()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        actions.extend(world.net.iter().cloned().map(Action::Deliver));
        let over = world.store.is_idle() && world.store.sagas.len() == self.rollouts();
        if world.leaders.len() < self.leaders && !over {
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
pub(super) const WELCOME: Nonce = Nonce(1_000);

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
        if self.may_begin(world, leader) {
            actions.push(Action::Begin { leader });
        }
        if this.turns < self.turns && this.catchups.next_wake().is_some() {
            actions.push(Action::Turn { leader });
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
                let stands = (0..self.nodes)
                    .filter_map(|node| this.rollout.stands_until(&name(node)))
                    .any(|until| Moment(this.clock) < until);
                if !self.calm && (stands || this.clock < LEASES_END) {
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
        if this.rollout.permits(&confirm()).is_ok() {
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
            if self.may_fail(world, this.job) {
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
        if !this.retried && matches!(this.disk.state, State::Stuck { .. }) {
            actions.push(Action::Retry { node });
        }
    }

    fn may_fail(&self, world: &World, job: Job) -> bool {
        match job {
            Job::None => false,
            Job::Stage { rollout, .. } | Job::Apply { rollout, .. } => {
                let place = world.store.place(rollout);
                let late = place.is_some_and(|place| world.store.sagas[place].committed);
                self.failures || (self.late_failures && late)
            }
            Job::Revert => self.stuck,
        }
    }

    /// The lease rule.
    fn deadline_may_come(&self, world: &World, node: usize) -> bool {
        let this = &world.nodes[node];
        if self.calm || !matches!(this.progress(), Some(Progress::Armed | Progress::Verified)) {
            return false;
        }
        let Some(leader) = index(this.obeyed).and_then(|leader| world.leaders.get(leader)) else {
            return true;
        };
        let held = this.holds();
        let believes = |rollout: &Rollout| {
            if held != Some(rollout.record().id) {
                return false;
            }
            let until = rollout.stands_until(&name(node));
            until.is_some_and(|until| Moment(leader.clock) < until)
        };
        if believes(&leader.rollout) {
            return false;
        }
        world.net.iter().all(|message| match &**message {
            Message::Up(from, fence, answer)
                if *from == node
                    && held == Some(fence.rollout)
                    && matches!(answer, Answer::Alive | Answer::Verified) =>
            {
                let mut rollout = leader.rollout.clone();
                let news = News::Answer(name(node), fence.clone(), answer.clone());
                rollout.step(news, now(leader.clock));
                !believes(&rollout)
            }
            Message::Up(..) | Message::Down(..) => true,
        })
    }

    pub(super) fn act(&self, world: &mut World, action: Action) {
        match action {
            Action::Connect { leader, node } => self.connect(world, leader, node),
            Action::Disconnect { leader, node } => self.disconnect(world, leader, node),
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
                let clock = &mut world.leaders[leader].clock;
                *clock = LEASES_END.max(*clock / LEASES_END * LEASES_END + LEASES_END);
                // Not a tick: a leader may look at a vote before it looks at the clock.
            }
            Action::CloseEarly { leader } => {
                let clock = &mut world.leaders[leader].clock;
                *clock = CLOSES.max(*clock);
                self.tell(world, leader, News::Tick);
            }
            Action::Turn { leader } => self.turn(world, leader),
            Action::Begin { leader } => self.begin(world, leader),
            Action::Abort { leader } => {
                let author = String::new();
                self.tell(world, leader, News::User(Wish::Abort { author }));
            }
            Action::Confirm { leader } => {
                let saga = world.leaders[leader].saga;
                world.store.sagas[saga].confirmed = true;
                self.tell(world, leader, News::User(confirm()));
            }
            Action::Pause { leader } => {
                world.leaders[leader].pauses += 1;
                self.tell(world, leader, News::User(Wish::Pause));
            }
            Action::Resume { leader } => self.tell(world, leader, News::User(Wish::Resume)),
            Action::AbortLate { leader } => self.abort_late(world, leader),
            Action::Elect => {
                world.store.epoch = Epoch(world.leaders.len() as u64 + 1);
                let leader = self.leader(world, world.store.epoch);
                world.leaders.push(Shared::new(leader));
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
                let this = &mut *world.nodes[node];
                this.boots += 1;
                self.go_down(this);
                this.kernel = Kernel::Empty;
                if self.bug == Bug::BootUnconfirmed
                    && let State::Verified { change, .. } = &this.disk.state
                {
                    this.disk.confirmed.target = change.to;
                    this.disk.confirmed.rollout = change.rollout;
                    this.disk.state = State::Idle;
                }
            }
            Action::Start { node } => self.start(world, node),
            Action::Retry { node } => {
                world.nodes[node].retried = true;
                self.step(world, node, Event::Retry, Moment(0));
            }
        }
    }
}

/// Past every lease: contact is 30 s.
const LEASES_END: u64 = 100_000;

/// Past the time for closing, counted from there.
const CLOSES: u64 = 1_000_000;

/// A moment after every deadline of a node whose clock stands at zero.
pub(super) const FAR: u64 = 10_000_000;

pub(super) fn index(epoch: Epoch) -> Option<usize> {
    usize::try_from(epoch.0).ok()?.checked_sub(1)
}

/// A person keeps the change.
fn confirm() -> Wish {
    Wish::Confirm {
        author: String::new(),
    }
}
