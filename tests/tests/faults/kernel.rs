//! One node's kernel does not do what it is told, or is changed by somebody on the way.

use anyhow::{Result, ensure};

use crate::stage::{Contact, End, Stage};

#[test]
fn a_kernel_that_refuses_one_device_at_apply_returns_every_wave() -> Result<()> {
    let stage = Stage::open(Contact::Short)?;
    let change = stage.propose("more", 2_000)?;
    stage
        .cluster
        .client(&["rollout", "start", "--waves=1,1", "--pause-between=5s"])?;
    stage.wait_until_have("more", &[true, false, false])?;
    // Checked and staged, node 3 is still to apply when somebody takes the name.
    let host = stage.cluster.host(3)?;
    host.ip("link add more type bridge")?;
    host.ip("link set more alias theirs")?;
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Abort);
    let status = stage.cluster.client(&["rollout", "status"])?;
    ensure!(
        status.contains("node3") && status.contains("more"),
        "{status}"
    );
    // What is not ours is left alone.
    let device = host.ip("-d -o link show dev more")?;
    ensure!(device.contains("alias theirs"), "{device}");
    host.ip("link del more")?;
    stage.is_everywhere(&change, End::Abort)?;
    stage.goes_on(&change)?;
    stage.finish()
}

#[test]
fn a_device_deleted_in_the_middle_of_a_rollout_does_not_split_the_nodes() -> Result<()> {
    let stage = Stage::open(Contact::Short)?;
    let change = stage.propose("more", 2_000)?;
    stage
        .cluster
        .client(&["rollout", "start", "--waves=1", "--pause-between=2s"])?;
    stage.wait_until_have("more", &[true, false, false])?;
    stage.cluster.host(1)?.ip("link del vxlan_more")?;
    stage.cluster.host(2)?.ip("link del db")?;
    let (_, end) = stage.wait_for_end()?;
    stage.is_everywhere(&change, end)?;
    stage.wait_until_have("db", &[true; 3])?;
    stage.finish()
}
