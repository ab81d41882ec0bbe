//! Objects on the wire.

use std::collections::HashMap;
use std::net::IpAddr;

use weft_model::object::node::{NodeSpec, TunnelAddresses};
use weft_model::object::subnet::SubnetSpec;
use weft_model::object::vnet::VnetSpec;
use weft_model::object::{Declared, Kind, Labels, Metadata, Object, ObjectKey, Stored};
use weft_model::revision::Version;

use super::evpn::{targets, targets_to_wire};
use super::fields::{Fields, Invalid};
use crate::v1;

impl From<Kind> for v1::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Zone => Self::Zone,
            Kind::Vnet => Self::Vnet,
            Kind::Subnet => Self::Subnet,
            Kind::Node => Self::Node,
            Kind::HostNetwork => Self::HostNetwork,
            Kind::PrefixList => Self::PrefixList,
            Kind::RouteMap => Self::RouteMap,
            Kind::Fabric => Self::Fabric,
            Kind::Controller => Self::Controller,
            Kind::FrrSnippet => Self::FrrSnippet,
        }
    }
}

/// Reads a kind; `None` where the wire leaves it open.
pub fn kind(wire: i32) -> Option<Kind> {
    match v1::Kind::try_from(wire) {
        Ok(v1::Kind::Zone) => Some(Kind::Zone),
        Ok(v1::Kind::Vnet) => Some(Kind::Vnet),
        Ok(v1::Kind::Subnet) => Some(Kind::Subnet),
        Ok(v1::Kind::Node) => Some(Kind::Node),
        Ok(v1::Kind::HostNetwork) => Some(Kind::HostNetwork),
        Ok(v1::Kind::PrefixList) => Some(Kind::PrefixList),
        Ok(v1::Kind::RouteMap) => Some(Kind::RouteMap),
        Ok(v1::Kind::Fabric) => Some(Kind::Fabric),
        Ok(v1::Kind::Controller) => Some(Kind::Controller),
        Ok(v1::Kind::FrrSnippet) => Some(Kind::FrrSnippet),
        Ok(v1::Kind::Unspecified) | Err(_) => None,
    }
}

impl From<&ObjectKey> for v1::ObjectKey {
    fn from(key: &ObjectKey) -> Self {
        Self {
            kind: v1::Kind::from(key.kind).into(),
            name: key.name.clone(),
        }
    }
}

impl TryFrom<&v1::ObjectKey> for ObjectKey {
    type Error = Invalid;

    fn try_from(wire: &v1::ObjectKey) -> Result<Self, Invalid> {
        let kind = kind(wire.kind)
            .ok_or_else(|| Invalid::field("kind", "say which kind of object is meant"))?;
        Ok(Self {
            kind,
            name: wire.name.clone(),
        })
    }
}

