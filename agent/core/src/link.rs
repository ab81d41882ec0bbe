//! What one wanted device still lacks.

use std::collections::BTreeSet;

use weft_model::mtu::Mtu;
use weft_model::plan::link::{Link, LinkKind, Vlans, Vrf, Vxlan};
use weft_model::prefix::Family;

use crate::own::{Marks, ROUTE_PROTOCOL};
use crate::route::{DirectRoute, SeenRoute, Unreachable, default_metric};
use crate::seen::{SeenKind, SeenLink};
use crate::settings::{Ipv6Switch, Settings};
use crate::step::Change;

mod around;
mod made;
mod properties;

pub(crate) use around::{Able, Around, Domain};
pub(crate) use made::{bond_made, bundle, created, creation, delay, retired, tunnel, vlan};
pub(crate) use properties::{set_down, settings};

/// The changes that one device needs, by when they are due.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Before anything else: what another device is to have.
    pub early: Vec<Change>,
    /// Before the device is set up: what must never be on for a moment.
    pub switches: Vec<Change>,
    /// The device's own properties, a message each.
    pub settings: Vec<Settings>,
    /// What is missing on the device.
    pub adds: Vec<Change>,
    /// When its ports are there.
    pub late: Vec<Change>,
    /// What is too much on the device.
    pub drops: Vec<Change>,
}

