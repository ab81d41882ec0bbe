//! A published revision as nodes see it: what each must be, by digest.
//!
//! # Guarantees
//! Plans are compiled when they are asked for and not kept: a plan of ten thousand vnets times ten
//! thousand nodes would be all the memory there is. Digests are kept, and carried from revision to
//! revision at the cost of what changed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weft_core::compile;
use weft_core::intent::Intent;
use weft_model::message::Target;
use weft_model::name::NodeName;
use weft_model::plan::digest::Digest;
use weft_model::plan::{NodePlan, PlanDelta};
use weft_model::revision::{RevisionId, RolloutId};
use weft_proto::digest;

/// A published revision.
#[derive(Debug)]
pub struct Head {
    /// Its number.
    pub revision: RevisionId,
    /// The rollout that brings or brought it.
    pub rollout: RolloutId,
    /// What users want in it.
    pub intent: Arc<Intent>,
    digests: Mutex<BTreeMap<NodeName, Digest>>,
}

/// What a node's plan becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanChange {
    /// The part of the plan before that the change may touch.
    pub before: NodePlan,
    /// What is different.
    pub delta: PlanDelta,
    /// The digest before.
    pub from: Digest,
    /// The digest after.
    pub to: Digest,
}

/// The revision after the head, with what is different on which node.
#[derive(Debug)]
pub struct Next {
    /// The revision.
    pub head: Arc<Head>,
    /// The nodes whose plans change.
    pub changes: BTreeMap<NodeName, PlanChange>,
}

impl Head {
    /// What every cluster starts from.
    pub fn empty() -> Self {
        Self::of(
            RevisionId::EMPTY,
            RolloutId::default(),
            Arc::new(Intent::empty()),
        )
    }

    /// A revision of which nothing is known yet but what users want in it.
    pub fn of(revision: RevisionId, rollout: RolloutId, intent: Arc<Intent>) -> Self {
        Self {
            revision,
            rollout,
            intent,
            digests: Mutex::default(),
        }
    }

    /// All that a node must be at this revision.
    pub fn plan(&self, node: &NodeName) -> NodePlan {
        compile::node(&self.intent, node)
    }

    /// The digest of a node's plan.
    pub fn digest(&self, node: &NodeName) -> Digest {
        if let Some(digest) = self.lock().get(node) {
            return *digest;
        }
        let digest = digest::plan(&self.plan(node));
        self.lock().insert(node.clone(), digest);
        digest
    }

    /// What a node must hold as confirmed once this is the confirmed revision.
    pub fn target(&self, node: &NodeName) -> Target {
        Target {
            revision: self.revision,
            digest: self.digest(node),
        }
    }

    /// What turns every node's plan into the one of another intent.
    pub fn changes(&self, next: &Intent) -> BTreeMap<NodeName, PlanChange> {
        let affected = compile::affected(&self.intent, next);
        compile::update(&self.intent, next)
            .into_iter()
            .map(|(node, delta)| {
                // Only what the changed objects ask of the node: the rest of its plan stays.
                let vnets = affected.vnets.get(&node).into_iter().flatten();
                let zones = affected.zones.get(&node).into_iter().flatten();
                let hosts = affected.hosts.get(&node).into_iter().flatten();
                let hosts = hosts.flat_map(|it| compile::host_network(&self.intent, &node, it));
                let routing = affected.routing.contains(&node);
                let routing = routing.then(|| compile::routing(&self.intent, &node));
                let routing = routing.into_iter().flatten();
                let before: NodePlan = zones
                    .flat_map(|zone| compile::zone(&self.intent, &node, zone))
                    .chain(routing)
                    .chain(vnets.flat_map(|vnet| compile::vnet(&self.intent, &node, vnet)))
                    .chain(hosts)
                    .collect();
                let from = self.digest(&node);
                let to = digest::changed(&before, from, &delta);
                let change = PlanChange {
                    before,
                    delta,
                    from,
                    to,
                };
                (node, change)
            })
            .collect()
    }

    /// The revision after this one, of which [`Head::changes`] says what changes.
    pub fn next(
        &self,
        revision: RevisionId,
        rollout: RolloutId,
        intent: Arc<Intent>,
        changes: BTreeMap<NodeName, PlanChange>,
    ) -> Next {
        let mut digests = self.lock().clone();
        for (node, change) in &changes {
            digests.insert(node.clone(), change.to);
        }
        let head = Head {
            revision,
            rollout,
            intent,
            digests: Mutex::new(digests),
        };
        Next {
            head: Arc::new(head),
            changes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeName, Digest>> {
        // No code that could stop half-way runs under the lock.
        self.digests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
