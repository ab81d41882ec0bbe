//! The draft as a controller follows it, when its watch does not bring what it should.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use weft_controller::engine::draft::{Draft, Mirror, Stumbles};
use weft_controller::store::Store;
use weft_controller::store::kv::watch::Slip;
use weft_model::revision::Version;

use crate::fixtures::{World, batch, delete, key, lead, put, vnet};

const LIMIT: Duration = Duration::from_secs(20);

/// Follows the draft by a watch that this befalls while changes come; returns what the mirror has
/// in the end, once it has the last of them, and what it stumbled over.
async fn follow(world: World, slips: impl IntoIterator<Item = Option<Slip>>) -> Stumbles {
    let store = world.other().await;
    let mirror = Mirror::open(Store::over(store.kv().slipping(slips)))
        .await
        .unwrap();
    let stop = CancellationToken::new();
    let _running = AbortOnDropHandle::new(tokio::spawn(mirror.clone().run(stop)));
    let leader = lead(&world.store, "one").await;
    let mut last = Version(0);
    for tag in 1..=6 {
        // One that is deleted leaves no later event of its own.
        let changes = match tag {
            3 => vec![put(vnet("web", tag)), delete(key("old"))],
            tag => vec![put(vnet("web", tag)), put(vnet("old", tag))],
        };
        let applied = world.store.apply(&leader.fence, batch(changes)).await;
        last = applied.unwrap().version;
        // Each in a message of its own.
        sleep(Duration::from_millis(60)).await;
    }
    let at = timeout(LIMIT, mirror.at(last)).await.unwrap().unwrap();
    is_fresh(&at, &store).await;
    mirror.stumbles()
}

/// The draft is what a list says.
async fn is_fresh(draft: &Draft, store: &Store) {
    let listed = store.draft().await.unwrap();
    let followed = draft.stored().iter();
    let followed = followed.map(|(key, stored)| (key.clone(), stored.as_ref().clone()));
    assert!(followed.eq(listed.objects));
}

pub async fn a_change_that_a_watch_loses_is_missed_with_the_next_and_listed(world: World) {
    let stumbles = follow(world, [None, None, Some(Slip::Lose)]).await;
    assert_eq!((stumbles.missed, stumbles.differed), (1, 0), "{stumbles:?}");
}

pub async fn a_change_that_comes_twice_is_taken_once(world: World) {
    let stumbles = follow(world, [None, Some(Slip::Repeat), Some(Slip::Repeat)]).await;
    assert_eq!(stumbles, Stumbles::default());
}

pub async fn a_change_that_comes_too_late_is_missed_and_listed(world: World) {
    let stumbles = follow(world, [None, Some(Slip::Delay), None]).await;
    assert_eq!((stumbles.missed, stumbles.differed), (1, 0), "{stumbles:?}");
}

/// Watchers that read now and then, while everything that they have not read is compacted away.
pub async fn watchers_that_are_slow_and_compacted_away_end_with_what_is_there(world: World) {
    const CHANGES: u32 = 60;
    let leader = lead(&world.store, "one").await;
    let first = vnet("web", 1);
    let first = world.store.apply(&leader.fence, batch([put(first)])).await;
    let first = first.unwrap().version;
    let watchers: Vec<_> = [1_u64, 20, 70, 150]
        .into_iter()
        .map(|slowness| {
            let store = world.store.clone();
            tokio::spawn(async move { read_slowly(&store, first, slowness).await })
        })
        .collect();
    for tag in 2..=CHANGES {
        let applied = world
            .store
            .apply(&leader.fence, batch([put(vnet("web", tag))]))
            .await;
        let version = applied.unwrap().version;
        if tag % 10 == 0 {
            world.store.kv().compact(version.0).await.unwrap();
        }
        sleep(Duration::from_millis(10)).await;
    }
    for watcher in watchers {
        let seen = timeout(LIMIT, watcher).await.unwrap().unwrap();
        let listed = world.store.draft().await.unwrap();
        assert_eq!(seen, listed.objects[&key("web")].version);
    }
}

/// The version of the last change, as one who reads every so many milliseconds comes to see it.
async fn read_slowly(store: &Store, from: Version, slowness: u64) -> Version {
    let (mut seen, mut from) = (from, from);
    let mut quiet = 0;
    while quiet < 3 {
        let mut watch = match store.watch_draft(from).await {
            Ok(watch) => watch,
            Err(error) => {
                assert!(error.must_relist(), "{error:?}");
                let listed = store.draft().await.unwrap();
                seen = listed.objects[&key("web")].version;
                from = listed.version;
                continue;
            }
        };
        sleep(Duration::from_millis(slowness)).await;
        match timeout(Duration::from_millis(400), watch.next()).await {
            Ok(Ok(event)) => {
                from = event.version;
                if !event.changes.is_empty() {
                    assert!(event.version > seen, "it goes back");
                    seen = event.version;
                    quiet = 0;
                }
            }
            Ok(Err(error)) => assert!(error.must_relist(), "{error:?}"),
            Err(_) => quiet += 1,
        }
    }
    seen
}
