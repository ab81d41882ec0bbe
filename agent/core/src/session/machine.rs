//! The state of the session, and the one function that moves it.

use weft_model::clock::Moment;
use weft_model::message::{Fence, Hello, Target};
use weft_model::report::Fault;

use super::effect::Effect;
use super::event::Event;
use super::journal::{BootId, Change, Fate, Journal, State};

/// The agent's half of the rollout.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    pub(super) journal: Journal,
    pub(super) work: Work,
    /// The command whose outcome is still to be told.
    pub(super) asked: Option<Fence>,
}

/// What the shell is doing for the session. A crash ends it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Work {
    /// Nothing.
    Free,
    /// Staging a change, for the command with this fence.
    Staging {
        fence: Fence,
        change: Change,
        then: Then,
    },
    /// Applying.
    Applying,
    /// Seeing whether the node passes its gates, for the command with this fence.
    Checking { fence: Fence },
    /// Reverting.
    Reverting,
}

/// What follows a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Then {
    /// Wait for the apply.
    Wait,
    /// Apply at once: the cluster has decided already, and this node comes late.
    Apply,
}

impl Session {
    /// Takes up what the journal says, after the start of the agent or of the host.
    ///
    /// The shell must have the kernel's state complete before it carries out the effects, and
    /// must not repair drift but towards [`upkeep`](Self::upkeep).
    pub fn start(journal: Journal, boot: BootId, now: Moment) -> (Self, Vec<Effect>) {
        let before = journal.clone();
        let rebooted = journal.boot != boot;
        let mut session = Self {
            journal,
            work: Work::Free,
            asked: None,
        };
        session.journal.boot = boot;
        let mut effects = Vec::new();
        session.resume(rebooted, now, &mut effects);
        session.settle_disk(&before, &mut effects);
        (session, effects)
    }

    /// Moves the session by one event. Pure: no IO, no clock, no randomness.
    pub fn step(&mut self, event: Event, now: Moment) -> Vec<Effect> {
        let before = self.journal.clone();
        let mut effects = Vec::new();
        match event {
            Event::Command(fence, command) => self.command(&fence, command, now, &mut effects),
            Event::Staged {
                rollout,
                to,
                result,
            } => self.staged(rollout, to, result, now, &mut effects),
            Event::Applied { rollout, result } => self.applied(rollout, result, &mut effects),
            Event::Checked { rollout, result } => self.checked(rollout, result, &mut effects),
            Event::Reverted { result } => self.reverted(result, now, &mut effects),
            Event::Timer => self.timer(now, &mut effects),
            Event::Forsaken => self.forsaken(now, &mut effects),
            Event::Retry => self.retry(&mut effects),
        }
        self.settle_disk(&before, &mut effects);
        effects
    }

    /// What to say first on every stream.
    pub fn hello(&self) -> Hello {
        Hello {
            pin: self.journal.pin.clone(),
            epoch: self.journal.epoch,
            confirmed: self.journal.confirmed,
            standing: self.journal.state.standing(),
        }
    }

    /// What is on disk.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The plan that drift is repaired towards; none while the node is between two plans, or is
    /// stuck and better left alone.
    pub fn upkeep(&self) -> Option<Target> {
        match &self.journal.state {
            State::Idle | State::Prepared { .. } | State::Reverted { .. } => {
                Some(self.journal.confirmed.target)
            }
            State::Verified { change, .. } => Some(change.to),
            State::Armed { .. } | State::Reverting { .. } | State::Stuck { .. } => None,
        }
    }

    /// Whether an apply is running.
    pub fn is_applying(&self) -> bool {
        self.work == Work::Applying
    }

    /// Begins to go back to the confirmed plan.
    pub(super) fn go_back(
        &mut self,
        change: Change,
        fate: Fate,
        faults: Vec<Fault>,
        effects: &mut Vec<Effect>,
    ) {
        self.work = Work::Reverting;
        effects.push(Effect::Sleep);
        effects.push(Effect::Revert {
            to: self.journal.confirmed.target,
        });
        self.journal.state = State::Reverting {
            change,
            fate,
            faults,
            attempts: 0,
        };
    }

    /// Everything in `effects` speaks of the new state, so the new state is on disk first.
    fn settle_disk(&self, before: &Journal, effects: &mut Vec<Effect>) {
        if self.journal != *before {
            effects.insert(0, Effect::Persist(Box::new(self.journal.clone())));
        }
    }
}
