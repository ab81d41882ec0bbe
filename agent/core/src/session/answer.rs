//! Words of the session that are said in more than one place.

use weft_model::clock::Span;
use weft_model::message::{Answer, Fence, Target};
use weft_model::report::Fault;
use weft_model::revision::{Epoch, Incarnation, Nonce, RolloutId};

use super::effect::Effect;
use super::journal::{Journal, State};
use super::machine::{Session, Work};

impl Session {
    /// Answers the command whose outcome is still to be told, if there is one.
    pub(super) fn tell(&mut self, answer: Answer, effects: &mut Vec<Effect>) {
        if let Some(fence) = self.asked.take() {
            effects.push(Effect::Send(fence, answer));
        }
    }

    /// Keeps the later of two commands as the one to answer. Both are for the change in hand, so
    /// it does not matter that numbers begin anew with each rollout; epochs begin anew with each
    /// store.
    pub(super) fn note(&mut self, fence: &Fence) {
        let later = |asked: &Fence| order(asked) <= order(fence);
        if self.asked.as_ref().is_none_or(later) {
            self.asked = Some(fence.clone());
        }
    }

    /// Drops a plan that nothing refers to.
    pub(super) fn drop_stray(&self, to: Target, effects: &mut Vec<Effect>) {
        let held = self.journal.state.change().map(|change| change.to.digest);
        let staging = match &self.work {
            Work::Staging { change, .. } => Some(change.to.digest),
            Work::Free | Work::Applying | Work::Checking { .. } | Work::Reverting => None,
        };
        let confirmed = Some(self.journal.confirmed.target.digest);
        if ![held, staging, confirmed].contains(&Some(to.digest)) {
            effects.push(Effect::Forget(to));
        }
    }
}

/// Commands for one change, in the order in which they were given.
pub(super) fn order(fence: &Fence) -> (Incarnation, Epoch, Nonce) {
    (fence.incarnation, fence.epoch, fence.nonce)
}

impl Journal {
    /// How a rollout ended here, when it did.
    pub(super) fn ending(&self, rollout: RolloutId) -> Option<Answer> {
        if rollout == self.confirmed.rollout {
            Some(Answer::Confirmed)
        } else if rollout == self.tombstone {
            Some(Answer::RolledBack)
        } else {
            None
        }
    }

    /// Lets a rollout end here: it can never begin again.
    pub(super) fn bury(&mut self, rollout: RolloutId) {
        self.tombstone = self.tombstone.max(rollout);
        self.state = State::Idle;
    }
}

/// The fault of a node that does not hold what the rollout starts from.
pub(super) fn wrong_start(holds: u64, wanted: u64) -> Fault {
    fault(
        format!("cannot start from revision {wanted}"),
        format!("the node's plan is that of revision {holds}"),
        "wait until the node has caught up, then start again",
    )
}

/// The fault of a node that has another change in hand.
pub(super) fn unsettled(rollout: RolloutId) -> Fault {
    fault(
        "cannot begin another change".to_owned(),
        format!("rollout {rollout} is not settled here"),
        "wait until the node has heard that rollout's decision, then start again",
    )
}

/// The fault of a node that is to keep a change it does not have.
pub(super) fn nothing_held(rollout: RolloutId) -> Fault {
    fault(
        format!("cannot keep the change of rollout {rollout}"),
        "the node holds no such change".to_owned(),
        "the node will catch up when the rollout is closed",
    )
}

/// The fault of a node that goes back because nobody spoke to it.
pub(super) fn silence(limit: Span) -> Fault {
    fault(
        "cannot stay on the unconfirmed change".to_owned(),
        format!("no word from the controller for {limit}"),
        "see whether the change cuts the node off from the controller",
    )
}

/// The fault of a node whose change was not decided in time.
pub(super) fn undecided(limit: Span) -> Fault {
    fault(
        "cannot stay on the unconfirmed change".to_owned(),
        format!("it was not confirmed within {limit}"),
        "confirm sooner, or give the rollout more time",
    )
}

/// The fault of a node whose agent let its deadline pass.
pub(super) fn unattended() -> Fault {
    fault(
        "cannot stay on the unconfirmed change".to_owned(),
        "the agent was gone or hung at the deadline, and its watchdog undid the change".to_owned(),
        "see in the log of weft-agent what held it up",
    )
}

/// The fault of a node whose host went down with the change unconfirmed.
pub(super) fn rebooted() -> Fault {
    fault(
        "cannot stay on the unconfirmed change".to_owned(),
        "the host was restarted".to_owned(),
        "",
    )
}

fn fault(attempt: String, cause: String, advice: &str) -> Fault {
    Fault {
        origin: None,
        attempt,
        cause,
        advice: advice.to_owned(),
    }
}
