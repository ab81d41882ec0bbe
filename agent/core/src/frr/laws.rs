//! The laws that changes of FRR obey, whatever is wanted and whatever others wrote.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use weft_model::plan::frr::Frr;
use weft_model::plan::{Entry, NodePlan};

use super::config::Config;
use super::daemon::{Daemon, split};
use super::difference::difference;
use super::model::{DAEMONS, Node, shown, version};
use super::want::Want;

/// Some ways to be for each thing that a plan may or may not have.
fn choices() -> Vec<Vec<Value>> {
    let at = json!({ "asn": 65000 });
    let in_z = json!({ "asn": 65000, "vrf": "z" });
    let group = |name: &str, asn: u32, more: Value| {
        let mut it = json!({ "at": { "asn": 65000 }, "peer": { "group": [name, { "asn": asn }] } });
        it.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({ "neighbor": it })
    };
    let peer = |joined: Value, more: Value| {
        let mut it =
            json!({ "at": { "asn": 65000 }, "peer": { "address": ["192.0.2.9", joined] } });
        it.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({ "neighbor": it })
    };
    let rule = |action: &str, metric: u32| json!({ "action": action, "sets": [{ "metric": { "amount": { "is": metric } } }] });
    let isis = |tag: &str| {
        json!({ "interface": { "name": "eth0", "isis": {
        "tag": tag, "families": ["ipv4"], "helloInterval": 1 } } })
    };
    vec![
        vec![
            json!({ "vrf": { "name": "z", "vni": 7 } }),
            json!({ "vrf": { "name": "z", "vni": 8 } }),
        ],
        vec![
            json!({ "vrf": { "name": "y", "vni": 8 } }),
            json!({ "vrf": { "name": "y", "vni": 7 } }),
        ],
        vec![
            json!({ "static": { "vrf": "z", "prefix": "10.0.0.0/8", "via": "blackhole" } }),
            json!({ "static": { "vrf": "z", "prefix": "10.0.0.0/8",
                "via": { "hops": [{ "gateway": "192.0.2.1" }] } } }),
        ],
        vec![json!({ "static": { "prefix": "10.0.0.0/8", "via": "blackhole" } })],
        vec![
            json!({ "bgp": { "at": in_z, "routerId": "192.0.2.1" } }),
            json!({ "bgp": { "at": in_z, "routerId": "192.0.2.1",
                "ipv4": { "redistribute": { "connected": {} } },
                "evpn": { "advertise": { "ipv4": null }, "targets": { "import": ["1:1"] } } } }),
            json!({ "bgp": { "at": in_z, "routerId": "192.0.2.1",
                "ipv4": { "redistribute": { "connected": { "routeMap": "IN" } } },
                "evpn": { "targets": { "import": ["1:1", "2:2"] } } } }),
        ],
        vec![
            group("VTEP", 65000, json!({ "evpn": { "routeMapIn": "IN" } })),
            group(
                "VTEP",
                65001,
                json!({ "evpn": { "routeMapIn": "OUT" }, "password": "x" }),
            ),
        ],
        vec![group("RR", 65000, json!({ "bfd": { "profile": "fast" } }))],
        vec![
            peer(json!({ "as": "internal" }), json!({ "evpn": {} })),
            peer(
                json!({ "as": { "asn": 5 } }),
                json!({ "evpn": {}, "ebgpMultihop": 5 }),
            ),
        ],
        vec![
            json!({ "network": { "at": at, "vni": 7, "targets": { "export": ["1:7"] } } }),
            json!({ "network": { "at": at, "vni": 7, "targets": { "rd": "1:7", "export": ["2:7"] } } }),
        ],
        vec![
            json!({ "routeMap": { "name": "IN", "rules": { "1": rule("permit", 1) } } }),
            json!({ "routeMap": { "name": "IN", "rules": { "1": rule("deny", 1), "2": rule("permit", 2) } } }),
            json!({ "routeMap": { "name": "IN", "rules": { "1": { "action": "permit" } } } }),
        ],
        vec![
            json!({ "prefixList": { "family": "ipv4", "name": "all", "rules": {
                "5": { "action": "permit", "prefix": "0.0.0.0/0", "le": 32 } } } }),
            json!({ "prefixList": { "family": "ipv4", "name": "all", "rules": {
                "5": { "action": "deny", "prefix": "10.0.0.0/8" },
                "7": { "action": "permit", "prefix": "0.0.0.0/0" } } } }),
        ],
        vec![
            json!({ "bfdProfile": { "name": "fast", "detectMultiplier": 5 } }),
            json!({ "bfdProfile": { "name": "fast", "receiveInterval": 100 } }),
        ],
        vec![
            json!({ "isis": { "tag": "one", "net": "49.0001.0000.0000.0001.00" } }),
            json!({ "isis": { "tag": "one", "net": "49.0001.0000.0000.0002.00", "level": "two" } }),
        ],
        vec![isis("one"), isis("two")],
        vec![json!({ "ospf": { "routerId": "192.0.2.1", "passiveDefault": true } })],
    ]
}

