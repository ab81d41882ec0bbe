//! Confirm, rollback and catch-up: the words that follow a decision.

use weft_model::clock::Moment;
use weft_model::message::{Answer, Confirmed, Fence, Gates, Lease, Target};

use super::answer::nothing_held;
use super::command::rearmed;
use super::effect::Effect;
use super::journal::{Change, Fate, State};
use super::machine::{Session, Then, Work};

impl Session {
    pub(super) fn confirm(&mut self, fence: &Fence, now: Moment, effects: &mut Vec<Effect>) {
        let rollout = fence.rollout;
        match self.journal.state.clone() {
            State::Verified { change, .. } if change.rollout == rollout => {
                let left = self.journal.confirmed.target;
                self.journal.confirmed = Confirmed {
                    rollout,
                    target: change.to,
                };
                self.journal.bury(rollout);
                self.asked = None;
                self.work = Work::Free;
                effects.push(Effect::Sleep);
                self.answer(fence, Answer::Confirmed, effects);
                self.drop_stray(left, effects);
                effects.push(Effect::Collect);
            }
            // The decision is known already, so this is a node that went back of itself and now
            // makes the change again, alone: the word counts as contact, not as the end.
            State::Armed { change, term } if change.rollout == rollout => {
                self.obey(fence);
                self.note(fence);
                let change = change.decided();
                let term = rearmed(term, fence.epoch, now);
                effects.push(Effect::Wake(term.until(change.lease)));
                self.continue_apply(&change, effects);
                self.journal.state = State::Armed { change, term };
            }
            State::Reverted { change, .. } if change.rollout == rollout => {
                self.obey(fence);
                self.note(fence);
                self.arm(change.decided(), fence.epoch, now, effects);
            }
            State::Idle if rollout <= self.journal.confirmed.rollout => {
                self.answer(fence, Answer::Confirmed, effects);
            }
            State::Idle => {
                let fault = nothing_held(rollout);
                self.answer(fence, Answer::Failed(vec![fault]), effects);
            }
            state => self.answer_failure(fence, state, effects),
        }
    }

    pub(super) fn roll_back(&mut self, fence: &Fence, effects: &mut Vec<Effect>) {
        let rollout = fence.rollout;
        if let Work::Staging { change, .. } = &self.work
            && change.rollout == rollout
        {
            let staged = change.to;
            self.work = Work::Free;
            self.drop_stray(staged, effects);
        }
        match self.journal.state.clone() {
            State::Idle if rollout == self.journal.confirmed.rollout => {}
            State::Idle => {
                self.journal.bury(rollout);
                self.answer(fence, Answer::RolledBack, effects);
            }
            State::Prepared { change, .. } if change.rollout == rollout => {
                self.journal.bury(rollout);
                effects.push(Effect::Sleep);
                self.answer(fence, Answer::RolledBack, effects);
                self.drop_stray(change.to, effects);
            }
            State::Reverted { change, .. } if change.rollout == rollout => {
                self.journal.bury(rollout);
                self.answer(fence, Answer::RolledBack, effects);
                self.drop_stray(change.to, effects);
                effects.push(Effect::Collect);
            }
            State::Armed { change, .. } | State::Verified { change, .. }
                if change.rollout == rollout =>
            {
                self.obey(fence);
                self.note(fence);
                self.go_back(change, Fate::RolledBack, Vec::new(), effects);
            }
            State::Reverting {
                change,
                faults,
                attempts,
                ..
            } if change.rollout == rollout => {
                self.obey(fence);
                self.note(fence);
                self.journal.state = State::Reverting {
                    change,
                    fate: Fate::RolledBack,
                    faults,
                    attempts,
                };
            }
            State::Stuck { change, faults, .. } if change.rollout == rollout => {
                self.journal.state = State::Stuck {
                    change,
                    fate: Fate::RolledBack,
                    faults: faults.clone(),
                };
                self.answer(fence, Answer::Failed(faults), effects);
            }
            // An order for another rollout than the one in hand.
            _ => {}
        }
    }

    pub(super) fn catch_up(
        &mut self,
        fence: &Fence,
        to: Target,
        lease: Lease,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let rollout = fence.rollout;
        // The cluster has decided already, and asks for nothing to be shown.
        let change = Change::new(rollout, to, lease, Gates::default());
        match self.journal.state.clone() {
            // The head only moves to later rollouts, so an order to go to an earlier one is old.
            State::Idle if rollout < self.journal.confirmed.rollout => {}
            State::Idle if to.digest == self.journal.confirmed.target.digest => {
                self.journal.confirmed = Confirmed {
                    rollout,
                    target: to,
                };
                self.journal.bury(rollout);
                self.answer(fence, Answer::Confirmed, effects);
            }
            State::Idle => self.stage(fence, change, Then::Apply, effects),
            State::Reverted { change: held, .. } if held.rollout <= rollout => {
                self.stage(fence, change, Then::Apply, effects);
            }
            State::Armed { change, term } if (change.rollout, change.to) == (rollout, to) => {
                self.obey(fence);
                self.note(fence);
                let term = rearmed(term, fence.epoch, now);
                effects.push(Effect::Wake(term.until(change.lease)));
                self.continue_apply(&change, effects);
                self.journal.state = State::Armed { change, term };
            }
            State::Verified { change, .. } if (change.rollout, change.to) == (rollout, to) => {
                self.answer(fence, Answer::Verified, effects);
            }
            // A change in hand must be settled by its own decision first.
            _ => {}
        }
    }
}
