//! Objects, facts and whole snapshots for tests: valid ones, to be changed in one thing, and random
//! ones, mostly not valid.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use weft_model::facts::{Facts, LinkFacts};
use weft_model::name::NodeName;
use weft_model::object::{Kind, Object};
use weft_model::prefix::Family;
use weft_model::revision::Version;

use crate::snapshot::Snapshot;

/// An object as a manifest has it, in JSON.
pub fn object(kind: Kind, name: &str, spec: serde_json::Value) -> Object {
    let json = serde_json::json!({ "metadata": { "name": name }, "spec": spec });
    read(kind, json)
}

/// A node with labels.
pub fn labelled(name: &str, labels: serde_json::Value) -> Object {
    let json = serde_json::json!({ "metadata": { "name": name, "labels": labels }, "spec": {} });
    read(Kind::Node, json)
}

fn read(kind: Kind, json: serde_json::Value) -> Object {
    match kind {
        Kind::Node => Object::Node(serde_json::from_value(json).unwrap()),
        Kind::HostNetwork => Object::HostNetwork(serde_json::from_value(json).unwrap()),
        Kind::Zone => Object::Zone(serde_json::from_value(json).unwrap()),
        Kind::Vnet => Object::Vnet(serde_json::from_value(json).unwrap()),
        Kind::Subnet => Object::Subnet(serde_json::from_value(json).unwrap()),
        Kind::Controller => Object::Controller(serde_json::from_value(json).unwrap()),
        Kind::Fabric => Object::Fabric(serde_json::from_value(json).unwrap()),
        Kind::PrefixList => Object::PrefixList(serde_json::from_value(json).unwrap()),
        Kind::RouteMap => Object::RouteMap(serde_json::from_value(json).unwrap()),
        Kind::FrrSnippet => Object::FrrSnippet(serde_json::from_value(json).unwrap()),
    }
}

/// The facts of a node with these devices, of 1500 bytes; the first is the default route's.
pub fn facts(links: &[(&str, &[&str])]) -> Facts {
    let default = links.first().map(|(name, _)| name.parse().unwrap());
    Facts {
        links: links
            .iter()
            .map(|(name, addresses)| {
                let link = LinkFacts {
                    mtu: Some(weft_model::mtu::Mtu::ETHERNET),
                    addresses: addresses.iter().map(|it| it.parse().unwrap()).collect(),
                };
                (name.parse().unwrap(), link)
            })
            .collect(),
        default_ipv4: default.clone(),
        default_ipv6: default,
        forwarding: BTreeSet::from([Family::Ipv4]),
        ..Facts::default()
    }
}

/// The name and facts of node `n<index>`: 192.0.2.`index` and 2001:db8::`index` on eth0.
pub fn node_facts(index: u16) -> (NodeName, Facts) {
    let name = format!("n{index}").parse().unwrap();
    let ipv4 = format!("192.0.{}.{}/16", 2 + index / 250, 1 + index % 250);
    let ipv6 = format!("2001:db8::{:x}/64", index + 1);
    (name, facts(&[("eth0", &[&ipv4, &ipv6])]))
}

/// Three nodes, a simple zone with a gateway of each family, and a vxlan zone.
pub fn snapshot() -> Snapshot {
    use serde_json::json;
    let node = |index| object(Kind::Node, &format!("n{index}"), json!({}));
    Snapshot::new(
        Version(1),
        [
            node(0),
            node(1),
            node(2),
            object(Kind::Zone, "lab", json!({ "type": "simple" })),
            object(Kind::Vnet, "web", json!({ "zone": "lab", "alias": "Web" })),
            object(
                Kind::Subnet,
                "web4",
                json!({
                    "vnet": "web", "cidr": "10.1.0.0/24", "gateway": "10.1.0.1",
                    "snat": "masquerade",
                }),
            ),
            object(
                Kind::Subnet,
                "web6",
                json!({ "vnet": "web", "cidr": "fd00:1::/64", "gateway": "fd00:1::1" }),
            ),
            object(Kind::Zone, "prod", json!({ "type": "vxlan" })),
            object(Kind::Vnet, "db", json!({ "zone": "prod", "tag": 100 })),
        ],
        (0..3).map(node_facts),
    )
}

