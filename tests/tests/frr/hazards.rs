//! What has gone wrong for others with FRR, each as a test on a real one.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use weft_model::plan::NodePlan;
use weft_tests::frr::Release;
use weft_tests::lab::Lab;
use weft_tests::{needs, wait};

use super::node::{Node, apply, plan};
use super::pair::{evpn, pair, session, target, until_up};
use super::{LIMIT, run};

fn snippet(lines: &[Value]) -> Value {
    json!({ "snippet": { "name": "own", "order": 1, "lines": lines } })
}

/// FRR's reload script took an invalid file for one that wants nothing (frr#10453).
#[test]
fn whatever_is_garbled_in_a_line_nothing_that_runs_is_changed_by_checking_it() {
    needs!(Frr);
    let lab = Lab::new().unwrap();
    let node = Node::new(&lab, "garbled", &["bgpd"]);
    run(async {
        let opened = node.open();
        apply(&opened.dataplane, &evpn(1, &[target("1:1")])).await;
        let before = node.running();
        let line = "neighbor 192.0.2.2 timers 3 9";
        let mut refused = 0;
        for at in 0..line.len() {
            let mut bytes = line.as_bytes().to_vec();
            bytes[at] ^= 0x15;
            let Ok(text) = String::from_utf8(bytes) else {
                continue;
            };
            let section = json!({ "text": "router bgp 65000", "inside": [{ "text": text }] });
            let stanza = snippet(&[section]);
            // What the model refuses does not even become a plan.
            let of = json!({ "origin": { "zone": "prod" }, "stanza": stanza });
            if serde_json::from_value::<weft_model::plan::frr::Frr>(of).is_err() {
                refused += 1;
                continue;
            }
            let next = Arc::new(evpn(1, &[target("1:1"), stanza]));
            let checked = opened.dataplane.check(next).await;
            refused += usize::from(checked.is_err());
            assert_eq!(node.running(), before, "{text:?}");
        }
        assert!(refused > line.len() / 2, "{refused} of {}", line.len());
    });
}

/// What is changed of a neighbor, one after the other: none of it is a reason to begin a session
/// anew.
fn variants() -> Vec<(&'static str, Vec<Value>)> {
    let at = json!({ "asn": 65000 });
    let profile = |multiplier: u32| {
        json!({ "bfdProfile": { "name": "way", "detectMultiplier": multiplier,
            "receiveInterval": 300, "transmitInterval": 300 } })
    };
    let map = |preference: u32| {
        json!({ "routeMap": { "name": "in", "rules": {
            "1": { "action": "permit", "matches": [{ "evpnRoute": "macip" }],
                "sets": [{ "localPreference": { "is": preference } }] },
            "2": { "action": "permit" } } } })
    };
    let list = |to: u32| {
        json!({ "prefixList": { "family": "ipv4", "name": "own", "rules": {
            "5": { "action": "permit", "prefix": "10.0.0.0/8", "le": to } } } })
    };
    let other = json!({ "neighbor": { "at": at, "peer": { "address": ["192.0.2.77",
        { "group": "VTEP" }] } } });
    vec![
        ("a route target", vec![target("7:7")]),
        ("a BFD profile that nobody uses", vec![profile(3)]),
        ("its times", vec![profile(5)]),
        ("a route map that nobody uses", vec![profile(5), map(100)]),
        ("its content", vec![profile(5), map(200)]),
        ("a prefix list", vec![profile(5), map(200), list(24)]),
        ("its content", vec![profile(5), map(200), list(32)]),
        ("one neighbor more", vec![map(200), other]),
        ("nothing of that", vec![]),
    ]
}

/// A pair of lines about BFD made sessions flap (metallb/frr-k8s#169, frr#4204), and lines that say
/// what is so anyway were said again and again (frr#22953).
#[test]
fn what_does_not_concern_a_session_does_not_end_it_and_is_said_once() {
    needs!(Frr);
    let lab = Lab::new().unwrap();
    let nodes = pair(Release::Machine, &lab);
    run(async {
        let opened = [nodes[0].open(), nodes[1].open()];
        apply(&opened[0].dataplane, &evpn(1, &[])).await;
        apply(&opened[1].dataplane, &evpn(2, &[])).await;
        let before = until_up(&nodes[0]).await;
        for (what, more) in variants() {
            let next = evpn(1, &more);
            assert!(apply(&opened[0].dataplane, &next).await > 0, "{what}");
            assert_eq!(apply(&opened[0].dataplane, &next).await, 0, "{what}");
            // Longer than BFD needs to take a path for lost.
            tokio::time::sleep(Duration::from_millis(1200)).await;
            let after = session(&nodes[0]).await.unwrap();
            assert!(
                after.is_up() && after.drops == before.drops && after.since_ms >= before.since_ms,
                "{what}: {before:?} {after:?}"
            );
        }
    });
}

