//! Batches that are larger than a transaction of etcd's may be.
//!
//! # Protocol
//! The parts of the batch are written first, where nobody looks. Then one transaction decides it:
//! it makes [`keys::DRAFT_BATCH`], which names the parts. From then on every reader lays the parts
//! over the objects. Then the objects are written, part by part; no other batch is accepted until
//! that is done, and whoever comes next does it if the first one could not. Last, the key and the
//! parts are deleted.
//!
//! # Guarantees
//! Before the decision nothing of the batch is seen, after it all of it. The version of its objects
//! is the revision of the decision, and stays so when they are written out.

use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use weft_model::object::{ObjectKey, Stored};
use weft_model::revision::Version;

use super::Store;
use super::error::StoreError;
use super::keys;
use super::kv::entry::{Compare, Entry, Op, Range, Want};
use super::record::{self, Record};
use super::write::Fence;

/// How many objects a part has at most: it is written out in one transaction.
const PART_OBJECTS: usize = 100;

/// How many bytes a part has at most, unless a single object has more.
const PART_BYTES: usize = 512 << 10;

/// How many transactions are under way at a time.
const ABREAST: usize = 4;

/// What decides a batch.
#[derive(Serialize, Deserialize)]
struct Decision {
    batch: String,
    parts: usize,
}

/// One object of a part: what it becomes, or that it goes.
#[derive(Serialize, Deserialize)]
struct Item {
    key: ObjectKey,
    record: Option<Record>,
}

impl Store {
    /// Writes the parts of a batch, and returns what decides it.
    pub(super) async fn stage(
        &self,
        attempt: &'static str,
        fence: &Fence,
        writes: &[(ObjectKey, Option<Stored>)],
    ) -> Result<Op, StoreError> {
        let batch = keys::hex(&self.random::<8>(attempt)?);
        let parts = divide(attempt, writes)?;
        let decision = Decision {
            parts: parts.len(),
            batch,
        };
        let puts = parts.into_iter().enumerate().map(|(number, value)| {
            let put = Op::put(keys::stage(&decision.batch, number), value);
            self.write_quietly(attempt, fence, Vec::new(), vec![put])
        });
        let puts = stream::iter(puts).buffer_unordered(ABREAST);
        puts.try_for_each(|_| async { Ok(()) }).await?;
        Ok(Op::put(
            keys::DRAFT_BATCH,
            record::write(attempt, &decision)?,
        ))
    }

    /// What a decided batch makes of its objects, as of a revision at which it was not written out.
    pub(super) async fn staged(
        &self,
        attempt: &'static str,
        decided: &Entry,
        at: u64,
    ) -> Result<Vec<(ObjectKey, Option<Stored>)>, StoreError> {
        let version = Version(decided.modified);
        let items = self.items(attempt, decided, at).await?;
        let read = |item: Item| (item.key, item.record.map(|record| record.stored(version)));
        Ok(items.into_iter().flatten().map(read).collect())
    }

    async fn items(
        &self,
        attempt: &'static str,
        decided: &Entry,
        at: u64,
    ) -> Result<Vec<Vec<Item>>, StoreError> {
        let decision: Decision = record::read(attempt, decided)?;
        let prefix = format!("{}{}/", keys::STAGE, decision.batch);
        let page = self.kv().all(&prefix, Want::Values, Some(at)).await;
        let entries = page.map_err(|error| error.during(attempt))?.entries;
        if entries.len() != decision.parts {
            return Err(StoreError::Corrupt {
                attempt,
                key: prefix,
                source: format!("{} of {} parts are there", entries.len(), decision.parts).into(),
            });
        }
        let read = |entry| record::read(attempt, entry);
        entries.iter().map(read).collect()
    }

    /// Writes the objects of a decided batch, where there is one.
    ///
    /// # Errors
    /// When the store cannot be written; trying again goes on.
    pub(super) async fn write_out(&self, fence: &Fence) -> Result<(), StoreError> {
        let attempt = "write out a large batch";
        let found = self.kv().get(vec![keys::DRAFT_BATCH.to_owned()]).await;
        let (found, revision) = found.map_err(|error| error.during(attempt))?;
        let Some(decided) = found.into_iter().flatten().next() else {
            return Ok(());
        };
        let undone = || {
            vec![Compare::Modified(
                keys::DRAFT_BATCH.to_owned(),
                decided.modified,
            )]
        };
        let version = Version(decided.modified);
        let mut writes = Vec::new();
        for items in self.items(attempt, &decided, revision).await? {
            let mut ops = Vec::new();
            for item in items {
                let key = keys::draft(&item.key);
                ops.push(match item.record {
                    None => Op::Delete(key),
                    Some(written) => {
                        let stored = Record::versioned(written.stored(version));
                        Op::put(key, record::write(attempt, &stored)?)
                    }
                });
            }
            writes.push(self.write_quietly(attempt, fence, undone(), ops));
        }
        // Where the comparison does not hold, someone else wrote all of it out.
        let writes = stream::iter(writes).buffer_unordered(ABREAST);
        writes.try_for_each(|_| async { Ok(()) }).await?;
        let done = vec![Op::Delete(keys::DRAFT_BATCH.to_owned())];
        self.write_quietly(attempt, fence, undone(), done).await?;
        let decision: Decision = record::read(attempt, &decided)?;
        let prefix = format!("{}{}/", keys::STAGE, decision.batch);
        self.delete_all(attempt, fence, &prefix).await
    }

    /// Deletes the parts of batches that were never decided.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub(super) async fn drop_undecided(&self, fence: &Fence) -> Result<(), StoreError> {
        let _staging = self.inner.staging.lock().await;
        self.write_out(fence).await?;
        self.delete_all("delete the parts of lost batches", fence, keys::STAGE)
            .await
    }

    /// Deletes all keys with the prefix.
    pub(super) async fn delete_all(
        &self,
        attempt: &'static str,
        fence: &Fence,
        prefix: &str,
    ) -> Result<(), StoreError> {
        let range = Range {
            prefix: prefix.to_owned(),
            limit: PART_OBJECTS,
            want: Want::Keys,
            ..Range::default()
        };
        loop {
            let page = self.kv().range(range.clone()).await;
            let page = page.map_err(|error| error.during(attempt))?;
            if page.entries.is_empty() {
                return Ok(());
            }
            let keys = page.entries.into_iter().map(|entry| Op::Delete(entry.key));
            self.write_quietly(attempt, fence, Vec::new(), keys.collect())
                .await?;
        }
    }
}

/// Divides a batch into the values of its parts.
fn divide(
    attempt: &'static str,
    writes: &[(ObjectKey, Option<Stored>)],
) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut parts = Vec::new();
    let mut part = Vec::new();
    let mut count = 0;
    for (key, stored) in writes {
        let item = Item {
            key: key.clone(),
            record: stored.clone().map(Record::unversioned),
        };
        let item = record::write(attempt, &item)?;
        if count == PART_OBJECTS || (count > 0 && part.len() + item.len() > PART_BYTES) {
            part.push(b']');
            parts.push(std::mem::take(&mut part));
            count = 0;
        }
        part.push(if count == 0 { b'[' } else { b',' });
        part.extend_from_slice(&item);
        count += 1;
    }
    if count > 0 {
        part.push(b']');
        parts.push(part);
    }
    Ok(parts)
}
