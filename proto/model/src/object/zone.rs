//! Zones: how the vnets in them reach from node to node.

use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::mtu::Mtu;
use crate::name::{ControllerName, NodeName};
use crate::object::drift::DriftPolicy;
use crate::object::selector::NodeSelector;

mod evpn;
mod vlan;
mod vxlan;

use evpn::EvpnForm;
pub use evpn::{EvpnZone, Exits};
pub use vlan::{QinqZone, VlanZone};
use vxlan::VxlanForm;
pub use vxlan::{Layout, VxlanPeers, VxlanZone};

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
    /// VLANs of a bridge that the nodes already have (IEEE 802.1Q).
    Vlan(VlanZone),
    /// VLANs inside a service VLAN of such a bridge (IEEE 802.1ad).
    Qinq(QinqZone),
    /// A bridge on each node, joined by VXLAN (RFC 7348) with head-end replication.
    Vxlan(VxlanZone),
    /// The same with BGP EVPN (RFC 8365), which tells every node where a guest is, and with routing
    /// between the zone's vnets.
    Evpn(EvpnZone),
}

impl ZoneKind {
    /// Whether all vnets are VLANs of one bridge, with one tunnel device for the whole zone.
    pub fn is_bundle(&self) -> bool {
        match self {
            Self::Vxlan(VxlanZone { layout, .. }) | Self::Evpn(EvpnZone { layout, .. }) => {
                *layout == Layout::Bundle
            }
            Self::Simple | Self::Vlan(_) | Self::Qinq(_) => false,
        }
    }

    /// Whether a vnet has a device of its own name: its bridge, or where all vnets are VLANs of one
    /// bridge and routed, what its gateway is on.
    pub fn names_vnet_devices(&self) -> bool {
        !self.is_bundle() || matches!(self, Self::Evpn(_))
    }

    /// The type's name.
    pub fn zone_type(&self) -> ZoneType {
        match self {
            Self::Simple => ZoneType::Simple,
            Self::Vlan(_) => ZoneType::Vlan,
            Self::Qinq(_) => ZoneType::Qinq,
            Self::Vxlan(_) => ZoneType::Vxlan,
            Self::Evpn(_) => ZoneType::Evpn,
        }
    }

    /// Whether the vnets' bridges learn which guest is behind which port.
    pub fn learns_guests(&self) -> bool {
        match self {
            Self::Simple | Self::Vxlan(_) => true,
            Self::Vlan(vlan) => vlan.mac_learning,
            Self::Qinq(qinq) => qinq.mac_learning,
            Self::Evpn(evpn) => evpn.mac_learning,
        }
    }
}

/// The names of zone types.
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
    /// Whether zones of the type can be laid out in more than one way.
    pub fn has_layout(self) -> bool {
        match self {
            Self::Vxlan | Self::Evpn => true,
            Self::Simple | Self::Vlan | Self::Qinq => false,
        }
    }

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
#[error("{0:?} is not a zone type: use simple, vlan, qinq, vxlan or evpn")]
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
    /// Options of one type stand in a zone of another.
    #[error(
        "{}: these options are for zones of type {}, and this one is {}",
        .options.as_str(), .options.as_str(), .zone.as_str()
    )]
    ForeignOptions {
        /// The type that the options are for.
        options: ZoneType,
        /// The type of the zone.
        zone: ZoneType,
    },
    /// A type that cannot do without options has none.
    #[error("{}: a zone of type {} needs these options", .0.as_str(), .0.as_str())]
    NoOptions(ZoneType),
    /// A layout is chosen in a zone of a type that has one only.
    #[error("layout: only zones of type vxlan and evpn have a layout, and this one is {}", .0.as_str())]
    NoLayout(ZoneType),
    /// Peers are listed and a family is chosen.
    #[error("vxlan.underlay: leave it out where `peers` lists the tunnel addresses")]
    UnderlayWithPeers,
    /// Peers are listed and a fabric is named.
    #[error("vxlan.fabric: leave it out where `peers` lists the tunnel addresses")]
    FabricWithPeers,
    /// The peers are of both families.
    #[error("vxlan.peers: list addresses of one family only, IPv4 or IPv6")]
    MixedPeers,
    /// A peer is an address that no tunnel can end at.
    #[error("vxlan.peers: {0} cannot be a tunnel end point: use a unicast address")]
    UnusablePeer(IpAddr),
    /// Nobody carries the zone's routes.
    #[error("evpn.controllers: name at least one controller of type evpn")]
    NoController,
    /// One controller is named twice.
    #[error("evpn.controllers: {0} is named twice")]
    ControllerTwice(ControllerName),
    /// Exits without a node.
    #[error("evpn.exits.nodes: name at least one node, or leave `exits` out")]
    NoExit,
    /// The preferred exit is none.
    #[error("evpn.exits.primary: {0} is not one of `nodes`")]
    PrimaryIsNoExit(NodeName),
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
    layout: Option<Layout>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vlan: Option<VlanZone>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    qinq: Option<QinqZone>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vxlan: Option<VxlanForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evpn: Option<EvpnForm>,
}

