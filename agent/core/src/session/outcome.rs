//! What follows when the shell's work ends, a deadline comes, or the agent starts.

use weft_model::clock::Moment;
use weft_model::message::{Answer, Found, Target};
use weft_model::report::Fault;
use weft_model::revision::RolloutId;

use super::answer::{rebooted, silence, unattended, undecided};
use super::effect::Effect;
use super::journal::{Change, Fate, REVERT_LIMIT, REVERT_PAUSE, State, Term};
use super::machine::{Session, Then, Work};

impl Session {
    pub(super) fn resume(&mut self, rebooted_host: bool, now: Moment, effects: &mut Vec<Effect>) {
        match self.journal.state.clone() {
            State::Idle | State::Reverted { .. } => effects.push(Effect::Collect),
            // The moments of another boot mean nothing here: the stage is kept for as long again.
            State::Prepared { change, .. } if rebooted_host => {
                let until = now.after(change.lease.cap);
                effects.push(Effect::Wake(until));
                self.journal.state = State::Prepared { change, until };
            }
            State::Prepared { until, .. } => effects.push(Effect::Wake(until)),
            State::Armed { change, .. } | State::Verified { change, .. } if rebooted_host => {
                self.go_back(change, Fate::Unknown, vec![rebooted()], effects);
            }
            State::Armed { change, term } | State::Verified { change, term } => {
                effects.push(Effect::Wake(term.until(change.lease)));
            }
            State::Reverting {
                change,
                fate,
                faults,
                ..
            } => self.go_back(change, fate, faults, effects),
            // An empty kernel is a new chance.
            State::Stuck {
                change,
                fate,
                faults,
            } if rebooted_host => self.go_back(change, fate, faults, effects),
            State::Stuck { .. } => {}
        }
    }

    pub(super) fn staged(
        &mut self,
        rollout: RolloutId,
        to: Target,
        result: Result<Found, Vec<Fault>>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let Work::Staging {
            fence,
            change,
            then,
        } = self.work.clone()
        else {
            self.drop_stray(to, effects);
            return;
        };
        if (change.rollout, change.to) != (rollout, to) {
            self.drop_stray(to, effects);
            return;
        }
        self.work = Work::Free;
        match (result, then) {
            // A later rollout has ended here while this one was still being staged.
            (Ok(_), Then::Wait) if rollout <= self.journal.tombstone => {
                self.drop_stray(to, effects);
            }
            // The head went on meanwhile, to what this node has.
            (Ok(_), Then::Apply) if rollout < self.journal.confirmed.rollout => {
                self.drop_stray(to, effects);
            }
            (Ok(found), Then::Wait) => {
                let until = now.after(change.lease.cap);
                let change = change.staged(found.clone());
                self.journal.state = State::Prepared { change, until };
                effects.push(Effect::Wake(until));
                effects.push(Effect::Send(fence, Answer::Prepared(found)));
            }
            (Ok(found), Then::Apply) => {
                let given_up = self.journal.state.change().map(|change| change.to);
                self.note(&fence);
                self.arm(change.staged(found), fence.epoch, now, effects);
                if let Some(given_up) = given_up {
                    self.drop_stray(given_up, effects);
                }
            }
            (Err(faults), Then::Wait | Then::Apply) => {
                effects.push(Effect::Send(fence, Answer::Refused(faults)));
                self.drop_stray(to, effects);
            }
        }
    }

    pub(super) fn applied(
        &mut self,
        rollout: RolloutId,
        result: Result<(), Vec<Fault>>,
        effects: &mut Vec<Effect>,
    ) {
        match (self.journal.state.clone(), result) {
            (State::Armed { change, term }, Ok(()))
                if change.rollout == rollout && self.work == Work::Applying =>
            {
                self.work = Work::Free;
                self.journal.state = State::Verified { change, term };
                if let Some(fence) = self.asked.take() {
                    effects.push(Effect::SendAfresh(fence, Answer::Verified));
                }
            }
            (State::Armed { change, .. }, Err(faults))
                if change.rollout == rollout && self.work == Work::Applying =>
            {
                self.tell(Answer::Failed(faults.clone()), effects);
                self.go_back(change, Fate::Unknown, faults, effects);
            }
            // The end of an apply that nobody waits for any more.
            _ => {}
        }
    }

