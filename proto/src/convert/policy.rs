//! Prefix lists, route maps and snippets on the wire.

use std::fmt::Display;
use std::num::{NonZeroU16, NonZeroU32};

use weft_model::object::frr_snippet::FrrSnippetSpec;
use weft_model::object::prefix_list::{PrefixListSpec, PrefixRule};
use weft_model::object::route_map::{MapRule, Matches, RouteMapSpec, Sets};

use super::fields::{Fields, Invalid};
use super::zone::selector;
use crate::v1;

impl From<&PrefixListSpec> for v1::PrefixListSpec {
    fn from(spec: &PrefixListSpec) -> Self {
        let rules = spec.rules().iter();
        let rules = rules.map(|(seq, rule)| v1::PrefixRule {
            seq: Some(seq.get()),
            action: rule.action.as_str().to_owned(),
            prefix: rule.prefix.to_string(),
            ge: rule.ge.map(u32::from),
            le: rule.le.map(u32::from),
        });
        Self {
            rules: rules.collect(),
        }
    }
}

impl TryFrom<&v1::PrefixListSpec> for PrefixListSpec {
    type Error = Invalid;

    fn try_from(wire: &v1::PrefixListSpec) -> Result<Self, Invalid> {
        let new = |rules| Self::new(rules).map_err(|error| (error.field(), error));
        of_rules(&wire.rules, prefix_rule, new)
    }
}

/// What is `new` of its rules, or else says which field is wrong and why.
fn of_rules<W, R, S, E: Display>(
    wire: &[W],
    read: impl Fn(&W) -> Result<R, Invalid>,
    new: impl FnOnce(Vec<R>) -> Result<S, (String, E)>,
) -> Result<S, Invalid> {
    let mut fields = Fields::default();
    let each = wire.iter().enumerate();
    let each = each.map(|(at, rule)| fields.within(&format!("rules[{at}]"), read(rule)));
    // All are read, and each that cannot be is told of, before one of them ends it.
    let each: Vec<Option<R>> = each.collect();
    let rules: Option<Vec<R>> = each.into_iter().collect();
    let value = rules.and_then(|rules| match new(rules) {
        Ok(spec) => Some(spec),
        Err((field, error)) => {
            fields.refuse(field, error);
            None
        }
    });
    fields.finish(value)
}

fn prefix_rule(wire: &v1::PrefixRule) -> Result<(Option<NonZeroU32>, PrefixRule), Invalid> {
    let mut fields = Fields::default();
    let seq = fields.maybe_number("seq", wire.seq);
    let action = fields.text("action", &wire.action);
    let prefix = fields.text("prefix", &wire.prefix);
    let ge = fields.maybe_number("ge", wire.ge);
    let le = fields.maybe_number("le", wire.le);
    let value = (|| {
        let rule = PrefixRule {
            action: action?,
            prefix: prefix?,
            ge: ge?,
            le: le?,
        };
        Some((seq?, rule))
    })();
    fields.finish(value)
}

impl From<&RouteMapSpec> for v1::RouteMapSpec {
    fn from(spec: &RouteMapSpec) -> Self {
        let rules = spec.rules().iter();
        let rules = rules.map(|(seq, rule)| v1::MapRule {
            seq: Some(u32::from(seq.get())),
            action: rule.action.as_str().to_owned(),
            r#match: (!rule.matches.is_empty()).then(|| matches_to_wire(&rule.matches)),
            set: (!rule.sets.is_empty()).then(|| sets_to_wire(&rule.sets)),
            call: text(rule.call.as_ref()),
            on_match: text(rule.then.as_ref()),
        });
        Self {
            rules: rules.collect(),
        }
    }
}

impl TryFrom<&v1::RouteMapSpec> for RouteMapSpec {
    type Error = Invalid;

    fn try_from(wire: &v1::RouteMapSpec) -> Result<Self, Invalid> {
        let new = |rules| Self::new(rules).map_err(|error| (error.field(), error));
        of_rules(&wire.rules, map_rule, new)
    }
}

fn map_rule(wire: &v1::MapRule) -> Result<(Option<NonZeroU16>, MapRule), Invalid> {
    let mut fields = Fields::default();
    let seq = match wire.seq {
        None => Some(None),
        Some(number) => {
            let number = u16::try_from(number).ok().and_then(NonZeroU16::new);
            let number = number.ok_or("use 1 to 65535");
            fields.keep("seq", number).map(Some)
        }
    };
    let action = fields.text("action", &wire.action);
    let matches = match &wire.r#match {
        Some(wire) => fields.within("match", matches(wire)),
        None => Some(Matches::default()),
    };
    let sets = match &wire.set {
        Some(wire) => fields.within("set", sets(wire)),
        None => Some(Sets::default()),
    };
    let call = fields.maybe_text("call", &wire.call);
    let then = fields.maybe_text("onMatch", &wire.on_match);
    let value = (|| {
        let rule = MapRule {
            action: action?,
            matches: matches?,
            sets: sets?,
            call: call?,
            then: then?,
        };
        Some((seq?, rule))
    })();
    fields.finish(value)
}

