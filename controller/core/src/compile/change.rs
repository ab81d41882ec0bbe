//! What a change of the intent changes on which node.
//!
//! # Guarantees
//! Only objects that are not the same in memory are visited, and the nodes and vnets that they may
//! make a difference to; what is named and turns out equal is in no delta.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weft_model::name::{HostNetworkName, NodeName, VnetName, ZoneName};
use weft_model::object::zone::ZoneKind;
use weft_model::plan::{NodePlan, PlanDelta};

use super::{Shared, entries, host, zone_entries};
use crate::intent::{HostNetwork, Intent, Zone};

/// Where plans may differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// The vnets, by node.
    pub vnets: BTreeMap<NodeName, BTreeSet<VnetName>>,
    /// The zones whose own part may differ, by node.
    pub zones: BTreeMap<NodeName, BTreeSet<ZoneName>>,
    /// The host networks, by node.
    pub hosts: BTreeMap<NodeName, BTreeSet<HostNetworkName>>,
    /// The nodes whose routing may differ.
    pub routing: BTreeSet<NodeName>,
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

    let mut hosts: BTreeSet<&HostNetworkName> = BTreeSet::new();
    let changed = before.host_networks().differences(after.host_networks());
    affected.visited += changed.visited;
    for host in changed.found.iter().map(|it| it.key) {
        hosts.insert(host);
        // A zone may use a bridge that the host network declares, or end tunnels at its addresses;
        // another host network may have a VLAN of it, and routing its addresses and MTU.
        for intent in [old, new] {
            let nodes = intent.host_network(host).map(|host| host.nodes());
            for node in nodes.into_iter().flatten() {
                affected.visit_routing(old, new, node);
                zones.extend(intent.zones_of(node).iter().map(|zone| zone.name()));
                let others = intent.host_networks_of(node).iter();
                hosts.extend(others.map(|host| host.name()));
            }
        }
    }

    let nodes = before.nodes().differences(after.nodes());
    let facts = before.facts().differences(after.facts());
    affected.visited += nodes.visited + facts.visited;
    let nodes = nodes.found.iter().map(|it| it.key);
    for node in nodes.chain(facts.found.iter().map(|it| it.key)) {
        let carried = old.zones_of(node).iter().chain(new.zones_of(node));
        zones.extend(carried.map(|zone| zone.name()));
        let had = old.host_networks_of(node).iter();
        let has = new.host_networks_of(node).iter();
        hosts.extend(had.chain(has).map(|host| host.name()));
        affected.visit_routing(old, new, node);
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

    // What a fabric's nodes build on may differ as after a change of a host network.
    let fabrics = before.fabrics().differences(after.fabrics());
    affected.visited += fabrics.visited;
    for fabric in &fabrics.found {
        let nodes = [fabric.old, fabric.new].into_iter().flatten();
        for node in nodes.flat_map(|it| it.spec.nodes.keys()) {
            affected.visit_routing(old, new, node);
            let carried = old.zones_of(node).iter().chain(new.zones_of(node));
            zones.extend(carried.map(|zone| zone.name()));
        }
    }

    // What a map lets through may differ on any node that has it, and lines on any node.
    let lists = before.prefix_lists().differences(after.prefix_lists());
    let maps = before.route_maps().differences(after.route_maps());
    let snippets = before.snippets().differences(after.snippets());
    affected.visited += lists.visited + maps.visited + snippets.visited;
    if !(lists.found.is_empty() && maps.found.is_empty() && snippets.found.is_empty()) {
        for node in old.routed_nodes().chain(new.routed_nodes()) {
            affected.visit_routing(old, new, node);
        }
    }

    // A controller may change where tunnels end and who is spoken to, on any node that runs it.
    let controllers = before.controllers().differences(after.controllers());
    affected.visited += controllers.visited;
    if !controllers.found.is_empty() {
        for node in old.routed_nodes().chain(new.routed_nodes()) {
            affected.visit_routing(old, new, node);
        }
        let is_evpn = |zone: &&Arc<Zone>| matches!(zone.declared.spec.kind, ZoneKind::Evpn(_));
        let evpn = old.zones().chain(new.zones()).filter(is_evpn);
        zones.extend(evpn.map(|zone| zone.name()));
    }

    // A subnet may change what a zone may do, never what it is: a zone that is in no list above
    // is resolved as before.
    for name in hosts {
        affected.visit_host(old.host_network(name), new.host_network(name));
    }
    let mut leads_out = !zones.is_empty() || !vnets.is_empty();
    for name in zones {
        affected.visit_zone(old.zone(name), new.zone(name));
    }
    leads_out &= old
        .zones()
        .chain(new.zones())
        .any(|zone| zone.exits().is_some());
    if leads_out {
        affected.visit_exits(old, new);
    }
    for name in vnets {
        for intent in [old, new] {
            let Some(zone) = intent.vnet(name).and_then(|vnet| intent.zone_of(vnet)) else {
                continue;
            };
            for node in &*zone.nodes {
                affected.add(node, name);
                if zone.own_part_follows_vnets() {
                    affected.add_zone(node, zone.name());
                }
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
    let nodes: BTreeSet<&NodeName> = affected
        .vnets
        .keys()
        .chain(affected.zones.keys())
        .chain(affected.hosts.keys())
        .chain(&affected.routing)
        .collect();
    for node in nodes {
        let (no_vnets, no_zones, no_hosts) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let vnets = affected.vnets.get(node).unwrap_or(&no_vnets);
        let zones = affected.zones.get(node).unwrap_or(&no_zones);
        let hosts = affected.hosts.get(node).unwrap_or(&no_hosts);
        let routing = affected.routing.contains(node);
        let old = before.entries(node, vnets, zones, hosts, routing);
        let new = after.entries(node, vnets, zones, hosts, routing);
        let delta = old.delta(&new);
        if !delta.is_empty() {
            deltas.insert(node.clone(), delta);
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

    fn add_zone(&mut self, node: &NodeName, zone: &ZoneName) {
        let zones = self.zones.entry(node.clone()).or_default();
        zones.insert(zone.clone());
    }

    fn visit_host(&mut self, old: Option<&Arc<HostNetwork>>, new: Option<&Arc<HostNetwork>>) {
        for (host, other) in [(old, new), (new, old)] {
            let Some(host) = host else { continue };
            for node in &*host.nodes {
                let stays = other.is_some_and(|other| {
                    other.nodes.contains(node)
                        && other.declared == host.declared
                        && other.filtering.get(node) == host.filtering.get(node)
                });
                if !stays {
                    let hosts = self.hosts.entry(node.clone()).or_default();
                    hosts.insert(host.name().clone());
                }
            }
        }
    }

    /// What a node's routing is changes what its evpn zones are.
    fn visit_routing(&mut self, old: &Intent, new: &Intent, node: &NodeName) {
        let (before, after) = (old.routing(node), new.routing(node));
        let are_lines_alike = old.snippets_of(node) == new.snippets_of(node);
        if (before == after && are_lines_alike) || !self.routing.insert(node.clone()) {
            return;
        }
        if let (Some(before), Some(after)) = (before, after)
            && before.is_alike_for_zones(after)
        {
            return;
        }
        for zone in old.zones_of(node).iter().chain(new.zones_of(node)) {
            if matches!(zone.declared.spec.kind, ZoneKind::Evpn(_)) {
                self.add_zone(node, zone.name());
                let vnets = zone.vnets.iter();
                vnets.for_each(|vnet| self.add(node, vnet.name()));
            }
        }
    }

    /// Every network of a zone is a network that other zones' exits must not lead to; and which zones
    /// a node leads out of is part of its routing.
    fn visit_exits(&mut self, old: &Intent, new: &Intent) {
        for zone in old.zones().chain(new.zones()) {
            for node in zone.exits().into_iter().flat_map(|exits| &exits.nodes) {
                if zone.nodes.contains(node) {
                    self.add_zone(node, zone.name());
                    self.routing.insert(node.clone());
                }
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
                let stays = alike
                    && other.is_some_and(|other| {
                        other.nodes.contains(node)
                            && other.trunks.get(node) == zone.trunks.get(node)
                    });
                if !stays {
                    if zone.has_own_part() {
                        self.add_zone(node, zone.name());
                    }
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
    let (before, after) = (&old.declared.spec, &new.declared.spec);
    let same_kind = match (&before.kind, &after.kind) {
        // What a plan needs of these is in the underlay.
        (ZoneKind::Vxlan(before), ZoneKind::Vxlan(after)) => before.layout == after.layout,
        (before, after) => before == after,
    };
    // Where the user sets an MTU, the vnets with VLANs of their own have it too.
    let same_mtu = old.mtu == new.mtu && before.mtu.is_some() == after.mtu.is_some();
    same_kind && before.drift == after.drift && same_mtu && old.underlay == new.underlay
}

impl Zone {
    /// Whether nodes have something for the zone beside what they have for its vnets.
    fn has_own_part(&self) -> bool {
        self.own_part_follows_vnets() || self.declared.spec.kind.is_bundle()
    }

    /// Whether that depends on which vnets there are.
    fn own_part_follows_vnets(&self) -> bool {
        matches!(
            self.declared.spec.kind,
            ZoneKind::Qinq(_) | ZoneKind::Evpn(_)
        )
    }

    /// Whether a vnet's entries are the same on all nodes.
    fn is_alike_on_all_nodes(&self) -> bool {
        self.underlay.is_none() && self.trunks.is_empty()
    }
}

/// The entries of one intent, made when asked for.
struct Compiled<'a> {
    intent: &'a Intent,
    /// Entries that are the same on all nodes of their zone.
    shared: BTreeMap<VnetName, Shared>,
    /// The same of host networks.
    hosts: BTreeMap<HostNetworkName, Shared>,
}

impl<'a> Compiled<'a> {
    fn of(intent: &'a Intent) -> Self {
        Self {
            intent,
            shared: BTreeMap::new(),
            hosts: BTreeMap::new(),
        }
    }

    fn entries(
        &mut self,
        node: &NodeName,
        vnets: &BTreeSet<VnetName>,
        zones: &BTreeSet<ZoneName>,
        hosts: &BTreeSet<HostNetworkName>,
        routing: bool,
    ) -> NodePlan {
        let mut plan = NodePlan::default();
        for name in hosts {
            self.host(node, name)
                .into_iter()
                .for_each(|entry| plan.put(entry));
        }
        if routing {
            let own = super::routing(self.intent, node);
            own.into_iter().for_each(|entry| plan.put(Arc::new(entry)));
        }
        let zones = zones.iter().filter_map(|name| self.intent.zone(name));
        for zone in zones.filter(|zone| zone.nodes.contains(node)) {
            let own = zone_entries(self.intent, zone, node);
            own.into_iter().for_each(|entry| plan.put(Arc::new(entry)));
        }
        for name in vnets {
            self.vnet(node, name)
                .into_iter()
                .for_each(|entry| plan.put(entry));
        }
        plan
    }

    fn host(&mut self, node: &NodeName, name: &HostNetworkName) -> Shared {
        let found = self.intent.host_network(name);
        let Some(host) = found.filter(|host| host.nodes.contains(node)) else {
            return Shared::new();
        };
        let make = || -> Shared {
            let entries = host::entries(host, node);
            entries.into_iter().map(Arc::new).collect()
        };
        // Where its VLANs are on bridges that nodes have, nodes may differ.
        if !host.filtering.is_empty() {
            return make();
        }
        let shared = self.hosts.entry(name.clone());
        shared.or_insert_with(make).clone()
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
            entries(self.intent, zone, vnet, node)
                .into_iter()
                .map(Arc::new)
                .collect()
        };
        if !zone.is_alike_on_all_nodes() {
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
