//! Host networks that share a node, and what else is on it: no interface declared twice, no address
//! on two of them, one default gateway of a family, no name that a zone or vnet uses.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::name::{HostNetworkName, LinkName, NodeName};
use weft_model::object::host_network::InterfaceKind;
use weft_model::object::zone::ZoneKind;
use weft_model::object::{HostNetwork, Kind};
use weft_model::prefix::{Family, Prefix};
use weft_model::vlan::VlanId;

use super::{Hosts, Spot};
use crate::device::{self, ZoneDeviceNames};
use crate::validate::finding::Findings;
use crate::validate::reading::Reading;
use crate::validate::text::list;
use crate::validate::trunk::{self, Trunks};
use crate::validate::unique::Devices;
use crate::validate::zone::Carriers;

pub(super) fn check(reading: &Reading<'_>, hosts: &Hosts, findings: &mut Findings) {
    let all = reading.snapshot.host_networks();
    let mut by_node: BTreeMap<&NodeName, Vec<&HostNetworkName>> = BTreeMap::new();
    for (name, nodes) in hosts {
        for node in &**nodes {
            by_node.entry(node).or_default().push(name);
        }
    }
    // Nodes that have the same host networks are checked once, however many they are.
    let groups: BTreeMap<Vec<&HostNetworkName>, &NodeName> = by_node
        .into_iter()
        .map(|(node, names)| (names, node))
        .collect();
    let mut alone: BTreeSet<&HostNetworkName> = hosts.keys().collect();
    for (names, node) in &groups {
        let group: Vec<&HostNetwork> = names
            .iter()
            .filter_map(|name| all.get(*name).map(|it| &**it))
            .collect();
        check_owners(&group, node, findings);
        check_routes(&group, node, findings);
        check_addresses(&group, node, findings);
        names.iter().for_each(|name| {
            alone.remove(*name);
        });
    }
    // What no node has yet is checked by itself.
    for host in alone.into_iter().filter_map(|name| all.get(name)) {
        check_routes(&[host], "any node", findings);
        check_addresses(&[host], "any node", findings);
    }
    check_nodes(reading, hosts, findings);
}

/// Every interface, and whatever is plugged into one, is of one host network.
fn check_owners(group: &[&HostNetwork], node: &NodeName, findings: &mut Findings) {
    let mut owners: BTreeMap<&LinkName, &HostNetworkName> = BTreeMap::new();
    for host in group {
        let own = &host.metadata.name;
        for spot in Spot::all(host) {
            if let Some(other) = owners.get(spot.name).filter(|other| **other != own) {
                let problem = format!("host network {other} has {} on {node} too", spot.name);
                spot.error("", problem, "say all of it in one of the two", findings);
            }
            owners.entry(spot.name).or_insert(own);
        }
        for spot in Spot::all(host) {
            let Some((parts, field)) = spot.plugged() else {
                continue;
            };
            for part in parts {
                if let Some(other) = owners.get(part).filter(|other| **other != own) {
                    let problem = format!("host network {other} has {part} on {node} too");
                    let advice = "say all of it in the host network that it is plugged into";
                    spot.error(field, problem, advice, findings);
                }
                owners.entry(part).or_insert(own);
            }
        }
    }
}

/// One default gateway of a family, and one way to each network of one metric.
fn check_routes(group: &[&HostNetwork], node: &(impl ToString + ?Sized), findings: &mut Findings) {
    let node = node.to_string();
    let mut ways: BTreeMap<(Prefix, u32), Spot<'_>> = BTreeMap::new();
    for spot in group.iter().flat_map(|host| Spot::all(host)) {
        let gateways = spot.interface.gateways.iter();
        let gateways = gateways.map(|it| ("gateways", Prefix::everywhere(Family::of(*it)), None));
        let routes = spot.interface.routes.iter();
        let routes = routes.map(|it| ("routes", it.to, it.metric));
        for (field, to, metric) in gateways.chain(routes) {
            let kernels = match to.family() {
                Family::Ipv4 => 0,
                Family::Ipv6 => 1024,
            };
            let Some(first) = ways.get(&(to, metric.unwrap_or(kernels))) else {
                ways.insert((to, metric.unwrap_or(kernels)), spot);
                continue;
            };
            let problem = if to.length() == 0 {
                format!(
                    "{} has an {} gateway on {node} already",
                    first.name,
                    to.family()
                )
            } else {
                format!("{} has a route to {to} on {node} already", first.name)
            };
            let advice = "keep one, or give a route another metric";
            spot.error(field, problem, advice, findings);
        }
    }
}

