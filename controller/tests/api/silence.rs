//! A store that does not answer.

use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::Instant;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use weft_proto::v1;

use crate::cluster::{Cluster, key, vnet, zone};

/// Nobody waits longer than this.
const SOON: Duration = Duration::from_secs(2);

/// That a request is refused soon, with what is wrong and when to try again.
async fn unavailable<T: std::fmt::Debug>(
    what: &str,
    asked: impl Future<Output = Result<T, Status>>,
) {
    let begun = Instant::now();
    let refused = asked.await.unwrap_err();
    let waited = begun.elapsed();
    assert_eq!(refused.code(), Code::Unavailable, "{what}: {refused}");
    assert!(waited < SOON, "{what}: {waited:?}");
    assert!(refused.message().contains("etcd"), "{what}: {refused}");
    let retry = refused
        .get_details_retry_info()
        .and_then(|it| it.retry_delay);
    assert_eq!(retry, Some(Duration::from_secs(1)), "{what}");
    let info = refused.get_details_error_info().unwrap();
    assert_eq!(info.reason, "STORE_UNAVAILABLE", "{what}");
}

#[tokio::test]
async fn a_silent_store_is_told_within_two_seconds_and_reads_from_memory_are_marked() {
    let cluster = Cluster::on_etcd().await;
    let _agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    cluster.live().await;
    let edit = v1::ApplyRequest {
        put: vec![vnet("db", "dc1", 101)],
        idempotency_key: "k1".to_owned(),
        ..v1::ApplyRequest::default()
    };
    let mut objects = cluster.objects().await;
    let mut revisions = cluster.revisions().await;
    let mut rollouts = cluster.rollouts().await;
    let mut whole = cluster.whole().await;

    cluster.signal_etcd(Signal::SIGSTOP);
    // While this controller still leads, and when it cannot any more.
    for _ in 0..4 {
        unavailable("apply", objects.apply(edit.clone())).await;
        unavailable("start", rollouts.start(v1::StartRequest::default())).await;
        let list = v1::ListRevisionsRequest { limit: 0 };
        unavailable("revisions", revisions.list(list)).await;
        unavailable("lock", whole.get_lock(v1::GetLockRequest {})).await;
    }
    let request = v1::GetRequest {
        key: Some(key(v1::Kind::Vnet, "web")),
    };
    let begun = Instant::now();
    let web = objects.get(request).await.unwrap();
    let stale = web.metadata().get("weft-stale-seconds").unwrap();
    assert!(stale.to_str().unwrap().parse::<u64>().unwrap() >= 3);
    let status = whole.status(v1::ClusterStatusRequest {}).await.unwrap();
    assert!(begun.elapsed() < SOON);
    let status = status.into_inner();
    assert!(status.silent_seconds >= 3, "{status:?}");
    assert_eq!((status.head, status.lock), (1, None));

    cluster.signal_etcd(Signal::SIGCONT);
    let deadline = Instant::now() + Duration::from_secs(20);
    while let Err(refused) = objects.apply(edit.clone()).await {
        assert_eq!(refused.code(), Code::Unavailable, "{refused}");
        assert!(Instant::now() < deadline, "{refused}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let db = until_fresh(&cluster).await;
    assert_eq!(db.metadata.unwrap().generation, 1);
    cluster.end().await;
}

/// The vnet that was asked for while the store was silent, from a controller that is not stale.
async fn until_fresh(cluster: &Cluster) -> v1::Object {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let request = v1::GetRequest {
            key: Some(key(v1::Kind::Vnet, "db")),
        };
        let found = cluster.objects().await.get(request).await;
        if let Ok(found) = found
            && found.metadata().get("weft-stale-seconds").is_none()
        {
            return found.into_inner();
        }
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
