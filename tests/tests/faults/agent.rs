//! An agent is killed, or stops to answer, while a rollout goes on.

use std::time::Duration;

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use weft_tests::dump;

use crate::stage::{Contact, End, Stage, late};

#[test]
fn an_agent_killed_at_any_moment_leaves_all_nodes_on_one_side() -> Result<()> {
    let mut stage = Stage::open(Contact::Short)?;
    for (round, delay) in [60_u64, 90, 120, 150, 220].into_iter().enumerate() {
        let (vnet, tag) = (format!("more{round}"), 2_000 + u32::try_from(round)?);
        let change = stage.propose(&vnet, tag)?;
        let last = stage.newest()?.rollout;
        let mut client = stage.begin_client(&["rollout", "start"])?;
        late(delay);
        stage.cluster.node(2)?.kill_agent()?;
        late(200);
        stage.cluster.node(2)?.start_agent()?;
        client.wait()?;
        stage.cluster.wait_for_nodes()?;
        let (row, end) = stage.wait_for_end()?;
        // Killed before the rollout began, the node was offline, and the start is refused.
        let end = if row.rollout > last { end } else { End::Abort };
        stage.is_everywhere(&change, end)?;
        if end == End::Abort {
            stage.goes_on(&change)?;
        }
    }
    stage.finish()
}

#[test]
fn an_agent_killed_with_its_change_unconfirmed_returns_when_it_is_back() -> Result<()> {
    let mut stage = Stage::open(Contact::Short)?;
    let change = stage.propose("more", 2_000)?;
    stage.ask_a_person(Some(60))?;
    stage.cluster.node(2)?.kill_agent()?;
    // The controller hears nothing for a lease, and takes it back everywhere else.
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Abort);
    stage.wait_until_have("more", &[false, true, false])?;
    stage.cluster.node(2)?.start_agent()?;
    stage.is_everywhere(&change, End::Abort)?;
    stage.cluster.wait_for_nodes()?;
    stage.goes_on(&change)?;
    stage.finish()
}

#[test]
fn an_agent_that_stops_before_it_prepared_keeps_the_change_from_all() -> Result<()> {
    let mut stage = Stage::open(Contact::Short)?;
    let change = stage.propose("more", 2_000)?;
    stage.cluster.node(2)?.agent()?.signal(Signal::SIGSTOP)?;
    stage.cluster.weftctl(&["rollout", "start"])?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Abort);
    assert_eq!(stage.have("more")?, [false; 3]);
    stage.cluster.node(2)?.agent()?.signal(Signal::SIGCONT)?;
    stage.cluster.wait_for_nodes()?;
    stage.is_everywhere(&change, End::Abort)?;
    stage.goes_on(&change)?;
    stage.finish()
}

#[test]
fn an_agent_that_stops_after_it_applied_returns_with_all_others() -> Result<()> {
    let mut stage = Stage::open(Contact::Short)?;
    let change = stage.propose("more", 2_000)?;
    stage.ask_a_person(Some(60))?;
    stage.cluster.node(2)?.agent()?.signal(Signal::SIGSTOP)?;
    // A person who answers too late does not bring it back.
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Abort);
    let late_answer = stage.cluster.weftctl(&["rollout", "confirm"])?;
    ensure!(late_answer.code != Some(0), "{late_answer:?}");
    stage.wait_until_have("more", &[false, true, false])?;
    stage.cluster.node(2)?.agent()?.signal(Signal::SIGCONT)?;
    stage.is_everywhere(&change, End::Abort)?;
    stage.cluster.wait_for_nodes()?;
    stage.goes_on(&change)?;
    stage.finish()
}

#[test]
fn an_agent_that_is_asked_to_stop_stops_in_every_state_and_its_network_stays() -> Result<()> {
    let mut stage = Stage::open(Contact::Long)?;
    let change = stage.propose("more", 2_000)?;
    // Settled.
    stops(&mut stage)?;
    stage.cluster.node(2)?.start_agent()?;
    stage.cluster.wait_for_nodes()?;
    // Prepared: the first wave is another node's.
    stage
        .cluster
        .client(&["rollout", "start", "--waves=1", "--pause-between=3s"])?;
    stage.wait_until_have("more", &[true, false, false])?;
    stops(&mut stage)?;
    stage.cluster.node(2)?.start_agent()?;
    let (_, end) = stage.wait_for_end()?;
    stage.is_everywhere(&change, end)?;
    stage.cluster.wait_for_nodes()?;
    if end == End::Abort {
        stage.goes_on(&change)?;
    }
    // Verified, and its time is not over.
    let change = stage.propose("again", 2_001)?;
    stage.ask_a_person(None)?;
    stops(&mut stage)?;
    assert_eq!(stage.have("again")?, [true; 3]);
    stage.cluster.node(2)?.start_agent()?;
    stage.cluster.wait_for_nodes()?;
    stage.confirm()?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Commit);
    stage.is_everywhere(&change, End::Commit)?;
    stage.finish()
}

/// Node 2's agent ends well, within ten seconds, and changes nothing on its way out.
fn stops(stage: &mut Stage) -> Result<()> {
    let before = stage.cluster.dumps()?;
    let node = stage.cluster.node(2)?;
    node.agent()?.signal(Signal::SIGTERM)?;
    let status = node.wait_for_end_of_agent(Duration::from_secs(10))?;
    ensure!(status.success(), "{status}");
    let changes = dump::differences(&before, &stage.cluster.dumps()?);
    ensure!(changes.is_empty(), "changed: {changes:#?}");
    Ok(())
}
