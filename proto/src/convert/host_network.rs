//! Host networks on the wire.

use std::collections::BTreeSet;

use weft_model::bond::MiiMonitor;
use weft_model::name::LinkName;
use weft_model::object::host_network::{
    HostBond, HostBridge, HostNetworkSpec, HostRoute, HostVlan, Interface, InterfaceKind,
    Masquerade,
};
use weft_model::prefix::{Family, InterfaceAddress};
use weft_model::vlan::VlanProtocol;

use super::fields::{Fields, Invalid};
use super::zone::{drift, drift_to_wire, selector};
use crate::v1;

impl From<&HostNetworkSpec> for v1::HostNetworkSpec {
    fn from(spec: &HostNetworkSpec) -> Self {
        Self {
            nodes: (!spec.nodes.is_all()).then(|| (&spec.nodes).into()),
            drift: drift_to_wire(spec.drift),
            interfaces: spec.interfaces.iter().map(interface_to_wire).collect(),
        }
    }
}

impl TryFrom<&v1::HostNetworkSpec> for HostNetworkSpec {
    type Error = Invalid;

    fn try_from(wire: &v1::HostNetworkSpec) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let nodes = fields.within("nodes", selector(wire.nodes.as_ref()));
        let drift = drift(&mut fields, &wire.drift);
        let listed = wire.interfaces.iter().enumerate();
        let listed: Vec<_> = listed
            .filter_map(|(at, it)| fields.within(&format!("interfaces[{at}]"), interface(it)))
            .collect();
        let interfaces = fields.keep("interfaces", Self::by_name(listed));
        let value = (|| {
            Some(Self {
                nodes: nodes?,
                drift,
                interfaces: interfaces?,
            })
        })();
        fields.finish(value)
    }
}

fn words<T: ToString>(things: impl IntoIterator<Item = T>) -> Vec<String> {
    things.into_iter().map(|it| it.to_string()).collect()
}

fn word<T: ToString>(thing: Option<T>) -> String {
    thing.map(|it| it.to_string()).unwrap_or_default()
}

fn interface_to_wire((name, interface): (&LinkName, &Interface)) -> v1::HostInterface {
    let (mut bridge, mut bond, mut vlan) = (None, None, None);
    match &interface.kind {
        InterfaceKind::Physical => {}
        InterfaceKind::Bridge(it) => bridge = Some(it.into()),
        InterfaceKind::Bond(it) => bond = Some(it.into()),
        InterfaceKind::Vlan(it) => vlan = Some(it.into()),
    }
    let family = |it: &Family| match it {
        Family::Ipv4 => "ipv4".to_owned(),
        Family::Ipv6 => "ipv6".to_owned(),
    };
    let route = |it: &HostRoute| v1::HostRoute {
        to: it.to.to_string(),
        via: word(it.via),
        metric: it.metric,
    };
    let masquerade = |it: &Masquerade| v1::HostMasquerade {
        source: it.source.to_string(),
        out: words(&it.out),
    };
    v1::HostInterface {
        name: name.to_string(),
        alias: word(interface.alias.as_ref()),
        mtu: interface.mtu.map(u32::from),
        bridge,
        bond,
        vlan,
        addresses: words(&interface.addresses),
        gateways: words(&interface.gateways),
        routes: interface.routes.iter().map(route).collect(),
        forward: interface.forward.iter().map(family).collect(),
        proxy_arp: interface.proxy_arp,
        masquerade: interface.masquerade.iter().map(masquerade).collect(),
    }
}

fn interface(wire: &v1::HostInterface) -> Result<(LinkName, Interface), Invalid> {
    let mut fields = Fields::default();
    let name: Option<LinkName> = fields.text("name", &wire.name);
    let alias = fields.maybe_text("alias", &wire.alias);
    let mtu = fields.maybe_number("mtu", wire.mtu);
    let kind = name.as_ref().and_then(|name| kind(&mut fields, name, wire));
    let addresses: BTreeSet<InterfaceAddress> = fields.texts("addresses", &wire.addresses);
    let gateways = fields.texts("gateways", &wire.gateways);
    let forward = families(&mut fields, &wire.forward);
    let routes = wire.routes.iter().enumerate();
    let routes = routes
        .filter_map(|(at, it)| fields.within(&format!("routes[{at}]"), it.try_into()))
        .collect();
    let masquerade = wire.masquerade.iter().enumerate();
    let masquerade = masquerade
        .filter_map(|(at, it)| fields.within(&format!("masquerade[{at}]"), it.try_into()))
        .collect();
    let value = (|| {
        let interface = Interface {
            kind: kind?,
            alias: alias?,
            mtu: mtu?,
            addresses,
            gateways,
            routes,
            forward,
            proxy_arp: wire.proxy_arp,
            masquerade,
        };
        Some((name?, interface))
    })();
    fields.finish(value)
}

