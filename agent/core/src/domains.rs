//! What a zone of type evpn asks of a node beside FRR: routing domains with what is in them, tunnel
//! devices that BGP tells about, and the switches that go with them, step by step.

use std::net::IpAddr;

use weft_model::plan::NodePlan;
use weft_model::plan::link::{Link, LinkKind};
use weft_model::prefix::Family;

use crate::collect::collect;
use crate::fixtures::{bridge, domain, host, meddled_with, owner, plan_of, told, vxlan};
use crate::plan::{Plan, plan};
use crate::replay::replay;
use crate::route::{DirectRoute, LAST_METRIC, MAIN_TABLE, SeenRoute, Unreachable};
use crate::scope::Scope;
use crate::seen::{Port, Seen, SeenKind, SeenLink};
use crate::step::Step;

/// A vnet's bridge with its gateway in the domain `zone`, and a subnet that is reached directly.
fn gateway() -> Link {
    Link {
        master: Some("zone".parse().unwrap()),
        addresses: [
            "10.0.0.1/24".parse().unwrap(),
            "fd00::1/64".parse().unwrap(),
        ]
        .into(),
        routes: ["10.9.0.0/24".parse().unwrap()].into(),
        forward: [Family::Ipv4, Family::Ipv6].into(),
        hears_announcements: true,
        any_source: true,
        ..bridge("web")
    }
}

fn zone(table: u32) -> NodePlan {
    plan_of([
        domain("zone", table),
        gateway(),
        told("vxlan_web", 100, "web"),
    ])
}

fn planned(want: &NodePlan, seen: &Seen) -> Plan {
    plan(&owner(), want, seen, &Scope::All)
}

/// Makes a plan true in one pass, and gives the steps in words.
fn reach(want: &NodePlan, seen: &mut Seen) -> Vec<String> {
    let Plan { steps, clashes, .. } = planned(want, seen);
    assert_eq!(clashes, []);
    for step in &steps {
        replay(seen, step).unwrap_or_else(|error| panic!("{step}: {error}"));
    }
    assert_eq!(planned(want, seen), Plan::default());
    steps.iter().map(Step::to_string).collect()
}

fn both(table: u32) -> [Unreachable; 2] {
    [Family::Ipv4, Family::Ipv6].map(|family| Unreachable { table, family })
}

#[test]
fn a_domain_drops_what_no_route_is_for_before_anything_is_in_it() {
    let mut seen = host();
    let steps = reach(&zone(1001), &mut seen);
    assert_eq!(
        steps,
        [
            "create device zone of type vrf",
            "create device web of type bridge",
            "create device vxlan_web of type vxlan",
            "set net.ipv6.conf.zone.accept_ra to 0",
            "set net.ipv6.conf.zone.disable_ipv6 to 0",
            "add unreachable default of IPv4 of table 1001",
            "add unreachable default of IPv6 of table 1001",
            "set net.ipv6.conf.web.accept_ra to 0",
            "set net.ipv6.conf.web.accept_dad to 0",
            "set net.ipv6.conf.web.forwarding to 1",
            "set net.ipv6.conf.web.accept_untracked_na to 1",
            "set net.ipv6.conf.web.disable_ipv6 to 0",
            "set net.ipv6.conf.vxlan_web.disable_ipv6 to 1",
            "set device zone: alias \"weft 0a0a0a0a prod/zone-vnet\", up",
            "set device web: mtu 1450, alias \"weft 0a0a0a0a prod/web-vnet\", master 1459617792, \
             IPv4 forwarding on, unasked announcements on, sources by any way on, up",
            "set device vxlan_web: alias \"weft 0a0a0a0a prod/vxlan-web-vnet +bgp\", \
             master 1459617793, IPv4 forwarding off",
            "set device vxlan_web: learning of its bridge off, answering of its bridge on, up",
            "add address 10.0.0.1/24 to device web",
            "add address fd00::1/64 to device web",
            "add route 10.9.0.0/24 of table 1001 by device web",
        ]
    );
    assert_eq!(seen.unreachable, both(1001).into());
}

