//! One host: its disk, its kernel, its clock, and the agent that may run on it.

use std::collections::BTreeSet;

use weft_model::clock::Moment;
use weft_model::message::{Pin, Target};
use weft_model::plan::digest::Digest;
use weft_model::revision::{Incarnation, RolloutId};
use weft_node::session::journal::{BootId, Journal, State};
use weft_node::session::machine::Session;

/// What the kernel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Nothing of ours, after a boot.
    Empty,
    /// Parts of two plans.
    Mixed,
    /// A plan, whole.
    Plan(Digest),
}

/// What the agent's shell is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    Stage(RolloutId, Target),
    Apply(RolloutId, Target),
    Revert(Target),
}

pub struct Node {
    /// None while the agent is down.
    pub session: Option<Session>,
    pub disk: Journal,
    pub shelf: BTreeSet<Digest>,
    pub kernel: Kernel,
    pub job: Option<Job>,
    /// Tells a job, and a timer, from the one before.
    pub jobs: u64,
    pub timers: u64,
    pub boots: u64,
    pub booted: u64,
    /// How fast its clock runs, in thousandths.
    pub rate: u64,
    /// Its stream.
    pub stream: Option<usize>,
    pub cut_off_until: u64,
    /// The rollouts that it was prepared for, durably.
    pub prepared: BTreeSet<RolloutId>,
    /// How many effects its agents carried out.
    pub hits: u64,
}

impl Node {
    pub fn new(rate: u64, pin: Pin, target: Target) -> Self {
        let mut disk = Journal {
            pin: Some(pin),
            boot: BootId("0".to_owned()),
            ..Journal::default()
        };
        disk.confirmed.target = target;
        Self {
            session: None,
            disk,
            shelf: [target.digest].into(),
            kernel: Kernel::Empty,
            job: None,
            jobs: 0,
            timers: 0,
            boots: 0,
            booted: 0,
            rate,
            stream: None,
            cut_off_until: 0,
            prepared: BTreeSet::new(),
            hits: 0,
        }
    }

    /// The host's clock, which counts from its boot.
    pub fn clock(&self, now: u64) -> Moment {
        Moment((now - self.booted) * self.rate / 1_000)
    }

    /// When the host's clock shows `moment`.
    pub fn when(&self, moment: Moment) -> u64 {
        self.booted + moment.0.saturating_mul(1_000).div_ceil(self.rate)
    }

    pub fn boot(&self) -> BootId {
        BootId(self.boots.to_string())
    }

    /// What must be so of every node at all times.
    ///
    /// # Errors
    /// The law that is broken.
    pub fn check(&self, committed: impl Fn(RolloutId) -> bool) -> Result<(), String> {
        let disk = &self.disk;
        let by = disk.confirmed.rollout;
        if by != RolloutId(0) && !committed(by) {
            return Err(format!(
                "keeps the change of rollout {by}, which is not committed"
            ));
        }
        let armed = match &disk.state {
            State::Idle | State::Prepared { .. } | State::Reverted { .. } => None,
            State::Armed { change, .. }
            | State::Verified { change, .. }
            | State::Reverting { change, .. }
            | State::Stuck { change, .. } => Some(change.to.digest),
        };
        match self.kernel {
            Kernel::Mixed if armed.is_none() => {
                return Err(format!("a mixed kernel with {:?} on disk", disk.state));
            }
            Kernel::Plan(plan) if plan != disk.confirmed.target.digest && armed != Some(plan) => {
                return Err(format!(
                    "an unconfirmed plan runs with {:?} on disk",
                    disk.state
                ));
            }
            Kernel::Empty | Kernel::Mixed | Kernel::Plan(_) => {}
        }
        let named = disk.state.change().map(|change| change.to.digest);
        let missing = [Some(disk.confirmed.target.digest), named]
            .into_iter()
            .flatten();
        match missing.into_iter().find(|plan| !self.shelf.contains(plan)) {
            Some(plan) => Err(format!("plan {plan:?} is named and not on disk")),
            None => Ok(()),
        }
    }
}

pub fn pin() -> Pin {
    Pin {
        cluster: weft_model::revision::ClusterId::from_bytes([7; 16]),
        incarnation: Incarnation(0),
    }
}
