//! The kinds of change that a host network makes.

use std::collections::BTreeSet;
use std::fmt::Display;

use weft_model::mtu::Mtu;
use weft_model::name::LinkName;
use weft_model::object::host_network::{HostBond, HostBridge, Interface, InterfaceKind};
use weft_model::object::{Kind, ObjectKey};

use super::{Class, Found, PLAIN};
use crate::diff::Pending;
use crate::intent::Intent;

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
            return found.note(key, Class::Destructive, "it goes, with its interfaces");
        }
        Pending::Changed => found.note(key, Class::Compatible, PLAIN),
    }
    let name = key.name.as_str();
    let (Some(before), Some(after)) = (
        old.snapshot().host_networks().get(name),
        new.snapshot().host_networks().get(name),
    ) else {
        return;
    };
    let (before, after) = (&before.spec.interfaces, &after.spec.interfaces);
    for (name, interface) in before {
        match after.get(name) {
            Some(next) => changed(name, interface, next, key, found),
            None => found.note(key, Class::Destructive, format!("{name} goes")),
        }
    }
    for name in after.keys().filter(|name| !before.contains_key(*name)) {
        found.note(key, Class::Additive, format!("{name} comes"));
    }
}

/// Nodes that come to a host network or leave it, told of it unless the node itself changes.
pub(super) fn memberships(
    old: &Intent,
    new: &Intent,
    is_theirs: impl Fn(&ObjectKey) -> bool,
    found: &mut Found,
) {
    for (name, before) in &old.hosts {
        let Some(after) = new.hosts.get(name) else {
            continue;
        };
        if before.nodes() == after.nodes() {
            continue;
        }
        let own = ObjectKey::new(Kind::HostNetwork, name.as_str());
        let mut tell = |node: &str, class, verb: &str| {
            let node_key = ObjectKey::new(Kind::Node, node);
            if is_theirs(&node_key) {
                found.note(&node_key, class, format!("it {verb} host network {name}"));
            } else {
                found.note(&own, class, format!("node {node} {verb} it"));
            }
        };
        for node in before.nodes().difference(after.nodes()) {
            tell(node.as_str(), Class::Destructive, "leaves");
        }
        for node in after.nodes().difference(before.nodes()) {
            tell(node.as_str(), Class::Additive, "joins");
        }
    }
}

fn changed(
    name: &LinkName,
    before: &Interface,
    after: &Interface,
    key: &ObjectKey,
    found: &mut Found,
) {
    let Interface {
        kind,
        alias: _,
        mtu,
        addresses,
        gateways,
        routes,
        forward,
        proxy_arp,
        masquerade,
    } = before;
    kinds(name, kind, &after.kind, key, found);
    let [mtu, next] = [*mtu, after.mtu].map(|mtu| mtu.unwrap_or(Mtu::ETHERNET));
    if next < mtu {
        let what = format!("the MTU of {name} falls from {mtu} to {next}");
        found.note(key, Class::FlagDay, what);
    }
    let mut set = Sets { name, key, found };
    set.compare("address", addresses, &after.addresses);
    set.compare("gateway", gateways, &after.gateways);
    let to = |it: &BTreeSet<_>| -> BTreeSet<String> { it.iter().map(route).collect() };
    set.compare("route", &to(routes), &to(&after.routes));
    set.compare("forwarding of", forward, &after.forward);
    let sources =
        |it: &Interface| -> BTreeSet<_> { it.masquerade.iter().map(|it| it.source).collect() };
    set.compare("masquerading of", &sources(before), &sources(after));
    if *proxy_arp && !after.proxy_arp {
        let what = format!("{name} no longer answers ARP for others");
        found.note(key, Class::Destructive, what);
    }
    if *masquerade != after.masquerade {
        let what = format!("what is masqueraded behind {name} changes");
        found.note(key, Class::Compatible, what);
    }
}

fn route(route: &weft_model::object::host_network::HostRoute) -> String {
    match route.via {
        Some(via) => format!("{} via {via}", route.to),
        None => route.to.to_string(),
    }
}

/// Things of an interface that come and go one by one.
struct Sets<'a> {
    name: &'a LinkName,
    key: &'a ObjectKey,
    found: &'a mut Found,
}

impl Sets<'_> {
    fn compare<T: Ord + Display>(&mut self, word: &str, before: &BTreeSet<T>, after: &BTreeSet<T>) {
        let name = self.name;
        for it in before.difference(after) {
            let what = format!("{word} {it} goes from {name}");
            self.found.note(self.key, Class::Destructive, what);
        }
        for it in after.difference(before) {
            let what = format!("{word} {it} comes to {name}");
            self.found.note(self.key, Class::Additive, what);
        }
    }
}

fn kinds(
    name: &LinkName,
    before: &InterfaceKind,
    after: &InterfaceKind,
    key: &ObjectKey,
    found: &mut Found,
) {
    match (before, after) {
        (InterfaceKind::Physical, InterfaceKind::Physical) => {}
        (InterfaceKind::Bridge(before), InterfaceKind::Bridge(after)) => {
            bridges(name, before, after, key, found);
        }
        (InterfaceKind::Bond(before), InterfaceKind::Bond(after)) => {
            bonds(name, before, after, key, found);
        }
        (InterfaceKind::Vlan(before), InterfaceKind::Vlan(after)) => {
            if before != after {
                let what = format!(
                    "{name} is VLAN {} of {} instead of {} of {}",
                    after.tag, after.device, before.tag, before.device
                );
                found.note(key, Class::FlagDay, what);
            }
        }
        (
            InterfaceKind::Physical
            | InterfaceKind::Bridge(_)
            | InterfaceKind::Bond(_)
            | InterfaceKind::Vlan(_),
            _,
        ) => {
            let (before, after) = (before.as_str(), after.as_str());
            let what = format!("{name} is of kind {after} instead of {before}");
            found.note(key, Class::Destructive, what);
        }
    }
}

fn bridges(
    name: &LinkName,
    before: &HostBridge,
    after: &HostBridge,
    key: &ObjectKey,
    found: &mut Found,
) {
    let mut set = Sets { name, key, found };
    set.compare("port", &before.ports, &after.ports);
    if before.vlan_aware != after.vlan_aware {
        let word = if after.vlan_aware {
            "filters"
        } else {
            "no longer filters"
        };
        found.note(key, Class::FlagDay, format!("{name} {word} VLANs"));
    }
    if let Some(next) = &after.vids {
        let gone = match &before.vids {
            Some(vids) => vids.without(next),
            None => crate::compile::all_vlans().tagged.without(next),
        };
        if !gone.is_empty() && before.vlan_aware && after.vlan_aware {
            let what = format!("the ports of {name} no longer carry VLAN {gone}");
            found.note(key, Class::Destructive, what);
        }
    }
}

fn bonds(name: &LinkName, before: &HostBond, after: &HostBond, key: &ObjectKey, found: &mut Found) {
    let mut set = Sets { name, key, found };
    set.compare("member", &before.members, &after.members);
    if before.mode != after.mode {
        let (before, after) = (before.mode, after.mode);
        let what = format!("the mode of {name} is {after} instead of {before}");
        found.note(key, Class::Destructive, what);
    }
}
