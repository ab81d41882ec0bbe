//! The records of rollouts.

use serde::{Deserialize, Serialize};
use weft_controller::store::Store;
use weft_controller::store::error::{Conflict, StoreError};
use weft_controller::store::kv::Fault;
use weft_controller::store::revision::Head;
use weft_controller::store::rollout::{Created, Creation, Recorded, Update};
use weft_controller::store::write::{Fence, Idempotency};
use weft_model::revision::{RevisionId, RolloutId, Version};

use super::revision::publish;
use crate::fixtures::{World, audit, lead};

/// Some record: the store does not know what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    phase: String,
}

fn record(phase: &str) -> Record {
    Record {
        phase: phase.to_owned(),
    }
}

fn creation(rollout: u64, record: &Record) -> Creation<'_, Record> {
    Creation {
        rollout: RolloutId(rollout),
        record,
        from: RevisionId::EMPTY,
        to: RevisionId(1),
        audit: audit("rollout.start"),
        idempotency: None,
    }
}

fn update<'a>(rollout: u64, version: Version, record: &'a Record) -> Update<'a, Record> {
    Update {
        rollout: RolloutId(rollout),
        version,
        record,
        audit: audit("rollout.step"),
        idempotency: None,
    }
}

/// Makes a rollout from nothing to revision 1 the active one.
async fn created(store: &Store, fence: &Fence, rollout: u64) -> Version {
    let preparing = record("preparing");
    match store
        .create_rollout(fence, creation(rollout, &preparing))
        .await
    {
        Ok(Created::New(version)) => version,
        other => panic!("{other:?}"),
    }
}

fn conflict<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Conflict {
    let error = result.unwrap_err();
    error
        .conflict()
        .cloned()
        .unwrap_or_else(|| panic!("{error:?}"))
}

pub async fn one_rollout_is_active_and_the_loser_is_told_which(world: World) {
    let (store, other) = (&world.store, world.other().await);
    let leader = lead(store, "one").await;
    let fence = &leader.fence;
    publish(store, fence, RevisionId::EMPTY).await;
    assert_eq!(store.active_rollout::<Record>().await.unwrap(), None);
    assert_eq!(store.next_rollout().await.unwrap(), RolloutId(1));
    let preparing = record("preparing");
    let mut keyed = creation(1, &preparing);
    keyed.idempotency = Some(Idempotency("once".to_owned()));
    let Created::New(version) = store.create_rollout(fence, keyed.clone()).await.unwrap() else {
        panic!("it is the first");
    };
    assert_eq!(store.next_rollout().await.unwrap(), RolloutId(2));
    let loser = other.create_rollout(fence, creation(2, &preparing)).await;
    assert_eq!(conflict(loser), Conflict::Active(RolloutId(1)));
    let repeated = other.create_rollout(fence, keyed).await.unwrap();
    assert_eq!(repeated, Created::Repeated(RolloutId(1)));
    let active = Recorded {
        rollout: RolloutId(1),
        record: preparing,
        version,
    };
    assert_eq!(other.active_rollout().await.unwrap(), Some(active));
    let early = store
        .close_rollout(fence, update(1, version, &record("closed")))
        .await;
    assert!(matches!(early, Err(StoreError::Missing { .. })));
    let aborted = record("aborted");
    let version = store
        .abort_rollout(fence, update(1, version, &aborted))
        .await
        .unwrap();
    store
        .close_rollout(fence, update(1, version, &record("closed")))
        .await
        .unwrap();
    let wrong = Conflict::Head {
        expected: RevisionId(9),
        found: RevisionId::EMPTY,
    };
    let next = record("preparing");
    let mut astray = creation(2, &next);
    astray.from = RevisionId(9);
    assert_eq!(conflict(store.create_rollout(fence, astray).await), wrong);
    let mut missing = creation(2, &next);
    missing.to = RevisionId(9);
    let missing = store.create_rollout(fence, missing).await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })));
    created(store, fence, 2).await;
    let history: Vec<Recorded<Record>> = store.rollouts(10).await.unwrap();
    let history: Vec<(u64, &str)> = history
        .iter()
        .map(|r| (r.rollout.0, r.record.phase.as_str()))
        .collect();
    assert_eq!(history, [(2, "preparing"), (1, "closed")]);
    assert_eq!(store.rollouts::<Record>(1).await.unwrap().len(), 1);
}

