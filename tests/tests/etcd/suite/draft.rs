//! The draft: batches, versions, watches, and lost messages.

use std::time::Duration;

use weft_controller::store::Store;
use weft_controller::store::draft::{Action, Change};
use weft_controller::store::error::{Conflict, StoreError};
use weft_controller::store::kv::Fault;
use weft_controller::store::watch::{DraftChange, DraftEvent, DraftWatch};
use weft_controller::store::write::Idempotency;
use weft_model::object::{Kind, ObjectKey};
use weft_model::revision::{Generation, Version};

use crate::fixtures::{World, batch, delete, key, lead, put, vnet, zone};

/// The next event that is no bookmark.
pub async fn next(watch: &mut DraftWatch) -> DraftEvent {
    loop {
        let event = watch.next().await.unwrap();
        if !event.changes.is_empty() {
            return event;
        }
    }
}

/// How many batches were stored.
async fn stored_batches(store: &Store) -> usize {
    store.audits(100).await.unwrap().len()
}

pub async fn a_cluster_is_named_once(world: World) {
    let first = world.store.cluster().await.unwrap();
    assert_eq!(world.store.cluster().await.unwrap(), first);
    assert_eq!(world.other().await.cluster().await.unwrap(), first);
}

pub async fn a_batch_is_listed_and_watched_whole(world: World) {
    let (store, other) = (&world.store, world.other().await);
    let leader = lead(store, "one").await;
    let before = other.draft().await.unwrap();
    assert!(before.objects.is_empty());
    let mut watch = other.watch_draft(before.version).await.unwrap();
    let changes = [put(zone("z1")), put(vnet("web", 7))];
    let applied = store.apply(&leader.fence, batch(changes)).await.unwrap();
    let zone_key = ObjectKey::new(Kind::Zone, "z1");
    let created = vec![
        (zone_key.clone(), Action::Created),
        (key("web"), Action::Created),
    ];
    assert_eq!(applied.outcomes, created);
    let draft = other.draft().await.unwrap();
    assert_eq!(draft.changed, applied.version);
    let event = next(&mut watch).await;
    let expected: Vec<DraftChange> = [&zone_key, &key("web")]
        .map(|key| DraftChange::Put(draft.objects[key].clone()))
        .into();
    assert_eq!(
        event,
        DraftEvent {
            version: applied.version,
            changes: expected,
        }
    );
    for stored in draft.objects.values() {
        assert_eq!(stored.version, applied.version);
        assert_eq!((stored.generation, stored.uid.len()), (Generation(1), 32));
    }
    assert_ne!(draft.objects[&zone_key].uid, draft.objects[&key("web")].uid);
}

pub async fn a_watch_resumes_after_what_it_saw(world: World) {
    let store = &world.store;
    let leader = lead(store, "one").await;
    let apply = async |change| {
        store
            .apply(&leader.fence, batch([change]))
            .await
            .unwrap()
            .version
    };
    let first = apply(put(vnet("web", 1))).await;
    let second = apply(put(vnet("web", 2))).await;
    let third = apply(delete(key("web"))).await;
    let mut watch = store.watch_draft(first).await.unwrap();
    let event = next(&mut watch).await;
    assert_eq!((event.version, watch.version()), (second, second));
    drop(watch);
    let mut watch = store.watch_draft(second).await.unwrap();
    let event = next(&mut watch).await;
    let expected = DraftEvent {
        version: third,
        changes: vec![DraftChange::Delete(key("web"))],
    };
    assert_eq!(event, expected);
    assert!(matches!(
        store.watch_draft(Version(third.0 + 1000)).await.map(drop),
        Err(StoreError::Compacted { .. })
    ));
}

pub async fn an_unchanged_object_is_not_written(world: World) {
    let store = &world.store;
    let leader = lead(store, "one").await;
    let first = batch([put(vnet("web", 1)), put(vnet("db", 2))]);
    store.apply(&leader.fence, first.clone()).await.unwrap();
    let before = store.draft().await.unwrap();
    let again = store.apply(&leader.fence, first).await.unwrap();
    assert!(again.outcomes.iter().all(|(_, a)| *a == Action::Unchanged));
    let after = store.draft().await.unwrap();
    assert_eq!(
        (&after.objects, after.changed),
        (&before.objects, before.changed)
    );
    let one = batch([put(vnet("web", 1)), put(vnet("db", 3))]);
    let one = store.apply(&leader.fence, one).await.unwrap();
    let outcomes = vec![
        (key("web"), Action::Unchanged),
        (key("db"), Action::Changed),
    ];
    assert_eq!(one.outcomes, outcomes);
    let after = store.draft().await.unwrap();
    assert_eq!(after.objects[&key("web")], before.objects[&key("web")]);
    assert_eq!(after.objects[&key("db")].version, one.version);
}

pub async fn generation_and_uid_follow_the_object(world: World) {
    let store = &world.store;
    let leader = lead(store, "one").await;
    let apply = async |change| {
        store.apply(&leader.fence, batch([change])).await.unwrap();
        store.draft().await.unwrap().objects.remove(&key("web"))
    };
    let first = apply(put(vnet("web", 1))).await.unwrap();
    let second = apply(put(vnet("web", 2))).await.unwrap();
    assert_eq!(second.generation, Generation(2));
    assert_eq!((&second.uid, second.created), (&first.uid, first.created));
    assert_eq!(apply(delete(key("web"))).await, None);
    let third = apply(put(vnet("web", 2))).await.unwrap();
    assert_eq!(third.generation, Generation(1));
    assert_ne!(third.uid, first.uid);
}

