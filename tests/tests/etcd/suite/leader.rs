//! Leadership, and what it fences off.

use std::collections::BTreeMap;
use std::time::Instant;

use weft_controller::leader::{Candidate, Election, Leadership};
use weft_controller::store::error::StoreError;
use weft_controller::store::rollout::Update;
use weft_model::facts::Facts;
use weft_model::name::NodeName;
use weft_model::revision::{RevisionId, RolloutId, Version};

use super::revision::content;
use crate::fixtures::{LEASE, World, audit, batch, lead, put, vnet, vnets};

fn deposed<T: std::fmt::Debug>(result: Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Deposed { .. }))
}

pub async fn a_deposed_leader_writes_nothing(world: World) {
    let store = &world.store;
    let old = lead(store, "old").await;
    store
        .apply(&old.fence, batch([put(vnet("web", 1))]))
        .await
        .unwrap();
    old.election.resign().await;
    let new = lead(&world.other().await, "new").await;
    assert!(new.fence.epoch() > old.fence.epoch());
    let revision = store.draft().await.unwrap().version;

    let fence = &old.fence;
    assert!(deposed(
        store.apply(fence, batch([put(vnet("web", 2))])).await
    ));
    let large = batch(vnets(300, 1).into_iter().map(put));
    assert!(deposed(store.apply(fence, large).await));
    let content = content(store).await;
    let publish = store.publish(fence, RevisionId::EMPTY, &content, "", audit("publish"));
    assert!(deposed(publish.await));
    let update = Update {
        rollout: RolloutId(1),
        version: Version(1),
        record: &(),
        audit: audit("rollout.commit"),
        idempotency: None,
    };
    let commit = store.commit_rollout(fence, update, RevisionId::EMPTY, RevisionId(1));
    assert!(deposed(commit.await));
    let node: NodeName = "n1".parse().unwrap();
    let facts = BTreeMap::from([(node.clone(), Facts::default())]);
    assert!(deposed(store.put_facts(fence, &facts).await));
    assert!(deposed(store.forget_node(fence, &node).await));
    // Nothing was written, not even something that nobody looks at.
    assert_eq!(store.draft().await.unwrap().version, revision);
    let next = store.apply(&new.fence, batch([put(vnet("web", 2))])).await;
    assert_eq!(next.unwrap().version, Version(revision.0 + 1));
}

pub async fn a_new_leader_follows_one_that_vanished(world: World) {
    let one = lead(&world.store, "one").await;
    let candidate = Candidate {
        name: "two".to_owned(),
        address: "http://two".to_owned(),
    };
    let two = Election::start(world.other().await, candidate, LEASE);
    let mut seen = two.leadership();
    let known = seen.wait_for(|now| matches!(now, Leadership::Follower { leader: Some(_) }));
    let first = Leadership::Follower {
        leader: Some(Candidate {
            name: "one".to_owned(),
            address: "http://one".to_owned(),
        }),
    };
    assert_eq!(*known.await.unwrap(), first);
    let before = Instant::now();
    drop(one.election);
    let second = seen.wait_for(|now| now.fence().is_some()).await;
    let second = second.unwrap().fence().unwrap().clone();
    // etcd looks for dead leases now and then only.
    assert!(before.elapsed() < 3 * LEASE, "{:?}", before.elapsed());
    assert!(second.epoch() > one.fence.epoch());
    let stale = world
        .store
        .apply(&one.fence, batch([put(vnet("web", 1))]))
        .await;
    assert!(deposed(stale));
    world
        .store
        .apply(&second, batch([put(vnet("web", 1))]))
        .await
        .unwrap();
}
