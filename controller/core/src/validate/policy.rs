//! Route maps, the prefix lists that they look into, and the administrator's own lines.
//!
//! # Guarantees
//! A node gets just the maps that its controllers name, those that these call, and the lists of all
//! of them; and every name leads somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weft_model::asn::Asn;
use weft_model::name::{ControllerName, NodeName, PolicyName};
use weft_model::object::controller::{ControllerKind, Sessions};
use weft_model::object::selector::NodeSelector;
use weft_model::object::{Controller, FrrSnippet, Kind, RouteMap};
use weft_model::plan::frr::snippet::SnippetLine;

use super::finding::{Findings, at};
use super::reading::Reading;
use super::text::list;
use crate::intent::{Policies, Routing, Snippet};
use crate::{own_policy, snippet};

/// How deep FRR follows maps that call others.
const DEEPEST: usize = 10;

/// The longest name of a map whose communities or AS paths need lists of their own, which are called
/// by its name, `_` and the number of the rule.
const LONGEST_WITH_LISTS: usize = 57;

/// Checks every route map and prefix list.
pub(super) fn check(reading: &Reading<'_>, findings: &mut Findings) {
    for (name, _) in reading.snapshot.prefix_lists().iter() {
        check_name(Kind::PrefixList, name, findings);
    }
    let maps = reading.snapshot.route_maps();
    let calling = maps.iter().filter(|(_, map)| !map.spec.calls().is_empty());
    let circles = calling.filter_map(|(name, _)| Some((name, circle(reading, name)?)));
    let circles: BTreeMap<_, _> = circles.collect();
    for (name, map) in maps.iter() {
        check_name(Kind::RouteMap, name, findings);
        check_rules(reading, map, findings);
        if let Some(way) = circles.get(name) {
            let by = match way.as_slice() {
                [] => String::new(),
                way => format!(" by {}", list(way)),
            };
            findings.error(
                at(Kind::RouteMap, name, "spec.rules"),
                format!("the map calls itself{by}"),
                "take one of the calls out",
            );
        } else if depth(reading, name, &circles).is_some_and(|depth| depth > DEEPEST) {
            findings.error(
                at(Kind::RouteMap, name, "spec.rules"),
                format!("maps that call maps are more than {DEEPEST} deep, and FRR stops there"),
                "call fewer maps from each other",
            );
        }
    }
    for (name, controller) in reading.snapshot.controllers().iter() {
        let fields = named(controller).into_iter();
        for (field, map) in fields.filter(|(_, map)| !maps.contains(*map)) {
            findings.error(
                at(Kind::Controller, name, &field),
                format!("route map {map} does not exist"),
                "create it, or leave the field out",
            );
        }
    }
}

fn check_name(kind: Kind, name: &PolicyName, findings: &mut Findings) {
    if own_policy::is_own(name.as_str()) {
        findings.error(
            at(kind, name, "metadata.name"),
            format!("{name} is what Weft calls one of its own"),
            "use another name",
        );
    }
}

fn check_rules(reading: &Reading<'_>, map: &RouteMap, findings: &mut Findings) {
    let name = &map.metadata.name;
    let lists = reading.snapshot.prefix_lists();
    for (index, (seq, rule)) in map.spec.rules().iter().enumerate() {
        let field = |part: &str| format!("spec.rules[{index}].{part}");
        for (part, list) in [
            ("match.prefixList", &rule.matches.prefix_list),
            (
                "match.nextHopPrefixList",
                &rule.matches.next_hop_prefix_list,
            ),
        ] {
            if let Some(list) = list.as_ref().filter(|list| !lists.contains(*list)) {
                findings.error(
                    at(Kind::RouteMap, name, &field(part)),
                    format!("rule {seq}: prefix list {list} does not exist"),
                    "create it, or leave the field out",
                );
            }
        }
        if let Some(call) = &rule.call
            && !reading.snapshot.route_maps().contains(call)
        {
            findings.error(
                at(Kind::RouteMap, name, &field("call")),
                format!("rule {seq}: route map {call} does not exist"),
                "create it, or leave the field out",
            );
        }
        let needs_lists = !rule.matches.communities.is_empty()
            || !rule.matches.large_communities.is_empty()
            || rule.matches.as_path.is_some();
        if needs_lists && name.as_str().len() > LONGEST_WITH_LISTS {
            findings.error(
                at(Kind::RouteMap, name, "metadata.name"),
                "rules that match communities or AS paths need lists that are called by the map's \
                 name, and this one is too long"
                    .to_owned(),
                format!("use at most {LONGEST_WITH_LISTS} characters"),
            );
        }
    }
}

