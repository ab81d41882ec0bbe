//! Nodes: how agents start and stop, and what a disk and a kernel do for them.

use weft_model::message::{Command, Confirmed, Fence, Found};
use weft_model::report::Fault;
use weft_node::session::effect::Effect;
use weft_node::session::event::Event;
use weft_node::session::journal::State;
use weft_node::session::machine::Session;

use super::cluster::{Bug, Cluster, Happening};
use super::node::{Job, Kernel};

impl Cluster {
    pub fn start(&mut self, node: usize) {
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

    pub fn command(&mut self, node: usize, fence: Fence, command: Command) {
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

    pub fn step(&mut self, node: usize, event: Event) {
        let this = &mut self.nodes[node];
        let now = this.clock(self.now);
        if let Some(session) = &mut this.session {
            let effects = session.step(event, now);
            self.carry_out_node(node, effects);
        }
        self.check_node(node);
    }

    pub fn carry_out_node(&mut self, node: usize, effects: Vec<Effect>) {
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
                Effect::Stage { rollout, to, .. } => self.work(node, Job::Stage(rollout, to)),
                Effect::Check { .. } => unreachable!("nothing has to be shown here"),
                Effect::Apply { rollout, to, .. } => {
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

    pub fn work(&mut self, node: usize, job: Job) {
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

    pub fn finish(&mut self, node: usize, job: u64, fails: bool) {
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
                let result = if fails {
                    Err(faults)
                } else {
                    Ok(Found::steps(1))
                };
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
}
