//! What is remembered of rollouts.

use weft_proto::v1;

use crate::agent::Script;
use crate::cluster::{Cluster, vnet, zone};

/// Each node with its end, whether it was in the way, and the revision that it came back to.
fn ends(nodes: &[v1::RolloutNode]) -> Vec<(&str, &str, &str, u64)> {
    let ends = nodes.iter().map(|it| {
        assert!(it.at > 0, "{it:?}");
        assert_eq!(it.later > 0, it.later_revision > 0, "{it:?}");
        let (node, state) = (it.node.as_str(), it.state.as_str());
        (node, state, it.trouble.as_str(), it.later_revision)
    });
    ends.collect()
}

#[tokio::test]
async fn the_history_says_how_every_node_ended_why_and_who_came_back_later() {
    let mut cluster = Cluster::start().await;
    let mut agents = cluster.three().await;
    agents[2].disconnect();
    cluster.node_when("n3", |node| !node.connected).await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let request = v1::StartRequest {
        author: "ada".to_owned(),
        message: "the first".to_owned(),
        skip_offline: true,
        ..v1::StartRequest::default()
    };
    let first = cluster.start_with(request).await.unwrap();
    cluster.closed(first.rollout).await;

    // The next leader knows who is away, and notes that it came back.
    cluster.stop().await;
    cluster.resume().await;
    agents[2].connect();
    cluster.node_when("n3", |node| node.current).await;
    let done = cluster
        .rollout_when(first.rollout, |it| {
            it.deferred_nodes.iter().all(|node| node.later > 0)
        })
        .await;
    assert_eq!(
        ends(&done.nodes),
        [("n1", "Confirmed", "", 0), ("n2", "Confirmed", "", 0)]
    );
    assert_eq!(
        ends(&done.deferred_nodes),
        [("n3", "Deferred", "", first.to)]
    );

    for agent in &agents {
        cluster.connected(agent.name).await;
    }
    agents[1].set_script(Script::Fail);
    cluster.connected("n2").await;
    cluster.put([vnet("db", "dc1", 101)]).await.unwrap();
    let second = cluster.roll_out().await.unwrap();
    cluster.closed(second.rollout).await;
    cluster.stop().await;
    cluster.resume().await;
    let failed = cluster.closed(second.rollout).await;
    assert_eq!(
        ends(&failed.nodes),
        [
            ("n1", "RolledBack", "", 0),
            ("n2", "RolledBack", "failed", 0),
            ("n3", "RolledBack", "", 0)
        ]
    );
    assert_eq!(failed.nodes[1].faults[0].attempt, "cannot enslave device");

    let request = v1::HistoryRequest { limit: 0 };
    let history = cluster.rollouts().await.history(request).await.unwrap();
    let told: Vec<_> = history
        .into_inner()
        .rollouts
        .into_iter()
        .map(|it| {
            assert!(it.started > 0 && it.decided >= it.started && it.nodes.is_empty());
            (it.author, it.message, it.reason, it.node_count)
        })
        .collect();
    let line = |author: &str, message: &str, reason: &str, count| {
        let [author, message, reason] = [author, message, reason].map(str::to_owned);
        (author, message, reason, count)
    };
    assert_eq!(
        told,
        [
            line("ada", "", &failed.reason, 3),
            line("ada", "the first", "confirmed", 2)
        ]
    );
}

#[tokio::test]
async fn who_did_what_is_read_newest_first_by_action_and_by_author() {
    let cluster = Cluster::start().await;
    let _agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let started = cluster.roll_out().await.unwrap();
    cluster.closed(started.rollout).await;
    let ask = async |action: &str, author: &str| {
        let request = v1::AuditRequest {
            limit: 0,
            action: action.to_owned(),
            author: author.to_owned(),
        };
        let answer = cluster.whole().await.audit(request).await.unwrap();
        let records = answer.into_inner().records.into_iter();
        let told = records.map(|it| {
            assert!(it.at > 0);
            (it.author, it.action, it.detail)
        });
        told.collect::<Vec<_>>()
    };
    let line = |author: &str, action: &str, detail: &str| {
        (author.to_owned(), action.to_owned(), detail.to_owned())
    };
    let of_it = "rollout 1 to revision 1";
    assert_eq!(
        ask("rollout.", "").await,
        [
            line("controller", "rollout.close", of_it),
            line("controller", "rollout.commit", of_it),
            line("controller", "rollout.apply", of_it),
            line("ada", "rollout.start", of_it),
        ]
    );
    assert_eq!(
        ask("", "ada").await,
        [
            line("ada", "rollout.start", of_it),
            line("ada", "publish", "from revision 0"),
        ]
    );
    let all = ask("", "").await;
    assert_eq!(
        all.last().map(|(_, action, _)| action.as_str()),
        Some("hello")
    );
}

#[tokio::test]
async fn a_call_that_is_repeated_with_its_key_is_done_once() {
    let cluster = Cluster::start().await;
    let _agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let request = v1::StartRequest {
        author: "ada".to_owned(),
        waves: vec!["1".to_owned()],
        pause_between_seconds: 2,
        ..v1::StartRequest::default()
    };
    let started = cluster.start_with(request).await.unwrap();
    cluster
        .rollout_when(started.rollout, |it| it.phase == "Applying")
        .await;
    let command = |key: &str| v1::RolloutCommand {
        author: "ada".to_owned(),
        idempotency_key: key.to_owned(),
        ..v1::RolloutCommand::default()
    };
    let mut rollouts = cluster.rollouts().await;
    rollouts.pause(command("p1")).await.unwrap();
    rollouts.pause(command("p1")).await.unwrap();
    rollouts.pause(command("p2")).await.unwrap_err();
    rollouts.resume(command("r1")).await.unwrap();
    rollouts.resume(command("r1")).await.unwrap();
    assert_eq!(cluster.closed(started.rollout).await.decision, "commit");
    // Also when it is over.
    let again = rollouts.pause(command("p1")).await.unwrap().into_inner();
    assert_eq!(
        (again.rollout, again.phase.as_str()),
        (started.rollout, "Closed")
    );

    cluster.put([vnet("db", "dc1", 101)]).await.unwrap();
    let discard = v1::DiscardRequest {
        idempotency_key: "d1".to_owned(),
    };
    let mut objects = cluster.objects().await;
    let first = objects.discard(discard.clone()).await.unwrap().into_inner();
    assert_eq!(first.outcomes.len(), 1);
    let second = objects.discard(discard).await.unwrap().into_inner();
    assert_eq!(second, first);
}
