//! Subnets: in a vnet that exists, with a network that can be used, a gateway that is in it, and a
//! source translation that can work.

use std::collections::BTreeSet;
use std::net::IpAddr;

use weft_model::name::NodeName;
use weft_model::object::subnet::Snat;
use weft_model::object::zone::ZoneKind;
use weft_model::object::{Kind, Subnet, Zone};
use weft_model::prefix::{Family, Prefix};

use super::finding::{Findings, at};
use super::reading::{Reading, holds_gateways};
use super::text::list;
use super::zone::Carriers;

/// The shortest prefix of a subnet, in both families: anything shorter is a slip of the pen.
const SHORTEST: u8 = 8;

/// The last prefix length at which an IPv4 network has a network and a broadcast address (RFC 3021).
const LAST_WITH_BROADCAST: u8 = 30;

/// Checks every subnet by itself, against its vnet and against its zone.
pub(super) fn check(reading: &Reading<'_>, carriers: &Carriers, findings: &mut Findings) {
    for (name, subnet) in reading.snapshot.subnets().iter() {
        check_cidr(subnet, findings);
        check_gateway(subnet, findings);
        check_snat_family(subnet, findings);
        if !reading.snapshot.vnets().contains(&subnet.spec.vnet) {
            findings.error(
                at(Kind::Subnet, name, "spec.vnet"),
                format!("vnet {} does not exist", subnet.spec.vnet),
                "create the vnet, or delete the subnet with it",
            );
        }
        let Some(zone) = reading.zone_of(subnet) else {
            continue;
        };
        if holds_gateways(zone) {
            check_snat_works(reading, subnet, findings);
            let nodes = carriers.get(&zone.metadata.name);
            check_snat_address(reading, subnet, nodes.map(|it| &**it), findings);
        } else {
            check_joined(zone, subnet, findings);
        }
    }
}

fn check_cidr(subnet: &Subnet, findings: &mut Findings) {
    let cidr = subnet.spec.cidr;
    let place = || at(Kind::Subnet, &subnet.metadata.name, "spec.cidr");
    if cidr.length() < SHORTEST {
        let longest = cidr.family().host_length();
        findings.error(
            place(),
            format!("{cidr} is too large"),
            format!("use a prefix length from {SHORTEST} to {longest}"),
        );
    } else if !is_unicast(cidr.address()) {
        findings.error(
            place(),
            format!("{cidr} is not for hosts: it is loopback, link-local, multicast or reserved"),
            "use a network of unicast addresses",
        );
    }
}

/// Whether the addresses that begin with this one can be routed to a guest.
fn is_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let first = address.octets()[0];
            !(first == 0 || first == 127 || first >= 224)
        }
        IpAddr::V6(address) => {
            let reserved = address.is_unspecified() || address.is_loopback();
            !(reserved || address.is_unicast_link_local() || address.is_multicast())
        }
    }
}

fn check_gateway(subnet: &Subnet, findings: &mut Findings) {
    let Some(gateway) = subnet.spec.gateway else {
        return;
    };
    let cidr = subnet.spec.cidr;
    let place = at(Kind::Subnet, &subnet.metadata.name, "spec.gateway");
    if Family::of(gateway) != cidr.family() {
        findings.error(
            place,
            format!(
                "{gateway} is not an {} address, and {cidr} is",
                cidr.family()
            ),
            format!("use an {} address", cidr.family()),
        );
    } else if cidr.is_host() {
        // The gateway of a point-to-point subnet is outside it, and may be link-local.
        let link_local = matches!(gateway, IpAddr::V6(it) if it.is_unicast_link_local());
        if !is_unicast(gateway) && !link_local {
            findings.error(
                place,
                format!("{gateway} cannot be the address of a node"),
                "use a unicast address",
            );
        }
    } else if !cidr.contains(gateway) {
        findings.error(
            place,
            format!("{gateway} is not in {cidr}"),
            format!("use an address in {cidr}"),
        );
    } else if let Some(meaning) = reserved(cidr, gateway) {
        findings.error(
            place,
            format!("{gateway} is the {meaning} address of {cidr}"),
            "use another address of the network",
        );
    }
}

