//! What FRR must have for a zone of type evpn and its vnets.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::asn::Asn;
use weft_model::object::controller::ControllerKind;
use weft_model::object::targets::RouteTargets;
use weft_model::plan::frr::bgp::{
    Evpn, Instance, InstanceAt, Network, Redistribute, Source, Switch, Targets, Unicast,
};
use weft_model::plan::frr::route::{Hop, StaticRoute, Via, Vrf};
use weft_model::plan::frr::{Frr, Stanza};
use weft_model::prefix::{Family, Prefix};
use weft_model::route_target::{RouteDistinguisher, RouteTarget};
use weft_model::vni::Vni;

use super::super::evpn::{INSIDE, Place};
use super::super::{of_zone, origin};
use super::word;
use crate::device::ZoneDeviceNames;
use crate::intent::{Vnet, Zone};

/// What a node's routing domain of a zone must be to zebra, bgpd and staticd.
pub(in super::super) fn zone<'a>(
    place: Place<'_>,
    others: impl Iterator<Item = &'a Zone>,
) -> Vec<Frr> {
    let Place {
        zone,
        evpn,
        routing,
        ..
    } = place;
    let names = ZoneDeviceNames::of(zone.name());
    let (Some(asn), Some(router_id)) = (routing.asn, routing.router_id) else {
        unreachable!("validation gives every node of an evpn zone a controller")
    };
    let domain = Some(word(&names.vrf));
    let exits = evpn.exits.as_ref().filter(|_| place.is_exit());
    let is_told = evpn.advertise_subnets || exits.is_some_and(|exits| !exits.local_routing);
    let unicast = || Unicast {
        redistribute: if is_told {
            BTreeMap::from([(Source::Connected, Redistribute::default())])
        } else {
            BTreeMap::new()
        },
        ..Unicast::default()
    };
    let families = || [Family::Ipv4, Family::Ipv6].into_iter();
    let instance = Instance {
        at: InstanceAt {
            asn,
            vrf: domain.clone(),
        },
        router_id,
        switches: [
            (Switch::HardAdministrativeReset, false),
            (Switch::GracefulRestartNotification, false),
        ]
        .into(),
        coalesce_time: None,
        timers: None,
        listen: BTreeMap::new(),
        listen_limit: None,
        ipv4: unicast(),
        ipv6: unicast(),
        evpn: Evpn {
            switches: BTreeSet::new(),
            advertise: if evpn.advertise_subnets {
                families().map(|family| (family, None)).collect()
            } else {
                BTreeMap::new()
            },
            default_originate: families().filter(|_| exits.is_some()).collect(),
            targets: targets(
                evpn.distinguisher,
                &evpn.targets,
                own_target(place, evpn.vrf_vni),
                own_asn(place) != Some(asn),
            ),
        },
    };
    let mut stanzas = vec![
        Stanza::Vrf(Vrf {
            name: word(&names.vrf),
            vni: Some(evpn.vrf_vni),
        }),
        Stanza::Bgp(Box::new(instance)),
    ];
    if exits.is_some_and(|exits| exits.local_routing) {
        let subnets = zone.vnets.iter().flat_map(|vnet| &vnet.subnets);
        stanzas.extend(subnets.filter_map(|subnet| {
            let cidr = subnet.spec.cidr;
            let gateway = *INSIDE.iter().find(|it| Family::of(**it) == cidr.family())?;
            Some(Stanza::Static(StaticRoute {
                vrf: None,
                prefix: cidr,
                via: Via::Hops([Hop::GatewayOnLink(gateway, word(&names.exit_outside))].into()),
            }))
        }));
    } else if exits.is_some() {
        // What leaves one zone must not come back into another by the node's own routes.
        stanzas.extend(blackholes(zone, others).into_iter().map(|cidr| {
            Stanza::Static(StaticRoute {
                vrf: domain.clone(),
                prefix: cidr,
                via: Via::Blackhole,
            })
        }));
    }
    let origin = of_zone(zone);
    let of = |stanza| Frr {
        origin: origin.clone(),
        stanza,
    };
    stanzas.into_iter().map(of).collect()
}

/// What a vnet's routes are marked with, where that does not follow from its VNI.
pub(in super::super) fn vnet(place: Place<'_>, vnet: &Vnet, vni: Vni) -> Option<Frr> {
    let asn = place.routing.asn?;
    let spec = &vnet.declared.spec;
    let targets = targets(
        spec.distinguisher,
        &spec.targets,
        own_target(place, vni),
        own_asn(place) != Some(asn),
    );
    (!targets.is_empty()).then(|| Frr {
        origin: origin(place.zone, vnet),
        stanza: Stanza::Network(Network {
            at: InstanceAt { asn, vrf: None },
            vni,
            targets,
            advertise_svi_ip: false,
            advertise_default_gateway: false,
        }),
    })
}

/// The number that a zone's own route targets are made of.
fn own_asn(place: Place<'_>) -> Option<Asn> {
    let first = place.evpn.controllers.first()?;
    let mut groups = place.routing.groups.iter();
    let group = groups.find(|group| group.controller.metadata.name == *first)?;
    match &group.controller.spec.kind {
        ControllerKind::Evpn(evpn) => Some(evpn.asn),
        ControllerKind::Bgp(_) | ControllerKind::Isis(_) => None,
    }
}

/// What FRR marks routes of a network with when nothing is said: the last two bytes of the AS number
/// and the VNI (RFC 8365, section 5.1.2.1).
fn own_target(place: Place<'_>, vni: Vni) -> Option<RouteTarget> {
    let asn = u32::from(own_asn(place)?) & 0xffff;
    RouteTarget::of_asn(asn, vni.into())
}

/// Whoever says more than what follows from the numbers gets that too: FRR leaves its own out where
/// one is given. Where a node has another AS number than the zone, what follows is said as well.
fn targets(
    distinguisher: Option<RouteDistinguisher>,
    said: &RouteTargets,
    own: Option<RouteTarget>,
    is_foreign: bool,
) -> Targets {
    let with_own = |said: &BTreeSet<RouteTarget>| {
        let own = own.filter(|_| is_foreign || !said.is_empty());
        said.iter().copied().chain(own).collect()
    };
    Targets {
        rd: distinguisher,
        import: with_own(&said.import),
        import_of_anyone: BTreeSet::new(),
        export: with_own(&said.export),
    }
}

/// The networks of other zones, which packets of this one must not reach by an exit.
///
/// Two zones may use one network each for itself: then it is the zone's own that counts.
fn blackholes<'a>(zone: &Zone, others: impl Iterator<Item = &'a Zone>) -> BTreeSet<Prefix> {
    let own: Vec<Prefix> = networks(zone).collect();
    let foreign = others.flat_map(networks);
    let is_apart = |cidr: &Prefix| !own.iter().any(|own| own.overlaps(*cidr));
    foreign.filter(is_apart).collect()
}

fn networks(zone: &Zone) -> impl Iterator<Item = Prefix> {
    let subnets = zone.vnets.iter().flat_map(|vnet| &vnet.subnets);
    subnets.map(|subnet| subnet.spec.cidr)
}
