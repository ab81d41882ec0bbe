//! A person decides, or does not.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::stage::{Contact, End, Stage};

#[test]
fn a_change_that_nobody_confirms_returns_everywhere_in_time() -> Result<()> {
    let stage = Stage::open(Contact::Short)?;
    let change = stage.propose("more", 2_000)?;
    stage.ask_a_person(Some(3))?;
    let verified = Instant::now();
    assert_eq!(stage.have("more")?, [true; 3]);
    let (_, end) = stage.wait_for_end()?;
    ensure!(verified.elapsed() >= Duration::from_secs(2), "too early");
    assert_eq!(end, End::Abort);
    stage.is_everywhere(&change, End::Abort)?;
    stage.goes_on(&change)?;
    stage.finish()
}

#[test]
fn a_change_that_a_person_confirms_stays() -> Result<()> {
    let stage = Stage::open(Contact::Short)?;
    let change = stage.propose("more", 2_000)?;
    stage.ask_a_person(Some(30))?;
    // For longer than the lease: the leader's words alone keep it.
    crate::stage::late(6_000);
    assert_eq!(stage.have("more")?, [true; 3]);
    stage.cluster.client(&["rollout", "confirm"])?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Commit);
    stage.is_everywhere(&change, End::Commit)?;
    stage.finish()
}