/// What an address of an IPv4 network means to all its hosts, if it is no single host's.
fn reserved(cidr: Prefix, address: IpAddr) -> Option<&'static str> {
    let (IpAddr::V4(network), IpAddr::V4(address)) = (cidr.address(), address) else {
        return None;
    };
    if cidr.length() > LAST_WITH_BROADCAST {
        return None;
    }
    let hosts = u32::MAX.checked_shr(cidr.length().into()).unwrap_or(0);
    if address == network {
        Some("network")
    } else if address.to_bits() == network.to_bits() | hosts {
        Some("broadcast")
    } else {
        None
    }
}

fn check_snat_family(subnet: &Subnet, findings: &mut Findings) {
    let Some(Snat::Address(address)) = subnet.spec.snat else {
        return;
    };
    let family = subnet.spec.cidr.family();
    let place = at(Kind::Subnet, &subnet.metadata.name, "spec.snat");
    if Family::of(address) != family {
        findings.error(
            place,
            format!("{} packets cannot be given the address {address}", family),
            format!("use masquerade, or an {family} address"),
        );
    } else if !is_unicast(address) {
        findings.error(
            place,
            format!("{address} cannot be the source of packets to the outside"),
            "use masquerade, or a unicast address of the node",
        );
    }
}

/// Packets are translated where they pass a node, and they pass it only if it is a gateway.
fn check_snat_works(reading: &Reading<'_>, subnet: &Subnet, findings: &mut Findings) {
    if subnet.spec.snat.is_none() || subnet.spec.gateway.is_some() {
        return;
    }
    let family = subnet.spec.cidr.family();
    let beside = reading.subnets_in(&subnet.spec.vnet);
    let routed = |it: &&Subnet| it.spec.gateway.is_some_and(|it| Family::of(it) == family);
    if !beside.iter().any(|it| routed(&&***it)) {
        findings.warn(
            at(Kind::Subnet, &subnet.metadata.name, "spec.snat"),
            "without a gateway no packet of the subnet passes the node, and none is translated"
                .to_owned(),
            "set spec.gateway, or leave snat out",
        );
    }
}

fn check_snat_address(
    reading: &Reading<'_>,
    subnet: &Subnet,
    nodes: Option<&BTreeSet<NodeName>>,
    findings: &mut Findings,
) {
    let Some(Snat::Address(address)) = subnet.spec.snat else {
        return;
    };
    let has = |node: &NodeName| {
        let facts = reading.snapshot.facts().get(node);
        facts.is_some_and(|facts| {
            let mut addresses = facts.links.values().flat_map(|link| &link.addresses);
            addresses.any(|it| it.address() == address)
        })
    };
    let without: Vec<_> = nodes
        .into_iter()
        .flatten()
        .filter(|node| !has(node))
        .collect();
    if !without.is_empty() {
        findings.warn(
            at(Kind::Subnet, &subnet.metadata.name, "spec.snat"),
            format!("{address} is no address of {}", list(without)),
            "see that answers to it are routed to the node that sent, or use masquerade",
        );
    }
}

/// In a zone whose nodes are in one network the nodes are no gateways.
fn check_joined(zone: &Zone, subnet: &Subnet, findings: &mut Findings) {
    let kind = match zone.spec.kind {
        ZoneKind::Simple | ZoneKind::Evpn(_) => return,
        ZoneKind::Vlan(_) | ZoneKind::Qinq(_) | ZoneKind::Vxlan(_) => {
            zone.spec.kind.zone_type().as_str()
        }
    };
    let (name, zone) = (&subnet.metadata.name, &zone.metadata.name);
    if subnet.spec.snat.is_some() {
        findings.error(
            at(Kind::Subnet, name, "spec.snat"),
            format!(
                "zone {zone} is of type {kind}: its nodes are no gateways and translate nothing"
            ),
            "leave snat out and translate at the network's router, or use a zone of type simple",
        );
    }
    if let Some(gateway) = subnet.spec.gateway {
        findings.warn(
            at(Kind::Subnet, name, "spec.gateway"),
            format!(
                "zone {zone} is of type {kind}: {gateway} is put on no node, because it would be on \
                 several of one network"
            ),
            "let a router or a guest in the vnet have it, or use a zone of type simple",
        );
    }
}
