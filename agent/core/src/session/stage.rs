//! Prepare: a plan is checked and put on disk, and nothing is changed.

use weft_model::clock::Moment;
use weft_model::message::{Answer, Fence, Target};

use weft_model::revision::RolloutId;

use super::answer::{unsettled, wrong_start};
use super::effect::Effect;
use super::journal::{Change, State};
use super::machine::{Session, Then, Work};

impl Session {
    pub(super) fn prepare(
        &mut self,
        fence: &Fence,
        from: Target,
        change: Change,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let (rollout, to, lease) = (change.rollout, change.to, change.lease);
        match self.journal.state.clone() {
            State::Prepared { change: held, .. } if held.rollout == rollout && held.to == to => {
                let until = now.after(lease.cap);
                let found = held.found.clone();
                let change = Change { lease, ..held };
                self.journal.state = State::Prepared { change, until };
                effects.push(Effect::Wake(until));
                self.answer(fence, Answer::Prepared(found), effects);
            }
            // A stage of an earlier rollout, or of a plan that the controller has compiled anew,
            // changed nothing and is simply dropped.
            State::Prepared { change: held, .. } if held.rollout <= rollout => {
                effects.push(Effect::Sleep);
                if held.rollout < rollout {
                    self.journal.bury(held.rollout);
                }
                self.journal.state = State::Idle;
                self.drop_stray(held.to, effects);
                self.stage_or_refuse(fence, from, change, effects);
            }
            State::Prepared { .. } => {}
            // What is being staged is later than this order.
            State::Idle if self.is_staging_past(rollout) => {}
            State::Idle if rollout > self.journal.tombstone => {
                self.stage_or_refuse(fence, from, change, effects);
            }
            State::Idle => self.answer_ending(fence, effects),
            State::Reverted { change, faults } if change.rollout == rollout => {
                self.answer(fence, Answer::Failed(faults), effects);
            }
            State::Armed { change, .. }
            | State::Verified { change, .. }
            | State::Reverting { change, .. }
            | State::Reverted { change, .. }
            | State::Stuck { change, .. } => {
                if change.rollout < rollout {
                    let fault = unsettled(change.rollout);
                    effects.push(Effect::Send(fence.clone(), Answer::Refused(vec![fault])));
                }
            }
        }
    }

    fn is_staging_past(&self, rollout: RolloutId) -> bool {
        match &self.work {
            Work::Staging { change, then, .. } => match then {
                Then::Wait => change.rollout > rollout,
                Then::Apply => change.rollout >= rollout,
            },
            Work::Free | Work::Applying | Work::Checking { .. } | Work::Reverting => false,
        }
    }

    pub(super) fn stage_or_refuse(
        &mut self,
        fence: &Fence,
        from: Target,
        change: Change,
        effects: &mut Vec<Effect>,
    ) {
        let holds = self.journal.confirmed.target;
        if holds.digest == from.digest {
            self.stage(fence, change, Then::Wait, effects);
        } else {
            let fault = wrong_start(holds.revision.0, from.revision.0);
            self.answer(fence, Answer::Refused(vec![fault]), effects);
        }
    }

    pub(super) fn stage(
        &mut self,
        fence: &Fence,
        change: Change,
        then: Then,
        effects: &mut Vec<Effect>,
    ) {
        self.obey(fence);
        if let Work::Staging {
            fence: asked,
            change: had,
            then: was,
        } = &mut self.work
            && (had.rollout, had.to, *was) == (change.rollout, change.to, then)
        {
            if (asked.epoch, asked.nonce) < (fence.epoch, fence.nonce) {
                *asked = fence.clone();
                had.lease = change.lease;
            }
            return;
        }
        effects.push(Effect::Stage {
            rollout: change.rollout,
            to: change.to,
            gates: change.gates.clone(),
        });
        self.work = Work::Staging {
            fence: fence.clone(),
            change,
            then,
        };
    }
}
