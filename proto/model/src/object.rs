//! The objects that users declare: the closed set of kinds, and what they have in common.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::{
    ControllerName, FabricName, HostNetworkName, LabelKey, LabelValue, NodeName, PolicyName,
    SnippetName, SubnetName, VnetName, ZoneName,
};
use crate::revision::{Generation, Timestamp, Version};

pub mod drift;
pub mod host_network;
pub mod node;
pub mod selector;
pub mod subnet;
pub mod targets;
pub mod vnet;

pub mod controller;
pub mod fabric;
pub mod frr_snippet;
pub mod prefix_list;
pub mod route_map;
pub mod zone;

use controller::ControllerSpec;
use fabric::FabricSpec;
use frr_snippet::FrrSnippetSpec;
use host_network::HostNetworkSpec;
use node::NodeSpec;
use prefix_list::PrefixListSpec;
use route_map::RouteMapSpec;
use subnet::SubnetSpec;
use vnet::VnetSpec;
use zone::ZoneSpec;

/// The version of the manifest format, as users write it.
pub const API_VERSION: &str = "weft/v1";

/// Labels by key.
pub type Labels = BTreeMap<LabelKey, LabelValue>;

/// What every object carries whatever its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata<Name> {
    /// The name, unique among the objects of its kind.
    pub name: Name,
    /// Labels that selectors match.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: Labels,
}

/// An object as its user declared it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared<Name, Spec> {
    /// Name and labels.
    pub metadata: Metadata<Name>,
    /// What is wanted.
    pub spec: Spec,
}

/// A zone: vnets that are built the same way on the same nodes.
pub type Zone = Declared<ZoneName, ZoneSpec>;
/// A vnet: one layer-2 network that guests plug into.
pub type Vnet = Declared<VnetName, VnetSpec>;
/// A subnet: the addresses used in a vnet.
pub type Subnet = Declared<SubnetName, SubnetSpec>;
/// A controller: who carries routes between nodes and to the world outside.
pub type Controller = Declared<ControllerName, ControllerSpec>;
/// A prefix list: which networks a route map means.
pub type PrefixList = Declared<PolicyName, PrefixListSpec>;
/// A route map: which routes are let through, and what is changed of them.
pub type RouteMap = Declared<PolicyName, RouteMapSpec>;
/// A fabric: the routed network that joins nodes.
pub type Fabric = Declared<FabricName, FabricSpec>;
/// A snippet: lines of FRR's configuration that the administrator writes.
pub type FrrSnippet = Declared<SnippetName, FrrSnippetSpec>;
/// A node: one hypervisor.
pub type Node = Declared<NodeName, NodeSpec>;
/// A host network: the interfaces that nodes themselves have.
pub type HostNetwork = Declared<HostNetworkName, HostNetworkSpec>;

/// An object of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// A zone.
    Zone(Zone),
    /// A vnet.
    Vnet(Vnet),
    /// A subnet.
    Subnet(Subnet),
    /// A node.
    Node(Node),
    /// A host network.
    HostNetwork(HostNetwork),
    /// A prefix list.
    PrefixList(PrefixList),
    /// A route map.
    RouteMap(RouteMap),
    /// A fabric.
    Fabric(Fabric),
    /// A controller.
    Controller(Controller),
    /// A snippet of FRR's configuration.
    FrrSnippet(FrrSnippet),
}

impl Object {
    /// What kind of object it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Zone(_) => Kind::Zone,
            Self::Vnet(_) => Kind::Vnet,
            Self::Subnet(_) => Kind::Subnet,
            Self::Node(_) => Kind::Node,
            Self::HostNetwork(_) => Kind::HostNetwork,
            Self::PrefixList(_) => Kind::PrefixList,
            Self::RouteMap(_) => Kind::RouteMap,
            Self::Fabric(_) => Kind::Fabric,
            Self::Controller(_) => Kind::Controller,
            Self::FrrSnippet(_) => Kind::FrrSnippet,
        }
    }

    /// The object's name, whatever its kind.
    pub fn name(&self) -> &str {
        match self {
            Self::Zone(zone) => zone.metadata.name.as_str(),
            Self::Vnet(vnet) => vnet.metadata.name.as_str(),
            Self::Subnet(subnet) => subnet.metadata.name.as_str(),
            Self::Node(node) => node.metadata.name.as_str(),
            Self::HostNetwork(host) => host.metadata.name.as_str(),
            Self::PrefixList(list) => list.metadata.name.as_str(),
            Self::RouteMap(map) => map.metadata.name.as_str(),
            Self::Fabric(fabric) => fabric.metadata.name.as_str(),
            Self::Controller(controller) => controller.metadata.name.as_str(),
            Self::FrrSnippet(snippet) => snippet.metadata.name.as_str(),
        }
    }

    /// The object's labels.
    pub fn labels(&self) -> &Labels {
        match self {
            Self::Zone(zone) => &zone.metadata.labels,
            Self::Vnet(vnet) => &vnet.metadata.labels,
            Self::Subnet(subnet) => &subnet.metadata.labels,
            Self::Node(node) => &node.metadata.labels,
            Self::HostNetwork(host) => &host.metadata.labels,
            Self::PrefixList(list) => &list.metadata.labels,
            Self::RouteMap(map) => &map.metadata.labels,
            Self::Fabric(fabric) => &fabric.metadata.labels,
            Self::Controller(controller) => &controller.metadata.labels,
            Self::FrrSnippet(snippet) => &snippet.metadata.labels,
        }
    }

    /// Kind and name, which together are unique.
    pub fn key(&self) -> ObjectKey {
        ObjectKey {
            kind: self.kind(),
            name: self.name().to_owned(),
        }
    }
}

