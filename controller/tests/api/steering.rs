//! What users may want of rollouts, and what they are told.

use tonic::Code;
use tonic_types::StatusExt;
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
        ..v1::RolloutCommand::default()
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
    let request = v1::StartRequest {
        probes: vec!["road".to_owned(), "/bin/sh -c true".to_owned()],
        probe_limit_seconds: 61,
        accept: vec!["destructive".to_owned(), "anything".to_owned()],
        ..v1::StartRequest::default()
    };
    let refused = cluster.start_with(request).await.unwrap_err();
    let wrong = ["probes[1]", "probe_limit_seconds", "accept[1]"].map(str::to_owned);
    assert_eq!(
        crate::cluster::fields(&refused),
        (Code::InvalidArgument, wrong.to_vec())
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
async fn a_change_that_divides_nodes_goes_to_all_at_once_or_by_consent() {
    let cluster = Cluster::start().await;
    let _agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100), vnet("db", "dc1", 200)])
        .await
        .unwrap();
    let first = v1::StartRequest {
        waves: vec!["1".to_owned()],
        ..v1::StartRequest::default()
    };
    // What comes anew divides nobody.
    let started = cluster.start_with(first.clone()).await.unwrap();
    cluster.closed(started.rollout).await;
    cluster.put([vnet("web", "dc1", 101)]).await.unwrap();
    let answer = cluster
        .objects()
        .await
        .diff(v1::DiffRequest::default())
        .await;
    let diff = answer.unwrap().into_inner();
    let object = &diff.objects[0];
    assert_eq!(
        (
            diff.class.as_str(),
            object.class.as_str(),
            &object.effects[..]
        ),
        (
            "flag-day",
            "flag-day",
            &["flag-day: its tag is 101 instead of 100".to_owned()][..]
        )
    );
    let refused = cluster.start_with(first.clone()).await.unwrap_err();
    assert_eq!(
        crate::cluster::fields(&refused),
        (Code::InvalidArgument, vec!["waves".to_owned()])
    );
    let details = refused.get_error_details();
    let violations = &details.bad_request().unwrap().field_violations;
    assert!(
        violations[0]
            .description
            .contains("vnet/web: its tag is 101 instead of 100"),
        "{violations:?}"
    );
    let in_turn = v1::StartRequest {
        max_parallel: 2,
        ..v1::StartRequest::default()
    };
    let refused = cluster.start_with(in_turn).await.unwrap_err();
    assert_eq!(
        crate::cluster::fields(&refused),
        (Code::InvalidArgument, vec!["max_parallel".to_owned()])
    );
    let agreed = v1::StartRequest {
        accept: vec!["split".to_owned()],
        ..first
    };
    let started = cluster.start_with(agreed).await.unwrap();
    let closed = cluster.closed(started.rollout).await;
    assert_eq!((closed.decision.as_str(), closed.waves), ("commit", 2));
    let request = v1::GetRevisionRequest {
        revision: closed.to,
    };
    let revision = cluster.revisions().await.get(request).await.unwrap();
    assert_eq!(revision.into_inner().class, "flag-day");
}

#[tokio::test]
async fn the_decision_waits_for_the_soak_and_asks_every_node_once_more() {
    let cluster = Cluster::start().await;
    let agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let request = v1::StartRequest {
        soak_seconds: Some(1),
        ..v1::StartRequest::default()
    };
    let began = std::time::Instant::now();
    let started = cluster.start_with(request).await.unwrap();
    let soaking = cluster
        .rollout_when(started.rollout, |it| it.phase == "Soaking")
        .await;
    assert_eq!(soaking.soak_remaining_seconds, 1);
    assert!(
        soaking
            .nodes
            .iter()
            .all(|node| node.detail == "must stand by it for 1 s more")
    );
    let closed = cluster.closed(started.rollout).await;
    assert_eq!(closed.decision, "commit");
    assert!(began.elapsed() >= std::time::Duration::from_secs(1));
    for agent in &agents {
        let heard = agent.node().heard.clone();
        let tail = &heard[heard.len() - 2..];
        assert_eq!(tail, ["check", "confirm"], "{heard:?}");
    }
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
