//! Host networks: whether what they say of a node's interfaces can be, by itself and together.
//!
//! # Guarantees
//! Of every node each interface is declared by one host network at most, and what a bridge or a bond
//! is made of by the same one. So what a host network asks of a node follows from it alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weft_model::name::{HostNetworkName, LinkName, NodeName};
use weft_model::object::host_network::{Interface, InterfaceKind};
use weft_model::object::{HostNetwork, Kind};
use weft_model::vlan::BridgeVlans;

use super::choice::choose_all;
use super::finding::{Findings, at};
use super::reading::Reading;

mod address;
mod bond;
mod device;
mod together;

pub(super) mod ground;

pub(super) use together::check_names;

/// The nodes that have a host network, by host network.
pub(super) type Hosts = BTreeMap<HostNetworkName, Arc<BTreeSet<NodeName>>>;

/// The bridges that filter VLANs and that a host network's VLANs are on, by node.
pub(super) type Filtering = BTreeMap<HostNetworkName, BTreeMap<NodeName, BTreeSet<LinkName>>>;

/// Finds the nodes of every host network.
pub(super) fn choose_nodes(reading: &Reading<'_>, findings: &mut Findings) -> Hosts {
    let hosts = reading.snapshot.host_networks();
    let selectors = hosts.iter().map(|(name, host)| (name, &host.spec.nodes));
    let unused = "no node has the host network";
    choose_all(reading, Kind::HostNetwork, selectors, unused, findings)
}

/// Checks every host network by itself, and those that share a node together.
pub(super) fn check(reading: &Reading<'_>, hosts: &Hosts, findings: &mut Findings) {
    for host in reading.snapshot.host_networks().values() {
        device::check(host, findings);
        bond::check(host, findings);
        address::check(host, findings);
    }
    together::check(reading, hosts, findings);
}

/// The bridges that filter VLANs and that host networks have VLANs of.
pub(super) fn filtering(reading: &Reading<'_>, hosts: &Hosts) -> Filtering {
    let mut filtering = Filtering::new();
    for (name, nodes) in hosts {
        let Some(host) = reading.snapshot.host_networks().get(name) else {
            continue;
        };
        let devices: BTreeSet<&LinkName> = host
            .spec
            .interfaces
            .values()
            .filter_map(|it| match &it.kind {
                InterfaceKind::Vlan(vlan) => Some(&vlan.device),
                InterfaceKind::Physical | InterfaceKind::Bridge(_) | InterfaceKind::Bond(_) => None,
            })
            .collect();
        if devices.is_empty() {
            continue;
        }
        let mut by_node = BTreeMap::new();
        for node in &**nodes {
            let facts = reading.facts(node);
            let filters = |device: &&&LinkName| {
                let bridge = facts.and_then(|facts| facts.bridges.get(**device));
                bridge.is_some_and(|bridge| matches!(bridge.vlans, BridgeVlans::Filtered(_)))
            };
            let found: BTreeSet<LinkName> = devices
                .iter()
                .filter(filters)
                .map(|it| (*it).clone())
                .collect();
            if !found.is_empty() {
                by_node.insert(node.clone(), found);
            }
        }
        filtering.insert(name.clone(), by_node);
    }
    filtering
}

/// A host network and one of its interfaces: where findings of it stand.
#[derive(Clone, Copy)]
struct Spot<'a> {
    host: &'a HostNetwork,
    name: &'a LinkName,
    interface: &'a Interface,
}

impl<'a> Spot<'a> {
    fn all(host: &'a HostNetwork) -> impl Iterator<Item = Self> {
        let interfaces = host.spec.interfaces.iter();
        interfaces.map(move |(name, interface)| Self {
            host,
            name,
            interface,
        })
    }

    /// An error in a field of the interface; in the interface as a whole where there is none.
    fn error(&self, field: &str, problem: String, advice: impl Into<String>, to: &mut Findings) {
        let field = self.field(field);
        let place = at(Kind::HostNetwork, &self.host.metadata.name, &field);
        to.error(place, problem, advice);
    }

    /// A warning of a field of the interface.
    fn warn(&self, field: &str, problem: String, advice: impl Into<String>, to: &mut Findings) {
        let field = self.field(field);
        let place = at(Kind::HostNetwork, &self.host.metadata.name, &field);
        to.warn(place, problem, advice);
    }

    fn field(&self, field: &str) -> String {
        let dot = if field.is_empty() { "" } else { "." };
        format!("spec.interfaces[{}]{dot}{field}", self.name)
    }

    /// The devices that are plugged into the interface, and the field that lists them.
    fn plugged(&self) -> Option<(&'a BTreeSet<LinkName>, &'static str)> {
        match &self.interface.kind {
            InterfaceKind::Bridge(bridge) => Some((&bridge.ports, "bridge.ports")),
            InterfaceKind::Bond(bond) => Some((&bond.members, "bond.members")),
            InterfaceKind::Physical | InterfaceKind::Vlan(_) => None,
        }
    }
}
