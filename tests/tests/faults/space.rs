//! etcd's database is full, and it takes nothing more.

use std::time::Instant;

use anyhow::{Result, ensure};
use weft_tests::cluster::{Cluster, Etcd};
use weft_tests::exec;
use weft_tests::lab::Lab;
use weft_tests::underlay::Underlay;
use weft_tests::wait;

use crate::stage::{Contact, END_LIMIT, End, LEASE, Stage, late};

/// A small database: etcd alone takes some of it.
const QUOTA: &str = "--quota-backend-bytes=8388608";

fn open() -> Result<Stage> {
    let lab = Lab::new()?;
    let mut cluster = Cluster::wired(&lab, Underlay::Ipv4, 3)?;
    cluster.set_etcd_flags(&[QUOTA]);
    Stage::begin(lab, cluster, Etcd::External, 1, Contact::Short)
}

/// Somebody else fills the database.
fn fill(stage: &mut Stage) -> Result<()> {
    let host = stage.cluster.control.clone();
    let put = "head -c 1000000 /dev/zero | tr '\\0' x | \
               ETCDCTL_API=3 etcdctl --endpoints=127.0.0.1:2379 put junk";
    let (said, _) = wait::until("etcd to be full", END_LIMIT, || {
        let answer = exec::output(host.command("sh").args(["-c", put]))?;
        ensure!(answer.code != Some(0), "there was room");
        Ok(answer.stderr)
    })?;
    ensure!(said.contains("space exceeded"), "{said}");
    Ok(())
}

/// What the error says to do.
fn make_room(stage: &mut Stage) -> Result<()> {
    let member = stage.cluster.member(1)?;
    let revision = member.revision()?.to_string();
    member.ctl(&["compact", &revision])?;
    member.ctl(&["defrag"])?;
    member.ctl(&["alarm", "disarm"])?;
    Ok(())
}

#[test]
fn a_full_etcd_is_named_with_what_to_do_and_all_goes_on_when_there_is_room() -> Result<()> {
    let mut stage = open()?;
    let change = stage.propose("more", 2_000)?;
    fill(&mut stage)?;
    let file = stage.cluster.lab().folder().join("more.yaml");
    for arguments in [
        [
            "apply",
            "-f",
            &file.to_string_lossy().replace("more", "other"),
        ],
        ["rollout", "start", "--wait"],
    ] {
        stage
            .cluster
            .manifest("other", &weft_tests::declared::vnet("other", "tunnels", 9))?;
        let answer = stage.cluster.weftctl(&arguments)?;
        ensure!(answer.code != Some(0), "{answer:?}");
        for words in [
            "NOSPACE",
            "etcdctl defrag",
            "etcdctl alarm disarm",
            "try again",
        ] {
            ensure!(answer.stderr.contains(words), "{words}: {answer:?}");
        }
    }
    let status = stage.cluster.client(&["status"])?;
    ensure!(status.contains("NOSPACE"), "{status}");
    // The data plane is the agents' alone.
    stage.cluster.host(2)?.ip("link del vxlan_db")?;
    stage.wait_until_have("db", &[true; 3])?;
    assert_eq!(stage.have("more")?, [false; 3]);
    make_room(&mut stage)?;
    stage.goes_on(&change)?;
    let status = stage.cluster.client(&["status"])?;
    ensure!(!status.contains("NOSPACE"), "{status}");
    stage.finish()
}

#[test]
fn a_change_in_hand_when_etcd_is_full_waits_for_room() -> Result<()> {
    let mut stage = open()?;
    let change = stage.propose("more", 2_000)?;
    stage.ask_a_person(None)?;
    fill(&mut stage)?;
    // A person's word counts once it is stored: it is refused by name, and nobody goes back.
    let answer = stage.cluster.weftctl(&["rollout", "confirm"])?;
    ensure!(answer.code != Some(0), "{answer:?}");
    ensure!(answer.stderr.contains("NOSPACE"), "{answer:?}");
    late(LEASE * 1_000 + 1_000);
    assert_eq!(stage.have("more")?, [true; 3]);
    assert_eq!(stage.newest()?.decision, "none");
    make_room(&mut stage)?;
    stage.confirm()?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Commit);
    stage.is_everywhere(&change, End::Commit)?;
    stage.finish()
}

#[test]
fn a_change_that_is_taken_back_while_etcd_is_full_goes_back_by_the_lease() -> Result<()> {
    let mut stage = open()?;
    let change = stage.propose("more", 2_000)?;
    stage.ask_a_person(Some(15))?;
    fill(&mut stage)?;
    // Nobody confirms, and that it is off cannot be stored.
    let start = Instant::now();
    stage.wait_until_have("more", &[false; 3])?;
    let took = start.elapsed();
    ensure!(took.as_secs() <= 15 + LEASE + 3, "it took {took:?}");
    make_room(&mut stage)?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Abort);
    stage.is_everywhere(&change, End::Abort)?;
    stage.goes_on(&change)?;
    stage.finish()
}

#[test]
fn an_abort_while_etcd_is_full_is_told_to_be_open_and_the_change_goes_back_by_the_lease()
-> Result<()> {
    let mut stage = open()?;
    let change = stage.propose("more", 2_000)?;
    stage.ask_a_person(None)?;
    fill(&mut stage)?;
    let answer = stage.cluster.weftctl(&["rollout", "abort"])?;
    ensure!(answer.code != Some(0), "{answer:?}");
    ensure!(answer.stderr.contains("NOSPACE"), "{answer:?}");
    // Nobody is told to stay any more, though nothing can be stored.
    stage.wait_until_have("more", &[false; 3])?;
    assert_eq!(stage.newest()?.decision, "none");
    make_room(&mut stage)?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Abort);
    stage.is_everywhere(&change, End::Abort)?;
    stage.goes_on(&change)?;
    stage.finish()
}
