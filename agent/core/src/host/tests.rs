//! Devices of the host are taken over as they are and given back as they were, whatever is planned
//! in between.

use std::collections::BTreeSet;

use weft_model::bond::BondMode;
use weft_model::plan::NodePlan;
use weft_model::plan::link::{Bond, Bridge, Link, LinkKind};
use weft_model::plan::route::Route;
use weft_model::prefix::Family;

use super::*;
use crate::collect::collect;
use crate::fixtures::{bridge, owner, plan_of, vlan};
use crate::plan::plan;
use crate::replay::replay;
use crate::scope::Scope;
use crate::seen::{Ipv6, Seen};
use crate::seen::{SeenBond, SeenKind};
use crate::step::Step;

mod laws;

/// A host with four cards, a bridge and a bond of its own. The first card has the host's addresses
/// and the way out, the fourth is in the bond, and somebody's VLAN device is in the bridge.
fn host() -> Seen {
    let mut seen = Seen::default();
    let bridge = SeenKind::Bridge {
        spanning_tree: true,
        forward_delay: 1500,
        vlans: None,
        bare_ports: false,
    };
    let bond = SeenKind::Bond(SeenBond {
        mode: BondMode::BalanceRr,
        miimon: 100,
        ..SeenBond::default()
    });
    for (index, name, kind, master) in [
        (1, "lo", SeenKind::Other, None),
        (2, "br-old", bridge, None),
        (3, "bond-old", bond, None),
        (4, "eth0", SeenKind::Uplink, None),
        (5, "eth1", SeenKind::Uplink, None),
        (6, "eth2", SeenKind::Uplink, Some(2)),
        (7, "eth3", SeenKind::Uplink, Some(3)),
        (8, "tap0", SeenKind::Other, Some(2)),
    ] {
        let mut link = SeenLink::new(index, name, kind);
        (link.up, link.mtu, link.master) = (true, 1500, master);
        link.mac = Some([2, 0, 0, 0, 0, index as u8]);
        link.forward_ipv4 = Some(false);
        link.proxy_arp = Some(false);
        link.ipv6 = Some(Ipv6 {
            disabled: Some(false),
            forwarding: Some(false),
            accept_ra: Some(true),
            accept_dad: Some(true),
            accept_untracked: Some(false),
        });
        seen.put(link);
        if master.is_some() {
            seen.set_vlans(index, weft_model::plan::link::Vlans::of_a_new_port());
        }
    }
    for address in ["10.0.0.1/24", "10.7.0.1/24", "fd00::1/64"] {
        seen.add_address(4, address.parse().unwrap());
    }
    seen.add_static(4, by_hand("0.0.0.0/0", "10.0.0.254"), false);
    seen.add_static(4, by_hand("172.16.0.0/12", "10.7.0.254"), false);
    seen.add_static(4, by_hand("::/0", "fd00::ff"), false);
    seen
}

/// A route that somebody made by hand.
fn by_hand(to: &str, via: &str) -> SeenRoute {
    let to: weft_model::prefix::Prefix = to.parse().unwrap();
    SeenRoute {
        table: crate::route::MAIN_TABLE,
        to,
        metric: crate::route::default_metric(to.family()),
        via: Some(via.parse().unwrap()),
        source: None,
        protocol: 3,
    }
}

fn of_host(name: &str, kind: LinkKind) -> Link {
    Link {
        origin: weft_model::plan::Origin::Host {
            host: "rack1".parse().unwrap(),
        },
        kind,
        mtu: None,
        ..bridge(name)
    }
}

fn card(name: &str) -> Link {
    of_host(name, LinkKind::Physical)
}

fn old_bridge() -> Link {
    let kind = LinkKind::Bridge(Bridge {
        spanning_tree: true,
        forward_delay: 15,
        ..Bridge::default()
    });
    of_host("br-old", kind)
}

fn port(name: &str, master: &str) -> Link {
    Link {
        master: Some(master.parse().unwrap()),
        ..card(name)
    }
}