pub(super) fn labels_to_wire(labels: &Labels) -> HashMap<String, String> {
    labels
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

/// Reads labels, as objects carry them and as requests select by them.
///
/// # Errors
/// Names every key and value that is not valid.
pub fn labels(wire: &HashMap<String, String>) -> Result<Labels, Invalid> {
    let mut fields = Fields::default();
    let mut labels = Labels::new();
    for (key, value) in wire {
        let field = format!("labels[{key:?}]");
        if let (Some(key), Some(value)) = (fields.text(&field, key), fields.text(&field, value)) {
            labels.insert(key, value);
        }
    }
    fields.finish(Some(labels))
}

impl From<&Object> for v1::Object {
    fn from(object: &Object) -> Self {
        let spec = match object {
            Object::Zone(zone) => v1::object::Spec::Zone((&zone.spec).into()),
            Object::Vnet(vnet) => v1::object::Spec::Vnet((&vnet.spec).into()),
            Object::Subnet(subnet) => v1::object::Spec::Subnet((&subnet.spec).into()),
            Object::Node(node) => v1::object::Spec::Node((&node.spec).into()),
            Object::HostNetwork(host) => v1::object::Spec::HostNetwork((&host.spec).into()),
            Object::PrefixList(list) => v1::object::Spec::PrefixList((&list.spec).into()),
            Object::RouteMap(map) => v1::object::Spec::RouteMap((&map.spec).into()),
            Object::Fabric(it) => v1::object::Spec::Fabric((&it.spec).into()),
            Object::Controller(it) => v1::object::Spec::Controller((&it.spec).into()),
            Object::FrrSnippet(it) => v1::object::Spec::FrrSnippet((&it.spec).into()),
        };
        let metadata = v1::Metadata {
            name: object.name().to_owned(),
            labels: labels_to_wire(object.labels()),
            ..v1::Metadata::default()
        };
        Self {
            metadata: Some(metadata),
            spec: Some(spec),
            status: None,
        }
    }
}

impl From<&Stored> for v1::Object {
    fn from(stored: &Stored) -> Self {
        let mut wire = Self::from(&stored.object);
        if let Some(metadata) = &mut wire.metadata {
            metadata.version = stored.version.0;
            metadata.generation = stored.generation.0;
            metadata.uid.clone_from(&stored.uid);
            metadata.created = stored.created.0;
        }
        wire
    }
}

/// The version that the sender of an object wants it to have; `None` where the sender does not
/// care.
pub fn expected_version(wire: &v1::Object) -> Option<Version> {
    wire.metadata
        .as_ref()
        .map(|metadata| Version(metadata.version))
        .filter(|version| version.0 > 0)
}

impl TryFrom<&v1::Object> for Object {
    type Error = Invalid;

    fn try_from(wire: &v1::Object) -> Result<Self, Invalid> {
        let absent = v1::Metadata::default();
        let metadata = wire.metadata.as_ref().unwrap_or(&absent);
        match &wire.spec {
            Some(v1::object::Spec::Zone(spec)) => declared(metadata, spec).map(Self::Zone),
            Some(v1::object::Spec::Vnet(spec)) => declared(metadata, spec).map(Self::Vnet),
            Some(v1::object::Spec::Subnet(spec)) => declared(metadata, spec).map(Self::Subnet),
            Some(v1::object::Spec::Node(spec)) => declared(metadata, spec).map(Self::Node),
            Some(v1::object::Spec::HostNetwork(spec)) => {
                declared(metadata, spec).map(Self::HostNetwork)
            }
            Some(v1::object::Spec::PrefixList(spec)) => {
                declared(metadata, spec).map(Self::PrefixList)
            }
            Some(v1::object::Spec::RouteMap(spec)) => declared(metadata, spec).map(Self::RouteMap),
            Some(v1::object::Spec::FrrSnippet(spec)) => {
                declared(metadata, spec).map(Self::FrrSnippet)
            }
            Some(v1::object::Spec::Fabric(spec)) => declared(metadata, spec).map(Self::Fabric),
            Some(v1::object::Spec::Controller(spec)) => {
                declared(metadata, spec).map(Self::Controller)
            }
            None => Err(Invalid::field(
                "spec",
                "say what kind of object it is, and what it should be",
            )),
        }
    }
}

fn declared<'a, Name, Spec, Wire>(
    metadata: &v1::Metadata,
    spec: &'a Wire,
) -> Result<Declared<Name, Spec>, Invalid>
where
    Name: std::str::FromStr<Err: std::fmt::Display>,
    Spec: TryFrom<&'a Wire, Error = Invalid>,
{
    let mut fields = Fields::default();
    let name = fields.text("metadata.name", &metadata.name);
    let labels = fields.within("metadata", labels(&metadata.labels));
    let spec = fields.within("spec", Spec::try_from(spec));
    let value = (|| {
        Some(Declared {
            metadata: Metadata {
                name: name?,
                labels: labels?,
            },
            spec: spec?,
        })
    })();
    fields.finish(value)
}

