//! What a device is, on the wire.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use weft_model::plan::link::{
    Bond, Bridge, Bundle, GuestPorts, LinkKind, SwitchPort, Vlan, Vrf, Vxlan,
};
use weft_model::vni::Vni;

use super::fields::{Fields, Invalid};
use crate::v1;

pub(super) fn address_to_wire(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

pub(super) fn address(wire: &[u8]) -> Result<IpAddr, &'static str> {
    if let Ok(octets) = <[u8; 4]>::try_from(wire) {
        return Ok(octets.into());
    }
    <[u8; 16]>::try_from(wire)
        .map(IpAddr::from)
        .map_err(|_| "an address has 4 or 16 bytes")
}

pub(super) fn flood_to_wire(flood: &BTreeSet<IpAddr>) -> Vec<Vec<u8>> {
    flood.iter().copied().map(address_to_wire).collect()
}

pub(super) fn flood(fields: &mut Fields, wire: &[Vec<u8>]) -> Arc<BTreeSet<IpAddr>> {
    let mut flood = BTreeSet::new();
    for (at, peer) in wire.iter().enumerate() {
        flood.extend(fields.keep(&format!("flood[{at}]"), address(peer)));
    }
    Arc::new(flood)
}

impl From<&LinkKind> for v1::link::Kind {
    fn from(kind: &LinkKind) -> Self {
        match kind {
            LinkKind::Bridge(bridge) => v1::link::Kind::Bridge(v1::Bridge {
                vlan_aware: bridge.vlan_aware,
                isolate_guests: bridge.guests.isolated,
                forget_guests: !bridge.guests.learning,
                spanning_tree: bridge.spanning_tree,
                forward_delay: bridge.forward_delay.into(),
                bare_ports: bridge.bare_ports,
            }),
            LinkKind::Vlan(vlan) => v1::link::Kind::Vlan(v1::Vlan {
                parent: vlan.parent.to_string(),
                id: vlan.id.into(),
                protocol: vlan.protocol.to_string(),
                join: vlan.join,
            }),
            LinkKind::Veth { peer } => v1::link::Kind::Veth(v1::Veth {
                peer: peer.to_string(),
            }),
            LinkKind::Bond(bond) => v1::link::Kind::Bond(bond_to_wire(bond)),
            LinkKind::Vrf(vrf) => v1::link::Kind::Vrf(v1::Vrf {
                table: vrf.table,
                has_unreachable_default: vrf.has_unreachable_default,
            }),
            LinkKind::Dummy => v1::link::Kind::Dummy(v1::Dummy {}),
            LinkKind::Physical => v1::link::Kind::Physical(v1::Physical {}),
            LinkKind::Switched(port) => v1::link::Kind::SwitchPort(v1::SwitchPort {
                switch: port.switch.to_string(),
                id: port.id.into(),
                tunnel: port.tunnel.map(|it| it.to_string()).unwrap_or_default(),
            }),
            LinkKind::Vxlan(vxlan) => v1::link::Kind::Vxlan(v1::Vxlan {
                vni: vxlan.vni.get(),
                local: address_to_wire(vxlan.local),
                port: vxlan.port.into(),
                learning: vxlan.learning,
                flood: flood_to_wire(&vxlan.flood),
                suppression: vxlan.suppression,
                told_by_bgp: vxlan.told_by_bgp,
            }),
            LinkKind::Bundle(bundle) => v1::link::Kind::Bundle(v1::Bundle {
                local: address_to_wire(bundle.local),
                port: bundle.port.into(),
                learning: bundle.learning,
                suppression: bundle.suppression,
                told_by_bgp: bundle.told_by_bgp,
            }),
        }
    }
}

/// Reads what a device is; faults are told to `fields`.
pub(super) fn kind(fields: &mut Fields, wire: &v1::link::Kind) -> Option<LinkKind> {
    match wire {
        v1::link::Kind::Bridge(wire) => fields.within("bridge", bridge(wire)).map(LinkKind::Bridge),
        v1::link::Kind::Vlan(wire) => fields.within("vlan", vlan(wire)).map(LinkKind::Vlan),
        v1::link::Kind::Veth(wire) => fields
            .text("veth.peer", &wire.peer)
            .map(|peer| LinkKind::Veth { peer }),
        v1::link::Kind::SwitchPort(wire) => fields
            .within("switch_port", switch_port(wire))
            .map(LinkKind::Switched),
        v1::link::Kind::Vxlan(wire) => fields.within("vxlan", vxlan(wire)).map(LinkKind::Vxlan),
        v1::link::Kind::Bond(wire) => fields.within("bond", bond(wire)).map(LinkKind::Bond),
        v1::link::Kind::Vrf(wire) => Some(LinkKind::Vrf(Vrf {
            table: wire.table,
            has_unreachable_default: wire.has_unreachable_default,
        })),
        v1::link::Kind::Dummy(_) => Some(LinkKind::Dummy),
        v1::link::Kind::Physical(_) => Some(LinkKind::Physical),
        v1::link::Kind::Bundle(wire) => fields.within("bundle", bundle(wire)).map(LinkKind::Bundle),
    }
}

