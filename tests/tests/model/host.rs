//! A node's side: its machine, its disk and its kernel. The machine decides; what is here only
//! does it.

use std::sync::Arc;

use weft_core::rollout::welcome::{Held, Welcome, welcome};
use weft_model::clock::Moment;
use weft_model::message::{Command, Confirmed, Fence, Found};
use weft_model::revision::RolloutId;
use weft_node::session::effect::Effect;
use weft_node::session::event::Event;
use weft_node::session::journal::{BootId, State};
use weft_node::session::machine::Session;

use super::act::WELCOME;
use super::mute::{fault, up};
use super::setup::{Bug, ROLLOUT, Setup, identity, new, old};
use super::world::{Job, Kernel, Message, Node, World};

impl Setup {
    pub(super) fn command(&self, world: &mut World, node: usize, fence: Fence, command: Command) {
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

    pub(super) fn step(&self, world: &mut World, node: usize, event: Event, at: Moment) {
        if let Some(session) = &mut world.nodes[node].session {
            let effects = session.step(event, at);
            self.carry_out(world, node, effects);
        }
    }

    /// Does what a node's machine says.
    pub(super) fn carry_out(&self, world: &mut World, node: usize, effects: Vec<Effect>) {
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
                Effect::Check { .. } => unreachable!("nothing has to be shown here"),
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

    pub(super) fn finish(&self, world: &mut World, node: usize, well: bool) {
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
                    result: if well {
                        Ok(Found::steps(1))
                    } else {
                        Err(faults())
                    },
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

    pub(super) fn go_down(&self, node: &mut Node) {
        node.session = None;
        node.job = Job::None;
        if self.bug == Bug::JournalForgotten {
            node.disk.state = State::Idle;
        }
    }

    pub(super) fn start(&self, world: &mut World, node: usize) {
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
    pub(super) fn welcome(&self, world: &mut World, node: usize) {
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
