//! etcd is restored from a backup that is older than what nodes have.

use anyhow::{Result, ensure};
use weft_tests::wait;

use crate::stage::{Contact, END_LIMIT, Stage};

/// A cluster whose store forgot the last rollout, which every node has.
fn set_back() -> Result<Stage> {
    let mut stage = Stage::open(Contact::Short)?;
    stage.cluster.member(1)?.kill()?;
    stage.cluster.member(1)?.back_up()?;
    stage.cluster.start_etcd()?;
    wait::until("changes to be taken", END_LIMIT, || {
        stage.cluster.controller()?.check_running()?;
        stage.propose("more", 2_000)
    })?;
    stage.cluster.wait_for_nodes()?;
    stage.cluster.client(&["rollout", "start", "--wait"])?;
    stage.wait_until_have("more", &[true; 3])?;
    stage.cluster.member(1)?.kill()?;
    stage.cluster.member(1)?.restore()?;
    Ok(stage)
}

/// It is known that the store went back, and nobody moves.
fn stands_still(stage: &Stage, how: &str) -> Result<()> {
    wait::until("it to be noticed", END_LIMIT, || {
        let status = stage.cluster.client(&["status"])?;
        ensure!(status.contains("restored from a backup"), "{status}");
        ensure!(status.contains(how), "{status}");
        Ok(())
    })?;
    let refused = stage.cluster.weftctl(&["rollout", "start"])?;
    ensure!(refused.code == Some(1), "{refused:?}");
    ensure!(refused.stderr.contains("accept-restore"), "{refused:?}");
    assert_eq!(stage.have("more")?, [true; 3]);
    Ok(())
}

/// Every node is brought to what the backup has, and the next change goes everywhere.
fn goes_on_from_the_backup(stage: &mut Stage) -> Result<()> {
    let accept = ["cluster", "accept-restore", "--reason=the disk is gone"];
    stage.cluster.client(&accept)?;
    stage.wait_until_have("more", &[false; 3])?;
    wait::until("every node to be back", END_LIMIT, || {
        stage.cluster.wait_for_nodes()
    })?;
    let change = stage.propose("other", 2_001)?;
    stage.goes_on(&change)?;
    let audit = stage.cluster.client(&["audit", "--action=cluster."])?;
    ensure!(audit.contains("cluster.accept-restore"), "{audit}");
    Ok(())
}

#[test]
fn a_restored_etcd_is_noticed_by_the_controller_and_moves_no_node_until_accepted() -> Result<()> {
    let mut stage = set_back()?;
    stage.cluster.start_etcd()?;
    stands_still(&stage, "this controller saw")?;
    goes_on_from_the_backup(&mut stage)?;
    stage.finish()
}

#[test]
fn a_restored_etcd_is_noticed_by_the_nodes_where_the_controller_is_a_new_one() -> Result<()> {
    let mut stage = set_back()?;
    stage.cluster.kill_controller()?;
    let seen = stage.lab.folder().join("controller.state/store.json");
    std::fs::remove_file(seen)?;
    stage.cluster.start_etcd()?;
    stage.cluster.start_controller()?;
    stands_still(&stage, "it has confirmed rollout")?;
    goes_on_from_the_backup(&mut stage)?;
    stage.finish()
}
