//! The kinds of change that a zone makes: to its nodes, to how they reach each other, to sizes.

use weft_model::mtu::Mtu;
use weft_model::name::{LinkName, NodeName};
use weft_model::object::zone::{EvpnZone, Layout, QinqZone, ZoneKind, ZoneSpec};
use weft_model::object::{Kind, ObjectKey};

use super::{Class, Found, PLAIN};
use crate::diff::Pending;
use crate::intent::{Intent, Underlay, Zone};

/// Nodes that come to a zone or leave it, told of the object whose change that is.
pub(super) fn membership(
    before: &Zone,
    after: &Zone,
    key: &ObjectKey,
    is_theirs: impl Fn(&NodeName) -> bool,
    found: &mut Found,
) {
    if before.nodes() == after.nodes() {
        return;
    }
    let name = before.name();
    let mut tell = |node: &NodeName, class, own: &str, theirs: &str| {
        let node_key = ObjectKey::new(Kind::Node, node.as_str());
        if is_theirs(node) {
            found.note(&node_key, class, format!("it {theirs} zone {name}"));
        } else {
            found.note(key, class, format!("node {node} {own} it"));
        }
    };
    for node in before.nodes().difference(after.nodes()) {
        tell(node, Class::Destructive, "leaves", "leaves");
    }
    for node in after.nodes().difference(before.nodes()) {
        tell(node, Class::Additive, "joins", "joins");
    }
}

/// What a change of the zone as declared does.
pub(super) fn classify(
    old: &Intent,
    new: &Intent,
    key: &ObjectKey,
    pending: Pending,
    found: &mut Found,
) {
    match pending {
        Pending::New => return found.note(key, Class::Additive, "it comes"),
        Pending::Deleted => {
            return found.note(key, Class::Destructive, "it goes, with its vnets");
        }
        Pending::Changed => {}
    }
    let (Some(before), Some(after)) = (
        old.snapshot().zones().get(key.name.as_str()),
        new.snapshot().zones().get(key.name.as_str()),
    ) else {
        return;
    };
    found.note(key, Class::Compatible, PLAIN);
    kinds(&before.spec, &after.spec, key, found);
    let (Some(before), Some(after)) = (
        old.zones().find(|zone| zone.name().as_str() == key.name),
        new.zones().find(|zone| zone.name().as_str() == key.name),
    ) else {
        return;
    };
    sizes(before, after, key, found);
}

/// How vnets reach from node to node.
fn kinds(before: &ZoneSpec, after: &ZoneSpec, key: &ObjectKey, found: &mut Found) {
    let mut flag_day = |what: String| found.note(key, Class::FlagDay, what);
    match (&before.kind, &after.kind) {
        (ZoneKind::Simple, ZoneKind::Simple) => {}
        (ZoneKind::Vlan(before), ZoneKind::Vlan(after)) => {
            flag_day_of_bridge(&before.bridge, &after.bridge, &mut flag_day);
        }
        (ZoneKind::Qinq(before), ZoneKind::Qinq(after)) => {
            flag_day_of_bridge(&before.bridge, &after.bridge, &mut flag_day);
            let word = |zone: &QinqZone| format!("{} by {}", zone.tag, zone.protocol);
            if word(before) != word(after) {
                let (before, after) = (word(before), word(after));
                flag_day(format!("its service VLAN is {after} instead of {before}"));
            }
        }
        (ZoneKind::Vxlan(before), ZoneKind::Vxlan(after)) => {
            layout([before.layout, after.layout], key, found);
            let mut flag_day = |what: String| found.note(key, Class::FlagDay, what);
            if before.port != after.port {
                let (before, after) = (before.port, after.port);
                flag_day(format!("its tunnels use port {after} instead of {before}"));
            }
            let [before, after] = [before, after].map(|zone| zone.peers.family());
            if before != after {
                flag_day("its tunnels use the other family of addresses".to_owned());
            }
        }
        (ZoneKind::Evpn(before), ZoneKind::Evpn(after)) => {
            layout([before.layout, after.layout], key, found);
            let flag_day = |what: String| found.note(key, Class::FlagDay, what);
            evpn(before, after).into_iter().for_each(flag_day);
        }
        (
            ZoneKind::Simple
            | ZoneKind::Vlan(_)
            | ZoneKind::Qinq(_)
            | ZoneKind::Vxlan(_)
            | ZoneKind::Evpn(_),
            other,
        ) => {
            let [before, after] = [&before.kind, other].map(|kind| kind.zone_type().as_str());
            flag_day(format!("its type is {after} instead of {before}"));
        }
    }
}

/// Of what devices vnets are made.
fn layout([before, after]: [Layout; 2], key: &ObjectKey, found: &mut Found) {
    if before != after {
        let [before, after] = [before, after].map(Layout::as_str);
        let what = format!(
            "its layout is {after} instead of {before}: the bridges that guests are plugged into go"
        );
        found.note(key, Class::Destructive, what);
    }
}

/// What of an evpn zone cannot change on one node before the others without a gap.
fn evpn(before: &EvpnZone, after: &EvpnZone) -> Vec<String> {
    let mut found = Vec::new();
    if before.vrf_vni != after.vrf_vni {
        let (before, after) = (before.vrf_vni, after.vrf_vni);
        found.push(format!(
            "packets between its vnets use VNI {after} instead of {before}"
        ));
    }
    if before.port != after.port {
        let (before, after) = (before.port, after.port);
        found.push(format!("its tunnels use port {after} instead of {before}"));
    }
    if before.underlay != after.underlay {
        found.push("its tunnels use the other family of addresses".to_owned());
    }
    if (&before.distinguisher, &before.targets) != (&after.distinguisher, &after.targets) {
        found.push("its routes are marked in another way".to_owned());
    }
    if before.mac != after.mac {
        found.push("its gateways' Ethernet address changes".to_owned());
    }
    found
}

fn flag_day_of_bridge(before: &LinkName, after: &LinkName, flag_day: &mut impl FnMut(String)) {
    if before != after {
        flag_day(format!("it uses bridge {after} instead of {before}"));
    }
}

/// What a frame may measure, which also follows from what nodes say of themselves.
pub(super) fn sizes(before: &Zone, after: &Zone, key: &ObjectKey, found: &mut Found) {
    let [before_mtu, after_mtu] = [before, after].map(|zone| zone.mtu().unwrap_or(Mtu::ETHERNET));
    if after_mtu < before_mtu {
        let what = format!("its MTU falls from {before_mtu} to {after_mtu}");
        found.note(key, Class::FlagDay, what);
    } else if before_mtu < after_mtu {
        let what = format!("its MTU rises from {before_mtu} to {after_mtu}");
        found.note(key, Class::Compatible, what);
    }
    let ends = |zone: Option<&Underlay>| zone.map(|it| it.endpoints.clone()).unwrap_or_default();
    let [before, after] = [before, after].map(|zone| ends(zone.underlay()));
    if before != after && before.intersection(&after).next().is_some() {
        found.note(key, Class::Compatible, "its tunnels have other peers");
    }
}
