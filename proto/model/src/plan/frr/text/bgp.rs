//! Lines of bgpd.

use crate::plan::frr::bgp::{Evpn, Instance, InstanceAt, Network, Targets, Unicast};
use crate::plan::frr::neighbor::{
    Bfd, Joined, Neighbor, NeighborFamily, Peer, RemoteAs, UpdateSource,
};
use crate::prefix::Family;

use super::{Text, unicast};

fn router(text: &mut Text, at: &InstanceAt, write: impl FnOnce(&mut Text)) {
    match &at.vrf {
        Some(vrf) => text.section(format_args!("router bgp {} vrf {vrf}", at.asn), write),
        None => text.section(format_args!("router bgp {}", at.asn), write),
    }
}

pub(super) fn instance(text: &mut Text, instance: &Instance) {
    router(text, &instance.at, |text| {
        text.line(format_args!("bgp router-id {}", instance.router_id));
        for (switch, is_on) in &instance.switches {
            let no = if *is_on { "" } else { "no " };
            text.line(format_args!("{no}{}", switch.as_str()));
        }
        text.value("coalesce-time", instance.coalesce_time);
        if let Some(timers) = instance.timers {
            text.line(format_args!(
                "timers bgp {} {}",
                timers.keepalive, timers.hold
            ));
        }
        text.value("bgp listen limit", instance.listen_limit);
        for (prefix, group) in &instance.listen {
            text.line(format_args!("bgp listen range {prefix} peer-group {group}"));
        }
        family(text, Family::Ipv4, &instance.ipv4);
        family(text, Family::Ipv6, &instance.ipv6);
        evpn(text, &instance.evpn);
    });
}

fn family(text: &mut Text, family: Family, routes: &Unicast) {
    if routes.is_empty() {
        return;
    }
    text.section(
        format_args!("address-family {} unicast", unicast(family)),
        |text| {
            for prefix in &routes.networks {
                text.line(format_args!("network {prefix}"));
            }
            for (source, how) in &routes.redistribute {
                let mut line = format!("redistribute {}", source.as_str());
                // BGP has OSPF for IPv6 by another name in either family.
                if let Some(metric) = how.metric {
                    line += &format!(" metric {metric}");
                }
                if let Some(map) = &how.route_map {
                    line += &format!(" route-map {map}");
                }
                text.line(line);
            }
            for vrf in &routes.import_vrf {
                text.line(format_args!("import vrf {vrf}"));
            }
            text.value("maximum-paths", routes.maximum_paths);
        },
    );
}

fn evpn(text: &mut Text, evpn: &Evpn) {
    if evpn.is_empty() {
        return;
    }
    text.section("address-family l2vpn evpn", |text| {
        for switch in &evpn.switches {
            text.line(switch.as_str());
        }
        for (family, map) in &evpn.advertise {
            let mut line = format!("advertise {} unicast", unicast(*family));
            if let Some(map) = map {
                line += &format!(" route-map {map}");
            }
            text.line(line);
        }
        for family in &evpn.default_originate {
            text.line(format_args!("default-originate {}", unicast(*family)));
        }
        targets(text, &evpn.targets);
    });
}

fn targets(text: &mut Text, targets: &Targets) {
    text.value("rd", targets.rd);
    for target in &targets.import {
        text.line(format_args!("route-target import {target}"));
    }
    for number in &targets.import_of_anyone {
        text.line(format_args!("route-target import *:{number}"));
    }
    for target in &targets.export {
        text.line(format_args!("route-target export {target}"));
    }
}

pub(super) fn network(text: &mut Text, network: &Network) {
    router(text, &network.at, |text| {
        text.section("address-family l2vpn evpn", |text| {
            text.section(format_args!("vni {}", network.vni), |text| {
                targets(text, &network.targets);
                text.line_where(network.advertise_default_gateway, "advertise-default-gw");
                text.line_where(network.advertise_svi_ip, "advertise-svi-ip");
            });
        });
    });
}

