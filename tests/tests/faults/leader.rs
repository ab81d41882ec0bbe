//! Two controllers on one etcd, and the one that leads is killed or frozen in mid-rollout.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use weft_tests::exec;

use crate::stage::{Contact, End, Stage};

/// Longer than the leader's lease and an agent's longest first pauses.
const TAKEOVER: Duration = Duration::from_secs(20);

#[test]
fn a_killed_leader_is_followed_by_the_other_and_the_rollout_ends() -> Result<()> {
    let mut stage = Stage::with_controllers(2, Contact::Long)?;
    let change = stage.propose("more", 2_000)?;
    stage
        .cluster
        .client(&["rollout", "start", "--waves=1", "--pause-between=3s"])?;
    stage.wait_until_have("more", &[true, false, false])?;
    stage.cluster.kill_controller_at(0)?;
    let start = Instant::now();
    let (_, end) = stage.wait_for_end_at(1)?;
    let took = start.elapsed();
    ensure!(took < TAKEOVER, "it took {took:?}");
    assert_eq!(end, End::Commit);
    stage.is_everywhere(&change, End::Commit)?;
    stage.finish()
}

#[test]
fn a_deposed_leader_that_wakes_up_changes_nothing() -> Result<()> {
    let mut stage = Stage::with_controllers(2, Contact::Long)?;
    let change = stage.propose("more", 2_000)?;
    stage.ask_a_person(Some(60))?;
    // Frozen, it holds a rollout in its hands that only waits for a word.
    stage.cluster.controller_at(0)?.signal(Signal::SIGSTOP)?;
    let abort = stage.abort_at(1)?;
    let (row, end) = stage.wait_for_end_at(1)?;
    assert_eq!(end, End::Abort, "{abort}");
    stage.cluster.controller_at(0)?.signal(Signal::SIGCONT)?;
    // It may still believe that it leads when the first request comes.
    let mut command = stage
        .cluster
        .weftctl_command_at(0, &["rollout", "confirm"])?;
    let confirm = exec::output(&mut command)?;
    ensure!(confirm.code != Some(0), "{confirm:?}");
    crate::stage::late(2_000);
    // Whatever it believed, what is decided stays, and the nodes stay.
    assert_eq!(stage.newest_at(0)?, row);
    assert_eq!(stage.newest_at(1)?, row);
    stage.is_everywhere(&change, End::Abort)?;
    stage.finish()
}
