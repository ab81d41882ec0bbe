//! Measures what one changed stanza of FRR's costs: by the sockets of its daemons, as the agent does
//! it, and by FRR's own programs.
//!
//! Needs root and FRR. `bench_frr [N...]` measures with the configuration of N vnets each, 1, 100 and
//! 1000 when none is given: a VXLAN network with route targets for every vnet, and a routing domain
//! with an instance of BGP for every ten. Each N has an FRR and a network namespace of its own.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use weft_agent::dataplane::{self, Dataplane, Opened};
use weft_agent::frr::Settings;
use weft_agent::kernel::Places;
use weft_model::plan::frr::Frr as Stanza;
use weft_model::plan::{Entry, NodePlan};
use weft_model::revision::ClusterId;
use weft_tests::exec;
use weft_tests::frr::Frr;
use weft_tests::lab::Lab;
use weft_tests::namespace::Namespace;

/// How often a change is made, for a median.
const ROUNDS: usize = 21;
/// The same where one change takes seconds.
const SLOW_ROUNDS: usize = 3;

fn main() -> Result<()> {
    let mut counts = Vec::new();
    for word in std::env::args().skip(1) {
        counts.push(word.parse()?);
    }
    if counts.is_empty() {
        counts = vec![1, 100, 1000];
    }
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "| vnets | lines | all, the first time | one route target changed | nothing to do | all taken away \
         | `vtysh -c` | `vtysh -f` | `frr-reload.py --reload` |\n|---|---|---|---|---|---|---|---|---|"
    )?;
    for count in counts {
        writeln!(out, "{}", measure(count)?)?;
    }
    Ok(())
}

fn measure(count: u32) -> Result<String> {
    let lab = Lab::new()?;
    let namespace = Namespace::create(&lab, "bench")?;
    let frr = Frr::start(&lab, &namespace, &["bgpd"])?;
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
    let text = runtime.block_on(async {
        let opened = open(&namespace, settings)?;
        let dataplane = &opened.dataplane;
        let [first, second] = [plan(count, 1)?, plan(count, 2)?].map(Arc::new);
        let (steps, all) = apply(dataplane, &first).await?;
        ensure!(steps > 0, "FRR was told nothing");
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
        let (_, away) = apply(dataplane, &Arc::new(NodePlan::default())).await?;
        apply(dataplane, &first).await?;
        let [all, one, nothing, away] = [all, median(changes), nothing, away].map(shown);
        write!(
            row,
            "| {count} | {lines} | {all} | {one} | {nothing} | {away} |"
        )?;
        frr.vtysh(&["show running-config"])
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
    let reloaded = (0..SLOW_ROUNDS)
        .map(|round| reload(&lab, &frr, &namespace, &text, round))
        .collect::<Result<Vec<_>>>();
    match reloaded {
        Ok(times) => write!(row, " {} |", shown(median(times)))?,
        Err(error) => write!(row, " not measured: {error:#} |")?,
    }
    // Nothing went wrong that its logs would be read for.
    lab.pass();
    Ok(row)
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
    let at = json!({ "asn": 65000 });
    let mut stanzas = vec![
        json!({ "bgp": { "at": at, "routerId": "192.0.2.1",
            "switches": { "defaultIpv4Unicast": false },
            "evpn": { "switches": ["advertiseAllVni"] } } }),
        json!({ "neighbor": { "at": at, "peer": { "group": ["VTEP", "internal"] }, "evpn": {} } }),
    ];
    for peer in 1..=20 {
        let address = format!("192.0.2.{}", 100 + peer);
        stanzas.push(json!({ "neighbor": { "at": at, "peer": { "address": [address, { "group": "VTEP" }] } } }));
    }
    for number in 0..count {
        let import = if number == 0 { mark } else { 1 };
        stanzas.push(json!({ "network": { "at": at, "vni": 10_000 + number, "targets": {
            "rd": format!("65000:{}", 10_000 + number),
            "import": [format!("{import}:1")], "export": [format!("65000:{}", 10_000 + number)] } } }));
        if number % 10 == 0 {
            stanzas.extend(domain(5000 + number / 10));
        }
    }
    let entry = |stanza: Value| {
        let json = json!({ "origin": { "zone": "prod" }, "stanza": stanza });
        anyhow::Ok(Entry::Frr(serde_json::from_value::<Stanza>(json)?))
    };
    stanzas.into_iter().map(entry).collect()
}

fn domain(vni: u32) -> [Value; 2] {
    let name = format!("vrf_z{vni}");
    [
        json!({ "vrf": { "name": name, "vni": vni } }),
        json!({ "bgp": { "at": { "asn": 65000, "vrf": name }, "routerId": "192.0.2.1",
            "ipv4": { "redistribute": { "connected": {} } },
            "evpn": { "advertise": { "ipv4": null }, "targets": {
                "import": [format!("65000:{vni}")], "export": [format!("65000:{vni}")] } } } }),
    ]
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