    pub(super) fn checked(
        &mut self,
        rollout: RolloutId,
        result: Result<(), Vec<Fault>>,
        effects: &mut Vec<Effect>,
    ) {
        let State::Verified { change, .. } = &self.journal.state else {
            return;
        };
        let Work::Checking { fence } = &self.work else {
            return;
        };
        if change.rollout == rollout {
            let answer = result.map_or_else(Answer::Failed, |()| Answer::Verified);
            effects.push(Effect::Send(fence.clone(), answer));
            self.work = Work::Free;
        }
    }

    pub(super) fn reverted(
        &mut self,
        result: Result<(), Vec<Fault>>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let State::Reverting {
            change,
            fate,
            faults,
            attempts,
        } = self.journal.state.clone()
        else {
            return;
        };
        if self.work != Work::Reverting {
            return;
        }
        self.work = Work::Free;
        match (result, fate) {
            (Ok(()), Fate::RolledBack) => {
                self.journal.bury(change.rollout);
                self.tell(Answer::RolledBack, effects);
                self.drop_stray(change.to, effects);
                effects.push(Effect::Collect);
            }
            (Ok(()), Fate::Unknown) => {
                self.journal.state = State::Reverted { change, faults };
                effects.push(Effect::Collect);
            }
            (Err(faults), Fate::Unknown | Fate::RolledBack) if attempts + 1 < REVERT_LIMIT => {
                self.journal.state = State::Reverting {
                    change,
                    fate,
                    faults,
                    attempts: attempts + 1,
                };
                effects.push(Effect::Wake(now.after(REVERT_PAUSE)));
            }
            (Err(faults), Fate::Unknown | Fate::RolledBack) => {
                self.tell(Answer::Failed(faults.clone()), effects);
                self.journal.state = State::Stuck {
                    change,
                    fate,
                    faults,
                };
            }
        }
    }

    pub(super) fn timer(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        match self.journal.state.clone() {
            State::Prepared { change, until } if now >= until => {
                self.journal.bury(change.rollout);
                effects.push(Effect::Sleep);
                self.drop_stray(change.to, effects);
            }
            State::Prepared { until, .. } => effects.push(Effect::Wake(until)),
            State::Armed { change, term } | State::Verified { change, term } => {
                if now < term.until(change.lease) {
                    effects.push(Effect::Wake(term.until(change.lease)));
                } else {
                    let faults = vec![overdue(&change, term, now)];
                    self.tell(Answer::Failed(faults.clone()), effects);
                    self.go_back(change, Fate::Unknown, faults, effects);
                }
            }
            State::Reverting { .. } if self.work == Work::Free => {
                self.work = Work::Reverting;
                effects.push(Effect::Revert {
                    to: self.journal.confirmed.target,
                });
            }
            // A timer that was set for a state that is past.
            _ => {}
        }
    }

    /// Goes back as at the deadline, and says who noticed it.
    pub(super) fn forsaken(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        match self.journal.state.clone() {
            State::Armed { change, term } | State::Verified { change, term }
                if now >= term.until(change.lease) =>
            {
                let faults = vec![unattended()];
                self.tell(Answer::Failed(faults.clone()), effects);
                self.go_back(change, Fate::Unknown, faults, effects);
            }
            // Undone meanwhile, or kept.
            _ => {}
        }
    }

    pub(super) fn retry(&mut self, effects: &mut Vec<Effect>) {
        if let State::Stuck {
            change,
            fate,
            faults,
        } = self.journal.state.clone()
        {
            self.go_back(change, fate, faults, effects);
        }
    }
}

fn overdue(change: &Change, term: Term, now: Moment) -> Fault {
    if now >= term.armed.after(change.lease.cap) {
        undecided(change.lease.cap)
    } else {
        silence(change.lease.contact)
    }
}