/// A cluster of simple and vxlan zones in turn, each on ten nodes, with `vnets` vnets each, and a
/// subnet in each vnet of a simple zone.
pub fn cluster(zones: u16, vnets: u16) -> Snapshot {
    use serde_json::json;
    let mut objects = Vec::new();
    let nodes = zones * 10;
    for node in 0..nodes {
        objects.push(object(Kind::Node, &format!("n{node}"), json!({})));
    }
    for zone in 0..zones {
        let names: Vec<_> = (0..10).map(|it| format!("n{}", zone * 10 + it)).collect();
        let kind = if zone % 2 == 0 { "simple" } else { "vxlan" };
        let spec = json!({ "type": kind, "nodes": { "names": names } });
        objects.push(object(Kind::Zone, &format!("zone{zone}"), spec));
        for vnet in 0..vnets {
            let name = format!("v{zone}-{vnet}");
            let mut spec = json!({ "zone": format!("zone{zone}") });
            if kind == "vxlan" {
                spec["tag"] = json!(u32::from(zone) * u32::from(vnets) + u32::from(vnet) + 1);
            } else {
                let net = format!("10.{}.{}", vnet / 250, vnet % 250);
                let subnet = json!({
                    "vnet": name, "cidr": format!("{net}.0/24"), "gateway": format!("{net}.1"),
                });
                objects.push(object(Kind::Subnet, &format!("s{zone}-{vnet}"), subnet));
            }
            objects.push(object(Kind::Vnet, &name, spec));
        }
    }
    Snapshot::new(Version(1), objects, (0..nodes).map(node_facts))
}

/// Names, tags and networks are drawn from few, so that they meet.
fn any_object() -> impl Strategy<Value = Object> {
    use serde_json::json;
    let zone = || prop::sample::select(vec!["za", "zb", "zc"]);
    let vnet = || prop::sample::select(vec!["va", "vb", "vc", "long-name-one", "long-name-two"]);
    let node = || prop::sample::select(vec!["n0", "n1", "n2", "n3"]);
    let node_object =
        (node(), prop::option::of(0..4u8), any::<bool>()).prop_map(|(name, tunnel, labelled)| {
            let labels = if labelled {
                json!({ "rack": "a" })
            } else {
                json!({})
            };
            let tunnel = tunnel.map_or(json!({}), |it| json!({ "ipv4": format!("192.0.2.{it}") }));
            let json = json!({
                "metadata": { "name": name, "labels": labels }, "spec": { "tunnel": tunnel },
            });
            read(Kind::Node, json)
        });
    let options = prop::sample::select(vec![
        json!({}),
        json!({ "underlay": "ipv6" }),
        json!({ "port": 4790, "learning": false }),
        json!({ "peers": ["192.0.2.1", "192.0.2.2", "198.51.100.7"] }),
        json!({ "peers": ["2001:db8::1", "fe80::1"] }),
    ]);
    let nodes = prop::sample::select(vec![
        json!(null),
        json!({ "names": ["n0", "n1"] }),
        json!({ "names": ["n2"] }),
        json!({ "labels": { "rack": "a" } }),
    ]);
    let mtu = prop::option::weighted(0.3, prop::sample::select(vec![1000u32, 1400, 1450, 9000]));
    let zone_object = (zone(), prop::option::of(options), nodes, mtu, any::<bool>()).prop_map(
        |(name, options, nodes, mtu, observe)| {
            let kind = if options.is_some() { "vxlan" } else { "simple" };
            let mut spec = json!({ "type": kind });
            // As many as have an MTU, which is no less at random.
            if kind == "vxlan" && mtu.is_some() {
                spec["layout"] = json!("bundle");
            }
            let mut set = |field: &str, value: serde_json::Value| spec[field] = value;
            options.into_iter().for_each(|it| set("vxlan", it));
            mtu.into_iter().for_each(|it| set("mtu", json!(it)));
            Some(nodes)
                .filter(|it| !it.is_null())
                .into_iter()
                .for_each(|it| set("nodes", it));
            set("drift", json!(if observe { "observe" } else { "heal" }));
            object(Kind::Zone, name, spec)
        },
    );
    let tag = prop::option::of(1..6u32);
    let mac = prop::option::weighted(0.1, Just("02:00:00:00:00:01"));
    let vnet_object = (vnet(), zone(), tag, mac).prop_map(|(name, zone, tag, mac)| {
        object(
            Kind::Vnet,
            name,
            json!({ "zone": zone, "tag": tag, "mac": mac }),
        )
    });
    let cidr = prop::sample::select(vec![
        "10.0.0.0/8",
        "10.1.0.0/24",
        "10.2.0.0/31",
        "10.3.0.5/32",
        "10.3.0.6/32",
        "fd00::/64",
        "fd00:1::/127",
        "fd00:2::5/128",
        "0.0.0.0/0",
        "::/0",
        "224.0.0.0/8",
    ]);
    let gateway = prop::option::of(prop::sample::select(vec![
        "10.0.0.1",
        "10.1.0.0",
        "10.1.0.1",
        "10.1.0.255",
        "10.2.0.0",
        "10.3.0.5",
        "fd00::1",
        "fd00:1::",
        "fd00:2::1",
        "fe80::1",
        "::",
        "255.255.255.255",
    ]));
    let snat = prop::option::of(prop::sample::select(vec![
        "masquerade",
        "192.0.2.1",
        "fd00::9",
    ]));
    let name = prop::sample::select(vec!["s1", "s2", "s3", "s4", "s5", "s6"]);
    let subnet_object =
        (name, vnet(), cidr, gateway, snat).prop_map(|(name, vnet, cidr, gateway, snat)| {
            let spec = json!({ "vnet": vnet, "cidr": cidr, "gateway": gateway, "snat": snat });
            object(Kind::Subnet, name, spec)
        });
    prop_oneof![
        1 => node_object, 1 => zone_object, 3 => vnet_object, 3 => subnet_object,
        1 => any_host_network(),
    ]
}

