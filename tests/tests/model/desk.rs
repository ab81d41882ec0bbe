//! A leader's side: its machine for the rollout that runs, and the store. The machine decides; what
//! is here only does it.

use std::collections::BTreeSet;
use std::sync::Arc;

use weft_core::rollout::effect::Effect as Order;
use weft_core::rollout::event::{Event as News, Outcome};
use weft_core::rollout::record::{Attempt, Deed, Phase, Reason, Record, Transaction};
use weft_model::message::{Answer, Command, Confirmed, Fence, Progress};
use weft_model::name::NodeName;
use weft_model::revision::{Epoch, Nonce, RolloutId};

use super::act::Action;
use super::pointer::Shared;
use super::setup::{Bug, Setup, name, now};
use super::world::{Kernel, Message, Node, World};

impl Setup {
    /// Gives a leader's machine an event, and does what it says.
    pub(super) fn tell(&self, world: &mut World, leader: usize, news: News) {
        let this = &mut *world.leaders[leader];
        let clock = if self.bug == Bug::NoLease {
            0
        } else {
            this.clock
        };
        let orders = this.rollout.step(news, now(clock));
        let moved = self.follow_head(world, leader);
        for order in orders {
            match order {
                Order::Write(write) if self.slow_store => world.leaders[leader].writes.push(*write),
                Order::Write(write) => self.land(world, leader, *write),
                Order::Read => {
                    let saga = &world.store.sagas[world.leaders[leader].saga];
                    let record = Box::new(Record::clone(&saga.record));
                    self.tell(world, leader, News::Read(record));
                }
                Order::Send(to, fence, command) => self.send(world, to, fence, command),
                Order::Finished => self.finished(world, leader),
                Order::Progress(_) | Order::Deposed => {}
            }
        }
        if moved {
            self.bring_along(world, leader);
        }
    }

    pub(super) fn send(&self, world: &mut World, to: NodeName, fence: Fence, command: Command) {
        let to = (0..self.nodes).find(|node| name(*node) == to);
        let to = to.expect("commands go to nodes");
        let saga = world.store.last();
        if command == Command::Apply
            && fence.epoch == world.store.epoch
            && saga.id() == fence.rollout
            && saga.record.phase == (Phase::Applying { paused: true })
            && !was_told(world, to, fence.rollout)
        {
            world.store.rushed = true;
        }
        let message = Message::Down(to, fence, command);
        world.net.insert(Shared::new(message));
    }

    /// A write reaches the store.
    pub(super) fn land(&self, world: &mut World, leader: usize, write: Transaction) {
        let epoch = write.record.attempt.epoch;
        let place = world.store.place(write.record.id);
        let place = place.expect("a write is of a rollout that was created");
        let outcome = if epoch != world.store.epoch && self.bug != Bug::StoreUnfenced {
            Outcome::Deposed
        } else if write.replaces != world.store.sagas[place].record.attempt {
            Outcome::Lost
        } else {
            self.make_durable(world, place, write);
            Outcome::Won
        };
        world.leaders[leader].reply = Some(outcome);
    }

    pub(super) fn make_durable(&self, world: &mut World, place: usize, write: Transaction) {
        let World { store, nodes, .. } = world;
        let store = &mut **store;
        let saga = &mut store.sagas[place];
        let mut record = write.record;
        match (&mut record.phase, write.deed) {
            (Phase::Committed, deed) => {
                assert_eq!(deed, Deed::MoveHead);
                assert_eq!(store.head.target.revision, record.from);
                store.head = Confirmed {
                    rollout: record.id,
                    target: saga.to,
                };
                saga.committed = true;
                saga.committed_by = record.attempt.epoch;
                let kernel = Kernel::Runs(saga.to.digest);
                let runs = |node: &Node| node.kernel == kernel || node.boots > 0;
                store.sound &= nodes
                    .iter()
                    .enumerate()
                    .all(|(node, this)| runs(this) || !saga.takes_part(&name(node)));
            }
            (Phase::Aborted(_), deed) => {
                assert_eq!(deed, Deed::Turn);
                saga.aborted = true;
            }
            (Phase::Closed { unsettled, .. }, deed) => {
                assert_eq!(deed, Deed::Release);
                if self.bug == Bug::NobodyNamed {
                    unsettled.clear();
                }
            }
            (Phase::Preparing | Phase::Applying { .. }, deed) => assert_eq!(deed, Deed::Turn),
        }
        saga.word |= record.consent.given.is_some();
        saga.record = Arc::new(record);
    }

