//! What one wanted device still lacks.

use std::collections::BTreeSet;

use weft_model::mtu::Mtu;
use weft_model::plan::link::{Bundle, Link, LinkKind, Vlan, Vlans, Vxlan};
use weft_model::prefix::Family;
use weft_model::vlan::VlanProtocol;

use crate::own::{self, GROUP, Owner};
use crate::seen::{Ipv6, Port, SeenKind, SeenLink, SeenPlug, SeenVlan, Tunnel};
use crate::step::{Change, Ipv6Switch, Master, Plug, Settings};

/// The changes that one device needs, by when they are due.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Before the device is set up: what must never be on for a moment.
    pub switches: Vec<Change>,
    /// The device's own properties, a message each.
    pub settings: Vec<Settings>,
    /// What is missing on the device.
    pub adds: Vec<Change>,
    /// What is too much on the device.
    pub drops: Vec<Change>,
}

/// What only one VXLAN device can receive for.
pub(crate) fn tunnel(vxlan: &Vxlan) -> Tunnel {
    Tunnel {
        vni: vxlan.vni.get(),
        port: vxlan.port.get(),
        family: Family::of(vxlan.local),
    }
}

/// What only one device can be, on this one.
pub(crate) fn vlan(vlan: &Vlan, parent: u32) -> SeenVlan {
    SeenVlan {
        parent,
        id: vlan.id.get(),
        protocol: vlan.protocol,
    }
}

/// What a tunnel end point for many networks is once it is made.
pub(crate) fn bundle(bundle: &Bundle) -> SeenKind {
    SeenKind::Bundle {
        port: bundle.port.get(),
        family: Family::of(bundle.local),
        local: Some(bundle.local),
        learning: bundle.learning,
    }
}

/// How the wanted device is made; `other` is the number of the device that a VLAN is one of, or the
/// one that the other end of a pair gets.
pub(crate) fn creation(want: &Link, other: Option<u32>, owner: &Owner) -> Change {
    if let LinkKind::Switched(port) = &want.kind {
        return Change::Plug(Box::new(Plug {
            port: port.clone(),
            cluster: owner.cluster().clone(),
        }));
    }
    let mtu = want.mtu.map(Mtu::get);
    Change::Create {
        kind: want.kind.clone(),
        mac: want.mac.map(|mac| mac.octets()),
        mtu: match want.kind {
            // A bridge keeps its MTU, instead of following its ports, only when the MTU was changed
            // after the bridge was made; so it must not be right from the start.
            LinkKind::Bridge(_) => mtu
                .filter(|mtu| *mtu == Mtu::ETHERNET.get())
                .map(|mtu| mtu - 1),
            LinkKind::Vxlan(_)
            | LinkKind::Bundle(_)
            | LinkKind::Vlan(_)
            | LinkKind::Veth { .. }
            | LinkKind::Switched(_)
            | LinkKind::Bond(_)
            | LinkKind::Physical => mtu,
        },
        other,
    }
}

/// The device as it is right after it was made by [`creation`].
pub(crate) fn created(
    want: &Link,
    index: u32,
    other: Option<u32>,
    has_ipv6: bool,
    owner: &Owner,
) -> SeenLink {
    let kind = match &want.kind {
        LinkKind::Bridge(bridge) => SeenKind::Bridge {
            spanning_tree: false,
            forward_delay: 0,
            vlans: bridge.vlan_aware.then_some(VlanProtocol::Dot1q),
            bare_ports: bridge.bare_ports,
        },
        LinkKind::Bundle(it) => bundle(it),
        LinkKind::Vlan(it) => SeenKind::Vlan(vlan(it, other.unwrap_or(0))),
        LinkKind::Veth { .. } => SeenKind::Veth { peer: other },
        LinkKind::Switched(port) => SeenKind::Switched(Box::new(SeenPlug {
            switch: port.switch.as_str().to_owned(),
            port: Some(port.clone()),
            cluster: owner.cluster().as_str().to_owned(),
        })),
        LinkKind::Vxlan(vxlan) => SeenKind::Vxlan {
            tunnel: tunnel(vxlan),
            local: Some(vxlan.local),
            learning: vxlan.learning,
        },
        LinkKind::Bond(_) | LinkKind::Physical => SeenKind::Uplink,
    };
    let mut link = SeenLink::new(index, want.name.as_str(), kind);
    // A switch marks its ports in its own way.
    let is_switched = matches!(want.kind, LinkKind::Switched(_));
    link.group = if is_switched { 0 } else { GROUP };
    link.mac = want.mac.map(|mac| mac.octets());
    if matches!(
        want.kind,
        LinkKind::Vxlan(_) | LinkKind::Bundle(_) | LinkKind::Vlan(_)
    ) {
        link.mtu = want.mtu.map_or(0, Mtu::get);
    }
    link.ipv6 = has_ipv6.then(Ipv6::default);
    link
}

