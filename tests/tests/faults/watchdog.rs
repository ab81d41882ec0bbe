//! An agent cannot undo its change: it does not start, crashes again and again, or hangs. The
//! watchdog beside it brings the node back; beside an agent that is well it does nothing.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use weft_tests::cluster::{Cluster, Etcd};
use weft_tests::lab::Lab;
use weft_tests::underlay::Underlay;
use weft_tests::{exec, wait};

use crate::disk::Disk;
use crate::stage::{Change, Contact, END_LIMIT, End, LEASE, Stage, late};

/// How late a node may be, by what the product promises.
const GRACE: Duration = Duration::from_secs(5);

/// A change that is live everywhere, unconfirmed for so many seconds at most, with a watchdog on
/// node 2.
fn begin(stage: &mut Stage, within: u64) -> Result<Change> {
    stage.cluster.node(2)?.start_watchdog()?;
    let change = stage.propose("more", 2_000)?;
    stage.ask_a_person(Some(within))?;
    Ok(change)
}

/// Waits until node 2 has nothing of the change any more, which must be in time for a deadline that
/// was so many seconds away at the start.
fn returns_in_time(stage: &Stage, start: Instant, deadline: u64) -> Result<()> {
    let host = stage.cluster.host(2)?;
    wait::until("node 2 to return", END_LIMIT, || {
        let there = ["more", "vxlan_more"].map(|device| host.has_device(device));
        ensure!(there == [false; 2], "{there:?}");
        Ok(())
    })?;
    let took = start.elapsed();
    ensure!(
        took <= Duration::from_secs(deadline) + GRACE,
        "it took {took:?}"
    );
    Ok(())
}

/// The rollout is aborted, node 2 says what happened to it, and nothing is left of it.
fn is_told(stage: &mut Stage, change: &Change) -> Result<()> {
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Abort);
    stage.cluster.wait_for_nodes()?;
    stage.is_everywhere(change, End::Abort)?;
    wait::until("node 2 to say why", END_LIMIT, || {
        let events = stage.cluster.client(&["events", "node2"])?;
        let is_told = events.contains("Reverted") && events.contains("its watchdog undid");
        ensure!(is_told, "{events}");
        Ok(())
    })?;
    stage.goes_on(change)
}

fn watchdog_said(stage: &mut Stage) -> Result<String> {
    let log = stage.cluster.node(2)?.watchdog()?.log().to_owned();
    Ok(fs::read_to_string(log)?)
}

#[test]
fn a_node_whose_agent_does_not_start_again_returns_in_time() -> Result<()> {
    let mut stage = Stage::open(Contact::Short)?;
    let change = begin(&mut stage, 60)?;
    let start = Instant::now();
    let node = stage.cluster.node(2)?;
    node.kill_agent()?;
    // It is ended before it has read its own name.
    node.start_agent_that_crashes("0.003")?;
    returns_in_time(&stage, start, LEASE)?;
    let node = stage.cluster.node(2)?;
    node.kill_agent()?;
    node.start_agent()?;
    is_told(&mut stage, &change)?;
    stage.finish()
}

#[test]
fn a_node_whose_agent_crashes_soon_after_every_start_returns_in_time() -> Result<()> {
    let mut stage = Stage::open(Contact::Short)?;
    let start = Instant::now();
    let change = begin(&mut stage, 8)?;
    let node = stage.cluster.node(2)?;
    node.kill_agent()?;
    // It has the ledger, is in contact for a moment, and may begin to go back.
    node.start_agent_that_crashes("0.12")?;
    returns_in_time(&stage, start, 8)?;
    let node = stage.cluster.node(2)?;
    node.kill_agent()?;
    late(200);
    stage.cluster.node(2)?.start_agent()?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Abort);
    stage.cluster.wait_for_nodes()?;
    stage.is_everywhere(&change, End::Abort)?;
    stage.goes_on(&change)?;
    stage.finish()
}