/// The kinds of object.
///
/// Their order is the one in which a file that declares them all can be read: nothing refers to a
/// later kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// [`Node`].
    Node,
    /// [`HostNetwork`].
    HostNetwork,
    /// [`PrefixList`].
    PrefixList,
    /// [`RouteMap`].
    RouteMap,
    /// [`Fabric`].
    Fabric,
    /// [`Controller`].
    Controller,
    /// [`FrrSnippet`].
    FrrSnippet,
    /// [`Zone`].
    Zone,
    /// [`Vnet`].
    Vnet,
    /// [`Subnet`].
    Subnet,
}

impl Kind {
    /// Every kind, in order.
    pub const ALL: [Self; 10] = [
        Self::Node,
        Self::HostNetwork,
        Self::PrefixList,
        Self::RouteMap,
        Self::Fabric,
        Self::Controller,
        Self::FrrSnippet,
        Self::Zone,
        Self::Vnet,
        Self::Subnet,
    ];

    /// All of them for people, in order.
    pub const LIST: &'static str = "Node, HostNetwork, PrefixList, RouteMap, Fabric, Controller, \
                                    FrrSnippet, Zone, Vnet or Subnet";

    /// The kind as manifests write it, `Zone`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Node => "Node",
            Self::HostNetwork => "HostNetwork",
            Self::PrefixList => "PrefixList",
            Self::RouteMap => "RouteMap",
            Self::Fabric => "Fabric",
            Self::Controller => "Controller",
            Self::FrrSnippet => "FrrSnippet",
            Self::Zone => "Zone",
            Self::Vnet => "Vnet",
            Self::Subnet => "Subnet",
        }
    }

    /// The kind as keys and commands write it, `zone`.
    pub fn lowercase(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::HostNetwork => "hostnetwork",
            Self::PrefixList => "prefixlist",
            Self::RouteMap => "routemap",
            Self::Fabric => "fabric",
            Self::Controller => "controller",
            Self::FrrSnippet => "frrsnippet",
            Self::Zone => "zone",
            Self::Vnet => "vnet",
            Self::Subnet => "subnet",
        }
    }
}

/// A text that names no kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a kind of object: use {list}", list = Kind::LIST)]
pub struct KindError(pub String);

impl FromStr for Kind {
    type Err = KindError;

    /// Reads a kind as people type it: any case, singular or plural.
    fn from_str(text: &str) -> Result<Self, KindError> {
        let lower = text.to_ascii_lowercase();
        let singular = lower.strip_suffix('s').unwrap_or(&lower);
        Self::ALL
            .into_iter()
            .find(|kind| kind.lowercase() == singular)
            .ok_or_else(|| KindError(text.chars().take(80).collect()))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Names one object in the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectKey {
    /// The object's kind.
    pub kind: Kind,
    /// The object's name; valid for the kind when taken from an [`Object`].
    pub name: String,
}

impl ObjectKey {
    /// The key of the object of `kind` that is called `name`.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.lowercase(), self.name)
    }
}

/// An object with what the store knows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The object itself.
    pub object: Object,
    /// Distinguishes an object from an earlier one of the same name: 32 hex digits.
    pub uid: String,
    /// Changes with every write; a write may demand that it is still the same.
    pub version: Version,
    /// Counts the changes of the spec and labels.
    pub generation: Generation,
    /// When the object was made.
    pub created: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_as_people_type_it() {
        for text in ["zone", "zones", "Zone", "ZONES"] {
            assert_eq!(text.parse::<Kind>(), Ok(Kind::Zone));
        }
        assert!("pod".parse::<Kind>().is_err());
    }

    #[test]
    fn the_list_for_people_has_every_kind_in_order() {
        let names = Kind::ALL.map(Kind::as_str);
        let list: Vec<&str> = Kind::LIST
            .split(", ")
            .flat_map(|it| it.split(" or "))
            .collect();
        assert_eq!(list, names);
    }

    #[test]
    fn a_key_prints_as_kind_and_name() {
        assert_eq!(ObjectKey::new(Kind::Vnet, "web").to_string(), "vnet/web");
    }
}
