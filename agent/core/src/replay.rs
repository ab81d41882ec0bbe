//! A kernel in memory: what a step does to what is there, and what a kernel would not do.
//!
//! It is as strict as the oldest kernel that is supported (a device must be down to be renamed), so
//! that a wrong order shows here.

use weft_model::mtu::Mtu;
use weft_model::plan::link::Vlans;
use weft_model::prefix::Family;
use weft_model::vlan::VlanSet;

use crate::seen::{Claim, Ipv6, Seen, SeenKind, SeenLink};
use crate::settings::Ipv6Switch;
use crate::step::{Change, GuestChange, Step};

mod make;
mod network;
mod set;
mod unmake;

use make::{Made, create, plug};
use set::set;
use unmake::destroy;

/// What a kernel answers to a step that it will not make, in its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// `EEXIST`.
    #[error("file exists")]
    Exists,
    /// `ENODEV`.
    #[error("no such device")]
    NoDevice,
    /// `EBUSY`.
    #[error("device or resource busy")]
    Busy,
    /// `EINVAL`.
    #[error("invalid argument")]
    Invalid,
    /// `ENETDOWN`.
    #[error("network is down")]
    NetworkDown,
    /// `ENOENT`.
    #[error("no such file or directory")]
    NotFound,
    /// `ERANGE`.
    #[error("numerical result out of range")]
    Range,
}

/// Makes one step.
///
/// # Errors
/// What a kernel would say.
pub fn replay(seen: &mut Seen, step: &Step) -> Result<(), Refused> {
    match step {
        Step::Nat(table) => {
            seen.nat.clone_from(table);
            Ok(())
        }
        Step::Lend { index, loan, .. } => {
            seen.lend(*index, loan.as_deref().cloned());
            Ok(())
        }
        // An FRR in memory has laws of its own.
        Step::Frr(_) | Step::FrrKept(_) => Ok(()),
        Step::DestroyGroup { group, .. } => {
            let doomed: Vec<u32> = seen
                .links()
                .filter(|link| link.group == *group)
                .map(|link| link.index)
                .collect();
            if doomed.is_empty() {
                return Err(Refused::NoDevice);
            }
            let is_switched = |link: &SeenLink| matches!(link.kind, SeenKind::Switched(_));
            if doomed
                .iter()
                .any(|it| seen.link(*it).is_some_and(is_switched))
            {
                return Err(Refused::Invalid);
            }
            doomed.into_iter().for_each(|index| destroy(seen, index));
            Ok(())
        }
        Step::Link {
            index,
            name,
            change:
                Change::Create {
                    kind,
                    mac,
                    mtu,
                    other,
                },
            ..
        } => {
            let made = Made {
                kind,
                mac: *mac,
                mtu: *mtu,
                other: *other,
            };
            create(seen, *index, name, &made)
        }
        Step::Link {
            index,
            name,
            change: Change::Plug(it),
            ..
        } => plug(seen, *index, name, it),
        Step::Link {
            name,
            change: Change::Unplug,
            ..
        } if seen.unmade.contains_key(name) => {
            seen.unmade.remove(name);
            Ok(())
        }
        Step::Link {
            change: Change::RemoveUnreachable(route),
            ..
        } => {
            // A kernel keeps them when the device of their table goes.
            if !seen.unreachable.contains(route) {
                return Err(Refused::NotFound);
            }
            seen.remove_unreachable(*route);
            Ok(())
        }
        Step::Guest { index, change, .. } => {
            let port = seen.link(*index).ok_or(Refused::NoDevice)?.clone();
            on_guest(seen, port, change)
        }
        Step::Link { index, change, .. } => {
            let link = seen.link(*index).ok_or(Refused::NoDevice)?.clone();
            on_link(seen, link, change)
        }
    }
}

fn on_guest(seen: &mut Seen, mut port: SeenLink, change: &GuestChange) -> Result<(), Refused> {
    if port.master.is_none() {
        return Err(Refused::Invalid);
    }
    match change {
        GuestChange::Flags { isolated, learning } => {
            port.port.isolated = isolated.unwrap_or(port.port.isolated);
            port.port.learning = learning.unwrap_or(port.port.learning);
            seen.put(port);
        }
        GuestChange::AddVlans(vlans) => add_vlans(seen, &port, vlans),
    }
    Ok(())
}

