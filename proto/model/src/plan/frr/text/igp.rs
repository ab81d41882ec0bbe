//! Lines of the daemons of the interior protocols.

use crate::plan::frr::igp::{Interface, Isis, OnLink, OpenFabric, Ospf, OspfOnLink};
use crate::prefix::Family;

use super::{Text, ip, unicast};

pub(super) fn isis(text: &mut Text, isis: &Isis) {
    text.section(format_args!("router isis {}", isis.tag), |text| {
        text.line(format_args!("net {}", isis.net));
        text.value(
            "is-type",
            isis.level
                .map(|level| format!("{}-only", level.as_str()))
                .map(|it| {
                    // Of the two, FRR shows this one without its last word.
                    if it == "level-1-only" {
                        "level-1".to_owned()
                    } else {
                        it
                    }
                }),
        );
        for (family, source, level) in &isis.redistribute {
            text.line(format_args!(
                "redistribute {} {} {}",
                unicast(*family),
                source.as_str(),
                level.as_str()
            ));
        }
        text.line_where(isis.log_adjacency_changes, "log-adjacency-changes");
    });
}

pub(super) fn openfabric(text: &mut Text, fabric: &OpenFabric) {
    text.section(format_args!("router openfabric {}", fabric.tag), |text| {
        text.line(format_args!("net {}", fabric.net));
        text.value("fabric-tier", fabric.tier);
        text.line_where(fabric.log_adjacency_changes, "log-adjacency-changes");
    });
}

pub(super) fn ospf(text: &mut Text, ospf: &Ospf) {
    let header = match &ospf.vrf {
        Some(vrf) => format!("router ospf vrf {vrf}"),
        None => "router ospf".to_owned(),
    };
    text.section(header, |text| {
        text.line(format_args!("ospf router-id {}", ospf.router_id));
        for (source, how) in &ospf.redistribute {
            let mut line = format!("redistribute {}", source.as_str());
            if let Some(metric) = how.metric {
                line += &format!(" metric {metric}");
            }
            if let Some(map) = &how.route_map {
                line += &format!(" route-map {map}");
            }
            text.line(line);
        }
        text.line_where(ospf.passive_default, "passive-interface default");
        text.value("maximum-paths", ospf.maximum_paths);
    });
}

pub(super) fn interface(text: &mut Text, interface: &Interface) {
    text.section(format_args!("interface {}", interface.name), |text| {
        if let Some(isis) = &interface.isis {
            on_link(text, "isis", isis);
            text.line_where(isis.point_to_point, "isis network point-to-point");
        }
        if let Some(fabric) = &interface.openfabric {
            on_link(text, "openfabric", fabric);
        }
        if let Some(ospf) = &interface.ospf {
            ospf_on_link(text, ospf);
        }
    });
}

fn on_link(text: &mut Text, protocol: &str, on: &OnLink) {
    for family in [Family::Ipv4, Family::Ipv6] {
        if on.families.contains(&family) {
            text.line(format_args!("{} router {protocol} {}", ip(family), on.tag));
        }
    }
    text.line_where(on.passive, format_args!("{protocol} passive"));
    text.value(format_args!("{protocol} hello-interval"), on.hello_interval);
    text.value(
        format_args!("{protocol} hello-multiplier"),
        on.hello_multiplier,
    );
    text.value(format_args!("{protocol} csnp-interval"), on.csnp_interval);
    text.line_where(on.bfd, format_args!("{protocol} bfd"));
}

fn ospf_on_link(text: &mut Text, on: &OspfOnLink) {
    text.line(format_args!("ip ospf area {}", on.area));
    match on.passive {
        Some(true) => text.line("ip ospf passive"),
        Some(false) => text.line("no ip ospf passive"),
        None => {}
    }
    text.value(
        "ip ospf network",
        on.network.map(|network| network.as_str()),
    );
    text.value("ip ospf hello-interval", on.hello_interval);
    text.value("ip ospf dead-interval", on.dead_interval);
    text.line_where(on.bfd, "ip ospf bfd");
}