/// The device as it is after it was set aside and gave up its name.
pub(crate) fn retired(is: &SeenLink) -> SeenLink {
    let mut link = is.clone();
    link.name = own::retired_name(is.index);
    link.group = own::doomed_group(is.index);
    link.up = false;
    link.master = None;
    link.alternative_names.clear();
    link.routes.clear();
    link.addresses.clear();
    link.vlans = Vlans::default();
    link.networks.vlans.clear();
    link.networks.vnis.clear();
    link.port = Port::default();
    link.alias = link.alias.map(|alias| own::without_joined(&alias));
    link
}

/// What turns `is` into `want`.
pub(crate) fn update(want: &Link, alias: String, master: Option<u32>, is: &SeenLink) -> Work {
    let mut work = Work {
        switches: switches(want, is),
        settings: settings(want, alias, master, is),
        ..Work::default()
    };
    if let (LinkKind::Switched(port), SeenKind::Switched(plug)) = (&want.kind, &is.kind)
        && plug.port.as_ref() != Some(port)
    {
        work.switches.insert(0, Change::Retag(port.clone()));
    }
    names(want, is, &mut work);
    let addresses = (
        Change::AddAddress as fn(_) -> _,
        Change::RemoveAddress as fn(_) -> _,
    );
    let routes = (
        Change::AddRoute as fn(_) -> _,
        Change::RemoveRoute as fn(_) -> _,
    );
    // Routes go before the addresses with which a kernel would take them away.
    drops(&want.routes, &is.routes, routes.1, &mut work);
    drops(&want.addresses, &is.addresses, addresses.1, &mut work);
    adds(&want.addresses, &is.addresses, addresses.0, &mut work);
    adds(&want.routes, &is.routes, routes.0, &mut work);
    let off = Change::Ipv6(Ipv6Switch::Disable, true);
    if !has_room_for_ipv6(want) || work.switches.contains(&off) {
        // The kernel takes them away by itself.
        work.drops.retain(|change| !is_ipv6(change));
    }
    vlans(want, master, is, &mut work);
    if let LinkKind::Vxlan(vxlan) = &want.kind {
        adds(&vxlan.flood, &is.flood, Change::AddFlood, &mut work);
        drops(&vxlan.flood, &is.flood, Change::RemoveFlood, &mut work);
    }
    work
}

/// The VLANs that the device carries as a port. Where the plan says none, those of a new port; a
/// kernel that does not say which there are has no bridge that filters, and is not asked to.
fn vlans(want: &Link, master: Option<u32>, is: &SeenLink, work: &mut Work) {
    let new = Vlans::of_a_new_port();
    let stays = is.master.is_some() && is.master == master;
    let has = if stays { &is.vlans } else { &new };
    let wanted = if want.vlans.is_empty() {
        &new
    } else {
        &want.vlans
    };
    if matches!(want.kind, LinkKind::Bundle(_)) {
        // They are those of its segments.
        return;
    }
    if master.is_none() || (want.vlans.is_empty() && has.is_empty()) {
        return;
    }
    let missing = Vlans {
        tagged: wanted.tagged.without(&has.tagged),
        untagged: wanted.untagged.filter(|id| has.untagged != Some(*id)),
    };
    let mut extra = has.tagged.without(&wanted.tagged);
    if let Some(id) = has.untagged
        && wanted.untagged != Some(id)
        && !wanted.tagged.contains(id)
    {
        extra.insert(id);
    }
    if let Some(id) = wanted.untagged {
        // The message that makes it the one without tag takes the tag away.
        extra = extra.without(&std::iter::once(id).collect());
    }
    if !missing.is_empty() {
        work.adds.push(Change::AddVlans(missing));
    }
    if !extra.is_empty() {
        work.drops.push(Change::RemoveVlans(extra));
    }
}

