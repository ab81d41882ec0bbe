//! Two plans that have every kind of line that a plan can have.

use serde_json::{Value, json};
use weft_model::plan::NodePlan;

use super::node::plan;

/// All of it. The two differ in nearly every value.
pub fn every(second: bool) -> NodePlan {
    let pick = |first: Value, other: Value| if second { other } else { first };
    let at = json!({ "asn": 65000 });
    let in_z = json!({ "asn": 65000, "vrf": "vrf_z" });
    let mut stanzas = vec![
        json!({ "vrf": { "name": "vrf_z", "vni": pick(json!(1000), json!(1001)) } }),
        json!({ "static": { "vrf": "vrf_z", "prefix": "10.9.0.0/24", "via": "blackhole" } }),
        json!({ "static": { "vrf": "vrf_z", "prefix": "fd00:9::/64", "via": "blackhole" } }),
        json!({ "static": { "prefix": "10.8.0.0/24", "via": { "hops": pick(
            json!([{ "gatewayOnLink": ["192.0.2.2", "eth0"] }]),
            json!([{ "gateway": "192.0.2.3" }, { "gateway": "192.0.2.4" }])) } } }),
        json!({ "routeSource": { "protocol": "bgp", "family": "ipv4", "routeMap": "src" } }),
        json!({ "routeSource": { "protocol": "bgp", "family": "ipv6", "routeMap": "src6" } }),
        json!({ "prefixList": { "family": "ipv4", "name": "own", "rules": pick(
            json!({ "5": { "action": "permit", "prefix": "0.0.0.0/0", "le": 32 } }),
            json!({ "5": { "action": "deny", "prefix": "10.0.0.0/8", "ge": 16, "le": 24 },
                "10": { "action": "permit", "prefix": "0.0.0.0/0" } })) } }),
        json!({ "prefixList": { "family": "ipv6", "name": "own6", "rules": {
            "5": { "action": "permit", "prefix": "fd00::/8", "le": 128 } } } }),
        json!({ "communityList": { "kind": "standard", "name": "cl", "rules": {
            "5": pick(json!(["permit", ["65000:1"]]), json!(["permit", ["65000:2", "65000:3"]])) } } }),
        json!({ "communityList": { "kind": "extended", "name": "el", "rules": {
            "5": ["permit", ["rt", "65000:1"]] } } }),
        json!({ "communityList": { "kind": "large", "name": "ll", "rules": {
            "5": ["deny", ["65000:1:1"]] } } }),
        json!({ "asPathList": { "name": "far", "rules": {
            "5": pick(json!(["permit", "^65001_"]), json!(["deny", "_65002$"])) } } }),
        json!({ "routeMap": { "name": "src", "rules": { "1": { "action": "permit",
            "matches": [{ "prefixes": ["ipv4", "own"] }],
            "sets": [{ "source": pick(json!("192.0.2.1"), json!("192.0.2.2")) }] } } } }),
        json!({ "routeMap": { "name": "src6", "rules": { "1": { "action": "permit",
            "matches": [{ "prefixes": ["ipv6", "own6"] }] } } } }),
        json!({ "routeMap": { "name": "in", "rules": {
            "1": { "action": pick(json!("deny"), json!("permit")), "matches": [
                { "evpnRoute": pick(json!("prefix"), json!("macip")) },
                { "vni": pick(json!(7), json!(8)) },
                { "nextHops": ["ipv4", "own"] },
                { "peer": "192.0.2.9" },
                { "communities": ["standard", "cl"] },
                { "communities": ["extended", "el"] },
                { "communities": ["large", "ll"] },
                { "asPath": "far" },
            ] },
            "5": { "action": "permit", "matches": [
                { "metric": pick(json!(5), json!(6)) }, { "tag": 7 },
                { "localPreference": pick(json!(100), json!(200)) },
            ], "sets": [
                { "nextHop": pick(json!("peer"), json!({ "address": "192.0.2.7" })) },
                { "nextHop6": pick(json!("preferGlobal"), json!({ "global": "fd00::7" })) },
                { "localPreference": pick(json!({ "more": 10 }), json!({ "is": 7 })) },
                { "metric": pick(json!({ "amount": { "is": 200 } }), json!("roundTrip")) },
                { "tag": pick(json!(9), json!(10)) }, { "weight": pick(json!(5), json!(6)) },
                { "communities": [pick(json!(["65000:1"]), json!(["65000:2"])), true] },
                { "largeCommunities": [["65000:1:2"], false] },
                { "routeTargets": pick(json!(["65000:1"]), json!(["65000:1", "65000:2"])) },
                { "prepend": pick(json!([65000]), json!([65000, 65000])) },
            ], "call": "out", "then": pick(json!({ "goto": 10 }), json!("next")) },
            "10": { "action": "permit" },
        } } }),
        json!({ "routeMap": { "name": "out", "rules": { "1": { "action": "permit" } } } }),
        json!({ "bfdProfile": { "name": "fast", "detectMultiplier": pick(json!(5), json!(7)),
            "receiveInterval": 100, "transmitInterval": pick(json!(100), json!(200)), "passive": !second } }),
        json!({ "bgp": {
            "at": at, "routerId": pick(json!("192.0.2.1"), json!("192.0.2.2")),
            "switches": { "defaultIpv4Unicast": false, "ebgpRequiresPolicy": false,
                "hardAdministrativeReset": false, "gracefulRestartNotification": false,
                "disableConnectedCheck": true, "multipathRelax": true,
                "logNeighborChanges": !second },
            "coalesceTime": pick(json!(900), json!(1100)),
            "timers": { "keepalive": 3, "hold": pick(json!(9), json!(12)) },
            "listen": { "10.7.0.0/16": pick(json!("VTEP"), json!("BGP")) }, "listenLimit": 500,
            "ipv4": { "networks": ["192.0.2.1/32"],
                "redistribute": { "connected": { "routeMap": pick(json!("out"), json!("src")) }, "static": {} },
                "importVrf": ["vrf_z"], "maximumPaths": pick(json!(8), json!(9)) },
            "ipv6": { "networks": ["fd00::1/128"], "redistribute": { "kernel": { "metric": 7 } } },
            "evpn": { "switches": ["advertiseAllVni", "advertiseSviIp"] },
        } }),
        json!({ "bgp": { "at": in_z, "routerId": "192.0.2.1",
            "ipv4": { "redistribute": { "connected": {} } },
            "evpn": { "advertise": pick(json!({ "ipv4": null, "ipv6": null }), json!({ "ipv4": "out" })),
                "defaultOriginate": ["ipv4", "ipv6"],
                "targets": { "rd": pick(json!("1:9"), json!("192.0.2.1:9")),
                    "import": pick(json!(["65000:1000"]), json!(["65000:1000", "7:7"])),
                    "export": ["65000:1000"] } } } }),
        json!({ "network": { "at": at, "vni": 1000, "advertiseSviIp": true, "targets": {
            "rd": pick(json!("65000:1000"), json!("65000:1001")),
            "import": pick(json!(["1:1"]), json!(["2:2"])), "export": ["1:1", "192.0.2.1:5"] } } }),
    ];
    stanzas.extend(neighbors(second));
    stanzas.extend(interior(second));
    plan(&stanzas)
}

