//! What users want, complete and without contradiction.
//!
//! # Guarantees
//! Only [`crate::validate`] makes an [`Intent`], so every reference in one leads somewhere, every
//! default is filled in, and every tunnel has an address.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use weft_model::mtu::Mtu;
use weft_model::name::{HostNetworkName, LinkName, NodeName, VnetName, ZoneName};
use weft_model::object::zone::{Exits, ZoneKind};
use weft_model::object::{self, Kind, ObjectKey};
use weft_model::port::UdpPort;
use weft_model::vlan::BridgeVlans;

use crate::device::DeviceNames;
use crate::snapshot::Snapshot;

mod routing;

pub use routing::{Group, Joined, Neighbors, Policies, Routing, Snippet};

/// A snapshot that passed validation, with everything resolved.
#[derive(Clone, Debug)]
pub struct Intent {
    pub(crate) snapshot: Snapshot,
    pub(crate) zones: BTreeMap<ZoneName, Arc<Zone>>,
    pub(crate) vnets: BTreeMap<VnetName, Arc<Vnet>>,
    pub(crate) zones_by_node: BTreeMap<NodeName, Vec<Arc<Zone>>>,
    pub(crate) hosts: BTreeMap<HostNetworkName, Arc<HostNetwork>>,
    pub(crate) hosts_by_node: BTreeMap<NodeName, Vec<Arc<HostNetwork>>>,
    pub(crate) routings: BTreeMap<NodeName, Arc<Routing>>,
    pub(crate) snippets: BTreeMap<NodeName, Vec<Arc<Snippet>>>,
}

/// A host network with its nodes.
#[derive(Debug)]
pub struct HostNetwork {
    pub(crate) declared: Arc<object::HostNetwork>,
    pub(crate) nodes: Arc<BTreeSet<NodeName>>,
    /// The bridges of others that filter VLANs and that its VLANs are on, by node: those that it
    /// does not declare itself.
    pub(crate) filtering: BTreeMap<NodeName, BTreeSet<LinkName>>,
}

/// A zone with its nodes and vnets.
#[derive(Debug)]
pub struct Zone {
    pub(crate) declared: Arc<object::Zone>,
    pub(crate) nodes: Arc<BTreeSet<NodeName>>,
    pub(crate) mtu: Option<Mtu>,
    pub(crate) underlay: Option<Underlay>,
    pub(crate) trunks: BTreeMap<NodeName, Trunk>,
    /// The vnet that has the packets without inner tag of a qinq zone.
    pub(crate) untagged: Option<Arc<Vnet>>,
    pub(crate) vnets: Vec<Arc<Vnet>>,
}

/// The bridge of one node that the packets of a vlan or qinq zone leave by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    pub(crate) bridge: LinkName,
    /// How the bridge treats VLANs.
    pub(crate) vlans: BridgeVlans,
    /// Where it does not look at tags, its ports that lead to other nodes.
    pub(crate) uplinks: BTreeSet<LinkName>,
}

/// How the nodes of a zone reach each other.
#[derive(Debug, PartialEq, Eq)]
pub struct Underlay {
    pub(crate) port: UdpPort,
    pub(crate) learning: bool,
    pub(crate) endpoints: BTreeSet<IpAddr>,
    pub(crate) tunnels: BTreeMap<NodeName, Tunnel>,
}

/// Where the tunnels of one node end.
#[derive(Debug)]
pub struct Tunnel {
    pub(crate) address: IpAddr,
    /// Other end points of the zone that are addresses of this very node.
    pub(crate) also_own: Vec<IpAddr>,
    /// Made when first asked for: a zone of thousands of nodes has as many lists as nodes, and a
    /// change needs those of the affected nodes only.
    pub(crate) flood: OnceLock<Arc<BTreeSet<IpAddr>>>,
}

/// A vnet with its subnets.
#[derive(Debug)]
pub struct Vnet {
    pub(crate) declared: Arc<object::Vnet>,
    pub(crate) devices: DeviceNames,
    pub(crate) mtu: Option<Mtu>,
    pub(crate) subnets: Vec<Arc<object::Subnet>>,
}

