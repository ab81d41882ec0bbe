//! Controllers: what a leader is told, and what it does.

use weft_core::rollout::catchup::{Effect as Returned, Event as Return};
use weft_core::rollout::effect::Effect as Order;
use weft_core::rollout::event::Event as News;
use weft_core::rollout::machine::Rollout;
use weft_core::rollout::record::{Decision, Phase, Record};
use weft_model::name::NodeName;
use weft_model::revision::RolloutId;

use super::cluster::{Cluster, Happening};
use super::control::{Controller, leader};
use super::store::{name, place};

impl Cluster {
    pub fn bring(&mut self, controller: usize, node: usize, event: Return) {
        if !self.controllers[controller].alive {
            return;
        }
        let effects = self.controllers[controller].bring(node, event, &self.store, self.now);
        self.carry_out_returns(controller, effects);
        self.set_tick(controller);
    }

    pub fn carry_out_returns(&mut self, controller: usize, effects: Vec<Returned>) {
        for effect in effects {
            if !self.goes_on(controller) {
                return;
            }
            match effect {
                Returned::Send(node, fence, command) => {
                    self.seen.insert("catch-up");
                    self.send_down(controller, place(&node), fence, command);
                }
                Returned::Current(node, confirmed) => {
                    self.note_confirmed(controller, place(&node), confirmed);
                }
                Returned::Failed(..) => {
                    self.seen.insert("catch-up failed");
                }
                Returned::Quarantine(node, why) => {
                    // An old leader may well think so.
                    if self.current() == Some(controller) {
                        self.break_law(format!("node {node} is strange: {why:?}"));
                    }
                }
            }
        }
    }

    /// Counts an effect of a controller; not if this is where it dies.
    pub fn goes_on(&mut self, controller: usize) -> bool {
        if !self.controllers[controller].alive || self.broken.is_some() {
            return false;
        }
        self.hits += 1;
        let chance = !self.quiet && self.setup.faults_every.is_some() && self.chance.hits(3);
        if self.setup.controller_dies_at == Some(self.hits) || chance {
            self.seen.insert("controller crash");
            self.kill_controller(controller);
            if self.controllers.len() == controller + 1 {
                self.later(2_000, Happening::Elect);
            }
            return false;
        }
        true
    }

    pub fn begin(&mut self, controller: usize, record: Record) {
        let changes = Controller::changes(&record, &self.store);
        let participants: Vec<usize> = record.participants.keys().map(place).collect();
        let now = self.controllers[controller].now(self.now);
        let epoch = self.controllers[controller].epoch;
        let (course, orders) = Rollout::load(leader(epoch), record, &changes, now);
        self.controllers[controller].course = Some(course);
        self.carry_out(controller, orders);
        for node in participants {
            let hello = self.controllers[controller].roster.get(&node);
            if let Some(hello) = hello.map(|(_, hello)| hello.clone()) {
                self.bring(controller, node, Return::Lost);
                self.tell(controller, News::Hello(name(node), hello));
            }
        }
        self.set_tick(controller);
    }

    pub fn tell_of(&mut self, controller: usize, rollout: RolloutId, news: News) {
        let course = self.controllers[controller].course.as_ref();
        if course.is_some_and(|course| course.record().id == rollout) {
            self.tell(controller, news);
        }
    }

    pub fn tell(&mut self, controller: usize, news: News) {
        if !self.controllers[controller].alive {
            return;
        }
        let now = self.controllers[controller].now(self.now);
        let Some(course) = &mut self.controllers[controller].course else {
            return;
        };
        let orders = course.step(news, now);
        let record = course.record().clone();
        self.check_status(controller);
        let committed = record.phase.decision() == Some(Decision::Commit);
        let this = &mut self.controllers[controller];
        let moves = committed && this.head == record.from && this.head_by < record.id;
        if moves {
            this.head = record.to;
            this.head_by = record.id;
        }
        self.carry_out(controller, orders);
        if moves {
            self.bring_along(controller, &record);
        }
        if self.controllers[controller].alive {
            self.set_tick(controller);
        }
    }

    pub fn bring_along(&mut self, controller: usize, record: &Record) {
        let others: Vec<_> = self.controllers[controller]
            .roster
            .iter()
            .filter(|(node, _)| !record.participants.contains_key(&name(**node)))
            .map(|(node, (_, hello))| (*node, hello.confirmed))
            .collect();
        for (node, confirmed) in others {
            self.bring(controller, node, Return::Compare(confirmed));
        }
    }

    pub fn carry_out(&mut self, controller: usize, orders: Vec<Order>) {
        for order in orders {
            if !self.goes_on(controller) {
                return;
            }
            match order {
                Order::Write(write) => {
                    self.check_write_asked(controller, &write.record);
                    let wait = self.delay();
                    self.later(wait, Happening::Land { controller, write });
                }
                Order::Read => {
                    let course = self.controllers[controller].course.as_ref();
                    if let Some(rollout) = course.map(|course| course.record().id) {
                        let wait = self.delay();
                        self.later(
                            wait,
                            Happening::Look {
                                controller,
                                rollout,
                            },
                        );
                    }
                }
                Order::Send(node, fence, command) => {
                    self.send_down(controller, place(&node), fence, command);
                }
                Order::Progress(_) => {}
                Order::Finished => self.finished(controller),
                Order::Deposed => {
                    self.seen.insert("deposed");
                    self.kill_controller(controller);
                }
            }
        }
    }

    pub fn finished(&mut self, controller: usize) {
        let Some(course) = &self.controllers[controller].course else {
            return;
        };
        if let Phase::Closed {
            unsettled,
            decision,
        } = &course.record().phase
        {
            let outcome = match decision {
                Decision::Commit => "commit",
                Decision::Abort(_) => "abort",
            };
            self.seen.insert(outcome);
            if !unsettled.is_empty() {
                self.seen.insert("closed early");
            }
            for node in unsettled.clone() {
                let roster = &self.controllers[controller].roster;
                if let Some((stream, _)) = roster.get(&place(&node)).cloned() {
                    self.cut(stream);
                }
            }
        }
    }

    pub fn set_tick(&mut self, controller: usize) {
        let this = &mut self.controllers[controller];
        this.ticks += 1;
        let tick = this.ticks;
        if let Some(wake) = this.next_wake() {
            let at = this.when(wake).max(self.now + 5);
            self.at(at, Happening::Tick { controller, tick });
        }
    }

    pub fn tick(&mut self, controller: usize, tick: u64) {
        let this = &mut self.controllers[controller];
        if !this.alive || this.ticks != tick {
            return;
        }
        // The wall's clock goes where it likes.
        this.wall = this
            .wall
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(99);
        let now = this.now(self.now).steady;
        let mut catchups = this.catchups.clone();
        let wanted = |node: &NodeName| this.wanted(place(node), &self.store);
        let effects = catchups.tick(wanted, now);
        self.controllers[controller].catchups = catchups;
        self.carry_out_returns(controller, effects);
        self.tell(controller, News::Tick);
        if self.controllers[controller].alive {
            self.set_tick(controller);
        }
    }

    // The nodes.
}
