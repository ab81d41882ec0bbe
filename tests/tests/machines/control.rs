//! One controller: what its shell keeps around the machines, and which of them hears what.

use std::collections::BTreeMap;

use weft_core::rollout::catchup::{CatchUps, Event as Return};
use weft_core::rollout::event::Now;
use weft_core::rollout::machine::{Change, Rollout};
use weft_core::rollout::policy::Policy;
use weft_core::rollout::record::{Leader, Phase, Record};
use weft_model::clock::Moment;
use weft_model::message::{Confirmed, Hello};
use weft_model::revision::{Epoch, RevisionId, RolloutId, Timestamp};

use super::node::pin;
use super::store::{Store, name};

pub struct Controller {
    pub alive: bool,
    pub epoch: Epoch,
    pub born: u64,
    pub rate: u64,
    /// What the wall says besides; jumps.
    pub wall: u64,
    pub course: Option<Rollout>,
    pub catchups: CatchUps,
    pub head: RevisionId,
    pub head_by: RolloutId,
    /// The stream of each node, and what the node would say now.
    pub roster: BTreeMap<usize, (usize, Hello)>,
    pub ticks: u64,
}

impl Controller {
    pub fn new(epoch: Epoch, now: u64, rate: u64, policy: &Policy, store: &Store) -> Self {
        Self {
            alive: true,
            epoch,
            born: now,
            rate,
            wall: 0,
            course: None,
            catchups: CatchUps::new(leader(epoch), policy.lease(), policy.keep_alive),
            head: store.head,
            head_by: store.head_by,
            roster: BTreeMap::new(),
            ticks: 0,
        }
    }

    pub fn now(&self, now: u64) -> Now {
        Now {
            steady: Moment((now - self.born) * self.rate / 1_000),
            wall: Timestamp(self.wall),
        }
    }

    pub fn when(&self, moment: Moment) -> u64 {
        self.born + moment.0.saturating_mul(1_000).div_ceil(self.rate)
    }

    pub fn next_wake(&self) -> Option<Moment> {
        let course = self.course.as_ref().and_then(Rollout::next_wake);
        course.into_iter().chain(self.catchups.next_wake()).min()
    }

    /// Whether a node is a participant of the rollout that runs.
    pub fn takes_part(&self, node: usize) -> bool {
        self.course.as_ref().is_some_and(|course| {
            let record = course.record();
            let closed = matches!(record.phase, Phase::Closed { .. });
            !closed && record.participants.contains_key(&name(node))
        })
    }

    pub fn wanted(&self, node: usize, store: &Store) -> Confirmed {
        store.wanted(node, self.head, self.head_by)
    }

    /// The plans that a rollout changes.
    pub fn changes(record: &Record, store: &Store) -> BTreeMap<weft_model::name::NodeName, Change> {
        let nodes = record.participants.keys().map(|node| {
            let place = super::store::place(node);
            let change = Change {
                from: store.target(place, record.from),
                to: store.target(place, record.to),
            };
            (node.clone(), change)
        });
        nodes.collect()
    }

    /// Moves a node that is no participant.
    pub fn bring(
        &mut self,
        node: usize,
        event: Return,
        store: &Store,
        now: u64,
    ) -> Vec<weft_core::rollout::catchup::Effect> {
        let head = self.wanted(node, store);
        let now = self.now(now).steady;
        self.catchups.step(&name(node), event, head, now)
    }
}

pub fn leader(epoch: Epoch) -> Leader {
    Leader {
        cluster: pin().cluster,
        incarnation: pin().incarnation,
        epoch,
    }
}
