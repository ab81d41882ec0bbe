//! Addresses, gateways and routes of one host network: each address once, and every neighbor that
//! packets are given to on a link of the node.

use std::collections::BTreeMap;
use std::net::IpAddr;

use weft_model::name::LinkName;
use weft_model::object::HostNetwork;
use weft_model::prefix::{Family, InterfaceAddress, Prefix};

use super::Spot;
use crate::validate::finding::Findings;

pub(super) fn check(host: &HostNetwork, findings: &mut Findings) {
    let mut masters: BTreeMap<&LinkName, &LinkName> = BTreeMap::new();
    for spot in Spot::all(host) {
        let (parts, _) = spot.plugged().unzip();
        masters.extend(parts.into_iter().flatten().map(|part| (part, spot.name)));
    }
    for spot in Spot::all(host) {
        for address in &spot.interface.addresses {
            check_address(spot, *address, findings);
        }
        if let Some(master) = masters.get(spot.name)
            && let Some(field) = layer_3(spot)
        {
            let problem = format!(
                "{} is plugged into {master}, which takes all its packets",
                spot.name
            );
            let advice = format!("move it to {master}");
            spot.error(field, problem, advice, findings);
        }
        for gateway in &spot.interface.gateways {
            check_neighbor(spot, "gateways", *gateway, findings);
        }
        for route in &spot.interface.routes {
            let Some(via) = route.via else { continue };
            if Family::of(via) == route.to.family() {
                check_neighbor(spot, "routes", via, findings);
            } else {
                let problem = format!("{via} is not of the family of {}", route.to);
                let advice = format!("use an {} address", route.to.family());
                spot.error("routes", problem, advice, findings);
            }
        }
        for masquerade in &spot.interface.masquerade {
            if masquerade.out.contains(spot.name) {
                let problem = format!("{} is behind {} itself", masquerade.source, spot.name);
                let advice = "name the interfaces that lead to the outside";
                spot.error("masquerade", problem, advice, findings);
            }
            let family = masquerade.source.family();
            if !spot.interface.forward.contains(&family) {
                let word = family.to_string().to_lowercase();
                let problem = format!(
                    "{family} packets of {} that come in by {} are not forwarded",
                    masquerade.source, spot.name
                );
                let advice = format!("add {word} to forward, there and where they leave");
                spot.warn("masquerade", problem, advice, findings);
            }
        }
    }
}

/// The first field that is of no use on a port.
fn layer_3(spot: Spot<'_>) -> Option<&'static str> {
    let it = spot.interface;
    [
        ("addresses", it.addresses.is_empty()),
        ("gateways", it.gateways.is_empty()),
        ("routes", it.routes.is_empty()),
        ("masquerade", it.masquerade.is_empty()),
        ("proxyArp", !it.proxy_arp),
    ]
    .into_iter()
    .find_map(|(field, is_empty)| (!is_empty).then_some(field))
}

fn check_address(spot: Spot<'_>, address: InterfaceAddress, findings: &mut Findings) {
    let host = address.address();
    let network = address.network();
    let problem = if host.is_multicast() || host.is_unspecified() {
        format!("{host} is no address that a node can have")
    } else if host == IpAddr::from([255, 255, 255, 255]) {
        format!("{host} is every node's")
    } else if address.family() == Family::Ipv4
        && address.length() < 31
        && (host == network.address() || Some(host) == last(network))
    {
        format!("{address} names the network {network} and no node in it")
    } else {
        return;
    };
    let advice = "use an address of one node, with its network's length";
    spot.error("addresses", problem, advice, findings);
}

/// The last address of an IPv4 network: its broadcast address.
fn last(network: Prefix) -> Option<IpAddr> {
    let IpAddr::V4(first) = network.address() else {
        return None;
    };
    let rest = u32::MAX
        .checked_shr(u32::from(network.length()))
        .unwrap_or(0);
    Some(IpAddr::V4((u32::from(first) | rest).into()))
}

/// A neighbor is in a network of the interface, or an address that is valid on its link.
fn check_neighbor(spot: Spot<'_>, field: &str, neighbor: IpAddr, findings: &mut Findings) {
    let it = spot.interface;
    if it.addresses.iter().any(|own| own.address() == neighbor) {
        let problem = format!("{neighbor} is an address of {} itself", spot.name);
        spot.error(field, problem, "use the neighbor's address", findings);
        return;
    }
    let on_link = match neighbor {
        IpAddr::V4(_) => false,
        IpAddr::V6(neighbor) => neighbor.is_unicast_link_local(),
    };
    let mut networks = it.addresses.iter().map(|own| own.network());
    let mut direct = it.routes.iter().filter(|it| it.via.is_none());
    let reached = on_link
        || networks.any(|network| network.contains(neighbor))
        || direct.any(|route| route.to.contains(neighbor));
    if !reached {
        let problem = format!(
            "{neighbor} is in no network of {}, so that nothing can be given to it",
            spot.name
        );
        let advice = "use an address in the network of one of its addresses, or add a route to it \
                      without via";
        spot.error(field, problem, advice, findings);
    }
}
