//! Which write comes next, and which participants may be told to apply.
//!
//! All that is decided here is decided by what is so, not by what just happened, and is looked at
//! again after every event: a write that failed is therefore written again if it still should be.

use std::collections::BTreeSet;

use weft_model::clock::Moment;

use super::effect::Effect;
use super::event::{Now, Wish};
use super::machine::Rollout;
use super::node::Seen;
use super::policy::Confirm;
use super::record::{Attempt, Decision, Deed, Phase, Reason, Transaction};

/// Why a wish cannot be granted now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has been decided.
    #[error("rollout is decided already; the way back is a rollout of the earlier revision")]
    Decided,
    /// Nodes prepare, or it is paused already or not at all.
    #[error("rollout is {phase}; there is nothing to {wish}")]
    Idle {
        /// What it is.
        phase: &'static str,
        /// What was wanted.
        wish: &'static str,
    },
    /// A person has confirmed it.
    #[error("rollout is confirmed already")]
    Confirmed,
    /// It confirms itself.
    #[error("rollout confirms itself when every node is verified")]
    Automatic,
    /// Some node is not verified.
    #[error("{count} nodes are not verified yet")]
    Unverified {
        /// How many.
        count: u32,
    },
}

impl Rollout {
    /// Whether a wish would be granted now.
    ///
    /// # Errors
    /// Why it would not: the machine would ignore it.
    pub fn permits(&self, wish: &Wish) -> Result<(), Refusal> {
        let count = self.tally.nodes - self.tally.verified;
        match (&self.record.phase, wish) {
            (Phase::Committed | Phase::Aborted(_) | Phase::Closed { .. }, _) => {
                Err(Refusal::Decided)
            }
            (Phase::Preparing | Phase::Applying { .. }, Wish::Abort { .. })
            | (Phase::Applying { paused: false }, Wish::Pause)
            | (Phase::Applying { paused: true }, Wish::Resume) => Ok(()),
            (Phase::Preparing, Wish::Pause) => Err(Refusal::Idle {
                phase: "preparing",
                wish: "pause",
            }),
            (Phase::Preparing, Wish::Resume) => Err(Refusal::Idle {
                phase: "preparing",
                wish: "resume",
            }),
            (Phase::Applying { paused: true }, Wish::Pause) => Err(Refusal::Idle {
                phase: "paused",
                wish: "pause",
            }),
            (Phase::Applying { paused: false }, Wish::Resume) => Err(Refusal::Idle {
                phase: "not paused",
                wish: "resume",
            }),
            (Phase::Preparing | Phase::Applying { .. }, Wish::Confirm { .. }) => {
                match self.record.policy.confirm {
                    Confirm::Auto => Err(Refusal::Automatic),
                    Confirm::Manual { .. } if self.is_confirmed() => Err(Refusal::Confirmed),
                    Confirm::Manual { .. } if count > 0 => Err(Refusal::Unverified { count }),
                    Confirm::Manual { .. } => Ok(()),
                }
            }
        }
    }

    pub(super) fn wish(&mut self, wish: Wish) {
        if self.permits(&wish).is_err() {
            return;
        }
        match wish {
            Wish::Pause => self.pause = Some(true),
            Wish::Resume => self.pause = Some(false),
            Wish::Confirm { author } => self.consent = Some(author),
            Wish::Abort { author } => {
                self.abort.get_or_insert(Reason::User { author });
            }
        }
    }