fn families(fields: &mut Fields, wire: &[String]) -> BTreeSet<Family> {
    let mut families = BTreeSet::new();
    for (at, text) in wire.iter().enumerate() {
        match text.as_str() {
            "ipv4" => families.insert(Family::Ipv4),
            "ipv6" => families.insert(Family::Ipv6),
            other => {
                let problem = format!("{other:?} is not a family: use ipv4 or ipv6");
                fields.refuse(format!("forward[{at}]"), problem);
                false
            }
        };
    }
    families
}

fn kind(fields: &mut Fields, name: &LinkName, wire: &v1::HostInterface) -> Option<InterfaceKind> {
    fn part<'a, W, T: TryFrom<&'a W, Error = Invalid>>(
        fields: &mut Fields,
        field: &str,
        wire: Option<&'a W>,
    ) -> Option<Option<T>> {
        match wire {
            None => Some(None),
            Some(wire) => fields.within(field, wire.try_into()).map(Some),
        }
    }
    let bridge = part(fields, "bridge", wire.bridge.as_ref());
    let bond = part(fields, "bond", wire.bond.as_ref());
    let vlan = part(fields, "vlan", wire.vlan.as_ref());
    fields.keep("bridge", InterfaceKind::of(name, bridge?, bond?, vlan?))
}

impl From<&HostBridge> for v1::HostBridge {
    fn from(bridge: &HostBridge) -> Self {
        Self {
            ports: words(&bridge.ports),
            vlan_aware: bridge.vlan_aware,
            vids: word(bridge.vids.as_ref()),
            stp: bridge.stp,
            forward_delay: bridge.forward_delay.map(u32::from),
        }
    }
}

impl TryFrom<&v1::HostBridge> for HostBridge {
    type Error = Invalid;

    fn try_from(wire: &v1::HostBridge) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let ports = fields.texts("ports", &wire.ports);
        let vids = fields.maybe_text("vids", &wire.vids);
        let forward_delay = fields.maybe_number("forwardDelay", wire.forward_delay);
        let value = (|| {
            Some(Self {
                ports,
                vlan_aware: wire.vlan_aware,
                vids: vids?,
                stp: wire.stp,
                forward_delay: forward_delay?,
            })
        })();
        fields.finish(value)
    }
}

impl From<&HostBond> for v1::HostBond {
    fn from(bond: &HostBond) -> Self {
        Self {
            mode: bond.mode.to_string(),
            members: words(&bond.members),
            miimon: Some(bond.miimon.into()),
            lacp_rate: word(bond.lacp_rate),
            xmit_hash_policy: word(bond.xmit_hash_policy),
            primary: word(bond.primary.as_ref()),
        }
    }
}

impl TryFrom<&v1::HostBond> for HostBond {
    type Error = Invalid;

    fn try_from(wire: &v1::HostBond) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let mode = fields.text("mode", &wire.mode);
        let members = fields.texts("members", &wire.members);
        let miimon: Option<Option<MiiMonitor>> = fields.maybe_number("miimon", wire.miimon);
        let lacp_rate = fields.maybe_text("lacpRate", &wire.lacp_rate);
        let xmit_hash_policy = fields.maybe_text("xmitHashPolicy", &wire.xmit_hash_policy);
        let primary = fields.maybe_text("primary", &wire.primary);
        let value = (|| {
            Some(Self {
                mode: mode?,
                members,
                miimon: miimon?.unwrap_or_default(),
                lacp_rate: lacp_rate?,
                xmit_hash_policy: xmit_hash_policy?,
                primary: primary?,
            })
        })();
        fields.finish(value)
    }
}

impl From<&HostVlan> for v1::HostVlan {
    fn from(vlan: &HostVlan) -> Self {
        Self {
            device: vlan.device.to_string(),
            tag: vlan.tag.into(),
            protocol: vlan.protocol.to_string(),
        }
    }
}

impl TryFrom<&v1::HostVlan> for HostVlan {
    type Error = Invalid;

    fn try_from(wire: &v1::HostVlan) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let device = fields.text("device", &wire.device);
        let tag = fields.maybe_number("tag", Some(wire.tag)).flatten();
        let protocol: Option<Option<VlanProtocol>> = fields.maybe_text("protocol", &wire.protocol);
        let value = (|| {
            Some(Self {
                device: device?,
                tag: tag?,
                protocol: protocol?.unwrap_or_default(),
            })
        })();
        fields.finish(value)
    }
}

impl TryFrom<&v1::HostRoute> for HostRoute {
    type Error = Invalid;

    fn try_from(wire: &v1::HostRoute) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let to = fields.text("to", &wire.to);
        let via = fields.maybe_text("via", &wire.via);
        let value = (|| {
            Some(Self {
                to: to?,
                via: via?,
                metric: wire.metric,
            })
        })();
        fields.finish(value)
    }
}

impl TryFrom<&v1::HostMasquerade> for Masquerade {
    type Error = Invalid;

    fn try_from(wire: &v1::HostMasquerade) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let source = fields.text("source", &wire.source);
        let out = fields.texts("out", &wire.out);
        let value = source.map(|source| Self { source, out });
        fields.finish(value)
    }
}
