//! The controller is killed while a rollout goes on.

use anyhow::{Result, ensure};

use crate::stage::{Contact, End, Stage, late};

/// The controller comes back, and whatever there is of a rollout ends; every kernel is where the
/// history says.
fn recover(stage: &mut Stage) -> Result<()> {
    stage.cluster.start_controller()?;
    stage.cluster.wait_for_nodes()
}

#[test]
fn a_controller_killed_at_any_moment_leaves_all_nodes_on_one_side() -> Result<()> {
    let mut stage = Stage::open(Contact::Short)?;
    let last = stage.newest()?.rollout;
    let mut begun = 0;
    for (round, delay) in [0_u64, 60, 90, 120, 160, 240].into_iter().enumerate() {
        let (vnet, tag) = (format!("more{round}"), 2_000 + u32::try_from(round)?);
        let change = stage.propose(&vnet, tag)?;
        let mut client = stage.begin_client(&["rollout", "start"])?;
        late(delay);
        stage.cluster.kill_controller()?;
        client.wait()?;
        recover(&mut stage)?;
        let (row, end) = stage.wait_for_end()?;
        // Killed before anything was stored, there is no rollout, and nothing must have changed.
        let end = if row.rollout > last + begun {
            begun = row.rollout - last;
            end
        } else {
            End::Abort
        };
        stage.is_everywhere(&change, end)?;
        if end == End::Abort {
            stage.goes_on(&change)?;
            begun = stage.newest()?.rollout - last;
        }
    }
    ensure!(begun > 0, "no rollout began");
    stage.finish()
}

#[test]
fn a_controller_killed_between_two_waves_goes_on_with_the_next() -> Result<()> {
    let mut stage = Stage::open(Contact::Long)?;
    let change = stage.propose("more", 2_000)?;
    stage
        .cluster
        .client(&["rollout", "start", "--waves=1", "--pause-between=8s"])?;
    stage.wait_until_have("more", &[true, false, false])?;
    stage.cluster.kill_controller()?;
    // Nobody decides meanwhile, and nobody is ahead of the decision.
    ensure!(stage.have("more")?.iter().filter(|&&has| has).count() <= 1);
    recover(&mut stage)?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Commit);
    stage.is_everywhere(&change, End::Commit)?;
    stage.finish()
}

#[test]
fn a_controller_killed_while_a_person_thinks_still_takes_the_answer() -> Result<()> {
    let mut stage = Stage::with_etcd_of_its_own(Contact::Long)?;
    let change = stage.propose("more", 2_000)?;
    stage.ask_a_person(Some(60))?;
    stage.cluster.kill_controller()?;
    recover(&mut stage)?;
    // Back within the lease, nodes still stand by the change.
    stage.confirm()?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Commit);
    stage.is_everywhere(&change, End::Commit)?;
    stage.finish()
}

#[test]
fn a_controller_that_is_away_for_longer_than_the_lease_finds_all_nodes_returned() -> Result<()> {
    let mut stage = Stage::open(Contact::Short)?;
    let change = stage.propose("more", 2_000)?;
    stage.ask_a_person(Some(60))?;
    stage.cluster.kill_controller()?;
    // Nobody is there to tell them.
    stage.wait_until_have("more", &[false; 3])?;
    recover(&mut stage)?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Abort);
    stage.is_everywhere(&change, End::Abort)?;
    stage.goes_on(&change)?;
    stage.finish()
}
