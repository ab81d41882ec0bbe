//! What a leader does with each participant when a phase begins, and when the node connects.

use weft_model::clock::{Moment, Span};
use weft_model::message::Command;

use super::effect::Effect;
use super::machine::Rollout;
use super::node::{Look, Seen};
use super::record::Phase;

/// How often a decision is sent again to a node that is connected and does not acknowledge it:
/// long enough for a node to make a change anew that it had undone.
const REPEAT: Span = Span::from_secs(10);

impl Rollout {
    /// Begins the phase that the record is in.
    pub(super) fn enter(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        match self.record.phase {
            Phase::Preparing => {}
            Phase::Applying { .. } => {
                for place in 0..self.nodes.len() {
                    self.expect_contact(place, now);
                }
                // Where nobody takes part, nobody's answer starts the time to confirm.
                if self.nodes.is_empty() {
                    self.verified_at.get_or_insert(now);
                }
            }
            Phase::Committed => self.decided(Command::Confirm, now, effects),
            Phase::Aborted(_) => self.decided(Command::Rollback, now, effects),
            Phase::Closed { .. } => effects.push(Effect::Finished),
        }
    }

    fn decided(&mut self, command: Command, now: Moment, effects: &mut Vec<Effect>) {
        self.abort = None;
        self.pause = None;
        for place in 0..self.nodes.len() {
            self.change(place, |node| {
                node.due = None;
                node.lease = None;
                node.sent.clear();
                node.look = Look::None;
            });
            self.decree(place, command.clone(), now, effects);
        }
    }

    /// Tells a participant the decision, and again later if it does not acknowledge.
    pub(super) fn decree(
        &mut self,
        place: usize,
        command: Command,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        if self.nodes[place].connected && !self.nodes[place].is_settled() {
            let nonce = self.change(place, |node| {
                node.due = Some(now.after(REPEAT));
                let next = node.decree.unwrap_or_else(|| node.next_nonce());
                *node.decree.insert(next)
            });
            effects.push(self.send(place, nonce, command));
        }
    }

    /// Asks a participant to prepare.
    pub(super) fn ask(&mut self, place: usize, effects: &mut Vec<Effect>) {
        let prepare = Command::Prepare {
            from: self.nodes[place].from,
            to: self.nodes[place].to,
            lease: self.record.policy.lease(),
            gates: self.record.policy.gates.clone(),
        };
        let nonce = self.nodes[place].next_nonce();
        effects.push(self.send(place, nonce, prepare));
        if self.nodes[place].seen == Seen::Silent {
            self.saw(place, Seen::Asked, effects);
        }
    }

    /// Tells a participant to apply; it must be heard of before its lease can have run out.
    pub(super) fn tell(&mut self, place: usize, now: Moment, effects: &mut Vec<Effect>) {
        let next = now.after(self.record.policy.keep_alive);
        let nonce = self.nodes[place].next_nonce();
        effects.push(self.send(place, nonce, Command::Apply));
        self.change(place, |node| {
            node.applied.get_or_insert(now);
            node.remember(nonce, now);
            node.due = Some(next);
        });
        if self.nodes[place].seen != Seen::Verified {
            self.saw(place, Seen::Told, effects);
        }
    }

    /// Says a word to a participant that stands by its change.
    pub(super) fn keep_alive(&mut self, place: usize, now: Moment, effects: &mut Vec<Effect>) {
        let next = now.after(self.record.policy.keep_alive);
        if self.nodes[place].connected {
            let nonce = self.nodes[place].next_nonce();
            self.nodes[place].remember(nonce, now);
            effects.push(self.send(place, nonce, Command::KeepAlive));
        }
        self.change(place, |node| node.due = Some(next));
    }

    /// Gives a participant that is not there as long to come back as one that applies.
    pub(super) fn expect_contact(&mut self, place: usize, now: Moment) {
        let until = now.after(self.record.policy.contact);
        self.change(place, |node| {
            if !node.connected && node.lease.is_none() && node.seen != Seen::Told {
                node.due = Some(until);
            }
        });
    }
}
