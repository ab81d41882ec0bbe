//! Forgetting: what nothing refers to any more, and the history of the keys.
//!
//! # Never
//! A revision that is confirmed, that a kept rollout names, or that a node is at, is not deleted;
//! nor is a part that a kept revision has.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;
use weft_model::revision::{RevisionId, RolloutId};

use super::Store;
use super::error::StoreError;
use super::keys;
use super::kv::KvError;
use super::kv::entry::{Entry, Op, Order, Range, Want};
use super::record;
use super::revision::Manifest;
use super::rollout::Span;
use super::write::{Fence, WRITE_OPS};

/// How many revisions are kept at least.
pub const REVISIONS: usize = 100;

/// How many rollouts are kept.
const ROLLOUTS: usize = 200;

/// How many audit records are kept.
const AUDITS: usize = 10_000;

const ATTEMPT: &str = "delete what is old";

impl Store {
    /// Deletes old revisions but the newest `keep` (never fewer than 100), the confirmed one, and
    /// those that a kept rollout or a node is at; then what no revision refers to. Old rollouts,
    /// audit records and the parts of lost batches go as well. Returns how many revisions it
    /// deleted.
    ///
    /// # Errors
    /// When the store cannot be written; trying again goes on where it stopped.
    pub async fn prune(&self, fence: &Fence, keep: usize) -> Result<usize, StoreError> {
        if self.quarantine().await?.is_some() {
            return Ok(0);
        }
        self.drop_undecided(fence).await?;
        let old = self.oldest(keys::AUDIT, AUDITS).await?;
        self.delete(fence, old).await?;
        self.prune_rollouts(fence).await?;

        // No one writes parts between looking at the manifests and deleting what they do not name.
        let _parts = self.inner.parts.lock().await;
        let needed = self.needed().await?;
        let manifests = self.read_all(keys::REVISION, Want::Values).await?;
        let newest = manifests.len().saturating_sub(keep.max(REVISIONS));
        let (mut old, mut named) = (Vec::new(), BTreeSet::new());
        for (place, entry) in manifests.iter().enumerate() {
            let manifest: Manifest = record::read(ATTEMPT, entry)?;
            if place < newest && !needed.contains(&manifest.summary.revision) {
                old.push(entry.key.clone());
            } else {
                named.extend(manifest.hashes().map(keys::bucket));
            }
        }
        let count = old.len();
        self.delete(fence, old).await?;
        let parts = self.read_all(keys::BUCKET, Want::Keys).await?;
        let parts = parts.into_iter().map(|entry| entry.key);
        let unnamed = parts.filter(|key| !named.contains(key)).collect();
        self.delete(fence, unnamed).await?;
        Ok(count)
    }

    /// The revisions that someone needs however old they are.
    async fn needed(&self) -> Result<BTreeSet<RevisionId>, StoreError> {
        let mut needed = BTreeSet::from([self.head().await?.revision]);
        for entry in self.read_all(keys::SPAN, Want::Values).await? {
            let Span { from, to } = record::read(ATTEMPT, &entry)?;
            needed.extend([from, to]);
        }
        needed.extend(self.nodes().await?.values().map(|node| node.revision));
        Ok(needed)
    }

    async fn prune_rollouts(&self, fence: &Fence) -> Result<(), StoreError> {
        let active: Option<RolloutId> = match self.entry(ATTEMPT, keys::ACTIVE).await? {
            Some(entry) => Some(record::read(ATTEMPT, &entry)?),
            None => None,
        };
        let old = self.oldest(keys::ROLLOUT, ROLLOUTS).await?;
        let old = old.iter().filter_map(|key| keys::rollout_of(key));
        // The one that set the head is what every node refers to.
        let head = self.head().await?.rollout;
        let old: Vec<RolloutId> = old
            .filter(|rollout| Some(*rollout) != active && *rollout != head)
            .collect();
        for rollout in &old {
            self.delete_all(ATTEMPT, fence, &keys::results(*rollout))
                .await?;
        }
        let all = |rollout| {
            [
                keys::rollout(rollout),
                keys::decision(rollout),
                keys::span(rollout),
                keys::away(rollout),
            ]
        };
        self.delete(fence, old.into_iter().flat_map(all).collect())
            .await
    }

