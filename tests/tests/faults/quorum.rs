//! Two members of etcd's three are gone: nothing can be decided, in whatever phase a rollout is.
//!
//! Until a majority is back nothing that was applied is lost, what is unconfirmed returns by the
//! lease, and nobody is told anything that might not be so. Then it goes on by itself.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use weft_tests::wait;

use crate::stage::{Change, Contact, END_LIMIT, End, LEASE, Stage, late};

/// How long the leader, which hears nothing of etcd, goes on speaking to nodes: half its lease, as
/// the stage sets it.
const LEADS_ON: Duration = Duration::from_millis(1_500);

/// For the machine, which has other things to do.
const SLACK: Duration = Duration::from_secs(2);

/// Freezes the leader of etcd and one more: what is on its way is not answered any more.
fn lose_majority(stage: &mut Stage) -> Result<[usize; 2]> {
    let leader = stage.cluster.leading_member()?;
    let lost = [leader, leader % 3 + 1];
    for number in lost {
        stage.cluster.member(number)?.freeze()?;
    }
    Ok(lost)
}

fn regain(stage: &mut Stage, lost: [usize; 2]) -> Result<()> {
    for number in lost {
        stage.cluster.member(number)?.thaw()?;
    }
    wait::until("every node to be back", END_LIMIT, || {
        stage.cluster.controller()?.check_running()?;
        stage.cluster.wait_for_nodes()
    })?;
    Ok(())
}

/// Nobody is told that anything was stored.
fn is_refused(stage: &Stage, arguments: &[&str]) -> Result<()> {
    let answer = stage.cluster.weftctl(arguments)?;
    ensure!(answer.code != Some(0), "{answer:?}");
    ensure!(answer.stderr.contains("try again"), "{answer:?}");
    Ok(())
}

/// Whoever asks how things stand is told at once that nobody knows.
fn is_told(stage: &Stage) -> Result<()> {
    let start = Instant::now();
    let status = stage.cluster.client(&["status"])?;
    let took = start.elapsed();
    ensure!(status.contains("etcd has not answered for"), "{status}");
    ensure!(took < SLACK, "it took {took:?}");
    Ok(())
}

/// Every node goes back by itself, in the time that the protocol gives it.
fn all_return(stage: &Stage, change: &Change, since: Instant) -> Result<()> {
    stage.wait_until_have(&change.vnet, &[false; 3])?;
    let took = since.elapsed();
    let limit = LEADS_ON + Duration::from_secs(LEASE + 1) + SLACK;
    ensure!(took <= limit, "it took {took:?}, not {limit:?}");
    Ok(())
}

#[test]
fn a_majority_lost_while_nodes_prepare_changes_nothing() -> Result<()> {
    let mut stage = Stage::with_members(1, Contact::Short)?;
    let change = stage.propose("more", 2_000)?;
    // It cannot prepare, and so nobody goes on.
    stage.cluster.node(2)?.agent()?.signal(Signal::SIGSTOP)?;
    stage.cluster.client(&["rollout", "start"])?;
    let lost = lose_majority(&mut stage)?;
    stage.cluster.node(2)?.agent()?.signal(Signal::SIGCONT)?;
    // All are prepared now, and that cannot be written.
    late(4_000);
    assert_eq!(stage.have("more")?, [false; 3]);
    is_refused(&stage, &["rollout", "abort"])?;
    regain(&mut stage, lost)?;
    let (_, end) = stage.wait_for_end()?;
    stage.is_everywhere(&change, end)?;
    if end == End::Abort {
        stage.goes_on(&change)?;
    }
    stage.finish()
}

#[test]
fn a_majority_lost_between_two_waves_returns_the_first_by_the_lease() -> Result<()> {
    let mut stage = Stage::with_members(1, Contact::Short)?;
    let change = stage.propose("more", 2_000)?;
    stage
        .cluster
        .client(&["rollout", "start", "--waves=1", "--pause-between=6s"])?;
    stage.wait_until_have("more", &[true, false, false])?;
    let lost = lose_majority(&mut stage)?;
    all_return(&stage, &change, Instant::now())?;
    regain(&mut stage, lost)?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Abort);
    stage.is_everywhere(&change, End::Abort)?;
    stage.goes_on(&change)?;
    stage.finish()
}

