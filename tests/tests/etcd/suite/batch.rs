//! Batches larger than a transaction.

use std::collections::BTreeMap;

use weft_controller::store::error::Conflict;
use weft_controller::store::kv::Fault;
use weft_controller::store::watch::DraftChange;
use weft_model::object::{Object, ObjectKey, Stored};
use weft_model::revision::Version;

use super::draft::{next, on};
use crate::fixtures::{World, batch, delete, key, lead, put, vnet, vnets};

const LARGE: usize = 1_500;

fn versions(objects: &BTreeMap<ObjectKey, Stored>) -> Vec<Version> {
    let mut versions: Vec<Version> = objects.values().map(|stored| stored.version).collect();
    versions.dedup();
    versions
}

fn puts(changes: &[DraftChange]) -> BTreeMap<ObjectKey, Stored> {
    let put = |change: &DraftChange| match change {
        DraftChange::Put(stored) => Some((stored.object.key(), stored.clone())),
        DraftChange::Delete(_) => None,
    };
    changes.iter().filter_map(put).collect()
}

pub async fn a_large_batch_is_seen_whole_or_not_at_all(world: World) {
    let (store, reader) = (&world.store, world.other().await);
    let leader = lead(store, "one").await;
    let start = store.draft().await.unwrap().version;
    let mut watch = reader.watch_draft(start).await.unwrap();
    let (done, finished) = tokio::sync::oneshot::channel();
    let reading = tokio::spawn(async move {
        let mut finished = finished;
        let mut sizes = Vec::new();
        while finished.try_recv().is_err() {
            sizes.push(reader.draft().await.unwrap().objects.len());
        }
        sizes
    });
    let changes = vnets(LARGE, 1).into_iter().map(put);
    let applied = store.apply(&leader.fence, batch(changes)).await.unwrap();
    done.send(()).unwrap();
    let sizes = reading.await.unwrap();
    assert!(
        sizes.iter().all(|size| [0, LARGE].contains(size)),
        "{sizes:?}"
    );

    let draft = store.draft().await.unwrap();
    assert_eq!(draft.objects.len(), LARGE);
    assert_eq!(versions(&draft.objects), [applied.version]);
    assert_eq!(draft.changed, applied.version);
    let event = next(&mut watch).await;
    assert_eq!(event.version, applied.version);
    assert_eq!(puts(&event.changes), draft.objects);
    // Writing it out is nothing new to a reader; the next change is.
    let small = batch([put(vnet("vnet00000", 2)), delete(key("vnet00001"))]);
    let small = store.apply(&leader.fence, small).await.unwrap();
    let event = next(&mut watch).await;
    assert_eq!((event.version, event.changes.len()), (small.version, 2));
    assert_eq!(store.kv().count("stage/").await.unwrap(), 0);
    // Half of them go and half change, at once.
    let half = |(n, object): (usize, Object)| match n % 2 {
        0 => put(vnet(object.name(), 3)),
        _ => delete(object.key()),
    };
    let rest = vnets(LARGE, 1).into_iter().enumerate().skip(2).map(half);
    let mixed = store.apply(&leader.fence, batch(rest)).await.unwrap();
    let event = next(&mut watch).await;
    assert_eq!(
        (event.version, event.changes.len()),
        (mixed.version, LARGE - 2)
    );
    assert_eq!(store.draft().await.unwrap().objects.len(), LARGE / 2);
}

pub async fn a_large_batch_that_is_not_written_out_is_finished_by_the_next(world: World) {
    let store = &world.store;
    let leader = lead(store, "one").await;
    store
        .apply(&leader.fence, batch([put(vnet("vnet00007", 9))]))
        .await
        .unwrap();
    let before = store.draft().await.unwrap().version;
    // The parts and the decision arrive; nothing of what follows does.
    let parts = LARGE.div_ceil(100);
    let arrive = vec![None; parts + 1];
    store
        .kv()
        .order_faults(arrive.into_iter().chain([Some(Fault::LoseRequest); 4]));
    let changes = vnets(LARGE, 1).into_iter().map(put);
    let applied = store.apply(&leader.fence, batch(changes)).await.unwrap();
    assert_eq!(store.kv().count("draft/.batch").await.unwrap(), 1);
    store.kv().order_faults([]);

    let pending = store.draft().await.unwrap();
    assert_eq!(versions(&pending.objects), [applied.version]);
    let mut early = store.watch_draft(before).await.unwrap();
    assert_eq!(puts(&next(&mut early).await.changes), pending.objects);
    let mut late = store.watch_draft(pending.version).await.unwrap();

    let other = world.other().await;
    let small = other
        .apply(&leader.fence, batch([delete(key("vnet00003"))]))
        .await;
    let small = small.unwrap();
    let expected = vec![DraftChange::Delete(key("vnet00003"))];
    for watch in [&mut early, &mut late] {
        let event = next(watch).await;
        assert_eq!((event.version, &event.changes), (small.version, &expected));
    }
    let after = store.draft().await.unwrap();
    let mut objects = pending.objects;
    objects.remove(&key("vnet00003"));
    assert_eq!(after.objects, objects);
    assert_eq!(store.kv().count("draft/.batch").await.unwrap(), 0);
}

pub async fn a_large_batch_against_a_changed_draft_is_a_conflict(world: World) {
    let store = &world.store;
    let leader = lead(store, "one").await;
    let basis = store.draft().await.unwrap().changed;
    let other = store
        .apply(&leader.fence, batch([put(vnet("web", 1))]))
        .await;
    let found = other.unwrap().version;
    let large = batch(vnets(LARGE, 1).into_iter().map(put));
    let refused = store.apply(&leader.fence, on(Some(basis), large)).await;
    let conflict = Conflict::Draft {
        expected: basis,
        found,
    };
    assert_eq!(refused.unwrap_err().conflict(), Some(&conflict));
    assert_eq!(store.draft().await.unwrap().objects.len(), 1);
}
