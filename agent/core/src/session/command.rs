//! Apply and keep-alive: an unconfirmed change begins, and is kept from ending.
//!
//! A command that is not obeyed leaves the journal as it is, byte for byte.

use weft_model::clock::Moment;
use weft_model::message::{Answer, Command, Fence};
use weft_model::revision::{Epoch, RolloutId};

use super::answer::order;
use super::effect::Effect;
use super::fence::Authority;
use super::journal::{Change, State, Term};
use super::machine::{Session, Work};

impl Session {
    pub(super) fn command(
        &mut self,
        fence: &Fence,
        command: Command,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        match self.authority(fence) {
            Authority::Refused => return,
            Authority::Valid => {}
            Authority::Restored => {
                if !self.may_follow_restored(fence, &command) {
                    return;
                }
                self.journal.epoch = Epoch::default();
                self.journal.tombstone = RolloutId::default();
                self.journal.confirmed.rollout = RolloutId::default();
            }
        }
        match command {
            Command::Prepare {
                from,
                to,
                lease,
                gates,
            } => {
                let change = Change::new(fence.rollout, to, lease, gates);
                self.prepare(fence, from, change, now, effects);
            }
            Command::Apply => self.apply(fence, now, effects),
            Command::KeepAlive => self.keep_alive(fence, now, effects),
            Command::Check => self.check(fence, now, effects),
            Command::Confirm => self.confirm(fence, now, effects),
            Command::Rollback => self.roll_back(fence, effects),
            Command::CatchUp { to, lease } => self.catch_up(fence, to, lease, now, effects),
        }
    }

    fn apply(&mut self, fence: &Fence, now: Moment, effects: &mut Vec<Effect>) {
        let rollout = fence.rollout;
        match self.journal.state.clone() {
            State::Prepared { change, .. } if change.rollout == rollout => {
                self.obey(fence);
                self.note(fence);
                self.arm(change, fence.epoch, now, effects);
            }
            State::Armed { change, term } if change.rollout == rollout => {
                self.obey(fence);
                self.note(fence);
                let term = rearmed(term, fence.epoch, now);
                effects.push(Effect::Wake(term.until(change.lease)));
                self.continue_apply(&change, effects);
                self.journal.state = State::Armed { change, term };
            }
            State::Verified { change, term } if change.rollout == rollout => {
                let term = rearmed(term, fence.epoch, now);
                effects.push(Effect::Wake(term.until(change.lease)));
                self.journal.state = State::Verified { change, term };
                self.answer(fence, Answer::Verified, effects);
            }
            State::Idle => self.answer_ending(fence, effects),
            state => self.answer_failure(fence, state, effects),
        }
    }

    /// Answers for a node that goes back, has gone back or cannot; no other state is answered.
    pub(super) fn answer_failure(
        &mut self,
        fence: &Fence,
        state: State,
        effects: &mut Vec<Effect>,
    ) {
        match state {
            State::Reverting { change, faults, .. }
            | State::Reverted { change, faults }
            | State::Stuck { change, faults, .. }
                if change.rollout == fence.rollout =>
            {
                self.answer(fence, Answer::Failed(faults), effects);
            }
            State::Idle
            | State::Prepared { .. }
            | State::Armed { .. }
            | State::Verified { .. }
            | State::Reverting { .. }
            | State::Reverted { .. }
            | State::Stuck { .. } => {}
        }
    }

    /// Begins the change with a deadline; the caller has noted whom to answer.
    pub(super) fn arm(
        &mut self,
        change: Change,
        epoch: Epoch,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let term = Term {
            epoch,
            armed: now,
            contact: now,
        };
        effects.push(Effect::Wake(term.until(change.lease)));
        self.work = Work::Free;
        self.continue_apply(&change, effects);
        self.journal.state = State::Armed { change, term };
    }

    pub(super) fn continue_apply(&mut self, change: &Change, effects: &mut Vec<Effect>) {
        if self.work == Work::Free {
            self.work = Work::Applying;
            effects.push(Effect::Apply {
                rollout: change.rollout,
                to: change.to,
                gates: change.gates.clone(),
            });
        }
    }

    /// Looks whether an unconfirmed change still passes its gates. The change stays either way: a
    /// node that went back while its lease is believed in would do so behind the leader's back.
    fn check(&mut self, fence: &Fence, now: Moment, effects: &mut Vec<Effect>) {
        match self.journal.state.clone() {
            State::Verified { change, term } if change.rollout == fence.rollout => {
                self.obey(fence);
                let term = Term {
                    contact: now,
                    ..term
                };
                effects.push(Effect::Wake(term.until(change.lease)));
                if change.gates.is_empty() {
                    effects.push(Effect::Send(fence.clone(), Answer::Verified));
                } else if !self.is_checking_for_later_than(fence) {
                    // One that runs already may have looked before this command was given.
                    effects.push(Effect::Check {
                        rollout: change.rollout,
                        gates: change.gates.clone(),
                    });
                    self.work = Work::Checking {
                        fence: fence.clone(),
                    };
                }
                self.journal.state = State::Verified { change, term };
            }
            State::Idle => self.answer_ending(fence, effects),
            state => self.answer_failure(fence, state, effects),
        }
    }

    fn is_checking_for_later_than(&self, fence: &Fence) -> bool {
        match &self.work {
            Work::Checking { fence: asked } => order(asked) > order(fence),
            Work::Free | Work::Staging { .. } | Work::Applying | Work::Reverting => false,
        }
    }

    fn keep_alive(&mut self, fence: &Fence, now: Moment, effects: &mut Vec<Effect>) {
        let rollout = fence.rollout;
        match self.journal.state.clone() {
            State::Armed { change, term } if change.rollout == rollout => {
                let term = Term {
                    contact: now,
                    ..term
                };
                effects.push(Effect::Wake(term.until(change.lease)));
                self.journal.state = State::Armed { change, term };
                self.answer(fence, Answer::Alive, effects);
            }
            State::Verified { change, term } if change.rollout == rollout => {
                let term = Term {
                    contact: now,
                    ..term
                };
                effects.push(Effect::Wake(term.until(change.lease)));
                self.journal.state = State::Verified { change, term };
                self.answer(fence, Answer::Alive, effects);
            }
            State::Idle => self.answer_ending(fence, effects),
            state => self.answer_failure(fence, state, effects),
        }
    }
}

/// The term after an apply: a new leader knows nothing of the time that the last one used up.
pub(super) fn rearmed(term: Term, epoch: Epoch, now: Moment) -> Term {
    if epoch > term.epoch {
        Term {
            epoch,
            armed: now,
            contact: now,
        }
    } else {
        Term {
            contact: now,
            ..term
        }
    }
}