fn with(link: Link, addresses: &[&str], routes: &[(&str, &str)]) -> Link {
    let route = |(to, via): &(&str, &str)| Route {
        to: to.parse().unwrap(),
        via: Some(via.parse().unwrap()),
        metric: None,
    };
    Link {
        addresses: addresses.iter().map(|it| it.parse().unwrap()).collect(),
        static_routes: routes.iter().map(route).collect(),
        ..link
    }
}

/// Makes a plan true, and gives what was done in words.
fn reach(want: &NodePlan, seen: &mut Seen) -> Vec<String> {
    let mut words = Vec::new();
    for _ in 0..4 {
        let plan = plan(&owner(), want, seen, &Scope::All);
        assert_eq!(plan.clashes, []);
        let all: Vec<String> = plan.steps.iter().map(Step::to_string).collect();
        for step in &plan.steps {
            let made = replay(seen, step);
            assert_eq!(made, Ok(()), "{step} in {all:#?}");
        }
        words.extend(plan.steps.iter().map(Step::to_string));
    }
    let left = plan(&owner(), want, seen, &Scope::All);
    assert_eq!(left.steps, [], "{want:#?}");
    words
}

/// Takes everything away and destroys what was ours.
fn clear(seen: &mut Seen) {
    reach(&NodePlan::default(), seen);
    for step in collect(&owner(), seen) {
        replay(seen, &step).unwrap();
    }
}

#[test]
fn what_is_already_as_declared_only_gets_our_mark_and_gives_it_back() {
    let mut seen = host();
    let eth0 = with(
        card("eth0"),
        &["10.0.0.1/24", "fd00::1/64"],
        &[("172.16.0.0/12", "10.7.0.254")],
    );
    let want = plan_of([old_bridge(), port("eth2", "br-old"), eth0]);
    assert_eq!(
        reach(&want, &mut seen),
        [
            "note what device br-old of the host was before",
            "note what device eth0 of the host was before",
            "note what device eth2 of the host was before",
            "set device br-old: alias \"weft 0a0a0a0a @rack1 +lent\"",
            "set device eth0: alias \"weft 0a0a0a0a @rack1 +lent\"",
            "set device eth2: alias \"weft 0a0a0a0a @rack1 +lent\"",
            "add route 172.16.0.0/12 via 10.7.0.254 by device eth0",
        ]
    );
    clear(&mut seen);
    assert_eq!(seen, host());
}

#[test]
fn an_address_moves_to_a_new_bridge_with_the_way_out_and_back_again() {
    let mut seen = host();
    let vmbr0 = of_host("vmbr0", LinkKind::Bridge(Bridge::default()));
    let vmbr0 = with(
        vmbr0,
        &["10.0.0.1/24", "10.7.0.1/24", "fd00::1/64"],
        &[("0.0.0.0/0", "10.0.0.254"), ("::/0", "fd00::ff")],
    );
    let want = plan_of([vmbr0, port("eth0", "vmbr0")]);
    reach(&want, &mut seen);
    let eth0 = seen.named("eth0").unwrap();
    assert_eq!(eth0.addresses, BTreeSet::new());
    assert_eq!(eth0.master, seen.named("vmbr0").map(|it| it.index));
    let ways: Vec<&str> = seen
        .route_holders((crate::route::MAIN_TABLE, "0.0.0.0/0".parse().unwrap(), 0))
        .map(|(link, _)| link.name.as_str())
        .collect();
    assert_eq!(ways, ["vmbr0"]);
    clear(&mut seen);
    assert_eq!(seen, host());
}

#[test]
fn what_others_put_on_a_device_stays_and_what_we_put_there_goes() {
    let mut seen = host();
    reach(
        &plan_of([with(card("eth1"), &["10.8.0.1/24"], &[])]),
        &mut seen,
    );
    seen.add_address(5, "10.8.0.9/24".parse().unwrap());
    let words = reach(
        &plan_of([with(card("eth1"), &["10.8.0.2/24"], &[])]),
        &mut seen,
    );
    assert_eq!(
        words,
        [
            "note what device eth1 of the host was before",
            "add address 10.8.0.2/24 to device eth1",
            "remove address 10.8.0.1/24 from device eth1",
            "note what device eth1 of the host was before",
        ]
    );
    clear(&mut seen);
    let left: Vec<String> = seen
        .named("eth1")
        .unwrap()
        .addresses
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(left, ["10.8.0.9/24"]);
}