fn settings(want: &Link, alias: String, master: Option<u32>, is: &SeenLink) -> Vec<Settings> {
    let forward = want.forward.contains(&Family::Ipv4);
    let mut settings = Settings {
        name: (is.name != want.name.as_str()).then(|| want.name.as_str().to_owned()),
        group: (is.group != GROUP).then_some(GROUP),
        mtu: want.mtu.map(Mtu::get).filter(|mtu| *mtu != is.mtu),
        mac: want
            .mac
            .map(|mac| mac.octets())
            .filter(|mac| Some(*mac) != is.mac),
        master: (is.master != master).then(|| master.map_or(Master::Nobody, Master::Bridge)),
        up: (!is.up).then_some(true),
        forward_ipv4: (is.forward_ipv4 != Some(forward)).then_some(forward),
        alias: (is.alias.as_ref() != Some(&alias)).then_some(alias),
        ..Settings::default()
    };
    let mut first = Settings::default();
    match (&want.kind, &is.kind) {
        (
            LinkKind::Bridge(bridge),
            SeenKind::Bridge {
                spanning_tree,
                forward_delay,
                vlans,
                bare_ports,
            },
        ) => {
            settings.bare_ports = (*bare_ports != bridge.bare_ports).then_some(bridge.bare_ports);
            settings.plain_bridge = *spanning_tree || *forward_delay != 0;
            settings.filter_vlans =
                (vlans.is_some() != bridge.vlan_aware).then_some(bridge.vlan_aware);
        }
        (
            LinkKind::Vxlan(vxlan),
            SeenKind::Vxlan {
                local, learning, ..
            },
        ) => {
            // A kernel refuses these together with an MTU.
            first.local = (*local != Some(vxlan.local)).then_some(vxlan.local);
            first.learning = (*learning != vxlan.learning).then_some(vxlan.learning);
        }
        (
            LinkKind::Bundle(bundle),
            SeenKind::Bundle {
                local, learning, ..
            },
        ) => {
            first.local = (*local != Some(bundle.local)).then_some(bundle.local);
            first.learning = (*learning != bundle.learning).then_some(bundle.learning);
        }
        (
            LinkKind::Bridge(_)
            | LinkKind::Vxlan(_)
            | LinkKind::Bundle(_)
            | LinkKind::Vlan(_)
            | LinkKind::Veth { .. }
            | LinkKind::Switched(_)
            | LinkKind::Bond(_)
            | LinkKind::Physical,
            _,
        ) => {}
    }
    // Only what is a port already can be told how to be one.
    let is_tunnel = is.master == master && is.port.tunnel;
    let last = Settings {
        tunnel: (matches!(want.kind, LinkKind::Bundle(_)) && master.is_some() && !is_tunnel)
            .then_some(true),
        ..Settings::default()
    };
    if is.master.is_some() && is.master == master {
        settings.isolated = is.port.isolated.then_some(false);
        settings.learned = (!is.port.learning).then_some(true);
    }
    [first, settings, last]
        .into_iter()
        .filter(|settings| !settings.is_empty())
        .collect()
}

/// Whether the node itself speaks IPv6 on the device.
///
/// Where it does not, IPv6 is off: no link-local address by which a guest could reach the host, and
/// no router advertisement by which a guest could give the host a default route.
pub(crate) fn speaks_ipv6(want: &Link) -> bool {
    want.addresses
        .iter()
        .any(|address| address.family() == Family::Ipv6)
        || want
            .routes
            .iter()
            .any(|route| route.family() == Family::Ipv6)
}

/// A kernel has no IPv6 on a device whose MTU is smaller.
fn has_room_for_ipv6(want: &Link) -> bool {
    want.mtu.is_none_or(|mtu| mtu >= Mtu::IPV6_MINIMUM)
}

fn switches(want: &Link, is: &SeenLink) -> Vec<Change> {
    let (Some(has), true) = (is.ipv6, has_room_for_ipv6(want)) else {
        return Vec::new();
    };
    let turn =
        |switch, has: Option<bool>, on| (has != Some(on)).then_some(Change::Ipv6(switch, on));
    if speaks_ipv6(want) {
        let forward = want.forward.contains(&Family::Ipv6);
        // Probing would find the same gateway on another node, where it is meant to be.
        [
            turn(Ipv6Switch::AcceptRa, has.accept_ra, false),
            turn(Ipv6Switch::AcceptDad, has.accept_dad, false),
            turn(Ipv6Switch::Forwarding, has.forwarding, forward),
            turn(Ipv6Switch::Disable, has.disabled, false),
        ]
        .into_iter()
        .flatten()
        .collect()
    } else {
        turn(Ipv6Switch::Disable, has.disabled, true)
            .into_iter()
            .collect()
    }
}

fn names(want: &Link, is: &SeenLink, work: &mut Work) {
    let wanted = want.alternative_name.as_ref();
    if let Some(name) = wanted.filter(|name| !is.alternative_names.contains(name.as_str())) {
        work.adds.push(Change::AddName(name.clone()));
    }
    work.drops.extend(
        is.alternative_names
            .iter()
            .filter(|name| wanted.is_none_or(|wanted| wanted.as_str() != name.as_str()))
            .cloned()
            .map(Change::RemoveName),
    );
}

fn adds<T: Ord + Copy>(
    want: &BTreeSet<T>,
    is: &BTreeSet<T>,
    add: fn(T) -> Change,
    work: &mut Work,
) {
    work.adds.extend(want.difference(is).copied().map(add));
}

fn drops<T: Ord + Copy>(
    want: &BTreeSet<T>,
    is: &BTreeSet<T>,
    drop: fn(T) -> Change,
    work: &mut Work,
) {
    work.drops.extend(is.difference(want).copied().map(drop));
}

fn is_ipv6(change: &Change) -> bool {
    match change {
        Change::RemoveAddress(address) => address.family() == Family::Ipv6,
        Change::RemoveRoute(route) => route.family() == Family::Ipv6,
        _ => false,
    }
}
