//! Which commands a node takes at all: those of its own cluster, from the present leader or a
//! later one.

use weft_model::message::{Answer, Command, Fence, Pin};

use super::effect::Effect;
use super::journal::State;
use super::machine::{Session, Work};

/// How a command's fence compares with what the node knows.
pub(super) enum Authority {
    /// Another cluster, an older incarnation, or a leader that was deposed.
    Refused,
    /// The present leader or a later one.
    Valid,
    /// A leader of a store that was restored since; epochs and rollouts count anew there.
    Restored,
}

impl Session {
    pub(super) fn authority(&self, fence: &Fence) -> Authority {
        match &self.journal.pin {
            None => Authority::Valid,
            Some(pin) if pin.cluster != fence.cluster => Authority::Refused,
            Some(pin) if fence.incarnation < pin.incarnation => Authority::Refused,
            Some(pin) if fence.incarnation > pin.incarnation => Authority::Restored,
            Some(_) if fence.epoch < self.journal.epoch => Authority::Refused,
            Some(_) => Authority::Valid,
        }
    }

    /// A rollout's number may stand for two rollouts, one on each side of a restored backup. A
    /// node with a change in hand therefore takes only the order to drop it.
    pub(super) fn may_follow_restored(&self, fence: &Fence, command: &Command) -> bool {
        match command {
            Command::Prepare { .. } | Command::CatchUp { .. } => {
                self.journal.state == State::Idle && self.work == Work::Free
            }
            Command::Rollback => self
                .journal
                .state
                .change()
                .is_some_and(|change| change.rollout == fence.rollout),
            Command::Apply | Command::KeepAlive | Command::Check | Command::Confirm => false,
        }
    }

    pub(super) fn obey(&mut self, fence: &Fence) {
        let pin = Pin {
            cluster: fence.cluster.clone(),
            incarnation: fence.incarnation,
        };
        self.journal.pin = Some(pin);
        self.journal.epoch = fence.epoch;
    }

    pub(super) fn answer(&mut self, fence: &Fence, answer: Answer, effects: &mut Vec<Effect>) {
        self.obey(fence);
        effects.push(Effect::Send(fence.clone(), answer));
    }

    /// Says how the rollout ended here; a rollout that never was here is not answered.
    pub(super) fn answer_ending(&mut self, fence: &Fence, effects: &mut Vec<Effect>) {
        if let Some(ending) = self.journal.ending(fence.rollout) {
            self.answer(fence, ending, effects);
        }
    }
}