/// A VLAN is on a port with its tag or without, never both; only one is without.
fn add_vlans(seen: &mut Seen, port: &SeenLink, add: &Vlans) {
    let mut vlans = port.vlans.clone();
    let ranges = vlans.tagged.ranges().iter().chain(add.tagged.ranges());
    vlans.tagged = ranges.copied().collect();
    if let Some(id) = add.untagged {
        vlans.untagged = Some(id);
        vlans.tagged = vlans.tagged.without(&std::iter::once(id).collect());
    }
    if vlans.untagged.is_some_and(|id| add.tagged.contains(id)) {
        vlans.untagged = None;
    }
    seen.set_vlans(port.index, vlans);
}

fn remove_vlans(seen: &mut Seen, port: &SeenLink, remove: &VlanSet) {
    let mut vlans = port.vlans.clone();
    vlans.tagged = vlans.tagged.without(remove);
    vlans.untagged = vlans.untagged.filter(|id| !remove.contains(*id));
    seen.set_vlans(port.index, vlans);
}

/// A device too small for IPv6 has none, and starts from the defaults when it grows.
fn follow_mtu(seen: &Seen, link: &mut SeenLink) {
    if link.mtu < Mtu::IPV6_MINIMUM.get() || !seen.has_ipv6() {
        link.ipv6 = None;
    } else if link.ipv6.is_none() {
        link.ipv6 = Some(Ipv6 {
            disabled: Some(false),
            forwarding: Some(false),
            accept_ra: Some(true),
            accept_dad: Some(true),
            accept_untracked: seen.can_accept_untracked().then_some(false),
        });
    }
}

