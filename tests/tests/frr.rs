//! The data plane against a real FRR, each test in network namespaces and sockets of its own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test are as much test as the test"
)]

#[path = "frr/every.rs"]
mod every;
#[path = "frr/hazards.rs"]
mod hazards;
#[path = "frr/newer.rs"]
mod newer;
#[path = "frr/node.rs"]
mod node;
#[path = "frr/pair.rs"]
mod pair;

use std::sync::Arc;
use std::time::{Duration, Instant};

use every::every;
use node::{Node, apply, plan};
use pair::{evpn, pair, session, target, until_up};
use serde_json::json;
use weft_agent::frr::state;
use weft_model::facts::Facts;
use weft_model::plan::NodePlan;
use weft_model::report::EventKind;
use weft_tests::frr::Release;
use weft_tests::lab::Lab;
use weft_tests::{needs, wait};

/// Much longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);

const ALL: [&str; 6] = ["bgpd", "staticd", "bfdd", "ospfd", "isisd", "fabricd"];

fn run(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work);
}

fn wired(node: &Node) {
    node.namespace
        .batch(
            "link add eth0 type veth peer name far0\nlink add eth1 type veth peer name far1\nlink set \
             eth0 up\nlink set eth1 up\naddr add 192.0.2.1/24 dev eth0\n",
        )
        .unwrap();
}

#[test]
fn every_kind_of_line_is_taken_changed_in_place_and_taken_away_again() {
    needs!(Frr);
    every_kind(Release::Machine);
}

fn every_kind(release: Release) {
    let lab = Lab::new().unwrap();
    let node = Node::of(release, &lab, "every", &ALL);
    wired(&node);
    run(async {
        let before = node.running();
        let opened = node.open();
        let dataplane = &opened.dataplane;
        for second in [false, true, false] {
            let plan = Arc::new(every(second));
            let checked = dataplane.check(Arc::clone(&plan)).await.unwrap();
            assert!(!checked.steps.is_empty());
            assert!(
                !checked.steps.concat().contains("secret"),
                "{:?}",
                checked.steps
            );
            assert!(apply(dataplane, &plan).await > 0);
            assert_eq!(apply(dataplane, &plan).await, 0);
        }
        apply(dataplane, &NodePlan::default()).await;
        assert_eq!(node.running(), before);
    });
}

#[test]
fn a_changed_route_target_drops_no_session_and_nothing_to_do_writes_nothing() {
    needs!(Frr);
    changed_target(Release::Machine);
}

