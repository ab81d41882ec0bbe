//! The MTU of every zone.
//!
//! # Guarantees
//! All nodes of a zone use one MTU, because guests on different nodes are in one network and
//! nothing between them could tell a sender that its packet is too large. It is what the least of
//! the zone's nodes can carry inside a tunnel, unless the user sets a smaller one.

use std::collections::BTreeMap;

use weft_model::facts::LinkFacts;
use weft_model::mtu::Mtu;
use weft_model::name::{LinkName, NodeName, ZoneName};
use weft_model::object::{Kind, Zone};
use weft_model::prefix::Family;

use super::finding::{Findings, at};
use super::reading::Reading;
use super::tunnel::Underlays;
use crate::intent::Underlay;

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
    findings: &mut Findings,
) -> Mtus {
    let mut mtus = Mtus::new();
    for (name, zone) in reading.snapshot.zones().iter() {
        let carried = underlays
            .get(name)
            .and_then(|underlay| carried(reading, zone, underlay, findings));
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
    let mut least: Option<Mtu> = None;
    for (node, tunnel) in &underlay.tunnels {
        let facts = reading.snapshot.facts().get(node)?;
        let mut links = facts.links.iter();
        let Some((device, link)) = links.find(|(_, link)| {
            let mut addresses = link.addresses.iter();
            addresses.any(|it| it.address() == tunnel.address)
        }) else {
            continue;
        };
        let overhead = overhead(Family::of(tunnel.address));
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