/// Any plan out of the choices; the BGP instance of the default domain is there where it is needed.
fn any_plan() -> impl Strategy<Value = NodePlan> {
    let picks: Vec<_> = choices()
        .into_iter()
        .map(|choice| proptest::option::of(proptest::sample::select(choice)))
        .collect();
    let member = proptest::option::of(proptest::sample::select(vec!["VTEP", "RR"]));
    (picks, member, any::<bool>()).prop_map(|(picks, member, listens)| {
        let mut stanzas: Vec<Value> = picks.into_iter().flatten().collect();
        let has = |what: &str, stanzas: &[Value]| stanzas.iter().any(|it| it.to_string().contains(what));
        if let Some(group) = member.filter(|group| has(&format!("[\"{group}\""), &stanzas)) {
            stanzas.retain(|it| !it.to_string().contains("192.0.2.9"));
            stanzas.push(json!({ "neighbor": { "at": { "asn": 65000 },
                "peer": { "address": ["192.0.2.9", { "group": group }] }, "description": "a b" } }));
        }
        if has("65000", &stanzas) {
            let listen = if listens && has("[\"VTEP\"", &stanzas) {
                json!({ "192.0.2.128/25": "VTEP" })
            } else {
                json!({})
            };
            stanzas.push(json!({ "bgp": { "at": { "asn": 65000 }, "routerId": "192.0.2.1",
                "switches": { "defaultIpv4Unicast": false }, "listen": listen,
                "evpn": { "switches": ["advertiseAllVni"] } } }));
        }
        stanzas.into_iter().map(entry).collect()
    })
}

fn entry(stanza: Value) -> Entry {
    let frr = json!({ "origin": { "zone": "prod" }, "stanza": stanza });
    Entry::Frr(serde_json::from_value::<Frr>(frr).unwrap())
}

const FOREIGN: [&str; 7] = [
    "hostname n1\n",
    "ip route 198.51.100.0/24 blackhole\n",
    "vrf z\n ip route 198.51.100.0/24 blackhole\nexit-vrf\n",
    "router bgp 65000\n neighbor 203.0.113.1 remote-as 1\n neighbor 203.0.113.1 description x\n \
     address-family l2vpn evpn\n  neighbor 203.0.113.1 activate\n exit-address-family\nexit\n",
    "router bgp 65000\nexit\nrouter bgp 65000 vrf z\n timers bgp 1 3\nexit\n",
    "interface eth0\n isis hello-multiplier 7\nexit\n",
    "router isis foreign\n net 49.0001.0000.0000.0009.00\nexit\n",
];

fn any_foreign() -> impl Strategy<Value = Config> {
    proptest::sample::subsequence(&FOREIGN[..], 0..FOREIGN.len())
        .prop_map(|texts| Config::parse(&texts.concat()))
}