fn changed_target(release: Release) {
    let lab = Lab::new().unwrap();
    let nodes = pair(release, &lab);
    run(async {
        let opened = [nodes[0].open(), nodes[1].open()];
        apply(&opened[0].dataplane, &evpn(1, &[target("1:1")])).await;
        apply(&opened[1].dataplane, &evpn(2, &[])).await;
        let before = until_up(&nodes[0]).await;
        let vni = 1000.try_into().unwrap();
        let start = Instant::now();
        loop {
            let networks = state::read(nodes[0].frr.run()).await.networks;
            let remotes = networks
                .get(&vni)
                .map(|it| it.remotes.clone())
                .unwrap_or_default();
            if remotes == ["192.0.2.2".parse::<std::net::IpAddr>().unwrap()] {
                break;
            }
            assert!(start.elapsed() < LIMIT * wait::patience(), "{networks:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let file = || {
            use std::os::unix::fs::MetadataExt;
            std::fs::metadata(nodes[0].frr.file()).unwrap().ino()
        };
        let next = evpn(1, &[target("2:2")]);
        let start = Instant::now();
        assert!(apply(&opened[0].dataplane, &next).await > 0);
        println!("one route target changed, all in: {:?}", start.elapsed());
        let is = file();
        assert_eq!(apply(&opened[0].dataplane, &next).await, 0);
        assert_eq!(file(), is);
        let text = nodes[0].running();
        assert!(
            text.contains("route-target import 2:2") && !text.contains("route-target import 1:1")
        );
        assert!(
            std::fs::read_to_string(nodes[0].frr.file())
                .unwrap()
                .contains("import 2:2")
        );
        let after = session(&nodes[0]).await.unwrap();
        assert!(
            after.is_up() && after.drops == before.drops,
            "{before:?} {after:?}"
        );
        assert!(after.since_ms >= before.since_ms, "{before:?} {after:?}");
    });
}

#[test]
fn what_is_refused_half_way_leaves_every_daemon_with_the_text_that_it_had() {
    needs!(Frr);
    refused_half_way(Release::Machine);
}

fn refused_half_way(release: Release) {
    let lab = Lab::new().unwrap();
    let node = Node::of(release, &lab, "refused", &ALL);
    wired(&node);
    run(async {
        let opened = node.open();
        let dataplane = &opened.dataplane;
        node.frr
            .vtysh(&["configure terminal", "ip route 198.51.100.0/24 Null0"])
            .unwrap();
        apply(dataplane, &every(false)).await;
        let before = node.running();
        let file = std::fs::read_to_string(node.frr.file()).unwrap();
        let mut next = every(true);
        // Right as far as FRR's language goes, and there is no such neighbor.
        let refused = json!({ "snippet": { "name": "refused", "order": 9, "lines": [
            { "text": "router bgp 65000", "inside": [{ "text": "address-family ipv4 unicast", "inside": [
                { "text": "neighbor 198.51.100.7 next-hop-self" }] }] }] } });
        for (_, entry) in plan(&[refused]).entries() {
            next.put(Arc::clone(entry));
        }
        let next = Arc::new(next);
        dataplane.check(Arc::clone(&next)).await.unwrap();
        let faults = dataplane.apply(next).await.unwrap_err();
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(
            told.len() == 1 && told[0].contains("neighbor 198.51.100.7 next-hop-self"),
            "{told:?}"
        );
        assert_eq!(node.running(), before);
        assert_eq!(std::fs::read_to_string(node.frr.file()).unwrap(), file);
    });
}

#[test]
fn a_line_that_is_no_line_of_frrs_and_a_daemon_that_is_away_are_told_before_anything_changes() {
    needs!(Frr);
    let lab = Lab::new().unwrap();
    let node = Node::new(&lab, "checked", &["bgpd"]);
    run(async {
        let before = node.running();
        let opened = node.open();
        let snippet = |text: &str| {
            Arc::new(plan(&[
                json!({ "snippet": { "name": "own", "order": 1, "lines": [
                { "text": "router bgp 65000", "inside": [{ "text": text }] }] } }),
            ]))
        };
        let told = opened
            .dataplane
            .check(snippet("neighbor 192.0.2.1 remote-bs 1"))
            .await;
        let told = told.unwrap_err();
        assert!(
            told.len() == 1 && told[0].cause.contains("remote-bs"),
            "{told:?}"
        );
        let isis = json!({ "isis": { "tag": "one", "net": "49.0001.0000.0000.0001.00" } });
        let told = opened
            .dataplane
            .check(Arc::new(plan(&[isis])))
            .await
            .unwrap_err();
        assert_eq!(told[0].attempt, "cannot configure FRR's isisd");
        assert_eq!(node.running(), before);
    });
}

#[test]
fn what_others_wrote_stays_and_what_contradicts_it_is_refused() {
    needs!(Frr);
    beside_others(Release::Machine);
}

fn beside_others(release: Release) {
    let lab = Lab::new().unwrap();
    let node = Node::of(release, &lab, "foreign", &["bgpd", "staticd"]);
    run(async {
        let foreign = [
            "configure terminal",
            "ip route 198.51.100.0/24 Null0",
            "router bgp 65000",
            "neighbor 203.0.113.7 remote-as 65007",
            "neighbor 203.0.113.7 description not ours",
            "address-family l2vpn evpn",
            "neighbor 203.0.113.7 activate",
        ];
        node.frr.vtysh(&foreign).unwrap();
        let before = node.running();
        let opened = node.open();
        let dataplane = &opened.dataplane;
        apply(dataplane, &evpn(1, &[target("1:1")])).await;
        let text = node.running();
        for line in [
            "description not ours",
            "203.0.113.7 activate",
            "198.51.100.0/24",
            "advertise-all-vni",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        apply(dataplane, &NodePlan::default()).await;
        assert_eq!(node.running(), before);
        node.frr
            .vtysh(&[
                "configure terminal",
                "router bgp 65000",
                "bgp router-id 198.51.100.9",
            ])
            .unwrap();
        let before = node.running();
        let told = dataplane.check(Arc::new(evpn(1, &[]))).await.unwrap_err();
        assert!(
            told[0].cause.contains("bgp router-id 198.51.100.9"),
            "{told:?}"
        );
        assert_eq!(node.running(), before);
    });
}

#[test]
fn a_daemon_that_died_is_told_everything_when_it_is_back_and_a_changed_line_is_put_right() {
    needs!(Frr);
    back_again(Release::Machine);
}

fn back_again(release: Release) {
    let lab = Lab::new().unwrap();
    let mut node = Node::of(release, &lab, "back", &["bgpd", "bfdd", "staticd"]);
    run(async {
        let mut opened = node.open();
        apply(&opened.dataplane, &evpn(1, &[target("1:1")])).await;
        let before = node.running();
        node.frr.kill("bgpd").unwrap();
        node.frr.start_one("bgpd").unwrap();
        let is_back = |node: &Node| {
            let text = node.running();
            if text == before { Ok(()) } else { Err(text) }
        };
        // The data plane has a thread of its own.
        let (_, took) = wait::until("bgpd to be told", LIMIT, || is_back(&node)).unwrap();
        println!("told again after {took:?}");
        node.frr
            .vtysh(&["configure terminal", "router bgp 65000", "no bgp router-id"])
            .unwrap();
        let (_, took) = wait::until("the router id to be back", LIMIT, || is_back(&node)).unwrap();
        println!("put right after {took:?}");
        let mut kinds = Vec::new();
        while let Ok(event) = opened.events.try_recv() {
            kinds.push(event.kind);
        }
        assert!(kinds.contains(&EventKind::DriftHealed), "{kinds:?}");
    });
}

#[test]
fn a_node_says_which_frr_it_has_and_refuses_what_needs_one_that_is_not_there() {
    needs!(Frr);
    let lab = Lab::new().unwrap();
    let mut node = Node::new(&lab, "facts", &["staticd"]);
    run(async {
        let opened = node.open();
        let daemons = |facts: &Facts| {
            let frr = facts.frr.as_ref().unwrap();
            assert!(
                frr.version
                    .as_str()
                    .starts_with(|c: char| c.is_ascii_digit())
            );
            frr.daemons
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        let mut facts = opened.dataplane.facts();
        assert_eq!(daemons(&facts.borrow_and_update()), ["staticd", "zebra"]);
        node.frr.start_one("bgpd").unwrap();
        let changed = tokio::time::timeout(LIMIT * wait::patience(), facts.changed()).await;
        changed.unwrap().unwrap();
        assert_eq!(
            daemons(&facts.borrow_and_update()),
            ["bgpd", "staticd", "zebra"]
        );
        for daemon in ["zebra", "staticd", "bgpd"] {
            node.frr.kill(daemon).unwrap();
        }
        let told = opened.dataplane.check(Arc::new(evpn(1, &[]))).await;
        let told = told.unwrap_err();
        assert_eq!(
            told[0].cause,
            "it is not running, or the agent may not speak to it"
        );
    });
}