pub(super) fn neighbor(text: &mut Text, neighbor: &Neighbor) {
    router(text, &neighbor.at, |text| {
        let me = format!("neighbor {}", neighbor.peer.name());
        who(text, &me, &neighbor.peer);
        if let Some(local) = neighbor.local_as {
            let hides = if local.hides_own {
                " no-prepend replace-as"
            } else {
                ""
            };
            text.line(format_args!("{me} local-as {}{hides}", local.asn));
        }
        text.value(
            format_args!("{me} description"),
            neighbor.description.as_ref(),
        );
        text.value(format_args!("{me} password"), neighbor.password.as_ref());
        match &neighbor.update_source {
            Some(UpdateSource::Address(address)) => {
                text.line(format_args!("{me} update-source {address}"));
            }
            Some(UpdateSource::Link(link)) => {
                text.line(format_args!("{me} update-source {link}"));
            }
            None => {}
        }
        text.value(
            format_args!("{me} ebgp-multihop"),
            neighbor.ebgp_multihop.map(u8::from),
        );
        if let Some(timers) = neighbor.timers {
            text.line(format_args!(
                "{me} timers {} {}",
                timers.keepalive, timers.hold
            ));
        }
        text.value(format_args!("{me} timers connect"), neighbor.connect_retry);
        match &neighbor.bfd {
            Bfd::Off => {}
            Bfd::On => text.line(format_args!("{me} bfd")),
            Bfd::Profile(profile) => {
                text.line(format_args!("{me} bfd"));
                text.line(format_args!("{me} bfd profile {profile}"));
            }
        }
        for switch in &neighbor.switches {
            text.line(format_args!("{me} {}", switch.as_str()));
        }
        for (family, routes) in [
            ("ipv4 unicast", &neighbor.ipv4),
            ("ipv6 unicast", &neighbor.ipv6),
            ("l2vpn evpn", &neighbor.evpn),
        ] {
            if let Some(routes) = routes {
                text.section(format_args!("address-family {family}"), |text| {
                    exchange(text, &me, routes);
                });
            }
        }
    });
}

fn who(text: &mut Text, me: &str, peer: &Peer) {
    match peer {
        Peer::Group(_, remote) => {
            text.line(format_args!("{me} peer-group"));
            text.value(format_args!("{me} remote-as"), remote.map(remote_as));
        }
        Peer::Address(_, Joined::As(remote)) => {
            text.line(format_args!("{me} remote-as {}", remote_as(*remote)));
        }
        Peer::Address(_, Joined::Group(group)) => {
            text.line(format_args!("{me} peer-group {group}"));
        }
        Peer::Link(_, only_ipv6, joined) => {
            let only = if *only_ipv6 { " v6only" } else { "" };
            match joined {
                Joined::As(remote) => text.line(format_args!(
                    "{me} interface{only} remote-as {}",
                    remote_as(*remote)
                )),
                Joined::Group(group) => {
                    text.line(format_args!("{me} interface{only} peer-group {group}"));
                }
            }
        }
    }
}

fn remote_as(remote: RemoteAs) -> String {
    match remote {
        RemoteAs::Asn(asn) => asn.to_string(),
        RemoteAs::Internal => "internal".to_owned(),
        RemoteAs::External => "external".to_owned(),
    }
}

fn exchange(text: &mut Text, me: &str, routes: &NeighborFamily) {
    text.line(format_args!("{me} activate"));
    for switch in &routes.switches {
        text.line(format_args!("{me} {}", switch.as_str()));
    }
    for (what, name, way) in [
        ("route-map", &routes.route_map_in, "in"),
        ("route-map", &routes.route_map_out, "out"),
        ("prefix-list", &routes.prefix_list_in, "in"),
        ("prefix-list", &routes.prefix_list_out, "out"),
    ] {
        if let Some(name) = name {
            text.line(format_args!("{me} {what} {name} {way}"));
        }
    }
    text.value(format_args!("{me} allowas-in"), routes.allow_as_in);
    text.value(format_args!("{me} maximum-prefix"), routes.maximum_prefix);
}
