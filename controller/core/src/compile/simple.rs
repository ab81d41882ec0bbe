//! Simple zones: a bridge on each node that reaches no other node. The node is the gateway.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use weft_model::name::LinkName;
use weft_model::plan::Entry;
use weft_model::plan::link::Link;
use weft_model::plan::nat::Nat;
use weft_model::prefix::{InterfaceAddress, Prefix};

use super::{guest_bridge, origin};
use crate::device::gateway_mac;
use crate::intent::{Vnet, Zone};

/// What a vnet asks of every node of its zone.
pub(super) fn entries(zone: &Zone, vnet: &Vnet) -> Vec<Entry> {
    let bridge = &vnet.devices.bridge;
    let mut entries = vec![Entry::Link(gateway_bridge(zone, vnet))];
    entries.extend(nats(zone, vnet, bridge).map(Entry::Nat));
    entries
}

fn gateway_bridge(zone: &Zone, vnet: &Vnet) -> Link {
    let addresses = gateway_addresses(vnet);
    // Guests keep their gateway's Ethernet address in mind: it must be the same on whichever node
    // they come to, and stay when the bridge is made again.
    let derived = (!addresses.is_empty()).then(|| gateway_mac(vnet.name()));
    Link {
        mac: vnet.declared.spec.mac.or(derived),
        forward: addresses.iter().map(|it| it.family()).collect(),
        addresses,
        routes: point_to_point(vnet),
        ..guest_bridge(zone, vnet)
    }
}

/// Every gateway once. Several point-to-point subnets may name one gateway; where it is also in a
/// network, the network's length counts, because the kernel takes an IPv6 address only once.
pub(super) fn gateway_addresses(vnet: &Vnet) -> BTreeSet<InterfaceAddress> {
    let mut lengths: BTreeMap<IpAddr, u8> = BTreeMap::new();
    for subnet in &vnet.subnets {
        if let Some(gateway) = subnet.spec.gateway {
            let cidr = subnet.spec.cidr;
            // A gateway outside its point-to-point subnet is an address without a network.
            let length = lengths.entry(gateway).or_insert(cidr.length());
            *length = cidr.length().min(*length);
        }
    }
    lengths
        .into_iter()
        .filter_map(|(address, length)| InterfaceAddress::new(address, length))
        .collect()
}

/// The guests of point-to-point subnets, which no network of the bridge covers.
pub(super) fn point_to_point(vnet: &Vnet) -> BTreeSet<Prefix> {
    vnet.subnets
        .iter()
        .filter(|subnet| {
            let cidr = subnet.spec.cidr;
            let gateway = subnet.spec.gateway;
            cidr.is_host() && gateway.is_some_and(|gateway| gateway != cidr.address())
        })
        .map(|subnet| subnet.spec.cidr)
        .collect()
}

fn nats(zone: &Zone, vnet: &Vnet, bridge: &LinkName) -> impl Iterator<Item = Nat> {
    vnet.subnets.iter().filter_map(move |subnet| {
        subnet.spec.snat.map(|to| Nat {
            origin: origin(zone, vnet),
            source: subnet.spec.cidr,
            inside: bridge.clone(),
            outside: BTreeSet::new(),
            to,
        })
    })
}