pub async fn a_stale_version_stores_nothing(world: World) {
    let store = &world.store;
    let leader = lead(store, "one").await;
    let apply = async |batch| store.apply(&leader.fence, batch).await;
    let first = apply(batch([put(vnet("web", 1))])).await.unwrap().version;
    let second = apply(batch([put(vnet("web", 2))])).await.unwrap().version;
    let before = store.draft().await.unwrap().objects;
    let stale = Change::Put {
        object: vnet("web", 3),
        expected: Some(first),
    };
    let refused = apply(batch([put(vnet("db", 1)), stale])).await.unwrap_err();
    let conflict = Conflict::Version {
        key: key("web"),
        expected: first,
        found: second,
    };
    assert_eq!(refused.conflict(), Some(&conflict));
    let missing = apply(batch([put(vnet("db", 1)), delete(key("no"))])).await;
    let conflict = Conflict::NoObject { key: key("no") };
    assert_eq!(missing.unwrap_err().conflict(), Some(&conflict));
    let twice = apply(batch([put(vnet("db", 1)), delete(key("db"))])).await;
    let conflict = Conflict::Twice { key: key("db") };
    assert_eq!(twice.unwrap_err().conflict(), Some(&conflict));
    assert_eq!(store.draft().await.unwrap().objects, before);
    let fresh = Change::Delete {
        key: key("web"),
        expected: Some(second),
    };
    apply(batch([fresh])).await.unwrap();
    assert!(store.draft().await.unwrap().objects.is_empty());
}

pub async fn a_batch_against_an_older_draft_is_a_conflict(world: World) {
    let store = &world.store;
    let leader = lead(store, "one").await;
    let basis = Some(store.draft().await.unwrap().changed);
    let racing = |name: &str| {
        let changes = batch([put(vnet(name, 1))]);
        let (store, fence) = (store.clone(), leader.fence.clone());
        tokio::spawn(async move { store.apply(&fence, super::draft::on(basis, changes)).await })
    };
    let (one, two) = (racing("one"), racing("two"));
    let results = [one.await.unwrap(), two.await.unwrap()];
    let conflicts = results.iter().filter(|result| {
        let conflict = result.as_ref().err().and_then(StoreError::conflict);
        matches!(conflict, Some(Conflict::Draft { .. }))
    });
    assert_eq!(conflicts.count(), 1);
    assert_eq!(store.draft().await.unwrap().objects.len(), 1);
}

pub fn on(
    basis: Option<Version>,
    batch: weft_controller::store::draft::Batch,
) -> weft_controller::store::draft::Batch {
    weft_controller::store::draft::Batch { basis, ..batch }
}

pub async fn a_compacted_version_says_list_again(world: World) {
    let store = &world.store;
    let leader = lead(store, "one").await;
    let mut versions = Vec::new();
    for tag in 1..=4 {
        let applied = store
            .apply(&leader.fence, batch([put(vnet("web", tag))]))
            .await;
        versions.push(applied.unwrap().version);
    }
    store.kv().compact(versions[2].0).await.unwrap();
    let error = store.watch_draft(versions[0]).await.map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Compacted { .. }));
    assert!(error.must_relist());
    let mut watch = store.watch_draft(versions[2]).await.unwrap();
    assert_eq!(next(&mut watch).await.version, versions[3]);
}

pub async fn a_repeated_batch_gets_the_first_result(world: World) {
    let store = &world.store;
    let leader = lead(store, "one").await;
    let mut first = batch([put(vnet("web", 1))]);
    first.idempotency = Some(Idempotency("client 1, call 1\n".to_owned()));
    let result = store.apply(&leader.fence, first.clone()).await.unwrap();
    let other = batch([put(vnet("web", 2))]);
    store.apply(&leader.fence, other).await.unwrap();
    let repeated = world
        .other()
        .await
        .apply(&leader.fence, first)
        .await
        .unwrap();
    assert_eq!(repeated, result);
    let web = &store.draft().await.unwrap().objects[&key("web")];
    assert_eq!(web.object, vnet("web", 2));
}

pub async fn a_lost_answer_is_looked_up(world: World) {
    let store = &world.store;
    let leader = lead(store, "one").await;
    store
        .kv()
        .order_faults([Some(Fault::LoseReply), Some(Fault::LoseReply)]);
    let applied = store
        .apply(&leader.fence, batch([put(vnet("web", 1))]))
        .await;
    let draft = store.draft().await.unwrap();
    assert_eq!(applied.unwrap().version, draft.objects[&key("web")].version);
    assert_eq!(stored_batches(store).await, 1);
}

pub async fn a_lost_request_is_sent_again(world: World) {
    let store = &world.store;
    let leader = lead(store, "one").await;
    store
        .kv()
        .order_faults([Some(Fault::LoseRequest), Some(Fault::LoseReply)]);
    let applied = store
        .apply(&leader.fence, batch([put(vnet("web", 1))]))
        .await;
    let draft = store.draft().await.unwrap();
    assert_eq!(applied.unwrap().version, draft.objects[&key("web")].version);
    assert_eq!(stored_batches(store).await, 1);
}

pub async fn a_late_request_happens_once(world: World) {
    let store = &world.store;
    let leader = lead(store, "one").await;
    let late = Duration::from_millis(300);
    store.kv().order_faults([Some(Fault::Late(late))]);
    let first = store
        .apply(&leader.fence, batch([put(vnet("web", 1))]))
        .await;
    first.unwrap();
    let deleted = store
        .apply(&leader.fence, batch([delete(key("web"))]))
        .await;
    deleted.unwrap();
    tokio::time::sleep(2 * late).await;
    assert!(store.draft().await.unwrap().objects.is_empty());
    assert_eq!(stored_batches(store).await, 2);
}
