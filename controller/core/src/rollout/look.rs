//! Nodes that stood by the change for a while are asked once more before anything follows from it:
//! the next wave, or the decision.
//!
//! A look begins when the while is over and ends when every node that was asked has answered well.
//! A node that answers badly ends the rollout like one that failed; one that does not answer is
//! missed when its lease is over. Looks are not durable: the next leader hears of every node anew.

use weft_model::clock::{Moment, Span};
use weft_model::message::Command;
use weft_model::revision::Nonce;

use super::effect::Effect;
use super::machine::Rollout;
use super::node::{Look, Seen};
use super::record::Phase;

impl Rollout {
    /// Until when all nodes must stand by the change; none before it is verified everywhere.
    pub fn soak_until(&self) -> Option<Moment> {
        let soak = match self.nodes.as_slice() {
            [] => Span(0),
            _ => self.record.policy.soak,
        };
        match self.record.phase {
            Phase::Applying { .. } => Some(self.verified_at?.after(soak)),
            Phase::Preparing | Phase::Committed | Phase::Aborted(_) | Phase::Closed { .. } => None,
        }
    }

    /// When the next wave or the decision may be due, if nothing but time is wanting.
    pub(super) fn next_look(&self) -> Option<Moment> {
        let next = if self.looking {
            None
        } else if self.tally.verified < self.tally.nodes {
            self.waves.next_begin(self.record.policy.pause)
        } else {
            self.soak_until()
        };
        next.filter(|_| self.is_wanted() || self.tally.verified < self.tally.nodes)
    }

    /// Whether every verified node has said that all is well since it stood by the change for
    /// `rest`; asks them when it is time to.
    pub(super) fn all_are_well(
        &mut self,
        rest: Span,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> bool {
        if rest == Span(0) || !self.record.policy.looks_again() {
            return true;
        }
        if !self.looking {
            self.looking = true;
            for place in 0..self.nodes.len() {
                if self.nodes[place].seen == Seen::Verified {
                    self.look_at(place, now, effects);
                }
            }
        }
        self.tally.asked == 0
    }

    /// Asks a node that was asked before its stream broke.
    pub(super) fn look_again(&mut self, place: usize, now: Moment, effects: &mut Vec<Effect>) {
        if matches!(self.nodes[place].look, Look::Asked(_)) {
            self.look_at(place, now, effects);
        }
    }

    fn look_at(&mut self, place: usize, now: Moment, effects: &mut Vec<Effect>) {
        let nonce = self.nodes[place].next_nonce();
        self.change(place, |node| {
            node.look = Look::Asked(nonce);
            if node.connected {
                node.remember(nonce, now);
            }
        });
        // One that is not there is asked when it comes back.
        effects.push(self.send(place, nonce, Command::Check));
    }

    /// Notes that a node is well, if that is what it was asked by this command.
    pub(super) fn is_well(&mut self, place: usize, nonce: Nonce) {
        if self.nodes[place].look == Look::Asked(nonce) {
            self.change(place, |node| node.look = Look::Well);
        }
    }

    /// Lets the next look be a new one.
    pub(super) fn forget_looks(&mut self) {
        if !std::mem::take(&mut self.looking) {
            return;
        }
        for place in 0..self.nodes.len() {
            self.change(place, |node| node.look = Look::None);
        }
    }
}
