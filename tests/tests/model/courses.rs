//! A leader's side, beyond the rollout that runs: who takes part in it, who follows the head alone,
//! and the second rollout. It does what the controller's shell does around the same two machines.

use weft_core::rollout::catchup::{Effect, Event};
use weft_core::rollout::event::Event as News;
use weft_core::rollout::record::{Decision, Phase, Reason, Record};
use weft_core::rollout::welcome::Held;
use weft_model::clock::Moment;
use weft_model::message::{Answer, Command, Confirmed, Fence, Standing};
use weft_model::name::NodeName;

use super::act::WELCOME;
use super::setup::{Bug, SECOND, Second, Setup, epoch, name, take_up};
use super::world::{Leader, Message, World};

impl Leader {
    /// Whether a node is a participant of a rollout that runs.
    fn takes_part(&self, node: usize) -> bool {
        let record = self.rollout.record();
        let closed = matches!(record.phase, Phase::Closed { .. });
        !closed && record.participants.contains_key(&name(node))
    }
}

impl Setup {
    /// A node opens a stream and says where it stands.
    pub(super) fn connect(&self, world: &mut World, leader: usize, node: usize) {
        let Some(session) = &world.nodes[node].session else {
            return;
        };
        let hello = session.hello();
        let this = &mut *world.leaders[leader];
        this.connected[node] = true;
        if self.has_catch_ups() {
            this.hellos[node] = Some(hello.clone());
        }
        if this.takes_part(node) {
            self.tell(world, leader, News::Hello(name(node), hello));
            return;
        }
        let held = match hello.standing {
            Standing::Settled => Held::Unknown,
            Standing::Unsettled { .. } if self.bug == Bug::DecisionForgotten => Held::Unknown,
            Standing::Unsettled { rollout, .. } => match world.store.place(rollout) {
                None => Held::Unknown,
                Some(_) => Held::of(world.store.decision(rollout).as_ref()),
            },
        };
        self.catch_up(world, leader, node, Event::Hello { hello, held });
    }

    pub(super) fn disconnect(&self, world: &mut World, leader: usize, node: usize) {
        let this = &mut *world.leaders[leader];
        this.connected[node] = false;
        if this.takes_part(node) {
            self.tell(world, leader, News::Lost(name(node)));
        } else {
            self.catch_up(world, leader, node, Event::Lost);
        }
    }

    /// An answer that is for this leader.
    pub(super) fn hear(
        &self,
        world: &mut World,
        leader: usize,
        node: usize,
        fence: Fence,
        answer: Answer,
    ) {
        self.note_settled(world, leader, node, &fence, &answer);
        if world.leaders[leader].takes_part(node) {
            self.tell(world, leader, News::Answer(name(node), fence, answer));
            return;
        }
        // A stream says a thing once. What comes when nobody waits for it may as well come later.
        if world.leaders[leader].catchups.is_underway(&name(node)) {
            let message = Message::Up(node, fence.clone(), answer.clone());
            world.net.retain(|other| **other != message);
        }
        self.catch_up(world, leader, node, Event::Answer(fence, answer));
    }

    fn note_settled(
        &self,
        world: &mut World,
        leader: usize,
        node: usize,
        fence: &Fence,
        answer: &Answer,
    ) {
        let World { leaders, store, .. } = world;
        let this = &mut *leaders[leader];
        let record = this.rollout.record();
        if record.id != fence.rollout || !record.participants.contains_key(&name(node)) {
            return;
        }
        let committed = record.phase.decision() == Some(Decision::Commit);
        let Some(hello) = &mut this.hellos[node] else {
            return;
        };
        match answer {
            Answer::Confirmed if committed => {
                hello.confirmed = Confirmed {
                    rollout: fence.rollout,
                    target: store.sagas[this.saga].to,
                };
                hello.standing = Standing::Settled;
            }
            Answer::RolledBack => hello.standing = Standing::Settled,
            Answer::Confirmed
            | Answer::Prepared { .. }
            | Answer::Refused(_)
            | Answer::Alive
            | Answer::Verified
            | Answer::Failed(_) => {}
        }
    }

    /// The leader's head follows what it knows of its rollout; says whether it moved.
    pub(super) fn follow_head(&self, world: &mut World, leader: usize) -> bool {
        let World { leaders, store, .. } = world;
        let this = &mut *leaders[leader];
        let record = this.rollout.record();
        let committed = record.phase.decision() == Some(Decision::Commit);
        let moves = committed && this.head.rollout < record.id;
        if moves {
            this.head = Confirmed {
                rollout: record.id,
                target: store.sagas[this.saga].to,
            };
        }
        moves
    }

    /// The head moved: nodes that were no part of the rollout follow it, each for itself.
    pub(super) fn bring_along(&self, world: &mut World, leader: usize) {
        for node in 0..self.nodes {
            let this = &world.leaders[leader];
            if this.connected[node]
                && !this.rollout.record().participants.contains_key(&name(node))
                && let Some(hello) = &this.hellos[node]
            {
                let confirmed = hello.confirmed;
                self.catch_up(world, leader, node, Event::Compare(confirmed));
            }
        }
    }

    /// The rollout is closed: nodes that never said how it ended say hello anew.
    pub(super) fn finished(&self, world: &mut World, leader: usize) {
        let this = &mut *world.leaders[leader];
        if let Phase::Closed { unsettled, .. } = &this.rollout.record().phase {
            for node in (0..self.nodes).filter(|node| unsettled.contains(&name(*node))) {
                this.connected[node] = false;
            }
        }
    }

