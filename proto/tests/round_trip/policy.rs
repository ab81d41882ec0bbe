//! Prefix lists, route maps and snippets.

use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroU32};

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use weft_model::community::{Community, LargeCommunity};
use weft_model::object::frr_snippet::FrrSnippetSpec;
use weft_model::object::prefix_list::{PrefixListSpec, PrefixRule};
use weft_model::object::route_map::{MapRule, Matches, RouteMapSpec, Sets};
use weft_model::policy::{Action, Amount, EvpnRoute, Metric, NextHop, NextHop6, Then};
use weft_model::prefix::Prefix;

use super::routing::{asn, target};
use super::{address, name, selector, vni};

fn action() -> impl Strategy<Value = Action> {
    select(vec![Action::Permit, Action::Deny])
}

pub fn prefix_list() -> impl Strategy<Value = PrefixListSpec> {
    let rule = (
        action(),
        (any::<u32>(), 0u8..=32),
        option::of(any::<prop::sample::Index>()),
        option::of(any::<prop::sample::Index>()),
    )
        .prop_map(|(action, (bits, length), ge, le)| {
            let network = ipnet::Ipv4Net::new(bits.into(), length).unwrap().trunc();
            let prefix: Prefix = ipnet::IpNet::V4(network).try_into().unwrap();
            let within = |from: u8, it: prop::sample::Index| {
                from + u8::try_from(it.index(usize::from(33 - from))).unwrap()
            };
            let ge = ge.map(|it| within(length, it));
            let le = le.map(|it| within(ge.unwrap_or(length), it));
            PrefixRule {
                action,
                prefix,
                ge,
                le,
            }
        });
    btree_map(any::<NonZeroU32>(), rule, 1..5).prop_map(|rules| {
        PrefixListSpec::new(rules.into_iter().map(|(k, v)| (Some(k), v))).unwrap()
    })
}

fn community() -> impl Strategy<Value = Community> {
    prop_oneof![
        (1u16..=65_534, any::<u16>()).prop_map(|(a, b)| Community::new(a, b).unwrap()),
        select(vec!["no-export", "local-AS", "blackhole"]).prop_map(|it| it.parse().unwrap()),
    ]
}

fn large() -> impl Strategy<Value = LargeCommunity> {
    any::<(u32, u32, u32)>().prop_map(|(a, b, c)| LargeCommunity::new(a, b, c))
}

fn matches() -> impl Strategy<Value = Matches> {
    let pattern = "[0-9_^$.*]{1,20}".prop_map(|text| text.parse().unwrap());
    (
        (
            option::of(name()),
            option::of(name()),
            option::of(address()),
            option::of(select(EvpnRoute::ALL.to_vec())),
            option::of(vni()),
            option::of(1u32..),
        ),
        (
            option::of(any::<NonZeroU32>()),
            option::of(any::<u32>()),
            option::of(address()),
            btree_set(community(), 0..3),
            btree_set(large(), 0..3),
            option::of(pattern),
        ),
    )
        .prop_map(
            |(
                (prefix_list, next_hop_prefix_list, next_hop, route_type, vni, metric),
                (tag, local_preference, peer, communities, large_communities, as_path),
            )| Matches {
                prefix_list,
                next_hop_prefix_list,
                next_hop,
                route_type,
                vni,
                metric,
                tag,
                local_preference,
                peer,
                communities,
                large_communities,
                as_path,
            },
        )
}

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![
        any::<u32>().prop_map(Amount::Is),
        any::<u32>().prop_map(Amount::More),
        any::<u32>().prop_map(Amount::Less),
    ]
}

fn sets() -> impl Strategy<Value = Sets> {
    let next_hop = prop_oneof![
        any::<u32>().prop_map(|it| NextHop::Address(it.into())),
        Just(NextHop::Peer),
        Just(NextHop::Unchanged),
    ];
    let next_hop6 = prop_oneof![
        any::<u128>().prop_map(|it| NextHop6::Global(it.into())),
        Just(NextHop6::Peer),
        Just(NextHop6::PreferGlobal),
    ];
    let metric = prop_oneof![amount().prop_map(Metric::Amount), Just(Metric::RoundTrip)];
    (
        (
            option::of(next_hop),
            option::of(next_hop6),
            option::of(amount()),
            option::of(metric),
            option::of(any::<NonZeroU32>()),
            option::of(any::<u32>()),
        ),
        (
            option::of(address()),
            btree_set(community(), 0..3),
            btree_set(large(), 0..3),
            any::<bool>(),
            btree_set(target(), 0..3),
            vec(asn(), 0..4),
        ),
    )
        .prop_map(
            |(
                (next_hop, next_hop6, local_preference, metric, tag, weight),
                (source, communities, large_communities, additive, route_targets, prepend),
            )| Sets {
                next_hop,
                next_hop6,
                local_preference,
                metric,
                tag,
                weight,
                source,
                additive: additive && !(communities.is_empty() && large_communities.is_empty()),
                communities,
                large_communities,
                route_targets,
                prepend,
            },
        )
}

pub fn route_map() -> impl Strategy<Value = RouteMapSpec> {
    let rule = (
        action(),
        matches(),
        sets(),
        option::of(name()),
        select(vec![0u8, 1, 2]),
    );
    btree_map(1u16..=65_535, rule, 1..4).prop_map(|rules| {
        let last = rules.keys().copied().max().unwrap();
        let rules: BTreeMap<u16, _> = rules;
        let rules = rules
            .into_iter()
            .map(|(seq, (action, matches, sets, call, then))| {
                let then = match then {
                    1 => Some(Then::Next),
                    2 if seq < last => NonZeroU16::new(last).map(Then::Goto),
                    _ => None,
                };
                let sets = match action {
                    Action::Permit => sets,
                    Action::Deny => Sets::default(),
                };
                let rule = MapRule {
                    action,
                    matches,
                    sets,
                    call,
                    then,
                };
                (NonZeroU16::new(seq), rule)
            });
        RouteMapSpec::new(rules).unwrap()
    })
}

pub fn frr_snippet() -> impl Strategy<Value = FrrSnippetSpec> {
    let text = "[a-z][ -~\n]{0,60}".prop_map(|text| text.parse().unwrap());
    (selector(), any::<u32>(), text).prop_map(|(nodes, order, text)| FrrSnippetSpec {
        nodes,
        order,
        text,
    })
}
