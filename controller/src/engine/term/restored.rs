//! A store that went back in time: how it shows, and what stands still until that is settled.
//!
//! # Guarantees
//! In quarantine no node is told anything and no rollout moves. What one node says alone makes only
//! that node be left alone: a node that lies must not be able to stop the cluster.

use tracing::{error, info};
use weft_core::rollout::welcome::contradiction;
use weft_model::message::Hello;
use weft_model::name::NodeName;
use weft_model::report::Fault;
use weft_model::revision::RolloutId;

use super::Term;
use crate::engine::clock::wall_clock;
use crate::engine::refusal::Refusal;
use crate::log::Chain;
use crate::store::error::StoreError;
use crate::store::quarantine::Quarantine;

/// How many nodes must say so, where there are so many.
const WITNESSES: usize = 2;

impl Term {
    /// Why nothing may be changed, where nothing may.
    pub(super) fn quarantined(&self) -> Option<Refusal> {
        let quarantine = self.parts.quarantine.as_ref()?;
        Some(Refusal::Quarantined(quarantine.why.clone()))
    }

    /// A rollout of this number is in the store.
    pub(super) fn note_newest(&mut self, rollout: RolloutId) {
        self.newest = self.newest.max(rollout);
    }

    /// Whether a node that came is to be left alone: in quarantine every node is, and one that
    /// knows more than the store does.
    pub(super) fn leaves_alone(&mut self, node: &NodeName, hello: &Hello) -> bool {
        if self.parts.quarantine.is_some() {
            return true;
        }
        let Some(why) = contradiction(&self.leader, self.newest, hello) else {
            return false;
        };
        error!(node = %node, reason = why, "node knows more than the store does");
        let fault = Fault {
            origin: None,
            attempt: format!("cannot take node {node} in"),
            cause: why.clone(),
            advice: "see whether the store was restored from a backup; if only this node says so, \
                     wipe its state directory"
                .to_owned(),
        };
        let blame = vec![fault];
        self.parts
            .board
            .write(|state| state.roster.blame(node, blame));
        self.witnesses.insert(node.clone(), why);
        let known = self.parts.mirror.now().snapshot().nodes().len();
        if self.witnesses.len() >= WITNESSES.min(known.max(1)) {
            let words: Vec<String> = self
                .witnesses
                .iter()
                .take(WITNESSES)
                .map(|(node, why)| format!("node {node}: {why}"))
                .collect();
            self.secretary.quarantine(Quarantine {
                why: words.join("; "),
                since: wall_clock(),
            });
        }
        true
    }

    /// The store has taken in that it went back in time, or not.
    pub(super) fn put_in_quarantine(&mut self, stored: Result<(), StoreError>) {
        match stored {
            Ok(()) => {
                error!("the store was restored from a backup: everything stands still");
                self.reopens = true;
            }
            // The next node says so again; and a leader that was deposed was itself behind.
            Err(error) => info!(error = %Chain(&error), "not in quarantine"),
        }
    }
}
