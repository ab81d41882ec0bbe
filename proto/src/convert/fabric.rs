//! Fabrics on the wire.

use std::num::NonZeroU32;

use weft_model::name::{LinkName, NodeName};
use weft_model::object::fabric::{
    BgpOptions, FabricInterface, FabricKind, FabricNode, FabricSpec, OpenFabricOptions,
    OspfOptions, kind_of, map_of,
};

use super::fields::{Fields, Invalid};
use crate::v1;

impl From<&FabricSpec> for v1::FabricSpec {
    fn from(spec: &FabricSpec) -> Self {
        let mut wire = Self {
            r#type: spec.kind.as_str().to_owned(),
            prefix: text(spec.prefix),
            prefix6: text(spec.prefix6),
            nodes: spec.nodes.iter().map(node_to_wire).collect(),
            openfabric: None,
            ospf: None,
            bgp: None,
        };
        match &spec.kind {
            FabricKind::OpenFabric(options) => {
                wire.openfabric = Some(v1::OpenFabricOptions {
                    hello_interval: options.hello_interval.map(u32::from),
                    hello_multiplier: options.hello_multiplier.map(u32::from),
                    csnp_interval: options.csnp_interval.map(u32::from),
                });
            }
            FabricKind::Ospf(options) => {
                wire.ospf = Some(v1::OspfOptions {
                    area: options.area.to_string(),
                    hello_interval: options.hello_interval.map(u32::from),
                    dead_interval: options.dead_interval.map(u32::from),
                });
            }
            FabricKind::Bgp(options) => wire.bgp = Some(v1::BgpOptions { bfd: options.bfd }),
        }
        wire
    }
}

impl TryFrom<&v1::FabricSpec> for FabricSpec {
    type Error = Invalid;

    fn try_from(wire: &v1::FabricSpec) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let prefix = fields.maybe_text("prefix", &wire.prefix);
        let prefix6 = fields.maybe_text("prefix6", &wire.prefix6);
        let kind = kind(&mut fields, wire);
        let listed = wire.nodes.iter().enumerate();
        let nodes: Vec<_> = listed
            .filter_map(|(at, it)| fields.within(&format!("nodes[{at}]"), node(it)))
            .collect();
        let nodes = fields.keep("nodes", map_of("nodes", nodes));
        let read = (|| {
            Some(Self {
                prefix: prefix?,
                prefix6: prefix6?,
                kind: kind?,
                nodes: nodes?,
            })
        })();
        let value = read.and_then(|read| {
            let checked = read.checked();
            let field = checked.as_ref().err().map_or("", |error| error.field());
            fields.keep(field, checked)
        });
        fields.finish(value)
    }
}

fn kind(fields: &mut Fields, wire: &v1::FabricSpec) -> Option<FabricKind> {
    let openfabric = match &wire.openfabric {
        Some(wire) => Some(fields.within("openfabric", openfabric(wire))?),
        None => None,
    };
    let ospf = match &wire.ospf {
        Some(wire) => Some(fields.within("ospf", ospf(wire))?),
        None => None,
    };
    let bgp = wire.bgp.as_ref().map(|wire| BgpOptions { bfd: wire.bfd });
    let kind = kind_of(&wire.r#type, openfabric, ospf, bgp);
    let field = kind.as_ref().err().map_or("", |error| error.field());
    fields.keep(field, kind)
}

fn openfabric(wire: &v1::OpenFabricOptions) -> Result<OpenFabricOptions, Invalid> {
    let mut fields = Fields::default();
    let hello_interval = fields.maybe_number("helloInterval", wire.hello_interval);
    let hello_multiplier = fields.maybe_number("helloMultiplier", wire.hello_multiplier);
    let csnp_interval = fields.maybe_number("csnpInterval", wire.csnp_interval);
    let value = (|| {
        Some(OpenFabricOptions {
            hello_interval: hello_interval?,
            hello_multiplier: hello_multiplier?,
            csnp_interval: csnp_interval?,
        })
    })();
    fields.finish(value)
}

fn ospf(wire: &v1::OspfOptions) -> Result<OspfOptions, Invalid> {
    let mut fields = Fields::default();
    let area = fields.text("area", &wire.area);
    let hello_interval = fields.maybe_number("helloInterval", wire.hello_interval);
    let dead_interval = fields.maybe_number("deadInterval", wire.dead_interval);
    let value = (|| {
        Some(OspfOptions {
            area: area?,
            hello_interval: hello_interval?,
            dead_interval: dead_interval?,
        })
    })();
    fields.finish(value)
}

fn node_to_wire((name, node): (&NodeName, &FabricNode)) -> v1::FabricNode {
    let interfaces = node.interfaces.iter();
    let interfaces = interfaces.map(|(name, interface)| v1::FabricInterface {
        name: name.to_string(),
        network: text(interface.network.map(|it| it.as_str())),
    });
    v1::FabricNode {
        name: name.to_string(),
        ip: text(node.ip),
        ip6: text(node.ip6),
        index: node.index.map(NonZeroU32::get),
        asn: node.asn.map(u32::from),
        interfaces: interfaces.collect(),
    }
}

fn node(wire: &v1::FabricNode) -> Result<(NodeName, FabricNode), Invalid> {
    let mut fields = Fields::default();
    let name = fields.text("name", &wire.name);
    let ip = fields.maybe_text("ip", &wire.ip);
    let ip6 = fields.maybe_text("ip6", &wire.ip6);
    let index = fields.maybe_number("index", wire.index);
    let asn = fields.maybe_number("asn", wire.asn);
    let listed = wire.interfaces.iter().enumerate();
    let interfaces: Vec<_> = listed
        .filter_map(|(at, it)| fields.within(&format!("interfaces[{at}]"), interface(it)))
        .collect();
    let interfaces = fields.keep("interfaces", map_of("interfaces", interfaces));
    let value = (|| {
        let node = FabricNode {
            ip: ip?,
            ip6: ip6?,
            index: index?,
            asn: asn?,
            interfaces: interfaces?,
        };
        Some((name?, node))
    })();
    fields.finish(value)
}

fn interface(wire: &v1::FabricInterface) -> Result<(LinkName, FabricInterface), Invalid> {
    let mut fields = Fields::default();
    let name = fields.text("name", &wire.name);
    let network = fields.maybe_text("network", &wire.network);
    let value = name.zip(network);
    fields.finish(value.map(|(name, network)| (name, FabricInterface { network })))
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map(|it| it.to_string()).unwrap_or_default()
}