impl From<&VnetSpec> for v1::VnetSpec {
    fn from(spec: &VnetSpec) -> Self {
        Self {
            zone: spec.zone.to_string(),
            tag: spec.tag.map(u32::from),
            alias: spec
                .alias
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            mac: spec.mac.map(|mac| mac.to_string()).unwrap_or_default(),
            vlan_aware: spec.vlan_aware,
            isolate_ports: spec.isolate_ports,
            distinguisher: spec
                .distinguisher
                .map(|it| it.to_string())
                .unwrap_or_default(),
            targets: targets_to_wire(&spec.targets),
            vlan: spec.vlan.map(u32::from),
        }
    }
}

impl TryFrom<&v1::VnetSpec> for VnetSpec {
    type Error = Invalid;

    fn try_from(wire: &v1::VnetSpec) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let zone = fields.text("zone", &wire.zone);
        let tag = fields.maybe_number("tag", wire.tag);
        let vlan = fields.maybe_number("vlan", wire.vlan);
        let alias = fields.maybe_text("alias", &wire.alias);
        let mac = fields.maybe_text("mac", &wire.mac);
        let distinguisher = fields.maybe_text("distinguisher", &wire.distinguisher);
        let targets = fields.within("targets", targets(wire.targets.as_ref()));
        let value = (|| {
            Some(Self {
                zone: zone?,
                tag: tag?,
                vlan: vlan?,
                alias: alias?,
                mac: mac?,
                vlan_aware: wire.vlan_aware,
                isolate_ports: wire.isolate_ports,
                distinguisher: distinguisher?,
                targets: targets?,
            })
        })();
        fields.finish(value)
    }
}

impl From<&SubnetSpec> for v1::SubnetSpec {
    fn from(spec: &SubnetSpec) -> Self {
        Self {
            vnet: spec.vnet.to_string(),
            cidr: spec.cidr.to_string(),
            gateway: spec
                .gateway
                .map(|gateway| gateway.to_string())
                .unwrap_or_default(),
            snat: spec.snat.map(|snat| snat.to_string()).unwrap_or_default(),
        }
    }
}

impl TryFrom<&v1::SubnetSpec> for SubnetSpec {
    type Error = Invalid;

    fn try_from(wire: &v1::SubnetSpec) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let vnet = fields.text("vnet", &wire.vnet);
        let cidr = fields.text("cidr", &wire.cidr);
        let gateway = fields.maybe_text("gateway", &wire.gateway);
        let snat = fields.maybe_text("snat", &wire.snat);
        let value = (|| {
            Some(Self {
                vnet: vnet?,
                cidr: cidr?,
                gateway: gateway?,
                snat: snat?,
            })
        })();
        fields.finish(value)
    }
}

impl From<&NodeSpec> for v1::NodeSpec {
    fn from(spec: &NodeSpec) -> Self {
        let TunnelAddresses { ipv4, ipv6 } = spec.tunnel;
        let text = |address: Option<IpAddr>| address.map(|a| a.to_string()).unwrap_or_default();
        let tunnel = v1::TunnelAddresses {
            ipv4: text(ipv4.map(IpAddr::V4)),
            ipv6: text(ipv6.map(IpAddr::V6)),
        };
        Self {
            tunnel: (!spec.tunnel.is_empty()).then_some(tunnel),
        }
    }
}

impl TryFrom<&v1::NodeSpec> for NodeSpec {
    type Error = Invalid;

    fn try_from(wire: &v1::NodeSpec) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let absent = v1::TunnelAddresses::default();
        let tunnel = wire.tunnel.as_ref().unwrap_or(&absent);
        let ipv4 = fields.maybe_text("tunnel.ipv4", &tunnel.ipv4);
        let ipv6 = fields.maybe_text("tunnel.ipv6", &tunnel.ipv6);
        let value = (|| {
            Some(Self {
                tunnel: TunnelAddresses {
                    ipv4: ipv4?,
                    ipv6: ipv6?,
                },
            })
        })();
        fields.finish(value)
    }
}
