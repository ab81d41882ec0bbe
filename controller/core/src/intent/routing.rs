//! How a node takes part in routing, with nothing left to choose.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use weft_model::asn::Asn;
use weft_model::mtu::Mtu;
use weft_model::name::{ControllerName, FabricName, LinkName, PolicyName};
use weft_model::object;
use weft_model::object::fabric::{FabricInterface, FabricKind};
use weft_model::plan::frr::snippet::SnippetLine;
use weft_model::prefix::Prefix;

/// How a node takes part in routing.
#[derive(Debug, PartialEq, Eq)]
pub struct Routing {
    /// The number of the system that it is; `None` where it speaks no BGP.
    pub(crate) asn: Option<Asn>,
    /// Who it is to other routers; `None` where it speaks no BGP.
    pub(crate) router_id: Option<Ipv4Addr>,
    /// Who the routes of zones are exchanged with, by controller.
    pub(crate) groups: Vec<Group>,
    /// The routers around the node.
    pub(crate) uplink: Option<Group>,
    /// The controller that speaks IS-IS.
    pub(crate) isis: Option<Arc<object::Controller>>,
    pub(crate) policies: Policies,
    /// The fabrics that the node is in.
    pub(crate) fabrics: Vec<Joined>,
}

/// A node's part in a fabric.
#[derive(Debug, PartialEq, Eq)]
pub struct Joined {
    pub(crate) name: FabricName,
    pub(crate) kind: FabricKind,
    /// The networks that the addresses of all its nodes are of.
    pub(crate) prefixes: Vec<Prefix>,
    /// The device that has the node's addresses.
    pub(crate) device: LinkName,
    /// The node's addresses, one of each family that the fabric has.
    pub(crate) addresses: BTreeSet<IpAddr>,
    /// What the node is called by protocols that name nodes by an IPv4 address.
    pub(crate) router_id: Ipv4Addr,
    pub(crate) asn: Option<Asn>,
    pub(crate) interfaces: BTreeMap<LinkName, FabricInterface>,
    /// The least MTU of its interfaces, as far as it is known; else Ethernet's.
    pub(crate) mtu: Mtu,
}

/// The route maps that a node's controllers name, those that these call, and the prefix lists that
/// all of them look into; each with the controller that it is there for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Policies {
    pub(crate) maps: BTreeMap<PolicyName, (ControllerName, Arc<object::RouteMap>)>,
    pub(crate) lists: BTreeMap<PolicyName, (ControllerName, Arc<object::PrefixList>)>,
}

/// Lines of the administrator's own for a node's FRR.
#[derive(Debug, PartialEq, Eq)]
pub struct Snippet {
    pub(crate) declared: Arc<object::FrrSnippet>,
    pub(crate) lines: Vec<SnippetLine>,
}

/// The neighbors of a node by one controller.
#[derive(Debug, PartialEq, Eq)]
pub struct Group {
    pub(crate) controller: Arc<object::Controller>,
    /// Whether they are of other systems.
    pub(crate) is_external: bool,
    pub(crate) neighbors: Neighbors,
    /// The device whose address the node speaks from, where one is named.
    pub(crate) source: Option<LinkName>,
    /// The address that the node speaks from.
    pub(crate) local: IpAddr,
}

/// Who is spoken to.
#[derive(Debug, PartialEq, Eq)]
pub struct Neighbors {
    /// These.
    pub(crate) peers: BTreeSet<IpAddr>,
    /// Whoever calls from these networks.
    pub(crate) listen: BTreeSet<Prefix>,
}

impl Routing {
    /// Whether both differ in what zones have no part in at most: what routes are let through.
    pub(crate) fn is_alike_for_zones(&self, other: &Self) -> bool {
        let Self {
            asn,
            router_id,
            groups,
            uplink,
            isis,
            policies: _,
            fabrics: _,
        } = self;
        (asn, router_id, groups) == (&other.asn, &other.router_id, &other.groups)
            && (uplink, isis) == (&other.uplink, &other.isis)
    }

    /// The names of the controllers that run on the node.
    pub(super) fn controllers(&self) -> impl Iterator<Item = &str> {
        let groups = self.groups.iter().chain(&self.uplink);
        let all = groups.map(|group| &group.controller).chain(&self.isis);
        all.map(|controller| controller.metadata.name.as_str())
    }
}
