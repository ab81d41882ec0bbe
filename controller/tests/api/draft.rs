//! The draft: what is stored, what is refused, and why.

use tonic::Code;
use weft_proto::v1;

use crate::cluster::{Cluster, fields, key, plain_vnet, vnet, zone, zone_on};

#[tokio::test]
async fn a_batch_is_stored_whole_and_read_back() {
    let cluster = Cluster::start().await;
    let applied = cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let actions: Vec<_> = applied
        .outcomes
        .iter()
        .map(|it| it.action.as_str())
        .collect();
    assert_eq!(actions, ["created", "created"]);

    let listed = cluster
        .objects()
        .await
        .list(v1::ListRequest::default())
        .await;
    let listed = listed.unwrap().into_inner();
    let names: Vec<_> = listed
        .objects
        .iter()
        .map(|object| object.metadata.as_ref().unwrap().name.as_str())
        .collect();
    assert_eq!(names, ["dc1", "web"]);
    assert!(listed.version >= applied.version);

    let again = cluster.put([zone("dc1")]).await.unwrap();
    assert_eq!(again.outcomes[0].action, "unchanged");
}

#[tokio::test]
async fn every_fault_is_named_by_object_and_field_and_nothing_is_stored() {
    let cluster = Cluster::start().await;
    let refused = cluster
        .put([
            zone("dc1"),
            vnet("web", "dc1", 0),
            vnet("db", "dc1", 16_777_216),
        ])
        .await
        .unwrap_err();
    assert_eq!(
        fields(&refused),
        (
            Code::InvalidArgument,
            vec![
                "vnet/web/spec.tag".to_owned(),
                "vnet/db/spec.tag".to_owned()
            ]
        )
    );
    let refused = cluster
        .put([zone("dc1"), vnet("web", "dc2", 1), vnet("db", "dc1", 2)])
        .await
        .unwrap_err();
    assert_eq!(
        fields(&refused),
        (Code::InvalidArgument, vec!["vnet/web/spec.zone".to_owned()])
    );
    let refused = cluster
        .put([zone("dc1"), vnet("web", "dc1", 7), vnet("db", "dc1", 7)])
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);

    let listed = cluster
        .objects()
        .await
        .list(v1::ListRequest::default())
        .await;
    assert_eq!(listed.unwrap().into_inner().objects, []);
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_and_stores_nothing() {
    let cluster = Cluster::start().await;
    let request = v1::ApplyRequest {
        put: vec![zone("dc1")],
        dry_run: true,
        ..v1::ApplyRequest::default()
    };
    let answer = cluster.objects().await.apply(request).await.unwrap();
    assert_eq!(answer.into_inner().outcomes[0].action, "created");
    let missing = cluster.get(v1::Kind::Zone, "dc1").await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
}

#[tokio::test]
async fn a_stale_version_is_refused_with_the_present_one() {
    let cluster = Cluster::start().await;
    cluster.put([zone("dc1")]).await.unwrap();
    let mut read = cluster.get(v1::Kind::Zone, "dc1").await.unwrap();
    let version = read.metadata.as_ref().unwrap().version;
    let Some(v1::object::Spec::Zone(spec)) = &mut read.spec else {
        panic!("a zone is a zone");
    };
    spec.mtu = Some(1400);
    cluster.put([read.clone()]).await.unwrap();

    let refused = cluster.put([read]).await.unwrap_err();
    assert_eq!(refused.code(), Code::Aborted);
    let present = cluster.get(v1::Kind::Zone, "dc1").await.unwrap();
    let present = present.metadata.unwrap();
    assert_eq!(
        refused.message(),
        format!(
            "zone/dc1 is at version {}, not {version}: read it again and repeat the change",
            present.version
        )
    );
    assert_eq!(present.generation, 2);
}

