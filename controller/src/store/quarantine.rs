//! That the store went back in time, as a restored backup makes it; and the way out.
//!
//! # Guarantees
//! Once it is known it is stored, so that every later leader knows. While it stands, no person's
//! change is stored. Accepting it raises the incarnation in the same transaction: no leader of
//! before can command a node of after.

use serde::{Deserialize, Serialize};
use weft_model::revision::{Incarnation, Timestamp};

use super::Store;
use super::error::{Conflict, StoreError};
use super::keys;
use super::kv::entry::{Compare, Entry, Op, Range};
use super::meta::Cluster;
use super::record;
use super::write::{Audit, Fence, Write, Written};

/// That the store went back in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quarantine {
    /// How that is known.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
}

/// How far a store is: what can only grow while it is the same one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mark {
    /// The revision of the store.
    pub revision: u64,
    /// The revision that wrote the head last.
    pub head: u64,
}

impl Store {
    /// Whether the store is known to have gone back in time.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn quarantine(&self) -> Result<Option<Quarantine>, StoreError> {
        let attempt = "read whether the store was restored";
        let entry = self.entry(attempt, keys::QUARANTINE).await?;
        entry.map(|entry| record::read(attempt, &entry)).transpose()
    }

    /// How far the store is.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn mark(&self) -> Result<Mark, StoreError> {
        let attempt = "read how far the store is";
        let range = Range {
            prefix: keys::HEAD.to_owned(),
            limit: 1,
            ..Range::default()
        };
        let page = self.kv().range(range).await;
        let page = page.map_err(|error| error.during(attempt))?;
        Ok(Mark {
            revision: page.revision,
            head: page.entries.first().map_or(0, |head| head.modified),
        })
    }

    /// Stores that the store went back in time; nothing if that is known.
    ///
    /// # Errors
    /// [`StoreError::Deposed`] when this controller does not lead any more: then it was not the
    /// store that was behind.
    pub async fn put_quarantine(
        &self,
        fence: &Fence,
        quarantine: &Quarantine,
    ) -> Result<(), StoreError> {
        let attempt = "store that the store was restored";
        let audit = Audit {
            at: quarantine.since,
            author: "controller".to_owned(),
            action: "cluster.quarantine".to_owned(),
            detail: quarantine.why.clone(),
        };
        let write = Write {
            attempt,
            audit: &audit,
            when: vec![Compare::Absent(keys::QUARANTINE.to_owned())],
            then: vec![Op::put(
                keys::QUARANTINE,
                record::write(attempt, quarantine)?,
            )],
        };
        self.write(fence, write).await.map(drop)
    }

    /// Takes the store for the truth again, whatever it lost; returns the new incarnation.
    ///
    /// The incarnation becomes larger than `beyond` too: nodes may have heard of that one.
    ///
    /// # Errors
    /// [`Conflict::NotQuarantined`] when nothing is wrong with it.
    pub async fn accept_restore(
        &self,
        fence: &Fence,
        beyond: Incarnation,
        audit: Audit,
    ) -> Result<Incarnation, StoreError> {
        let attempt = "accept the restored store";
        let names = [keys::QUARANTINE, keys::CLUSTER].map(str::to_owned);
        let found = self.kv().get(names.to_vec()).await;
        let (found, _) = found.map_err(|error| error.during(attempt))?;
        let conflict = |conflict| Err(StoreError::Conflict { attempt, conflict });
        let [Some(quarantine), Some(identity)] = found.as_slice() else {
            return conflict(Conflict::NotQuarantined);
        };
        let cluster: Cluster = record::read(attempt, identity)?;
        let incarnation = Incarnation(cluster.incarnation.0.max(beyond.0) + 1);
        let next = Cluster {
            incarnation,
            ..cluster
        };
        let same = |entry: &Entry| Compare::same(&entry.key, Some(entry));
        let write = Write {
            attempt,
            audit: &audit,
            when: vec![same(quarantine), same(identity)],
            then: vec![
                Op::put(keys::CLUSTER, record::write(attempt, &next)?),
                Op::Delete(keys::QUARANTINE.to_owned()),
            ],
        };
        match self.write(fence, write).await? {
            Written::Done(_) => Ok(incarnation),
            Written::Refused(_, _) => conflict(Conflict::Contention),
        }
    }
}

impl Mark {
    /// Why a store that is here now cannot be the one that was there, where it cannot.
    pub fn contradicts(&self, before: &Self) -> Option<String> {
        if self.revision < before.revision {
            return Some(format!(
                "this controller saw version {} of it, and it is at version {}",
                before.revision, self.revision
            ));
        }
        (self.head < before.head).then(|| {
            format!(
                "this controller saw a confirmed revision of version {}, and the present one is of \
                 version {}",
                before.head, self.head
            )
        })
    }
}