pub async fn a_rollout_is_decided_once(world: World) {
    let store = &world.store;
    let leader = lead(store, "one").await;
    let fence = &leader.fence;
    publish(store, fence, RevisionId::EMPTY).await;
    let version = created(store, fence, 1).await;
    let applying = record("applying");
    let newer = store
        .update_rollout(fence, update(1, version, &applying))
        .await
        .unwrap();
    let stale = store
        .update_rollout(fence, update(1, version, &applying))
        .await;
    assert_eq!(conflict(stale), Conflict::Rollout(RolloutId(1)));
    let committed = record("committed");
    let (from, to) = (RevisionId::EMPTY, RevisionId(1));
    let stale = store
        .commit_rollout(fence, update(1, version, &committed), from, to)
        .await;
    assert_eq!(conflict(stale), Conflict::Rollout(RolloutId(1)));
    let aborted = record("aborted");
    let last = store
        .abort_rollout(fence, update(1, newer, &aborted))
        .await
        .unwrap();
    let late = store
        .commit_rollout(fence, update(1, last, &committed), from, to)
        .await;
    assert_eq!(conflict(late), Conflict::Decided(RolloutId(1)));
    let again = store.abort_rollout(fence, update(1, last, &aborted)).await;
    assert_eq!(conflict(again), Conflict::Decided(RolloutId(1)));
    assert_eq!(store.head().await.unwrap(), Head::default());
    assert_eq!(
        store.rollout::<Record>(RolloutId(1)).await.unwrap().record,
        aborted
    );
}

pub async fn a_commit_moves_the_head_with_its_record(world: World) {
    let store = &world.store;
    let leader = lead(store, "one").await;
    let fence = &leader.fence;
    publish(store, fence, RevisionId::EMPTY).await;
    let version = created(store, fence, 1).await;
    let committed = record("committed");
    let (from, to) = (RevisionId::EMPTY, RevisionId(1));
    let astray = store
        .commit_rollout(fence, update(1, version, &committed), to, to)
        .await;
    let wrong = Conflict::Head {
        expected: to,
        found: from,
    };
    assert_eq!(conflict(astray), wrong);
    let version = store
        .commit_rollout(fence, update(1, version, &committed), from, to)
        .await;
    let version = version.unwrap();
    let head = Head {
        revision: to,
        rollout: RolloutId(1),
    };
    assert_eq!(store.head().await.unwrap(), head);
    let stored: Recorded<Record> = store.rollout(RolloutId(1)).await.unwrap();
    assert_eq!(
        (stored.record, stored.version),
        (committed.clone(), version)
    );
    let aborted = record("aborted");
    let late = store
        .abort_rollout(fence, update(1, version, &aborted))
        .await;
    assert_eq!(conflict(late), Conflict::Decided(RolloutId(1)));
    let again = store
        .commit_rollout(fence, update(1, version, &committed), from, to)
        .await;
    assert_eq!(conflict(again), Conflict::Decided(RolloutId(1)));
}

pub async fn a_lost_commit_is_found_and_not_repeated(world: World) {
    let store = &world.store;
    let leader = lead(store, "one").await;
    let fence = &leader.fence;
    publish(store, fence, RevisionId::EMPTY).await;
    let version = created(store, fence, 1).await;
    let before = store.audits(100).await.unwrap().len();
    // The answer is lost, and so are those of the first two looks at what became of it.
    store.kv().order_faults([Some(Fault::LoseReply); 3]);
    let committed = record("committed");
    let (from, to) = (RevisionId::EMPTY, RevisionId(1));
    let version = store
        .commit_rollout(fence, update(1, version, &committed), from, to)
        .await;
    let stored: Recorded<Record> = store.rollout(RolloutId(1)).await.unwrap();
    assert_eq!(version.unwrap(), stored.version);
    assert_eq!(store.head().await.unwrap().revision, to);
    assert_eq!(store.audits(100).await.unwrap().len(), before + 1);
}

pub async fn of_many_creators_one_wins(world: World) {
    let store = &world.store;
    let leader = lead(store, "one").await;
    publish(store, &leader.fence, RevisionId::EMPTY).await;
    for round in 1..=10 {
        let create = |_| {
            let (store, fence) = (store.clone(), leader.fence.clone());
            tokio::spawn(async move {
                let preparing = record("preparing");
                store
                    .create_rollout(&fence, creation(round, &preparing))
                    .await
            })
        };
        let racers: Vec<_> = (0..4).map(create).collect();
        let mut won = Vec::new();
        for racer in racers {
            match racer.await.unwrap() {
                Ok(Created::New(version)) => won.push(version),
                Ok(Created::Repeated(_)) => panic!("no key was given"),
                Err(error) => {
                    let active = Conflict::Active(RolloutId(round));
                    assert_eq!(error.conflict(), Some(&active));
                }
            }
        }
        let [version] = won.as_slice() else {
            panic!("{won:?}");
        };
        let over = record("over");
        let fence = &leader.fence;
        let version = store
            .abort_rollout(fence, update(round, *version, &over))
            .await;
        let version = version.unwrap();
        store
            .close_rollout(fence, update(round, version, &over))
            .await
            .unwrap();
    }
}
