//! Zones on the wire.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use weft_model::object::drift::DriftPolicy;
use weft_model::object::selector::NodeSelector;
use weft_model::object::zone::{
    EvpnZone, Layout, QinqZone, VlanZone, VxlanPeers, VxlanZone, ZoneError, ZoneKind, ZoneSpec,
    ZoneType,
};
use weft_model::port::UdpPort;
use weft_model::prefix::Family;
use weft_model::vlan::VlanProtocol;

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

pub(super) fn selector(wire: Option<&v1::NodeSelector>) -> Result<NodeSelector, Invalid> {
    let Some(wire) = wire else {
        return Ok(NodeSelector::All);
    };
    let mut fields = Fields::default();
    let names = fields.texts("names", &wire.names);
    let labels = fields.take(labels(&wire.labels)).unwrap_or_default();
    let value = fields.keep("nodes", NodeSelector::listing(names, labels));
    fields.finish(value)
}

pub(super) fn drift_to_wire(policy: DriftPolicy) -> String {
    match policy {
        DriftPolicy::Heal => "heal".to_owned(),
        DriftPolicy::Observe => "observe".to_owned(),
    }
}

pub(super) fn drift(fields: &mut Fields, wire: &str) -> DriftPolicy {
    match wire {
        "" | "heal" => DriftPolicy::Heal,
        "observe" => DriftPolicy::Observe,
        other => {
            let problem = format!("{other:?} is not a drift policy: use heal or observe");
            fields.refuse("drift", problem);
            DriftPolicy::Heal
        }
    }
}

impl From<&ZoneSpec> for v1::ZoneSpec {
    fn from(spec: &ZoneSpec) -> Self {
        let (mut vlan, mut qinq, mut vxlan, mut evpn) = (None, None, None, None);
        let mut layout = Layout::default();
        match &spec.kind {
            ZoneKind::Simple => {}
            ZoneKind::Vlan(it) => vlan = Some(it.into()),
            ZoneKind::Qinq(it) => qinq = Some(it.into()),
            ZoneKind::Vxlan(it) => {
                layout = it.layout;
                vxlan = Some(it.into());
            }
            ZoneKind::Evpn(it) => {
                layout = it.layout;
                evpn = Some(it.into());
            }
        }
        Self {
            r#type: spec.kind.zone_type().as_str().to_owned(),
            nodes: (!spec.nodes.is_all()).then(|| (&spec.nodes).into()),
            mtu: spec.mtu.map(u32::from),
            drift: drift_to_wire(spec.drift),
            vxlan,
            vlan,
            qinq,
            evpn,
            layout: match layout {
                Layout::Separate => String::new(),
                Layout::Bundle => layout.as_str().to_owned(),
            },
        }
    }
}

impl TryFrom<&v1::ZoneSpec> for ZoneSpec {
    type Error = Invalid;

