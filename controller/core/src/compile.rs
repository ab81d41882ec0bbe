//! What every node must be: a pure function of the intent, which cannot fail.
//!
//! # Guarantees
//! A plan depends on nothing but the intent, and what a vnet contributes to it depends on nothing
//! but that vnet, its subnets and its zone. So the plan of one vnet on one node is the unit of
//! work, and [`update`] visits only what changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use weft_model::name::{NodeName, VnetName};
use weft_model::plan::{Entry, NodePlan, Origin};

use crate::intent::{Intent, Vnet, Zone};

mod change;
mod simple;
mod vxlan;

pub use change::{Affected, affected, update};

/// All that a node must be.
pub fn node(intent: &Intent, node: &NodeName) -> NodePlan {
    intent
        .zones_of(node)
        .iter()
        .flat_map(|zone| zone.vnets.iter().flat_map(|vnet| entries(zone, vnet, node)))
        .collect()
}

/// What one vnet asks of a node; nothing where the node does not carry it.
pub fn vnet(intent: &Intent, node: &NodeName, name: &VnetName) -> Vec<Entry> {
    intent
        .vnet(name)
        .and_then(|vnet| Some((intent.zone_of(vnet)?, vnet)))
        .filter(|(zone, _)| zone.nodes.contains(node))
        .map_or_else(Vec::new, |(zone, vnet)| entries(zone, vnet, node))
}

/// The plans of all nodes that have told their facts; an empty one where a node carries no zone.
pub fn all(intent: &Intent) -> BTreeMap<NodeName, NodePlan> {
    let facts = intent.snapshot().facts();
    intent
        .snapshot()
        .nodes()
        .iter()
        .filter(|(name, _)| facts.contains(*name))
        .map(|(name, _)| (name.clone(), node(intent, name)))
        .collect()
}

fn entries(zone: &Zone, vnet: &Vnet, node: &NodeName) -> Vec<Entry> {
    match &zone.underlay {
        None => simple::entries(zone, vnet),
        Some(underlay) => vxlan::entries(zone, underlay, vnet, node),
    }
}

fn origin(zone: &Zone, vnet: &Vnet) -> Origin {
    Origin {
        zone: zone.name().clone(),
        vnet: vnet.name().clone(),
    }
}

/// The entries of a vnet on one node, shared with the other nodes where they are the same on all.
type Shared = Vec<Arc<Entry>>;

#[cfg(test)]
mod tests;