/// Hundreds of route maps took minutes when each was left by a line of its own (frr#15706).
#[test]
fn many_route_maps_are_taken_and_then_nothing_is_left_to_say() {
    needs!(Frr);
    let lab = Lab::new().unwrap();
    let node = Node::new(&lab, "many", &["bgpd"]);
    run(async {
        let before = node.running();
        let opened = node.open();
        let maps: Vec<Value> = (1..=40)
            .map(|number| {
                json!({ "routeMap": { "name": format!("map{number}"), "rules": {
                    "1": { "action": "permit", "matches": [{ "metric": number }],
                        "sets": [{ "localPreference": { "is": number } }] },
                    "2": { "action": "deny" } } } })
            })
            .collect();
        let all = plan(&maps);
        assert!(apply(&opened.dataplane, &all).await > 0);
        assert_eq!(apply(&opened.dataplane, &all).await, 0);
        apply(&opened.dataplane, &NodePlan::default()).await;
        assert_eq!(node.running(), before);
    });
}

/// Every daemon of 8.4.4 that has such a line ends when it is asked for its configuration.
#[test]
fn a_line_that_would_end_the_daemons_is_refused() {
    needs!(Frr);
    let lab = Lab::new().unwrap();
    let node = Node::new(&lab, "deadly", &["bgpd"]);
    run(async {
        let opened = node.open();
        let version = opened
            .dataplane
            .facts()
            .borrow()
            .frr
            .clone()
            .unwrap()
            .version;
        let map = json!({ "routeMap": { "name": "in", "rules": {
            "1": { "action": "permit", "matches": [{ "metric": 0 }] } } } });
        let checked = opened.dataplane.check(Arc::new(plan(&[map]))).await;
        let is_known_to = version.as_str().starts_with("8.4");
        assert_eq!(checked.is_err(), is_known_to, "{checked:?}");
        assert!(node.running().contains("frr version"));
    });
}

/// A daemon that was too busy was ended in the midst of a change, and came back with the old text
/// (frr#7280).
#[test]
fn a_daemon_that_ends_while_it_is_told_fails_the_change_and_the_others_have_their_old_text() {
    needs!(Frr);
    let lab = Lab::new().unwrap();
    let mut node = Node::new(&lab, "ends", &["bgpd", "staticd"]);
    run(async {
        let opened = node.open();
        let first = plan(&[json!({ "static": { "prefix": "10.8.0.0/24", "via": "blackhole" } })]);
        apply(&opened.dataplane, &first).await;
        let of_static = |text: &str| {
            let lines = text.lines().filter(|line| line.starts_with("ip route "));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let before = of_static(&node.running());
        let next = plan(&[
            json!({ "static": { "prefix": "10.9.0.0/24", "via": "blackhole" } }),
            json!({ "bgp": { "at": { "asn": 65000 }, "routerId": "192.0.2.1" } }),
        ]);
        // It takes the connection and does not answer.
        node.frr.freeze("bgpd").unwrap();
        let dataplane = opened.dataplane.clone();
        let applied = tokio::spawn(async move { dataplane.apply(Arc::new(next)).await });
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!applied.is_finished());
        node.frr.kill("bgpd").unwrap();
        let faults = applied.await.unwrap().unwrap_err();
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|it| it.contains("bgpd")), "{told:?}");
        node.frr.start_one("bgpd").unwrap();
        let text = of_static(&node.running());
        assert_eq!(text, before);
        // The next try finds it, and everything that it was not told.
        let next = plan(&[json!({ "bgp": { "at": { "asn": 65000 }, "routerId": "192.0.2.1" } })]);
        apply(&opened.dataplane, &next).await;
        assert!(node.running().contains("bgp router-id 192.0.2.1"));
    });
}

#[test]
fn an_frr_that_restarts_as_a_whole_is_told_everything_again() {
    needs!(Frr);
    let lab = Lab::new().unwrap();
    let mut node = Node::new(&lab, "whole", &["bgpd", "bfdd", "staticd"]);
    run(async {
        let opened = node.open();
        let still = json!({ "static": { "prefix": "10.8.0.0/24", "via": "blackhole" } });
        apply(&opened.dataplane, &evpn(1, &[target("1:1"), still])).await;
        let before = node.running();
        for daemon in ["bgpd", "bfdd", "staticd", "zebra"] {
            node.frr.kill(daemon).unwrap();
        }
        for daemon in ["zebra", "staticd", "bfdd", "bgpd"] {
            node.frr.start_one(daemon).unwrap();
        }
        let is_back = || {
            let text = node.running();
            if text == before { Ok(()) } else { Err(text) }
        };
        let (_, took) = wait::until("FRR to be told", LIMIT, is_back).unwrap();
        println!("told again after {took:?}");
        drop(opened);
    });
}