#[test]
fn a_bond_gets_another_mode_with_its_devices_out_for_the_moment() {
    let mut seen = host();
    let kind = LinkKind::Bond(Bond {
        mode: BondMode::Lacp,
        ..Bond::default()
    });
    let bond = of_host("bond-old", kind);
    let alone = plan(&owner(), &plan_of([bond.clone()]), &seen, &Scope::All);
    let texts: Vec<String> = alone.clashes.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "host network rack1: cannot change the mode of bond bond-old: eth3 must leave it \
             meanwhile, and no host network declares it: declare eth3 as a member too, or take it \
             out of the bond"
        ]
    );
    let words = reach(&plan_of([bond, port("eth3", "bond-old")]), &mut seen);
    assert_eq!(
        words,
        [
            "note what device bond-old of the host was before",
            "note what device eth3 of the host was before",
            "set device bond-old: alias \"weft 0a0a0a0a @rack1 +lent\"",
            "set device eth3: alias \"weft 0a0a0a0a @rack1 +lent\"",
            "set device bond-old: down",
            "set device eth3: no master",
            "set device bond-old: mode 802.3ad",
            "set device eth3: master 3",
            "set device bond-old: up",
        ]
    );
    clear(&mut seen);
    assert_eq!(seen, host());
}

#[test]
fn a_device_that_is_missing_or_something_else_is_refused() {
    let mut seen = host();
    seen.put(SeenLink::new(20, "vmbr0", SeenKind::Other));
    let vmbr0 = of_host("vmbr0", LinkKind::Bridge(Bridge::default()));
    let plan = plan(
        &owner(),
        &plan_of([vmbr0, card("eth9")]),
        &seen,
        &Scope::All,
    );
    let texts: Vec<String> = plan.clashes.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "host network rack1: cannot take over device vmbr0 as type bridge: it is something \
             else, and not Weft's (number 20): remove device vmbr0 first, or declare it as what it is",
            "host network rack1: cannot configure device eth9: the host has no such device: name \
             the device as this host does, or keep host network rack1 off it",
        ]
    );
    assert_eq!(plan.steps, []);
}

#[test]
fn a_route_that_somebody_has_by_another_device_is_refused_and_left() {
    let seen = host();
    let eth1 = with(
        card("eth1"),
        &["10.9.0.1/24"],
        &[("0.0.0.0/0", "10.9.0.254")],
    );
    let plan = plan(&owner(), &plan_of([eth1]), &seen, &Scope::All);
    let texts: Vec<String> = plan.clashes.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "host network rack1: cannot add route 0.0.0.0/0 via 10.9.0.254 by device eth1: there is \
          another to 0.0.0.0/0 by device eth0: declare device eth0 too, remove its route, or choose \
          another metric"
        ]
    );
}

#[test]
fn a_bridge_made_for_a_host_forwards_where_the_whole_host_does_or_where_it_is_asked_to() {
    let vmbr0 = || of_host("vmbr0", LinkKind::Bridge(Bridge::default()));
    let asked = Link {
        forward: BTreeSet::from([Family::Ipv4]),
        ..vmbr0()
    };
    for (host_forwards, link, forwards) in [
        (false, vmbr0(), false),
        (true, vmbr0(), true),
        (false, asked, true),
    ] {
        let mut seen = host();
        seen.set_forward_ipv4(1, host_forwards);
        reach(&plan_of([link]), &mut seen);
        let vmbr0 = seen.named("vmbr0").unwrap();
        assert_eq!(vmbr0.forward_ipv4, Some(forwards));
    }
}
