//! Measures compiling: one whole node, and one changed vnet. `cargo xtask bench` runs it, optimised.
//!
//! Prints one line a case: what, how many vnets, the best time in seconds, separated by tabs.

use std::collections::BTreeSet;
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use weft_core::compile;
use weft_core::intent::Intent;
use weft_core::snapshot::Snapshot;
use weft_core::validate::validate;
use weft_model::facts::{Facts, LinkFacts};
use weft_model::mtu::Mtu;
use weft_model::name::NodeName;
use weft_model::object::{Kind, Object};
use weft_model::revision::Version;

/// How often a case is measured; the best counts, because nothing makes a computer too fast.
const ROUNDS: u32 = 20;
/// How many nodes carry the zone.
const NODES: u16 = 10;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let sizes: Vec<u32> = std::env::args()
        .skip(1)
        .map(|size| size.parse())
        .collect::<Result<_, _>>()?;
    for size in sizes {
        measure(size)?;
    }
    Ok(())
}

fn measure(size: u32) -> Outcome<()> {
    let snapshot = cluster(size)?;
    let intent = checked(&snapshot)?;
    let node: NodeName = "n1".parse()?;
    // The first round fills what an intent keeps for all that follow.
    let plan = compile::node(&intent, &node);
    print("entries", size, plan.len());
    print(
        "compile one node",
        size,
        best(|| compile::node(&intent, &node)),
    );

    let mut changed = snapshot.clone();
    changed.put(vnet(size / 2, "changed")?);
    let next = checked(&changed)?;
    let deltas = compile::update(&intent, &next);
    let entries: usize = deltas.values().map(|delta| delta.put.len()).sum();
    print("nodes that one changed vnet concerns", size, deltas.len());
    print("entries that one changed vnet makes", size, entries);
    print(
        "compile one changed vnet",
        size,
        best(|| compile::update(&intent, &next)),
    );
    print(
        "objects visited for one changed vnet",
        size,
        compile::affected(&intent, &next).visited,
    );
    print("validate all", size, best(|| checked(&changed).is_ok()));
    Ok(())
}

fn print(what: &str, size: u32, value: impl std::fmt::Display) {
    println!("{what}\t{size}\t{value}");
}

/// The shortest time that something took, in seconds.
fn best<T>(mut work: impl FnMut() -> T) -> f64 {
    (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            black_box(work());
            start.elapsed()
        })
        .min()
        .unwrap_or(Duration::ZERO)
        .as_secs_f64()
}

fn checked(snapshot: &Snapshot) -> Outcome<Intent> {
    validate(snapshot)
        .map(|(intent, _)| intent)
        .map_err(|notes| format!("the cluster is not valid: {notes:?}").into())
}

/// One vxlan zone on all nodes, with a subnet in every tenth of its vnets.
fn cluster(size: u32) -> Outcome<Snapshot> {
    let mut objects = vec![object(
        Kind::Zone,
        "zone",
        serde_json::json!({ "type": "vxlan" }),
    )?];
    let mut facts = Vec::new();
    for number in 1..=NODES {
        objects.push(object(
            Kind::Node,
            &format!("n{number}"),
            serde_json::json!({}),
        )?);
        facts.push((format!("n{number}").parse()?, node_facts(number)?));
    }
    for number in 0..size {
        objects.push(vnet(number, "vnet")?);
        if number % 10 == 0 {
            let net = format!("10.{}.{}", number / 250 % 250, number % 250);
            objects.push(object(
                Kind::Subnet,
                &format!("s{number}"),
                serde_json::json!({
                    "vnet": format!("v{number}"),
                    "cidr": format!("{net}.0/24"),
                    "gateway": format!("{net}.1"),
                }),
            )?);
        }
    }
    Ok(Snapshot::new(Version(1), objects, facts))
}

fn vnet(number: u32, alias: &str) -> Outcome<Object> {
    object(
        Kind::Vnet,
        &format!("v{number}"),
        serde_json::json!({ "zone": "zone", "tag": number + 1, "alias": alias }),
    )
}

fn node_facts(number: u16) -> Outcome<Facts> {
    let link = LinkFacts {
        mtu: Some(Mtu::ETHERNET),
        addresses: BTreeSet::from([format!("192.0.2.{number}/24").parse()?]),
    };
    Ok(Facts {
        links: [("eth0".parse()?, link)].into(),
        default_ipv4: Some("eth0".parse()?),
        ..Facts::default()
    })
}

fn object(kind: Kind, name: &str, spec: serde_json::Value) -> Outcome<Object> {
    let json = serde_json::json!({ "metadata": { "name": name }, "spec": spec });
    Ok(match kind {
        Kind::Node => Object::Node(serde_json::from_value(json)?),
        Kind::HostNetwork => Object::HostNetwork(serde_json::from_value(json)?),
        Kind::Controller => Object::Controller(serde_json::from_value(json)?),
        Kind::Fabric => Object::Fabric(serde_json::from_value(json)?),
        Kind::PrefixList => Object::PrefixList(serde_json::from_value(json)?),
        Kind::RouteMap => Object::RouteMap(serde_json::from_value(json)?),
        Kind::FrrSnippet => Object::FrrSnippet(serde_json::from_value(json)?),
        Kind::Zone => Object::Zone(serde_json::from_value(json)?),
        Kind::Vnet => Object::Vnet(serde_json::from_value(json)?),
        Kind::Subnet => Object::Subnet(serde_json::from_value(json)?),
    })
}
