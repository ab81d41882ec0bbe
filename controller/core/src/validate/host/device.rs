//! What the devices of one host network are made of: every port plugged in once, no circle, VLANs
//! that are called what they are, and MTUs that fit into each other.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::mtu::Mtu;
use weft_model::name::LinkName;
use weft_model::object::HostNetwork;
use weft_model::object::host_network::{
    ForwardDelay, HostBridge, HostVlan, Interface, InterfaceKind,
};
use weft_model::prefix::Family;
use weft_model::vlan::{VlanId, VlanProtocol};

use super::Spot;
use crate::validate::finding::Findings;

pub(super) fn check(host: &HostNetwork, findings: &mut Findings) {
    check_plugs(host, findings);
    check_circles(host, findings);
    let mut lanes: BTreeMap<(&LinkName, VlanId, VlanProtocol), &LinkName> = BTreeMap::new();
    for spot in Spot::all(host) {
        check_mtu(spot, findings);
        match &spot.interface.kind {
            InterfaceKind::Bridge(bridge) => check_bridge(spot, bridge, findings),
            InterfaceKind::Vlan(vlan) => {
                check_vlan(spot, vlan, findings);
                let lane = (&vlan.device, vlan.tag, vlan.protocol);
                if let Some(first) = lanes.get(&lane) {
                    let problem =
                        format!("{first} is VLAN {} of {} already", vlan.tag, vlan.device);
                    spot.error("vlan.tag", problem, "keep one of the two", findings);
                } else {
                    lanes.insert(lane, spot.name);
                }
            }
            InterfaceKind::Physical | InterfaceKind::Bond(_) => {}
        }
    }
}

/// A device is plugged into one bridge or bond, and what is plugged in can be.
fn check_plugs(host: &HostNetwork, findings: &mut Findings) {
    let mut users: BTreeMap<&LinkName, &LinkName> = BTreeMap::new();
    for spot in Spot::all(host) {
        let Some((parts, field)) = spot.plugged() else {
            continue;
        };
        for part in parts {
            if let Some(first) = users.get(part) {
                let problem = format!("{part} is plugged into {first} already");
                spot.error(field, problem, "plug it into one of the two", findings);
            } else {
                users.insert(part, spot.name);
            }
            let kind = host.spec.interfaces.get(part).map(|it| &it.kind);
            match (&spot.interface.kind, kind) {
                (InterfaceKind::Bridge(_), Some(InterfaceKind::Bridge(_))) if part != spot.name => {
                    let problem = format!("{part} is a bridge, and none can be a port of another");
                    let advice = "join them by a VLAN of one of them, or use one bridge";
                    spot.error(field, problem, advice, findings);
                }
                (
                    InterfaceKind::Bond(_),
                    Some(InterfaceKind::Bridge(_) | InterfaceKind::Bond(_)),
                ) if part != spot.name => {
                    let problem = format!("{part} is no network card and cannot be a member");
                    spot.error(field, problem, "list network cards", findings);
                }
                (_, _) => {}
            }
        }
    }
}

/// No device is made of itself, directly or by others.
fn check_circles(host: &HostNetwork, findings: &mut Findings) {
    let parts = |name: &LinkName| {
        let interface = host.spec.interfaces.get(name);
        interface.map(|it| it.kind.parts()).unwrap_or_default()
    };
    for spot in Spot::all(host) {
        let mut seen: BTreeSet<&LinkName> = BTreeSet::new();
        let mut open: Vec<&LinkName> = spot.interface.kind.parts().into_iter().collect();
        while let Some(name) = open.pop() {
            if name == spot.name {
                let problem = format!("{} is made of itself", spot.name);
                let advice = "take one of the devices out of the circle";
                let field = match spot.plugged() {
                    Some((_, field)) => field,
                    None => "vlan.device",
                };
                spot.error(field, problem, advice, findings);
                break;
            }
            if seen.insert(name) {
                let below = host.spec.interfaces.get_key_value(name);
                open.extend(below.map(|(name, _)| parts(name)).into_iter().flatten());
            }
        }
    }
}