    pub(super) fn abort_late(&self, world: &mut World, leader: usize) {
        let place = world.leaders[leader].saga;
        let saga = &mut world.store.sagas[place];
        let mut record = Record::clone(&saga.record);
        let author = String::new();
        record.phase = Phase::Aborted(Reason::User { author });
        record.attempt = Attempt {
            number: record.attempt.number + 1,
            ..record.attempt
        };
        saga.record = Arc::new(record);
        saga.aborted = true;
        let connected = world.leaders[leader].connected.clone();
        let epoch = world.store.epoch;
        world.leaders[leader] = Shared::new(self.leader(world, epoch));
        for (node, _) in connected.iter().enumerate().filter(|(_, is)| **is) {
            self.act(world, Action::Connect { leader, node });
        }
    }

    pub(super) fn answer(
        &self,
        world: &mut World,
        leader: usize,
        node: usize,
        fence: Fence,
        answer: Answer,
    ) {
        let own = Epoch(leader as u64 + 1);
        let mut fence = fence;
        let running = world.leaders[leader].rollout.record().id;
        if self.bug == Bug::OldRollout && fence.rollout < running && answer == Answer::Verified {
            let Some(nonce) = last_word(world, own, running, node) else {
                return;
            };
            fence.rollout = running;
            fence.nonce = nonce;
        }
        if fence.epoch != own {
            let counted = self.bug == Bug::OldVerified && answer == Answer::Verified;
            let Some(nonce) = last_word(world, own, fence.rollout, node).filter(|_| counted) else {
                return;
            };
            fence.epoch = own;
            fence.nonce = nonce;
        }
        if self.bug == Bug::CommitAfterFirst && answer == Answer::Verified {
            for other in (0..self.nodes).filter(|other| *other != node) {
                if let Some(nonce) = last_word(world, own, fence.rollout, other) {
                    let fence = Fence {
                        nonce,
                        ..fence.clone()
                    };
                    let news = News::Answer(name(other), fence, Answer::Verified);
                    self.tell(world, leader, news);
                }
            }
        }
        self.hear(world, leader, node, fence, answer);
    }
}

/// Whether any leader has told a node to apply, or the node is past that.
fn was_told(world: &World, node: usize, rollout: RolloutId) -> bool {
    let begun = match world.nodes[node].progress() {
        None | Some(Progress::Prepared) => false,
        Some(_) => world.nodes[node].holds() == Some(rollout),
    };
    let told = |message: &Message| match message {
        Message::Down(to, fence, Command::Apply) => *to == node && fence.rollout == rollout,
        Message::Down(..) | Message::Up(..) => false,
    };
    begun || world.net.iter().any(|message| told(message))
}

/// The nonce of the last apply or keep-alive that a leader sent to a node.
fn last_word(world: &World, epoch: Epoch, rollout: RolloutId, node: usize) -> Option<Nonce> {
    let nonces: BTreeSet<_> = world
        .net
        .iter()
        .filter_map(|message| match &**message {
            Message::Down(to, fence, Command::Apply | Command::KeepAlive)
                if *to == node && (fence.epoch, fence.rollout) == (epoch, rollout) =>
            {
                Some(fence.nonce)
            }
            Message::Down(..) | Message::Up(..) => None,
        })
        .collect();
    nonces.last().copied()
}