#[tokio::test]
async fn what_is_in_use_is_not_deleted_and_its_user_is_named() {
    let cluster = Cluster::start().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let refused = cluster.delete(v1::Kind::Zone, "dc1").await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (
            Code::InvalidArgument,
            "zone/dc1/metadata.name: it is in use by vnet/web: delete what uses it first, or in \
             the same request"
        )
    );
    let both = v1::ApplyRequest {
        delete: [(v1::Kind::Zone, "dc1"), (v1::Kind::Vnet, "web")]
            .map(|(kind, name)| v1::Deletion {
                key: Some(key(kind, name)),
                version: 0,
            })
            .into(),
        ..v1::ApplyRequest::default()
    };
    cluster.objects().await.apply(both).await.unwrap();
    let gone = cluster.delete(v1::Kind::Zone, "dc1").await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
}

#[tokio::test]
async fn the_same_key_gives_the_same_result() {
    let cluster = Cluster::start().await;
    let request = v1::ApplyRequest {
        put: vec![zone("dc1")],
        idempotency_key: "k1".to_owned(),
        ..v1::ApplyRequest::default()
    };
    let mut objects = cluster.objects().await;
    let first = objects.apply(request.clone()).await.unwrap().into_inner();
    let second = objects.apply(request).await.unwrap().into_inner();
    assert_eq!(first, second);
    assert_eq!(first.outcomes[0].action, "created");
}

#[tokio::test]
async fn concurrent_changes_that_are_valid_alone_make_no_invalid_draft_together() {
    let cluster = Cluster::start().await;
    cluster.put([zone("dc1")]).await.unwrap();
    let one = cluster.put([vnet("web", "dc1", 7)]);
    let two = cluster.put([vnet("db", "dc1", 7)]);
    let (one, two) = tokio::join!(one, two);
    assert_eq!(
        [one.is_ok(), two.is_ok()].iter().filter(|ok| **ok).count(),
        1
    );
}

#[tokio::test]
async fn a_diff_shows_objects_and_what_each_node_would_do() {
    let cluster = Cluster::start().await;
    let _agents = cluster.three().await;
    cluster
        .put([zone_on("dc1", &["n1", "n2"]), plain_vnet("web", "dc1")])
        .await
        .unwrap();
    let diff = cluster
        .objects()
        .await
        .diff(v1::DiffRequest::default())
        .await;
    let diff = diff.unwrap().into_inner();
    let changed: Vec<_> = diff
        .objects
        .iter()
        .map(|it| (it.key.as_ref().unwrap().name.as_str(), it.pending.as_str()))
        .collect();
    assert_eq!(
        changed,
        [
            ("n1", "new"),
            ("n2", "new"),
            ("n3", "new"),
            ("dc1", "new"),
            ("web", "new")
        ]
    );
    let nodes: Vec<_> = diff
        .nodes
        .iter()
        .map(|it| (it.node.as_str(), it.connected, it.changes.len()))
        .collect();
    assert_eq!(nodes, [("n1", true, 1), ("n2", true, 1)]);
}

#[tokio::test]
async fn discarding_returns_to_what_is_confirmed_and_keeps_the_nodes() {
    let cluster = Cluster::start().await;
    let _agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    cluster.live().await;
    cluster.put([vnet("db", "dc1", 101)]).await.unwrap();
    cluster.delete(v1::Kind::Vnet, "web").await.unwrap();
    let web = cluster.get(v1::Kind::Vnet, "web").await.unwrap();
    assert_eq!(web.status.unwrap().pending, "deleted");

    let discard = cluster
        .objects()
        .await
        .discard(v1::DiscardRequest::default())
        .await;
    let outcomes = discard.unwrap().into_inner().outcomes;
    let mut actions: Vec<_> = outcomes.iter().map(|it| it.action.as_str()).collect();
    actions.sort_unstable();
    assert_eq!(actions, ["created", "deleted"]);
    let web = cluster.get(v1::Kind::Vnet, "web").await.unwrap();
    assert_eq!(web.status.unwrap().pending, "");
    assert_eq!(
        cluster.get(v1::Kind::Vnet, "db").await.unwrap_err().code(),
        Code::NotFound
    );
}
