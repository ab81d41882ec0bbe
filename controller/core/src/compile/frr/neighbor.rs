//! Who a node's FRR speaks with.
//!
//! # Guarantees
//! Two routers have one session: a neighbor of both a bgp controller and an evpn controller is told
//! the node's routes and those of zones by one.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::num::{NonZeroU8, NonZeroU16};

use weft_model::object::controller::{Bfd, ControllerKind, Sessions};
use weft_model::plan::frr::bgp::{InstanceAt, Timers};
use weft_model::plan::frr::neighbor::{
    self, FamilySwitch, Joined, Neighbor, NeighborFamily, NeighborSwitch, Peer, RemoteAs,
    UpdateSource,
};
use weft_model::plan::frr::word::{Phrase, Word};
use weft_model::plan::frr::{Frr, Stanza};
use weft_model::prefix::Family;

use super::{of_controller, word};
use crate::intent::{Group, Routing};
use crate::own_policy;

/// What the neighbors of a controller are called together.
pub(super) fn group_name(group: &Group) -> Word {
    match &group.controller.spec.kind {
        ControllerKind::Evpn(evpn) => word(&evpn.group),
        ControllerKind::Bgp(_) | ControllerKind::Isis(_) => word("BGP"),
    }
}

/// The neighbors of one controller.
pub(super) fn entries(at: &InstanceAt, group: &Group, routing: &Routing) -> Vec<Frr> {
    let (sessions, carries_zones, asn) = match &group.controller.spec.kind {
        ControllerKind::Evpn(evpn) => (&evpn.sessions, true, evpn.asn),
        ControllerKind::Bgp(bgp) => (&bgp.sessions, false, bgp.asn),
        ControllerKind::Isis(_) => return Vec::new(),
    };
    let name = group_name(group);
    let remote = match (group.is_external, carries_zones) {
        (true, _) => RemoteAs::External,
        (false, true) if asn == at.asn => RemoteAs::Asn(asn),
        (false, true) => RemoteAs::Internal,
        (false, false) => RemoteAs::Asn(asn),
    };
    let own = Family::of(group.local);
    let of_family = |family| (own == family && !carries_zones).then(|| unicast(sessions));
    let is_over_ipv6 = |peer: &IpAddr| Family::of(*peer) == Family::Ipv6;
    // Its own routes are of IPv4, and the way to them is by IPv6 (RFC 8950).
    let is_crossed = own == Family::Ipv4 && group.neighbors.peers.iter().any(is_over_ipv6);
    let whole = Neighbor {
        ebgp_multihop: multihop(group, sessions, carries_zones),
        update_source: group
            .source
            .as_ref()
            .filter(|_| carries_zones)
            .map(|source| UpdateSource::Link(word(source))),
        bfd: match &sessions.bfd {
            Bfd::On => neighbor::Bfd::On,
            Bfd::Off => neighbor::Bfd::Off,
            Bfd::Profile(name) => neighbor::Bfd::Profile(word(name)),
        },
        password: sessions.password.as_ref().map(|it| phrase(it.reveal())),
        timers: sessions.timers.and_then(|it| {
            Some(Timers {
                keepalive: NonZeroU16::new(it.keepalive())?,
                hold: NonZeroU16::new(it.hold())?,
            })
        }),
        switches: (is_crossed && !carries_zones)
            .then_some(NeighborSwitch::ExtendedNexthop)
            .into_iter()
            .collect(),
        ipv4: of_family(Family::Ipv4),
        ipv6: of_family(Family::Ipv6),
        evpn: zones(group),
        ..nothing(at, Peer::Group(name.clone(), Some(remote)))
    };
    let member = |peer: &IpAddr| {
        let mut carriers = routing.groups.iter().filter(|_| !carries_zones);
        let carrier = carriers.find(|it| it.neighbors.peers.contains(peer));
        Neighbor {
            evpn: carrier.and_then(zones),
            ..nothing(at, Peer::Address(*peer, Joined::Group(name.clone())))
        }
    };
    let is_of_uplink = |peer: &IpAddr| {
        let uplink = routing.uplink.as_ref();
        carries_zones && uplink.is_some_and(|it| it.neighbors.peers.contains(peer))
    };
    let peers = group.neighbors.peers.iter();
    let members = peers.filter(|peer| !is_of_uplink(peer)).map(member);
    let origin = &group.controller.metadata.name;
    std::iter::once(whole)
        .chain(members)
        .map(|it| of_controller(origin, Stanza::Neighbor(Box::new(it))))
        .collect()
}

/// A neighbor that nothing is said of.
pub(super) fn nothing(at: &InstanceAt, peer: Peer) -> Neighbor {
    Neighbor {
        at: at.clone(),
        peer,
        local_as: None,
        description: None,
        password: None,
        update_source: None,
        ebgp_multihop: None,
        timers: None,
        connect_retry: None,
        bfd: neighbor::Bfd::Off,
        switches: BTreeSet::new(),
        ipv4: None,
        ipv6: None,
        evpn: None,
    }
}

/// What is said and taken in of the node's own routes.
fn unicast(sessions: &Sessions) -> NeighborFamily {
    NeighborFamily {
        route_map_in: sessions.route_map_in.as_ref().map(word),
        route_map_out: sessions.route_map_out.as_ref().map(word),
        switches: BTreeSet::from([FamilySwitch::SoftReconfiguration]),
        ..NeighborFamily::default()
    }
}

/// What is said and taken in of the routes of zones, by the neighbors of an evpn controller.
fn zones(group: &Group) -> Option<NeighborFamily> {
    let ControllerKind::Evpn(evpn) = &group.controller.spec.kind else {
        return None;
    };
    let said = [&evpn.sessions.route_map_in, &evpn.sessions.route_map_out];
    let [incoming, outgoing] = said.map(|it| it.as_ref().map(word));
    Some(NeighborFamily {
        route_map_in: incoming.or_else(|| Some(word(own_policy::MAP_IN))),
        route_map_out: outgoing.or_else(|| Some(word(own_policy::MAP_OUT))),
        ..NeighborFamily::default()
    })
}

/// A loopback is one router further away than its node.
fn multihop(group: &Group, sessions: &Sessions, carries_zones: bool) -> Option<NonZeroU8> {
    let said = sessions.multihop.and_then(|it| {
        let hops = u8::try_from(u32::from(it)).ok()?;
        NonZeroU8::new(hops)
    });
    let by_loopback = carries_zones && group.is_external && group.source.is_some();
    said.or(NonZeroU8::new(10).filter(|_| by_loopback))
}

fn phrase(text: &str) -> Phrase {
    text.parse()
        .unwrap_or_else(|_| unreachable!("a password is a phrase"))
}
