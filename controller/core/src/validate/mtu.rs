//! The MTU of every zone.
//!
//! # Guarantees
//! All nodes of a zone use one MTU, because guests on different nodes are in one network and
//! nothing between them could tell a sender that its packet is too large. It is what the least of
//! the zone's nodes can carry inside a tunnel, unless the user sets a smaller one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use weft_model::facts::{Facts, LinkFacts};
use weft_model::mtu::Mtu;
use weft_model::name::{LinkName, NodeName, ZoneName};
use weft_model::object::zone::ZoneKind;
use weft_model::object::{Kind, Vnet, Zone};
use weft_model::prefix::Family;

use super::finding::{Findings, at};
use super::reading::Reading;
use super::trunk::{self, Trunks};
use super::tunnel::Underlays;
use crate::intent::{Trunk, Underlay};

/// The MTUs that are not left to the kernel, by zone.
pub(super) type Mtus = BTreeMap<ZoneName, Mtu>;

/// What VXLAN costs of the underlay's MTU (RFC 7348, section 5): the outer IP header, 8 bytes of
/// UDP, 8 of VXLAN, and 14 of the guest's Ethernet header, which the MTU of a vnet does not count.
/// The outer Ethernet header is not counted by the underlay's MTU either.
pub(super) fn overhead(family: Family) -> u32 {
    let outer_ip = match family {
        Family::Ipv4 => 20,
        Family::Ipv6 => 40,
    };
    outer_ip + 8 + 8 + 14
}

/// Finds the MTU of every zone and whether it can work.
pub(super) fn resolve(
    reading: &Reading<'_>,
    underlays: &Underlays,
    trunks: &Trunks,
    findings: &mut Findings,
) -> Mtus {
    let mut mtus = Mtus::new();
    for (name, zone) in reading.snapshot.zones().iter() {
        let by_tunnel = underlays
            .get(name)
            .and_then(|underlay| carried(reading, zone, underlay, findings));
        let by_bridge = trunks
            .get(name)
            .and_then(|trunks| carried_by_bridges(reading, zone, trunks, findings));
        let carried = by_tunnel.or(by_bridge);
        let Some(mtu) = zone.spec.mtu.or(carried) else {
            continue;
        };
        if mtu < Mtu::IPV6_MINIMUM
            && let Some(subnet) = reading
                .subnets_of_zone(name)
                .find(|subnet| subnet.spec.cidr.family() == Family::Ipv6)
        {
            findings.error(
                at(Kind::Zone, name, "spec.mtu"),
                format!(
                    "an MTU of {mtu} is too small for IPv6, which subnet {} uses",
                    subnet.metadata.name
                ),
                format!(
                    "use at least {}, in the zone and its underlay",
                    Mtu::IPV6_MINIMUM
                ),
            );
        }
        mtus.insert(name.clone(), mtu);
    }
    mtus
}

/// The largest MTU that all nodes of the zone can carry.
fn carried(
    reading: &Reading<'_>,
    zone: &Zone,
    underlay: &Underlay,
    findings: &mut Findings,
) -> Option<Mtu> {
    let inside = declared_inside(reading, zone);
    let mut least: Option<Mtu> = None;
    for (node, tunnel) in &underlay.tunnels {
        let facts = reading.facts(node)?;
        let Some((device, link)) = carrier(facts, tunnel.address) else {
            continue;
        };
        let overhead = overhead(Family::of(tunnel.address)) + inside;
        let Some(allowed) = allowed(zone, node, device, link, overhead, findings) else {
            continue;
        };
        if let Some(wanted) = zone.spec.mtu
            && wanted > allowed
        {
            findings.error(
                at(Kind::Zone, &zone.metadata.name, "spec.mtu"),
                format!(
                    "node {node} can carry {allowed} at most, not {wanted}: device {device} has MTU \
                     {}, and VXLAN over {} costs {overhead}",
                    allowed.get() + overhead,
                    Family::of(tunnel.address)
                ),
                format!("use {allowed} or less, or a larger MTU on {device} of node {node}"),
            );
        }
        least = Some(least.map_or(allowed, |least| least.min(allowed)));
    }
    least
}

