//! What must be so whenever something is written, touched or changed.

use weft_core::rollout::record::{Decision, Phase, Record, Transaction};
use weft_model::revision::RolloutId;

use super::cluster::Cluster;
use super::node::Kernel;
use super::store::place;

impl Cluster {
    /// A leader that leads decides for the change only while every participant runs it; a host
    /// that went down since is beyond what anybody can know.
    pub fn check_write_asked(&mut self, controller: usize, record: &Record) {
        if record.phase != Phase::Committed
            || self.controllers[controller].epoch != self.store.epoch
        {
            return;
        }
        let began = self.began[&record.id];
        let lacks = record.participants.keys().find(|name| {
            let node = &self.nodes[place(name)];
            let to = self.store.target(place(name), record.to).digest;
            let runs = node.kernel == Kernel::Plan(to);
            !runs && node.booted < began
        });
        if let Some(node) = lacks {
            self.break_law(format!(
                "a commit is written while node {node} does not run it"
            ));
        }
    }

    pub fn check_write(&mut self, write: &Transaction) {
        let record = &write.record;
        let leads = record.attempt.epoch == self.store.epoch;
        if !leads || !matches!(record.phase, Phase::Applying { .. }) {
            return;
        }
        let unprepared = record
            .participants
            .keys()
            .find(|name| !self.nodes[place(name)].prepared.contains(&record.id));
        if let Some(node) = unprepared {
            self.break_law(format!(
                "nodes may apply while node {node} has not prepared"
            ));
        }
    }

    /// What must be so when a record has become durable.
    pub fn check_landed(&mut self, record: &Record) {
        if record.attempt.epoch != self.store.epoch {
            return self.break_law("a deposed leader has written".to_owned());
        }
        let Phase::Closed {
            decision,
            unsettled,
        } = &record.phase
        else {
            return;
        };
        let commit = *decision == Decision::Commit;
        let open = record.participants.keys().find(|name| {
            let disk = &self.nodes[place(name)].disk;
            let held = disk
                .state
                .change()
                .is_some_and(|change| change.rollout == record.id);
            let kept = disk.confirmed.rollout == record.id;
            !unsettled.contains(*name) && (held || kept != commit)
        });
        if let Some(node) = open {
            self.break_law(format!(
                "rollout {} is closed and node {node} not final",
                record.id
            ));
        }
    }

    /// A node begins to change.
    pub fn check_touch(&mut self, node: usize, rollout: RolloutId, known: bool) {
        let committed = self.store.decisions.get(&rollout) == Some(&true);
        if !known {
            self.break_law(format!("node {node} applies a plan that is not on disk"));
        }
        if !committed && !self.store.applying.contains(&rollout) {
            self.break_law(format!(
                "node {node} changes for rollout {rollout} before applying"
            ));
        }
    }

    pub fn check_node(&mut self, node: usize) {
        let decisions = &self.store.decisions;
        let committed = |rollout| decisions.get(&rollout) == Some(&true);
        if let Err(law) = self.nodes[node].check(committed) {
            self.break_law(format!("node {node} {law}"));
        }
    }
}