impl ZoneType {
    /// Refuses options of another type.
    ///
    /// # Errors
    /// When there are any.
    pub fn only(self, given: impl IntoIterator<Item = (Self, bool)>) -> Result<(), ZoneError> {
        let foreign = |(options, given): &(Self, bool)| *given && *options != self;
        match given.into_iter().find(foreign) {
            Some((options, _)) => Err(ZoneError::ForeignOptions {
                options,
                zone: self,
            }),
            None => Ok(()),
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl TryFrom<Form> for ZoneSpec {
    type Error = ZoneError;

    fn try_from(form: Form) -> Result<Self, ZoneError> {
        let zone = form.r#type;
        zone.only([
            (ZoneType::Vlan, form.vlan.is_some()),
            (ZoneType::Qinq, form.qinq.is_some()),
            (ZoneType::Vxlan, form.vxlan.is_some()),
            (ZoneType::Evpn, form.evpn.is_some()),
        ])?;
        if form.layout.is_some() && !zone.has_layout() {
            return Err(ZoneError::NoLayout(zone));
        }
        let kind = match zone {
            ZoneType::Simple => ZoneKind::Simple,
            ZoneType::Vlan => ZoneKind::Vlan(form.vlan.ok_or(ZoneError::NoOptions(zone))?),
            ZoneType::Qinq => ZoneKind::Qinq(form.qinq.ok_or(ZoneError::NoOptions(zone))?),
            ZoneType::Vxlan => ZoneKind::Vxlan(VxlanZone {
                layout: form.layout.unwrap_or_default(),
                ..form.vxlan.unwrap_or_default().try_into()?
            }),
            ZoneType::Evpn => ZoneKind::Evpn(EvpnZone {
                layout: form.layout.unwrap_or_default(),
                ..form.evpn.ok_or(ZoneError::NoOptions(zone))?.try_into()?
            }),
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
        let mut form = Self {
            r#type: spec.kind.zone_type(),
            nodes: spec.nodes,
            mtu: spec.mtu,
            drift: spec.drift,
            layout: None,
            vlan: None,
            qinq: None,
            vxlan: None,
            evpn: None,
        };
        match spec.kind {
            ZoneKind::Simple => {}
            ZoneKind::Vlan(vlan) => form.vlan = Some(vlan),
            ZoneKind::Qinq(qinq) => form.qinq = Some(qinq),
            ZoneKind::Vxlan(vxlan) => {
                form.layout = Some(vxlan.layout).filter(|layout| *layout != Layout::default());
                form.vxlan = Some(vxlan.into());
            }
            ZoneKind::Evpn(evpn) => {
                form.layout = Some(evpn.layout).filter(|layout| *layout != Layout::default());
                form.evpn = Some(evpn.into());
            }
        }
        form
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::UdpPort;
    use crate::prefix::Family;

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
            (r#"{"type":"evpn"}"#, "needs these options"),
            (
                r#"{"type":"evpn","evpn":{"vrfVni":1,"controllers":[]}}"#,
                "at least one controller",
            ),
            (
                r#"{"type":"evpn","evpn":{"vrfVni":1,"controllers":["cc","cc"]}}"#,
                "cc is named twice",
            ),
            (
                r#"{"type":"evpn","evpn":{"vrfVni":1,"controllers":["cc"],"exits":{"nodes":["n1"],"primary":"n2"}}}"#,
                "n2 is not one of `nodes`",
            ),
            (r#"{"type":"vlan"}"#, "needs these options"),
            (r#"{"type":"vlan","vlan":{}}"#, "missing field `bridge`"),
            (
                r#"{"type":"vlan","qinq":{"bridge":"vmbr0","tag":10}}"#,
                "for zones of type qinq, and this one is vlan",
            ),
            (
                r#"{"type":"qinq","qinq":{"bridge":"vmbr0","tag":4095}}"#,
                "use 1 to 4094",
            ),
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
            (
                r#"{"type":"vxlan","vxlan":{"peers":["10.0.0.1"],"fabric":"core"}}"#,
                "vxlan.fabric: leave it out",
            ),
            (
                r#"{"type":"simple","layout":"bundle"}"#,
                "only zones of type vxlan and evpn",
            ),
            (
                r#"{"type":"vxlan","layout":"heap"}"#,
                "unknown variant `heap`",
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
            r#"{"type":"vlan","vlan":{"bridge":"vmbr0","uplinks":["eth0"],"macLearning":false}}"#,
            r#"{"type":"qinq","qinq":{"bridge":"vmbr0","tag":10,"protocol":"802.1ad"}}"#,
            r#"{"type":"vxlan","mtu":9000,"vxlan":{"peers":["fd00::1"]}}"#,
            r#"{"type":"evpn","evpn":{"vrfVni":1000,"controllers":["ctl"],"mac":"a2:1d:cb:1a:c0:8b","exits":{"nodes":["n1"],"primary":"n1","localRouting":true},"advertiseSubnets":true,"suppression":false,"macLearning":false,"distinguisher":"1:1","targets":{"import":["1:1"],"export":["2:2"]},"port":8472,"underlay":"ipv6"}}"#,
            r#"{"type":"vxlan","layout":"bundle"}"#,
            r#"{"type":"evpn","layout":"bundle","evpn":{"vrfVni":1000,"controllers":["ctl"]}}"#,
            r#"{"type":"vxlan","vxlan":{"fabric":"core","underlay":"ipv6"}}"#,
        ] {
            let spec = read(json).unwrap();
            assert_eq!(read(&serde_json::to_string(&spec).unwrap()), Ok(spec));
        }
    }
}
