//! Rollouts: everywhere or nowhere.

use tonic::Code;
use weft_model::revision::RevisionId;
use weft_proto::v1;

use crate::agent::Script;
use crate::cluster::{Cluster, plain_vnet, states, vnet, zone, zone_on};

#[tokio::test]
async fn a_vnet_goes_live_on_every_node() {
    let cluster = Cluster::start().await;
    let agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let closed = cluster.live().await;
    assert_eq!(
        states(&closed),
        [
            ("n1", "Confirmed"),
            ("n2", "Confirmed"),
            ("n3", "Confirmed")
        ]
    );
    for agent in &agents {
        assert_eq!(agent.devices(), ["vxlan_web", "web"], "{}", agent.name);
        assert_eq!(agent.revision(), RevisionId(closed.to));
        assert_eq!(agent.node().heard, ["prepare", "apply", "confirm"]);
    }

    let web = cluster.get(v1::Kind::Vnet, "web").await.unwrap();
    let status = web.status.unwrap();
    assert_eq!(
        (status.pending.as_str(), status.wanted, status.live),
        ("", 3, 3)
    );
    let conditions: Vec<_> = status
        .conditions
        .iter()
        .map(|it| (it.r#type.as_str(), it.status.as_str()))
        .collect();
    assert_eq!(
        conditions,
        [("Valid", "True"), ("Published", "True"), ("Live", "True")]
    );
}

#[tokio::test]
async fn only_what_changes_is_sent_and_only_to_the_nodes_that_it_changes() {
    let cluster = Cluster::start().await;
    let agents = cluster.three().await;
    cluster
        .put([
            zone("dc1"),
            vnet("web", "dc1", 100),
            zone_on("edge", &["n1"]),
        ])
        .await
        .unwrap();
    cluster.live().await;
    cluster.put([plain_vnet("lan", "edge")]).await.unwrap();
    let closed = cluster.live().await;
    assert_eq!(states(&closed), [("n1", "Confirmed")]);
    assert_eq!(agents[0].devices(), ["lan", "vxlan_web", "web"]);
    assert_eq!(agents[0].node().brought, [2, 1]);
    assert_eq!(agents[1].node().brought, [2]);
    let nodes = cluster.nodes().await.list(v1::ListNodesRequest {}).await;
    let current: Vec<_> = nodes
        .unwrap()
        .into_inner()
        .nodes
        .iter()
        .map(|node| (node.current, node.plan_entries))
        .collect();
    assert_eq!(current, [(true, 3), (true, 2), (true, 2)]);
}

#[tokio::test]
async fn one_node_that_refuses_keeps_every_node_as_it_was() {
    let cluster = Cluster::start().await;
    let mut agents = cluster.three().await;
    agents[1].set_script(Script::Refuse);
    cluster.connected("n2").await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let started = cluster.roll_out().await.unwrap();
    let closed = cluster.closed(started.rollout).await;
    assert_eq!(closed.decision, "abort");
    assert!(
        closed.reason.contains("node n2 refuses"),
        "{}",
        closed.reason
    );
    for agent in &agents {
        assert_eq!(agent.devices(), [] as [&str; 0]);
        assert!(!agent.node().heard.contains(&"apply"), "{}", agent.name);
    }
    let head = cluster.nodes().await.list(v1::ListNodesRequest {}).await;
    assert_eq!(head.unwrap().into_inner().head, 0);
}

#[tokio::test]
async fn one_node_that_fails_brings_every_node_back() {
    let cluster = Cluster::start().await;
    let mut agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    cluster.live().await;
    agents[2].set_script(Script::Fail);
    cluster.connected("n3").await;
    cluster.put([vnet("db", "dc1", 101)]).await.unwrap();
    let started = cluster.roll_out().await.unwrap();
    let closed = cluster.closed(started.rollout).await;
    assert_eq!(closed.decision, "abort");
    assert!(
        closed.reason.contains("node n3 failed"),
        "{}",
        closed.reason
    );
    for agent in &agents {
        assert_eq!(agent.devices(), ["vxlan_web", "web"]);
        assert!(agent.node().changing.is_none());
    }
    let db = cluster.get(v1::Kind::Vnet, "db").await.unwrap();
    assert_eq!(db.status.unwrap().pending, "new");
}

#[tokio::test]
async fn nothing_to_roll_out_is_said_and_is_no_error() {
    let cluster = Cluster::start().await;
    let _agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let first = cluster.live().await;
    let nothing = cluster.roll_out().await.unwrap();
    assert_eq!(
        (nothing.rollout, nothing.phase.as_str(), nothing.reason),
        (
            0,
            "Closed",
            format!("nothing to roll out: the draft is revision {}", first.to)
        )
    );
}

#[tokio::test]
async fn objects_that_concern_no_node_are_published_at_once() {
    let cluster = Cluster::start().await;
    let _agents = cluster.three().await;
    cluster.put([zone("dc1")]).await.unwrap();
    let closed = cluster.live().await;
    assert_eq!(states(&closed), []);
    let revisions = cluster.revisions().await;
    let listed = { revisions }
        .list(v1::ListRevisionsRequest { limit: 0 })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.head, closed.to);
    assert_eq!(listed.revisions[0].object_count, 4);
    assert_eq!(listed.revisions[0].author, "ada");
}

#[tokio::test]
async fn a_plan_is_sent_whole_to_a_node_that_asks_for_it() {
    let cluster = Cluster::start().await;
    let agents = [cluster.agent("n1", 1, Script::Doubt).await];
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    cluster.live().await;
    assert_eq!(agents[0].devices(), ["vxlan_web", "web"]);
    assert_eq!(agents[0].node().brought, [2, 2]);
}

#[tokio::test]
async fn a_rollback_is_a_rollout_of_an_old_revision_that_the_draft_follows() {
    let cluster = Cluster::start().await;
    let agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let first = cluster.live().await;
    cluster.put([vnet("db", "dc1", 101)]).await.unwrap();
    cluster.live().await;
    assert_eq!(agents[0].devices().len(), 4);

    let back = cluster
        .start_with(v1::StartRequest {
            revision: first.to,
            ..v1::StartRequest::default()
        })
        .await
        .unwrap();
    assert!(
        back.reason
            .contains(&format!("the draft is set to revision {}", first.to)),
        "{}",
        back.reason
    );
    assert_eq!(back.message, format!("rollback to {}", first.to));
    let closed = cluster.closed(back.rollout).await;
    assert_eq!((closed.decision.as_str(), closed.to), ("commit", 3));
    assert_eq!(agents[0].devices(), ["vxlan_web", "web"]);
    let missing = cluster.get(v1::Kind::Vnet, "db").await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    assert_eq!(cluster.roll_out().await.unwrap().rollout, 0);

    let mut revisions = cluster.revisions().await;
    let request = v1::GetRevisionRequest { revision: 3 };
    let third = revisions.get(request).await.unwrap().into_inner();
    let changes: Vec<_> = third
        .changes
        .iter()
        .map(|it| (it.key.as_ref().unwrap().name.as_str(), it.pending.as_str()))
        .collect();
    assert_eq!((third.parent, changes), (2, vec![("db", "deleted")]));
}