#[test]
fn a_node_whose_agent_hangs_returns_in_time_and_the_agent_is_ended() -> Result<()> {
    let mut stage = Stage::open(Contact::Short)?;
    let change = begin(&mut stage, 60)?;
    let start = Instant::now();
    let node = stage.cluster.node(2)?;
    node.agent()?.signal(Signal::SIGSTOP)?;
    let status = node.wait_for_end_of_agent(END_LIMIT)?;
    assert_eq!(status.signal(), Some(Signal::SIGKILL as i32));
    // As systemd starts it again: at once, while the watchdog has the ledger.
    node.start_agent()?;
    returns_in_time(&stage, start, LEASE)?;
    is_told(&mut stage, &change)?;
    stage.finish()
}

#[test]
fn a_node_returns_in_time_although_its_disk_takes_no_more_writes() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::wired(&lab, Underlay::Ipv4, 3)?;
    let disk = Disk::mount(&cluster.nodes()[1].state())?;
    let mut stage = Stage::begin(lab, cluster, Etcd::Child, 1, Contact::Short)?;
    let change = begin(&mut stage, 60)?;
    let start = Instant::now();
    stage.cluster.node(2)?.kill_agent()?;
    disk.remount("ro")?;
    returns_in_time(&stage, start, LEASE)?;
    disk.remount("rw")?;
    stage.cluster.node(2)?.start_agent()?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Abort);
    stage.cluster.wait_for_nodes()?;
    stage.is_everywhere(&change, End::Abort)?;
    stage.goes_on(&change)?;
    stage.finish()
}

#[test]
fn a_watchdog_leaves_an_agent_that_is_well_alone_and_costs_nothing_while_it_waits() -> Result<()> {
    let mut stage = Stage::open(Contact::Short)?;
    let agent = stage.cluster.node(2)?.agent()?.pid();
    // Nobody confirms in time, and the agent goes back by itself.
    let node = stage.cluster.node(2)?;
    node.start_watchdog()?;
    let change = stage.propose("more", 2_000)?;
    let within = ["--manual-confirm", "--confirm-within=6s"];
    stage
        .cluster
        .client(&[&["rollout", "start"][..], &within].concat())?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Abort);
    stage.is_everywhere(&change, End::Abort)?;
    // And a change that is kept.
    stage.goes_on(&change)?;
    // Killed and back within the lease, with its change unconfirmed.
    let more = stage.propose("again", 2_001)?;
    stage.ask_a_person(None)?;
    assert_eq!(stage.cluster.node(2)?.agent()?.pid(), agent);
    stage.cluster.node(2)?.kill_agent()?;
    late(1_000);
    stage.cluster.node(2)?.start_agent()?;
    stage.cluster.wait_for_nodes()?;
    stage.confirm()?;
    let (_, end) = stage.wait_for_end()?;
    stage.is_everywhere(&more, end)?;
    // Longer than all its patience after the last deadline.
    late(LEASE * 1_000 + 3_000);
    stage.is_everywhere(&more, end)?;
    let said = watchdog_said(&mut stage)?;
    ensure!(!said.contains("WARN") && !said.contains("ERROR"), "{said}");
    let watchdog = stage.cluster.node(2)?.watchdog()?.pid();
    let before = switches(watchdog)?;
    late(3_000);
    assert_eq!(switches(watchdog)?, before);
    stage.finish()
}

/// How often a process was given the processor.
fn switches(process: u32) -> Result<u64> {
    let path = format!("/proc/{process}/status");
    let text = fs::read_to_string(&path)?;
    text.lines()
        .filter_map(|line| line.split_once("ctxt_switches:"))
        .map(|(_, number)| number.trim().parse::<u64>().context(path.clone()))
        .sum()
}

impl Disk {
    fn remount(&self, how: &str) -> Result<()> {
        let options = format!("remount,{how}");
        let mut mount = Command::new("mount");
        exec::run(mount.args(["-o", &options]).arg(self.folder()))?;
        Ok(())
    }
}