/// The other maps by which a map calls itself, in their order.
fn circle<'a>(reading: &Reading<'a>, start: &'a PolicyName) -> Option<Vec<&'a PolicyName>> {
    let maps = reading.snapshot.route_maps();
    let mut came_from: BTreeMap<&PolicyName, &PolicyName> = BTreeMap::new();
    let mut next = vec![start];
    while let Some(at) = next.pop() {
        let calls = maps.get(at).map(|map| map.spec.calls()).unwrap_or_default();
        for call in calls {
            if call == start {
                let back = std::iter::successors(Some(at), |it| came_from.get(*it).copied());
                let mut way: Vec<_> = back.take_while(|it| *it != start).collect();
                way.reverse();
                return Some(way);
            }
            if !came_from.contains_key(call) {
                came_from.insert(call, at);
                next.push(call);
            }
        }
    }
    None
}

/// How many maps deep a map calls others; `None` where it calls one that calls itself.
fn depth(
    reading: &Reading<'_>,
    start: &PolicyName,
    circles: &BTreeMap<&PolicyName, Vec<&PolicyName>>,
) -> Option<usize> {
    let maps = reading.snapshot.route_maps();
    let mut level = BTreeSet::from([start]);
    for depth in 0..=DEEPEST {
        if level.iter().any(|name| circles.contains_key(*name)) {
            return None;
        }
        let calls = level.iter().filter_map(|name| maps.get(*name));
        let next: BTreeSet<&PolicyName> = calls.flat_map(|map| map.spec.calls()).collect();
        if next.is_empty() {
            return Some(depth);
        }
        level = next;
    }
    Some(DEEPEST + 1)
}

fn sessions(kind: &ControllerKind) -> Option<(&Sessions, &'static str)> {
    match kind {
        ControllerKind::Evpn(evpn) => Some((&evpn.sessions, "spec.evpn.sessions")),
        ControllerKind::Bgp(bgp) => Some((&bgp.sessions, "spec.bgp.sessions")),
        ControllerKind::Isis(_) => None,
    }
}

/// The maps that a controller names, by field.
fn named(controller: &Controller) -> Vec<(String, &PolicyName)> {
    let Some((sessions, field)) = sessions(&controller.spec.kind) else {
        return Vec::new();
    };
    let fields = [
        ("routeMapIn", &sessions.route_map_in),
        ("routeMapOut", &sessions.route_map_out),
    ];
    let given = fields.into_iter().filter_map(|(name, map)| {
        let map = map.as_ref()?;
        Some((format!("{field}.{name}"), map))
    });
    given.collect()
}

/// What a node whose controllers these are needs of route maps and prefix lists.
pub(super) fn of_node<'a>(
    reading: &Reading<'_>,
    controllers: impl IntoIterator<Item = &'a Controller>,
) -> Policies {
    let mut policies = Policies::default();
    let mut next: Vec<(ControllerName, PolicyName)> = Vec::new();
    for controller in controllers {
        let origin = &controller.metadata.name;
        let named = named(controller).into_iter();
        next.extend(named.map(|(_, map)| (origin.clone(), map.clone())));
    }
    while let Some((origin, name)) = next.pop() {
        let Some(map) = reading.snapshot.route_maps().get(&name) else {
            continue;
        };
        if policies.maps.contains_key(&name) {
            continue;
        }
        let calls = map.spec.calls().into_iter();
        next.extend(calls.map(|call| (origin.clone(), call.clone())));
        for list in map.spec.prefix_lists() {
            if let Some(declared) = reading.snapshot.prefix_lists().get(list) {
                let of = (origin.clone(), Arc::clone(declared));
                policies.lists.entry(list.clone()).or_insert(of);
            }
        }
        policies.maps.insert(name, (origin, Arc::clone(map)));
    }
    policies
}

