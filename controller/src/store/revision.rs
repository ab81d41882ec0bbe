//! Revisions: immutable, numbered sets of objects and facts.
//!
//! # Guarantees
//! A revision exists from the moment its manifest is written, which is last and once. What did not
//! change is shared with earlier revisions.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use weft_model::facts::Facts;
use weft_model::name::NodeName;
use weft_model::object::{ObjectKey, Stored};
use weft_model::revision::{RevisionId, RolloutId, Timestamp, Version};

use super::Store;
use super::bucket::{self, Bucket};
use super::error::{Conflict, StoreError};
use super::keys;
use super::kv::entry::{Compare, Entry, Op};
use super::record::{self, Record};
use super::write::{Audit, Fence, Write, Written};

/// What a revision holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The objects, as the draft had them.
    pub objects: BTreeMap<ObjectKey, Stored>,
    /// The facts of the nodes.
    pub facts: BTreeMap<NodeName, Facts>,
}

/// What is known of a revision without reading its objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Its number.
    pub revision: RevisionId,
    /// The revision that it was made from.
    pub parent: RevisionId,
    /// Who published it.
    pub author: String,
    /// Why.
    pub message: String,
    /// When.
    pub created: Timestamp,
    /// How many objects it has.
    pub object_count: u32,
}

/// The confirmed revision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// The revision; [`RevisionId::EMPTY`] before the first commit.
    pub revision: RevisionId,
    /// The rollout that committed it.
    pub rollout: RolloutId,
}

/// A revision as it is written: what is known of it, and the hashes of its parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Manifest {
    pub summary: Summary,
    pub objects: Vec<String>,
    pub facts: Vec<String>,
}

impl Manifest {
    /// The hashes of all parts.
    pub fn hashes(&self) -> impl Iterator<Item = &str> {
        let all = self.objects.iter().chain(&self.facts);
        all.map(String::as_str).filter(|hash| !hash.is_empty())
    }
}

/// How often publishing takes another number because someone else took the one before.
const TRIES: usize = 8;

/// How many parts are read or written in one transaction: the largest must stay under 1.5 MiB
/// together when written.
const PARTS: usize = 8;
const WRITTEN_BYTES: usize = 1 << 20;

/// How many transactions are under way at a time.
const ABREAST: usize = 4;

