//! What FRR must have for the fabrics that a node is in.
//!
//! # Guarantees
//! What FRR takes by itself is not said: it would not show it, and it would be said again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::num::{NonZeroU8, NonZeroU16, NonZeroU32};

use weft_model::name::LinkName;
use weft_model::object::fabric::{
    FabricInterface, FabricKind, LinkNetwork, OpenFabricOptions, OspfOptions, Seconds,
};
use weft_model::plan::Origin;
use weft_model::plan::frr::bgp::InstanceAt;
use weft_model::plan::frr::igp::{
    Interface, Net, OnLink, OpenFabric, Ospf, OspfNetwork, OspfOnLink,
};
use weft_model::plan::frr::neighbor::{
    self, Joined as Of, Neighbor, NeighborFamily, Peer, RemoteAs,
};
use weft_model::plan::frr::policy::{MapRule, Match, PrefixList, PrefixRule, RouteMap, Set};
use weft_model::plan::frr::route::RouteSource;
use weft_model::plan::frr::word::Word;
use weft_model::plan::frr::{Frr, Stanza};
use weft_model::policy::Action;
use weft_model::prefix::Family;

use super::neighbor::nothing;
use super::word;
use crate::intent::{Joined, Routing};

/// What FRR takes when nothing is said of how often an OpenFabric node says that it is there.
const OPENFABRIC_HELLO: u16 = 3;
/// The same of after how many missed words a node is gone.
const OPENFABRIC_MULTIPLIER: u8 = 10;
/// The same of how often nodes compare what they know.
const OPENFABRIC_CSNP: u16 = 10;
/// The same of how often an OSPF node says that it is there.
const OSPF_HELLO: u16 = 10;
/// The same of after what silence a node is gone.
const OSPF_DEAD: u16 = 40;

/// The stanzas of a node's fabrics, beside the instance of BGP.
pub(in super::super) fn entries(routing: &Routing) -> Vec<Frr> {
    let mut found = Vec::new();
    for joined in &routing.fabrics {
        let stanzas = match &joined.kind {
            FabricKind::OpenFabric(options) => openfabric(joined, options),
            FabricKind::Ospf(options) => ospf(joined, options),
            FabricKind::Bgp(options) => bgp(joined, options.bfd),
        };
        found.extend(stanzas.into_iter().map(|it| of_fabric(joined, it)));
    }
    found.extend(sources(routing));
    found
}

/// A stanza that is there for a fabric.
pub(super) fn of_fabric(joined: &Joined, stanza: Stanza) -> Frr {
    Frr {
        origin: Origin::Fabric {
            fabric: joined.name.clone(),
        },
        stanza,
    }
}

/// What a fabric's own lists and neighbors are called.
fn own_name(joined: &Joined) -> Word {
    word(format!("{}{}", crate::own_policy::BEGINNING, joined.device))
}

fn bare(name: &LinkName) -> Interface {
    Interface {
        name: word(name),
        isis: None,
        openfabric: None,
        ospf: None,
    }
}

fn openfabric(joined: &Joined, options: &OpenFabricOptions) -> Vec<Stanza> {
    let tag = word(&joined.name);
    let families: BTreeSet<Family> = joined.prefixes.iter().map(|it| it.family()).collect();
    let on_link = |name: &LinkName, passive: bool| {
        let other = |it: Option<Seconds>, usual: u16| {
            let said = it.filter(|_| !passive).map(NonZeroU16::from);
            said.filter(|it| it.get() != usual)
        };
        let multiplier = options.hello_multiplier.filter(|_| !passive);
        let multiplier = multiplier.map(NonZeroU8::from);
        let on = OnLink {
            tag: tag.clone(),
            families: families.clone(),
            passive,
            point_to_point: false,
            hello_interval: other(options.hello_interval, OPENFABRIC_HELLO),
            hello_multiplier: multiplier.filter(|it| it.get() != OPENFABRIC_MULTIPLIER),
            csnp_interval: other(options.csnp_interval, OPENFABRIC_CSNP),
            bfd: false,
        };
        Stanza::Interface(Box::new(Interface {
            openfabric: Some(on),
            ..bare(name)
        }))
    };
    let instance = Stanza::OpenFabric(OpenFabric {
        tag: tag.clone(),
        net: net(joined.router_id),
        tier: None,
        log_adjacency_changes: false,
    });
    let spoken = joined.interfaces.keys().map(|name| on_link(name, false));
    [instance, on_link(&joined.device, true)]
        .into_iter()
        .chain(spoken)
        .collect()
}

/// The title that holds an IPv4 address: its twelve digits in three groups, in area 49.0001.
fn net(id: Ipv4Addr) -> Net {
    let [a, b, c, d] = id.octets();
    let digits = format!("{a:03}{b:03}{c:03}{d:03}");
    let text = format!(
        "49.0001.{}.{}.{}.00",
        &digits[..4],
        &digits[4..8],
        &digits[8..]
    );
    text.parse()
        .unwrap_or_else(|_| unreachable!("twelve digits make three groups"))
}

