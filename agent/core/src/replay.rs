//! A kernel in memory: what a step does to what is there, and what a kernel would not do.
//!
//! It is as strict as the oldest kernel that is supported (a device must be down to be renamed), so
//! that a wrong order shows here.

use weft_model::mtu::Mtu;
use weft_model::plan::link::LinkKind;
use weft_model::prefix::Family;

use crate::link::tunnel;
use crate::own::GROUP;
use crate::seen::{Ipv6, Seen, SeenKind, SeenLink};
use crate::step::{Change, Ipv6Switch, Master, Settings, Step};

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
        Step::DestroyGroup { group, .. } => {
            let doomed: Vec<u32> = seen
                .links()
                .filter(|link| link.group == *group)
                .map(|link| link.index)
                .collect();
            if doomed.is_empty() {
                return Err(Refused::NoDevice);
            }
            doomed.into_iter().for_each(|index| destroy(seen, index));
            Ok(())
        }
        Step::Link {
            index,
            name,
            change: Change::Create { kind, mac, mtu },
            ..
        } => create(seen, *index, name, kind, *mac, *mtu),
        Step::Link { index, change, .. } => {
            let link = seen.link(*index).ok_or(Refused::NoDevice)?.clone();
            on_link(seen, link, change)
        }
    }
}

fn destroy(seen: &mut Seen, index: u32) {
    let ports: Vec<SeenLink> = seen.ports(index).cloned().collect();
    for mut port in ports {
        port.master = None;
        seen.put(port);
    }
    seen.remove(index);
}

fn create(
    seen: &mut Seen,
    index: u32,
    name: &str,
    kind: &LinkKind,
    mac: Option<[u8; 6]>,
    mtu: Option<u32>,
) -> Result<(), Refused> {
    let kind = match kind {
        LinkKind::Bridge => SeenKind::Bridge {
            spanning_tree: false,
            forward_delay: 0,
        },
        LinkKind::Vxlan(vxlan) => {
            if seen.tunnel(tunnel(vxlan)).next().is_some() {
                return Err(Refused::Exists);
            }
            SeenKind::Vxlan {
                tunnel: tunnel(vxlan),
                local: Some(vxlan.local),
                learning: vxlan.learning,
            }
        }
    };
    if seen.link(index).is_some() || seen.named(name).is_some() {
        return Err(Refused::Exists);
    }
    let mut link = SeenLink::new(index, name, kind);
    link.group = GROUP;
    link.mac = mac.or(Some([2, 0, 0, 0, 0, 1]));
    link.mtu = mtu.unwrap_or(1500);
    link.forward_ipv4 = Some(false);
    follow_mtu(seen, &mut link);
    seen.put(link);
    Ok(())
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
        });
    }
}

fn on_link(seen: &mut Seen, mut link: SeenLink, change: &Change) -> Result<(), Refused> {
    let index = link.index;
    match change {
        Change::Create { .. } => return Err(Refused::Exists),
        Change::Set(settings) => return set(seen, link, settings),
        Change::Ipv6(switch, on) => {
            let ipv6 = link.ipv6.as_mut().ok_or(Refused::NotFound)?;
            match switch {
                Ipv6Switch::Disable => ipv6.disabled = Some(*on),
                Ipv6Switch::Forwarding => ipv6.forwarding = Some(*on),
                Ipv6Switch::AcceptRa => ipv6.accept_ra = Some(*on),
                Ipv6Switch::AcceptDad => ipv6.accept_dad = Some(*on),
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
        Change::AddFlood(peer) => {
            let family = link.tunnel().ok_or(Refused::Invalid)?.family;
            if family != Family::of(*peer) {
                return Err(Refused::Invalid);
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
        Change::Destroy => destroy(seen, index),
    }
    Ok(())
}

fn set(seen: &mut Seen, mut link: SeenLink, settings: &Settings) -> Result<(), Refused> {
    let index = link.index;
    if let Some(name) = &settings.name {
        if link.up {
            return Err(Refused::Busy);
        }
        if seen.named(name).is_some() {
            return Err(Refused::Exists);
        }
        link.name.clone_from(name);
    }
    if settings.mtu.is_some() && (settings.local.is_some() || settings.learning.is_some()) {
        return Err(Refused::Invalid);
    }
    if let Some(Master::Bridge(master)) = settings.master {
        let master = seen.link(master).ok_or(Refused::NoDevice)?;
        if !matches!(master.kind, SeenKind::Bridge { .. }) {
            return Err(Refused::Invalid);
        }
    }
    if let Some(master) = settings.master {
        link.master = match master {
            Master::Nobody => None,
            Master::Bridge(index) => Some(index),
        };
    }
    link.alias = settings.alias.clone().or(link.alias);
    link.group = settings.group.unwrap_or(link.group);
    link.mtu = settings.mtu.unwrap_or(link.mtu);
    link.mac = settings.mac.or(link.mac);
    link.forward_ipv4 = settings.forward_ipv4.or(link.forward_ipv4);
    match &mut link.kind {
        SeenKind::Bridge {
            spanning_tree,
            forward_delay,
        } if settings.plain_bridge => (*spanning_tree, *forward_delay) = (false, 0),
        SeenKind::Vxlan {
            local, learning, ..
        } => {
            *local = settings.local.or(*local);
            *learning = settings.learning.unwrap_or(*learning);
        }
        SeenKind::Bridge { .. } | SeenKind::Other => {}
    }
    link.up = settings.up.unwrap_or(link.up);
    follow_mtu(seen, &mut link);
    let off = !link.up || link.ipv6.is_none();
    seen.put(link);
    if off {
        lose_ipv6(seen, index);
    }
    Ok(())
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
    for route in link.routes {
        if route.family() == Family::Ipv6 {
            seen.remove_route(index, route);
        }
    }
}