    /// Whether a leader may begin the second rollout.
    pub(super) fn may_begin(&self, world: &World, leader: usize) -> bool {
        let this = &world.leaders[leader];
        let first = world.store.last();
        let closed = matches!(this.rollout.record().phase, Phase::Closed { .. });
        let leads = leader + 1 == world.leaders.len();
        let wanted = match self.second {
            Second::None => false,
            Second::Onward => true,
            Second::Back => first.committed,
        };
        let ready = (0..self.nodes).any(|node| self.is_at_head(world, leader, node));
        leads && closed && wanted && ready && world.store.sagas.len() == 1
    }

    fn is_at_head(&self, world: &World, leader: usize, node: usize) -> bool {
        let this = &world.leaders[leader];
        let hello = this.hellos[node].as_ref().filter(|_| this.connected[node]);
        hello.is_some_and(|hello| hello.confirmed.target.digest == this.head.target.digest)
    }

    /// Begins the second rollout: without the nodes that are not there, or not at the head.
    pub(super) fn begin(&self, world: &mut World, leader: usize) {
        let Some(to) = self.second.target() else {
            return;
        };
        let (present, absent): (Vec<_>, Vec<_>) =
            (0..self.nodes).partition(|node| self.is_at_head(world, leader, *node));
        let names = |nodes: &[usize]| nodes.iter().copied().map(name).collect::<Vec<NodeName>>();
        let from = world.leaders[leader].head.target;
        let saga = self.saga(
            SECOND,
            world.store.epoch,
            from,
            to,
            &names(&present),
            &names(&absent),
        );
        let this = &mut *world.leaders[leader];
        let record = Record::clone(&saga.record);
        this.rollout = take_up(world.store.epoch, record, &saga, this.clock);
        this.saga = world.store.sagas.len();
        this.reply = None;
        this.writes.clear();
        world.store.sagas.push(saga);
        for node in present {
            self.catch_up(world, leader, node, Event::Lost);
            let this = &world.leaders[leader];
            if let Some(hello) = this.hellos[node].clone() {
                self.tell(world, leader, News::Hello(name(node), hello));
            }
        }
    }

    /// The time has come for the next word to a node that catches up.
    pub(super) fn turn(&self, world: &mut World, leader: usize) {
        let this = &mut *world.leaders[leader];
        let Some(due) = this.catchups.next_wake() else {
            return;
        };
        this.turns += 1;
        this.clock = this.clock.max(due.0);
        let head = if self.bug == Bug::OldHead {
            let saga = &world.store.sagas[0];
            Confirmed {
                rollout: saga.id(),
                target: saga.to,
            }
        } else {
            this.head
        };
        let effects = this.catchups.tick(|_| head, Moment(this.clock));
        self.carry_out_catch_ups(world, leader, effects);
    }

    pub(super) fn catch_up(&self, world: &mut World, leader: usize, node: usize, event: Event) {
        let this = &mut *world.leaders[leader];
        let mut head = this.head;
        if self.bug == Bug::DeferredTooSoon {
            let saga = &world.store.sagas[this.saga];
            head = Confirmed {
                rollout: saga.id(),
                target: saga.to,
            };
        }
        let now = Moment(this.clock);
        let effects = this.catchups.step(&name(node), event, head, now);
        self.carry_out_catch_ups(world, leader, effects);
    }

    fn carry_out_catch_ups(&self, world: &mut World, leader: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(to, fence, command) => {
                    let this = &world.leaders[leader];
                    if let Command::CatchUp { to, .. } = &command {
                        let head = (this.head.rollout, this.head.target);
                        world.store.strayed |= (fence.rollout, *to) != head;
                    }
                    // What is asked of a node that is alone is not told apart by its number.
                    let nonce = WELCOME;
                    self.send(world, to, Fence { nonce, ..fence }, command);
                }
                Effect::Current(node, confirmed) => {
                    let place = (0..self.nodes).find(|place| name(*place) == node);
                    let this = &mut *world.leaders[leader];
                    if let Some(hello) = place.and_then(|place| this.hellos[place].as_mut()) {
                        hello.confirmed = confirmed;
                        hello.standing = Standing::Settled;
                    }
                }
                Effect::Failed(node, faults) => {
                    let place = (0..self.nodes).find(|place| name(*place) == node);
                    if let Some(place) = place {
                        world.nodes[place].degraded = true;
                    }
                    if self.bug == Bug::CatchUpAborts {
                        self.abort_for(world, leader, Reason::Failed { node, faults });
                    }
                }
                Effect::Quarantine(..) => world.store.strange = true,
            }
        }
        self.forget_numbers(world, leader);
    }

    /// Lets the numbers of commands begin anew, which nobody compares, when no node is on its way.
    fn forget_numbers(&self, world: &mut World, leader: usize) {
        let this = &mut *world.leaders[leader];
        if (0..self.nodes).all(|node| !this.catchups.is_underway(&name(node))) {
            this.catchups = self.catch_ups(epoch(leader));
        }
    }

    fn abort_for(&self, world: &mut World, leader: usize, reason: Reason) {
        let saga = &mut world.store.sagas[world.leaders[leader].saga];
        if saga.record.phase.decision().is_none() {
            let mut record = Record::clone(&saga.record);
            record.phase = Phase::Aborted(reason);
            record.attempt.number += 1;
            saga.record = record.into();
            saga.aborted = true;
        }
    }
}
