//! What a node's FRR must have configured, a stanza an entry.
//!
//! A stanza is one thing that can come, change and go alone: a neighbor, a VNI, a route map. Several
//! may end up in one section of FRR's text; none says where in it a line stands, for FRR's own order
//! does not depend on ours.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::plan::Origin;
use crate::prefix::{Family, Prefix};
use crate::vni::Vni;

pub mod word;

pub mod bgp;
pub mod igp;
pub mod neighbor;
pub mod policy;
pub mod route;
pub mod snippet;
pub mod text;

use bgp::{Instance, Network};
use igp::{Interface, Isis, OpenFabric, Ospf};
use neighbor::{Neighbor, PeerName};
use policy::{AsPathList, BfdProfile, CommunityKind, CommunityList, PrefixList, RouteMap};
use route::{RouteSource, StaticRoute, Vrf};
use snippet::Snippet;
use word::Word;

/// One stanza, and whom it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Frr {
    /// The objects that it is there for.
    pub origin: Origin,
    /// What FRR must have.
    pub stanza: Stanza,
}

/// One thing that FRR must have configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stanza {
    /// A routing domain as zebra sees it.
    Vrf(Vrf),
    /// The static routes to a network.
    Static(StaticRoute),
    /// What routes of a protocol get as their source address, by a route map.
    RouteSource(RouteSource),
    /// A list of prefixes.
    PrefixList(PrefixList),
    /// A list of communities.
    CommunityList(CommunityList),
    /// A list of AS paths.
    AsPathList(AsPathList),
    /// A route map.
    RouteMap(RouteMap),
    /// A BFD profile.
    BfdProfile(BfdProfile),
    /// A BGP instance, without its neighbors and networks.
    Bgp(Box<Instance>),
    /// A neighbor, or a group of them, of a BGP instance.
    Neighbor(Box<Neighbor>),
    /// What a BGP instance does differently for one VXLAN network.
    Network(Network),
    /// An IS-IS instance.
    Isis(Isis),
    /// An OpenFabric instance.
    OpenFabric(OpenFabric),
    /// An OSPF instance.
    Ospf(Ospf),
    /// What the interior protocols do on a device.
    Interface(Box<Interface>),
    /// Lines of the administrator's own.
    Snippet(Snippet),
}

/// Names a stanza in a plan. `None` as a routing domain is the default one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StanzaKey {
    /// See [`Stanza::Vrf`].
    Vrf(Word),
    /// See [`Stanza::Static`].
    Static(Option<Word>, Prefix),
    /// See [`Stanza::RouteSource`].
    RouteSource(Word, Family),
    /// See [`Stanza::PrefixList`].
    PrefixList(Family, Word),
    /// See [`Stanza::CommunityList`].
    CommunityList(CommunityKind, Word),
    /// See [`Stanza::AsPathList`].
    AsPathList(Word),
    /// See [`Stanza::RouteMap`].
    RouteMap(Word),
    /// See [`Stanza::BfdProfile`].
    BfdProfile(Word),
    /// See [`Stanza::Bgp`].
    Bgp(Option<Word>),
    /// See [`Stanza::Neighbor`].
    Neighbor(Option<Word>, PeerName),
    /// See [`Stanza::Network`].
    Network(Option<Word>, Vni),
    /// See [`Stanza::Isis`].
    Isis(Word),
    /// See [`Stanza::OpenFabric`].
    OpenFabric(Word),
    /// See [`Stanza::Ospf`].
    Ospf(Option<Word>),
    /// See [`Stanza::Interface`].
    Interface(Word),
    /// See [`Stanza::Snippet`].
    Snippet(Word),
}

impl Stanza {
    /// The stanza's name in a plan.
    pub fn key(&self) -> StanzaKey {
        match self {
            Self::Vrf(vrf) => StanzaKey::Vrf(vrf.name.clone()),
            Self::Static(route) => StanzaKey::Static(route.vrf.clone(), route.prefix),
            Self::RouteSource(source) => {
                StanzaKey::RouteSource(source.protocol.clone(), source.family)
            }
            Self::PrefixList(list) => StanzaKey::PrefixList(list.family, list.name.clone()),
            Self::CommunityList(list) => StanzaKey::CommunityList(list.kind, list.name.clone()),
            Self::AsPathList(list) => StanzaKey::AsPathList(list.name.clone()),
            Self::RouteMap(map) => StanzaKey::RouteMap(map.name.clone()),
            Self::BfdProfile(profile) => StanzaKey::BfdProfile(profile.name.clone()),
            Self::Bgp(instance) => StanzaKey::Bgp(instance.at.vrf.clone()),
            Self::Neighbor(neighbor) => {
                StanzaKey::Neighbor(neighbor.at.vrf.clone(), neighbor.peer.name())
            }
            Self::Network(network) => StanzaKey::Network(network.at.vrf.clone(), network.vni),
            Self::Isis(isis) => StanzaKey::Isis(isis.tag.clone()),
            Self::OpenFabric(fabric) => StanzaKey::OpenFabric(fabric.tag.clone()),
            Self::Ospf(ospf) => StanzaKey::Ospf(ospf.vrf.clone()),
            Self::Interface(interface) => StanzaKey::Interface(interface.name.clone()),
            Self::Snippet(snippet) => StanzaKey::Snippet(snippet.name.clone()),
        }
    }
}

/// A routing domain in words.
struct Domain<'a>(&'a Option<Word>);

impl fmt::Display for Domain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(vrf) => write!(f, " in {vrf}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for StanzaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FRR's ")?;
        match self {
            Self::Vrf(name) => write!(f, "routing domain {name}"),
            Self::Static(vrf, prefix) => write!(f, "static route to {prefix}{}", Domain(vrf)),
            Self::RouteSource(protocol, family) => {
                write!(f, "source address of {family} routes by {protocol}")
            }
            Self::PrefixList(family, name) => write!(f, "{family} prefix list {name}"),
            Self::CommunityList(kind, name) => write!(f, "{} list {name}", kind.as_str()),
            Self::AsPathList(name) => write!(f, "AS path list {name}"),
            Self::RouteMap(name) => write!(f, "route map {name}"),
            Self::BfdProfile(name) => write!(f, "BFD profile {name}"),
            Self::Bgp(vrf) => write!(f, "BGP instance{}", Domain(vrf)),
            Self::Neighbor(vrf, peer) => write!(f, "BGP neighbor {peer}{}", Domain(vrf)),
            Self::Network(vrf, vni) => write!(f, "VNI {vni} of BGP{}", Domain(vrf)),
            Self::Isis(tag) => write!(f, "IS-IS instance {tag}"),
            Self::OpenFabric(tag) => write!(f, "OpenFabric instance {tag}"),
            Self::Ospf(vrf) => write!(f, "OSPF instance{}", Domain(vrf)),
            Self::Interface(name) => write!(f, "routing on device {name}"),
            Self::Snippet(name) => write!(f, "snippet {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stanza_is_read_as_it_is_written_and_nothing_unknown_in_it_is_passed_over() {
        let text = r#"{"origin":{"zone":"prod"},"stanza":{"vrf":{"name":"vrf_prod","vni":1000}}}"#;
        let frr: Frr = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&frr).unwrap(), text);
        assert_eq!(
            frr.stanza.key().to_string(),
            "FRR's routing domain vrf_prod"
        );
        let unknown = text.replace("\"vni\":1000", "\"vni\":1000,\"vnj\":1");
        assert!(serde_json::from_str::<Frr>(&unknown).is_err());
    }
}
