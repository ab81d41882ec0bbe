//! Changing a device's own properties.

use weft_model::plan::link::Vlans;
use weft_model::vlan::VlanProtocol;

use super::{Refused, follow_mtu, lose_ipv6, network};
use crate::seen::{Port, Seen, SeenKind, SeenLink};
use crate::settings::{Master, Settings};

pub(super) fn set(seen: &mut Seen, mut link: SeenLink, settings: &Settings) -> Result<(), Refused> {
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
    if let Some(Master::Device(master)) = settings.master {
        let master = seen.link(master).ok_or(Refused::NoDevice)?;
        match master.kind {
            SeenKind::Bridge { .. } if !link.is_bridge() => {}
            SeenKind::Vrf { .. } if !link.is_vrf() => {}
            SeenKind::Bond(_) if !link.up => {}
            SeenKind::Bond(_) => return Err(Refused::Busy),
            _ => return Err(Refused::Invalid),
        }
    }
    let was_in = link.master;
    let mut cycles = false;
    if let Some(master) = settings.master {
        let is_bond = |index: u32| {
            let link = seen.link(index);
            link.is_some_and(|link| matches!(link.kind, SeenKind::Bond(_)))
        };
        if link.master.is_some_and(is_bond) {
            link.up = false;
        }
        let next = match master {
            Master::Nobody => None,
            Master::Device(index) => Some(index),
        };
        let is_vrf = |index: u32| seen.link(index).is_some_and(SeenLink::is_vrf);
        cycles =
            link.up && next != link.master && [next, link.master].into_iter().flatten().any(is_vrf);
        if let Master::Device(index) = master
            && is_bond(index)
        {
            link.up = true;
        }
        link.master = match master {
            Master::Nobody => None,
            Master::Device(index) => Some(index),
        };
        link.port = Port::default();
    }
    if let SeenKind::Vlan(vlan) = link.kind {
        let most = seen.link(vlan.parent).ok_or(Refused::NoDevice)?.mtu;
        if most != 0 && settings.mtu.is_some_and(|mtu| mtu > most) {
            return Err(Refused::Range);
        }
    }
    if settings.up == Some(true) && !link.up && network::is_port_taken(seen, &link) {
        return Err(Refused::Busy);
    }
    let as_port = [
        settings.tunnel,
        settings.isolated,
        settings.learned,
        settings.suppression,
    ];
    if as_port.iter().any(Option::is_some) && (was_in.is_none() || settings.master.is_some()) {
        return Err(Refused::Invalid);
    }
    link.port.tunnel = settings.tunnel.unwrap_or(link.port.tunnel);
    link.port.isolated = settings.isolated.unwrap_or(link.port.isolated);
    link.port.learning = settings.learned.unwrap_or(link.port.learning);
    link.port.suppression = settings.suppression.unwrap_or(link.port.suppression);
    link.alias = settings.alias.clone().or(link.alias);
    link.alias = link.alias.filter(|alias| !alias.is_empty());
    link.group = settings.group.unwrap_or(link.group);
    link.mtu = settings.mtu.unwrap_or(link.mtu);
    link.mac = settings.mac.or(link.mac);
    link.forward_ipv4 = settings.forward_ipv4.or(link.forward_ipv4);
    link.proxy_arp = settings.proxy_arp.or(link.proxy_arp);
    link.hears_announcements = settings.hears_announcements.or(link.hears_announcements);
    link.any_source = settings.any_source.or(link.any_source);
    let has_ports = seen.ports(index).next().is_some();
    match &mut link.kind {
        SeenKind::Bridge {
            spanning_tree,
            forward_delay,
            vlans,
            bare_ports,
        } => {
            *bare_ports = settings.bare_ports.unwrap_or(*bare_ports);
            *spanning_tree = settings.spanning_tree.unwrap_or(*spanning_tree);
            *forward_delay = settings.forward_delay.unwrap_or(*forward_delay);
            if *spanning_tree {
                if settings.forward_delay.is_some_and(|delay| delay < 200) {
                    return Err(Refused::Range);
                }
                *forward_delay = (*forward_delay).max(200);
            }
            if let Some(on) = settings.filter_vlans {
                *vlans = on.then_some(VlanProtocol::Dot1q);
            }
        }
        SeenKind::Vxlan {
            local, learning, ..
        }
        | SeenKind::Bundle {
            local, learning, ..
        } => {
            *local = settings.local.or(*local);
            *learning = settings.learning.unwrap_or(*learning);
        }
        SeenKind::Bond(bond) => {
            let next = &settings.bond;
            if next.mode.is_some() && (has_ports || link.up) || next.lacp_rate.is_some() && link.up
            {
                return Err(Refused::Busy);
            }
            bond.mode = next.mode.unwrap_or(bond.mode);
            bond.miimon = next.miimon.unwrap_or(bond.miimon);
            bond.lacp_rate = next.lacp_rate.unwrap_or(bond.lacp_rate);
            bond.xmit_hash_policy = next.xmit_hash_policy.or(bond.xmit_hash_policy);
            if let Some(primary) = next.primary {
                bond.primary = Some(primary).filter(|index| *index != 0);
            }
        }
        SeenKind::Vlan(_)
        | SeenKind::Veth { .. }
        | SeenKind::Switched(_)
        | SeenKind::Vrf { .. }
        | SeenKind::Dummy
        | SeenKind::Uplink
        | SeenKind::Other => {}
    }
    link.up = settings.up.unwrap_or(link.up);
    follow_mtu(seen, &mut link);
    let off = !link.up || link.ipv6.is_none() || cycles;
    let is_in = link.master;
    if cycles {
        // It goes down and up again, and its IPv4 routes go with that.
        let up = std::mem::replace(&mut link.up, false);
        seen.put(link.clone());
        link.up = up;
    }
    let is_port = !link.is_bridge();
    seen.put(link);
    if is_in != was_in && is_port {
        let is_bare = |master: &u32| network::has_bare_ports(seen, *master);
        let is_vrf = |master: &u32| seen.link(*master).is_some_and(SeenLink::is_vrf);
        let vlans = is_in.filter(|master| !is_bare(master) && !is_vrf(master));
        let vlans = vlans.map(|_| Vlans::of_a_new_port());
        seen.set_vlans(index, vlans.unwrap_or_default());
    }
    if let Some(bare) = settings.bare_ports {
        network::turn_bare(seen, index, bare);
    }
    if off {
        lose_ipv6(seen, index);
    }
    Ok(())
}
