//! What the store is written for a rollout, and for nothing.

use std::time::Duration;

use weft_proto::v1;

use crate::agent::{Agent, Script};
use crate::cluster::{Cluster, plain_vnet, zone_on};

/// Longer than the controller collects what nodes confirmed before it stores it.
const COLLECTED: Duration = Duration::from_millis(1_500);

/// Rolls a vnet out to so many nodes; returns what that wrote, and what nothing wrote afterwards.
async fn writes(nodes: u8) -> (u64, u64) {
    let cluster = Cluster::start().await;
    let mut agents: Vec<Agent> = Vec::new();
    let mut names: Vec<&'static str> = Vec::new();
    for number in 1..=nodes {
        let name: &'static str = format!("n{number:02}").leak();
        agents.push(cluster.agent(name, number, Script::Obey).await);
        names.push(name);
    }
    cluster
        .put([zone_on("edge", &names), plain_vnet("lan", "edge")])
        .await
        .unwrap();
    tokio::time::sleep(COLLECTED).await;
    let before = cluster.written().await;
    let closed = cluster.live().await;
    assert_eq!(closed.nodes.len(), usize::from(nodes));
    tokio::time::sleep(COLLECTED).await;
    let after = cluster.written().await;
    tokio::time::sleep(COLLECTED).await;
    let idle = cluster.written().await;
    for agent in &agents {
        assert_eq!(agent.devices(), ["lan"], "{}", agent.name);
    }
    (after - before, idle - after)
}

#[tokio::test]
async fn a_rollout_to_many_nodes_writes_as_often_as_one_to_few_and_nothing_writes_nothing() {
    let (few, idle) = writes(5).await;
    assert!((1..=20).contains(&few), "{few} writes");
    assert_eq!(idle, 0);
    // More nodes than one transaction of the store has a key for each: one transaction more for
    // every hundred that begins, and no more.
    let (many, idle) = writes(130).await;
    assert!(
        (few..=few + 2).contains(&many),
        "{few} writes for 5 nodes, {many} for 130"
    );
    assert_eq!(idle, 0);
}

/// Rolls a vnet out and takes it back, again and again; so many rollouts.
async fn roll(cluster: &Cluster, rollouts: u32) {
    for turn in 0..rollouts {
        if turn % 2 == 0 {
            cluster.put([plain_vnet("lan", "edge")]).await.unwrap();
        } else {
            cluster.delete(v1::Kind::Vnet, "lan").await.unwrap();
        }
        cluster.live().await;
    }
}

/// What is left of many rollouts once a leader has tidied, as every leader does when it begins:
/// the keys of the store and the open files of this process.
async fn left(cluster: &mut Cluster) -> (usize, usize) {
    tokio::time::sleep(COLLECTED).await;
    cluster.stop().await;
    cluster.resume().await;
    cluster.connected("n1").await;
    let mut last = usize::MAX;
    // It is over when it finds no more for a while.
    loop {
        tokio::time::sleep(COLLECTED).await;
        let keys = cluster.keys().await;
        if keys == last {
            break;
        }
        last = keys;
    }
    (last, files())
}

fn files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The long form, with memory too: `cargo xtask bench --swarm --agents 300 --rollouts 10000`.
#[tokio::test]
async fn what_many_rollouts_leave_behind_is_what_fewer_left() {
    /// More than are kept.
    const KEPT: u32 = 210;
    let mut cluster = Cluster::start().await;
    let agent = cluster.agent("n1", 1, Script::Obey).await;
    cluster.put([zone_on("edge", &["n1"])]).await.unwrap();
    roll(&cluster, KEPT).await;
    let (keys, files) = left(&mut cluster).await;
    roll(&cluster, 40).await;
    let (more_keys, more_files) = left(&mut cluster).await;
    assert_eq!(agent.devices(), [] as [&str; 0]);
    assert!(
        keys.abs_diff(more_keys) <= 3,
        "{keys} keys, then {more_keys}"
    );
    assert!(more_files <= files + 5, "{files} files, then {more_files}");
}
