//! A snapshot with the indexes that the rules look things up in.

use std::collections::BTreeMap;
use std::sync::Arc;

use weft_model::facts::Facts;
use weft_model::name::{NodeName, VnetName, ZoneName};
use weft_model::object::zone::ZoneKind;
use weft_model::object::{Subnet, Vnet, Zone};

use crate::snapshot::Snapshot;

/// A snapshot, its vnets by zone and its subnets by vnet, whether zone and vnet exist or not.
pub(super) struct Reading<'a> {
    pub(super) snapshot: &'a Snapshot,
    vnets: BTreeMap<&'a ZoneName, Vec<&'a Arc<Vnet>>>,
    subnets: BTreeMap<&'a VnetName, Vec<&'a Arc<Subnet>>>,
    /// What nodes will be when they have their host networks.
    pub(super) grounds: BTreeMap<NodeName, Facts>,
}

impl<'a> Reading<'a> {
    /// Indexes a snapshot.
    pub(super) fn of(snapshot: &'a Snapshot) -> Self {
        let mut vnets: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for vnet in snapshot.vnets().values() {
            vnets.entry(&vnet.spec.zone).or_default().push(vnet);
        }
        let mut subnets: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for subnet in snapshot.subnets().values() {
            subnets.entry(&subnet.spec.vnet).or_default().push(subnet);
        }
        Self {
            snapshot,
            vnets,
            subnets,
            grounds: BTreeMap::new(),
        }
    }

    /// What a node is, or will be when it has its host networks.
    pub(super) fn facts(&self, node: &NodeName) -> Option<&Facts> {
        let said = || self.snapshot.facts().get(node).map(|facts| &**facts);
        self.grounds.get(node).or_else(said)
    }

    /// What all nodes are, or will be when they have their host networks.
    pub(super) fn all_facts(&self) -> impl Iterator<Item = (&NodeName, &Facts)> {
        let names = self.snapshot.facts().iter().map(|(name, _)| name);
        names.filter_map(|name| Some((name, self.facts(name)?)))
    }

    /// The vnets that name this zone, in the order of their names.
    pub(super) fn vnets_in(&self, zone: &ZoneName) -> &[&'a Arc<Vnet>] {
        self.vnets.get(zone).map_or(&[], Vec::as_slice)
    }

    /// The subnets that name this vnet, in the order of their names.
    pub(super) fn subnets_in(&self, vnet: &VnetName) -> &[&'a Arc<Subnet>] {
        self.subnets.get(vnet).map_or(&[], Vec::as_slice)
    }

    /// The subnets of all vnets of a zone.
    pub(super) fn subnets_of_zone(&self, zone: &ZoneName) -> impl Iterator<Item = &'a Arc<Subnet>> {
        self.vnets_in(zone)
            .iter()
            .flat_map(|vnet| self.subnets_in(&vnet.metadata.name).iter().copied())
    }

    /// The zone of a subnet, where its vnet and zone exist.
    pub(super) fn zone_of(&self, subnet: &Subnet) -> Option<&'a Arc<Zone>> {
        let vnet = self.snapshot.vnets().get(&subnet.spec.vnet)?;
        self.snapshot.zones().get(&vnet.spec.zone)
    }
}

/// Whether the zone's networks are in the one routing table that a node has for itself.
pub(super) fn is_in_main_table(zone: &Zone) -> bool {
    matches!(zone.spec.kind, ZoneKind::Simple)
}

/// Whether the nodes themselves are in the zone's networks as gateways.
pub(super) fn holds_gateways(zone: &Zone) -> bool {
    match zone.spec.kind {
        ZoneKind::Simple | ZoneKind::Evpn(_) => true,
        ZoneKind::Vlan(_) | ZoneKind::Qinq(_) | ZoneKind::Vxlan(_) => false,
    }
}