#[test]
fn a_majority_lost_while_a_person_thinks_takes_no_answer_and_returns_all_by_the_lease() -> Result<()>
{
    let mut stage = Stage::with_members(1, Contact::Short)?;
    let change = stage.propose("more", 2_000)?;
    stage.ask_a_person(None)?;
    let lost = lose_majority(&mut stage)?;
    all_return(&stage, &change, Instant::now())?;
    is_told(&stage)?;
    is_refused(&stage, &["rollout", "confirm"])?;
    regain(&mut stage, lost)?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Abort);
    stage.is_everywhere(&change, End::Abort)?;
    stage.goes_on(&change)?;
    stage.finish()
}

#[test]
fn a_majority_lost_after_the_decision_takes_nothing_back() -> Result<()> {
    let mut stage = Stage::with_members(1, Contact::Short)?;
    let change = stage.propose("more", 2_000)?;
    stage.cluster.client(&["rollout", "start", "--wait"])?;
    stage.is_everywhere(&change, End::Commit)?;
    let lost = lose_majority(&mut stage)?;
    is_refused(&stage, &["rollback", "1"])?;
    // For longer than any lease, and what somebody takes away comes back.
    let host = stage.cluster.host(2)?;
    host.ip("link del vxlan_more")?;
    late(LEASE * 1_000 + 2_500);
    stage.is_everywhere(&change, End::Commit)?;
    regain(&mut stage, lost)?;
    let next = stage.propose("next", 2_001)?;
    stage.goes_on(&next)?;
    stage.is_everywhere(&change, End::Commit)?;
    stage.finish()
}

#[test]
fn a_majority_lost_before_a_node_heard_the_decision_lets_it_return_and_follow() -> Result<()> {
    let mut stage = Stage::with_members(1, Contact::Short)?;
    let change = stage.propose("more", 2_000)?;
    stage.ask_a_person(None)?;
    stage.cluster.node(2)?.agent()?.signal(Signal::SIGSTOP)?;
    stage.cluster.client(&["rollout", "confirm"])?;
    wait::until("the decision", END_LIMIT, || {
        let row = stage.newest()?;
        ensure!(row.decision == "commit", "{row:?}");
        Ok(())
    })?;
    let lost = lose_majority(&mut stage)?;
    late(LEASE * 1_000 + 1_000);
    stage.cluster.node(2)?.agent()?.signal(Signal::SIGCONT)?;
    // It has not heard, and its time is over; what the others confirmed is theirs.
    stage.wait_until_have("more", &[true, false, true])?;
    regain(&mut stage, lost)?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Commit);
    stage.is_everywhere(&change, End::Commit)?;
    stage.finish()
}

#[test]
fn a_majority_lost_at_any_moment_leaves_all_nodes_on_one_side() -> Result<()> {
    let mut stage = Stage::with_members(1, Contact::Short)?;
    let mut last = stage.newest()?.rollout;
    for (round, delay) in [40_u64, 80, 120, 160, 220].into_iter().enumerate() {
        let (vnet, tag) = (format!("more{round}"), 2_000 + u32::try_from(round)?);
        let change = stage.propose(&vnet, tag)?;
        let leader = stage.cluster.leading_member()?;
        let lost = [leader, leader % 3 + 1];
        let mut client = stage.begin_client(&["rollout", "start"])?;
        late(delay);
        for number in lost {
            stage.cluster.member(number)?.freeze()?;
        }
        late(2_500);
        regain(&mut stage, lost)?;
        client.wait()?;
        let (row, end) = stage.wait_for_end()?;
        // Lost before anything was stored, there is no rollout, and nothing must have changed.
        let end = if row.rollout > last { end } else { End::Abort };
        stage.is_everywhere(&change, end)?;
        if end == End::Abort {
            stage.goes_on(&change)?;
        }
        last = stage.newest()?.rollout;
    }
    stage.finish()
}
