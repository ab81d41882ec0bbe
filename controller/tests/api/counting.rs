//! What the store is written for a rollout, and for nothing.

use std::time::Duration;

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