fn together(foreign: &Config, plan: &NodePlan) -> BTreeMap<Daemon, Config> {
    let want = Want::new(plan, version());
    let mut all = split(foreign, version(), DAEMONS);
    for (daemon, part) in split(&want.config, version(), DAEMONS) {
        let config = all.entry(daemon).or_default();
        for (place, lines) in part.sections() {
            config.open(place).extend(lines.iter().cloned());
        }
    }
    for daemon in DAEMONS {
        all.entry(daemon).or_default();
    }
    all.into_iter()
        .map(|(daemon, config)| (daemon, shown(&config)))
        .collect()
}

proptest! {
    #[test]
    fn plan_after_plan_is_reached_with_what_others_wrote_and_then_nothing_is_left_to_say(
        plans in proptest::collection::vec(any_plan(), 1..5),
        foreign in any_foreign(),
    ) {
        let mut node = Node::new(&foreign);
        for plan in plans.iter().chain([&NodePlan::default()]) {
            node.reach(plan).map_err(TestCaseError::fail)?;
            prop_assert_eq!(node.shown(), together(&foreign, plan));
            let again = node.reach(plan).map_err(TestCaseError::fail)?;
            prop_assert_eq!(again.sayings, vec![]);
        }
        prop_assert!(node.seen.written.is_empty(), "{:?}", node.seen.written);
    }

    #[test]
    fn the_order_of_entries_changes_nothing(plan in any_plan()) {
        let mut entries: Vec<Entry> = plan.entries().map(|(_, entry)| Entry::clone(entry)).collect();
        entries.reverse();
        let reversed: NodePlan = entries.into_iter().collect();
        prop_assert_eq!(Want::new(&plan, version()), Want::new(&reversed, version()));
    }
}

#[test]
fn one_route_target_changed_is_one_line_added_and_one_taken_away_and_nothing_else() {
    let instance = json!({ "bgp": { "at": { "asn": 65000 }, "routerId": "192.0.2.1" } });
    let with = |target: &str| -> NodePlan {
        let network = json!({ "network": { "at": { "asn": 65000 }, "vni": 7,
            "targets": { "import": [target] } } });
        [entry(instance.clone()), entry(network)]
            .into_iter()
            .collect()
    };
    let mut node = Node::new(&Config::default());
    node.reach(&with("1:1")).unwrap();
    let said: Vec<String> = node
        .reach(&with("2:2"))
        .unwrap()
        .sayings
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        said,
        [
            "tell FRR's bgpd: router bgp 65000 / address-family l2vpn evpn / vni 7: route-target \
             import 2:2",
            "tell FRR's bgpd: router bgp 65000 / address-family l2vpn evpn / vni 7: no route-target \
             import 1:1",
        ]
    );
}

