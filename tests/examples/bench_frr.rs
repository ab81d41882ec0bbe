//! Measures what one vnet's change costs in FRR: by the sockets of its daemons, as the agent does it,
//! and by FRR's own programs.
//!
//! Needs root and FRR. `bench_frr [N...]` measures with N vnets each, a zone for every ten, declared
//! as an administrator would and compiled as the controller does; 1, 100, 1000 and 2000 when none is
//! given. The change is another route target of the first vnet. Each N has two namespaces, wired to
//! each other, with an FRR each: the second has a session with the first, which must not drop.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use weft_agent::dataplane::{self, Dataplane, Opened};
use weft_agent::frr::Settings;
use weft_agent::kernel::Places;
use weft_core::compile;
use weft_core::snapshot::Snapshot;
use weft_core::validate::validate;
use weft_model::facts::Facts;
use weft_model::name::NodeName;
use weft_model::object::{Object, Zone};
use weft_model::plan::{Entry, NodePlan};
use weft_model::revision::{ClusterId, Version};
use weft_node::frr::version::Version as FrrVersion;
use weft_node::frr::want::Want;
use weft_tests::exec;
use weft_tests::frr::Frr;
use weft_tests::lab::Lab;
use weft_tests::namespace::Namespace;
use weft_tests::underlay::Underlay;
use weft_tests::wait;
use weft_tests::wires::Switch;

/// How often a change is made, for a median.
const ROUNDS: usize = 21;
/// The same where one change takes seconds.
const SLOW_ROUNDS: usize = 3;
/// How many vnets a zone has.
const PER_ZONE: u32 = 10;
/// How long a session may take to come up.
const SESSION_LIMIT: Duration = Duration::from_secs(60);

fn main() -> Result<()> {
    let mut counts = Vec::new();
    for word in std::env::args().skip(1) {
        counts.push(word.parse()?);
    }
    if counts.is_empty() {
        counts = vec![1, 100, 1000, 2000];
    }
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "| vnets | zones | lines | compiled | text | all, the first time | one route target changed \
         | nothing to do | all taken away | `vtysh -c` | `vtysh -f` | `frr-reload.py --reload` \
         | sessions dropped: agent, `frr-reload.py` |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    )?;
    for count in counts {
        writeln!(out, "{}", measure(count)?)?;
    }
    Ok(())
}

