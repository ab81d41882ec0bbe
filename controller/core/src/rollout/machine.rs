//! The state of a rollout under one leader, and the one function that moves it.

use std::collections::BTreeMap;

use weft_model::clock::{Moment, Span};
use weft_model::message::{Command, Fence, Target};
use weft_model::name::NodeName;
use weft_model::revision::Nonce;

use super::effect::Effect;
use super::event::{Event, Now, Outcome};
use super::node::{Node, Seen};
use super::record::{Leader, Reason, Record};
use super::tally::Tally;
use super::wave::Waves;

/// A rollout under one leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rollout {
    pub(super) leader: Leader,
    /// What is durable, as far as this leader knows.
    pub(super) record: Record,
    /// What a write that has not ended would make of it.
    pub(super) writing: Option<Box<Record>>,
    /// Whether that write's end is unknown and the record is being read.
    pub(super) reading: bool,
    /// How many writes this leader began.
    pub(super) writes: u64,
    /// Every participant, by name.
    pub(super) nodes: Vec<Node>,
    pub(super) tally: Tally,
    pub(super) waves: Waves,
    /// Since when this leader knows of the present phase.
    pub(super) entered: Moment,
    /// Why the rollout is to be aborted, when it is.
    pub(super) abort: Option<Reason>,
    /// Whether the rollout is to be paused, when that is to change.
    pub(super) pause: Option<bool>,
    /// Who has confirmed, where that may not be durable yet.
    pub(super) consent: Option<String>,
    /// How much of a person's time had passed before this leader.
    pub(super) waited: Span,
    /// When every participant was first verified.
    pub(super) verified_at: Option<Moment>,
    /// Whether the participants that are verified were asked once more, since the last wave.
    pub(super) looking: bool,
    /// Whether another leader has taken over.
    pub(super) deposed: bool,
}

/// What a participant has at the head, and what the rollout makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// The node's plan at the revision that the rollout starts from.
    pub from: Target,
    /// The node's plan at the revision that the rollout brings.
    pub to: Target,
}

impl Rollout {
    /// Takes up a rollout: one just created, or one found by a new leader. Nothing is sent before
    /// the hellos of the nodes, which the caller gives next, but a rollout that waits for no node
    /// begins to write at once.
    ///
    /// `changes` has every participant; a participant that is missing there counts as having the
    /// empty plan, which no node that changes has twice, and so will refuse.
    pub fn load(
        leader: Leader,
        record: Record,
        changes: &BTreeMap<NodeName, Change>,
        now: Now,
    ) -> (Self, Vec<Effect>) {
        let empty = Change {
            from: Target::EMPTY,
            to: Target::EMPTY,
        };
        let nodes: Vec<Node> = record
            .participants
            .iter()
            .map(|(name, wave)| {
                let change = changes.get(name).unwrap_or(&empty);
                Node::new(name.clone(), *wave as usize, change.from, change.to)
            })
            .collect();
        let mut tally = Tally::default();
        for (place, node) in nodes.iter().enumerate() {
            tally.add(place, node);
        }
        let waves = Waves::new(&nodes);
        let waited = record.consent.waited;
        let mut rollout = Self {
            leader,
            record,
            writing: None,
            reading: false,
            writes: 0,
            nodes,
            tally,
            waves,
            entered: now.steady,
            abort: None,
            pause: None,
            consent: None,
            waited,
            verified_at: None,
            looking: false,
            deposed: false,
        };
        let mut effects = Vec::new();
        rollout.enter(now.steady, &mut effects);
        rollout.advance(now, &mut effects);
        (rollout, effects)
    }