/// Host networks of few names, so that they meet; not all are valid alone, fewer together.
fn any_host_network() -> impl Strategy<Value = Object> {
    use serde_json::json;
    let interfaces = prop::sample::subsequence(
        vec![
            json!({ "name": "eth0", "mtu": 1400, "addresses": ["192.0.2.77/24"] }),
            json!({ "name": "eth1", "addresses": ["10.7.0.1/24"], "gateways": ["10.7.0.254"] }),
            json!({ "name": "vmbr0", "bridge": { "ports": ["eth0"], "vlanAware": true },
                "addresses": ["192.0.2.9/24", "2001:db8::9/64"], "gateways": ["192.0.2.254"] }),
            json!({ "name": "vmbr0.5", "vlan": { "device": "vmbr0", "tag": 5 } }),
            json!({ "name": "va", "bridge": {}, "addresses": ["10.1.0.1/24"],
                "masquerade": [{ "source": "10.1.0.0/24" }], "forward": ["ipv4"] }),
            json!({ "name": "bond0", "bond": { "mode": "802.3ad", "members": ["eth2", "eth3"],
                "primary": "eth2" } }),
            json!({ "name": "bond1", "bond": { "mode": "active-backup", "members": ["eth4"] } }),
        ],
        0..=3,
    );
    let nodes = prop::sample::select(vec![
        json!({ "names": ["n0"] }),
        json!({ "names": ["n1", "n2"] }),
        json!({ "labels": { "rack": "a" } }),
    ]);
    let name = prop::sample::select(vec!["h1", "h2", "h3"]);
    (name, nodes, interfaces).prop_map(|(name, nodes, interfaces)| {
        let spec = json!({ "nodes": nodes, "interfaces": interfaces });
        object(Kind::HostNetwork, name, spec)
    })
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let link = (
        prop::sample::select(vec!["eth0", "eth1", "va", "lo"]),
        prop::sample::select(vec![None, Some(600u32), Some(1340), Some(1500), Some(9000)]),
        prop::collection::btree_set(
            prop::sample::select(vec![
                "192.0.2.0/24",
                "192.0.2.1/24",
                "192.0.2.2/32",
                "10.1.0.9/24",
                "2001:db8::1/64",
                "2001:db8::2/64",
                "0.0.0.0/0",
                "::/0",
            ]),
            0..3,
        ),
    );
    (
        prop::collection::vec(link, 0..3),
        prop::option::of(prop::sample::select(vec!["eth0", "eth1"])),
    )
        .prop_map(|(links, default)| {
            let default = default.map(|name| name.parse().unwrap());
            Facts {
                links: links
                    .into_iter()
                    .map(|(name, mtu, addresses)| {
                        let link = LinkFacts {
                            mtu: mtu.map(|it| it.try_into().unwrap()),
                            addresses: addresses.iter().map(|it| it.parse().unwrap()).collect(),
                        };
                        (name.parse().unwrap(), link)
                    })
                    .collect::<BTreeMap<_, _>>(),
                default_ipv4: default.clone(),
                default_ipv6: default,
                ..Facts::default()
            }
        })
}