impl Intent {
    /// The intent of a cluster in which nobody wants anything.
    pub fn empty() -> Self {
        Self {
            snapshot: Snapshot::default(),
            zones: BTreeMap::new(),
            vnets: BTreeMap::new(),
            zones_by_node: BTreeMap::new(),
            hosts: BTreeMap::new(),
            hosts_by_node: BTreeMap::new(),
            routings: BTreeMap::new(),
            snippets: BTreeMap::new(),
        }
    }

    /// The objects and facts that the intent was made of.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The zone with this name.
    pub fn zone(&self, name: &ZoneName) -> Option<&Arc<Zone>> {
        self.zones.get(name)
    }

    /// Every zone, in the order of the names.
    pub fn zones(&self) -> impl ExactSizeIterator<Item = &Arc<Zone>> {
        self.zones.values()
    }

    /// The vnet with this name.
    pub fn vnet(&self, name: &VnetName) -> Option<&Arc<Vnet>> {
        self.vnets.get(name)
    }

    /// Every vnet, in the order of the names.
    pub fn vnets(&self) -> impl ExactSizeIterator<Item = &Arc<Vnet>> {
        self.vnets.values()
    }

    /// The zones that a node carries, in the order of the names.
    pub fn zones_of(&self, node: &NodeName) -> &[Arc<Zone>] {
        self.zones_by_node.get(node).map_or(&[], Vec::as_slice)
    }

    /// The host network with this name.
    pub fn host_network(&self, name: &HostNetworkName) -> Option<&Arc<HostNetwork>> {
        self.hosts.get(name)
    }

    /// The host networks that a node has, in the order of the names.
    pub fn host_networks_of(&self, node: &NodeName) -> &[Arc<HostNetwork>] {
        self.hosts_by_node.get(node).map_or(&[], Vec::as_slice)
    }

    /// Every node on which a controller runs or that has lines of the administrator's.
    pub(crate) fn routed_nodes(&self) -> impl Iterator<Item = &NodeName> {
        self.routings.keys().chain(self.snippets.keys())
    }

    /// Every node that carries a zone, has a host network or takes part in routing, in the order of
    /// the names.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeName> {
        let nodes: BTreeSet<&NodeName> = self
            .zones_by_node
            .keys()
            .chain(self.hosts_by_node.keys())
            .chain(self.routed_nodes())
            .collect();
        nodes.into_iter()
    }

    /// The nodes that an object makes a difference to: those that carry it, and of a node itself.
    pub fn carriers(&self, key: &ObjectKey) -> BTreeSet<NodeName> {
        let name = key.name.as_str();
        let zone = match key.kind {
            Kind::Node => {
                let zones = self.zones_by_node.get_key_value(name).map(|(it, _)| it);
                let hosts = self.hosts_by_node.get_key_value(name).map(|(it, _)| it);
                let routed = || self.routed_nodes().find(|it| it.as_str() == name);
                let found = zones.or(hosts).or_else(routed);
                return found.cloned().into_iter().collect();
            }
            Kind::HostNetwork => {
                let host = self.hosts.get(name);
                return host.map(|host| (*host.nodes).clone()).unwrap_or_default();
            }
            Kind::PrefixList => {
                return self.routed(|routing| routing.policies.lists.contains_key(name));
            }
            Kind::RouteMap => {
                return self.routed(|routing| routing.policies.maps.contains_key(name));
            }
            Kind::Fabric => {
                let is_in = |routing: &Routing| {
                    let mut fabrics = routing.fabrics.iter();
                    fabrics.any(|it| it.name.as_str() == name)
                };
                return self.routed(is_in);
            }
            Kind::FrrSnippet => {
                let is_it = |it: &Arc<Snippet>| it.declared.metadata.name.as_str() == name;
                let nodes = self
                    .snippets
                    .iter()
                    .filter(|(_, its)| its.iter().any(is_it));
                return nodes.map(|(node, _)| node.clone()).collect();
            }
            Kind::Controller => {
                let runs = |routing: &Routing| routing.controllers().any(|it| it == name);
                return self.routed(runs);
            }
            Kind::Zone => self.zones.get(name),
            Kind::Vnet => self.vnets.get(name).and_then(|vnet| self.zone_of(vnet)),
            Kind::Subnet => self
                .snapshot
                .subnets()
                .get(name)
                .and_then(|subnet| self.vnets.get(&subnet.spec.vnet))
                .and_then(|vnet| self.zone_of(vnet)),
        };
        zone.map(|zone| (*zone.nodes).clone()).unwrap_or_default()
    }

    /// The nodes whose routing is so.
    fn routed(&self, is_so: impl Fn(&Routing) -> bool) -> BTreeSet<NodeName> {
        let nodes = self.routings.iter().filter(|(_, routing)| is_so(routing));
        nodes.map(|(node, _)| node.clone()).collect()
    }

    /// The administrator's own lines for a node's FRR, in their order.
    pub fn snippets_of(&self, node: &NodeName) -> &[Arc<Snippet>] {
        self.snippets.get(node).map_or(&[], Vec::as_slice)
    }

    /// How a node takes part in routing; `None` where no controller runs on it.
    pub fn routing(&self, node: &NodeName) -> Option<&Arc<Routing>> {
        self.routings.get(node)
    }

    pub(crate) fn zone_of(&self, vnet: &Vnet) -> Option<&Arc<Zone>> {
        self.zones.get(&vnet.declared.spec.zone)
    }
}