fn neighbors(second: bool) -> Vec<Value> {
    let pick = |first: Value, other: Value| if second { other } else { first };
    let at = json!({ "asn": 65000 });
    let family = json!({ "switches": pick(json!(["softReconfiguration", "nextHopSelf"]), json!(["nextHopSelf"])),
        "routeMapIn": pick(json!("in"), json!("out")), "prefixListOut": pick(json!("own"), json!("own6")),
        "allowAsIn": pick(json!(1), json!(2)), "maximumPrefix": pick(json!(1000), json!(2000)) });
    vec![
        json!({ "neighbor": { "at": at, "peer": { "group": ["VTEP", { "asn": 65000 }] },
            "bfd": pick(json!({ "profile": "fast" }), json!("on")),
            "description": pick(json!("far end points"), json!("others")),
            "password": pick(json!("secret"), json!("other")),
            "updateSource": pick(json!({ "link": "lo" }), json!({ "address": "192.0.2.1" })),
            "timers": { "keepalive": pick(json!(3), json!(4)), "hold": 12 }, "connectRetry": 5,
            "ipv6": { "switches": ["nextHopSelf"] },
            "evpn": { "switches": ["routeReflectorClient", "unchangedNextHop"],
                "routeMapIn": pick(json!("in"), json!("src")), "routeMapOut": "out" } } }),
        json!({ "neighbor": { "at": at, "peer": { "group": ["BGP", "external"] },
            "ebgpMultihop": pick(json!(5), json!(255)), "ipv4": family } }),
        json!({ "neighbor": { "at": at, "peer": { "address": ["192.0.2.9", { "group":
            pick(json!("VTEP"), json!("BGP")) }] } } }),
        json!({ "neighbor": { "at": at, "peer": { "address": ["fd00::9", { "group": "VTEP" }] } } }),
        json!({ "neighbor": { "at": at, "peer": { "address": ["203.0.113.9", { "as":
            pick(json!("external"), json!({ "asn": 65009 })) }] },
            "localAs": { "asn": 65008, "hidesOwn": !second },
            "switches": pick(json!(["extendedNexthop", "passive"]), json!(["disableConnectedCheck"])) } }),
        json!({ "neighbor": { "at": at, "peer": { "address": ["203.0.113.10",
            pick(json!({ "as": "external" }), json!({ "group": "BGP" }))] } } }),
        json!({ "neighbor": { "at": at, "peer": { "link": ["eth0", false, { "as": "external" }] },
            "evpn": {} } }),
        json!({ "neighbor": { "at": at, "peer": { "link": ["eth1", !second, { "group": "BGP" }] } } }),
    ]
}

