//! What the networks of a tunnel end point that has many still lack.
//!
//! # Guarantees
//! What is too much goes before what is missing comes: a kernel has a network on one VLAN of one
//! device only. A network is received for before its peers are known, and a VLAN becomes a network
//! when all else is there, so that no packet of a guest is sent to nobody. Many go in one message.
//! Where BGP tells which peers there are, they are the routing daemon's and left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use weft_model::plan::Origin;
use weft_model::plan::link::Bundle;
use weft_model::plan::segment::Segment;
use weft_model::vlan::{VlanId, VlanSet};

use crate::own::Marks;
use crate::seen::SeenLink;
use crate::step::Change;

/// How many networks one message is about at most: what fits in what a socket takes at once.
const TOGETHER: usize = 128;

/// A change, with the objects that it is made for where these are not the zone as a whole.
pub(crate) type Due = (Option<Origin>, Change);

/// What of the networks of `is` is too much for these, before anything comes on any device; `stays`
/// says whether it is already a port of the bridge that it is to be in.
pub(crate) fn extra<'a>(
    device: &Bundle,
    want: impl Iterator<Item = &'a Segment>,
    is: &SeenLink,
    stays: bool,
) -> Vec<Due> {
    let wanted: BTreeMap<VlanId, &Segment> = want.map(|it| (it.vlan, it)).collect();
    let by_vni: BTreeMap<u32, &Segment> = wanted.values().map(|it| (it.vni.get(), *it)).collect();
    let mut changes = Vec::new();
    if stays {
        let fits = |id: VlanId| {
            let segment = wanted.get(&id);
            let other = |vni: u32| segment.is_some_and(|it| it.vni.get() != vni);
            segment.is_some() && is.vlans.untagged != Some(id) && !mapped(is, id).is_some_and(other)
        };
        let carried = is.vlans.tagged.iter().chain(is.vlans.untagged);
        let extra: VlanSet = carried.filter(|id| !fits(*id)).collect();
        if !extra.is_empty() {
            changes.push((None, Change::RemoveVlans(extra)));
        }
    }
    // As for a tunnel device of one network: two signs say that they are ours, from before BGP told.
    let was_told = Marks::of(is.alias.as_deref()).told || !is.port.learning;
    let is_left = device.told_by_bgp && was_told;
    for (vni, peers) in is.networks.flood.iter().filter(|_| !is_left) {
        let list = by_vni.get(vni).map(|segment| &*segment.flood);
        let keeps = |peer: &&IpAddr| list.is_some_and(|list| list.contains(*peer));
        let origin = by_vni.get(vni).map(|segment| segment.origin.clone());
        let extra = peers.iter().filter(|peer| !keeps(peer));
        let remove = |peer: &IpAddr| (origin.clone(), Change::RemovePeer(*vni, *peer));
        changes.extend(extra.map(remove));
    }
    changes.extend(forget(is, |vni| by_vni.contains_key(&vni)));
    changes
}

/// What of these networks, which come in the order of their VLANs, `is` lacks; `stays` as above.
pub(crate) fn missing<'a>(
    device: &Bundle,
    want: impl Iterator<Item = &'a Segment>,
    is: &SeenLink,
    stays: bool,
) -> Vec<Due> {
    let wanted: Vec<&Segment> = want.collect();
    let by_vni: BTreeMap<u32, &Segment> = wanted.iter().map(|it| (it.vni.get(), *it)).collect();
    let missing = by_vni
        .values()
        .filter(|it| !is.networks.vnis.contains(&it.vni.get()));
    let mut changes = together(missing.copied(), |segments| {
        Change::AddNetworks(segments.iter().map(|it| it.vni.get()).collect())
    });
    for (vni, segment) in by_vni.iter().filter(|_| !device.told_by_bgp) {
        let has = is.networks.flood.get(vni);
        if has == Some(&*segment.flood) {
            continue;
        }
        let lacks = |peer: &&IpAddr| has.is_none_or(|has| !has.contains(*peer));
        let missing = segment.flood.iter().filter(lacks);
        let add = |peer: &IpAddr| {
            let origin = Some(segment.origin.clone());
            (origin, Change::AddPeer(*vni, *peer))
        };
        changes.extend(missing.map(add));
    }
    let is_mapped = |segment: &Segment| {
        stays
            && is.vlans.tagged.contains(segment.vlan)
            && mapped(is, segment.vlan) == Some(segment.vni.get())
    };
    let missing = wanted.iter().filter(|it| !is_mapped(it));
    changes.extend(together(missing.copied(), |segments| {
        Change::MapVlans(segments.iter().map(|it| (it.vlan, it.vni.get())).collect())
    }));
    changes
}

/// The network that a VLAN is on the device.
fn mapped(is: &SeenLink, id: VlanId) -> Option<u32> {
    is.networks.vlans.get(&id.get()).copied()
}

/// What makes a device receive for no network but those that are kept.
pub(crate) fn forget(is: &SeenLink, keeps: impl Fn(u32) -> bool) -> Vec<Due> {
    let extra: Vec<u32> = is
        .networks
        .vnis
        .iter()
        .copied()
        .filter(|vni| !keeps(*vni))
        .collect();
    let chunks = extra.chunks(TOGETHER);
    let remove = |vnis: &[u32]| {
        let vnis: BTreeSet<u32> = vnis.iter().copied().collect();
        (None, Change::RemoveNetworks(vnis))
    };
    chunks.map(remove).collect()
}

/// One change for many segments; for one alone, it is made for the vnet of that one.
fn together<'a>(
    segments: impl Iterator<Item = &'a Segment>,
    change: impl Fn(&[&Segment]) -> Change,
) -> Vec<Due> {
    let all: Vec<&Segment> = segments.collect();
    let chunks = all.chunks(TOGETHER);
    let due = |segments: &[&Segment]| {
        let origin = match segments {
            [one] => Some(one.origin.clone()),
            _ => None,
        };
        (origin, change(segments))
    };
    chunks.map(due).collect()
}

#[cfg(test)]
mod tests;