impl Store {
    /// Publishes a revision and returns its number.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn publish(
        &self,
        fence: &Fence,
        parent: RevisionId,
        content: &Content,
        message: &str,
        audit: Audit,
    ) -> Result<RevisionId, StoreError> {
        let attempt = "publish a revision";
        // No one deletes parts between here and the manifest that names them.
        let _parts = self.inner.parts.lock().await;
        let before = match parent {
            RevisionId::EMPTY => None,
            parent => Some(self.manifest(attempt, parent).await?.1),
        };
        let parts_before =
            |of: fn(&Manifest) -> &Vec<String>| before.as_ref().map(|manifest| of(manifest).len());
        let mut objects = Vec::new();
        for (key, stored) in &content.objects {
            let value = record::write(attempt, &Record::versioned(stored.clone()))?;
            objects.push((key.to_string(), value));
        }
        let mut facts = Vec::new();
        for (node, known) in &content.facts {
            facts.push((node.to_string(), record::write(attempt, &(node, known))?));
        }
        let objects = bucket::divide(objects, parts_before(|manifest| &manifest.objects));
        let facts = bucket::divide(facts, parts_before(|manifest| &manifest.facts));
        let known: BTreeSet<&str> = before.iter().flat_map(Manifest::hashes).collect();
        let new = objects.iter().chain(&facts);
        let new = new.filter(|part| !part.is_empty() && !known.contains(part.hash.as_str()));
        self.put_parts(attempt, fence, new).await?;

        let hashes = |parts: &[Bucket]| parts.iter().map(|part| part.hash.clone()).collect();
        let mut manifest = Manifest {
            summary: Summary {
                revision: RevisionId::EMPTY,
                parent,
                author: audit.author.clone(),
                message: message.to_owned(),
                created: audit.at,
                object_count: u32::try_from(content.objects.len()).unwrap_or(u32::MAX),
            },
            objects: hashes(&objects),
            facts: hashes(&facts),
        };
        for _ in 0..TRIES {
            let newest = self.newest(attempt, keys::REVISION, 1).await?;
            let newest = newest.first().and_then(|entry| keys::revision(&entry.key));
            let revision = RevisionId(newest.unwrap_or(parent).0 + 1);
            manifest.summary.revision = revision;
            let key = keys::manifest(revision);
            let write = Write {
                attempt,
                audit: &audit,
                when: vec![Compare::Absent(key.clone())],
                then: vec![Op::put(key, record::write(attempt, &manifest)?)],
            };
            if let Written::Done(_) = self.write(fence, write).await? {
                return Ok(revision);
            }
        }
        Err(StoreError::Conflict {
            attempt,
            conflict: Conflict::Contention,
        })
    }

    async fn put_parts(
        &self,
        attempt: &'static str,
        fence: &Fence,
        parts: impl Iterator<Item = &Bucket>,
    ) -> Result<(), StoreError> {
        let mut groups: Vec<Vec<Op>> = Vec::new();
        let mut size = usize::MAX;
        for part in parts {
            if size.saturating_add(part.value.len()) > WRITTEN_BYTES {
                groups.push(Vec::new());
                size = 0;
            }
            size += part.value.len();
            if let Some(group) = groups.last_mut() {
                group.push(Op::put(keys::bucket(&part.hash), part.value.clone()));
                if group.len() == WRITE_GROUP {
                    size = usize::MAX;
                }
            }
        }
        let puts = groups
            .into_iter()
            .map(|group| self.write_quietly(attempt, fence, Vec::new(), group));
        let puts = stream::iter(puts).buffer_unordered(ABREAST);
        puts.try_for_each(|_| async { Ok(()) }).await
    }

    /// What a revision holds; the empty one holds nothing.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such revision (any more).
    pub async fn load(&self, revision: RevisionId) -> Result<Content, StoreError> {
        let attempt = "read a revision";
        if revision == RevisionId::EMPTY {
            return Ok(Content::default());
        }
        let (_, manifest) = self.manifest(attempt, revision).await?;
        let objects: Vec<Record> = self.parts(attempt, &manifest.objects).await?;
        let objects = objects.into_iter().map(|written| {
            // Every object of a revision has its version with it.
            let stored = written.stored(Version(0));
            (stored.object.key(), stored)
        });
        let facts: Vec<(NodeName, Facts)> = self.parts(attempt, &manifest.facts).await?;
        Ok(Content {
            objects: objects.collect(),
            facts: facts.into_iter().collect(),
        })
    }

    /// The items of parts.
    async fn parts<T: DeserializeOwned>(
        &self,
        attempt: &'static str,
        hashes: &[String],
    ) -> Result<Vec<T>, StoreError> {
        let hashes: Vec<&String> = hashes.iter().filter(|hash| !hash.is_empty()).collect();
        let reads = hashes.chunks(PARTS).map(|chunk| async move {
            let names = chunk.iter().map(|hash| keys::bucket(hash)).collect();
            let found = self.kv().get(names).await;
            let (found, _) = found.map_err(|error| error.during(attempt))?;
            let mut items = Vec::new();
            for (hash, entry) in chunk.iter().zip(found) {
                let entry = entry.ok_or_else(|| StoreError::Missing {
                    attempt,
                    what: format!("part {hash} of the revision"),
                })?;
                if bucket::hash(&entry.value) != **hash {
                    return Err(StoreError::Corrupt {
                        attempt,
                        key: entry.key,
                        source: "its hash is another than its name".into(),
                    });
                }
                let part: Vec<T> = record::read(attempt, &entry)?;
                items.extend(part);
            }
            Ok(items)
        });
        let reads: Vec<_> = reads.collect();
        let parts: Vec<Vec<T>> = stream::iter(reads).buffered(ABREAST).try_collect().await?;
        Ok(parts.into_iter().flatten().collect())
    }

    pub(super) async fn manifest(
        &self,
        attempt: &'static str,
        revision: RevisionId,
    ) -> Result<(Entry, Manifest), StoreError> {
        let entry = self.entry(attempt, &keys::manifest(revision)).await?;
        let entry = entry.ok_or_else(|| StoreError::Missing {
            attempt,
            what: format!("revision {revision}"),
        })?;
        let manifest = record::read(attempt, &entry)?;
        Ok((entry, manifest))
    }

    /// One revision without its objects.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such revision (any more).
    pub async fn summary(&self, revision: RevisionId) -> Result<Summary, StoreError> {
        let (_, manifest) = self.manifest("read a revision", revision).await?;
        Ok(manifest.summary)
    }

    /// Revisions, newest first, `limit` at most.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn revisions(&self, limit: usize) -> Result<Vec<Summary>, StoreError> {
        let attempt = "list the revisions";
        let entries = self.newest(attempt, keys::REVISION, limit).await?;
        let read = |entry| record::read(attempt, entry).map(|manifest: Manifest| manifest.summary);
        entries.iter().map(read).collect()
    }

    /// The confirmed revision.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn head(&self) -> Result<Head, StoreError> {
        let attempt = "read the confirmed revision";
        let entry = self.entry(attempt, keys::HEAD).await?;
        read_head(attempt, entry.as_ref())
    }
}

/// How many parts are written in one transaction at most.
const WRITE_GROUP: usize = 64;

/// The confirmed revision of its entry.
pub(super) fn read_head(attempt: &'static str, entry: Option<&Entry>) -> Result<Head, StoreError> {
    entry.map_or_else(|| Ok(Head::default()), |entry| record::read(attempt, entry))
}
