//! Zones on the wire.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use weft_model::object::drift::DriftPolicy;
use weft_model::object::selector::NodeSelector;
use weft_model::object::zone::{VxlanPeers, VxlanZone, ZoneError, ZoneKind, ZoneSpec, ZoneType};
use weft_model::port::UdpPort;
use weft_model::prefix::Family;

use super::fields::{Fields, Invalid};
use super::object::{labels, labels_to_wire};
use crate::v1;

impl From<&NodeSelector> for v1::NodeSelector {
    fn from(selector: &NodeSelector) -> Self {
        match selector {
            NodeSelector::All => Self::default(),
            NodeSelector::Names(names) => Self {
                names: names.iter().map(ToString::to_string).collect(),
                labels: HashMap::new(),
            },
            NodeSelector::Labels(labels) => Self {
                names: Vec::new(),
                labels: labels_to_wire(labels),
            },
        }
    }
}

fn selector(wire: Option<&v1::NodeSelector>) -> Result<NodeSelector, Invalid> {
    let Some(wire) = wire else {
        return Ok(NodeSelector::All);
    };
    let mut fields = Fields::default();
    let names = fields.texts("names", &wire.names);
    let labels = fields.take(labels(&wire.labels)).unwrap_or_default();
    let value = fields.keep("nodes", NodeSelector::listing(names, labels));
    fields.finish(value)
}

impl From<&ZoneSpec> for v1::ZoneSpec {
    fn from(spec: &ZoneSpec) -> Self {
        let (kind, vxlan) = match &spec.kind {
            ZoneKind::Simple => (ZoneType::Simple, None),
            ZoneKind::Vxlan(vxlan) => (ZoneType::Vxlan, Some(vxlan.into())),
        };
        Self {
            r#type: kind.as_str().to_owned(),
            nodes: (!spec.nodes.is_all()).then(|| (&spec.nodes).into()),
            mtu: spec.mtu.map(u32::from),
            drift: match spec.drift {
                DriftPolicy::Heal => "heal".to_owned(),
                DriftPolicy::Observe => "observe".to_owned(),
            },
            vxlan,
        }
    }
}

impl TryFrom<&v1::ZoneSpec> for ZoneSpec {
    type Error = Invalid;

    fn try_from(wire: &v1::ZoneSpec) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let kind = fields
            .text("type", &wire.r#type)
            .and_then(|kind| match (kind, &wire.vxlan) {
                (ZoneType::Simple, None) => Some(ZoneKind::Simple),
                (ZoneType::Vxlan, vxlan) => {
                    let absent = v1::VxlanZone::default();
                    let vxlan = VxlanZone::try_from(vxlan.as_ref().unwrap_or(&absent));
                    fields.within("vxlan", vxlan).map(ZoneKind::Vxlan)
                }
                (ZoneType::Simple, Some(_)) => {
                    fields.refuse("vxlan", ZoneError::ForeignOptions(kind));
                    None
                }
                (ZoneType::Vlan | ZoneType::Qinq | ZoneType::Evpn, _) => {
                    fields.refuse("type", ZoneError::TypeNotAvailable(kind));
                    None
                }
            });
        let drift = match wire.drift.as_str() {
            "" | "heal" => DriftPolicy::Heal,
            "observe" => DriftPolicy::Observe,
            other => {
                fields.refuse(
                    "drift",
                    format!("{other:?} is not a drift policy: use heal or observe"),
                );
                DriftPolicy::Heal
            }
        };
        let nodes = fields.within("nodes", selector(wire.nodes.as_ref()));
        let mtu = fields.maybe_number("mtu", wire.mtu);
        let value = (|| {
            Some(Self {
                nodes: nodes?,
                mtu: mtu?,
                drift,
                kind: kind?,
            })
        })();
        fields.finish(value)
    }
}

impl From<&VxlanZone> for v1::VxlanZone {
    fn from(vxlan: &VxlanZone) -> Self {
        let (peers, underlay) = match &vxlan.peers {
            VxlanPeers::Nodes(Family::Ipv4) => (Vec::new(), "ipv4"),
            VxlanPeers::Nodes(Family::Ipv6) => (Vec::new(), "ipv6"),
            VxlanPeers::Static(peers) => (peers.iter().map(ToString::to_string).collect(), ""),
        };
        Self {
            peers,
            underlay: underlay.to_owned(),
            port: Some(vxlan.port.into()),
            learning: Some(vxlan.learning),
        }
    }
}

impl TryFrom<&v1::VxlanZone> for VxlanZone {
    type Error = Invalid;

    fn try_from(wire: &v1::VxlanZone) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let underlay = match wire.underlay.as_str() {
            "" => None,
            "ipv4" => Some(Family::Ipv4),
            "ipv6" => Some(Family::Ipv6),
            other => {
                fields.refuse(
                    "underlay",
                    format!("{other:?} is not a family: use ipv4 or ipv6"),
                );
                None
            }
        };
        let listed: BTreeSet<IpAddr> = fields.texts("peers", &wire.peers);
        let peers = fields.keep("peers", VxlanPeers::listing(listed, underlay));
        let port = fields.maybe_number("port", wire.port);
        let value = (|| {
            Some(Self {
                peers: peers?,
                port: port?.unwrap_or(UdpPort::VXLAN),
                learning: wire.learning.unwrap_or(true),
            })
        })();
        fields.finish(value)
    }
}
