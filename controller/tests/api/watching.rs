//! Streams: what watchers see, and when they are told to begin anew.

use std::time::Duration;

use tokio_stream::StreamExt;
use tonic::Code;
use weft_proto::v1;

use crate::agent::Script;
use crate::cluster::{Cluster, vnet, zone};

async fn next<T>(stream: &mut tonic::Streaming<T>) -> Option<Result<T, tonic::Status>> {
    let next = tokio::time::timeout(Duration::from_secs(20), stream.next());
    next.await.expect("something comes in time")
}

fn word(event: &v1::WatchEvent) -> String {
    match event.event.as_ref().unwrap() {
        v1::watch_event::Event::Put(object) => {
            format!("put {}", object.metadata.as_ref().unwrap().name)
        }
        v1::watch_event::Event::Delete(key) => format!("delete {}", key.name),
        v1::watch_event::Event::Bookmark(_) => "bookmark".to_owned(),
    }
}

#[tokio::test]
async fn a_watch_shows_what_is_there_then_every_change_and_resumes_without_a_gap() {
    let cluster = Cluster::start().await;
    cluster.put([zone("dc1")]).await.unwrap();
    let mut objects = cluster.objects().await;
    let request = v1::WatchRequest {
        kind: v1::Kind::Unspecified.into(),
        from_version: 0,
    };
    let mut stream = objects.watch(request).await.unwrap().into_inner();
    let first = next(&mut stream).await.unwrap().unwrap();
    assert_eq!(word(&first), "put dc1");
    let mark = next(&mut stream).await.unwrap().unwrap();
    assert_eq!(word(&mark), "bookmark");

    cluster
        .put([vnet("web", "dc1", 100), vnet("db", "dc1", 101)])
        .await
        .unwrap();
    let web = next(&mut stream).await.unwrap().unwrap();
    let db = next(&mut stream).await.unwrap().unwrap();
    let seen = [word(&web), word(&db)];
    assert!(
        seen.contains(&"put web".to_owned()) && seen.contains(&"put db".to_owned()),
        "{seen:?}"
    );
    drop(stream);
    cluster.delete(v1::Kind::Vnet, "db").await.unwrap();

    // Resuming after the first half of the batch shows the whole of it again.
    let request = v1::WatchRequest {
        kind: v1::Kind::Vnet.into(),
        from_version: web.version,
    };
    let mut stream = objects.watch(request).await.unwrap().into_inner();
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(word(&next(&mut stream).await.unwrap().unwrap()));
    }
    assert_eq!(seen[2], "delete db");
    let request = v1::WatchRequest {
        kind: v1::Kind::Vnet.into(),
        from_version: db.version,
    };
    let mut stream = objects.watch(request).await.unwrap().into_inner();
    let only = next(&mut stream).await.unwrap().unwrap();
    assert_eq!(word(&only), "delete db");
}

#[tokio::test]
async fn a_version_that_is_too_old_is_out_of_range() {
    let mut cluster = Cluster::start().await;
    cluster.put([zone("dc1")]).await.unwrap();
    cluster.put([zone("dc2")]).await.unwrap();
    // A controller keeps the changes since it started.
    cluster.stop().await;
    cluster.resume().await;
    let request = v1::WatchRequest {
        kind: v1::Kind::Zone.into(),
        from_version: 1,
    };
    let refused = cluster.objects().await.watch(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
}

#[tokio::test]
async fn a_rollout_is_watched_until_it_is_over() {
    let cluster = Cluster::start().await;
    let _agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let started = cluster.roll_out().await.unwrap();
    let request = v1::GetRolloutRequest {
        rollout: started.rollout,
    };
    let mut stream = cluster
        .rollouts()
        .await
        .watch(request)
        .await
        .unwrap()
        .into_inner();
    let mut last = None;
    while let Some(rollout) = next(&mut stream).await {
        last = Some(rollout.unwrap());
    }
    let last = last.unwrap();
    assert_eq!(
        (last.phase.as_str(), last.decision.as_str()),
        ("Closed", "commit")
    );
}

#[tokio::test]
async fn what_happens_on_a_node_is_told_and_kept() {
    let cluster = Cluster::start().await;
    let agent = cluster.agent("n1", 1, Script::Obey).await;
    let request = v1::WatchEventsRequest {
        node: String::new(),
    };
    let mut stream = cluster
        .nodes()
        .await
        .watch_events(request)
        .await
        .unwrap()
        .into_inner();
    agent.happen("device web was deleted and is back").await;
    let event = next(&mut stream).await.unwrap().unwrap();
    let expected = v1::NodeEvent {
        node: "n1".to_owned(),
        at: 1,
        reason: "DriftHealed".to_owned(),
        message: "device web was deleted and is back".to_owned(),
        origin: None,
    };
    assert_eq!(event, expected);
    let node = cluster.connected("n1").await;
    assert_eq!(node.events, [expected]);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off_and_goes_on_where_it_was() {
    const MANY: u32 = 200;
    let cluster = Cluster::with_unread(Duration::from_secs(1)).await;
    cluster.put([zone("dc1")]).await.unwrap();
    let wish = |from_version| v1::WatchRequest {
        kind: v1::Kind::Vnet.into(),
        from_version,
    };
    let mut objects = cluster.objects_unread().await;
    let mut stream = objects.watch(wish(0)).await.unwrap().into_inner();
    let mark = next(&mut stream).await.unwrap().unwrap();
    assert_eq!(word(&mark), "bookmark");
    let vnets = (0..MANY).map(|number| vnet(&format!("v{number:03}"), "dc1", 100 + number));
    cluster.put(vnets).await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;

    let mut version = mark.version;
    let mut seen = 0;
    while let Ok(event) = next(&mut stream).await.unwrap() {
        version = event.version;
        seen += 1;
    }
    assert!(seen < MANY, "what was not asked for came all the same");
    let request = wish(version);
    let mut stream = cluster.objects().await.watch(request).await.unwrap();
    for number in 0..MANY {
        let event = next(stream.get_mut()).await.unwrap().unwrap();
        assert_eq!(word(&event), format!("put v{number:03}"));
    }
}