#[test]
fn an_exit_drops_nothing_and_a_node_that_is_none_any_more_drops_again() {
    let mut seen = host();
    let exit = || {
        let mut link = domain("zone", 1001);
        if let LinkKind::Vrf(vrf) = &mut link.kind {
            vrf.has_unreachable_default = false;
        }
        plan_of([link])
    };
    reach(&exit(), &mut seen);
    assert_eq!(seen.unreachable, [].into());
    assert_eq!(
        reach(&plan_of([domain("zone", 1001)]), &mut seen),
        [
            "add unreachable default of IPv4 of table 1001",
            "add unreachable default of IPv6 of table 1001"
        ]
    );
    assert_eq!(
        reach(&exit(), &mut seen),
        [
            "remove unreachable default of IPv4 of table 1001",
            "remove unreachable default of IPv6 of table 1001"
        ]
    );
}

#[test]
fn what_someone_takes_from_a_domain_is_put_back_and_nothing_else_is_done() {
    let mut seen = host();
    let want = zone(1001);
    reach(&want, &mut seen);
    seen.remove_unreachable(both(1001)[0]);
    assert_eq!(
        reach(&want, &mut seen),
        ["add unreachable default of IPv4 of table 1001"]
    );
    let mut port = seen.named("vxlan_web").unwrap().clone();
    port.port = Port::default();
    seen.put(port);
    assert_eq!(
        reach(&want, &mut seen),
        ["set device vxlan_web: learning of its bridge off, answering of its bridge on"]
    );
}

#[test]
fn a_bridge_that_comes_into_a_domain_or_leaves_it_has_all_that_was_on_it_in_one_pass() {
    let mut seen = host();
    let outside = Link {
        master: None,
        ..gateway()
    };
    let outside = plan_of([domain("zone", 1001), outside]);
    let inside = plan_of([domain("zone", 1001), gateway()]);
    let route = |table| DirectRoute {
        table,
        to: "10.9.0.0/24".parse().unwrap(),
    };
    let routes = |seen: &Seen| seen.named("web").unwrap().routes.clone();
    reach(&outside, &mut seen);
    assert_eq!(routes(&seen), [route(MAIN_TABLE)].into());
    assert_eq!(
        reach(&inside, &mut seen),
        [
            "set device web: master 1459617792",
            "add address fd00::1/64 to device web",
            "add route 10.9.0.0/24 of table 1001 by device web",
        ]
    );
    assert_eq!(routes(&seen), [route(1001)].into());
    assert_eq!(
        reach(&outside, &mut seen),
        [
            "set device web: no master",
            "add address fd00::1/64 to device web",
            "add route 10.9.0.0/24 by device web",
        ]
    );
}

#[test]
fn another_table_is_another_device_and_what_was_in_it_moves_with_its_routes() {
    let mut seen = host();
    reach(&zone(1001), &mut seen);
    let scope = Scope::between(&zone(1001), &zone(1002));
    let Plan { steps, clashes, .. } = plan(&owner(), &zone(1002), &seen, &scope);
    assert_eq!(clashes, []);
    for step in &steps {
        replay(&mut seen, step).unwrap();
    }
    assert_eq!(planned(&zone(1002), &seen), Plan::default());
    assert_eq!(seen.unreachable, both(1002).into());
    for step in collect(&owner(), &seen) {
        replay(&mut seen, &step).unwrap();
    }
    let is_domain = |link: &&SeenLink| link.is_vrf();
    let domains: Vec<&SeenKind> = seen
        .links()
        .filter(is_domain)
        .map(|link| &link.kind)
        .collect();
    assert_eq!(domains, [&SeenKind::Vrf { table: 1002 }]);
}