/// The administrator's own lines of every node, in their order.
pub(super) type Snippets = BTreeMap<NodeName, Vec<Arc<Snippet>>>;

/// Reads every snippet, and finds its nodes: those that it chooses and that have said what they are.
pub(super) fn snippets(
    reading: &Reading<'_>,
    routings: &BTreeMap<NodeName, Arc<Routing>>,
    findings: &mut Findings,
) -> Snippets {
    let mut found = Snippets::new();
    let declared = reading.snapshot.snippets().values();
    let mut declared: Vec<&Arc<FrrSnippet>> = declared.collect();
    declared.sort_by_key(|it| (it.spec.order, &it.metadata.name));
    for declared in declared {
        let name = &declared.metadata.name;
        check_nodes(reading, declared, findings);
        let lines = match snippet::read(&declared.spec.text) {
            Ok(lines) => lines,
            Err(faults) => {
                for fault in faults {
                    findings.error(
                        at(Kind::FrrSnippet, name, "spec.text"),
                        format!("line {}: {}", fault.line, fault.problem),
                        fault.advice,
                    );
                }
                continue;
            }
        };
        let nodes = reading.snapshot.nodes().iter();
        let chosen: Vec<&NodeName> = nodes
            .filter(|(node, it)| {
                let selector = &declared.spec.nodes;
                selector.selects(node, &it.metadata.labels)
                    && reading.snapshot.facts().contains(*node)
            })
            .map(|(node, _)| node)
            .collect();
        check_systems(declared, &lines, &chosen, routings, findings);
        let snippet = Arc::new(Snippet {
            declared: Arc::clone(declared),
            lines,
        });
        for node in chosen {
            let of_node = found.entry(node.clone()).or_default();
            of_node.push(Arc::clone(&snippet));
        }
    }
    found
}

fn check_nodes(reading: &Reading<'_>, snippet: &FrrSnippet, findings: &mut Findings) {
    let NodeSelector::Names(names) = &snippet.spec.nodes else {
        return;
    };
    let nodes = reading.snapshot.nodes();
    for node in names.iter().filter(|it| !nodes.contains(*it)) {
        findings.error(
            at(Kind::FrrSnippet, &snippet.metadata.name, "spec.nodes.names"),
            format!("node {node} does not exist"),
            "start weft-agent on it, which makes the node, or take the name out",
        );
    }
}

/// An instance of another system would come in place of the node's own.
fn check_systems(
    snippet: &FrrSnippet,
    lines: &[SnippetLine],
    nodes: &[&NodeName],
    routings: &BTreeMap<NodeName, Arc<Routing>>,
    findings: &mut Findings,
) {
    for system in snippet::systems(lines) {
        let differs = |asn: &Asn| u32::from(*asn).to_string() != system;
        let differing = nodes.iter().filter(|node| {
            let asn = routings.get(**node).and_then(|it| it.asn);
            asn.as_ref().is_some_and(differs)
        });
        let differing: Vec<_> = differing.collect();
        if !differing.is_empty() {
            findings.error(
                at(Kind::FrrSnippet, &snippet.metadata.name, "spec.text"),
                format!(
                    "`router bgp {system}` would come in place of the instance of {}, which is \
                     another AS",
                    list(differing)
                ),
                "use the AS number that the node's controllers give it, or choose other nodes",
            );
        }
    }
}