/// Any snapshot; most are not valid.
pub fn any_snapshot() -> impl Strategy<Value = Snapshot> {
    let name = prop::sample::select(vec!["n0", "n1", "n2", "n3"]);
    let facts = prop::collection::vec((name, any_facts()), 0..6);
    (prop::collection::vec(any_object(), 0..30), facts).prop_map(|(objects, facts)| {
        let facts = facts
            .into_iter()
            .map(|(name, facts)| (name.parse().unwrap(), facts));
        Snapshot::new(Version(1), objects, facts)
    })
}

/// One change of a snapshot that keeps a valid one valid more often than not.
#[derive(Clone, Debug)]
pub enum Edit {
    /// Puts an object.
    Put(Object),
    /// Deletes the n-th object.
    Delete(usize),
    /// A node of a valid cluster comes, goes, moves its address or says something of no account.
    Facts(u16, Option<Facts>),
}

/// Edits of [`snapshot`] and of what grew out of it.
pub fn any_edit() -> impl Strategy<Value = Edit> {
    use serde_json::json;
    let zone = prop_oneof![
        prop::sample::select(vec![
            json!({ "type": "simple" }),
            json!({ "type": "simple", "drift": "observe" }),
            json!({ "type": "simple", "mtu": 1400 }),
            json!({ "type": "simple", "nodes": { "names": ["n0", "n2"] } }),
            json!({ "type": "simple", "nodes": { "labels": { "rack": "a" } } }),
        ])
        .prop_map(|spec| object(Kind::Zone, "lab", spec)),
        prop::sample::select(vec![
            json!({ "type": "vxlan" }),
            json!({ "type": "vxlan", "mtu": 1400 }),
            json!({ "type": "vxlan", "drift": "observe" }),
            json!({ "type": "vxlan", "vxlan": { "underlay": "ipv6", "port": 4790 } }),
            json!({ "type": "vxlan", "nodes": { "names": ["n1", "n2"] } }),
            json!({ "type": "vxlan", "layout": "bundle" }),
            json!({ "type": "vxlan", "layout": "bundle", "nodes": { "names": ["n0", "n1"] } }),
            json!({ "type": "vxlan", "vxlan": { "peers": ["192.0.2.1", "192.0.2.2"] } }),
            json!({
                "type": "vxlan", "vxlan": { "fabric": "core" }, "nodes": { "names": ["n0", "n1"] },
            }),
            json!({
                "type": "evpn", "evpn": { "vrfVni": 9, "controllers": ["overlay"] },
                "nodes": { "names": ["n0", "n1"] },
            }),
            json!({
                "type": "evpn", "layout": "bundle",
                "evpn": { "vrfVni": 9, "controllers": ["overlay"] },
                "nodes": { "names": ["n0", "n1"] },
            }),
        ])
        .prop_map(|spec| object(Kind::Zone, "prod", spec)),
    ];
    let vnet = (0..6u32, any::<bool>(), any::<bool>()).prop_map(|(index, prod, alias)| {
        let alias = alias.then_some("Alias");
        let name = format!("vnet-number-{index}");
        let spec = if prod {
            json!({ "zone": "prod", "tag": 200 + index, "alias": alias })
        } else {
            json!({ "zone": "lab", "alias": alias })
        };
        object(Kind::Vnet, &name, spec)
    });
    let subnet = (0..6u32, any::<bool>(), prop::sample::select(vec!["/24", "/25", "/32"])).prop_map(
        |(index, snat, length)| {
            let spec = json!({
                "vnet": format!("vnet-number-{index}"), "cidr": format!("10.{}.0.0{length}", 20 + index),
                "gateway": format!("10.{}.0.1", 20 + index),
                "snat": snat.then_some("masquerade"),
            });
            object(Kind::Subnet, &format!("s{index}"), spec)
        },
    );
    let node = (0..4u16, any::<bool>()).prop_map(|(index, labelled)| {
        let labels = if labelled {
            json!({ "rack": "a" })
        } else {
            json!({})
        };
        super::fixtures::labelled(&format!("n{index}"), labels)
    });
    let facts = (0..4u16, prop::option::weighted(0.8, 0..3u16)).prop_map(|(index, shift)| {
        let facts = shift.map(|shift| node_facts(index + 10 * shift).1);
        Edit::Facts(index, facts)
    });
    prop_oneof![
        4 => any_routing().prop_map(Edit::Put),
        2 => zone.prop_map(Edit::Put),
        4 => vnet.prop_map(Edit::Put),
        4 => subnet.prop_map(Edit::Put),
        1 => node.prop_map(Edit::Put),
        2 => any_host_network().prop_map(Edit::Put),
        2 => (0..20usize).prop_map(Edit::Delete),
        2 => facts,
    ]
}

