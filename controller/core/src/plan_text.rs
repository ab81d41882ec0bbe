//! What changes on a node, in words: one line a change.

use std::collections::BTreeSet;
use std::fmt::Display;

use weft_model::name::LinkName;
use weft_model::object::drift::DriftPolicy;
use weft_model::plan::link::{Bridge, Bundle, Link, LinkKind, Vrf, Vxlan};
use weft_model::plan::segment::Segment;
use weft_model::plan::{Entry, NodePlan, Origin, PlanDelta};

mod nat;
mod parts;
mod routing;

use parts::{
    bond_parts, bridge_parts, bundle_parts, peers, switch_part, vlan_part, vlans, vxlan_parts,
};

/// The changes that a delta makes to a plan; what goes stands first, then what comes or changes.
pub fn changes(plan: &NodePlan, delta: &PlanDelta) -> Vec<String> {
    let mut lines = Vec::new();
    for key in &delta.remove {
        let verb = match plan.get(key).map(|entry| &**entry) {
            Some(Entry::Link(link)) => gone(link),
            Some(Entry::Frr(old)) => {
                routing::gone(&old.stanza, &mut lines);
                continue;
            }
            Some(Entry::Nat(_) | Entry::Segment(_)) | None => "delete",
        };
        lines.push(format!("{verb} {key}"));
    }
    for entry in &delta.put {
        let before = plan.get(&entry.key()).map(|entry| &**entry);
        match (before, &**entry) {
            (Some(Entry::Link(old)), Entry::Link(new)) => change_link(old, new, &mut lines),
            (Some(Entry::Nat(old)), Entry::Nat(new)) => nat::change(old, new, &mut lines),
            (Some(Entry::Segment(old)), Entry::Segment(new)) => {
                change_segment(old, new, &mut lines);
            }
            // What has another key is another entry, so that here nothing was before.
            (_, Entry::Link(new)) => create_link(new, &mut lines),
            (_, Entry::Nat(new)) => nat::create(new, &mut lines),
            (_, Entry::Segment(new)) => create_segment(new, &mut lines),
            (Some(Entry::Frr(old)), Entry::Frr(new)) => {
                routing::change(&old.stanza, &new.stanza, &mut lines);
                if old.origin != new.origin {
                    let (key, from, to) = (new.stanza.key(), &old.origin, &new.origin);
                    lines.push(format!("give {key} from {from} to {to}"));
                }
            }
            (_, Entry::Frr(new)) => routing::come(&new.stanza, &mut lines),
        }
    }
    lines
}

fn create_link(link: &Link, lines: &mut Vec<String>) {
    let mut parts = vec![kind(&link.kind)];
    match &link.kind {
        LinkKind::Bridge(bridge) => parts.extend(bridge_parts(bridge)),
        LinkKind::Vxlan(vxlan) => parts.extend(vxlan_parts(vxlan)),
        LinkKind::Bundle(bundle) => parts.extend(bundle_parts(bundle)),
        LinkKind::Vlan(vlan) => parts.push(vlan_part(vlan)),
        LinkKind::Veth { peer } => parts.push(format!("joined to {peer}")),
        LinkKind::Bond(bond) => parts.extend(bond_parts(bond)),
        LinkKind::Vrf(vrf) => parts.extend(vrf_parts(*vrf)),
        LinkKind::Dummy | LinkKind::Physical => {}
        LinkKind::Switched(port) => parts.push(switch_part(port)),
    }
    parts.extend(link.mtu.map(|mtu| format!("MTU {mtu}")));
    parts.extend(link.mac.map(|mac| format!("MAC {mac}")));
    parts.extend(
        link.alias
            .as_ref()
            .map(|alias| format!("alias {alias:?}", alias = alias.as_str())),
    );
    parts.extend(
        link.alternative_name
            .as_ref()
            .map(|name| format!("also called {name}")),
    );
    parts.extend(
        link.master
            .as_ref()
            .map(|master| format!("port of {master}")),
    );
    if !link.vlans.is_empty() {
        parts.push(vlans(&link.vlans));
    }
    if link.drift == DriftPolicy::Observe {
        parts.push("drift only observed".to_owned());
    }
    // Whether it is there already, only the node knows.
    let verb = match (&link.origin, &link.kind) {
        (
            Origin::Zone { .. }
            | Origin::Controller { .. }
            | Origin::Fabric { .. }
            | Origin::Snippet { .. },
            _,
        ) => "create",
        (Origin::Host { .. }, LinkKind::Physical) => "configure",
        (Origin::Host { .. }, _) => "create or take over",
    };
    lines.push(format!(
        "{verb} device {} ({})",
        link.name,
        parts.join(", ")
    ));
    change_sets(&bare(link), link, lines);
}

