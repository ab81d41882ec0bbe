//! The plans that the node holds, and a new plan made from one of them and a difference.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use weft_model::plan::digest::Digest;
use weft_model::plan::link::LinkKind;
use weft_model::plan::{Entry, NodePlan, PlanDelta};
use weft_model::report::Fault;
use weft_model::revision::RevisionId;
use weft_proto::convert::fields::Invalid;
use weft_proto::{digest, v1};

use crate::ledger::error::LedgerError;
use crate::ledger::plans::PlanStore;

/// The plans in memory; all of them are on disk.
#[derive(Debug)]
pub(super) struct Shelf {
    store: PlanStore,
    held: BTreeMap<Digest, Arc<NodePlan>>,
}

impl Shelf {
    pub(super) fn new(store: PlanStore) -> Self {
        Self {
            store,
            held: BTreeMap::new(),
        }
    }

    pub(super) fn store(&self) -> &PlanStore {
        &self.store
    }

    /// Takes a plan from disk.
    pub(super) fn load(&mut self, wanted: Digest) -> Result<(), LedgerError> {
        let mut plan = self.store.read(wanted)?;
        share(&mut plan, &NodePlan::default());
        self.held.insert(wanted, Arc::new(plan));
        Ok(())
    }

    /// Takes a plan that was put on disk.
    pub(super) fn hold(&mut self, digest: Digest, plan: Arc<NodePlan>) {
        self.held.insert(digest, plan);
    }

    pub(super) fn get(&self, wanted: Digest) -> Option<Arc<NodePlan>> {
        if wanted == Digest::EMPTY {
            return Some(Arc::default());
        }
        self.held.get(&wanted).cloned()
    }

    /// The same, or the fault of a node that lost a plan.
    pub(super) fn demand(
        &self,
        revision: RevisionId,
        wanted: Digest,
    ) -> Result<Arc<NodePlan>, Vec<Fault>> {
        self.get(wanted).ok_or_else(|| {
            vec![Fault {
                origin: None,
                attempt: format!("cannot make the plan of revision {revision}"),
                cause: format!("the plan {wanted} is not in the node's ledger, or is damaged"),
                advice: "abort the rollout, then start it again".to_owned(),
            }]
        })
    }

    /// Drops every plan but these, from memory and from disk.
    pub(super) fn retain(&mut self, keep: &[Digest]) -> Result<(), LedgerError> {
        self.held.retain(|digest, _| keep.contains(digest));
        self.store.retain(keep)
    }
}

/// Why a plan cannot be made from what was sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum Misfit {
    #[error("no plan was sent")]
    Nothing,
    #[error("the node does not hold the plan {0} that the difference starts from")]
    UnknownStart(Digest),
    #[error("the plan has the digest {found} and not {wanted}")]
    OtherDigest { wanted: Digest, found: Digest },
    #[error("a field cannot be read")]
    Unreadable(#[source] Invalid),
}

/// The digest that the difference starts from; the empty plan's, when the plan is whole.
pub(super) fn start(wire: &v1::PlanDelta) -> Result<Digest, Misfit> {
    if wire.from_digest.is_empty() {
        return Ok(Digest::EMPTY);
    }
    weft_proto::convert::plan::digest(&wire.from_digest).map_err(Misfit::Unreadable)
}

/// Makes the plan that has the digest `wanted` from a difference.
pub(super) fn build(
    wire: &v1::PlanDelta,
    from: Digest,
    base: &NodePlan,
    wanted: Digest,
) -> Result<NodePlan, Misfit> {
    let delta = PlanDelta::try_from(wire).map_err(Misfit::Unreadable)?;
    let found = digest::changed(base, from, &delta);
    if found != wanted {
        return Err(Misfit::OtherDigest { wanted, found });
    }
    let mut plan = base.clone();
    plan.apply(&delta);
    drop(delta);
    share(&mut plan, base);
    Ok(plan)
}

/// Lets equal flood lists be one in memory: a zone with a thousand vnets has a thousand equal ones,
/// each as long as the cluster is large. `known` has none that are not shared.
fn share(plan: &mut NodePlan, known: &NodePlan) {
    let mut lists: BTreeSet<Arc<BTreeSet<IpAddr>>> = known
        .entries()
        .filter_map(|(_, entry)| flood(entry))
        .cloned()
        .collect();
    let apart: Vec<Arc<Entry>> = plan
        .entries()
        .filter(|(_, entry)| {
            flood(entry).is_some_and(|list| match lists.get(list) {
                Some(first) => !Arc::ptr_eq(first, list),
                None => {
                    lists.insert(Arc::clone(list));
                    false
                }
            })
        })
        .map(|(_, entry)| Arc::clone(entry))
        .collect();
    for entry in apart {
        let mut entry = Entry::clone(&entry);
        let list = match &mut entry {
            Entry::Link(link) => match &mut link.kind {
                LinkKind::Vxlan(vxlan) => Some(&mut vxlan.flood),
                _ => None,
            },
            Entry::Segment(segment) => Some(&mut segment.flood),
            Entry::Nat(_) | Entry::Frr(_) => None,
        };
        if let Some(list) = list
            && let Some(first) = lists.get(list)
        {
            *list = Arc::clone(first);
        }
        plan.put(Arc::new(entry));
    }
}

fn flood(entry: &Entry) -> Option<&Arc<BTreeSet<IpAddr>>> {
    match entry {
        Entry::Link(link) => match &link.kind {
            LinkKind::Vxlan(vxlan) => Some(&vxlan.flood),
            LinkKind::Bridge(_)
            | LinkKind::Bundle(_)
            | LinkKind::Vlan(_)
            | LinkKind::Veth { .. }
            | LinkKind::Switched(_)
            | LinkKind::Bond(_)
            | LinkKind::Vrf(_)
            | LinkKind::Dummy
            | LinkKind::Physical => None,
        },
        Entry::Segment(segment) => Some(&segment.flood),
        Entry::Nat(_) | Entry::Frr(_) => None,
    }
}