/// A controller, or what one may name, or lines of the administrator's.
fn any_routing() -> impl Strategy<Value = Object> {
    use serde_json::json;
    let fabric = |kind: &str, second: serde_json::Value| {
        let asn = |asn: u32| (kind == "bgp").then_some(asn);
        let mut nodes = vec![json!({
            "name": "n0", "index": 1, "asn": asn(65001), "interfaces": [{ "name": "eth0" }],
        })];
        if !second.is_null() {
            nodes.push(json!({
                "name": "n1", "index": second, "asn": asn(65002), "interfaces": [{ "name": "eth0" }],
            }));
        }
        let spec = json!({ "type": kind, "prefix": "10.255.0.0/24", "nodes": nodes });
        (Kind::Fabric, "core", spec)
    };
    let all = [
        fabric("openfabric", json!(2)),
        fabric("openfabric", json!(3)),
        fabric("openfabric", json!(null)),
        fabric("bgp", json!(2)),
        (
            Kind::Controller,
            "overlay",
            json!({ "type": "evpn", "nodes": { "names": ["n0", "n1"] }, "evpn": {
                "asn": 65000, "fabric": "core",
            } }),
        ),
        (
            Kind::PrefixList,
            "own",
            json!({ "rules": [{ "action": "permit", "prefix": "10.0.0.0/8" }] }),
        ),
        (
            Kind::PrefixList,
            "own",
            json!({ "rules": [{ "action": "permit", "prefix": "fd00::/8" }] }),
        ),
        (
            Kind::RouteMap,
            "IN",
            json!({ "rules": [{ "action": "permit" }] }),
        ),
        (
            Kind::RouteMap,
            "IN",
            json!({ "rules": [{
                "action": "permit", "match": { "prefixList": "own", "asPath": "^1_" }, "call": "OUT",
            }] }),
        ),
        (
            Kind::RouteMap,
            "OUT",
            json!({ "rules": [{ "action": "permit", "set": { "metric": "+1" } }] }),
        ),
        (
            Kind::Controller,
            "up",
            json!({ "type": "bgp", "nodes": { "names": ["n0"] }, "bgp": {
                "asn": 65001, "peers": ["192.0.2.9"],
            } }),
        ),
        (
            Kind::Controller,
            "up",
            json!({ "type": "bgp", "nodes": { "names": ["n0", "n1"] }, "bgp": {
                "asn": 65001, "peers": ["192.0.2.9"], "sessions": { "routeMapIn": "IN" },
            } }),
        ),
        (
            Kind::FrrSnippet,
            "own",
            json!({ "text": "ip nht resolve-via-default" }),
        ),
        (
            Kind::FrrSnippet,
            "own",
            json!({ "nodes": { "labels": { "rack": "a" } }, "order": 5, "text": "bfd\n profile x" }),
        ),
    ];
    prop::sample::select(all.to_vec()).prop_map(|(kind, name, spec)| object(kind, name, spec))
}

/// What grows out of [`snapshot`]; more than a third of it is valid.
pub fn grown() -> impl Strategy<Value = Snapshot> {
    prop::collection::vec(any_edit(), 0..12).prop_map(|edits| {
        let mut grown = snapshot();
        edits.into_iter().for_each(|it| edit(&mut grown, it));
        grown
    })
}

/// Makes one change.
pub fn edit(snapshot: &mut Snapshot, edit: Edit) {
    match edit {
        Edit::Put(object) => snapshot.put(object),
        Edit::Delete(index) => {
            let key = snapshot.objects().nth(index).map(|object| object.key());
            key.into_iter().for_each(|key| {
                snapshot.remove(&key);
            });
        }
        Edit::Facts(index, Some(facts)) => snapshot.put_facts(node_facts(index).0, facts),
        Edit::Facts(index, None) => {
            snapshot.remove_facts(&node_facts(index).0);
        }
    }
}