/// What becomes of a device that goes. Whether it was there before, only the node knows.
fn gone(link: &Link) -> &'static str {
    match (&link.origin, &link.kind) {
        (
            Origin::Zone { .. }
            | Origin::Controller { .. }
            | Origin::Fabric { .. }
            | Origin::Snippet { .. },
            _,
        ) => "delete",
        (Origin::Host { .. }, LinkKind::Physical) => "give back",
        (Origin::Host { .. }, _) => "delete or give back",
    }
}

/// The same device with nothing on it.
fn bare(link: &Link) -> Link {
    Link {
        addresses: BTreeSet::new(),
        routes: BTreeSet::new(),
        static_routes: BTreeSet::new(),
        forward: BTreeSet::new(),
        proxy_arp: false,
        hears_announcements: false,
        ..link.clone()
    }
}

fn change_link(old: &Link, new: &Link, lines: &mut Vec<String>) {
    let name = &new.name;
    match (&old.kind, &new.kind) {
        (LinkKind::Bridge(old), LinkKind::Bridge(new)) => change_bridge(name, old, new, lines),
        (LinkKind::Vxlan(old), LinkKind::Vxlan(new)) => change_vxlan(name, old, new, lines),
        (LinkKind::Bundle(old), LinkKind::Bundle(new)) => change_bundle(name, old, new, lines),
        (LinkKind::Vlan(old), LinkKind::Vlan(new)) => {
            let (before, after) = (vlan_part(old), vlan_part(new));
            set(name, "VLAN", Some(&before), Some(&after), lines);
        }
        (LinkKind::Veth { peer: old }, LinkKind::Veth { peer: new }) => {
            set(name, "other end", Some(old), Some(new), lines);
        }
        (LinkKind::Bond(old), LinkKind::Bond(new)) => {
            let (before, after) = (bond_parts(old).join(", "), bond_parts(new).join(", "));
            set(name, "bonding", Some(&before), Some(&after), lines);
        }
        (LinkKind::Vrf(old), LinkKind::Vrf(new)) => {
            let (before, after) = (vrf_parts(*old).join(", "), vrf_parts(*new).join(", "));
            set(name, "routing domain", Some(&before), Some(&after), lines);
        }
        (LinkKind::Dummy, LinkKind::Dummy) | (LinkKind::Physical, LinkKind::Physical) => {}
        (LinkKind::Switched(old), LinkKind::Switched(new)) => {
            let (before, after) = (switch_part(old), switch_part(new));
            set(name, "VLAN", Some(&before), Some(&after), lines);
        }
        (
            LinkKind::Bridge(_)
            | LinkKind::Vxlan(_)
            | LinkKind::Bundle(_)
            | LinkKind::Vlan(_)
            | LinkKind::Veth { .. }
            | LinkKind::Switched(_)
            | LinkKind::Bond(_)
            | LinkKind::Vrf(_)
            | LinkKind::Dummy
            | LinkKind::Physical,
            _,
        ) => {
            lines.push(format!(
                "replace device {name} ({} by {})",
                kind(&old.kind),
                kind(&new.kind)
            ));
        }
    }
    if old.origin != new.origin {
        lines.push(format!("give {name} from {} to {}", old.origin, new.origin));
    }
    set(name, "mtu", old.mtu.as_ref(), new.mtu.as_ref(), lines);
    set(name, "mac", old.mac.as_ref(), new.mac.as_ref(), lines);
    set(name, "alias", old.alias.as_ref(), new.alias.as_ref(), lines);
    let names = (old.alternative_name.as_ref(), new.alternative_name.as_ref());
    set(name, "alternative name", names.0, names.1, lines);
    set(
        name,
        "bridge",
        old.master.as_ref(),
        new.master.as_ref(),
        lines,
    );
    let (before, after) = (vlans(&old.vlans), vlans(&new.vlans));
    set(name, "VLANs", Some(&before), Some(&after), lines);
    if old.drift != new.drift {
        let (before, after) = (drift(old.drift), drift(new.drift));
        set(name, "drift", Some(&before), Some(&after), lines);
    }
    change_sets(old, new, lines);
}

