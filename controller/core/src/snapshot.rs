//! All objects and all facts at one revision of the store.
//!
//! # Guarantees
//! A clone costs a few pointers and shares everything; changing one object copies a few hundred
//! pointers. Nothing is checked here: a snapshot is what users wrote.

use std::sync::Arc;

use weft_model::facts::Facts;
use weft_model::name::{
    ControllerName, FabricName, HostNetworkName, NodeName, PolicyName, SnippetName, SubnetName,
    VnetName, ZoneName,
};
use weft_model::object::{
    Controller, Fabric, FrrSnippet, HostNetwork, Kind, Node, Object, ObjectKey, PrefixList,
    RouteMap, Subnet, Vnet, Zone,
};
use weft_model::revision::Version;

use crate::shelf::Shelf;

/// All objects, and what nodes say of themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    version: Version,
    nodes: Shelf<NodeName, Node>,
    host_networks: Shelf<HostNetworkName, HostNetwork>,
    prefix_lists: Shelf<PolicyName, PrefixList>,
    route_maps: Shelf<PolicyName, RouteMap>,
    fabrics: Shelf<FabricName, Fabric>,
    controllers: Shelf<ControllerName, Controller>,
    snippets: Shelf<SnippetName, FrrSnippet>,
    zones: Shelf<ZoneName, Zone>,
    vnets: Shelf<VnetName, Vnet>,
    subnets: Shelf<SubnetName, Subnet>,
    facts: Shelf<NodeName, Facts>,
}

impl Snapshot {
    /// The snapshot of these objects and facts; of two with one name the later counts.
    pub fn new(
        version: Version,
        objects: impl IntoIterator<Item = Object>,
        facts: impl IntoIterator<Item = (NodeName, Facts)>,
    ) -> Self {
        let (mut nodes, mut hosts, mut controllers) = (Vec::new(), Vec::new(), Vec::new());
        let (mut lists, mut maps, mut snippets) = (Vec::new(), Vec::new(), Vec::new());
        let mut fabrics = Vec::new();
        let mut zones = Vec::new();
        let (mut vnets, mut subnets) = (Vec::new(), Vec::new());
        for object in objects {
            match object {
                Object::Node(node) => nodes.push((node.metadata.name.clone(), Arc::new(node))),
                Object::HostNetwork(host) => {
                    hosts.push((host.metadata.name.clone(), Arc::new(host)));
                }
                Object::PrefixList(list) => {
                    lists.push((list.metadata.name.clone(), Arc::new(list)));
                }
                Object::RouteMap(map) => maps.push((map.metadata.name.clone(), Arc::new(map))),
                Object::Fabric(it) => fabrics.push((it.metadata.name.clone(), Arc::new(it))),
                Object::Controller(it) => {
                    controllers.push((it.metadata.name.clone(), Arc::new(it)));
                }
                Object::FrrSnippet(it) => snippets.push((it.metadata.name.clone(), Arc::new(it))),
                Object::Zone(zone) => zones.push((zone.metadata.name.clone(), Arc::new(zone))),
                Object::Vnet(vnet) => vnets.push((vnet.metadata.name.clone(), Arc::new(vnet))),
                Object::Subnet(subnet) => {
                    subnets.push((subnet.metadata.name.clone(), Arc::new(subnet)));
                }
            }
        }
        Self {
            version,
            nodes: nodes.into_iter().collect(),
            host_networks: hosts.into_iter().collect(),
            prefix_lists: lists.into_iter().collect(),
            route_maps: maps.into_iter().collect(),
            fabrics: fabrics.into_iter().collect(),
            controllers: controllers.into_iter().collect(),
            snippets: snippets.into_iter().collect(),
            zones: zones.into_iter().collect(),
            vnets: vnets.into_iter().collect(),
            subnets: subnets.into_iter().collect(),
            facts: facts
                .into_iter()
                .map(|(name, facts)| (name, Arc::new(facts)))
                .collect(),
        }
    }

    /// The revision of the store that the snapshot was taken at.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Says at which revision of the store the snapshot now stands.
    pub fn set_version(&mut self, version: Version) {
        self.version = version;
    }

    /// Puts an object in, in place of one with the same key.
    pub fn put(&mut self, object: Object) {
        match object {
            Object::Node(node) => self.nodes.put(node.metadata.name.clone(), Arc::new(node)),
            Object::HostNetwork(host) => {
                self.host_networks
                    .put(host.metadata.name.clone(), Arc::new(host));
            }
            Object::PrefixList(list) => {
                self.prefix_lists
                    .put(list.metadata.name.clone(), Arc::new(list));
            }
            Object::RouteMap(map) => {
                self.route_maps
                    .put(map.metadata.name.clone(), Arc::new(map));
            }
            Object::Fabric(it) => self.fabrics.put(it.metadata.name.clone(), Arc::new(it)),
            Object::Controller(it) => {
                self.controllers.put(it.metadata.name.clone(), Arc::new(it));
            }
            Object::FrrSnippet(it) => self.snippets.put(it.metadata.name.clone(), Arc::new(it)),
            Object::Zone(zone) => self.zones.put(zone.metadata.name.clone(), Arc::new(zone)),
            Object::Vnet(vnet) => self.vnets.put(vnet.metadata.name.clone(), Arc::new(vnet)),
            Object::Subnet(subnet) => {
                self.subnets
                    .put(subnet.metadata.name.clone(), Arc::new(subnet));
            }
        }
    }

