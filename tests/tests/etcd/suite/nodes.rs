//! What is kept of nodes.

use std::collections::BTreeMap;

use weft_controller::store::nodes::NodeRecord;
use weft_model::facts::Facts;
use weft_model::name::NodeName;
use weft_model::plan::digest::Digest;
use weft_model::revision::{RevisionId, Timestamp};

use crate::fixtures::{World, lead};

pub async fn facts_are_written_when_they_changed(world: World) {
    let store = &world.store;
    let leader = lead(store, "one").await;
    let node: NodeName = "n1".parse().unwrap();
    let mut facts = Facts::default();
    let put = async |facts: &Facts| {
        let facts = BTreeMap::from([(node.clone(), facts.clone())]);
        store.put_facts(&leader.fence, &facts).await.unwrap()
    };
    let first = put(&facts).await;
    let same = put(&facts).await;
    facts.default_ipv4 = Some("eth0".parse().unwrap());
    let changed = put(&facts).await;
    assert_eq!([first, same, changed], [1, 0, 1]);
    let entry = store.kv().get_one("facts/n1").await.unwrap().unwrap();
    assert_eq!(entry.version, 2);
    let all = world.other().await.facts().await.unwrap();
    assert_eq!(all, BTreeMap::from([(node.clone(), facts)]));
    store.forget_node(&leader.fence, &node).await.unwrap();
    assert_eq!(store.facts().await.unwrap(), BTreeMap::new());
}

pub async fn records_are_written_when_the_revision_changed(world: World) {
    let store = &world.store;
    let leader = lead(store, "one").await;
    let records = |revision: u64, at: u64| -> BTreeMap<NodeName, NodeRecord> {
        let record = NodeRecord {
            revision: RevisionId(revision),
            digest: Digest::EMPTY,
            at: Timestamp(at),
        };
        let named = |n: usize| (format!("n{n}").parse().unwrap(), record.clone());
        (0..250).map(named).collect()
    };
    store
        .put_nodes(&leader.fence, &records(1, 1))
        .await
        .unwrap();
    store
        .put_nodes(&leader.fence, &records(1, 2))
        .await
        .unwrap();
    let first = world.other().await.nodes().await.unwrap();
    assert_eq!(first, records(1, 1));
    store
        .put_nodes(&leader.fence, &records(2, 3))
        .await
        .unwrap();
    assert_eq!(store.nodes().await.unwrap(), records(2, 3));
    let entry = store.kv().get_one("node/n7").await.unwrap().unwrap();
    assert_eq!(entry.version, 2);
}
