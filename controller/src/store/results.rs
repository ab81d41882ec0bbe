//! What became of every node of a rollout, a hundred nodes to a key.
//!
//! # Guarantees
//! A rollout that is closed has the results of all its nodes: they are written first. A rollout of
//! `n` nodes writes `n / 100` keys when it closes, as many at most when it is aborted, and later
//! one key for each hundred among which somebody came back.
//!
//! # Never
//! Nothing is decided by results; they are for people.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use weft_model::name::NodeName;
use weft_model::report::Fault;
use weft_model::revision::{RevisionId, RolloutId, Timestamp};

use super::Store;
use super::error::{Conflict, StoreError};
use super::keys;
use super::kv::entry::{Compare, Op, Want};
use super::record;
use super::write::{Fence, WRITE_OPS};

/// What became of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeResult {
    /// The node.
    pub node: NodeName,
    /// How it stood at the rollout's end.
    pub end: End,
    /// When it said so, or when the rollout was over without it.
    pub at: Timestamp,
    /// How many changes it made, or would have made.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub steps: u32,
    /// Whether it was in the way.
    #[serde(default, skip_serializing_if = "Trouble::is_none")]
    pub trouble: Trouble,
    /// What it would not or could not do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// Probes that failed before anything was changed, and were not counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failing: Vec<Fault>,
    /// What the change takes away from guests that were plugged in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disruptive: Vec<Fault>,
    /// When a node that had not heard the decision had what it should have after all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub later: Option<Later>,
}

/// How a node stood at the end of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum End {
    /// It keeps the change.
    Confirmed,
    /// It is back.
    RolledBack,
    /// It was connected and had not acknowledged the decision.
    Converging,
    /// It was not connected.
    Offline,
    /// It was left out from the start.
    Deferred,
    /// The rollout is not over.
    Open,
}

/// How a node was in the way of a rollout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Trouble {
    /// Not at all.
    #[default]
    None,
    /// It would not make the change.
    Refused,
    /// It could not make or keep the change.
    Failed,
}

impl Trouble {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// That a node has what it should have, after the rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Later {
    /// When.
    pub at: Timestamp,
    /// The revision that it then had: this rollout's, or a later one.
    pub revision: RevisionId,
}

fn is_zero(steps: &u32) -> bool {
    *steps == 0
}

/// The results of one rollout, in the order of the nodes' names.
pub type Results = Vec<NodeResult>;

/// How many nodes share a key.
pub const SHARED: usize = 100;

/// What one transaction may carry; etcd takes 1.5 MiB.
const WRITTEN_BYTES: usize = 1 << 20;

/// How often a write that others got in the way of is tried again.
const TRIES: usize = 8;

impl Store {
    /// Stores the results of all nodes of a rollout that ends, sorted by name, and who of them has
    /// still to come back.
    ///
    /// # Errors
    /// When the store cannot be written; writing them again does no harm.
    pub async fn put_results(
        &self,
        fence: &Fence,
        rollout: RolloutId,
        results: &[NodeResult],
    ) -> Result<(), StoreError> {
        let attempt = "store what became of the nodes";
        let mut puts = Vec::new();
        for (bucket, results) in results.chunks(SHARED).enumerate() {
            let value = record::write(attempt, &results)?;
            puts.push((keys::result(rollout, bucket), value));
        }
        let away = away(results);
        if !away.is_empty() {
            puts.push((keys::away(rollout), record::write(attempt, &away)?));
        }
        for group in groups(puts) {
            let ops = group.into_iter().map(|(key, value)| Op::put(key, value));
            self.write_quietly(attempt, fence, Vec::new(), ops.collect())
                .await?;
        }
        Ok(())
    }

