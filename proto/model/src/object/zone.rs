//! Zones: how the vnets in them reach from node to node.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::mtu::Mtu;
use crate::object::drift::DriftPolicy;
use crate::object::selector::NodeSelector;
use crate::port::UdpPort;
use crate::prefix::Family;

/// What a zone is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct ZoneSpec {
    /// The nodes that carry the zone's vnets.
    pub nodes: NodeSelector,
    /// The MTU of the zone's vnets; `None` takes what the type and the underlay allow.
    pub mtu: Option<Mtu>,
    /// What to do when someone else changes a device of the zone.
    pub drift: DriftPolicy,
    /// How vnets are built.
    pub kind: ZoneKind,
}

/// How a zone's vnets are built, with what only that way needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZoneKind {
    /// An isolated bridge on each node.
    Simple,
    /// A bridge on each node, joined by VXLAN (RFC 7348) with head-end replication.
    Vxlan(VxlanZone),
}

/// What a vxlan zone needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VxlanZone {
    /// Where the other tunnel end points are.
    pub peers: VxlanPeers,
    /// The destination port of tunnel packets.
    pub port: UdpPort,
    /// Whether tunnel devices learn which guest is behind which peer.
    pub learning: bool,
}

/// The tunnel end points of a vxlan zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VxlanPeers {
    /// The zone's own nodes, by their tunnel addresses of this family.
    Nodes(Family),
    /// This list, of one family and never empty; a node leaves its own address out.
    Static(BTreeSet<IpAddr>),
}

impl VxlanPeers {
    /// The family of the tunnel addresses.
    pub fn family(&self) -> Family {
        match self {
            Self::Nodes(family) => *family,
            // The constructor refuses an empty list.
            Self::Static(peers) => peers.first().map_or(Family::Ipv4, |peer| Family::of(*peer)),
        }
    }
}

/// The names of zone types. Later types are known here so that a file that uses one is told so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZoneType {
    /// An isolated bridge on each node.
    Simple,
    /// VLANs of a bridge that the node already has.
    Vlan,
    /// VLANs inside a service VLAN.
    Qinq,
    /// VXLAN with a list of peers.
    Vxlan,
    /// VXLAN with EVPN as control plane.
    Evpn,
}

impl ZoneType {
    /// The type as manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Vlan => "vlan",
            Self::Qinq => "qinq",
            Self::Vxlan => "vxlan",
            Self::Evpn => "evpn",
        }
    }
}

/// A text that names no zone type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a zone type: use simple or vxlan")]
pub struct ZoneTypeError(pub String);

impl FromStr for ZoneType {
    type Err = ZoneTypeError;

    fn from_str(text: &str) -> Result<Self, ZoneTypeError> {
        [
            Self::Simple,
            Self::Vlan,
            Self::Qinq,
            Self::Vxlan,
            Self::Evpn,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| ZoneTypeError(text.chars().take(80).collect()))
    }
}

/// A zone that contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// The type is one that this version does not build.
    #[error("type: zone type {} is not available in this version: use simple or vxlan", .0.as_str())]
    TypeNotAvailable(ZoneType),
    /// Options of one type stand in a zone of another.
    #[error("vxlan: these options are for zones of type vxlan, and this one is {}", .0.as_str())]
    ForeignOptions(ZoneType),
    /// Peers are listed and a family is chosen.
    #[error("vxlan.underlay: leave it out where `peers` lists the tunnel addresses")]
    UnderlayWithPeers,
    /// The peers are of both families.
    #[error("vxlan.peers: list addresses of one family only, IPv4 or IPv6")]
    MixedPeers,
    /// A peer is an address that no tunnel can end at.
    #[error("vxlan.peers: {0} cannot be a tunnel end point: use a unicast address")]
    UnusablePeer(IpAddr),
}

impl VxlanPeers {
    /// The peers that a user listed, or the zone's nodes where none are listed.
    ///
    /// # Errors
    /// When the list mixes families, has an address that is not unicast, or stands beside `underlay`.
    pub fn listing(peers: BTreeSet<IpAddr>, underlay: Option<Family>) -> Result<Self, ZoneError> {
        let Some(first) = peers.first() else {
            return Ok(Self::Nodes(underlay.unwrap_or(Family::Ipv4)));
        };
        if underlay.is_some() {
            return Err(ZoneError::UnderlayWithPeers);
        }
        if peers.iter().any(|peer| peer.is_ipv4() != first.is_ipv4()) {
            return Err(ZoneError::MixedPeers);
        }
        let unusable =
            |peer: &&IpAddr| peer.is_multicast() || peer.is_unspecified() || peer.is_loopback();
        if let Some(peer) = peers.iter().find(unusable) {
            return Err(ZoneError::UnusablePeer(*peer));
        }
        Ok(Self::Static(peers))
    }
}