/// What turns `is`, a device of ours, into `want`.
pub(crate) fn update(want: &Link, around: Around<'_>, is: &SeenLink) -> Work {
    let mut work = Work {
        switches: switches(want, is, around.kernel),
        ..Work::default()
    };
    // In a routing domain it is nobody's port.
    let master = around.master.filter(|_| !around.domain.is_inside());
    let (direct, by_gateway) = routes(want, around.table);
    let lost;
    let (marks, changes) = (Marks::of(is.alias.as_deref()), around.domain.changes());
    match &want.kind {
        LinkKind::Vrf(vrf) => unreachable(*vrf, &around, &mut work),
        LinkKind::Vxlan(vxlan) => floods(vxlan, marks, is, &mut work),
        LinkKind::Bridge(_)
        | LinkKind::Bundle(_)
        | LinkKind::Vlan(_)
        | LinkKind::Veth { .. }
        | LinkKind::Switched(_)
        | LinkKind::Bond(_)
        | LinkKind::Dummy
        | LinkKind::Physical => {}
    }
    settings(want, around, is, &mut work);
    let is = if changes && is.up {
        lost = without_lost(is);
        &lost
    } else {
        is
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
    // Routes go before the addresses with which a kernel would take them away.
    drops(&direct, &is.routes, Change::RemoveRoute, &mut work);
    let ours = |route: &&SeenRoute| route.protocol == ROUTE_PROTOCOL;
    let is_static: BTreeSet<SeenRoute> = is.static_routes.iter().filter(ours).copied().collect();
    drops(&by_gateway, &is_static, Change::RemoveStatic, &mut work);
    drops(&want.addresses, &is.addresses, addresses.1, &mut work);
    adds(&want.addresses, &is.addresses, addresses.0, &mut work);
    adds(&direct, &is.routes, Change::AddRoute, &mut work);
    adds(&by_gateway, &is_static, add_static, &mut work);
    let off = Change::Ipv6(Ipv6Switch::Disable, true);
    if !has_room_for_ipv6(want) || work.switches.contains(&off) {
        // The kernel takes them away by itself.
        work.drops.retain(|change| !is_ipv6(change));
    }
    vlans(want, master, is, &mut work);
    work
}

/// The device as it is after it went down and up again on its way into another routing domain.
fn without_lost(is: &SeenLink) -> SeenLink {
    let mut link = is.clone();
    link.routes.clear();
    link.static_routes.clear();
    link.addresses.retain(|it| it.family() == Family::Ipv4);
    link
}

/// The peers to which a tunnel device sends what has no known destination.
fn floods(want: &Vxlan, marks: Marks, is: &SeenLink, work: &mut Work) {
    if !want.told_by_bgp {
        adds(&want.flood, &is.flood, Change::AddFlood, work);
        drops(&want.flood, &is.flood, Change::RemoveFlood, work);
    } else if !marks.told && is.port.learning {
        // They are ours, from before BGP told; a kernel does not tell them from a daemon's. Two
        // signs are asked for, so that no one change by hand makes us take away what is the daemon's.
        let ours = is.flood.iter().copied();
        work.early.extend(ours.map(Change::RemoveFlood));
    }
}

/// The routes by which a routing domain drops what no other route is for: there before anything is
/// in the domain.
fn unreachable(want: Vrf, around: &Around<'_>, work: &mut Work) {
    for family in around.kernel.families() {
        let route = Unreachable {
            table: want.table,
            family,
        };
        match (
            want.has_unreachable_default,
            around.unreachable.contains(&route),
        ) {
            (true, false) => work.switches.push(Change::AddUnreachable(route)),
            (false, true) => work.drops.push(Change::RemoveUnreachable(route)),
            (true, true) | (false, false) => {}
        }
    }
}

/// A route as it is added where no other has its place.
pub(crate) fn add_static(route: SeenRoute) -> Change {
    Change::AddStatic {
        route,
        replace: false,
    }
}

/// The wanted routes, those without gateway and metric apart: kernels tell the two from each other.
pub(crate) fn routes(want: &Link, table: u32) -> (BTreeSet<DirectRoute>, BTreeSet<SeenRoute>) {
    let direct = |to| DirectRoute { table, to };
    let mut straight: BTreeSet<DirectRoute> = want.routes.iter().copied().map(direct).collect();
    let mut by_gateway = BTreeSet::new();
    for route in &want.static_routes {
        let wanted = SeenRoute::wanted(route, table, ROUTE_PROTOCOL);
        if wanted.via.is_none() && wanted.metric == default_metric(wanted.to.family()) {
            straight.insert(direct(wanted.to));
        } else {
            by_gateway.insert(wanted);
        }
    }
    (straight, by_gateway)
}

/// The VLANs that the device carries as a port. Where the plan says none, those of a new port; a
/// kernel that does not say which there are has no bridge that filters, and is not asked to.
pub(crate) fn vlans(want: &Link, master: Option<u32>, is: &SeenLink, work: &mut Work) {
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

/// Whether the node itself speaks IPv6 on the device.
///
/// Where it does not, IPv6 is off: no link-local address by which a guest could reach the host, and
/// no router advertisement by which a guest could give the host a default route.
/// A device of ours that forwards IPv6 without an address, as between nodes, needs it too.
pub(crate) fn speaks_ipv6(want: &Link) -> bool {
    let forwards = want.origin.host().is_none() && want.forward.contains(&Family::Ipv6);
    forwards
        || want
            .addresses
            .iter()
            .any(|address| address.family() == Family::Ipv6)
        || want
            .routes
            .iter()
            .any(|route| route.family() == Family::Ipv6)
        || want
            .static_routes
            .iter()
            .any(|route| route.to.family() == Family::Ipv6)
}

/// A kernel has no IPv6 on a device whose MTU is smaller.
fn has_room_for_ipv6(want: &Link) -> bool {
    want.mtu.is_none_or(|mtu| mtu >= Mtu::IPV6_MINIMUM)
}

pub(crate) fn switches(want: &Link, is: &SeenLink, kernel: Able) -> Vec<Change> {
    let (Some(has), true) = (is.ipv6, has_room_for_ipv6(want)) else {
        return Vec::new();
    };
    let turn =
        |switch, has: Option<bool>, on| (has != Some(on)).then_some(Change::Ipv6(switch, on));
    if want.origin.host().is_some() {
        // The host's own: what it does by itself stays, and only what is asked for is switched on.
        let forward = want.forward.contains(&Family::Ipv6);
        let on = [
            turn(Ipv6Switch::Forwarding, has.forwarding, true).filter(|_| forward),
            turn(Ipv6Switch::Disable, has.disabled, false)
                .filter(|_| speaks_ipv6(want) && has.disabled == Some(true)),
        ];
        return on.into_iter().flatten().collect();
    }
    if matches!(want.kind, LinkKind::Vrf(_)) {
        // What is in it speaks IPv6 or not; packets of what does come in by it as well.
        return [
            turn(Ipv6Switch::AcceptRa, has.accept_ra, false),
            turn(Ipv6Switch::Disable, has.disabled, false),
        ]
        .into_iter()
        .flatten()
        .collect();
    }
    if speaks_ipv6(want) {
        // Kernels that cannot be told are asked nothing, and others nothing that they do by
        // themselves.
        let hears = want.hears_announcements;
        let untracked = turn(Ipv6Switch::AcceptUntracked, has.accept_untracked, hears)
            .filter(|_| kernel.untracked && (hears || has.accept_untracked == Some(true)));
        let forward = want.forward.contains(&Family::Ipv6);
        // Probing would find the same gateway on another node, where it is meant to be.
        [
            turn(Ipv6Switch::AcceptRa, has.accept_ra, false),
            turn(Ipv6Switch::AcceptDad, has.accept_dad, false),
            turn(Ipv6Switch::Forwarding, has.forwarding, forward),
            untracked,
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

pub(crate) fn adds<T: Ord + Copy>(
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
        Change::RemoveRoute(route) => route.to.family() == Family::Ipv6,
        Change::RemoveStatic(route) => route.to.family() == Family::Ipv6,
        _ => false,
    }
}
