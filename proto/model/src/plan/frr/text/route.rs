//! Lines of zebra and staticd.

use crate::plan::frr::route::{Hop, RouteSource, StaticRoute, Via, Vrf};

use super::{Text, ip};

pub(super) fn vrf(text: &mut Text, vrf: &Vrf) {
    text.section(format_args!("vrf {}", vrf.name), |text| {
        text.value("vni", vrf.vni);
    });
}

pub(super) fn static_route(text: &mut Text, route: &StaticRoute) {
    let words = format!("{} route {}", ip(route.prefix.family()), route.prefix);
    let write = |text: &mut Text| match &route.via {
        Via::Blackhole => text.line(format_args!("{words} blackhole")),
        Via::Hops(hops) => {
            for hop in hops {
                match hop {
                    Hop::Gateway(address) => text.line(format_args!("{words} {address}")),
                    Hop::Link(link) => text.line(format_args!("{words} {link}")),
                    Hop::GatewayOnLink(address, link) => {
                        text.line(format_args!("{words} {address} {link}"));
                    }
                }
            }
        }
    };
    match &route.vrf {
        Some(vrf) => text.section(format_args!("vrf {vrf}"), write),
        None => write(text),
    }
}

pub(super) fn source(text: &mut Text, source: &RouteSource) {
    text.line(format_args!(
        "{} protocol {} route-map {}",
        ip(source.family),
        source.protocol,
        source.route_map
    ));
}
