//! Lines of lists, route maps and BFD profiles.

use crate::plan::frr::policy::{
    AsPathList, BfdProfile, CommunityKind, CommunityList, MapRule, Match, PrefixList, RouteMap, Set,
};
use crate::plan::frr::word::Word;
use crate::policy::{Metric, NextHop, NextHop6, Then};
use crate::prefix::Family;

use super::{Text, ip};

pub(super) fn prefix_list(text: &mut Text, list: &PrefixList) {
    for (number, rule) in &list.rules {
        let mut line = format!(
            "{} prefix-list {} seq {number} {} {}",
            ip(list.family),
            list.name,
            rule.action.as_str(),
            rule.prefix
        );
        if let Some(ge) = rule.ge {
            line += &format!(" ge {ge}");
        }
        if let Some(le) = rule.le {
            line += &format!(" le {le}");
        }
        text.line(line);
    }
}

pub(super) fn community_list(text: &mut Text, list: &CommunityList) {
    for (number, (action, communities)) in &list.rules {
        text.line(format_args!(
            "bgp {}-list standard {} seq {number} {} {}",
            list.kind.as_str(),
            list.name,
            action.as_str(),
            words(communities)
        ));
    }
}

pub(super) fn as_path_list(text: &mut Text, list: &AsPathList) {
    for (number, (action, pattern)) in &list.rules {
        text.line(format_args!(
            "bgp as-path access-list {} seq {number} {} {pattern}",
            list.name,
            action.as_str()
        ));
    }
}

pub(super) fn route_map(text: &mut Text, map: &RouteMap) {
    for (number, rule) in &map.rules {
        let header = format!("route-map {} {} {number}", map.name, rule.action.as_str());
        text.section(header, |text| map_rule(text, rule));
    }
}

fn map_rule(text: &mut Text, rule: &MapRule) {
    for it in &rule.matches {
        match it {
            Match::Prefixes(family, list) => {
                text.line(format_args!(
                    "match {} address prefix-list {list}",
                    ip(*family)
                ));
            }
            Match::NextHops(family, list) => {
                text.line(format_args!(
                    "match {} next-hop prefix-list {list}",
                    ip(*family)
                ));
            }
            Match::NextHop(address) => text.line(format_args!(
                "match {} next-hop address {address}",
                ip(Family::of(*address))
            )),
            Match::EvpnRoute(kind) => {
                text.line(format_args!("match evpn route-type {}", kind.as_str()));
            }
            Match::EvpnDefault => text.line("match evpn default-route"),
            Match::Vni(vni) => text.line(format_args!("match evpn vni {vni}")),
            Match::Metric(metric) => text.line(format_args!("match metric {metric}")),
            Match::Tag(tag) => text.line(format_args!("match tag {tag}")),
            Match::LocalPreference(value) => {
                text.line(format_args!("match local-preference {value}"));
            }
            Match::Peer(address) => text.line(format_args!("match peer {address}")),
            Match::Communities(kind, list) => {
                let kind = match kind {
                    CommunityKind::Standard => "community",
                    CommunityKind::Extended => "extcommunity",
                    CommunityKind::Large => "large-community",
                };
                text.line(format_args!("match {kind} {list}"));
            }
            Match::AsPath(list) => text.line(format_args!("match as-path {list}")),
        }
    }
    for it in &rule.sets {
        set(text, it);
    }
    text.value("call", rule.call.as_ref());
    match rule.then {
        Some(Then::Next) => text.line("on-match next"),
        Some(Then::Goto(number)) => text.line(format_args!("on-match goto {number}")),
        None => {}
    }
}

fn set(text: &mut Text, it: &Set) {
    match it {
        Set::NextHop(NextHop::Address(address)) => {
            text.line(format_args!("set ip next-hop {address}"));
        }
        Set::NextHop(NextHop::Peer) => text.line("set ip next-hop peer-address"),
        Set::NextHop(NextHop::Unchanged) => text.line("set ip next-hop unchanged"),
        Set::NextHop6(NextHop6::Global(address)) => {
            text.line(format_args!("set ipv6 next-hop global {address}"));
        }
        Set::NextHop6(NextHop6::Peer) => text.line("set ipv6 next-hop peer-address"),
        Set::NextHop6(NextHop6::PreferGlobal) => text.line("set ipv6 next-hop prefer-global"),
        Set::LocalPreference(value) => {
            text.line(format_args!("set local-preference {value}"));
        }
        Set::Metric(Metric::Amount(value)) => {
            text.line(format_args!("set metric {value}"));
        }
        Set::Metric(Metric::RoundTrip) => text.line("set metric rtt"),
        Set::Tag(tag) => text.line(format_args!("set tag {tag}")),
        Set::Weight(weight) => text.line(format_args!("set weight {weight}")),
        Set::Source(address) => text.line(format_args!("set src {address}")),
        Set::Communities(communities, adds) => text.line(format_args!(
            "set community {}{}",
            words(communities),
            additive(*adds)
        )),
        Set::LargeCommunities(communities, adds) => text.line(format_args!(
            "set large-community {}{}",
            words(communities),
            additive(*adds)
        )),
        Set::RouteTargets(targets) => {
            text.line(format_args!("set extcommunity rt {}", spaced(targets)));
        }
        Set::Prepend(numbers) => {
            text.line(format_args!("set as-path prepend {}", spaced(numbers)));
        }
    }
}

fn additive(adds: bool) -> &'static str {
    if adds { " additive" } else { "" }
}

fn words(words: &[Word]) -> String {
    spaced(words)
}

fn spaced(items: &[impl ToString]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    items.join(" ")
}

pub(super) fn bfd_profile(text: &mut Text, profile: &BfdProfile) {
    text.section("bfd", |text| {
        text.section(format_args!("profile {}", profile.name), |text| {
            text.value("detect-multiplier", profile.detect_multiplier);
            text.value("transmit-interval", profile.transmit_interval);
            text.value("receive-interval", profile.receive_interval);
            text.line_where(profile.passive, "passive-mode");
        });
    });
}
