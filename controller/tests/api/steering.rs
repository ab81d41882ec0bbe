//! What users may want of rollouts, and what they are told.

use tonic::Code;
use weft_core::rollout::policy::Policy;
use weft_model::clock::Span;
use weft_proto::v1;

use crate::agent::Script;
use crate::cluster::{Cluster, states, vnet, zone};

fn manual() -> v1::StartRequest {
    v1::StartRequest {
        author: "ada".to_owned(),
        manual_confirm: true,
        confirm_within_seconds: 30,
        ..v1::StartRequest::default()
    }
}

fn active(author: &str) -> v1::RolloutCommand {
    v1::RolloutCommand {
        rollout: 0,
        author: author.to_owned(),
    }
}

#[tokio::test]
async fn a_second_rollout_is_refused_with_whose_the_first_is() {
    let cluster = Cluster::start().await;
    let _agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let first = cluster.start_with(manual()).await.unwrap();
    let refused = cluster.roll_out().await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let expected = format!(
        "rollout {} to revision 1 by ada is not finished",
        first.rollout
    );
    assert!(refused.message().starts_with(&expected), "{refused}");
}

#[tokio::test]
async fn a_person_confirms_and_only_then_is_it_decided() {
    let cluster = Cluster::start().await;
    let agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let started = cluster.start_with(manual()).await.unwrap();
    let waiting = cluster
        .rollout_when(started.rollout, |it| it.phase == "WaitingForConfirm")
        .await;
    assert_eq!(waiting.decision, "none");
    assert!((1..=30).contains(&waiting.confirm_remaining_seconds));
    assert_eq!(agents[0].devices(), [] as [&str; 0]);
    let web = cluster
        .get(v1::Kind::Vnet, "web")
        .await
        .unwrap()
        .status
        .unwrap();
    assert_eq!(web.nodes[0].state, "Applied");

    let mut rollouts = cluster.rollouts().await;
    rollouts.confirm(active("bob")).await.unwrap();
    let closed = cluster.closed(started.rollout).await;
    assert_eq!(closed.decision, "commit");
    assert_eq!(agents[0].devices(), ["vxlan_web", "web"]);
    assert!(agents[0].node().heard.contains(&"keep-alive") || closed.decided > 0);

    let late = rollouts.abort(active("bob")).await.unwrap_err();
    assert_eq!(late.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn an_abort_brings_every_node_back_and_is_told_with_its_author() {
    let cluster = Cluster::start().await;
    let agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let started = cluster.start_with(manual()).await.unwrap();
    cluster
        .rollout_when(started.rollout, |it| it.phase == "WaitingForConfirm")
        .await;
    cluster.rollouts().await.abort(active("bob")).await.unwrap();
    let closed = cluster.closed(started.rollout).await;
    assert_eq!(
        (closed.decision.as_str(), closed.reason.as_str()),
        ("abort", "aborted by bob")
    );
    for agent in &agents {
        assert!(agent.node().changing.is_none());
        assert_eq!(agent.node().heard.last(), Some(&"rollback"));
    }
}

#[tokio::test]
async fn waves_go_one_after_the_other_and_a_pause_holds_the_next() {
    let cluster = Cluster::start().await;
    let agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let request = v1::StartRequest {
        waves: vec!["1".to_owned()],
        pause_between_seconds: 1,
        ..v1::StartRequest::default()
    };
    let started = cluster.start_with(request).await.unwrap();
    cluster
        .rollout_when(started.rollout, |it| {
            it.nodes.iter().any(|node| node.state == "Verified")
        })
        .await;
    let mut rollouts = cluster.rollouts().await;
    rollouts.pause(active("ada")).await.unwrap();
    let paused = cluster
        .rollout_when(started.rollout, |it| it.phase == "Paused")
        .await;
    assert_eq!(
        states(&paused),
        [("n1", "Verified"), ("n2", "Prepared"), ("n3", "Prepared")]
    );
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    assert!(!agents[1].node().heard.contains(&"apply"));
    rollouts.resume(active("ada")).await.unwrap();
    assert_eq!(cluster.closed(started.rollout).await.decision, "commit");
}

#[tokio::test]
async fn a_node_that_does_not_answer_is_given_up_and_nobody_keeps_the_change() {
    let cluster = Cluster::with_policy(Policy {
        contact: Span(1_500),
        keep_alive: Span(200),
        settle: Span(1_000),
        ..Policy::default()
    })
    .await;
    let mut agents = cluster.three().await;
    agents[2].set_script(Script::Hang);
    cluster.connected("n3").await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let started = cluster.roll_out().await.unwrap();
    let closed = cluster.closed(started.rollout).await;
    assert_eq!(
        (closed.decision.as_str(), closed.reason.as_str()),
        ("abort", "contact with node n3 was lost")
    );
    assert_eq!(agents[0].node().heard.last(), Some(&"rollback"));
}

#[tokio::test]
async fn a_wish_that_makes_no_sense_is_refused_by_field() {
    let cluster = Cluster::start().await;
    let request = v1::StartRequest {
        waves: vec!["1".to_owned(), "0".to_owned(), "101%".to_owned()],
        ..v1::StartRequest::default()
    };
    let refused = cluster.start_with(request).await.unwrap_err();
    assert_eq!(
        crate::cluster::fields(&refused),
        (
            Code::InvalidArgument,
            vec!["waves[1]".to_owned(), "waves[2]".to_owned()]
        )
    );
    let nothing = cluster
        .rollouts()
        .await
        .pause(active("ada"))
        .await
        .unwrap_err();
    assert_eq!(
        (nothing.code(), nothing.message()),
        (Code::FailedPrecondition, "no rollout is active")
    );
}

#[tokio::test]
async fn the_same_key_starts_one_rollout() {
    let cluster = Cluster::start().await;
    let _agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let request = v1::StartRequest {
        idempotency_key: "k1".to_owned(),
        ..v1::StartRequest::default()
    };
    let first = cluster.start_with(request.clone()).await.unwrap();
    let second = cluster.start_with(request).await.unwrap();
    assert_eq!(first.rollout, second.rollout);
}