fn bridge(wire: &v1::Bridge) -> Result<Bridge, Invalid> {
    let mut fields = Fields::default();
    let delay = u8::try_from(wire.forward_delay).map_err(|_| "at most 30 seconds");
    let forward_delay = fields.keep("forward_delay", delay);
    let value = (|| {
        Some(Bridge {
            vlan_aware: wire.vlan_aware,
            bare_ports: wire.bare_ports,
            guests: GuestPorts {
                isolated: wire.isolate_guests,
                learning: !wire.forget_guests,
            },
            spanning_tree: wire.spanning_tree,
            forward_delay: forward_delay?,
        })
    })();
    fields.finish(value)
}

fn bond_to_wire(bond: &Bond) -> v1::Bond {
    let text = |value: Option<String>| value.unwrap_or_default();
    v1::Bond {
        mode: bond.mode.to_string(),
        miimon: bond.miimon.into(),
        lacp_rate: text(bond.lacp_rate.map(|it| it.to_string())),
        xmit_hash_policy: text(bond.xmit_hash_policy.map(|it| it.to_string())),
        primary: text(bond.primary.as_ref().map(ToString::to_string)),
    }
}

fn bond(wire: &v1::Bond) -> Result<Bond, Invalid> {
    let mut fields = Fields::default();
    let mode = fields.text("mode", &wire.mode);
    let miimon = fields.maybe_number("miimon", Some(wire.miimon)).flatten();
    let lacp_rate = fields.maybe_text("lacp_rate", &wire.lacp_rate);
    let xmit_hash_policy = fields.maybe_text("xmit_hash_policy", &wire.xmit_hash_policy);
    let primary = fields.maybe_text("primary", &wire.primary);
    let value = (|| {
        Some(Bond {
            mode: mode?,
            miimon: miimon?,
            lacp_rate: lacp_rate?,
            xmit_hash_policy: xmit_hash_policy?,
            primary: primary?,
        })
    })();
    fields.finish(value)
}

fn vlan(wire: &v1::Vlan) -> Result<Vlan, Invalid> {
    let mut fields = Fields::default();
    let parent = fields.text("parent", &wire.parent);
    let id = fields.maybe_number("id", Some(wire.id)).flatten();
    let protocol = fields.text("protocol", &wire.protocol);
    let value = (|| {
        Some(Vlan {
            parent: parent?,
            id: id?,
            protocol: protocol?,
            join: wire.join,
        })
    })();
    fields.finish(value)
}

fn switch_port(wire: &v1::SwitchPort) -> Result<SwitchPort, Invalid> {
    let mut fields = Fields::default();
    let switch = fields.text("switch", &wire.switch);
    let id = fields.maybe_number("id", Some(wire.id)).flatten();
    let tunnel = fields.maybe_text("tunnel", &wire.tunnel);
    let value = (|| {
        Some(SwitchPort {
            switch: switch?,
            id: id?,
            tunnel: tunnel?,
        })
    })();
    fields.finish(value)
}

fn vxlan(wire: &v1::Vxlan) -> Result<Vxlan, Invalid> {
    let mut fields = Fields::default();
    let vni = fields.keep("vni", Vni::try_from(wire.vni));
    let local = fields.keep("local", address(&wire.local));
    let port = fields.maybe_number("port", Some(wire.port)).flatten();
    let flood = flood(&mut fields, &wire.flood);
    let value = (|| {
        Some(Vxlan {
            vni: vni?,
            local: local?,
            port: port?,
            learning: wire.learning,
            flood,
            suppression: wire.suppression,
            told_by_bgp: wire.told_by_bgp,
        })
    })();
    fields.finish(value)
}

fn bundle(wire: &v1::Bundle) -> Result<Bundle, Invalid> {
    let mut fields = Fields::default();
    let local = fields.keep("local", address(&wire.local));
    let port = fields.maybe_number("port", Some(wire.port)).flatten();
    let value = (|| {
        Some(Bundle {
            local: local?,
            port: port?,
            learning: wire.learning,
            suppression: wire.suppression,
            told_by_bgp: wire.told_by_bgp,
        })
    })();
    fields.finish(value)
}