/// No address is on two interfaces; networks on two are told of.
fn check_addresses(
    group: &[&HostNetwork],
    node: &(impl ToString + ?Sized),
    findings: &mut Findings,
) {
    let node = node.to_string();
    let mut holders: BTreeMap<std::net::IpAddr, (Spot<'_>, bool)> = BTreeMap::new();
    let mut networks: Vec<(Prefix, Spot<'_>)> = Vec::new();
    for spot in group.iter().flat_map(|host| Spot::all(host)) {
        for address in &spot.interface.addresses {
            // Links without networks of their own may all have the node's one address.
            let is_alone = address.network().is_host();
            if let Some((first, is_first_alone)) = holders.get(&address.address()) {
                if is_alone && *is_first_alone {
                    continue;
                }
                let problem = format!(
                    "{} is on {} of {node} already",
                    address.address(),
                    first.name
                );
                spot.error("addresses", problem, "keep one of the two", findings);
                continue;
            }
            holders.insert(address.address(), (spot, is_alone));
            if !is_alone {
                networks.push((address.network(), spot));
            }
        }
    }
    networks.sort_by_key(|(network, spot)| (network.address(), network.length(), spot.name));
    for pair in networks.windows(2) {
        let [(outer, first), (inner, second)] = pair else {
            continue;
        };
        if outer.overlaps(*inner) && first.name != second.name {
            let problem = format!(
                "{inner} overlaps {outer} on {} of {node}, so that one hides a part of the other",
                first.name
            );
            let advice = "use networks that have nothing in common";
            second.warn("addresses", problem, advice, findings);
        }
    }
}

/// Addresses that several nodes would have.
fn check_nodes(reading: &Reading<'_>, hosts: &Hosts, findings: &mut Findings) {
    let mut holders: BTreeMap<std::net::IpAddr, &HostNetworkName> = BTreeMap::new();
    for (name, host) in reading.snapshot.host_networks().iter() {
        let nodes = hosts.get(name).map(|nodes| &**nodes);
        let several = nodes.filter(|nodes| nodes.len() > 1);
        for spot in Spot::all(host) {
            let own: Vec<_> = spot.interface.addresses.iter().collect();
            if let (Some(nodes), [first, ..]) = (several, own.as_slice()) {
                let first = first.address();
                let problem = format!("{first} would be on {}", list(nodes));
                let advice = "declare a host network for each node, unless the address is to be \
                              the same on all";
                spot.warn("addresses", problem, advice, findings);
            }
            for address in own {
                match holders.get(&address.address()) {
                    Some(other) if *other != name => {
                        let apart = |a: &BTreeSet<NodeName>| {
                            nodes.is_some_and(|b| !a.is_empty() && a.is_disjoint(b))
                        };
                        if hosts.get(*other).is_some_and(|nodes| apart(nodes)) {
                            let address = address.address();
                            let problem =
                                format!("host network {other} has {address} on other nodes");
                            let advice = "use an address that no other node has, unless it is \
                                          to be the same on all";
                            spot.warn("addresses", problem, advice, findings);
                        }
                    }
                    Some(_) => {}
                    None => {
                        holders.insert(address.address(), name);
                    }
                }
            }
        }
    }
}

/// A VLAN of a device that an object takes, on these nodes.
type Taken<'a> = (LinkName, VlanId, (Kind, &'a str), &'a BTreeSet<NodeName>);

/// Refuses interfaces that are called as a device of a zone or vnet on one of their nodes, ports
/// that are such a device, and VLANs that a zone uses.
pub(in crate::validate) fn check_names(
    reading: &Reading<'_>,
    (hosts, carriers): (&Hosts, &Carriers),
    (devices, trunks): (&Devices, &Trunks),
    findings: &mut Findings,
) {
    let mut names: BTreeMap<LinkName, Vec<(Spot<'_>, &'static str)>> = BTreeMap::new();
    let mut lanes: BTreeMap<(LinkName, VlanId), Vec<Spot<'_>>> = BTreeMap::new();
    for spot in reading
        .snapshot
        .host_networks()
        .values()
        .flat_map(|host| Spot::all(host))
    {
        names.entry(spot.name.clone()).or_default().push((spot, ""));
        let (parts, field) = spot.plugged().unzip();
        for part in parts.into_iter().flatten() {
            let places = names.entry(part.clone()).or_default();
            places.extend(field.map(|field| (spot, field)));
        }
        if let InterfaceKind::Vlan(vlan) = &spot.interface.kind {
            let lane = (vlan.device.clone(), vlan.tag);
            lanes.entry(lane).or_default().push(spot);
        }
    }
    if names.is_empty() {
        return;
    }
    let shares = |spot: &Spot<'_>, nodes: &BTreeSet<NodeName>| {
        let own = hosts.get(&spot.host.metadata.name);
        own.is_some_and(|own| !own.is_disjoint(nodes))
    };
    let mut claim = |name: &LinkName, owner: (Kind, &str), nodes: &BTreeSet<NodeName>| {
        for (spot, field) in names.get(name).into_iter().flatten() {
            if shares(spot, nodes) {
                let (kind, owner) = (owner.0.as_str().to_lowercase(), owner.1);
                let problem = format!("{name} is the name of a device of {kind} {owner}");
                let advice = "call it otherwise, or rename the other";
                spot.error(field, problem, advice, findings);
            }
        }
    };
    let mut taken: Vec<Taken<'_>> = Vec::new();
    for (zone_name, zone) in reading.snapshot.zones().iter() {
        let Some(nodes) = carriers.get(zone_name).map(|nodes| &**nodes) else {
            continue;
        };
        if matches!(zone.spec.kind, ZoneKind::Qinq(_)) {
            let own = ZoneDeviceNames::of(zone_name);
            for name in [&own.bridge, &own.service, &own.near, &own.far] {
                claim(name, (Kind::Zone, zone_name.as_str()), nodes);
            }
        }
        if zone.spec.kind.is_bundle() {
            let own = ZoneDeviceNames::of(zone_name);
            for name in [&own.bridge, &own.tunnel] {
                claim(name, (Kind::Zone, zone_name.as_str()), nodes);
            }
        }
        let wanted = trunk::wanted(zone);
        let parents: BTreeSet<&LinkName> = wanted
            .iter()
            .map(|wanted| wanted.bridge)
            .chain(
                trunks
                    .get(zone_name)
                    .into_iter()
                    .flat_map(|trunks| trunks.values().flat_map(|trunk| &trunk.uplinks)),
            )
            .collect();
        if let ZoneKind::Qinq(qinq) = &zone.spec.kind {
            let owner = (Kind::Zone, zone_name.as_str());
            for parent in &parents {
                claim(&device::vlan(parent, qinq.tag), owner, nodes);
                taken.push(((*parent).clone(), qinq.tag, owner, nodes));
            }
        }
        for vnet in reading.vnets_in(zone_name) {
            let owner = (Kind::Vnet, vnet.metadata.name.as_str());
            if let Some(own) = devices.get(&vnet.metadata.name) {
                for name in [&own.bridge, &own.tunnel, &own.near, &own.far] {
                    claim(name, owner, nodes);
                }
            }
            let tag = vnet.spec.tag.and_then(|tag| tag.vlan());
            if let (ZoneKind::Vlan(vlan), Some(tag)) = (&zone.spec.kind, tag) {
                claim(&device::helper_bridge(&vlan.bridge, tag), owner, nodes);
                for parent in &parents {
                    claim(&device::vlan(parent, tag), owner, nodes);
                    taken.push(((*parent).clone(), tag, owner, nodes));
                }
            }
        }
    }
    for (parent, tag, (kind, owner), nodes) in taken {
        let spots = lanes.get(&(parent.clone(), tag)).into_iter().flatten();
        for spot in spots.filter(|spot| shares(spot, nodes)) {
            let kind = kind.as_str().to_lowercase();
            let problem = format!("VLAN {tag} of {parent} is that of {kind} {owner}");
            let advice = "use a VLAN that no zone uses";
            spot.error("vlan.tag", problem, advice, findings);
        }
    }
}
