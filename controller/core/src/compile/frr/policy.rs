//! What FRR must have for the route maps that a node's controllers name, and the administrator's own
//! lines.

use std::num::{NonZeroU16, NonZeroU32};

use weft_model::name::PolicyName;
use weft_model::object::route_map::{self, Matches, Sets};
use weft_model::object::{PrefixList, RouteMap};
use weft_model::plan::Origin;
use weft_model::plan::frr::policy::{
    self, AsPathList, CommunityKind, CommunityList, Match, PrefixRule, Set,
};
use weft_model::plan::frr::snippet;
use weft_model::plan::frr::word::{Phrase, Word};
use weft_model::plan::frr::{Frr, Stanza};
use weft_model::policy::Action;
use weft_model::prefix::Family;

use super::{of_controller, word};
use crate::intent::{Policies, Snippet};

/// The lists and maps of a node.
pub(in super::super) fn entries(policies: &Policies) -> Vec<Frr> {
    let mut found = Vec::new();
    for (controller, list) in policies.lists.values() {
        found.push(of_controller(controller, prefix_list(list)));
    }
    for (controller, map) in policies.maps.values() {
        let stanzas = route_map(policies, map).into_iter();
        found.extend(stanzas.map(|stanza| of_controller(controller, stanza)));
    }
    found
}

/// The administrator's own lines.
pub(in super::super) fn snippet(snippet: &Snippet) -> Frr {
    let name = &snippet.declared.metadata.name;
    Frr {
        origin: Origin::Snippet {
            snippet: name.clone(),
        },
        stanza: Stanza::Snippet(snippet::Snippet {
            name: word(name),
            order: snippet.declared.spec.order,
            lines: snippet.lines.clone(),
        }),
    }
}

fn prefix_list(list: &PrefixList) -> Stanza {
    let rules = list.spec.rules().iter();
    let rules = rules.map(|(seq, rule)| {
        let rule = PrefixRule {
            action: rule.action,
            prefix: rule.prefix,
            ge: rule.ge,
            le: rule.le,
        };
        (*seq, rule)
    });
    Stanza::PrefixList(policy::PrefixList {
        family: list.spec.family(),
        name: word(&list.metadata.name),
        rules: rules.collect(),
    })
}

/// A map, after the lists that only it has.
fn route_map(policies: &Policies, map: &RouteMap) -> Vec<Stanza> {
    let name = &map.metadata.name;
    let mut stanzas = Vec::new();
    let mut rules = std::collections::BTreeMap::new();
    for (seq, rule) in map.spec.rules() {
        let own = own_list(name, *seq);
        let rule = policy::MapRule {
            action: rule.action,
            matches: matches(policies, &rule.matches, &own, &mut stanzas),
            sets: sets(&rule.sets),
            call: rule.call.as_ref().map(word),
            then: rule.then,
        };
        rules.insert(*seq, rule);
    }
    stanzas.push(Stanza::RouteMap(policy::RouteMap {
        name: word(name),
        rules,
    }));
    stanzas
}

/// What the lists of a rule's own are called: no other rule's are called so, as the number ends the
/// name.
fn own_list(map: &PolicyName, seq: NonZeroU16) -> Word {
    let name = format!("{map}_{seq}");
    // Validation sees to it where there is a list; elsewhere the name is not used.
    name.parse().unwrap_or_else(|_| word(map))
}

fn matches(
    policies: &Policies,
    wanted: &route_map::Matches,
    own: &Word,
    stanzas: &mut Vec<Stanza>,
) -> Vec<Match> {
    let Matches {
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
    } = wanted;
    let family = |list: &PolicyName| {
        let list = policies.lists.get(list);
        list.map_or(Family::Ipv4, |(_, list)| list.spec.family())
    };
    let mut found = Vec::new();
    let lists = prefix_list.iter();
    found.extend(lists.map(|list| Match::Prefixes(family(list), word(list))));
    let lists = next_hop_prefix_list.iter();
    found.extend(lists.map(|list| Match::NextHops(family(list), word(list))));
    found.extend(next_hop.map(Match::NextHop));
    found.extend(route_type.map(Match::EvpnRoute));
    found.extend(vni.map(Match::Vni));
    found.extend(metric.map(Match::Metric));
    found.extend(tag.map(Match::Tag));
    found.extend(local_preference.map(Match::LocalPreference));
    found.extend(peer.map(Match::Peer));
    let kinds = [
        (CommunityKind::Standard, words(communities)),
        (CommunityKind::Large, words(large_communities)),
    ];
    for (kind, words) in kinds.into_iter().filter(|(_, words)| !words.is_empty()) {
        let only = NonZeroU32::MIN;
        stanzas.push(Stanza::CommunityList(CommunityList {
            kind,
            name: own.clone(),
            rules: [(only, (Action::Permit, words))].into(),
        }));
        found.push(Match::Communities(kind, own.clone()));
    }
    if let Some(pattern) = as_path {
        let pattern: Result<Phrase, _> = pattern.as_str().parse();
        let Ok(pattern) = pattern else {
            unreachable!("a pattern of AS paths is a phrase")
        };
        stanzas.push(Stanza::AsPathList(AsPathList {
            name: own.clone(),
            rules: [(NonZeroU32::MIN, (Action::Permit, pattern))].into(),
        }));
        found.push(Match::AsPath(own.clone()));
    }
    found
}

fn words<'a, T: std::fmt::Display + 'a>(texts: impl IntoIterator<Item = &'a T>) -> Vec<Word> {
    texts.into_iter().map(word).collect()
}

fn sets(wanted: &route_map::Sets) -> Vec<Set> {
    let Sets {
        next_hop,
        next_hop6,
        local_preference,
        metric,
        tag,
        weight,
        source,
        communities,
        large_communities,
        additive,
        route_targets,
        prepend,
    } = wanted.clone();
    let mut found = Vec::new();
    found.extend(next_hop.map(Set::NextHop));
    found.extend(next_hop6.map(Set::NextHop6));
    found.extend(local_preference.map(Set::LocalPreference));
    found.extend(metric.map(Set::Metric));
    found.extend(tag.map(Set::Tag));
    found.extend(weight.map(Set::Weight));
    found.extend(source.map(Set::Source));
    if !communities.is_empty() {
        found.push(Set::Communities(words(&communities), additive));
    }
    if !large_communities.is_empty() {
        found.push(Set::LargeCommunities(words(&large_communities), additive));
    }
    if !route_targets.is_empty() {
        found.push(Set::RouteTargets(route_targets.into_iter().collect()));
    }
    if !prepend.is_empty() {
        found.push(Set::Prepend(prepend));
    }
    found
}
