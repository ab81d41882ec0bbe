//! Controllers, zones of type evpn, and what tells routes apart.

use std::collections::BTreeSet;

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use weft_model::asn::Asn;
use weft_model::name::ControllerName;
use weft_model::object::controller::{
    Bfd, BgpController, ControllerKind, ControllerSpec, EvpnController, EvpnPeers, IsisController,
    Mode, Sessions, Timers,
};
use weft_model::object::targets::RouteTargets;
use weft_model::object::zone::{EvpnZone, Exits, Layout};
use weft_model::prefix::Family;
use weft_model::route_target::{RouteDistinguisher, RouteTarget};

use super::{address, mac, name, port, prefix, selector, uplinks, vni};

pub fn asn() -> impl Strategy<Value = Asn> {
    (1u32..=4_200_000_000)
        .prop_filter_map("some numbers are kept back", |asn| Asn::try_from(asn).ok())
}

pub fn target() -> impl Strategy<Value = RouteTarget> {
    prop_oneof![
        any::<(u16, u32)>().prop_filter_map("too large", |(asn, number)| RouteTarget::of_asn(
            asn.into(),
            number
        )),
        any::<(u32, u16)>()
            .prop_map(|(address, number)| { RouteTarget::of_address(address.into(), number) }),
    ]
}

pub fn distinguisher() -> impl Strategy<Value = RouteDistinguisher> {
    any::<(u32, u16)>()
        .prop_map(|(address, number)| RouteDistinguisher::of_address(address.into(), number))
}

pub fn targets() -> impl Strategy<Value = RouteTargets> {
    (btree_set(target(), 0..3), btree_set(target(), 0..3))
        .prop_map(|(import, export)| RouteTargets { import, export })
}

fn exits() -> impl Strategy<Value = Exits> {
    (btree_set(name(), 1..4), any::<(bool, bool)>()).prop_map(|(nodes, (prefers, local))| {
        let primary = nodes.first().cloned().filter(|_| prefers);
        Exits::new(nodes, primary, local).unwrap()
    })
}

pub fn evpn_zone() -> impl Strategy<Value = EvpnZone> {
    let controllers = btree_set(name::<ControllerName>(), 1..4);
    (
        (vni(), controllers, option::of(mac()), option::of(exits())),
        (any::<[bool; 3]>(), option::of(distinguisher()), targets()),
        (port(), select(vec![Family::Ipv4, Family::Ipv6])),
    )
        .prop_map(
            |(
                (vrf_vni, controllers, mac, exits),
                ([advertise_subnets, suppression, mac_learning], distinguisher, targets),
                (port, underlay),
            )| EvpnZone {
                vrf_vni,
                controllers: controllers.into_iter().rev().collect(),
                mac,
                exits,
                advertise_subnets,
                suppression,
                mac_learning,
                distinguisher,
                targets,
                port,
                underlay,
                layout: Layout::default(),
            },
        )
}

fn sessions() -> impl Strategy<Value = Sessions> {
    let timers = (1u32..=100).prop_map(|it| Timers::new(it, 3 * it).unwrap());
    let bfd = prop_oneof![Just(Bfd::On), Just(Bfd::Off), name().prop_map(Bfd::Profile)];
    let password = "[A-Za-z0-9][!-~]{0,79}".prop_map(|text| text.parse().unwrap());
    (
        (
            option::of((1u32..=255).prop_map(|it| it.try_into().unwrap())),
            option::of(password),
            option::of(timers),
            option::of(name()),
        ),
        (bfd, option::of(name()), option::of(name())),
    )
        .prop_map(
            |((multihop, password, timers, source), (bfd, route_map_in, route_map_out))| Sessions {
                multihop,
                password,
                timers,
                source,
                bfd,
                route_map_in,
                route_map_out,
            },
        )
}

fn evpn() -> impl Strategy<Value = EvpnController> {
    let peers = prop_oneof![
        name().prop_map(EvpnPeers::Fabric),
        (btree_set(address(), 1..4), btree_set(prefix(), 0..3))
            .prop_map(|(peers, listen)| EvpnPeers::Listed { peers, listen }),
        btree_set(prefix(), 1..3).prop_map(|listen| EvpnPeers::Listed {
            peers: BTreeSet::new(),
            listen,
        }),
    ];
    let mode = select(vec![Mode::Auto, Mode::External, Mode::Internal]);
    (asn(), peers, name(), mode, sessions()).prop_map(|(asn, peers, group, mode, sessions)| {
        EvpnController {
            asn,
            peers,
            group,
            mode,
            sessions,
        }
    })
}

fn bgp() -> impl Strategy<Value = BgpController> {
    (
        asn(),
        btree_set(address(), 1..4),
        any::<[bool; 2]>(),
        sessions(),
    )
        .prop_map(
            |(asn, peers, [external, multipath_relax], sessions)| BgpController {
                asn,
                peers,
                external,
                multipath_relax,
                sessions: Sessions {
                    multihop: sessions.multihop.filter(|_| external),
                    ..sessions
                },
            },
        )
}

fn isis() -> impl Strategy<Value = IsisController> {
    let byte = || any::<u8>();
    let net = vec(byte(), 8).prop_map(|bytes| {
        let pair = |at: usize| format!("{:02x}{:02x}", bytes[at], bytes[at + 1]);
        let text = format!("49.{}.{}.{}.{}.00", pair(0), pair(2), pair(4), pair(6));
        text.parse().unwrap()
    });
    let interfaces = uplinks().prop_filter("at least one", |it| !it.is_empty());
    (name(), net, interfaces, option::of(name())).prop_map(|(domain, net, interfaces, source)| {
        IsisController {
            domain,
            net,
            interfaces,
            source,
        }
    })
}

pub fn controller() -> impl Strategy<Value = ControllerSpec> {
    let kind = prop_oneof![
        evpn().prop_map(ControllerKind::Evpn),
        bgp().prop_map(ControllerKind::Bgp),
        isis().prop_map(ControllerKind::Isis),
    ];
    (selector(), kind).prop_map(|(nodes, kind)| ControllerSpec { nodes, kind })
}
