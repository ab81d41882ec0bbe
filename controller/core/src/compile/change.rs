//! What a change of the intent changes on which node.
//!
//! # Guarantees
//! Only objects that are not the same in memory are visited, and the nodes and vnets that they may
//! make a difference to; what is named and turns out equal is in no delta.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weft_model::name::{NodeName, VnetName, ZoneName};
use weft_model::plan::{NodePlan, PlanDelta};

use super::{Shared, entries};
use crate::intent::{Intent, Zone};

/// Where plans may differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// The vnets, by node.
    pub vnets: BTreeMap<NodeName, BTreeSet<VnetName>>,
    /// How many objects and facts had to be looked at to find out.
    pub visited: usize,
}

/// Where the plans of two intents may differ: no other vnet differs on any node.
pub fn affected(old: &Intent, new: &Intent) -> Affected {
    let mut affected = Affected::default();
    let (before, after) = (old.snapshot(), new.snapshot());

    let mut zones: BTreeSet<&ZoneName> = BTreeSet::new();
    let changed = before.zones().differences(after.zones());
    affected.visited += changed.visited;
    zones.extend(changed.found.iter().map(|it| it.key));

    let nodes = before.nodes().differences(after.nodes());
    let facts = before.facts().differences(after.facts());
    affected.visited += nodes.visited + facts.visited;
    let nodes = nodes.found.iter().map(|it| it.key);
    for node in nodes.chain(facts.found.iter().map(|it| it.key)) {
        let carried = old.zones_of(node).iter().chain(new.zones_of(node));
        zones.extend(carried.map(|zone| zone.name()));
    }

    let mut vnets: BTreeSet<&VnetName> = BTreeSet::new();
    let changed = before.vnets().differences(after.vnets());
    affected.visited += changed.visited;
    vnets.extend(changed.found.iter().map(|it| it.key));
    let changed = before.subnets().differences(after.subnets());
    affected.visited += changed.visited;
    for subnet in &changed.found {
        vnets.extend(subnet.old.map(|it| &it.spec.vnet));
        vnets.extend(subnet.new.map(|it| &it.spec.vnet));
    }

    // A subnet may change what a zone may do, never what it is: a zone that is in no list above
    // is resolved as before.
    for name in zones {
        affected.visit_zone(old.zone(name), new.zone(name));
    }
    for name in vnets {
        for intent in [old, new] {
            let zone = intent.vnet(name).and_then(|vnet| intent.zone_of(vnet));
            for node in zone.into_iter().flat_map(|zone| &*zone.nodes) {
                affected.add(node, name);
            }
        }
    }
    affected
}

/// What turns the plans of one intent into those of another, for the nodes that differ.
pub fn update(old: &Intent, new: &Intent) -> BTreeMap<NodeName, PlanDelta> {
    let affected = affected(old, new);
    let (mut before, mut after) = (Compiled::of(old), Compiled::of(new));
    let mut deltas = BTreeMap::new();
    for (node, vnets) in affected.vnets {
        let old = before.entries(&node, &vnets);
        let new = after.entries(&node, &vnets);
        let delta = old.delta(&new);
        if !delta.is_empty() {
            deltas.insert(node, delta);
        }
    }
    deltas
}

impl Affected {
    fn add(&mut self, node: &NodeName, vnet: &VnetName) {
        match self.vnets.get_mut(node) {
            Some(vnets) => {
                vnets.insert(vnet.clone());
            }
            None => {
                self.vnets
                    .insert(node.clone(), BTreeSet::from([vnet.clone()]));
            }
        }
    }

    fn visit_zone(&mut self, old: Option<&Arc<Zone>>, new: Option<&Arc<Zone>>) {
        let alike = match (old, new) {
            (Some(old), Some(new)) => alike(old, new),
            (None, _) | (_, None) => false,
        };
        for (zone, other) in [(old, new), (new, old)] {
            let Some(zone) = zone else { continue };
            for node in &*zone.nodes {
                let stays = alike && other.is_some_and(|other| other.nodes.contains(node));
                if !stays {
                    zone.vnets
                        .iter()
                        .for_each(|vnet| self.add(node, vnet.name()));
                }
            }
        }
    }
}

/// Whether a node that carries both zones builds the same in both.
fn alike(old: &Zone, new: &Zone) -> bool {
    let same_drift = old.declared.spec.drift == new.declared.spec.drift;
    same_drift && old.mtu == new.mtu && old.underlay == new.underlay
}

/// The entries of one intent, made when asked for.
struct Compiled<'a> {
    intent: &'a Intent,
    /// Entries that are the same on all nodes of their zone.
    shared: BTreeMap<VnetName, Shared>,
}

impl<'a> Compiled<'a> {
    fn of(intent: &'a Intent) -> Self {
        Self {
            intent,
            shared: BTreeMap::new(),
        }
    }

    fn entries(&mut self, node: &NodeName, vnets: &BTreeSet<VnetName>) -> NodePlan {
        let mut plan = NodePlan::default();
        for name in vnets {
            self.vnet(node, name)
                .into_iter()
                .for_each(|entry| plan.put(entry));
        }
        plan
    }

    fn vnet(&mut self, node: &NodeName, name: &VnetName) -> Shared {
        let found = self.intent.vnet(name);
        let Some((zone, vnet)) = found.and_then(|vnet| Some((self.intent.zone_of(vnet)?, vnet)))
        else {
            return Shared::new();
        };
        if !zone.nodes.contains(node) {
            return Shared::new();
        }
        let make = || {
            entries(zone, vnet, node)
                .into_iter()
                .map(Arc::new)
                .collect()
        };
        if zone.underlay.is_some() {
            return make();
        }
        match self.shared.get(name) {
            Some(shared) => shared.clone(),
            None => {
                let shared: Shared = make();
                self.shared.insert(name.clone(), shared.clone());
                shared
            }
        }
    }
}
