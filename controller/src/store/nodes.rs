//! What is kept of each node: its facts, and the revision that it confirmed last.
//!
//! # Never
//! Liveness. A heartbeat is not written; only a changed fact or a new confirmed revision is.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use weft_model::facts::Facts;
use weft_model::name::NodeName;
use weft_model::plan::digest::Digest;
use weft_model::revision::{RevisionId, Timestamp};

use super::Store;
use super::error::{Conflict, StoreError};
use super::keys;
use super::kv::entry::{Compare, Entry, Op, Want};
use super::record;
use super::write::{Fence, WRITE_BYTES, WRITE_OPS};

/// What a node confirmed last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeRecord {
    /// The revision.
    pub revision: RevisionId,
    /// The digest of the node's plan at that revision.
    pub digest: Digest,
    /// When.
    pub at: Timestamp,
}

/// How often a write that others got in the way of is tried again.
const TRIES: usize = 8;

impl Store {
    /// The facts of every node.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn facts(&self) -> Result<BTreeMap<NodeName, Facts>, StoreError> {
        self.by_node("read the nodes' facts", keys::FACTS).await
    }

    /// Stores nodes' facts, many to a transaction; returns how many were written, the others
    /// being stored already.
    ///
    /// # Errors
    /// When the store cannot be written; the facts before the error are stored.
    pub async fn put_facts(
        &self,
        fence: &Fence,
        facts: &BTreeMap<NodeName, Facts>,
    ) -> Result<usize, StoreError> {
        let attempt = "store the nodes' facts";
        let mut puts = Vec::with_capacity(facts.len());
        for (node, facts) in facts {
            puts.push((keys::facts(node), record::write(attempt, facts)?));
        }
        let mut written = 0;
        let mut rest = puts.as_slice();
        while !rest.is_empty() {
            let (chunk, others) = rest.split_at(fitting(rest));
            written += self
                .put_changed(attempt, fence, chunk, |_, _| false)
                .await?;
            rest = others;
        }
        Ok(written)
    }

    /// What every node confirmed last.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn nodes(&self) -> Result<BTreeMap<NodeName, NodeRecord>, StoreError> {
        self.by_node("read the nodes' records", keys::NODE).await
    }

    /// Stores what nodes confirmed, many to a transaction; records that are stored already with
    /// the same revision and digest are not written.
    ///
    /// # Errors
    /// When the store cannot be written; the records before the error are stored.
    pub async fn put_nodes(
        &self,
        fence: &Fence,
        records: &BTreeMap<NodeName, NodeRecord>,
    ) -> Result<(), StoreError> {
        let attempt = "store the nodes' records";
        let mut puts = Vec::new();
        for (node, node_record) in records {
            puts.push((keys::node(node), record::write(attempt, node_record)?));
        }
        for chunk in puts.chunks(WRITE_OPS) {
            self.put_changed(attempt, fence, chunk, same_but_for_time)
                .await?;
        }
        Ok(())
    }

    /// Forgets a node: its facts and its record.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn forget_node(&self, fence: &Fence, node: &NodeName) -> Result<(), StoreError> {
        let ops = [keys::facts(node), keys::node(node)].map(Op::Delete);
        self.write_quietly("forget a node", fence, Vec::new(), ops.into())
            .await
            .map(drop)
    }

    async fn by_node<T: serde::de::DeserializeOwned>(
        &self,
        attempt: &'static str,
        prefix: &str,
    ) -> Result<BTreeMap<NodeName, T>, StoreError> {
        let page = self.kv().all(prefix, Want::Values, None).await;
        let entries = page.map_err(|error| error.during(attempt))?.entries;
        let mut nodes = BTreeMap::new();
        for entry in entries {
            let name = entry.key[prefix.len()..].parse();
            let name = name.map_err(|error| StoreError::Corrupt {
                attempt,
                key: entry.key.clone(),
                source: Box::new(error),
            })?;
            nodes.insert(name, record::read(attempt, &entry)?);
        }
        Ok(nodes)
    }

    /// Writes the values that are not there yet, in one transaction; returns how many.
    ///
    /// An answer that is lost is settled by reading again: what is written is compared with what
    /// was read, so that a late arrival overwrites nothing newer.
    async fn put_changed(
        &self,
        attempt: &'static str,
        fence: &Fence,
        puts: &[(String, Bytes)],
        same: fn(&[u8], &[u8]) -> bool,
    ) -> Result<usize, StoreError> {
        for _ in 0..TRIES {
            let names = puts.iter().map(|(key, _)| key.clone()).collect();
            let found = self.kv().get(names).await;
            let (found, _) = found.map_err(|error| error.during(attempt))?;
            let changed = |(_, value): &&(&(String, Bytes), Option<Entry>), to: &Bytes| {
                value
                    .as_ref()
                    .is_none_or(|entry| entry.value != to && !same(&entry.value, to))
            };
            let pairs: Vec<(&(String, Bytes), Option<Entry>)> = puts.iter().zip(found).collect();
            let writes: Vec<_> = pairs
                .iter()
                .filter(|pair| changed(pair, &pair.0.1))
                .collect();
            if writes.is_empty() {
                return Ok(0);
            }
            let when = writes
                .iter()
                .map(|((key, _), at)| Compare::same(key, at.as_ref()));
            let then = writes
                .iter()
                .map(|((key, value), _)| Op::put(key.as_str(), value.clone()));
            let (when, then) = (when.collect(), then.collect());
            match self.write_quietly(attempt, fence, when, then).await {
                Ok(true) => return Ok(writes.len()),
                Ok(false) | Err(StoreError::Unavailable { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict {
            attempt,
            conflict: Conflict::Contention,
        })
    }
}

/// How many of the first values one transaction takes: one at least.
fn fitting(puts: &[(String, Bytes)]) -> usize {
    let mut size = 0;
    let fits = puts.iter().take(WRITE_OPS).take_while(|(key, value)| {
        size += key.len() + value.len();
        size <= WRITE_BYTES
    });
    fits.count().max(1)
}

/// Whether two records of a node differ in their time only.
fn same_but_for_time(one: &[u8], other: &[u8]) -> bool {
    let read = |text| serde_json::from_slice::<NodeRecord>(text).ok();
    match (read(one), read(other)) {
        (Some(one), Some(other)) => (one.revision, one.digest) == (other.revision, other.digest),
        (None, _) | (_, None) => false,
    }
}