fn check_bridge(spot: Spot<'_>, bridge: &HostBridge, findings: &mut Findings) {
    if let Some(vids) = &bridge.vids {
        if !bridge.vlan_aware {
            let problem = "only a bridge that filters VLANs has them".to_owned();
            let advice = "set vlanAware, or leave vids out";
            spot.error("bridge.vids", problem, advice, findings);
        } else if vids.is_empty() {
            let problem = "no VLAN is listed".to_owned();
            let advice = "list some, as in 2-99,101, or leave vids out for all";
            spot.error("bridge.vids", problem, advice, findings);
        }
    }
    if let Some(delay) = bridge.forward_delay
        && bridge.stp
        && delay < ForwardDelay::LEAST_WITH_SPANNING_TREE
    {
        let problem = format!("{} s is too short with spanning tree", delay.get());
        let advice = "use 2 to 30 seconds, or leave it out";
        spot.error("bridge.forwardDelay", problem, advice, findings);
    }
}

fn check_vlan(spot: Spot<'_>, vlan: &HostVlan, findings: &mut Findings) {
    let by_dot = spot.name.as_str().rsplit_once('.');
    if let Some((device, number)) = by_dot
        && let Ok(number) = number.parse::<u32>()
    {
        if number != u32::from(vlan.tag) {
            let problem = format!("{} is VLAN {}, by its name {number}", spot.name, vlan.tag);
            let advice = "name it after its VLAN, or use that VLAN";
            spot.error("vlan.tag", problem, advice, findings);
        }
        if device != vlan.device.as_str() {
            let problem = format!(
                "{} is a VLAN of {}, by its name of {device}",
                spot.name, vlan.device
            );
            let advice = "name it after its device, or use that device";
            spot.error("vlan.device", problem, advice, findings);
        }
    }
    if let Some(number) = spot.name.as_str().strip_prefix("vlan")
        && let Ok(number) = number.parse::<u32>()
        && number != u32::from(vlan.tag)
    {
        let problem = format!("{} is VLAN {}, by its name {number}", spot.name, vlan.tag);
        let advice = "name it after its VLAN, or use that VLAN";
        spot.error("vlan.tag", problem, advice, findings);
    }
    let parent = spot.host.spec.interfaces.get(&vlan.device);
    if let Some(InterfaceKind::Bridge(bridge)) = parent.map(|it| &it.kind)
        && let Some(vids) = &bridge.vids
        && bridge.vlan_aware
        && !bridge.ports.is_empty()
        && vlan.tag.get() != 1
        && !vids.contains(vlan.tag)
    {
        let problem = format!(
            "VLAN {} is none of those that the ports of {} carry ({vids})",
            vlan.tag, vlan.device
        );
        let advice = format!("add it to the vids of {}", vlan.device);
        spot.warn("vlan.tag", problem, advice, findings);
    }
}

/// A packet that fits into a bridge, a bond or a VLAN fits into what it is made of.
fn check_mtu(spot: Spot<'_>, findings: &mut Findings) {
    let Some(mtu) = spot.interface.mtu else {
        return;
    };
    let has_ipv6 = |it: &Interface| {
        let mut addresses = it.addresses.iter();
        addresses.any(|it| it.family() == Family::Ipv6)
    };
    if mtu < Mtu::IPV6_MINIMUM && has_ipv6(spot.interface) {
        let problem = format!("an MTU of {mtu} is too small for IPv6");
        let advice = format!("use at least {}", Mtu::IPV6_MINIMUM);
        spot.error("mtu", problem, advice, findings);
    }
    for part in spot.interface.kind.parts() {
        let declared = spot.host.spec.interfaces.get(part);
        let of_part = declared.and_then(|it| it.mtu);
        match (&spot.interface.kind, of_part) {
            (InterfaceKind::Bond(_), Some(of_part)) if of_part != mtu => {
                let problem = format!("{mtu} is not the MTU of member {part}, {of_part}");
                let advice = format!("leave the MTU of {part} out: members take that of the bond");
                spot.error("mtu", problem, advice, findings);
            }
            (_, Some(of_part)) if of_part < mtu => {
                let problem = format!("{mtu} does not fit into {part}, which has {of_part}");
                let advice = format!("use {of_part} or less, or a larger MTU on {part}");
                spot.error("mtu", problem, advice, findings);
            }
            (InterfaceKind::Bridge(_) | InterfaceKind::Vlan(_), None) if mtu > Mtu::ETHERNET => {
                let problem = format!("{mtu} may not fit into {part}, of which no MTU is said");
                let advice = format!("list {part} with an MTU of at least {mtu}");
                spot.warn("mtu", problem, advice, findings);
            }
            (_, _) => {}
        }
    }
}
