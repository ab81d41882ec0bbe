//! A leader's side: its machine, and the store. The machine decides; what is here only does it.

use std::collections::BTreeSet;
use std::sync::Arc;

use weft_core::rollout::effect::Effect as Order;
use weft_core::rollout::event::{Event as News, Outcome};
use weft_core::rollout::record::{Attempt, Deed, Phase, Reason, Record, Transaction};
use weft_model::message::{Answer, Command, Fence};
use weft_model::revision::{Epoch, Nonce};

use super::act::Action;
use super::setup::{Bug, Setup, name, now};
use super::world::{Kernel, Message, Node, World};

impl Setup {
    /// Gives a leader's machine an event, and does what it says.
    pub(super) fn tell(&self, world: &mut World, leader: usize, news: News) {
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
    pub(super) fn land(&self, world: &mut World, leader: usize, write: Transaction) {
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

    pub(super) fn make_durable(&self, world: &mut World, write: Transaction) {
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

    pub(super) fn abort_late(&self, world: &mut World, leader: usize) {
        let mut record = Record::clone(&world.store.record);
        let author = String::new();
        record.phase = Phase::Aborted(Reason::User { author });
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