fn measure(count: u32) -> Result<String> {
    let lab = Lab::new()?;
    let mut switch = Switch::create(&lab, Underlay::Ipv4)?;
    let [here, there] = [(1, "bench"), (2, "peer")].map(|(number, role)| {
        let address = Underlay::Ipv4.node(number).to_string();
        switch.host(&lab, role, &address)
    });
    let (namespace, there) = (here?, there?);
    let frr = Frr::start(&lab, &namespace, &["bgpd", "bfdd"])?;
    let peer = Frr::start(&lab, &there, &["bgpd", "bfdd"])?;
    answer(&peer)?;
    let settings = Settings {
        run: frr.run().to_owned(),
        file: frr.file(),
        kept: lab.folder().join("frr.json"),
        vtysh: frr.shell().to_owned(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut row = String::new();
    let (text, sessions) = runtime.block_on(async {
        let opened = open(&namespace, settings)?;
        let dataplane = &opened.dataplane;
        let start = Instant::now();
        let first = Arc::new(plan(count, 1)?);
        let compiled = start.elapsed();
        let start = Instant::now();
        let want = Want::new(&first, FrrVersion::OLDEST);
        let rendered = start.elapsed();
        ensure!(!want.config.is_empty(), "no text");
        let second = Arc::new(plan(count, 2)?);
        let (steps, all) = apply(dataplane, &first).await?;
        ensure!(steps > 0, "FRR was told nothing");
        let before = sessions(&frr)?;
        let shown_text = frr.vtysh(&["show running-config"])?;
        let lines = shown_text
            .lines()
            .filter(|line| !line.starts_with('!'))
            .count();
        let mut changes = Vec::new();
        for round in 0..ROUNDS {
            let next = if round.is_multiple_of(2) {
                &second
            } else {
                &first
            };
            let (steps, took) = apply(dataplane, next).await?;
            ensure!(steps > 0, "FRR was told nothing");
            changes.push(took);
        }
        let (steps, nothing) = apply(dataplane, &second).await?;
        ensure!(steps == 0, "FRR was told something");
        let dropped = dropped(&before, &frr)?;
        let (_, away) = apply(dataplane, &Arc::new(NodePlan::default())).await?;
        apply(dataplane, &first).await?;
        let times = [compiled, rendered, all, median(changes), nothing, away];
        let zones = count.div_ceil(PER_ZONE);
        write!(
            row,
            "| {count} | {zones} | {lines} | {} |",
            times.map(shown).join(" | ")
        )?;
        anyhow::Ok((frr.vtysh(&["show running-config"])?, dropped))
    })?;
    let by_words = (0..ROUNDS)
        .map(|round| words(&frr, round))
        .collect::<Result<_>>()?;
    let by_file = (0..SLOW_ROUNDS)
        .map(|round| file(&lab, &frr, &namespace, &text, round))
        .collect::<Result<_>>()?;
    write!(
        row,
        " {} | {} |",
        shown(median(by_words)),
        shown(median(by_file))
    )?;
    let before = self::sessions(&frr)?;
    let reloaded = (0..SLOW_ROUNDS)
        .map(|round| reload(&lab, &frr, &namespace, &text, round))
        .collect::<Result<Vec<_>>>();
    match reloaded {
        Ok(times) => write!(row, " {} |", shown(median(times)))?,
        Err(error) => write!(row, " not measured: {error:#} |")?,
    }
    write!(row, " {sessions}, {} |", dropped(&before, &frr)?)?;
    // Nothing went wrong that its logs would be read for.
    lab.pass();
    Ok(row)
}

/// Has the other side answer whoever calls.
fn answer(peer: &Frr) -> Result<()> {
    let address = Underlay::Ipv4.node(1);
    peer.vtysh(&[
        "configure terminal",
        "router bgp 65000",
        "no bgp default ipv4-unicast",
        &format!("neighbor {address} remote-as 65000"),
        &format!("neighbor {address} bfd"),
        "address-family l2vpn evpn",
        &format!("neighbor {address} activate"),
    ])?;
    Ok(())
}

/// How often each session came up, once all are up.
fn sessions(frr: &Frr) -> Result<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    wait::until("the session", SESSION_LIMIT, || {
        let told: Value = serde_json::from_str(&frr.vtysh(&["show bgp l2vpn evpn summary json"])?)?;
        let peers = told["peers"].as_object().context("no neighbors")?;
        for (name, peer) in peers {
            ensure!(peer["state"] == "Established", "{name} is not up");
            let count = peer["connectionsEstablished"].as_u64();
            counts.insert(name.clone(), count.context("no count")?);
        }
        ensure!(!counts.is_empty(), "no neighbors");
        Ok(())
    })?;
    Ok(counts)
}

/// How many sessions are no longer those that were there.
fn dropped(before: &BTreeMap<String, u64>, frr: &Frr) -> Result<usize> {
    let after = sessions(frr)?;
    let is_another = |(name, count): &(&String, &u64)| after.get(*name) != Some(*count);
    Ok(before.iter().filter(is_another).count())
}

fn open(namespace: &Namespace, settings: Settings) -> Result<Opened> {
    let cluster = Some(ClusterId::from_bytes([0xab; 16]));
    let places = Places {
        switch: PathBuf::from("/nonexistent"),
        frr: Some(settings),
        ..Places::default()
    };
    let opened = namespace.inside(async || dataplane::open_at(cluster, places).await)?;
    Ok(opened?)
}

async fn apply(dataplane: &Dataplane, plan: &Arc<NodePlan>) -> Result<(u32, Duration)> {
    let start = Instant::now();
    match dataplane.apply(Arc::clone(plan)).await {
        Ok(applied) => Ok((applied.steps, start.elapsed())),
        Err(faults) => bail!("{:?}", faults.first()),
    }
}

/// What FRR has for so many vnets; the first of them takes in another route target with another
/// `mark`.
fn plan(count: u32, mark: u32) -> Result<NodePlan> {
    let here: NodeName = "here".parse()?;
    let mut objects = vec![
        Object::Node(object("here", json!({}))?),
        Object::Controller(object(
            "ctl",
            json!({ "type": "evpn", "evpn": {
                "asn": 65000, "peers": [Underlay::Ipv4.node(1), Underlay::Ipv4.node(2)] } }),
        )?),
    ];
    for number in 0..count.div_ceil(PER_ZONE) {
        let spec = json!({ "type": "evpn", "evpn": {
            "vrfVni": 5000 + number, "controllers": ["ctl"] } });
        let zone: Zone = object(&format!("z{number}"), spec)?;
        objects.push(Object::Zone(zone));
    }
    for number in 0..count {
        let import = if number == 0 { mark } else { 1 };
        let spec = json!({
            "zone": format!("z{}", number / PER_ZONE), "tag": 10_000 + number,
            "distinguisher": format!("65000:{}", 10_000 + number),
            "targets": { "import": [format!("{import}:1")], "export": [] },
        });
        objects.push(Object::Vnet(object(&format!("n{number}"), spec)?));
    }
    let facts: Facts = serde_json::from_value(json!({
        "kernel": "6.1.0", "agent": "0.1.0", "deviceTypes": ["bridge", "vxlan", "veth", "vrf"],
        "links": { "eth0": { "mtu": 1500, "addresses": [format!("{}/24", Underlay::Ipv4.node(1))] } },
        "defaultIpv4": "eth0", "forwarding": ["ipv4", "ipv6"], "nft": "1.0.6",
    }))?;
    let snapshot = Snapshot::new(Version(1), objects, [(here.clone(), facts)]);
    let (intent, _) = validate(&snapshot).map_err(|notes| anyhow::anyhow!("{notes:?}"))?;
    // The devices are another benchmark's.
    let entries = compile::node(&intent, &here);
    let stanzas = entries.stanzas().cloned().map(Entry::Frr);
    Ok(stanzas.collect())
}

fn object<T: DeserializeOwned>(name: &str, spec: Value) -> Result<T> {
    let json = json!({ "metadata": { "name": name }, "spec": spec });
    serde_json::from_value(json).with_context(|| name.to_owned())
}

/// The change as a person would type it.
fn words(frr: &Frr, round: usize) -> Result<Duration> {
    let (old, new) = if round.is_multiple_of(2) {
        (1, 2)
    } else {
        (2, 1)
    };
    let start = Instant::now();
    frr.vtysh(&[
        "configure terminal",
        "router bgp 65000",
        "address-family l2vpn evpn",
        "vni 10000",
        &format!("route-target import {new}:1"),
        &format!("no route-target import {old}:1"),
    ])?;
    Ok(start.elapsed())
}

/// A file with the changed text. After an odd number of rounds of [`words`] the second is there.
fn written(lab: &Lab, text: &str, round: usize) -> Result<PathBuf> {
    let target = if round.is_multiple_of(2) {
        "1:1"
    } else {
        "2:1"
    };
    let changed = ["1:1", "2:1"].iter().fold(text.to_owned(), |text, other| {
        let line = format!("   route-target import {other}\n");
        match text.find(&line) {
            Some(at) => {
                let (before, rest) = text.split_at(at);
                let after = &rest[line.len()..];
                format!("{before}   route-target import {target}\n{after}")
            }
            None => text,
        }
    });
    let lines = changed.lines().skip_while(|line| !line.starts_with("frr "));
    let lines: Vec<&str> = lines.filter(|line| *line != "end").collect();
    let path = lab.folder().join("changed.conf");
    std::fs::write(&path, lines.join("\n") + "\n").context("cannot write FRR's file")?;
    Ok(path)
}

fn file(lab: &Lab, frr: &Frr, host: &Namespace, text: &str, round: usize) -> Result<Duration> {
    let path = written(lab, text, round)?;
    let mut vtysh = host.command("vtysh");
    vtysh.arg("--vty_socket").arg(frr.run()).arg("-f").arg(path);
    let start = Instant::now();
    exec::run(&mut vtysh)?;
    Ok(start.elapsed())
}

fn reload(lab: &Lab, frr: &Frr, host: &Namespace, text: &str, round: usize) -> Result<Duration> {
    let path = written(lab, text, round)?;
    let mut reload = host.command("/usr/lib/frr/frr-reload.py");
    reload
        .args(["--reload", "--confdir"])
        .arg(frr.run())
        .arg("--rundir")
        .arg(frr.run())
        .arg("--vty_socket")
        .arg(frr.run())
        .arg(path);
    let start = Instant::now();
    exec::run(&mut reload)?;
    Ok(start.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn shown(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else {
        format!("{ms:.0} ms")
    }
}