    /// Stores the results of the nodes that were in the way, with their neighbors', unless there
    /// are results already.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn put_trouble(
        &self,
        fence: &Fence,
        rollout: RolloutId,
        results: &[NodeResult],
    ) -> Result<(), StoreError> {
        let attempt = "store which nodes were in the way";
        for (bucket, results) in results.chunks(SHARED).enumerate() {
            if results.iter().all(|result| result.trouble.is_none()) {
                continue;
            }
            let key = keys::result(rollout, bucket);
            let put = Op::put(key.as_str(), record::write(attempt, &results)?);
            let when = vec![Compare::Absent(key)];
            self.write_quietly(attempt, fence, when, vec![put]).await?;
        }
        Ok(())
    }

    /// The results of a rollout; none of one that runs, or that is older than results.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn results(&self, rollout: RolloutId) -> Result<Results, StoreError> {
        let attempt = "read what became of the nodes";
        let prefix = keys::results(rollout);
        let page = self.kv().all(&prefix, Want::Values, None).await;
        let entries = page.map_err(|error| error.during(attempt))?.entries;
        let buckets = entries.iter().map(|entry| record::read(attempt, entry));
        let buckets: Vec<Results> = buckets.collect::<Result<_, _>>()?;
        Ok(buckets.into_iter().flatten().collect())
    }

    /// The nodes that had not heard how a rollout ended, by rollout.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn away(&self) -> Result<BTreeMap<RolloutId, BTreeSet<NodeName>>, StoreError> {
        let attempt = "read which nodes are away";
        let page = self.kv().all(keys::AWAY, Want::Values, None).await;
        let entries = page.map_err(|error| error.during(attempt))?.entries;
        let mut away = BTreeMap::new();
        for entry in &entries {
            if let Some(rollout) = keys::away_of(&entry.key) {
                let nodes: Away = record::read(attempt, entry)?;
                away.insert(rollout, nodes.into_keys().collect());
            }
        }
        Ok(away)
    }

    /// Notes that nodes that were away at the end of a rollout have what they should have.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn put_later(
        &self,
        fence: &Fence,
        rollout: RolloutId,
        nodes: &BTreeMap<NodeName, Later>,
    ) -> Result<(), StoreError> {
        let attempt = "store which nodes came back";
        let conflict = Conflict::Contention;
        for _ in 0..TRIES {
            let Some(list) = self.entry(attempt, &keys::away(rollout)).await? else {
                return Ok(());
            };
            let mut away: Away = record::read(attempt, &list)?;
            let back = nodes
                .keys()
                .filter_map(|node| away.remove(node))
                .collect::<BTreeSet<usize>>();
            // Each with the list: a transaction has room for it and as many keys beside it.
            let few: Vec<usize> = back.into_iter().take(WRITE_OPS - 1).collect();
            if few.is_empty() {
                return Ok(());
            }
            let names = few.iter().map(|bucket| keys::result(rollout, *bucket));
            let found = self.kv().get(names.collect()).await;
            let (found, _) = found.map_err(|error| error.during(attempt))?;
            let mut when = vec![Compare::same(&keys::away(rollout), Some(&list))];
            let mut then = Vec::new();
            for entry in found.into_iter().flatten() {
                let mut results: Results = record::read(attempt, &entry)?;
                for result in &mut results {
                    result.later = result.later.or_else(|| nodes.get(&result.node).copied());
                }
                when.push(Compare::same(&entry.key, Some(&entry)));
                then.push(Op::put(entry.key, record::write(attempt, &results)?));
            }
            then.push(if away.is_empty() {
                Op::Delete(list.key)
            } else {
                Op::put(list.key, record::write(attempt, &away)?)
            });
            match self.write_quietly(attempt, fence, when, then).await {
                Ok(true) => return Ok(()),
                Ok(false) | Err(StoreError::Unavailable { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict { attempt, conflict })
    }
}

/// The nodes that have still to come back, with the key that their result is in.
type Away = BTreeMap<NodeName, usize>;

fn away(results: &[NodeResult]) -> Away {
    let places = results.iter().enumerate();
    places
        .filter(|(_, result)| match result.end {
            End::Converging | End::Offline | End::Deferred => true,
            End::Confirmed | End::RolledBack | End::Open => false,
        })
        .map(|(place, result)| (result.node.clone(), place / SHARED))
        .collect()
}

/// Divides what is to be written among as few transactions as take it.
fn groups(puts: Vec<(String, Bytes)>) -> Vec<Vec<(String, Bytes)>> {
    let mut groups: Vec<Vec<(String, Bytes)>> = Vec::new();
    let mut size = 0;
    for put in puts {
        size += put.1.len();
        match groups.last_mut() {
            Some(group) if size <= WRITTEN_BYTES && group.len() < WRITE_OPS => group.push(put),
            Some(_) | None => {
                size = put.1.len();
                groups.push(vec![put]);
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use weft_model::revision::Epoch;

    use super::*;
    use crate::store::kv::entry::Txn;

    /// A store that somebody leads, with its proof.
    async fn led() -> (Store, Fence) {
        let store = Store::memory();
        let txn = Txn {
            then: vec![Op::put("leader/1", "{}")],
            ..Txn::default()
        };
        let reply = store.kv().txn(txn).await.unwrap();
        (store, Fence::new("leader/1", Epoch(reply.revision)))
    }

    fn result(node: usize, end: End) -> NodeResult {
        NodeResult {
            node: format!("n{node:04}").parse().unwrap(),
            end,
            at: Timestamp(5),
            steps: 2,
            trouble: Trouble::None,
            faults: Vec::new(),
            failing: Vec::new(),
            disruptive: Vec::new(),
            later: None,
        }
    }

    async fn revision(store: &Store) -> u64 {
        store.draft().await.unwrap().version.0
    }

    #[tokio::test]
    async fn the_results_of_ten_thousand_nodes_are_two_writes_and_one_key_a_hundred() {
        let (store, fence) = led().await;
        let rollout = RolloutId(7);
        let mut results: Results = (0..10_000).map(|n| result(n, End::Confirmed)).collect();
        results[150].end = End::Offline;
        results[9_999].end = End::Deferred;
        let before = revision(&store).await;
        store.put_results(&fence, rollout, &results).await.unwrap();
        assert!(revision(&store).await - before <= 2);
        assert_eq!(store.kv().count(keys::RESULT).await.unwrap(), 100);
        assert_eq!(store.results(rollout).await.unwrap(), results);
        let away = [results[150].node.clone(), results[9_999].node.clone()];
        let away = BTreeMap::from([(rollout, BTreeSet::from(away))]);
        assert_eq!(store.away().await.unwrap(), away);
    }

    #[tokio::test]
    async fn who_comes_back_is_noted_once_and_the_last_one_ends_the_list() {
        let (store, fence) = led().await;
        let rollout = RolloutId(7);
        let mut results: Results = (0..250).map(|n| result(n, End::Confirmed)).collect();
        results[0].end = End::Offline;
        results[249].end = End::Converging;
        store.put_results(&fence, rollout, &results).await.unwrap();
        let later = |at| Later {
            at: Timestamp(at),
            revision: RevisionId(9),
        };
        for (node, at) in [(0, 10), (0, 20), (249, 30)] {
            let back = BTreeMap::from([(results[node].node.clone(), later(at))]);
            store.put_later(&fence, rollout, &back).await.unwrap();
        }
        results[0].later = Some(later(10));
        results[249].later = Some(later(30));
        assert_eq!(store.results(rollout).await.unwrap(), results);
        assert_eq!(store.away().await.unwrap(), BTreeMap::new());
    }

    #[tokio::test]
    async fn what_is_known_of_trouble_gives_way_to_the_end_and_never_comes_after_it() {
        let (store, fence) = led().await;
        let rollout = RolloutId(7);
        let mut open: Results = (0..250).map(|n| result(n, End::Open)).collect();
        open[120].trouble = Trouble::Refused;
        store.put_trouble(&fence, rollout, &open).await.unwrap();
        assert_eq!(store.results(rollout).await.unwrap(), open[100..200]);
        let mut ended: Results = (0..250).map(|n| result(n, End::RolledBack)).collect();
        ended[120].trouble = Trouble::Refused;
        store.put_results(&fence, rollout, &ended).await.unwrap();
        store.put_trouble(&fence, rollout, &open).await.unwrap();
        assert_eq!(store.results(rollout).await.unwrap(), ended);
    }
}
