//! What nodes must show before a change is kept: probes, and a time that they stand by it.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use weft_tests::declared::{DB, DB_TUNNEL};
use weft_tests::wait;

use crate::stage::{Contact, END_LIMIT, End, Stage};

/// Fails on a node that has the device of the change.
const UNCHANGED: &str = "echo looking for a device; [ ! -e /sys/class/net/more ]";

/// The probe `road` on every node, as this script on node `odd` and as nothing much on the others.
fn allow(stage: &Stage, odd: usize, script: &str) -> Result<()> {
    for (place, node) in stage.cluster.nodes().iter().enumerate() {
        let is_odd = place + 1 == odd;
        node.allow_probe("road", if is_odd { script } else { "exit 0" })?;
    }
    Ok(())
}

#[test]
fn a_probe_that_fails_after_the_change_returns_every_wave() -> Result<()> {
    let stage = Stage::open(Contact::Short)?;
    allow(&stage, 3, UNCHANGED)?;
    let change = stage.propose("more", 2_000)?;
    let waves = ["--waves=1,1", "--pause-between=2s", "--probe=road"];
    stage
        .cluster
        .client(&[&["rollout", "start"], &waves[..]].concat())?;
    stage.wait_until_have("more", &[true, false, false])?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Abort);
    let status = stage.cluster.client(&["rollout", "status"])?;
    let told = "node3: probe road fails after the change and worked before it: it ended with 1 and \
                said: looking for a device";
    ensure!(status.contains(told), "{status}");
    stage.is_everywhere(&change, End::Abort)?;
    stage.goes_on(&change)?;
    stage.finish()
}

#[test]
fn a_probe_that_hangs_is_ended_at_its_limit_and_returns_all() -> Result<()> {
    let stage = Stage::open(Contact::Short)?;
    allow(&stage, 2, &format!("{UNCHANGED} || sleep 1234"))?;
    let change = stage.propose("more", 2_000)?;
    let began = Instant::now();
    stage
        .cluster
        .client(&["rollout", "start", "--probe=road", "--probe-limit=2s"])?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Abort);
    ensure!(began.elapsed() < Duration::from_secs(30), "{began:?}");
    let status = stage.cluster.client(&["rollout", "status"])?;
    let told = "node2: probe road fails after the change and worked before it: it did not end \
                within 2s and was ended and said: looking for a device";
    ensure!(status.contains(told), "{status}");
    let name = stage.cluster.host(2)?.name().to_owned();
    let running = weft_tests::exec::run(
        stage
            .cluster
            .host(2)?
            .command("sh")
            .args([
                "-c",
                // A process may end while the list is gone through.
                "for id in $(ip netns pids $1); do cat /proc/$id/cmdline 2>/dev/null; done | tr '\\0' ' '",
                "sh",
            ])
            .arg(&name),
    )?;
    ensure!(!running.contains("sleep 1234"), "{running}");
    stage.is_everywhere(&change, End::Abort)?;
    stage.goes_on(&change)?;
    stage.finish()
}

#[test]
fn a_probe_that_never_worked_is_told_and_not_counted() -> Result<()> {
    let stage = Stage::open(Contact::Short)?;
    allow(&stage, 1, "echo nobody there; exit 1")?;
    let change = stage.propose("more", 2_000)?;
    stage
        .cluster
        .client(&["rollout", "start", "--probe=road", "--wait"])?;
    let status = stage.cluster.client(&["rollout", "status"])?;
    let told = "node1: probe road fails before the change: it ended with 1 and said: nobody there";
    ensure!(status.contains(told), "{status}");
    stage.is_everywhere(&change, End::Commit)?;
    stage.finish()
}

#[test]
fn a_probe_that_a_node_does_not_allow_is_refused_by_name_and_nothing_changes() -> Result<()> {
    let stage = Stage::open(Contact::Short)?;
    allow(&stage, 1, "exit 0")?;
    fs::remove_file(stage.cluster.nodes()[1].probes().join("road"))?;
    let change = stage.propose("more", 2_000)?;
    stage
        .cluster
        .client(&["rollout", "start", "--probe=road"])?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Abort);
    let status = stage.cluster.client(&["rollout", "status"])?;
    ensure!(
        status.contains("node2: cannot run probe road: there is no "),
        "{status}"
    );
    stage.is_everywhere(&change, End::Abort)?;
    let command = ["rollout", "start", "--probe=/bin/sh"];
    let refused = stage.cluster.weftctl(&command)?;
    ensure!(
        refused.code == Some(2) && refused.stderr.contains("probes[0]"),
        "a program is no name: {refused:?}"
    );
    stage.finish()
}

#[test]
fn nodes_stand_by_a_change_for_the_soak_and_are_asked_at_its_end() -> Result<()> {
    let stage = Stage::open(Contact::Short)?;
    let broken = stage.lab.folder().join("broken");
    allow(&stage, 2, &format!("[ ! -e {} ]", broken.display()))?;
    let change = stage.propose("more", 2_000)?;
    let start = ["rollout", "start", "--probe=road", "--soak=6s"];
    stage.cluster.client(&start)?;
    stage.wait_for_phase("Soaking")?;
    let status = stage.cluster.client(&["rollout", "status"])?;
    ensure!(
        status.contains("s left") && status.contains("must stand by it for"),
        "{status}"
    );
    assert_eq!(stage.have("more")?, [true; 3]);
    fs::write(&broken, "")?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Abort);
    let status = stage.cluster.client(&["rollout", "status"])?;
    ensure!(
        status.contains("node2: probe road fails a while after the change"),
        "{status}"
    );
    stage.is_everywhere(&change, End::Abort)?;

    fs::remove_file(&broken)?;
    let began = Instant::now();
    stage.cluster.client(&[&start[..], &["--wait"]].concat())?;
    ensure!(began.elapsed() >= Duration::from_secs(6), "too early");
    stage.is_everywhere(&change, End::Commit)?;
    stage.finish()
}

#[test]
fn a_vnet_that_guests_are_plugged_into_goes_only_with_consent() -> Result<()> {
    let stage = Stage::open(Contact::Short)?;
    let guest = stage.cluster.guest("db2", 2, DB)?;
    let before = stage.cluster.dumps()?;
    stage.cluster.client(&["delete", "vnet", DB])?;
    stage.cluster.client(&["rollout", "start"])?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Abort);
    let status = stage.cluster.client(&["rollout", "status"])?;
    let told = format!(
        "node2: vnet {DB} of zone tunnels: cannot take bridge {DB} away: guests are plugged in: {}",
        guest.port()
    );
    ensure!(status.contains(&told), "{status}");
    let changes = weft_tests::dump::differences(&before, &stage.cluster.dumps()?);
    ensure!(changes.is_empty(), "left behind: {changes:#?}");

    let consent = ["rollout", "start", "--accept=destructive", "--wait"];
    stage.cluster.client(&consent)?;
    let status = stage.cluster.client(&["rollout", "status"])?;
    ensure!(status.contains("as agreed"), "{status}");
    wait::until("the tunnels to be gone", END_LIMIT, || {
        for number in 1..=3 {
            let host = stage.cluster.host(number)?;
            ensure!(!host.has_device(DB_TUNNEL), "node{number} has {DB_TUNNEL}");
            // What guests of others are plugged into is not destroyed under them.
            ensure!(
                host.has_device(DB) == (number == 2),
                "node{number} and {DB}"
            );
        }
        Ok(())
    })?;
    stage.finish()
}