fn change_bridge(name: &LinkName, old: &Bridge, new: &Bridge, lines: &mut Vec<String>) {
    for (what, before, after) in [
        ("VLAN filtering", old.vlan_aware, new.vlan_aware),
        ("bare new ports", old.bare_ports, new.bare_ports),
        (
            "isolation of guests",
            old.guests.isolated,
            new.guests.isolated,
        ),
        (
            "learning of guests",
            old.guests.learning,
            new.guests.learning,
        ),
        ("spanning tree", old.spanning_tree, new.spanning_tree),
    ] {
        let (before, after) = (on_off(before), on_off(after));
        set(name, what, Some(&before), Some(&after), lines);
    }
    let delays = (&old.forward_delay, &new.forward_delay);
    set(name, "forward delay", Some(delays.0), Some(delays.1), lines);
}

fn vrf_parts(vrf: Vrf) -> Vec<String> {
    let drops = vrf
        .has_unreachable_default
        .then(|| "what it has no route for is dropped".to_owned());
    let table = format!("table {}", vrf.table);
    [table].into_iter().chain(drops).collect()
}

fn change_vxlan(name: &LinkName, old: &Vxlan, new: &Vxlan, lines: &mut Vec<String>) {
    set(name, "VNI", Some(&old.vni), Some(&new.vni), lines);
    set(name, "local", Some(&old.local), Some(&new.local), lines);
    set(name, "port", Some(&old.port), Some(&new.port), lines);
    let (before, after) = (on_off(old.learning), on_off(new.learning));
    set(name, "learning", Some(&before), Some(&after), lines);
    let (before, after) = (on_off(old.suppression), on_off(new.suppression));
    set(name, "ARP suppression", Some(&before), Some(&after), lines);
    for peer in old.flood.difference(&new.flood) {
        lines.push(format!("remove peer {peer} from {name}"));
    }
    for peer in new.flood.difference(&old.flood) {
        lines.push(format!("add peer {peer} to {name}"));
    }
}

fn change_bundle(name: &LinkName, old: &Bundle, new: &Bundle, lines: &mut Vec<String>) {
    set(name, "local", Some(&old.local), Some(&new.local), lines);
    set(name, "port", Some(&old.port), Some(&new.port), lines);
    let (before, after) = (on_off(old.learning), on_off(new.learning));
    set(name, "learning", Some(&before), Some(&after), lines);
    let (before, after) = (on_off(old.suppression), on_off(new.suppression));
    set(name, "ARP suppression", Some(&before), Some(&after), lines);
}

fn create_segment(segment: &Segment, lines: &mut Vec<String>) {
    lines.push(format!(
        "carry VLAN {} as VNI {} by {} ({})",
        segment.vlan,
        segment.vni,
        segment.tunnel,
        peers(segment.flood.len())
    ));
}

fn change_segment(old: &Segment, new: &Segment, lines: &mut Vec<String>) {
    let name = &new.tunnel;
    let what = format!("VNI of VLAN {}", new.vlan);
    set(name, &what, Some(&old.vni), Some(&new.vni), lines);
    for peer in old.flood.difference(&new.flood) {
        lines.push(format!(
            "remove peer {peer} from VLAN {} of {name}",
            new.vlan
        ));
    }
    for peer in new.flood.difference(&old.flood) {
        lines.push(format!("add peer {peer} to VLAN {} of {name}", new.vlan));
    }
    if old.origin != new.origin {
        lines.push(format!(
            "give VLAN {} of {name} from {} to {}",
            new.vlan, old.origin, new.origin
        ));
    }
}

fn change_sets(old: &Link, new: &Link, lines: &mut Vec<String>) {
    let name = &new.name;
    for address in old.addresses.difference(&new.addresses) {
        lines.push(format!("remove address {address} from {name}"));
    }
    for address in new.addresses.difference(&old.addresses) {
        lines.push(format!("add address {address} to {name}"));
    }
    for route in old.routes.difference(&new.routes) {
        lines.push(format!("remove route {route} via {name}"));
    }
    for route in new.routes.difference(&old.routes) {
        lines.push(format!("add route {route} via {name}"));
    }
    for route in old.static_routes.difference(&new.static_routes) {
        lines.push(format!("remove route {route} by {name}"));
    }
    for route in new.static_routes.difference(&old.static_routes) {
        lines.push(format!("add route {route} by {name}"));
    }
    for family in old.forward.difference(&new.forward) {
        lines.push(format!("stop forwarding {family} from {name}"));
    }
    for family in new.forward.difference(&old.forward) {
        lines.push(format!("forward {family} from {name}"));
    }
    let (before, after) = (on_off(old.proxy_arp), on_off(new.proxy_arp));
    set(name, "proxy ARP", Some(&before), Some(&after), lines);
    let (before, after) = (
        on_off(old.hears_announcements),
        on_off(new.hears_announcements),
    );
    set(
        name,
        "hearing announcements",
        Some(&before),
        Some(&after),
        lines,
    );
}