/// The device whose MTU bounds what tunnels from an address carry. A packet leaves a loopback by
/// another device, which routing chooses: by any that has an address.
fn carrier(facts: &Facts, address: IpAddr) -> Option<(&LinkName, &LinkFacts)> {
    let mut links = facts.links.iter();
    let own = links.find(|(_, link)| link.addresses.iter().any(|it| it.address() == address))?;
    if own.0.as_str() != "lo" {
        return Some(own);
    }
    let others = facts.links.iter().filter(|(name, _)| name.as_str() != "lo");
    let known = others.filter(|(_, link)| link.mtu.is_some());
    Some(known.min_by_key(|(_, link)| link.mtu).unwrap_or(own))
}

/// What a VLAN tag costs (IEEE 802.1Q-2018, clause 9.6).
const TAG: u32 = 4;

/// The MTU of one vnet's devices: where guests use VLANs of their own, the inner tag is inside what
/// the zone can carry. An MTU that the user sets counts for every vnet.
pub(super) fn of_vnet(zone: &Zone, vnet: &Vnet, resolved: Option<&Mtu>) -> Option<Mtu> {
    let joined = !matches!(zone.spec.kind, ZoneKind::Simple);
    if vnet.spec.vlan_aware && joined && zone.spec.mtu.is_none() {
        return resolved.and_then(|mtu| mtu.inside(TAG));
    }
    resolved.copied()
}

/// What guests' own tags cost where the MTU that the user set must have room for them.
fn declared_inside(reading: &Reading<'_>, zone: &Zone) -> u32 {
    let mut vnets = reading.vnets_in(&zone.metadata.name).iter();
    let guests_tag = zone.spec.mtu.is_some() && vnets.any(|vnet| vnet.spec.vlan_aware);
    if guests_tag { TAG } else { 0 }
}

/// The largest MTU that the bridges of all nodes can carry. The first tag costs nothing: Ethernet
/// devices have room for it beside their MTU (IEEE 802.3-2018, clause 3.2.7); every further one
/// does.
fn carried_by_bridges(
    reading: &Reading<'_>,
    zone: &Zone,
    trunks: &BTreeMap<NodeName, Trunk>,
    findings: &mut Findings,
) -> Option<Mtu> {
    let inner = match zone.spec.kind {
        ZoneKind::Qinq(_) => TAG,
        ZoneKind::Simple | ZoneKind::Vlan(_) | ZoneKind::Vxlan(_) | ZoneKind::Evpn(_) => 0,
    };
    let cost = inner + declared_inside(reading, zone);
    let mut least: Option<Mtu> = None;
    for (node, trunk) in trunks {
        let facts = reading.facts(node)?;
        let Some(has) = trunk::bridge_of(zone, facts).and_then(|bridge| bridge.mtu) else {
            continue;
        };
        let allowed = has.inside(cost);
        if let Some(wanted) = zone.spec.mtu
            && allowed.is_none_or(|allowed| wanted > allowed)
        {
            findings.error(
                at(Kind::Zone, &zone.metadata.name, "spec.mtu"),
                format!(
                    "node {node} can carry {} at most, not {wanted}: bridge {} has MTU {has}, and \
                     inner VLAN tags cost {cost}",
                    has.get() - cost,
                    trunk.bridge
                ),
                format!(
                    "use less, or a larger MTU on {} of node {node}",
                    trunk.bridge
                ),
            );
        }
        least = match (least, allowed) {
            (Some(least), Some(allowed)) => Some(least.min(allowed)),
            (least, allowed) => least.or(allowed),
        };
    }
    least
}

/// The largest MTU that one node can carry.
fn allowed(
    zone: &Zone,
    node: &NodeName,
    device: &LinkName,
    link: &LinkFacts,
    overhead: u32,
    findings: &mut Findings,
) -> Option<Mtu> {
    let Some(underlay) = link.mtu else {
        if zone.spec.mtu.is_none() {
            findings.warn(
                at(Kind::Zone, &zone.metadata.name, "spec.mtu"),
                format!(
                    "device {device} of node {node}, where tunnels end, does not say what the \
                     network can carry; {} is assumed",
                    Mtu::ETHERNET
                ),
                "set the MTU of the zone",
            );
            return Mtu::ETHERNET.inside(overhead);
        }
        return None;
    };
    let allowed = underlay.inside(overhead);
    if allowed.is_none() {
        findings.error(
            at(Kind::Zone, &zone.metadata.name, "spec.nodes"),
            format!(
                "device {device} of node {node} has MTU {underlay}, too little for VXLAN, which \
                 costs {overhead}"
            ),
            format!("use a larger MTU on {device} of node {node}"),
        );
    }
    allowed
}