    fn try_from(wire: &v1::ZoneSpec) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let zone_type = fields.text("type", &wire.r#type);
        let kind = zone_type.and_then(|zone_type| kind(&mut fields, zone_type, wire));
        let drift = drift(&mut fields, &wire.drift);
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

fn kind(fields: &mut Fields, zone: ZoneType, wire: &v1::ZoneSpec) -> Option<ZoneKind> {
    let given = [
        (ZoneType::Vlan, wire.vlan.is_some()),
        (ZoneType::Qinq, wire.qinq.is_some()),
        (ZoneType::Vxlan, wire.vxlan.is_some()),
        (ZoneType::Evpn, wire.evpn.is_some()),
    ];
    if let Err(error) = zone.only(given) {
        let options = match &error {
            ZoneError::ForeignOptions { options, .. } => options.as_str(),
            _ => "type",
        };
        fields.refuse(options, error);
        return None;
    }
    let layout: Option<Layout> = fields.maybe_text("layout", &wire.layout)?;
    if layout.is_some() && !zone.has_layout() {
        fields.refuse("layout", ZoneError::NoLayout(zone));
        return None;
    }
    match zone {
        ZoneType::Simple => Some(ZoneKind::Simple),
        ZoneType::Vlan => match &wire.vlan {
            Some(vlan) => fields
                .within("vlan", VlanZone::try_from(vlan))
                .map(ZoneKind::Vlan),
            None => {
                fields.refuse("vlan", ZoneError::NoOptions(zone));
                None
            }
        },
        ZoneType::Qinq => match &wire.qinq {
            Some(qinq) => fields
                .within("qinq", QinqZone::try_from(qinq))
                .map(ZoneKind::Qinq),
            None => {
                fields.refuse("qinq", ZoneError::NoOptions(zone));
                None
            }
        },
        ZoneType::Vxlan => {
            let absent = v1::VxlanZone::default();
            let vxlan = VxlanZone::try_from(wire.vxlan.as_ref().unwrap_or(&absent));
            let vxlan = fields.within("vxlan", vxlan)?;
            Some(ZoneKind::Vxlan(VxlanZone {
                layout: layout.unwrap_or_default(),
                ..vxlan
            }))
        }
        ZoneType::Evpn => match &wire.evpn {
            Some(evpn) => {
                let evpn = fields.within("evpn", EvpnZone::try_from(evpn))?;
                Some(ZoneKind::Evpn(EvpnZone {
                    layout: layout.unwrap_or_default(),
                    ..evpn
                }))
            }
            None => {
                fields.refuse("evpn", ZoneError::NoOptions(zone));
                None
            }
        },
    }
}

impl From<&VlanZone> for v1::VlanZone {
    fn from(vlan: &VlanZone) -> Self {
        Self {
            bridge: vlan.bridge.to_string(),
            uplinks: vlan.uplinks.iter().map(ToString::to_string).collect(),
            mac_learning: Some(vlan.mac_learning),
        }
    }
}

impl TryFrom<&v1::VlanZone> for VlanZone {
    type Error = Invalid;

    fn try_from(wire: &v1::VlanZone) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let bridge = fields.text("bridge", &wire.bridge);
        let uplinks = fields.texts("uplinks", &wire.uplinks);
        let value = bridge.map(|bridge| Self {
            bridge,
            uplinks,
            mac_learning: wire.mac_learning.unwrap_or(true),
        });
        fields.finish(value)
    }
}

impl From<&QinqZone> for v1::QinqZone {
    fn from(qinq: &QinqZone) -> Self {
        Self {
            bridge: qinq.bridge.to_string(),
            uplinks: qinq.uplinks.iter().map(ToString::to_string).collect(),
            tag: qinq.tag.into(),
            protocol: qinq.protocol.to_string(),
            mac_learning: Some(qinq.mac_learning),
        }
    }
}

impl TryFrom<&v1::QinqZone> for QinqZone {
    type Error = Invalid;

    fn try_from(wire: &v1::QinqZone) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let bridge = fields.text("bridge", &wire.bridge);
        let uplinks = fields.texts("uplinks", &wire.uplinks);
        let tag = fields.maybe_number("tag", Some(wire.tag)).flatten();
        let protocol: Option<Option<VlanProtocol>> = fields.maybe_text("protocol", &wire.protocol);
        let value = (|| {
            Some(Self {
                bridge: bridge?,
                uplinks,
                tag: tag?,
                protocol: protocol?.unwrap_or_default(),
                mac_learning: wire.mac_learning.unwrap_or(true),
            })
        })();
        fields.finish(value)
    }
}

impl From<&VxlanZone> for v1::VxlanZone {
    fn from(vxlan: &VxlanZone) -> Self {
        let family = |family: &Family| match family {
            Family::Ipv4 => "ipv4",
            Family::Ipv6 => "ipv6",
        };
        let (peers, underlay, fabric) = match &vxlan.peers {
            VxlanPeers::Nodes(of) => (Vec::new(), family(of), String::new()),
            VxlanPeers::Static(peers) => {
                let peers = peers.iter().map(ToString::to_string);
                (peers.collect(), "", String::new())
            }
            VxlanPeers::Fabric(fabric, of) => (Vec::new(), family(of), fabric.to_string()),
        };
        Self {
            peers,
            underlay: underlay.to_owned(),
            fabric,
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
        let fabric = fields.maybe_text("fabric", &wire.fabric);
        let peers = fabric.and_then(|fabric| {
            let peers = VxlanPeers::listing(listed, underlay, fabric);
            let field = match &peers {
                Err(ZoneError::FabricWithPeers) => "fabric",
                _ => "peers",
            };
            fields.keep(field, peers)
        });
        let port = fields.maybe_number("port", wire.port);
        let value = (|| {
            Some(Self {
                peers: peers?,
                port: port?.unwrap_or(UdpPort::VXLAN),
                learning: wire.learning.unwrap_or(true),
                layout: Layout::default(),
            })
        })();
        fields.finish(value)
    }
}
