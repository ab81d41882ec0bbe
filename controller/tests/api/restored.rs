//! A store that was restored from a backup.

use tonic::{Code, Status};
use tonic_types::StatusExt;
use weft_model::revision::Incarnation;
use weft_proto::v1;

use crate::agent::Agent;
use crate::cluster::{Cluster, vnet, zone};

/// A cluster whose store lost the last two of three rollouts, with no controller yet.
async fn set_back() -> (Cluster, [Agent; 3]) {
    let mut cluster = Cluster::start().await;
    let agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    cluster.live().await;
    cluster.stop().await;
    let backup = cluster.backup();
    cluster.resume().await;
    for agent in &agents {
        cluster.connected(agent.name).await;
    }
    for (name, tag) in [("db", 101), ("mail", 102)] {
        cluster.put([vnet(name, "dc1", tag)]).await.unwrap();
        cluster.live().await;
    }
    cluster.stop().await;
    cluster.restore(backup);
    (cluster, agents)
}

async fn status(cluster: &Cluster) -> v1::ClusterStatus {
    let request = v1::ClusterStatusRequest {};
    let answer = cluster.whole().await.status(request).await;
    answer.unwrap().into_inner()
}

/// The status, once it tells how it is known that the store went back.
async fn quarantined(cluster: &Cluster) -> v1::ClusterStatus {
    for _ in 0..500 {
        let status = status(cluster).await;
        if !status.quarantine.is_empty() && status.leads {
            return status;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("nobody notices");
}

fn is_refused<T: std::fmt::Debug>(result: Result<T, Status>) {
    let refused = result.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    assert!(
        refused.message().contains("weftctl cluster accept-restore"),
        "{refused}"
    );
    let info = refused.get_details_error_info().unwrap();
    assert_eq!(info.reason, "STORE_RESTORED");
}

async fn accept(cluster: &Cluster) -> Result<u64, Status> {
    let request = v1::AcceptRestoreRequest {
        author: "ada".to_owned(),
        reason: "the disk is gone".to_owned(),
    };
    let accepted = cluster.whole().await.accept_restore(request).await;
    accepted.map(|accepted| accepted.into_inner().incarnation)
}

#[tokio::test]
async fn nodes_tell_that_the_store_went_back_and_nothing_moves_until_that_is_accepted() {
    let (mut cluster, agents) = set_back().await;
    cluster.forget_store();
    let before: Vec<_> = agents.iter().map(Agent::node).collect();
    cluster.resume().await;
    let told = quarantined(&cluster).await;
    assert!(
        told.quarantine
            .contains("it has confirmed rollout 3, and the store knows none after 1"),
        "{}",
        told.quarantine
    );
    for agent in &agents {
        cluster.connected(agent.name).await;
    }
    is_refused(cluster.put([vnet("new", "dc1", 103)]).await);
    is_refused(cluster.roll_out().await);
    let abort = v1::RolloutCommand::default();
    is_refused(cluster.rollouts().await.abort(abort).await);
    for (agent, before) in agents.iter().zip(&before) {
        assert_eq!(agent.devices().len(), 6, "{}", agent.name);
        assert_eq!(agent.node().heard, before.heard, "{}", agent.name);
    }

    // The next leader knows it too.
    cluster.stop().await;
    cluster.resume().await;
    assert_eq!(quarantined(&cluster).await.quarantine, told.quarantine);
    assert_eq!(accept(&cluster).await.unwrap(), 1);
    for agent in &agents {
        cluster
            .node_when(agent.name, |node| node.connected && node.current)
            .await;
        assert_eq!(agent.devices(), ["vxlan_web", "web"], "{}", agent.name);
        let pin = agent.node().pin.unwrap();
        assert_eq!(pin.incarnation, Incarnation(1));
    }
    let settled = status(&cluster).await;
    assert_eq!((settled.quarantine.as_str(), settled.incarnation), ("", 1));
    cluster.put([vnet("new", "dc1", 103)]).await.unwrap();
    cluster.live().await;
    let audit = cluster.audits().await;
    let said = audit
        .iter()
        .map(|it| (it.author.as_str(), it.action.as_str()))
        .filter(|(_, action)| action.starts_with("cluster."));
    let expected = [
        ("ada", "cluster.accept-restore"),
        ("controller", "cluster.quarantine"),
    ];
    assert_eq!(said.collect::<Vec<_>>(), expected);
    let again = accept(&cluster).await.unwrap_err();
    assert_eq!(again.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn a_controller_that_saw_more_of_the_store_knows_it_without_any_node() {
    let (mut cluster, mut agents) = set_back().await;
    for agent in &mut agents {
        agent.disconnect();
    }
    cluster.resume().await;
    let told = quarantined(&cluster).await;
    assert!(
        told.quarantine.starts_with("this controller saw version"),
        "{}",
        told.quarantine
    );
    is_refused(cluster.roll_out().await);
    assert_eq!(accept(&cluster).await.unwrap(), 1);
    // A node that comes only now is brought to the restored store as well.
    agents[0].connect();
    cluster
        .node_when("n1", |node| node.connected && node.current)
        .await;
    assert_eq!(agents[0].devices(), ["vxlan_web", "web"]);
}

#[tokio::test]
async fn one_node_of_many_that_says_so_is_left_alone_and_stops_nobody() {
    let mut cluster = Cluster::start().await;
    let agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    cluster.live().await;
    agents[2].claim_rollout(99);
    cluster.stop().await;
    cluster.resume().await;
    for agent in &agents {
        cluster.connected(agent.name).await;
    }
    assert_eq!(status(&cluster).await.quarantine, "");
    cluster.put([vnet("db", "dc1", 101)]).await.unwrap();
    let started = cluster.roll_out().await;
    // It holds the plan that it should, so that it takes part; all else goes on.
    let closed = cluster.closed(started.unwrap().rollout).await;
    assert_eq!(closed.decision, "commit");
}
