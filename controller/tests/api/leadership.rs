//! Controllers that stop, start and stand by.

use tonic::Code;
use weft_proto::v1;

use crate::cluster::{Cluster, states, vnet, zone};

#[tokio::test]
async fn a_rollout_goes_on_under_the_next_leader() {
    let mut cluster = Cluster::start().await;
    let agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let request = v1::StartRequest {
        author: "ada".to_owned(),
        manual_confirm: true,
        confirm_within_seconds: 60,
        ..v1::StartRequest::default()
    };
    let started = cluster.start_with(request).await.unwrap();
    cluster
        .rollout_when(started.rollout, |it| it.phase == "WaitingForConfirm")
        .await;
    cluster.stop().await;
    cluster.resume().await;
    for agent in &agents {
        cluster.connected(agent.name).await;
    }
    let waiting = cluster
        .rollout_when(started.rollout, |it| it.phase == "WaitingForConfirm")
        .await;
    assert_eq!(
        states(&waiting),
        [("n1", "Verified"), ("n2", "Verified"), ("n3", "Verified")]
    );
    let confirm = v1::RolloutCommand {
        rollout: started.rollout,
        author: "ada".to_owned(),
        ..v1::RolloutCommand::default()
    };
    cluster.rollouts().await.confirm(confirm).await.unwrap();
    let closed = cluster.closed(started.rollout).await;
    assert_eq!(closed.decision, "commit");
    for agent in &agents {
        assert_eq!(agent.devices(), ["vxlan_web", "web"]);
        let applies = agent
            .node()
            .heard
            .iter()
            .filter(|it| **it == "apply")
            .count();
        assert_eq!(applies, 2, "each leader asks for itself");
    }
}

#[tokio::test]
async fn a_confirm_and_a_resume_outlive_the_leader_that_was_told() {
    let mut cluster = Cluster::start().await;
    let agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let request = v1::StartRequest {
        author: "ada".to_owned(),
        manual_confirm: true,
        confirm_within_seconds: 60,
        ..v1::StartRequest::default()
    };
    let started = cluster.start_with(request).await.unwrap();
    let command = |author: &str| v1::RolloutCommand {
        rollout: started.rollout,
        author: author.to_owned(),
        ..v1::RolloutCommand::default()
    };
    let early = cluster.rollouts().await.confirm(command("bob")).await;
    assert_eq!(early.unwrap_err().code(), Code::FailedPrecondition);
    cluster
        .rollout_when(started.rollout, |it| it.phase == "WaitingForConfirm")
        .await;
    let mut rollouts = cluster.rollouts().await;
    let paused = rollouts.pause(command("ada")).await.unwrap().into_inner();
    assert_eq!(paused.phase, "Paused");
    let confirmed = rollouts.confirm(command("bob")).await.unwrap().into_inner();
    assert_eq!(confirmed.phase, "Paused");
    // Once more by the same person is the same; by another it is too late.
    rollouts.confirm(command("bob")).await.unwrap();
    let twice = rollouts.confirm(command("eve")).await.unwrap_err();
    assert_eq!(
        twice.message(),
        format!("rollout {} is confirmed by bob already", started.rollout)
    );
    cluster.stop().await;

    cluster.resume().await;
    for agent in &agents {
        cluster.connected(agent.name).await;
    }
    let resumed = cluster.rollouts().await.resume(command("ada")).await;
    assert_ne!(resumed.unwrap().into_inner().phase, "Paused");
    let closed = cluster.closed(started.rollout).await;
    assert_eq!(closed.decision, "commit");
    let again = cluster.rollouts().await.confirm(command("bob")).await;
    assert_eq!(again.unwrap().into_inner().phase, "Closed");
    let mut said: Vec<_> = cluster
        .audits()
        .await
        .into_iter()
        .filter(|it| it.action.starts_with("rollout."))
        .map(|it| (it.author, it.action))
        .collect();
    said.reverse();
    let said: Vec<_> = said
        .iter()
        .map(|(author, action)| (author.as_str(), action.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            ("ada", "rollout.start"),
            ("controller", "rollout.apply"),
            ("ada", "rollout.pause"),
            ("bob", "rollout.confirm"),
            ("ada", "rollout.resume"),
            ("controller", "rollout.commit"),
            ("controller", "rollout.close"),
        ]
    );
}

#[tokio::test]
async fn a_restart_with_nothing_going_on_changes_nothing_on_any_node() {
    let mut cluster = Cluster::start().await;
    let agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let live = cluster.live().await;
    cluster.stop().await;
    cluster.resume().await;
    for agent in &agents {
        cluster
            .node_when(agent.name, |node| node.connected && node.current)
            .await;
        assert_eq!(agent.node().heard, ["prepare", "apply", "confirm"]);
    }
    let web = cluster.get(v1::Kind::Vnet, "web").await.unwrap();
    let status = web.status.unwrap();
    assert_eq!((status.wanted, status.live), (3, 3));
    let past = cluster.closed(live.rollout).await;
    assert_eq!(states(&past)[0], ("n1", "Confirmed"));
}

#[tokio::test]
async fn a_controller_that_does_not_lead_reads_and_names_the_leader() {
    let cluster = Cluster::start().await;
    let _agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    cluster.live().await;
    let second = cluster.second().await;
    let web = second.get(v1::Kind::Vnet, "web").await.unwrap();
    assert_eq!(web.metadata.unwrap().generation, 1);
    let mut refused = second.put([zone("dc2")]).await.unwrap_err();
    for _ in 0..100 {
        if refused.message().contains("tests at") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        refused = second.put([zone("dc2")]).await.unwrap_err();
    }
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(
        refused
            .message()
            .starts_with("this controller does not lead; tests at 127.0.0.1:"),
        "{refused}"
    );

    // What is written by way of the leader shows up here too.
    cluster.put([zone("dc2")]).await.unwrap();
    let mut found = false;
    for _ in 0..500 {
        found = second.get(v1::Kind::Zone, "dc2").await.is_ok();
        if found {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(found);
}

#[tokio::test]
async fn all_of_it_holds_on_a_real_etcd_and_what_was_confirmed_outlives_the_controller() {
    let mut cluster = Cluster::on_etcd().await;
    let mut agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let live = cluster.live().await;
    // What changes nothing is not waited for.
    let again = cluster.put([zone("dc1")]).await.unwrap();
    assert_eq!(again.outcomes[0].action, "unchanged");
    cluster.put([vnet("db", "dc1", 101)]).await.unwrap();
    cluster.live().await;
    let back = v1::StartRequest {
        revision: live.to,
        ..v1::StartRequest::default()
    };
    let back = cluster.start_with(back).await.unwrap();
    assert_eq!(cluster.closed(back.rollout).await.decision, "commit");
    assert_eq!(agents[0].devices(), ["vxlan_web", "web"]);
    // What nodes confirm is written a moment later, many at a time.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    for agent in &mut agents {
        agent.disconnect();
    }
    cluster.stop().await;
    cluster.resume().await;
    let node = cluster
        .node_when("n1", |node| node.confirmed_revision == back.to)
        .await;
    assert_eq!((node.connected, node.current), (false, true));
    let live = cluster
        .get(v1::Kind::Vnet, "web")
        .await
        .unwrap()
        .status
        .unwrap()
        .conditions
        .remove(2);
    assert_eq!(
        (live.status.as_str(), live.reason.as_str()),
        ("Unknown", "Offline")
    );
    cluster.end().await;
}
