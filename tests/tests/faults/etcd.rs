//! etcd is killed, or does not answer.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use weft_tests::exec::Output;
use weft_tests::wait;

use crate::stage::{Contact, END_LIMIT, End, Stage};

/// A change of the draft, which cannot be stored.
fn refused(stage: &Stage) -> Result<Output> {
    let file = stage.cluster.lab().folder().join("more.yaml");
    let start = Instant::now();
    let answer = stage
        .cluster
        .weftctl(&["apply", "-f", &file.to_string_lossy()])?;
    ensure!(answer.code != Some(0), "{answer:?}");
    let took = start.elapsed();
    // weftctl asks again for some seconds: the controller itself answers at once.
    ensure!(answer.stderr.contains("try again"), "{answer:?}");
    ensure!(took < Duration::from_secs(25), "it took {took:?}");
    Ok(answer)
}

fn recovers(stage: &mut Stage, change: &crate::stage::Change) -> Result<()> {
    wait::until("a controller that leads", END_LIMIT, || {
        stage.cluster.controller()?.check_running()?;
        stage.cluster.wait_for_nodes()
    })?;
    wait::until("changes to be taken", END_LIMIT, || stage.goes_on(change))?;
    Ok(())
}

#[test]
fn a_killed_etcd_costs_no_packet_and_the_controller_goes_on_with_the_next() -> Result<()> {
    let mut stage = Stage::open(Contact::Short)?;
    let change = stage.propose("more", 2_000)?;
    stage.cluster.member(1)?.kill()?;
    refused(&stage)?;
    // The data plane is the agents' alone.
    let host = stage.cluster.host(2)?;
    host.ip("link del vxlan_db")?;
    stage.wait_until_have("db", &[true; 3])?;
    stage.cluster.start_etcd()?;
    recovers(&mut stage, &change)?;
    stage.finish()
}

#[test]
fn a_frozen_etcd_costs_no_packet_and_is_taken_up_again() -> Result<()> {
    let mut stage = Stage::open(Contact::Short)?;
    let change = stage.propose("more", 2_000)?;
    stage.cluster.member(1)?.freeze()?;
    let answer = refused(&stage);
    stage.cluster.member(1)?.thaw()?;
    answer?;
    recovers(&mut stage, &change)?;
    stage.finish()
}

#[test]
fn an_etcd_killed_in_mid_rollout_leaves_all_nodes_on_one_side() -> Result<()> {
    let mut stage = Stage::open(Contact::Long)?;
    let change = stage.propose("more", 2_000)?;
    stage
        .cluster
        .client(&["rollout", "start", "--waves=1", "--pause-between=6s"])?;
    stage.wait_until_have("more", &[true, false, false])?;
    stage.cluster.member(1)?.kill()?;
    crate::stage::late(1_500);
    stage.cluster.start_etcd()?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Commit);
    stage.is_everywhere(&change, End::Commit)?;
    recovers(&mut stage, &change)?;
    stage.finish()
}