#[test]
fn a_target_that_follows_from_the_numbers_is_said_again_once_others_are_there() {
    let instance = json!({ "bgp": { "at": { "asn": 65000 }, "routerId": "192.0.2.1" } });
    let with = |targets: &[&str]| -> NodePlan {
        let network = json!({ "network": { "at": { "asn": 65000 }, "vni": 7,
            "targets": { "import": targets } } });
        [entry(instance.clone()), entry(network)]
            .into_iter()
            .collect()
    };
    let say = |node: &mut Node, targets: &[&str]| -> Vec<String> {
        let said = node.reach(&with(targets)).unwrap().sayings;
        let at = "router bgp 65000 / address-family l2vpn evpn / vni 7: ";
        let all = said.iter().flat_map(|it| &it.commands);
        let all = all.map(|it| it.to_string().replace(at, ""));
        all.filter(|it| it.contains("route-target")).collect()
    };
    let mut node = Node::new(&Config::default());
    assert_eq!(
        say(&mut node, &["65000:7", "65001:1"]),
        [
            "route-target import 65000:7",
            "route-target import 65001:1",
            "route-target import 65000:7",
        ]
    );
    assert_eq!(
        say(&mut node, &["65000:7", "65001:1"]),
        Vec::<String>::new()
    );
    assert_eq!(
        say(&mut node, &["65000:7", "65002:1"]),
        [
            "route-target import 65002:1",
            "no route-target import 65001:1"
        ]
    );

    // Alone it is taken without being shown, and then another one comes.
    let mut node = Node::new(&Config::default());
    assert_eq!(
        say(&mut node, &["65000:7"]),
        ["route-target import 65000:7"]
    );
    let place = ["router bgp 65000", "address-family l2vpn evpn", "vni 7"]
        .into_iter()
        .collect();
    let bgpd = node.seen.running.get_mut(&Daemon::Bgpd).unwrap();
    assert!(bgpd.remove(&place, "route-target import 65000:7"));
    let mut silent = Config::default();
    silent.add(&place, "route-target import 65000:7");
    node.seen.silent.insert(Daemon::Bgpd, silent);
    assert_eq!(say(&mut node, &["65000:7"]), Vec::<String>::new());
    assert_eq!(
        say(&mut node, &["65000:7", "65001:1"]),
        [
            "route-target import 65000:7",
            "route-target import 65001:1",
            "route-target import 65000:7",
        ]
    );
}

#[test]
fn a_foreign_line_about_the_same_thing_is_a_clash_and_a_daemon_that_is_away_is_named() {
    let plan: NodePlan = [
        entry(json!({ "bgp": { "at": { "asn": 65000 }, "routerId": "192.0.2.1" } })),
        entry(json!({ "isis": { "tag": "one", "net": "49.0001.0000.0000.0001.00" } })),
    ]
    .into_iter()
    .collect();
    let clashes = |foreign: &str| -> Vec<String> {
        let mut node = Node::new(&Config::parse(foreign));
        node.seen.running.remove(&Daemon::Isisd);
        let found = difference(&Want::new(&plan, version()), &node.seen);
        found.clashes.iter().map(ToString::to_string).collect()
    };
    let isisd = "zone prod: cannot configure FRR's isisd: it is not running: set isisd=yes in \
                 /etc/frr/daemons and restart FRR";
    assert_eq!(
        clashes("router bgp 65000\n bgp router-id 192.0.2.9\nexit\n"),
        [
            isisd,
            "zone prod: cannot configure FRR: router bgp 65000: bgp router-id 192.0.2.1: there is \
             \"bgp router-id 192.0.2.9\", which Weft did not write: take that line out of FRR's \
             configuration, or keep the node out of it",
        ]
    );
    assert_eq!(
        clashes("router bgp 65009\nexit\n"),
        [
            isisd,
            "zone prod: cannot configure FRR: router bgp 65000: there is \"router bgp 65009\", which \
             Weft did not write: take that line out of FRR's configuration, or keep the node out of \
             it",
        ]
    );
}

#[test]
fn what_frr_does_not_show_is_not_taken_away_after_another_took_its_place() {
    let profile = |multiplier: u32| -> NodePlan {
        let profile = json!({ "bfdProfile": { "name": "way", "detectMultiplier": multiplier } });
        [entry(profile)].into_iter().collect()
    };
    let mut node = Node::new(&Config::default());
    node.reach(&profile(3)).unwrap();
    // FRR shows no line that says what holds anyway.
    let bfdd = node.seen.running.get_mut(&Daemon::Bfdd).unwrap();
    let place = ["bfd", "profile way"].into_iter().collect();
    assert!(bfdd.remove(&place, "detect-multiplier 3"));
    let mut silent = Config::default();
    silent.add(&place, "detect-multiplier 3");
    node.seen.silent.insert(Daemon::Bfdd, silent);
    assert_eq!(node.reach(&profile(3)).unwrap().sayings, []);
    let said = node.reach(&profile(5)).unwrap().sayings;
    let said: Vec<String> = said.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["tell FRR's bfdd: bfd / profile way: detect-multiplier 5"]
    );
}