fn matches_to_wire(matches: &Matches) -> v1::MapMatch {
    v1::MapMatch {
        prefix_list: text(matches.prefix_list.as_ref()),
        next_hop_prefix_list: text(matches.next_hop_prefix_list.as_ref()),
        next_hop: text(matches.next_hop.as_ref()),
        route_type: text(matches.route_type.map(|it| it.as_str()).as_ref()),
        vni: matches.vni.map(u32::from),
        metric: matches.metric,
        tag: matches.tag.map(NonZeroU32::get),
        local_preference: matches.local_preference,
        peer: text(matches.peer.as_ref()),
        communities: texts(&matches.communities),
        large_communities: texts(&matches.large_communities),
        as_path: text(matches.as_path.as_ref()),
    }
}

fn matches(wire: &v1::MapMatch) -> Result<Matches, Invalid> {
    let mut fields = Fields::default();
    let prefix_list = fields.maybe_text("prefixList", &wire.prefix_list);
    let next_hop_prefix_list = fields.maybe_text("nextHopPrefixList", &wire.next_hop_prefix_list);
    let next_hop = fields.maybe_text("nextHop", &wire.next_hop);
    let route_type = fields.maybe_text("routeType", &wire.route_type);
    let vni = fields.maybe_number("vni", wire.vni);
    let tag = fields.maybe_number("tag", wire.tag);
    let peer = fields.maybe_text("peer", &wire.peer);
    let communities = fields.texts("communities", &wire.communities);
    let large_communities = fields.texts("largeCommunities", &wire.large_communities);
    let as_path = fields.maybe_text("asPath", &wire.as_path);
    let value = (|| {
        Some(Matches {
            prefix_list: prefix_list?,
            next_hop_prefix_list: next_hop_prefix_list?,
            next_hop: next_hop?,
            route_type: route_type?,
            vni: vni?,
            metric: wire.metric,
            tag: tag?,
            local_preference: wire.local_preference,
            peer: peer?,
            communities,
            large_communities,
            as_path: as_path?,
        })
    })();
    fields.finish(value)
}

fn sets_to_wire(sets: &Sets) -> v1::MapSet {
    v1::MapSet {
        next_hop: text(sets.next_hop.as_ref()),
        next_hop6: text(sets.next_hop6.as_ref()),
        local_preference: text(sets.local_preference.as_ref()),
        metric: text(sets.metric.as_ref()),
        tag: sets.tag.map(NonZeroU32::get),
        weight: sets.weight,
        source: text(sets.source.as_ref()),
        communities: texts(&sets.communities),
        large_communities: texts(&sets.large_communities),
        additive: sets.additive,
        route_targets: texts(&sets.route_targets),
        prepend: sets.prepend.iter().map(|asn| u32::from(*asn)).collect(),
    }
}

fn sets(wire: &v1::MapSet) -> Result<Sets, Invalid> {
    let mut fields = Fields::default();
    let next_hop = fields.maybe_text("nextHop", &wire.next_hop);
    let next_hop6 = fields.maybe_text("nextHop6", &wire.next_hop6);
    let local_preference = fields.maybe_text("localPreference", &wire.local_preference);
    let metric = fields.maybe_text("metric", &wire.metric);
    let tag = fields.maybe_number("tag", wire.tag);
    let source = fields.maybe_text("source", &wire.source);
    let communities = fields.texts("communities", &wire.communities);
    let large_communities = fields.texts("largeCommunities", &wire.large_communities);
    let route_targets = fields.texts("routeTargets", &wire.route_targets);
    let numbers = wire.prepend.iter().enumerate();
    let prepend = numbers
        .filter_map(|(at, asn)| {
            let field = format!("prepend[{at}]");
            fields.maybe_number(&field, Some(*asn)).flatten()
        })
        .collect();
    let value = (|| {
        Some(Sets {
            next_hop: next_hop?,
            next_hop6: next_hop6?,
            local_preference: local_preference?,
            metric: metric?,
            tag: tag?,
            weight: wire.weight,
            source: source?,
            communities,
            large_communities,
            additive: wire.additive,
            route_targets,
            prepend,
        })
    })();
    fields.finish(value)
}

impl From<&FrrSnippetSpec> for v1::FrrSnippetSpec {
    fn from(spec: &FrrSnippetSpec) -> Self {
        Self {
            nodes: (!spec.nodes.is_all()).then(|| (&spec.nodes).into()),
            order: spec.order,
            text: spec.text.to_string(),
        }
    }
}

impl TryFrom<&v1::FrrSnippetSpec> for FrrSnippetSpec {
    type Error = Invalid;

    fn try_from(wire: &v1::FrrSnippetSpec) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let nodes = fields.within("nodes", selector(wire.nodes.as_ref()));
        let text = fields.text("text", &wire.text);
        let value = nodes.zip(text).map(|(nodes, text)| Self {
            nodes,
            order: wire.order,
            text,
        });
        fields.finish(value)
    }
}

fn text<T: ToString>(value: Option<&T>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn texts<'a, T: ToString + 'a>(values: impl IntoIterator<Item = &'a T>) -> Vec<String> {
    values.into_iter().map(ToString::to_string).collect()
}
