//! What etcd holds, and what became true of it: every write is compared whole.

use std::collections::{BTreeMap, BTreeSet};

use weft_core::rollout::event::Outcome;
use weft_core::rollout::record::{Decision, Deed, Phase, Record, Transaction};
use weft_model::message::{Confirmed, Target};
use weft_model::name::NodeName;
use weft_model::plan::digest::Digest;
use weft_model::revision::{Epoch, RevisionId, RolloutId};

/// The store.
pub struct Store {
    pub epoch: Epoch,
    pub head: RevisionId,
    /// The rollout that set the head.
    pub head_by: RolloutId,
    pub active: Option<RolloutId>,
    pub records: BTreeMap<RolloutId, Record>,
    /// The tag of every node's plan, by revision.
    pub plans: BTreeMap<RevisionId, Vec<u64>>,
    /// Rollouts that were durable as Applying once.
    pub applying: BTreeSet<RolloutId>,
    /// What was decided of each; never changes.
    pub decisions: BTreeMap<RolloutId, bool>,
    /// Counts writes that took effect.
    pub writes: u64,
    /// The writer's epoch is not compared.
    pub unfenced: bool,
}

pub fn digest(tag: u64) -> Digest {
    let mut bytes = [1; 32];
    bytes[..8].copy_from_slice(&tag.to_be_bytes());
    Digest::from_bytes(bytes)
}

impl Store {
    pub fn new(nodes: usize) -> Self {
        let first = vec![1; nodes];
        Self {
            epoch: Epoch(0),
            head: RevisionId(1),
            head_by: RolloutId(0),
            active: None,
            records: BTreeMap::new(),
            plans: [(RevisionId(1), first)].into(),
            applying: BTreeSet::new(),
            decisions: BTreeMap::new(),
            writes: 0,
            unfenced: false,
        }
    }

    pub fn target(&self, node: usize, revision: RevisionId) -> Target {
        Target {
            revision,
            digest: digest(self.plans[&revision][node]),
        }
    }

    /// What a node should have when `head`, set by `by`, is the head.
    pub fn wanted(&self, node: usize, head: RevisionId, by: RolloutId) -> Confirmed {
        Confirmed {
            rollout: by,
            target: self.target(node, head),
        }
    }

    /// Creates a rollout, if none is active and `record.from` is the head.
    pub fn create(&mut self, record: Record, tags: Vec<u64>) -> bool {
        let fenced = record.attempt.epoch == self.epoch || self.unfenced;
        if !fenced || self.active.is_some() || self.head != record.from {
            return false;
        }
        self.writes += 1;
        self.active = Some(record.id);
        self.plans.insert(record.to, tags);
        self.records.insert(record.id, record);
        true
    }

    /// Carries out a transaction whole or not at all.
    ///
    /// # Errors
    /// The law that the writer broke.
    pub fn land(&mut self, write: &Transaction) -> Result<Outcome, String> {
        let next = &write.record;
        if next.attempt.epoch != self.epoch && !self.unfenced {
            return Ok(Outcome::Deposed);
        }
        let Some(last) = self.records.get(&next.id) else {
            return Err(format!(
                "rollout {} is written before it is created",
                next.id
            ));
        };
        if last.attempt != write.replaces {
            return Ok(Outcome::Lost);
        }
        if self.active != Some(next.id) {
            return Err(format!(
                "rollout {} is written after it was closed",
                next.id
            ));
        }
        let fixed = |record: &Record| {
            let Record {
                id,
                from,
                to,
                participants,
                deferred,
                policy,
                ..
            } = record.clone();
            (id, from, to, participants, deferred, policy)
        };
        if fixed(last) != fixed(next) {
            return Err(format!("what is fixed of rollout {} changes", next.id));
        }
        let deed = match (&last.phase, &next.phase) {
            (Phase::Preparing | Phase::Applying { .. }, Phase::Applying { .. })
            | (Phase::Preparing | Phase::Applying { .. }, Phase::Aborted(_)) => Deed::Turn,
            (Phase::Applying { paused: false }, Phase::Committed) => Deed::MoveHead,
            (
                Phase::Committed,
                Phase::Closed {
                    decision: Decision::Commit,
                    ..
                },
            )
            | (
                Phase::Aborted(_),
                Phase::Closed {
                    decision: Decision::Abort(_),
                    ..
                },
            ) => Deed::Release,
            (last, next) => return Err(format!("from {last:?} to {next:?}")),
        };
        if deed != write.deed {
            return Err(format!("{:?} with {:?}", write.deed, next.phase));
        }
        match deed {
            Deed::Turn => {}
            Deed::MoveHead if self.head != next.from => return Ok(Outcome::Lost),
            Deed::MoveHead => {
                self.head = next.to;
                self.head_by = next.id;
            }
            Deed::Release => self.active = None,
        }
        if matches!(next.phase, Phase::Applying { .. }) {
            self.applying.insert(next.id);
        }
        if let Some(decision) = next.phase.decision() {
            let commit = decision == Decision::Commit;
            if *self.decisions.entry(next.id).or_insert(commit) != commit {
                return Err(format!("rollout {} has both decisions", next.id));
            }
        }
        self.writes += 1;
        self.records.insert(next.id, next.clone());
        Ok(Outcome::Won)
    }
}

pub fn name(node: usize) -> NodeName {
    format!("n{node:02}").parse().unwrap()
}

pub fn place(name: &NodeName) -> usize {
    name.as_str()[1..].parse().unwrap()
}