    /// Begins what should be begun.
    pub(super) fn advance(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.deposed || self.writing.is_some() {
            return;
        }
        match self.record.phase.clone() {
            Phase::Preparing => {
                if let Some(reason) = self.abort.clone() {
                    self.write(Phase::Aborted(reason), Deed::Turn, now, effects);
                } else if self.tally.prepared == self.tally.nodes {
                    let applying = Phase::Applying { paused: false };
                    self.write(applying, Deed::Turn, now, effects);
                }
            }
            Phase::Applying { paused } => {
                if let Some(reason) = self.abort.clone() {
                    self.write(Phase::Aborted(reason), Deed::Turn, now, effects);
                } else if let Some(pause) = self.pause.take().filter(|pause| *pause != paused) {
                    // What nodes said before a pause says little after it.
                    self.forget_looks();
                    let applying = Phase::Applying { paused: pause };
                    self.write(applying, Deed::Turn, now, effects);
                } else if !paused && self.may_commit(now.steady, effects) {
                    self.write(Phase::Committed, Deed::MoveHead, now, effects);
                } else if self.has_consent_to_write() || self.is_marked(now.steady) {
                    self.write(Phase::Applying { paused }, Deed::Turn, now, effects);
                } else if !paused && self.tally.verified < self.tally.nodes {
                    self.send_waves(now.steady, effects);
                }
            }
            Phase::Committed => self.close(Decision::Commit, now, effects),
            Phase::Aborted(reason) => self.close(Decision::Abort(reason), now, effects),
            Phase::Closed { .. } => {}
        }
    }

    /// Whether the change may be decided for: every participant has said to this leader that it is
    /// true, has stood by it for as long as the user wants and then said so again, and none can
    /// have gone back since for want of contact.
    fn may_commit(&mut self, now: Moment, effects: &mut Vec<Effect>) -> bool {
        let soaked = self.soak_until().is_some_and(|until| until <= now);
        let soak = self.record.policy.soak;
        soaked
            && self.tally.verified == self.tally.nodes
            && self.is_wanted()
            && self.all_are_well(soak, now, effects)
            && self.tally.all_stand(now)
    }

    /// Whether whoever decides wants the change.
    pub(super) fn is_wanted(&self) -> bool {
        match self.record.policy.confirm {
            Confirm::Auto => true,
            Confirm::Manual { .. } => self.is_confirmed(),
        }
    }

    fn write(&mut self, phase: Phase, deed: Deed, now: Now, effects: &mut Vec<Effect>) {
        self.writes += 1;
        let mut record = self.record.clone();
        let replaces = record.attempt;
        record.attempt = Attempt {
            epoch: self.leader.epoch,
            number: self.writes,
        };
        if record.decided.is_none() && phase.decision().is_some() {
            record.decided = Some(now.wall);
        }
        // A word that comes when the end is already being written comes too late.
        if !matches!(phase, Phase::Aborted(_) | Phase::Closed { .. }) {
            self.note_consent(&mut record.consent, now);
        }
        record.phase = phase;
        self.writing = Some(Box::new(record.clone()));
        effects.push(Effect::Write(Box::new(Transaction {
            record,
            replaces,
            deed,
        })));
    }

    fn send_waves(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let pause = self.record.policy.pause;
        let is_verified = |node: &super::node::Node| node.seen == Seen::Verified;
        let is_ready = |node: &super::node::Node| node.seen == Seen::Prepared && node.connected;
        loop {
            let next = self.waves.next_begin(pause).is_some_and(|at| at <= now);
            if !(self.waves.is_first() || next && self.all_are_well(pause, now, effects)) {
                break;
            }
            self.forget_looks();
            self.waves.begin(now, &self.nodes, is_verified, is_ready);
        }
        let bound = self.record.policy.max_in_flight;
        while bound.is_none_or(|bound| self.tally.in_flight < bound.get())
            && let Some(place) = self.waves.take()
        {
            if is_ready(&self.nodes[place]) {
                self.tell(place, now, effects);
            }
        }
    }

    fn close(&mut self, decision: Decision, now: Now, effects: &mut Vec<Effect>) {
        let all = self.tally.settled == self.tally.nodes;
        let late = self.entered.after(self.record.policy.settle) <= now.steady;
        if !all && !late {
            return;
        }
        let unsettled: BTreeSet<_> = self
            .nodes
            .iter()
            .filter(|node| !node.is_settled())
            .map(|node| node.name.clone())
            .collect();
        let closed = Phase::Closed {
            decision,
            unsettled,
        };
        self.write(closed, Deed::Release, now, effects);
    }
}