fn kind(kind: &LinkKind) -> String {
    kind.as_str().to_owned()
}

fn on_off(value: bool) -> &'static str {
    if value { "on" } else { "off" }
}

fn drift(policy: DriftPolicy) -> &'static str {
    match policy {
        DriftPolicy::Heal => "heal",
        DriftPolicy::Observe => "observe",
    }
}

fn set<T: Display + PartialEq>(
    name: &LinkName,
    what: &str,
    old: Option<&T>,
    new: Option<&T>,
    lines: &mut Vec<String>,
) {
    if old == new {
        return;
    }
    let word = |value: Option<&T>| value.map_or_else(|| "none".to_owned(), ToString::to_string);
    lines.push(format!(
        "set {what} of {name} {} -> {}",
        word(old),
        word(new)
    ));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use weft_model::object::{Kind, Object};

    use super::*;
    use crate::compile;
    use crate::fixtures::{self, object};
    use crate::validate::validate;

    /// What putting this object changes on node n0.
    fn put(object: Object) -> Vec<String> {
        let old = fixtures::snapshot();
        let mut new = old.clone();
        new.put(object);
        let name = "n0".parse().unwrap();
        let plan = compile::node(&validate(&old).unwrap().0, &name);
        let delta = plan.delta(&compile::node(&validate(&new).unwrap().0, &name));
        changes(&plan, &delta)
    }

    #[test]
    fn a_new_vnet_is_a_bridge_and_a_tunnel() {
        assert_eq!(
            put(object(
                Kind::Vnet,
                "app",
                json!({ "zone": "prod", "tag": 7, "alias": "App" })
            )),
            [
                "create device app (bridge, MTU 1450, alias \"App\")",
                "create device vxlan_app (vxlan, VNI 7, local 192.0.2.1, port 4789, 2 peers, \
                 MTU 1450, port of app)",
            ]
        );
    }

    #[test]
    fn a_changed_zone_is_set_in_place() {
        let spec = json!({
            "type": "vxlan", "mtu": 1400, "drift": "observe", "nodes": { "names": ["n0", "n1"] },
        });
        assert_eq!(
            put(object(Kind::Zone, "prod", spec)),
            [
                "set mtu of db 1450 -> 1400",
                "set drift of db heal -> observe",
                "remove peer 192.0.2.3 from vxlan_db",
                "set mtu of vxlan_db 1450 -> 1400",
                "set drift of vxlan_db heal -> observe",
            ]
        );
    }

    #[test]
    fn a_gateway_that_goes_takes_its_address_and_translation_along() {
        let spec = json!({ "vnet": "web", "cidr": "10.1.0.0/24" });
        assert_eq!(
            put(object(Kind::Subnet, "web4", spec)),
            [
                "delete source translation of 10.1.0.0/24 behind web",
                "remove address 10.1.0.1/24 from web",
                "stop forwarding IPv4 from web",
            ]
        );
    }

    proptest! {
        #[test]
        fn every_change_has_words(
            edits in prop::collection::vec(fixtures::any_edit(), 1..8),
        ) {
            let old = fixtures::snapshot();
            let mut new = old.clone();
            edits.into_iter().for_each(|edit| fixtures::edit(&mut new, edit));
            let old = validate(&old).unwrap().0;
            prop_assume!(validate(&new).is_ok());
            for (node, delta) in compile::update(&old, &validate(&new).unwrap().0) {
                let plan = compile::node(&old, &node);
                for entry in &delta.put {
                    let alone = PlanDelta { remove: vec![], put: vec![entry.clone()] };
                    prop_assert!(!changes(&plan, &alone).is_empty(), "{:?}", entry);
                }
            }
        }
    }
}
