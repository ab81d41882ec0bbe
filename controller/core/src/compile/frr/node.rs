//! What FRR must have for a node as a whole: the instance that speaks with others, and what is said
//! and taken in.

use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU16, NonZeroU32};

use weft_model::name::LinkName;
use weft_model::object::controller::{ControllerKind, IsisController};
use weft_model::plan::frr::bgp::{Evpn, EvpnSwitch, Instance, InstanceAt, Source, Switch, Unicast};
use weft_model::plan::frr::igp::{Interface, Isis, Level, OnLink};
use weft_model::plan::frr::policy::{MapRule, Match, PrefixList, PrefixRule, RouteMap, Set};
use weft_model::plan::frr::route::RouteSource;
use weft_model::plan::frr::{Frr, Stanza};
use weft_model::policy::{Action, Amount, EvpnRoute, Metric};
use weft_model::prefix::{Family, Prefix};

use super::fabric;
use super::neighbor::{self, group_name};
use super::{of_controller, word};
use crate::intent::{Group, Routing};
use crate::own_policy;

/// The routing domains of zones that a node leads out of, and how.
#[derive(Default)]
pub(in super::super) struct Exits {
    /// Those whose routes the node's own table takes in.
    pub(in super::super) leaked: BTreeSet<LinkName>,
    /// Whether the node is one that others prefer for a zone, or one of several alike.
    pub(in super::super) is_first: bool,
    /// Whether the node is one that others use when the preferred one is gone.
    pub(in super::super) is_second: bool,
}

/// Everything of a node's FRR that belongs to no zone.
pub(in super::super) fn entries(routing: &Routing, exits: &Exits) -> Vec<Frr> {
    let mut found = Vec::new();
    if let (Some(asn), Some(router_id)) = (routing.asn, routing.router_id) {
        let at = InstanceAt { asn, vrf: None };
        let groups = || routing.groups.iter().chain(&routing.uplink);
        let instance = Instance {
            router_id,
            ..instance(at.clone(), routing, exits)
        };
        let instance = Stanza::Bgp(Box::new(instance));
        let joined = routing.fabrics.iter().find(|it| it.asn.is_some());
        match (groups().next(), joined) {
            (Some(first), _) => {
                found.push(of_controller(&first.controller.metadata.name, instance));
            }
            (None, Some(joined)) => found.push(fabric::of_fabric(joined, instance)),
            (None, None) => {}
        }
        for group in groups() {
            found.extend(neighbor::entries(&at, group, routing));
        }
        if !routing.groups.is_empty() {
            found.extend(route_maps(routing, exits));
        }
        if let Some(uplink) = &routing.uplink {
            source_of_routes(uplink, &mut found);
        }
    }
    if let Some(controller) = &routing.isis
        && let ControllerKind::Isis(isis) = &controller.spec.kind
    {
        let stanzas = isis_stanzas(isis).into_iter();
        found.extend(stanzas.map(|it| of_controller(&controller.metadata.name, it)));
    }
    found
}

fn instance(at: InstanceAt, routing: &Routing, exits: &Exits) -> Instance {
    let uplink = routing.uplink.as_ref();
    let bgp = uplink.and_then(|group| match &group.controller.spec.kind {
        ControllerKind::Bgp(bgp) => Some(bgp),
        ControllerKind::Evpn(_) | ControllerKind::Isis(_) => None,
    });
    let source = uplink.filter(|_| bgp.is_some_and(|bgp| bgp.sessions.source.is_some()));
    let mut switches = BTreeMap::from([
        (Switch::HardAdministrativeReset, false),
        (Switch::DefaultIpv4Unicast, false),
        (Switch::GracefulRestartNotification, false),
        // Without it FRR tells and takes nothing where no route map is named (RFC 8212).
        (Switch::EbgpRequiresPolicy, false),
    ]);
    if let Some(bgp) = bgp {
        if bgp.external && bgp.sessions.source.is_some() {
            switches.insert(Switch::DisableConnectedCheck, true);
        }
        if bgp.multipath_relax {
            switches.insert(Switch::MultipathRelax, true);
        }
    }
    // Every neighbor in a fabric is another system.
    if routing.fabrics.iter().any(|it| it.asn.is_some()) {
        switches.insert(Switch::MultipathRelax, true);
    }
    let unicast = |family| Unicast {
        networks: source
            .filter(|group| Family::of(group.local) == family)
            .map(|group| group.local)
            .into_iter()
            .chain(fabric::told(routing, family))
            .filter_map(host)
            .collect(),
        import_vrf: exits.leaked.iter().map(word).collect(),
        ..Unicast::default()
    };
    let listen = routing.groups.iter().flat_map(|group| {
        let name = group_name(group);
        let ranges = group.neighbors.listen.iter();
        ranges.map(move |range| (*range, name.clone()))
    });
    let carries_zones = !routing.groups.is_empty();
    Instance {
        at,
        router_id: std::net::Ipv4Addr::UNSPECIFIED,
        switches,
        coalesce_time: Some(1000),
        timers: None,
        listen: listen.collect(),
        listen_limit: None,
        ipv4: unicast(Family::Ipv4),
        ipv6: unicast(Family::Ipv6),
        evpn: Evpn {
            switches: carries_zones
                .then_some(EvpnSwitch::AdvertiseAllVni)
                .into_iter()
                .collect(),
            ..Evpn::default()
        },
    }
}

