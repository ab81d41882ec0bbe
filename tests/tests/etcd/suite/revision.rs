//! Revisions and their parts.

use std::collections::BTreeMap;

use weft_controller::store::Store;
use weft_controller::store::error::StoreError;
use weft_controller::store::kv::entry::Want;
use weft_controller::store::revision::{Content, Head, Summary};
use weft_controller::store::rollout::{Creation, Update};
use weft_controller::store::write::Fence;
use weft_model::facts::Facts;
use weft_model::revision::{RevisionId, RolloutId, Timestamp};

use crate::fixtures::{World, audit, batch, lead, put, vnet, vnets};

pub async fn content(store: &Store) -> Content {
    Content {
        objects: store.draft().await.unwrap().objects,
        facts: store.facts().await.unwrap(),
    }
}

/// Publishes the draft on top of a revision.
pub async fn publish(store: &Store, fence: &Fence, parent: RevisionId) -> RevisionId {
    let content = content(store).await;
    let published = store.publish(fence, parent, &content, "why", audit("publish"));
    published.await.unwrap()
}

pub async fn a_revision_gives_back_what_was_published(world: World) {
    let store = &world.store;
    let leader = lead(store, "one").await;
    let changes = vnets(300, 1).into_iter().map(put);
    store.apply(&leader.fence, batch(changes)).await.unwrap();
    let facts = ["n1", "n2"].map(|node| (node.parse().unwrap(), Facts::default()));
    let facts = BTreeMap::from(facts);
    store.put_facts(&leader.fence, &facts).await.unwrap();
    let first = publish(store, &leader.fence, RevisionId::EMPTY).await;
    let published = content(store).await;
    let change = batch([put(vnet("vnet00000", 2))]);
    store.apply(&leader.fence, change).await.unwrap();
    let second = publish(store, &leader.fence, first).await;
    assert_eq!((first, second), (RevisionId(1), RevisionId(2)));
    let other = world.other().await;
    assert_eq!(other.load(first).await.unwrap(), published);
    assert_eq!(other.load(second).await.unwrap(), content(store).await);
    assert_eq!(
        other.load(RevisionId::EMPTY).await.unwrap(),
        Content::default()
    );
    let missing = other.load(RevisionId(3)).await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })));
    let summary = |revision, parent| Summary {
        revision,
        parent,
        author: "ada".to_owned(),
        message: "why".to_owned(),
        created: Timestamp(1_700_000_000_000),
        object_count: 300,
    };
    let newest_first = [summary(second, first), summary(first, RevisionId::EMPTY)];
    assert_eq!(other.revisions(10).await.unwrap(), newest_first);
    assert_eq!(other.revisions(1).await.unwrap(), newest_first[..1]);
    assert_eq!(other.summary(second).await.unwrap(), newest_first[0]);
}

pub async fn one_change_among_two_thousand_adds_one_part(world: World) {
    let store = &world.store;
    let leader = lead(store, "one").await;
    let changes = vnets(2_000, 1).into_iter().map(put);
    store.apply(&leader.fence, batch(changes)).await.unwrap();
    let first = publish(store, &leader.fence, RevisionId::EMPTY).await;
    let parts = async || {
        store
            .kv()
            .all("bucket/", Want::Values, None)
            .await
            .unwrap()
            .entries
    };
    let before = parts().await;
    let change = batch([put(vnet("vnet01234", 2))]);
    store.apply(&leader.fence, change).await.unwrap();
    let second = publish(store, &leader.fence, first).await;
    let after = parts().await;
    let new: Vec<_> = after.iter().filter(|part| !before.contains(part)).collect();
    assert_eq!((after.len(), new.len()), (before.len() + 1, 1));
    assert!(new[0].value.len() < 40_000, "{}", new[0].value.len());
    let manifests = store
        .kv()
        .all("rev/", Want::Values, None)
        .await
        .unwrap()
        .entries;
    assert_eq!(manifests.len(), 2);
    assert!(
        manifests
            .iter()
            .all(|manifest| manifest.value.len() < 20_000)
    );
    // The same content once more adds no part at all.
    publish(store, &leader.fence, second).await;
    assert_eq!(parts().await, after);
}

pub async fn pruning_keeps_what_is_needed(world: World) {
    let store = &world.store;
    let leader = lead(store, "one").await;
    let fence = &leader.fence;
    let mut parent = RevisionId::EMPTY;
    for tag in 1..=107 {
        store
            .apply(fence, batch([put(vnet("web", tag))]))
            .await
            .unwrap();
        parent = publish(store, fence, parent).await;
    }
    let creation = Creation {
        rollout: RolloutId(1),
        record: &(),
        from: RevisionId::EMPTY,
        to: RevisionId(3),
        audit: audit("rollout.start"),
        idempotency: None,
    };
    store.create_rollout(fence, creation).await.unwrap();
    let version = store.rollout::<()>(RolloutId(1)).await.unwrap().version;
    let update = Update {
        rollout: RolloutId(1),
        version,
        record: &(),
        audit: audit("rollout.commit"),
        idempotency: None,
    };
    let committed = store.commit_rollout(fence, update, RevisionId::EMPTY, RevisionId(3));
    committed.await.unwrap();
    let head = Head {
        revision: RevisionId(3),
        rollout: RolloutId(1),
    };
    assert_eq!(store.head().await.unwrap(), head);

    assert_eq!(store.prune(fence, 0).await.unwrap(), 6);
    let kept: Vec<u64> = store
        .revisions(1000)
        .await
        .unwrap()
        .iter()
        .map(|s| s.revision.0)
        .collect();
    let expected: Vec<u64> = (8..=107).rev().chain([3]).collect();
    assert_eq!(kept, expected);
    for revision in kept {
        assert_eq!(
            store
                .load(RevisionId(revision))
                .await
                .unwrap()
                .objects
                .len(),
            1
        );
    }
    assert_eq!(store.kv().count("bucket/").await.unwrap(), 101);
    assert_eq!(store.prune(fence, 0).await.unwrap(), 0);
    // The next number is not one that was used.
    assert_eq!(publish(store, fence, parent).await, RevisionId(108));
}