    /// Moves the rollout by one event. Pure: no IO, no clock, no randomness.
    pub fn step(&mut self, event: Event, now: Now) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.deposed {
            return effects;
        }
        match event {
            Event::Hello(name, hello) => {
                if let Some(place) = self.place(&name) {
                    self.hello(place, &hello, now.steady, &mut effects);
                }
            }
            Event::Lost(name) => {
                if let Some(place) = self.place(&name) {
                    self.lost(place, now.steady, &mut effects);
                }
            }
            Event::Answer(name, fence, answer) => {
                if let Some(place) = self.place(&name)
                    && self.is_mine(&fence)
                {
                    self.answer(place, fence.nonce, answer, now.steady, &mut effects);
                }
            }
            Event::Tick => self.tick(now.steady, &mut effects),
            Event::Written(outcome) => self.written(outcome, now.steady, &mut effects),
            Event::Read(record) => self.read(*record, now.steady, &mut effects),
            Event::User(wish) => self.wish(wish),
        }
        self.advance(now, &mut effects);
        effects
    }

    /// What is durable, as far as this leader knows.
    pub fn record(&self) -> &Record {
        &self.record
    }

    fn place(&self, name: &NodeName) -> Option<usize> {
        let find = self.nodes.binary_search_by(|node| node.name.cmp(name));
        find.ok()
    }

    fn is_mine(&self, fence: &Fence) -> bool {
        fence.cluster == self.leader.cluster
            && fence.incarnation == self.leader.incarnation
            && fence.epoch == self.leader.epoch
            && fence.rollout == self.record.id
    }

    /// Changes one participant, and the sums with it.
    pub(super) fn change<T>(&mut self, place: usize, change: impl FnOnce(&mut Node) -> T) -> T {
        let node = &mut self.nodes[place];
        self.tally.remove(place, node);
        let result = change(node);
        self.tally.add(place, node);
        result
    }

    /// Notes what a participant said, and tells those who watch.
    pub(super) fn saw(&mut self, place: usize, seen: Seen, effects: &mut Vec<Effect>) {
        if self.nodes[place].seen != seen {
            self.change(place, |node| node.seen = seen);
            effects.push(Effect::Progress(self.nodes[place].name.clone()));
        }
    }

    /// Sends a command to a participant.
    pub(super) fn send(&self, place: usize, nonce: Nonce, command: Command) -> Effect {
        let fence = Fence {
            cluster: self.leader.cluster.clone(),
            incarnation: self.leader.incarnation,
            epoch: self.leader.epoch,
            rollout: self.record.id,
            nonce,
        };
        Effect::Send(self.nodes[place].name.clone(), fence, command)
    }

    fn written(&mut self, outcome: Outcome, now: Moment, effects: &mut Vec<Effect>) {
        match outcome {
            Outcome::Won => {
                if let Some(record) = self.writing.take() {
                    self.reading = false;
                    self.adopt(*record, now, effects);
                }
            }
            Outcome::Lost | Outcome::Unknown => {
                if self.writing.is_some() && !self.reading {
                    self.reading = true;
                    effects.push(Effect::Read);
                }
            }
            Outcome::Deposed => self.depose(effects),
        }
    }

    fn read(&mut self, record: Record, now: Moment, effects: &mut Vec<Effect>) {
        if record.id != self.record.id || !self.reading {
            return;
        }
        self.reading = false;
        self.writing = None;
        if record.attempt.epoch > self.leader.epoch {
            self.depose(effects);
        } else if record.attempt != self.record.attempt {
            // This write, or an earlier one of this leader that was still on its way.
            self.adopt(record, now, effects);
        }
    }

    fn depose(&mut self, effects: &mut Vec<Effect>) {
        self.deposed = true;
        effects.push(Effect::Deposed);
    }

    /// Takes what is durable for the truth, and begins what a new phase asks for.
    fn adopt(&mut self, record: Record, now: Moment, effects: &mut Vec<Effect>) {
        let turned =
            std::mem::discriminant(&record.phase) != std::mem::discriminant(&self.record.phase);
        self.record = record;
        if turned {
            self.entered = now;
            self.enter(now, effects);
        }
    }
}