    /// The keys with the prefix, but for those of the newest.
    async fn oldest(&self, prefix: &str, newest: usize) -> Result<Vec<String>, StoreError> {
        let entries = self.read_all(prefix, Want::Keys).await?;
        let old = entries.len().saturating_sub(newest);
        Ok(entries
            .into_iter()
            .take(old)
            .map(|entry| entry.key)
            .collect())
    }

    async fn read_all(&self, prefix: &str, want: Want) -> Result<Vec<Entry>, StoreError> {
        let page = self.kv().all(prefix, want, None).await;
        Ok(page.map_err(|error| error.during(ATTEMPT))?.entries)
    }

    async fn delete(&self, fence: &Fence, keys: Vec<String>) -> Result<(), StoreError> {
        for chunk in keys.chunks(WRITE_OPS) {
            let ops = chunk.iter().cloned().map(Op::Delete).collect();
            self.write_quietly(ATTEMPT, fence, Vec::new(), ops).await?;
        }
        Ok(())
    }

    /// The store's newest revision.
    async fn now(&self) -> Result<u64, KvError> {
        let range = Range {
            prefix: keys::HEAD.to_owned(),
            limit: 1,
            order: Order::Ascending,
            want: Want::Keys,
            ..Range::default()
        };
        Ok(self.kv().range(range).await?.revision)
    }
}

/// How far back the history of the keys reaches at least: nobody is away from a watch for so long
/// and hopes to go on with it, and etcd's worst errors are near where it compacts.
pub const MEMORY: Duration = Duration::from_secs(6 * 60 * 60);

/// Lets the store forget its history, with a wide margin. The leader calls it now and then.
#[derive(Debug, Default)]
pub struct Compactor {
    /// The store's revision at moments of the past.
    marks: VecDeque<(Instant, u64)>,
}

impl Compactor {
    /// Compacts up to what was the newest revision [`MEMORY`] ago, as far as is known.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn compact(&mut self, store: &Store) -> Result<(), StoreError> {
        let attempt = "compact the store";
        let revision = store.now().await;
        let revision = revision.map_err(|error| error.during(attempt))?;
        let now = Instant::now();
        self.marks.push_back((now, revision));
        let mut reached = None;
        while let Some((at, revision)) = self.marks.front()
            && now.duration_since(*at) >= MEMORY
        {
            reached = Some(*revision);
            self.marks.pop_front();
        }
        let Some(revision) = reached else {
            return Ok(());
        };
        match store.kv().compact(revision).await {
            // It was compacted up to there or further already.
            Ok(()) | Err(KvError::Compacted) => Ok(()),
            Err(error) => Err(error.during(attempt)),
        }
    }
}

/// How often old things are looked for: what they cost grows slowly.
const UPKEEP: Duration = Duration::from_secs(60 * 60);

/// Keeps the store small while this controller leads; ends only by being dropped.
pub async fn upkeep(store: &Store, fence: &Fence) {
    let mut compactor = Compactor::default();
    loop {
        if let Err(error) = store.prune(fence, REVISIONS).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "old revisions stay"
            );
        }
        if let Err(error) = compactor.compact(store).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the store's history stays"
            );
        }
        tokio::time::sleep(UPKEEP).await;
    }
}

#[cfg(test)]
mod tests {
    use weft_model::revision::{Epoch, Version};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_what_is_older_than_the_memory_is_forgotten() {
        let store = Store::memory();
        let write = async || {
            let put = Op::put("x", "1");
            let txn = super::super::kv::entry::Txn {
                then: vec![put],
                ..Default::default()
            };
            store.kv().txn(txn).await.unwrap().revision
        };
        let first = write().await;
        let fence = Fence::new("leader/none", Epoch(0));
        let keeping = upkeep(&store, &fence);
        let remembered = async |revision| store.draft_as_of(Version(revision)).await.is_ok();
        let looking = async {
            let second = write().await;
            tokio::time::sleep(MEMORY - Duration::from_secs(60)).await;
            assert!(remembered(first).await);
            let third = write().await;
            tokio::time::sleep(Duration::from_secs(120)).await;
            assert!(!remembered(first).await);
            assert!(remembered(second).await && remembered(third).await);
        };
        tokio::select! {
            biased;
            () = looking => {}
            () = keeping => unreachable!("it goes on for ever"),
        }
    }
}