#[test]
fn routes_that_are_left_of_a_domain_that_someone_deleted_go_when_nobody_wants_it() {
    let mut seen = host();
    reach(&plan_of([domain("zone", 1001)]), &mut seen);
    let index = seen.named("zone").unwrap().index;
    seen.remove(index);
    assert_eq!(
        reach(&NodePlan::default(), &mut seen),
        [
            "remove unreachable default of IPv4 of table 1001",
            "remove unreachable default of IPv6 of table 1001"
        ]
    );
    assert_eq!(seen, host());
}

#[test]
fn a_table_that_a_domain_of_somebody_else_has_is_a_clash_and_its_routes_are_left() {
    let mut seen = host();
    let theirs = SeenLink::new(9, "mgmt", SeenKind::Vrf { table: 1001 });
    seen.put(theirs);
    seen.add_unreachable(both(1001)[0]);
    let before = seen.clone();
    let found = planned(&plan_of([domain("zone", 1001)]), &seen);
    assert_eq!(found.steps, []);
    let faults: Vec<String> = found.clashes.iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            "vnet zone-vnet of zone prod: cannot make device zone of type vrf: device mgmt has \
             routing table 1001 already: remove device mgmt, or give the zone another L3 VNI, of \
             which the table's number is made"
        ]
    );
    assert_eq!(planned(&NodePlan::default(), &seen), Plan::default());
    assert_eq!(seen, before);
}

#[test]
fn what_a_daemon_enters_on_a_device_that_bgp_tells_about_is_left() {
    let mut seen = host();
    let want = zone(1001);
    reach(&want, &mut seen);
    let index = seen.named("vxlan_web").unwrap().index;
    let peer: IpAddr = [10, 0, 0, 9].into();
    seen.add_flood(index, peer);
    assert_eq!(planned(&want, &seen), Plan::default());
    // Not even while a hand is at it.
    for link in meddled_with(seen.link(index).unwrap()) {
        seen.put(link);
        reach(&want, &mut seen);
        assert_eq!(seen.link(index).unwrap().flood, [peer].into());
    }
}

#[test]
fn peers_of_ours_go_before_bgp_tells_of_them_and_come_back_when_it_does_not_any_more() {
    let mut seen = host();
    let by_list = plan_of([bridge("web"), vxlan("vxlan_web", 100, "web")]);
    let by_bgp = plan_of([bridge("web"), told("vxlan_web", 100, "web")]);
    reach(&by_list, &mut seen);
    let steps = reach(&by_bgp, &mut seen);
    assert_eq!(
        steps[..2],
        [
            "remove peer 10.0.0.2 from device vxlan_web",
            "remove peer 10.0.0.3 from device vxlan_web"
        ]
    );
    reach(&by_list, &mut seen);
    assert_eq!(seen.named("vxlan_web").unwrap().flood.len(), 2);
}

#[test]
fn a_bridge_that_forwards_ipv6_needs_no_address_for_it() {
    let mut seen = host();
    let between_nodes = Link {
        forward: [Family::Ipv6].into(),
        ..bridge("l3")
    };
    let steps = reach(&plan_of([between_nodes]), &mut seen);
    assert_eq!(
        steps[1..5],
        [
            "set net.ipv6.conf.l3.accept_ra to 0",
            "set net.ipv6.conf.l3.accept_dad to 0",
            "set net.ipv6.conf.l3.forwarding to 1",
            "set net.ipv6.conf.l3.disable_ipv6 to 0",
        ]
    );
}

#[test]
fn a_route_noted_before_there_were_tables_is_one_of_the_usual_table() {
    let noted = r#"{"to":"10.0.0.0/8","metric":0,"via":null,"source":null,"protocol":3}"#;
    let route: SeenRoute = serde_json::from_str(noted).unwrap();
    assert_eq!(route.table, MAIN_TABLE);
    assert_eq!(serde_json::to_string(&route).unwrap(), noted);
    assert_eq!(LAST_METRIC, 0xff00_2000);
}
