//! Nodes that are away, and come back.

use tonic::Code;
use weft_proto::v1;

use crate::agent::Script;
use crate::cluster::{Cluster, states, until, vnet, zone};

#[tokio::test]
async fn a_node_that_is_offline_stops_a_rollout_unless_it_is_left_out_and_catches_up_later() {
    let cluster = Cluster::start().await;
    let mut agents = cluster.three().await;
    agents[2].disconnect();
    cluster.node_when("n3", |node| !node.connected).await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let refused = cluster.roll_out().await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (
            Code::FailedPrecondition,
            "the change concerns nodes that are offline: n3; bring them back, or leave them out \
             with skip-offline: they catch up when they return"
        )
    );
    let request = v1::StartRequest {
        skip_offline: true,
        ..v1::StartRequest::default()
    };
    let started = cluster.start_with(request).await.unwrap();
    let closed = cluster.closed(started.rollout).await;
    assert_eq!(states(&closed), [("n1", "Confirmed"), ("n2", "Confirmed")]);
    assert_eq!(closed.deferred, ["n3"]);
    let web = cluster.get(v1::Kind::Vnet, "web").await.unwrap();
    let status = web.status.unwrap();
    assert_eq!((status.wanted, status.live), (3, 2));
    assert_eq!(status.nodes[2].state, "Offline");

    agents[2].connect();
    cluster.node_when("n3", |node| node.current).await;
    assert_eq!(agents[2].devices(), ["vxlan_web", "web"]);
    assert_eq!(agents[2].node().heard, ["catch-up", "confirm"]);
}

#[tokio::test]
async fn a_node_that_was_away_for_the_decision_hears_it_when_it_returns() {
    let cluster = Cluster::start().await;
    let mut agents = cluster.three().await;
    agents[2].set_script(Script::Hang);
    cluster.connected("n3").await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let started = cluster.roll_out().await.unwrap();
    until("n3 is told to apply", || {
        agents[2].node().heard.contains(&"apply").then_some(())
    })
    .await;
    agents[2].disconnect();
    let abort = v1::RolloutCommand {
        rollout: 0,
        author: "ada".to_owned(),
        ..v1::RolloutCommand::default()
    };
    cluster.rollouts().await.abort(abort).await.unwrap();
    let closed = cluster.closed(started.rollout).await;
    assert_eq!(states(&closed)[2].1, "Offline");
    assert!(
        closed.reason.contains("still to hear of it: n3"),
        "{}",
        closed.reason
    );
    assert!(agents[2].node().changing.is_some());

    agents[2].connect();
    cluster
        .node_when("n3", |node| node.current && node.state == "idle")
        .await;
    assert!(agents[2].node().changing.is_none());
    assert_eq!(agents[2].node().heard.last(), Some(&"rollback"));
}

#[tokio::test]
async fn a_second_stream_of_a_node_takes_the_place_of_the_first() {
    let cluster = Cluster::start().await;
    let first = cluster.agent("n1", 1, Script::Obey).await;
    let second = cluster.agent("n1", 1, Script::Obey).await;
    drop(first);
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    cluster.connected("n1").await;
    cluster.live().await;
    assert_eq!(second.devices(), ["vxlan_web", "web"]);
}

#[tokio::test]
async fn a_new_node_has_an_object_and_facts_and_its_administrator_s_object_is_kept() {
    let cluster = Cluster::start().await;
    let _agent = cluster.agent("n1", 1, Script::Obey).await;
    let node = cluster.get(v1::Kind::Node, "n1").await.unwrap();
    assert_eq!(node.metadata.unwrap().generation, 1);
    let mut labelled = cluster.get(v1::Kind::Node, "n1").await.unwrap();
    let labels = &mut labelled.metadata.as_mut().unwrap().labels;
    labels.insert("rack".to_owned(), "r1".to_owned());
    cluster.put([labelled]).await.unwrap();
    let view = cluster.connected("n1").await;
    assert_eq!(view.labels["rack"], "r1");
    assert_eq!(view.facts.unwrap().links[0].addresses, ["10.9.0.1/24"]);
}

#[tokio::test]
async fn a_node_that_takes_part_in_a_rollout_hears_of_nothing_else_meanwhile() {
    let cluster = Cluster::start().await;
    let mut agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let first = cluster.live().await;
    let without = |request: v1::StartRequest| v1::StartRequest {
        skip_offline: true,
        ..request
    };
    agents[2].disconnect();
    cluster.node_when("n3", |node| !node.connected).await;
    cluster.put([vnet("db", "dc1", 101)]).await.unwrap();
    let request = without(v1::StartRequest::default());
    let second = cluster.start_with(request).await.unwrap().rollout;
    cluster.closed(second).await;

    // It is brought along with the second and says nothing of it, while the head goes back to what
    // it has: so it takes part in what comes next.
    agents[2].set_script(Script::Hang);
    until("n3 is brought along", || {
        agents[2].node().heard.contains(&"catch-up").then_some(())
    })
    .await;
    let request = without(v1::StartRequest {
        revision: first.to,
        ..v1::StartRequest::default()
    });
    let third = cluster.start_with(request).await.unwrap().rollout;
    cluster.closed(third).await;
    cluster.put([vnet("mail", "dc1", 102)]).await.unwrap();
    let fourth = cluster.roll_out().await.unwrap().rollout;
    let (heard, of) = until("n3 is given many words of its rollout", || {
        let node = agents[2].node();
        let begin = node.heard_of.iter().position(|it| it.0 == fourth)?;
        let heard = node.heard[begin..].to_vec();
        (heard.len() > 6).then(|| (heard, node.heard_of[begin..].to_vec()))
    })
    .await;
    assert_eq!(heard[..2], ["prepare", "apply"]);
    assert!(of.iter().all(|it| it.0 == fourth), "{heard:?} {of:?}");
}
