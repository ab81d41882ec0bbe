//! A node's side: its machine, its disk and its kernel. The machine decides; what is here only
//! does it.

use weft_model::clock::Moment;
use weft_model::message::{Command, Fence, Found};
use weft_model::revision::RolloutId;
use weft_node::session::effect::Effect;
use weft_node::session::event::Event;
use weft_node::session::journal::{BootId, State};
use weft_node::session::machine::Session;

use super::act::FAR;
use super::mute::{fault, up};
use super::pointer::Shared;
use super::setup::{Bug, Setup};
use super::world::{Job, Kernel, Node, World};

impl Setup {
    pub(super) fn command(&self, world: &mut World, node: usize, fence: Fence, command: Command) {
        let this = &mut *world.nodes[node];
        let Some(session) = &mut this.session else {
            return;
        };
        let said = fence.epoch;
        let mut fence = fence;
        if self.bug == Bug::EpochUnchecked {
            fence.epoch = fence.epoch.max(this.disk.epoch);
        }
        if self.bug == Bug::OneTombstone
            && matches!(command, Command::Prepare { .. })
            && this.disk.state == State::Idle
            && this.job == Job::None
            && fence.rollout < this.disk.tombstone
        {
            let mut journal = this.disk.clone();
            journal.tombstone = RolloutId(0);
            let boot = journal.boot.clone();
            (*session, _) = Session::start(journal, boot, Moment(0));
        }
        let effects = session.step(Event::Command(fence, command), Moment(0));
        if !effects.is_empty() {
            this.obeyed = said;
        }
        self.carry_out(world, node, effects);
    }

    pub(super) fn step(&self, world: &mut World, node: usize, event: Event, at: Moment) {
        if let Some(session) = &mut world.nodes[node].session {
            let effects = session.step(event, at);
            self.carry_out(world, node, effects);
        }
    }

    /// Does what a node's machine says.
    pub(super) fn carry_out(&self, world: &mut World, node: usize, effects: Vec<Effect>) {
        let World { nodes, net, .. } = world;
        let this = &mut *nodes[node];
        for effect in effects {
            match effect {
                Effect::Persist(journal) => this.disk = *journal,
                Effect::Stage { rollout, to, .. } => this.job = Job::Stage { rollout, to },
                Effect::Apply { rollout, to, .. } => {
                    assert!(this.plans.contains(&to.digest), "there is no plan to apply");
                    this.job = Job::Apply { rollout, to };
                    this.kernel = Kernel::Mixed;
                }
                Effect::Revert { to } => {
                    assert_eq!(to, this.disk.confirmed.target, "a revert goes elsewhere");
                    this.job = Job::Revert;
                    this.kernel = Kernel::Mixed;
                }
                Effect::Send(fence, answer) | Effect::SendAfresh(fence, answer) => {
                    net.insert(Shared::new(up(node, fence, answer)));
                }
                Effect::Forget(plan) => {
                    this.plans.remove(&plan.digest);
                    if matches!(this.job, Job::Stage { to, .. } if to.digest == plan.digest) {
                        this.job = Job::None;
                    }
                }
                Effect::Check { .. } => unreachable!("nothing has to be shown here"),
                Effect::Wake(_) | Effect::Sleep | Effect::Collect => {}
            }
        }
        if self.bug == Bug::NoTombstone && this.disk.state == State::Idle && this.job == Job::None {
            this.disk.tombstone = RolloutId(0);
            let boot = this.disk.boot.clone();
            let (session, _) = Session::start(this.disk.clone(), boot, Moment(0));
            this.session = Some(session);
        }
    }

    pub(super) fn finish(&self, world: &mut World, node: usize, well: bool) {
        let this = &mut *world.nodes[node];
        let faults = || vec![fault()];
        let job = std::mem::replace(&mut this.job, Job::None);
        let event = match (job, well) {
            (Job::None, _) => return,
            (Job::Stage { rollout, to }, well) => {
                if well {
                    this.plans.insert(to.digest);
                }
                Event::Staged {
                    rollout,
                    to,
                    result: if well {
                        Ok(Found::steps(1))
                    } else {
                        Err(faults())
                    },
                }
            }
            (Job::Apply { rollout, to }, true) => {
                this.kernel = Kernel::Runs(to.digest);
                let result = Ok(());
                Event::Applied { rollout, result }
            }
            (Job::Apply { rollout, .. }, false) => Event::Applied {
                rollout,
                result: Err(faults()),
            },
            (Job::Revert, true) => {
                this.kernel = Kernel::Runs(this.disk.confirmed.target.digest);
                Event::Reverted { result: Ok(()) }
            }
            (Job::Revert, false) => return self.fail_to_revert(world, node),
        };
        self.step(world, node, event, Moment(0));
    }

    /// The revert fails as often as the machine tries it.
    fn fail_to_revert(&self, world: &mut World, node: usize) {
        while matches!(world.nodes[node].disk.state, State::Reverting { .. }) {
            world.nodes[node].job = Job::None;
            let result = Err(vec![fault()]);
            self.step(world, node, Event::Reverted { result }, Moment(0));
            self.step(world, node, Event::Timer, Moment(FAR));
        }
        if self.bug == Bug::StuckSaysBack {
            let this = &mut *world.nodes[node];
            if let Some(rollout) = this.holds() {
                this.disk.state = State::Idle;
                this.disk.tombstone = rollout;
                self.go_down(this);
            }
        }
    }

    pub(super) fn go_down(&self, node: &mut Node) {
        node.session = None;
        node.job = Job::None;
        if self.bug == Bug::JournalForgotten {
            node.disk.state = State::Idle;
        }
    }

    pub(super) fn start(&self, world: &mut World, node: usize) {
        let this = &mut *world.nodes[node];
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
            this.kernel = Kernel::Runs(plan.digest);
        }
        self.carry_out(world, node, effects);
    }
}