fn ospf(joined: &Joined, options: &OspfOptions) -> Vec<Stanza> {
    let seconds = |it: Option<Seconds>| it.map(NonZeroU16::from);
    let hello = seconds(options.hello_interval).filter(|it| it.get() != OSPF_HELLO);
    let dead = seconds(options.dead_interval);
    // FRR takes another one by itself when the first is said.
    let dead = dead.filter(|it| hello.is_some() || it.get() != OSPF_DEAD);
    let on_link = |name: &LinkName, link: Option<&FabricInterface>| {
        let on = OspfOnLink {
            area: options.area.0,
            passive: link.is_none().then_some(true),
            network: link.map(|link| match link.network {
                None | Some(LinkNetwork::PointToPoint) => OspfNetwork::PointToPoint,
                Some(LinkNetwork::Broadcast) => OspfNetwork::Broadcast,
                Some(LinkNetwork::NonBroadcast) => OspfNetwork::NonBroadcast,
                Some(LinkNetwork::PointToMultipoint) => OspfNetwork::PointToMultipoint,
            }),
            hello_interval: hello.filter(|_| link.is_some()),
            dead_interval: dead.filter(|_| link.is_some()),
            bfd: false,
        };
        Stanza::Interface(Box::new(Interface {
            ospf: Some(on),
            ..bare(name)
        }))
    };
    let instance = Stanza::Ospf(Ospf {
        vrf: None,
        router_id: joined.router_id,
        redistribute: BTreeMap::new(),
        passive_default: false,
        maximum_paths: None,
    });
    let spoken = joined.interfaces.iter();
    let spoken = spoken.map(|(name, link)| on_link(name, Some(link)));
    [instance, on_link(&joined.device, None)]
        .into_iter()
        .chain(spoken)
        .collect()
}

/// Whoever is at the other end of an interface is spoken to by its IPv6 address on that link.
fn bgp(joined: &Joined, bfd: bool) -> Vec<Stanza> {
    let Some(asn) = joined.asn else {
        unreachable!("a node of a fabric of type bgp has an AS number")
    };
    let at = InstanceAt { asn, vrf: None };
    let group = own_name(joined);
    let has = |family| joined.prefixes.iter().any(|it| it.family() == family);
    let of = |family| has(family).then(NeighborFamily::default);
    let whole = Neighbor {
        bfd: if bfd {
            neighbor::Bfd::On
        } else {
            neighbor::Bfd::Off
        },
        ipv4: of(Family::Ipv4),
        ipv6: of(Family::Ipv6),
        ..nothing(&at, Peer::Group(group.clone(), Some(RemoteAs::External)))
    };
    let members = joined.interfaces.keys().map(|name| {
        let peer = Peer::Link(word(name), true, Of::Group(group.clone()));
        nothing(&at, peer)
    });
    std::iter::once(whole)
        .chain(members)
        .map(|it| Stanza::Neighbor(Box::new(it)))
        .collect()
}

/// What the node sends by routes of a fabric comes from its address there, which all others know;
/// its other addresses they may not.
fn sources(routing: &Routing) -> Vec<Frr> {
    let mut found = Vec::new();
    for protocol in ["openfabric", "ospf", "bgp"] {
        let fabrics = routing.fabrics.iter();
        let fabrics: Vec<&Joined> = fabrics.filter(|it| it.kind.as_str() == protocol).collect();
        for family in [Family::Ipv4, Family::Ipv6] {
            // There is one map for a protocol, and the uplink's is for all of BGP.
            let uplink = routing.uplink.as_ref().filter(|_| protocol == "bgp");
            if uplink.is_some_and(|it| it.source.is_some() && Family::of(it.local) == family) {
                continue;
            }
            found.extend(source(protocol, family, &fabrics));
        }
    }
    found
}

fn source(protocol: &str, family: Family, fabrics: &[&Joined]) -> Vec<Frr> {
    let mut found = Vec::new();
    let mut rules: BTreeMap<NonZeroU16, MapRule> = BTreeMap::new();
    let rule = |matches, sets| MapRule {
        action: Action::Permit,
        matches,
        sets,
        call: None,
        then: None,
    };
    let numbers = (10..u16::MAX).step_by(10).filter_map(NonZeroU16::new);
    for (number, joined) in numbers.zip(fabrics) {
        let prefix = joined.prefixes.iter().find(|it| it.family() == family);
        let own = joined
            .addresses
            .iter()
            .find(|it| Family::of(**it) == family);
        let Some((prefix, own)) = prefix.zip(own) else {
            continue;
        };
        let list = own_name(joined);
        let only = PrefixRule {
            action: Action::Permit,
            prefix: *prefix,
            ge: None,
            le: Some(family.host_length()),
        };
        found.push(of_fabric(
            joined,
            Stanza::PrefixList(PrefixList {
                family,
                name: list.clone(),
                rules: [(NonZeroU32::MIN, only)].into(),
            }),
        ));
        let matches = vec![Match::Prefixes(family, list)];
        rules.insert(number, rule(matches, vec![Set::Source(*own)]));
    }
    let Some(first) = fabrics.first().filter(|_| !rules.is_empty()) else {
        return found;
    };
    // What is not let through would not come into the kernel.
    rules.insert(NonZeroU16::MAX, rule(Vec::new(), Vec::new()));
    let suffix = match family {
        Family::Ipv4 => "",
        Family::Ipv6 => "_v6",
    };
    let name = word(format!(
        "{}{protocol}{suffix}",
        crate::own_policy::BEGINNING
    ));
    let map = RouteMap {
        name: name.clone(),
        rules,
    };
    let source = RouteSource {
        protocol: word(protocol),
        family,
        route_map: name,
    };
    found.push(of_fabric(first, Stanza::RouteMap(map)));
    found.push(of_fabric(first, Stanza::RouteSource(source)));
    found
}

/// The addresses of a family that BGP tells of for fabrics.
pub(super) fn told(routing: &Routing, family: Family) -> impl Iterator<Item = IpAddr> {
    let fabrics = routing.fabrics.iter();
    let fabrics = fabrics.filter(|it| matches!(it.kind, FabricKind::Bgp(_)));
    let addresses = fabrics.flat_map(|it| &it.addresses).copied();
    addresses.filter(move |it| Family::of(*it) == family)
}