/// How manifests write a zone.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Form {
    r#type: ZoneType,
    #[serde(default, skip_serializing_if = "NodeSelector::is_all")]
    nodes: NodeSelector,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mtu: Option<Mtu>,
    #[serde(default, skip_serializing_if = "is_default")]
    drift: DriftPolicy,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vxlan: Option<VxlanForm>,
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VxlanForm {
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    peers: BTreeSet<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    underlay: Option<Family>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    port: Option<UdpPort>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    learning: Option<bool>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl TryFrom<Form> for ZoneSpec {
    type Error = ZoneError;

    fn try_from(form: Form) -> Result<Self, ZoneError> {
        let kind = match (form.r#type, form.vxlan) {
            (ZoneType::Simple, None) => ZoneKind::Simple,
            (ZoneType::Vxlan, options) => {
                let options = options.unwrap_or_default();
                ZoneKind::Vxlan(VxlanZone {
                    peers: VxlanPeers::listing(options.peers, options.underlay)?,
                    port: options.port.unwrap_or(UdpPort::VXLAN),
                    learning: options.learning.unwrap_or(true),
                })
            }
            (kind @ ZoneType::Simple, Some(_)) => return Err(ZoneError::ForeignOptions(kind)),
            (kind @ (ZoneType::Vlan | ZoneType::Qinq | ZoneType::Evpn), _) => {
                return Err(ZoneError::TypeNotAvailable(kind));
            }
        };
        Ok(Self {
            nodes: form.nodes,
            mtu: form.mtu,
            drift: form.drift,
            kind,
        })
    }
}

impl From<ZoneSpec> for Form {
    fn from(spec: ZoneSpec) -> Self {
        let (r#type, vxlan) = match spec.kind {
            ZoneKind::Simple => (ZoneType::Simple, None),
            ZoneKind::Vxlan(vxlan) => {
                let (peers, underlay) = match vxlan.peers {
                    VxlanPeers::Nodes(family) => (BTreeSet::new(), Some(family)),
                    VxlanPeers::Static(peers) => (peers, None),
                };
                let port = Some(vxlan.port);
                (
                    ZoneType::Vxlan,
                    Some(VxlanForm {
                        peers,
                        underlay,
                        port,
                        learning: Some(vxlan.learning),
                    }),
                )
            }
        };
        Self {
            r#type,
            nodes: spec.nodes,
            mtu: spec.mtu,
            drift: spec.drift,
            vxlan,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<ZoneSpec, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_vxlan_zone_without_options_takes_its_nodes_over_ipv4() {
        let spec = read(r#"{"type":"vxlan"}"#).unwrap();
        let ZoneKind::Vxlan(vxlan) = spec.kind else {
            panic!("not a vxlan zone")
        };
        assert_eq!(vxlan.peers, VxlanPeers::Nodes(Family::Ipv4));
        assert_eq!(vxlan.port, UdpPort::VXLAN);
        assert!(vxlan.learning);
    }

    #[test]
    fn a_zone_that_contradicts_itself_is_refused() {
        for (json, part) in [
            (r#"{"type":"simple","vxlan":{}}"#, "for zones of type vxlan"),
            (r#"{"type":"evpn"}"#, "not available"),
            (
                r#"{"type":"vxlan","vxlan":{"peers":["10.0.0.1","fd00::1"]}}"#,
                "one family",
            ),
            (
                r#"{"type":"vxlan","vxlan":{"peers":["239.0.0.1"]}}"#,
                "unicast",
            ),
            (
                r#"{"type":"vxlan","vxlan":{"peers":["10.0.0.1"],"underlay":"ipv4"}}"#,
                "leave it out",
            ),
            (r#"{"type":"simple","color":"red"}"#, "unknown field"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(part), "{json}: {error}");
        }
    }

    #[test]
    fn a_zone_is_written_as_it_is_read() {
        for json in [
            r#"{"type":"simple"}"#,
            r#"{"type":"vxlan","mtu":9000,"vxlan":{"peers":["fd00::1"]}}"#,
        ] {
            let spec = read(json).unwrap();
            assert_eq!(read(&serde_json::to_string(&spec).unwrap()), Ok(spec));
        }
    }
}