    /// Takes an object out; says whether it was there.
    pub fn remove(&mut self, key: &ObjectKey) -> bool {
        let name = key.name.as_str();
        match key.kind {
            Kind::Node => self.nodes.remove(name).is_some(),
            Kind::HostNetwork => self.host_networks.remove(name).is_some(),
            Kind::PrefixList => self.prefix_lists.remove(name).is_some(),
            Kind::RouteMap => self.route_maps.remove(name).is_some(),
            Kind::Fabric => self.fabrics.remove(name).is_some(),
            Kind::Controller => self.controllers.remove(name).is_some(),
            Kind::FrrSnippet => self.snippets.remove(name).is_some(),
            Kind::Zone => self.zones.remove(name).is_some(),
            Kind::Vnet => self.vnets.remove(name).is_some(),
            Kind::Subnet => self.subnets.remove(name).is_some(),
        }
    }

    /// Puts in what a node says of itself.
    pub fn put_facts(&mut self, node: NodeName, facts: Facts) {
        self.facts.put(node, Arc::new(facts));
    }

    /// Forgets what a node said of itself; says whether it had said anything.
    pub fn remove_facts(&mut self, node: &NodeName) -> bool {
        self.facts.remove(node).is_some()
    }

    /// The same objects with the facts of another snapshot.
    #[must_use]
    pub fn with_facts_of(&self, other: &Self) -> Self {
        Self {
            facts: other.facts.clone(),
            ..self.clone()
        }
    }

    /// A copy of the object with this key.
    pub fn get(&self, key: &ObjectKey) -> Option<Object> {
        let name = key.name.as_str();
        match key.kind {
            Kind::Node => self.nodes.get(name).map(|it| Object::Node((**it).clone())),
            Kind::HostNetwork => self
                .host_networks
                .get(name)
                .map(|it| Object::HostNetwork((**it).clone())),
            Kind::PrefixList => self
                .prefix_lists
                .get(name)
                .map(|it| Object::PrefixList((**it).clone())),
            Kind::RouteMap => self
                .route_maps
                .get(name)
                .map(|it| Object::RouteMap((**it).clone())),
            Kind::FrrSnippet => self
                .snippets
                .get(name)
                .map(|it| Object::FrrSnippet((**it).clone())),
            Kind::Fabric => self
                .fabrics
                .get(name)
                .map(|it| Object::Fabric((**it).clone())),
            Kind::Controller => self
                .controllers
                .get(name)
                .map(|it| Object::Controller((**it).clone())),
            Kind::Zone => self.zones.get(name).map(|it| Object::Zone((**it).clone())),
            Kind::Vnet => self.vnets.get(name).map(|it| Object::Vnet((**it).clone())),
            Kind::Subnet => self
                .subnets
                .get(name)
                .map(|it| Object::Subnet((**it).clone())),
        }
    }

    /// A copy of every object, kind by kind in the order of [`Kind::ALL`].
    pub fn objects(&self) -> impl Iterator<Item = Object> {
        let nodes = self.nodes.values().map(|it| Object::Node((**it).clone()));
        let hosts = self
            .host_networks
            .values()
            .map(|it| Object::HostNetwork((**it).clone()));
        let lists = self.prefix_lists.values();
        let lists = lists.map(|it| Object::PrefixList((**it).clone()));
        let maps = self.route_maps.values();
        let maps = maps.map(|it| Object::RouteMap((**it).clone()));
        let fabrics = self.fabrics.values();
        let fabrics = fabrics.map(|it| Object::Fabric((**it).clone()));
        let snippets = self.snippets.values();
        let snippets = snippets.map(|it| Object::FrrSnippet((**it).clone()));
        let controllers = self
            .controllers
            .values()
            .map(|it| Object::Controller((**it).clone()));
        let zones = self.zones.values().map(|it| Object::Zone((**it).clone()));
        let vnets = self.vnets.values().map(|it| Object::Vnet((**it).clone()));
        let subnets = self
            .subnets
            .values()
            .map(|it| Object::Subnet((**it).clone()));
        nodes
            .chain(hosts)
            .chain(lists)
            .chain(maps)
            .chain(fabrics)
            .chain(controllers)
            .chain(snippets)
            .chain(zones)
            .chain(vnets)
            .chain(subnets)
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        let of_nodes = self.nodes.len() + self.host_networks.len() + self.snippets.len();
        let of_policy = self.prefix_lists.len() + self.route_maps.len();
        let of_routing = of_policy + self.fabrics.len() + self.controllers.len();
        of_nodes + of_routing + self.zones.len() + self.vnets.len() + self.subnets.len()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The nodes.
    pub fn nodes(&self) -> &Shelf<NodeName, Node> {
        &self.nodes
    }

    /// The host networks.
    pub fn host_networks(&self) -> &Shelf<HostNetworkName, HostNetwork> {
        &self.host_networks
    }

    /// The prefix lists.
    pub fn prefix_lists(&self) -> &Shelf<PolicyName, PrefixList> {
        &self.prefix_lists
    }

    /// The route maps.
    pub fn route_maps(&self) -> &Shelf<PolicyName, RouteMap> {
        &self.route_maps
    }

    /// The snippets of FRR's configuration.
    pub fn snippets(&self) -> &Shelf<SnippetName, FrrSnippet> {
        &self.snippets
    }

    /// The fabrics.
    pub fn fabrics(&self) -> &Shelf<FabricName, Fabric> {
        &self.fabrics
    }

    /// The controllers.
    pub fn controllers(&self) -> &Shelf<ControllerName, Controller> {
        &self.controllers
    }

    /// The zones.
    pub fn zones(&self) -> &Shelf<ZoneName, Zone> {
        &self.zones
    }

    /// The vnets.
    pub fn vnets(&self) -> &Shelf<VnetName, Vnet> {
        &self.vnets
    }

    /// The subnets.
    pub fn subnets(&self) -> &Shelf<SubnetName, Subnet> {
        &self.subnets
    }

    /// What the nodes say of themselves.
    pub fn facts(&self) -> &Shelf<NodeName, Facts> {
        &self.facts
    }
}