fn host(address: std::net::IpAddr) -> Option<Prefix> {
    let length = Family::of(address).host_length();
    format!("{address}/{length}").parse().ok()
}

/// What is taken in and said of the routes of zones: default routes of other exits are not taken in
/// by an exit, and those of a second exit count less.
///
/// A list of prefixes, as Proxmox VE has it, matches no route of EVPN's in FRR 8.4 (seen): two exits
/// then send what leaves to each other.
fn route_maps(routing: &Routing, exits: &Exits) -> Vec<Frr> {
    let Some(first) = routing.groups.first() else {
        return Vec::new();
    };
    let rule = |action| MapRule {
        action,
        matches: Vec::new(),
        sets: Vec::new(),
        call: None,
        then: None,
    };
    let of_default = |action| MapRule {
        matches: vec![Match::EvpnRoute(EvpnRoute::Prefix), Match::EvpnDefault],
        ..rule(action)
    };
    let less = MapRule {
        sets: vec![Set::Metric(Metric::Amount(Amount::Is(200)))],
        ..of_default(Action::Permit)
    };
    let incoming = exits.is_first.then(|| of_default(Action::Deny));
    let outgoing = exits.is_second.then_some(less);
    let map = |(name, special): (&str, Option<MapRule>)| {
        let rules = special.into_iter().chain([rule(Action::Permit)]);
        let map = RouteMap {
            name: word(name),
            rules: (1..).filter_map(NonZeroU16::new).zip(rules).collect(),
        };
        let origin = &first.controller.metadata.name;
        of_controller(origin, Stanza::RouteMap(map))
    };
    let both = [
        (own_policy::MAP_IN, incoming),
        (own_policy::MAP_OUT, outgoing),
    ];
    both.map(map).into()
}

/// Where a node speaks from a loopback, what it sends by routes of BGP comes from there too.
fn source_of_routes(uplink: &Group, found: &mut Vec<Frr>) {
    let ControllerKind::Bgp(bgp) = &uplink.controller.spec.kind else {
        return;
    };
    let family = Family::of(uplink.local);
    if bgp.sessions.source.is_none() {
        return;
    }
    let origin = &uplink.controller.metadata.name;
    let (all, list, map) = match family {
        Family::Ipv4 => ("0.0.0.0/0", own_policy::SOURCED, own_policy::SOURCE),
        Family::Ipv6 => ("::/0", own_policy::SOURCED6, own_policy::SOURCE6),
    };
    let rule = all.parse().ok().map(|prefix| PrefixRule {
        action: Action::Permit,
        prefix,
        ge: None,
        le: Some(family.host_length()),
    });
    let source = MapRule {
        action: Action::Permit,
        matches: vec![Match::Prefixes(family, word(list))],
        sets: vec![Set::Source(uplink.local)],
        call: None,
        then: None,
    };
    let stanzas = [
        Stanza::PrefixList(PrefixList {
            family,
            name: word(list),
            rules: NonZeroU32::new(10).zip(rule).into_iter().collect(),
        }),
        Stanza::RouteMap(RouteMap {
            name: word(map),
            rules: NonZeroU16::new(1)
                .map(|number| (number, source))
                .into_iter()
                .collect(),
        }),
        Stanza::RouteSource(RouteSource {
            protocol: word("bgp"),
            family,
            route_map: word(map),
        }),
    ];
    found.extend(stanzas.map(|it| of_controller(origin, it)));
}

fn isis_stanzas(isis: &IsisController) -> Vec<Stanza> {
    let families = || BTreeSet::from([Family::Ipv4, Family::Ipv6]);
    let net = isis.net.to_string().parse();
    let Ok(net) = net else {
        unreachable!("both are network entity titles")
    };
    let redistribute = families().into_iter();
    let on_link = |name: &LinkName, passive| {
        Stanza::Interface(Box::new(Interface {
            name: word(name),
            isis: Some(OnLink {
                tag: word(&isis.domain),
                families: families(),
                passive,
                point_to_point: false,
                hello_interval: None,
                hello_multiplier: None,
                csnp_interval: None,
                bfd: false,
            }),
            openfabric: None,
            ospf: None,
        }))
    };
    let mut stanzas = vec![Stanza::Isis(Isis {
        tag: word(&isis.domain),
        net,
        level: None,
        redistribute: redistribute
            .map(|family| (family, Source::Connected, Level::One))
            .collect(),
        log_adjacency_changes: true,
    })];
    stanzas.extend(isis.interfaces.iter().map(|name| on_link(name, false)));
    let source = isis
        .source
        .iter()
        .filter(|it| !isis.interfaces.contains(*it));
    stanzas.extend(source.map(|name| on_link(name, true)));
    stanzas
}
