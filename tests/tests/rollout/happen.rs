//! What comes of each happening: what a network, a store, a disk, a kernel and people do.

use weft_core::rollout::catchup::{Effect as Returned, Event as Return};
use weft_core::rollout::effect::Effect as Order;
use weft_core::rollout::event::{Event as News, Outcome, Wish};
use weft_core::rollout::machine::Rollout;
use weft_core::rollout::policy::Offline;
use weft_core::rollout::record::{Attempt, Decision, Phase, Record};
use weft_core::rollout::status::NodeProgress;
use weft_core::rollout::welcome::Held;
use weft_model::clock::Span;
use weft_model::message::{Answer, Command, Confirmed, Fence, Standing};
use weft_model::report::Fault;
use weft_model::revision::{RevisionId, RolloutId, Timestamp};
use weft_node::session::effect::Effect;
use weft_node::session::event::Event;
use weft_node::session::journal::State;
use weft_node::session::machine::Session;

use super::cluster::{Bug, Cluster, Happening, Stream};
use super::control::{Controller, leader};
use super::node::{Job, Kernel};
use super::store::{name, place};

impl Cluster {
    pub fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Down {
                stream,
                fence,
                command,
            } => {
                let node = self.streams[stream].node;
                if !self.is_broken(stream) && self.nodes[node].stream == Some(stream) {
                    self.command(node, fence, command);
                }
            }
            Happening::Stray {
                node,
                fence,
                command,
            } => self.command(node, fence, command),
            Happening::Greet { stream, hello } => self.arrive(stream, hello),
            Happening::Up {
                stream,
                fence,
                answer,
            } => {
                let Stream {
                    node, controller, ..
                } = self.streams[stream];
                let on = self.controllers[controller]
                    .roster
                    .get(&node)
                    .map(|(on, _)| *on);
                if !self.is_broken(stream) && on == Some(stream) {
                    self.heard(controller, node, fence, answer);
                }
            }
            Happening::Echo {
                controller,
                node,
                fence,
                answer,
            } => {
                if self.controllers[controller].alive {
                    self.heard(controller, node, fence, answer);
                }
            }
            Happening::ControllerSeesCut { stream } => self.leave(stream),
            Happening::NodeSeesCut { stream } => {
                let node = self.streams[stream].node;
                if self.nodes[node].stream == Some(stream) {
                    self.nodes[node].stream = None;
                    self.later(50, Happening::Connect { node });
                }
            }
            Happening::Connect { node } => self.connect(node),
            Happening::Timer { node, timer } => {
                if self.nodes[node].timers == timer {
                    self.step(node, Event::Timer);
                }
            }
            Happening::Work { node, job, fails } => self.finish(node, job, fails),
            Happening::Start { node } => self.start(node),
            Happening::Land { controller, write } => {
                let rollout = write.record.id;
                self.check_write(&write);
                let outcome = match self.store.land(&write) {
                    Ok(outcome) => outcome,
                    Err(law) => return self.break_law(law),
                };
                if outcome == Outcome::Won {
                    self.check_landed(&write.record);
                }
                let lost = !self.quiet && self.setup.faults_every.is_some();
                let lost = lost && self.chance.hits(500);
                let outcome = if lost { Outcome::Unknown } else { outcome };
                let wait = self.delay();
                self.later(
                    wait,
                    Happening::Written {
                        controller,
                        rollout,
                        outcome,
                    },
                );
            }
            Happening::Written {
                controller,
                rollout,
                outcome,
            } => {
                self.tell_of(controller, rollout, News::Written(outcome));
            }
            Happening::Look {
                controller,
                rollout,
            } => {
                let record = Box::new(self.store.records[&rollout].clone());
                let wait = self.delay();
                self.later(wait, Happening::Read { controller, record });
            }
            Happening::Read { controller, record } => {
                self.tell_of(controller, record.id, News::Read(record));
            }
            Happening::Tick { controller, tick } => self.tick(controller, tick),
            Happening::Elect => self.elect(),
            Happening::Fault => self.fault(),
            Happening::User => self.user(),
            Happening::Quiet => self.become_quiet(),
            Happening::CutAll => {
                for stream in 0..self.streams.len() {
                    self.cut(stream);
                }
                for node in 0..self.nodes.len() {
                    self.step(node, Event::Retry);
                }
                self.later(400_000, Happening::CutAll);
            }
        }
    }

    fn is_broken(&self, stream: usize) -> bool {
        let Stream { node, broken, .. } = self.streams[stream];
        broken || self.nodes[node].cut_off_until > self.now
    }

    // The network.

    fn connect(&mut self, node: usize) {
        let this = &self.nodes[node];
        if this.session.is_none() || this.stream.is_some() {
            return;
        }
        let target = match self.controllers.len() {
            0 => None,
            count => {
                // An old leader that does not know better still takes nodes in.
                let old = count >= 2 && !self.quiet && self.chance.hits(1_500);
                let place = count - 1 - usize::from(old);
                self.controllers[place].alive.then_some(place)
            }
        };
        let Some(controller) = target.filter(|_| self.nodes[node].cut_off_until <= self.now) else {
            self.later(1_000, Happening::Connect { node });
            return;
        };
        let stream = self.streams.len();
        self.streams.push(Stream {
            node,
            controller,
            broken: false,
            down: self.now,
            up: self.now,
        });
        self.nodes[node].stream = Some(stream);
        if let Some(session) = &self.nodes[node].session {
            let hello = session.hello();
            let at = self.up(stream);
            self.at(at, Happening::Greet { stream, hello });
        }
    }

    fn up(&mut self, stream: usize) -> u64 {
        let at = self.now + self.delay();
        let at = at.max(self.streams[stream].up + 1);
        self.streams[stream].up = at;
        at
    }

    fn down(&mut self, stream: usize) -> u64 {
        let at = self.now + self.delay();
        let at = at.max(self.streams[stream].down + 1);
        self.streams[stream].down = at;
        at
    }

    fn is_stray(&mut self) -> bool {
        self.setup.wild && !self.quiet && self.chance.hits(500)
    }

    fn is_lost(&mut self) -> bool {
        self.setup.wild && !self.quiet && self.chance.hits(100)
    }

    fn send_up(&mut self, node: usize, fence: Fence, answer: Answer) {
        let Some(stream) = self.nodes[node].stream else {
            return;
        };
        if self.is_stray() {
            let wait = self.chance.within(0, 60_000);
            let controller = self.streams[stream].controller;
            let (fence, answer) = (fence.clone(), answer.clone());
            self.later(
                wait,
                Happening::Echo {
                    controller,
                    node,
                    fence,
                    answer,
                },
            );
        }
        let at = self.up(stream);
        if !self.is_lost() {
            self.at(
                at,
                Happening::Up {
                    stream,
                    fence,
                    answer,
                },
            );
        }
    }

    fn send_down(&mut self, controller: usize, node: usize, fence: Fence, command: Command) {
        let Some(&(stream, _)) = self.controllers[controller].roster.get(&node) else {
            return;
        };
        let mut command = command;
        if self.setup.bug == Bug::NoLease {
            match &mut command {
                Command::Prepare { lease, .. } | Command::CatchUp { lease, .. } => {
                    lease.contact = Span::from_secs(30);
                }
                Command::Apply | Command::KeepAlive | Command::Confirm | Command::Rollback => {}
            }
        }
        if self.is_stray() {
            let wait = self.chance.within(0, 120_000);
            let (fence, command) = (fence.clone(), command.clone());
            self.later(
                wait,
                Happening::Stray {
                    node,
                    fence,
                    command,
                },
            );
        }
        let at = self.down(stream);
        if !self.is_lost() {
            self.at(
                at,
                Happening::Down {
                    stream,
                    fence,
                    command,
                },
            );
        }
    }

    // The controllers.

    fn arrive(&mut self, stream: usize, hello: weft_model::message::Hello) {
        let Stream {
            node, controller, ..
        } = self.streams[stream];
        if self.is_broken(stream) || !self.controllers[controller].alive {
            return;
        }
        let old = self.controllers[controller]
            .roster
            .insert(node, (stream, hello.clone()));
        if old.is_some() {
            self.lost(controller, node);
        }
        if self.controllers[controller].takes_part(node) {
            return self.tell(controller, News::Hello(name(node), hello));
        }
        let held = match hello.standing {
            Standing::Settled => Held::Unknown,
            Standing::Unsettled { rollout, .. } => {
                let record = self.store.records.get(&rollout);
                record.map_or(Held::Unknown, |record| {
                    Held::of(record.phase.decision().as_ref())
                })
            }
        };
        self.bring(controller, node, Return::Hello { hello, held });
    }

    fn leave(&mut self, stream: usize) {
        let Stream {
            node, controller, ..
        } = self.streams[stream];
        let this = &mut self.controllers[controller];
        if this.alive && this.roster.get(&node).is_some_and(|(on, _)| *on == stream) {
            this.roster.remove(&node);
            self.lost(controller, node);
        }
    }

    fn lost(&mut self, controller: usize, node: usize) {
        if self.controllers[controller].takes_part(node) {
            self.tell(controller, News::Lost(name(node)));
        } else {
            self.bring(controller, node, Return::Lost);
        }
    }

    fn heard(&mut self, controller: usize, node: usize, fence: Fence, answer: Answer) {
        self.note_settled(controller, node, &fence, &answer);
        if self.controllers[controller].takes_part(node) {
            self.tell(controller, News::Answer(name(node), fence, answer));
        } else {
            self.bring(controller, node, Return::Answer(fence, answer));
        }
    }

    fn note_settled(&mut self, controller: usize, node: usize, fence: &Fence, answer: &Answer) {
        let this = &self.controllers[controller];
        let Some(record) = this.course.as_ref().map(Rollout::record) else {
            return;
        };
        let concerns = record.id == fence.rollout && record.participants.contains_key(&name(node));
        let committed = record.phase.decision() == Some(Decision::Commit);
        if concerns && committed && *answer == Answer::Confirmed {
            let rollout = record.id;
            let target = self.store.target(node, record.to);
            self.note_confirmed(controller, node, Confirmed { rollout, target });
        }
        if concerns
            && *answer == Answer::RolledBack
            && let Some((_, hello)) = self.controllers[controller].roster.get_mut(&node)
        {
            hello.standing = Standing::Settled;
        }
    }

    fn note_confirmed(&mut self, controller: usize, node: usize, confirmed: Confirmed) {
        if let Some((_, hello)) = self.controllers[controller].roster.get_mut(&node) {
            hello.confirmed = confirmed;
            hello.standing = Standing::Settled;
        }
    }

    fn bring(&mut self, controller: usize, node: usize, event: Return) {
        if !self.controllers[controller].alive {
            return;
        }
        let effects = self.controllers[controller].bring(node, event, &self.store, self.now);
        self.carry_out_returns(controller, effects);
        self.set_tick(controller);
    }

    fn carry_out_returns(&mut self, controller: usize, effects: Vec<Returned>) {
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
    fn goes_on(&mut self, controller: usize) -> bool {
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
                self.tell(controller, News::Hello(name(node), hello));
            }
        }
        self.set_tick(controller);
    }

    fn tell_of(&mut self, controller: usize, rollout: RolloutId, news: News) {
        let course = self.controllers[controller].course.as_ref();
        if course.is_some_and(|course| course.record().id == rollout) {
            self.tell(controller, news);
        }
    }

    fn tell(&mut self, controller: usize, news: News) {
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

    fn bring_along(&mut self, controller: usize, record: &Record) {
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

    fn carry_out(&mut self, controller: usize, orders: Vec<Order>) {
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

    fn finished(&mut self, controller: usize) {
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

    fn tick(&mut self, controller: usize, tick: u64) {
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
        let effects = this.catchups.tick(now);
        self.carry_out_returns(controller, effects);
        self.tell(controller, News::Tick);
        if self.controllers[controller].alive {
            self.set_tick(controller);
        }
    }

    // The nodes.

    fn start(&mut self, node: usize) {
        let this = &mut self.nodes[node];
        if this.session.is_some() {
            return;
        }
        let now = this.clock(self.now);
        let (session, effects) = Session::start(this.disk.clone(), this.boot(), now);
        if let Some(plan) = session.upkeep() {
            this.kernel = Kernel::Plan(plan.digest);
        }
        this.session = Some(session);
        self.carry_out_node(node, effects);
        let wait = self.chance.within(10, 500);
        self.later(wait, Happening::Connect { node });
    }

    pub fn go_down(&mut self, node: usize, reboot: bool) {
        let this = &mut self.nodes[node];
        this.session = None;
        this.job = None;
        this.jobs += 1;
        this.timers += 1;
        if self.setup.bug == Bug::JournalForgotten {
            this.disk.state = State::Idle;
        }
        if reboot {
            this.kernel = Kernel::Empty;
            this.boots += 1;
            this.booted = self.now;
            if self.setup.bug == Bug::BootUnconfirmed
                && let State::Verified { change, .. } = this.disk.state.clone()
            {
                this.disk.confirmed = Confirmed {
                    rollout: change.rollout,
                    target: change.to,
                };
                this.disk.state = State::Idle;
            }
        }
        let stream = this.stream.take();
        if let Some(stream) = stream {
            self.cut(stream);
        }
        let wait = if self.chance.hits(1_000) && !self.quiet {
            self.chance.within(30_000, 200_000)
        } else {
            self.chance.within(100, 5_000)
        };
        self.later(wait, Happening::Start { node });
    }

    fn command(&mut self, node: usize, fence: Fence, command: Command) {
        if self.nodes[node].session.is_none() {
            return;
        }
        let stale = fence.epoch < self.nodes[node].disk.epoch;
        let before = self.nodes[node].disk.clone();
        let mut heard = fence;
        if self.setup.bug == Bug::EpochUnchecked {
            heard.epoch = heard.epoch.max(before.epoch);
        }
        let text = format!("{command:?}");
        self.step(node, Event::Command(heard, command));
        if stale && self.nodes[node].disk != before {
            self.break_law(format!(
                "{text} of a deposed leader is obeyed by node {node}"
            ));
        }
    }

    fn step(&mut self, node: usize, event: Event) {
        let this = &mut self.nodes[node];
        let now = this.clock(self.now);
        if let Some(session) = &mut this.session {
            let effects = session.step(event, now);
            self.carry_out_node(node, effects);
        }
        self.check_node(node);
    }

    fn carry_out_node(&mut self, node: usize, effects: Vec<Effect>) {
        for effect in effects {
            let this = &mut self.nodes[node];
            this.hits += 1;
            let chance = !self.quiet && self.setup.faults_every.is_some() && self.chance.hits(20);
            let dies = self
                .setup
                .agent_dies_at
                .filter(|(at, _)| node == 0 && *at == this.hits);
            if dies.is_some() || chance {
                self.seen.insert("agent crash");
                let reboot = dies.is_some_and(|(_, reboot)| reboot) || self.chance.hits(1_500);
                return self.go_down(node, reboot);
            }
            match effect {
                Effect::Persist(journal) => {
                    this.disk = *journal;
                    if let State::Prepared { change, .. } = &this.disk.state {
                        this.prepared.insert(change.rollout);
                    }
                }
                Effect::Stage { rollout, to } => self.work(node, Job::Stage(rollout, to)),
                Effect::Apply { rollout, to } => {
                    let known = this.shelf.contains(&to.digest);
                    this.kernel = Kernel::Mixed;
                    self.work(node, Job::Apply(rollout, to));
                    self.check_touch(node, rollout, known);
                }
                Effect::Revert { to } => {
                    if to != this.disk.confirmed.target {
                        self.break_law(format!("node {node} goes back to {to:?}"));
                    }
                    self.nodes[node].kernel = Kernel::Mixed;
                    self.work(node, Job::Revert(to));
                }
                Effect::Send(fence, answer) => self.send_up(node, fence, answer),
                Effect::SendAfresh(fence, answer) => {
                    if self.nodes[node].cut_off_until <= self.now {
                        if let Some(stream) = self.nodes[node].stream.take() {
                            self.cut(stream);
                        }
                        self.connect(node);
                        self.send_up(node, fence, answer);
                    }
                }
                Effect::Wake(moment) => {
                    this.timers += 1;
                    let timer = this.timers;
                    let at = this.when(moment);
                    self.at(at, Happening::Timer { node, timer });
                }
                Effect::Sleep => this.timers += 1,
                Effect::Forget(plan) => {
                    this.shelf.remove(&plan.digest);
                    if matches!(this.job, Some(Job::Stage(_, to)) if to.digest == plan.digest) {
                        this.job = None;
                        this.jobs += 1;
                    }
                }
                Effect::Collect => {}
            }
        }
    }

    fn work(&mut self, node: usize, job: Job) {
        let slow = self.setup.faults_every.is_some() && !self.quiet && self.chance.hits(300);
        let wait = if slow {
            self.chance.within(1_000, 90_000)
        } else {
            self.chance.within(10, 400)
        };
        let bad = self.setup.failures && !self.quiet && self.chance.hits(100);
        let this = &mut self.nodes[node];
        this.jobs += 1;
        this.job = Some(job);
        let job = this.jobs;
        self.later(
            wait,
            Happening::Work {
                node,
                job,
                fails: bad,
            },
        );
    }

    fn finish(&mut self, node: usize, job: u64, fails: bool) {
        let this = &mut self.nodes[node];
        if this.jobs != job {
            return;
        }
        let Some(job) = this.job.take() else { return };
        let faults = vec![Fault {
            origin: None,
            attempt: "cannot".to_owned(),
            cause: "bad luck".to_owned(),
            advice: String::new(),
        }];
        let event = match job {
            Job::Stage(rollout, to) => {
                if !fails {
                    this.shelf.insert(to.digest);
                }
                let result = if fails { Err(faults) } else { Ok(1) };
                Event::Staged {
                    rollout,
                    to,
                    result,
                }
            }
            Job::Apply(rollout, to) => {
                if !fails {
                    this.kernel = Kernel::Plan(to.digest);
                }
                let result = if fails { Err(faults) } else { Ok(()) };
                Event::Applied { rollout, result }
            }
            Job::Revert(to) => {
                if !fails {
                    this.kernel = Kernel::Plan(to.digest);
                }
                let result = if fails { Err(faults) } else { Ok(()) };
                Event::Reverted { result }
            }
        };
        self.step(node, event);
    }

    // People and bad luck.

    fn fault(&mut self) {
        let Some(every) = self.setup.faults_every.filter(|_| !self.quiet) else {
            return;
        };
        let wait = self.chance.within(1, every * 2);
        self.later(wait, Happening::Fault);
        let node = self.chance.within(0, self.nodes.len() as u64 - 1) as usize;
        match self.chance.within(0, 19) {
            0..=6 => {
                if let Some(stream) = self.nodes[node].stream {
                    self.cut(stream);
                }
            }
            7..=11 => {
                self.seen.insert("partition");
                let wait = self.chance.within(1_000, 90_000);
                self.nodes[node].cut_off_until = self.now + wait;
                if let Some(stream) = self.nodes[node].stream {
                    self.cut(stream);
                }
            }
            12..=14 if self.nodes[node].session.is_some() => self.go_down(node, false),
            15 if self.nodes[node].session.is_some() => {
                self.seen.insert("reboot");
                self.go_down(node, true);
            }
            16 | 17 => {
                self.seen.insert("zombie");
                self.elect();
            }
            18 => {
                if let Some(controller) = self.current() {
                    self.kill_controller(controller);
                    self.later(3_000, Happening::Elect);
                }
            }
            _ => {}
        }
    }

    fn user(&mut self) {
        if self.quiet {
            return;
        }
        let wait = self.chance.within(1_000, 15_000);
        self.later(wait, Happening::User);
        let Some(controller) = self.current() else {
            return;
        };
        if self.store.active.is_none() {
            if self.rollouts_begun < self.setup.rollouts {
                self.open(controller);
            }
            return;
        }
        let wish = match self.chance.within(0, 19) {
            0 => Wish::Abort {
                author: "a person".to_owned(),
            },
            1 | 2 => Wish::Pause,
            3..=8 => Wish::Resume,
            _ => Wish::Confirm,
        };
        self.tell(controller, News::User(wish));
    }

    fn open(&mut self, controller: usize) {
        let policy = self.policy();
        let this = &self.controllers[controller];
        let from = this.head;
        let last = self.store.plans[&from].clone();
        let next = RevisionId(self.rollouts_begun + 2);
        let mut tags = last.clone();
        if self.chance.hits(1_500) && from.0 > 1 {
            // Back to an earlier revision.
            tags = self.store.plans[&RevisionId(1)].clone();
        } else {
            for tag in &mut tags {
                if self.chance.hits(8_000) {
                    *tag = next.0;
                }
            }
        }
        let is_there = |node: &usize| {
            let digest = self.store.target(*node, from).digest;
            let there = self.controllers[controller].roster.get(node);
            there.is_some_and(|(_, hello)| hello.confirmed.target.digest == digest)
        };
        let changed = (0..tags.len()).filter(|node| tags[*node] != last[*node]);
        let (there, away): (Vec<_>, Vec<_>) = changed.partition(is_there);
        if policy.offline == Offline::RequireAll && !away.is_empty() {
            return;
        }
        if !away.is_empty() {
            self.seen.insert("deferred");
        }
        let names: Vec<_> = there.iter().map(|node| name(*node)).collect();
        self.rollouts_begun += 1;
        let id = RolloutId(self.rollouts_begun);
        let record = Record {
            id,
            from,
            to: next,
            participants: Record::assign(&policy, &names),
            deferred: away.iter().map(|node| name(*node)).collect(),
            policy,
            author: String::new(),
            message: String::new(),
            started: Timestamp(0),
            decided: None,
            phase: Phase::Preparing,
            attempt: Attempt {
                epoch: self.controllers[controller].epoch,
                number: 0,
            },
        };
        if self.store.create(record.clone(), tags) {
            self.began.insert(id, self.now);
            self.begin(controller, record);
        }
    }

    fn become_quiet(&mut self) {
        self.quiet = true;
        for node in 0..self.nodes.len() {
            self.nodes[node].cut_off_until = 0;
        }
        if self.current().is_none() {
            self.elect();
        }
        let last = self.controllers.len() - 1;
        for controller in 0..last {
            self.kill_controller(controller);
        }
        self.later(0, Happening::CutAll);
        if let Some(controller) = self.current() {
            self.tell(controller, News::User(Wish::Resume));
        }
    }

    fn check_status(&mut self, controller: usize) {
        let Some(course) = &self.controllers[controller].course else {
            return;
        };
        let record = course.record();
        let shown = record
            .phase
            .decision()
            .map(|decision| decision == Decision::Commit);
        let stored = self.store.decisions.get(&record.id).copied();
        let mut law = None;
        if shown.is_some() && shown != stored {
            law = Some(format!(
                "{} is shown and {stored:?} stored",
                course.phase_word()
            ));
        }
        for status in course.statuses() {
            let disk = &self.nodes[place(status.node)].disk;
            if status.progress == NodeProgress::Confirmed && disk.confirmed.rollout < record.id {
                law = Some(format!("node {} is shown as confirmed", status.node));
            }
        }
        if let Some(law) = law {
            self.break_law(law);
        }
    }
}