impl HostNetwork {
    /// The host network's name.
    pub fn name(&self) -> &HostNetworkName {
        &self.declared.metadata.name
    }

    /// The host network as its user declared it.
    pub fn declared(&self) -> &object::HostNetwork {
        &self.declared
    }

    /// The nodes that have it.
    pub fn nodes(&self) -> &BTreeSet<NodeName> {
        &self.nodes
    }
}

impl Zone {
    /// The zone's name.
    pub fn name(&self) -> &ZoneName {
        &self.declared.metadata.name
    }

    /// The zone as its user declared it.
    pub fn declared(&self) -> &object::Zone {
        &self.declared
    }

    /// The nodes that carry the zone.
    pub fn nodes(&self) -> &BTreeSet<NodeName> {
        &self.nodes
    }

    /// The zone's vnets, in the order of the names.
    pub fn vnets(&self) -> &[Arc<Vnet>] {
        &self.vnets
    }

    /// The MTU of the zone's devices; `None` leaves it to the kernel.
    pub fn mtu(&self) -> Option<Mtu> {
        self.mtu
    }

    /// The nodes by which guests leave the zone; `None` where nothing outside is reached.
    pub fn exits(&self) -> Option<&Exits> {
        match &self.declared.spec.kind {
            ZoneKind::Evpn(evpn) => evpn.exits.as_ref(),
            ZoneKind::Simple | ZoneKind::Vlan(_) | ZoneKind::Qinq(_) | ZoneKind::Vxlan(_) => None,
        }
    }

    /// How the zone's nodes reach each other by tunnels; `None` in zones that have none.
    pub fn underlay(&self) -> Option<&Underlay> {
        self.underlay.as_ref()
    }
}

impl Underlay {
    /// Where the tunnels of a node end.
    pub fn tunnel_address(&self, node: &NodeName) -> Option<IpAddr> {
        self.tunnels.get(node).map(|tunnel| tunnel.address)
    }

    /// The end points that a node sends to when it does not know which.
    pub fn flood(&self, node: &NodeName) -> Arc<BTreeSet<IpAddr>> {
        let Some(tunnel) = self.tunnels.get(node) else {
            return Arc::default();
        };
        let others = || {
            let own = |end: &IpAddr| *end == tunnel.address || tunnel.also_own.contains(end);
            let others = self.endpoints.iter().filter(|end| !own(end));
            Arc::new(others.copied().collect())
        };
        Arc::clone(tunnel.flood.get_or_init(others))
    }
}

impl PartialEq for Tunnel {
    /// The list of others follows from the rest.
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address && self.also_own == other.also_own
    }
}

impl Eq for Tunnel {}

impl Vnet {
    /// The vnet's name.
    pub fn name(&self) -> &VnetName {
        &self.declared.metadata.name
    }

    /// The vnet as its user declared it.
    pub fn declared(&self) -> &object::Vnet {
        &self.declared
    }

    /// The names of its devices.
    pub fn devices(&self) -> &DeviceNames {
        &self.devices
    }

    /// Its subnets, in the order of their names.
    pub fn subnets(&self) -> &[Arc<object::Subnet>] {
        &self.subnets
    }
}