fn on_link(seen: &mut Seen, mut link: SeenLink, change: &Change) -> Result<(), Refused> {
    let index = link.index;
    match change {
        Change::Create { .. } | Change::Plug(_) => return Err(Refused::Exists),
        Change::Set(settings) => return set(seen, link, settings),
        Change::Ipv6(switch, on) => {
            let ipv6 = link.ipv6.as_mut().ok_or(Refused::NotFound)?;
            match switch {
                Ipv6Switch::Disable => ipv6.disabled = Some(*on),
                Ipv6Switch::Forwarding => ipv6.forwarding = Some(*on),
                Ipv6Switch::AcceptRa => ipv6.accept_ra = Some(*on),
                Ipv6Switch::AcceptDad => ipv6.accept_dad = Some(*on),
                Ipv6Switch::AcceptUntracked => ipv6.accept_untracked = Some(*on),
            }
            let off = ipv6.disabled == Some(true);
            seen.put(link);
            if off {
                lose_ipv6(seen, index);
            }
        }
        Change::AddName(name) => {
            if seen.named(name.as_str()).is_some() {
                return Err(Refused::Exists);
            }
            link.alternative_names.insert(name.as_str().to_owned());
            seen.put(link);
        }
        Change::RemoveName(name) => {
            if !link.alternative_names.remove(name) {
                return Err(Refused::NotFound);
            }
            seen.put(link);
        }
        Change::AddAddress(address) => {
            let off = link.ipv6.is_none_or(|ipv6| ipv6.disabled == Some(true));
            if address.family() == Family::Ipv6 && off {
                return Err(Refused::Invalid);
            }
            if !link.addresses.insert(*address) {
                return Err(Refused::Exists);
            }
            seen.add_address(index, *address);
        }
        Change::RemoveAddress(address) => {
            if !link.addresses.contains(address) {
                return Err(Refused::NotFound);
            }
            seen.remove_address(index, *address);
        }
        Change::AddRoute(route) => {
            if !link.up {
                return Err(Refused::NetworkDown);
            }
            if !is_of(seen, &link, route.table) {
                return Err(Refused::Invalid);
            }
            if link.routes.contains(route) {
                return Err(Refused::Exists);
            }
            seen.add_route(index, *route);
        }
        Change::RemoveRoute(route) => {
            if !link.routes.contains(route) {
                return Err(Refused::NotFound);
            }
            seen.remove_route(index, *route);
        }
        Change::AddUnreachable(route) => {
            if route.family == Family::Ipv6 && !seen.has_ipv6() {
                return Err(Refused::Invalid);
            }
            if seen.unreachable.contains(route) {
                return Err(Refused::Exists);
            }
            seen.add_unreachable(*route);
        }
        Change::RemoveUnreachable(_) => return Err(Refused::Invalid),
        Change::AddStatic { route, replace } => {
            if !link.up {
                return Err(Refused::NetworkDown);
            }
            if !replace && seen.route_holders(route.place()).next().is_some() {
                return Err(Refused::Exists);
            }
            let mut reached = link.addresses.iter();
            if route
                .via
                .is_some_and(|via| !reached.any(|it| it.network().contains(via)))
            {
                return Err(Refused::Invalid);
            }
            seen.add_static(index, *route, *replace);
        }
        Change::RemoveStatic(route) => {
            if !link.static_routes.contains(route) {
                return Err(Refused::NotFound);
            }
            seen.remove_static(index, route);
        }
        Change::AddFlood(peer) => {
            match link.claim() {
                Some(Claim::Tunnel(tunnel)) if tunnel.family == Family::of(*peer) => {}
                _ => return Err(Refused::Invalid),
            }
            if link.flood.contains(peer) {
                return Err(Refused::Exists);
            }
            seen.add_flood(index, *peer);
        }
        Change::RemoveFlood(peer) => {
            if !link.flood.contains(peer) {
                return Err(Refused::NotFound);
            }
            seen.remove_flood(index, *peer);
        }
        Change::AddNetworks(_)
        | Change::RemoveNetworks(_)
        | Change::AddPeer(..)
        | Change::RemovePeer(..)
        | Change::MapVlans(_) => return network::change(seen, &link, change),
        Change::AddVlans(vlans) => {
            link.master.ok_or(Refused::Invalid)?;
            add_vlans(seen, &link, vlans);
        }
        Change::RemoveVlans(vlans) => {
            link.master.ok_or(Refused::Invalid)?;
            remove_vlans(seen, &link, vlans);
        }
        Change::Join(of) => {
            let bridge = seen.link(of.bridge).ok_or(Refused::NoDevice)?.clone();
            let vlans = Vlans {
                tagged: std::iter::once(of.id).collect(),
                untagged: None,
            };
            add_vlans(seen, &bridge, &vlans);
        }
        Change::Leave(of) => {
            let bridge = seen.link(of.bridge).ok_or(Refused::NoDevice)?.clone();
            remove_vlans(seen, &bridge, &std::iter::once(of.id).collect());
        }
        Change::Retag(port) => {
            let SeenKind::Switched(plug) = &mut link.kind else {
                return Err(Refused::Invalid);
            };
            plug.port = Some(port.clone());
            seen.put(link);
        }
        Change::Unplug if !matches!(link.kind, SeenKind::Switched(_)) => {
            return Err(Refused::Invalid);
        }
        Change::Destroy if matches!(link.kind, SeenKind::Switched(_)) => {
            return Err(Refused::Invalid);
        }
        Change::Unplug | Change::Destroy => destroy(seen, index),
    }
    Ok(())
}

/// Whether a device's routes may be in a table: a kernel would put them into any, but whatever is
/// in a routing domain is reached by the domain's own only.
fn is_of(seen: &Seen, link: &SeenLink, table: u32) -> bool {
    let master = link.master.and_then(|index| seen.link(index));
    match master.map(|master| &master.kind) {
        Some(SeenKind::Vrf { table: has }) => *has == table,
        _ => table == crate::route::MAIN_TABLE,
    }
}

fn lose_ipv6(seen: &mut Seen, index: u32) {
    let Some(link) = seen.link(index).cloned() else {
        return;
    };
    for address in link.addresses {
        if address.family() == Family::Ipv6 {
            seen.remove_address(index, address);
        }
    }
    for route in link.static_routes {
        if route.to.family() == Family::Ipv6 {
            seen.remove_static(index, &route);
        }
    }
    for route in link.routes {
        if route.to.family() == Family::Ipv6 {
            seen.remove_route(index, route);
        }
    }
}