fn interior(second: bool) -> Vec<Value> {
    let pick = |first: Value, other: Value| if second { other } else { first };
    vec![
        json!({ "isis": { "tag": "one", "net": pick(json!("49.0001.0000.0000.0001.00"), json!("49.0001.0000.0000.0002.00")),
            "level": pick(json!("one"), Value::Null), "redistribute": [["ipv4", "connected", "one"], ["ipv6", "connected", "one"]],
            "logAdjacencyChanges": true } }),
        json!({ "openFabric": { "tag": "fab", "net": "49.0001.1720.2000.3001.00", "tier": pick(json!(0), json!(1)) } }),
        json!({ "ospf": { "routerId": pick(json!("192.0.2.1"), json!("192.0.2.2")), "passiveDefault": true,
            "redistribute": { "connected": { "metric": pick(json!(5), json!(6)) }, "bgp": {} }, "maximumPaths": 8 } }),
        json!({ "interface": { "name": "eth0",
            "isis": { "tag": "one", "families": ["ipv4", "ipv6"], "pointToPoint": true,
                "helloInterval": pick(json!(1), json!(2)), "helloMultiplier": 5, "csnpInterval": 7, "bfd": second },
            "ospf": { "area": pick(json!("0.0.0.0"), json!("0.0.0.5")), "passive": false, "network": "pointToPoint",
                "helloInterval": 1, "deadInterval": pick(json!(3), json!(4)), "bfd": true } } }),
        json!({ "interface": { "name": "eth1",
            "openfabric": { "tag": "fab", "families": ["ipv4", "ipv6"], "passive": second,
                "helloInterval": pick(json!(1), json!(2)), "helloMultiplier": 5, "csnpInterval": 7 } } }),
        json!({ "snippet": { "name": "own", "order": 5, "lines": [
            { "text": "router bgp 65000", "inside": [
                { "text": "bgp bestpath compare-routerid" },
                { "text": pick(json!("bgp cluster-id 7.7.7.7"), json!("bgp cluster-id 8.8.8.8")) },
            ] },
            { "text": "route-map own permit 7", "inside": [{ "text": "match interface eth0" }] },
        ] } }),
    ]
}
