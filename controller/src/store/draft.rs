//! The draft: the objects as users have them now.
//!
//! # Guarantees
//! A batch is stored whole or not at all, whatever its size, and no reader ever sees part of it.
//! An object that a batch leaves as it is is not written.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use weft_model::object::{Object, ObjectKey, Stored};
use weft_model::revision::Version;

use super::Store;
use super::error::{Conflict, StoreError};
use super::keys;
use super::kv::entry::{Compare, Op, Want};
use super::record::{self, Record};
use super::write::{Audit, Fence, Idempotency, WRITE_BYTES, WRITE_OPS, Write, Written};

mod plan;

use plan::{Plan, Present, plan};

/// All objects at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// The objects.
    pub objects: BTreeMap<ObjectKey, Stored>,
    /// The moment: watch from here to miss nothing.
    pub version: Version,
    /// The version of the last change; a batch may demand that it still is ([`Batch::basis`]).
    pub changed: Version,
}

/// Changes that happen together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The changes; no object twice.
    pub changes: Vec<Change>,
    /// When given, [`Draft::changed`] of the draft that the batch was validated against: another
    /// change since then is a conflict, so that two batches that are valid alone cannot make an
    /// invalid draft together.
    pub basis: Option<Version>,
    /// Who wants it.
    pub audit: Audit,
    /// Whether the lock of another person stops it.
    pub origin: Origin,
    /// Repeating the batch with the same key returns the first result.
    pub idempotency: Option<Idempotency>,
}

/// Where a batch comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A person, named in the audit, whom another person's lock stops.
    Person,
    /// A node that says what it is, which is a fact that no lock stops.
    Node,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "what is put is the rule, and few changes are held at once"
)]
pub enum Change {
    /// Creates or replaces an object.
    Put {
        /// The object as it shall be.
        object: Object,
        /// The version that it must have now; `None` replaces whatever is there.
        expected: Option<Version>,
    },
    /// Deletes an object, which must exist.
    Delete {
        /// The object.
        key: ObjectKey,
        /// The version that it must have now; `None` deletes whatever is there.
        expected: Option<Version>,
    },
}

/// What a batch did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// One for each change, in the order of the batch.
    pub outcomes: Vec<(ObjectKey, Action)>,
    /// The version of the draft with the batch.
    pub version: Version,
}

/// What became of one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It did not exist before.
    Created,
    /// Its spec or labels are others now.
    Changed,
    /// It was like this already, and was not written.
    Unchanged,
    /// It is gone.
    Deleted,
}

/// How often a batch that others got in the way of is tried again.
const TRIES: usize = 16;

/// How many objects fit in one transaction beside what else a batch compares and writes.
const DIRECT_OBJECTS: usize = WRITE_OPS - 5;

impl Store {
    /// All objects, at one moment.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn draft(&self) -> Result<Draft, StoreError> {
        self.read_draft(None).await
    }

    /// All objects as they were at a version.
    ///
    /// # Errors
    /// [`StoreError::Compacted`] when the store does not remember that version.
    pub async fn draft_as_of(&self, version: Version) -> Result<Draft, StoreError> {
        self.read_draft(Some(version.0)).await
    }

    async fn read_draft(&self, at: Option<u64>) -> Result<Draft, StoreError> {
        let attempt = "read the draft";
        let page = self.kv().all(keys::DRAFT, Want::Values, at).await;
        let page = page.map_err(|error| error.during(attempt))?;
        let mut draft = Draft {
            version: Version(page.revision),
            ..Draft::default()
        };
        let mut batch = None;
        for entry in &page.entries {
            match entry.key.as_str() {
                keys::DRAFT_CHANGE => draft.changed = Version(entry.modified),
                keys::DRAFT_BATCH => batch = Some(entry),
                key => {
                    if let Some(object) = keys::object(key) {
                        draft
                            .objects
                            .insert(object, record::stored(attempt, entry)?);
                    }
                }
            }
        }
        if let Some(batch) = batch {
            for (key, stored) in self.staged(attempt, batch, page.revision).await? {
                match stored {
                    Some(stored) => draft.objects.insert(key, stored),
                    None => draft.objects.remove(&key),
                };
            }
        }
        Ok(draft)
    }

    /// Stores a batch: all of it, or none.
    ///
    /// # Errors
    /// A conflict when the batch does not fit what is stored; see [`StoreError`] for the rest.
    pub async fn apply(&self, fence: &Fence, batch: Batch) -> Result<Applied, StoreError> {
        let attempt = "store the changes";
        let conflict = |conflict| StoreError::Conflict { attempt, conflict };
        let mut seen = BTreeSet::new();
        for change in &batch.changes {
            if !seen.insert(change.key()) {
                return Err(conflict(Conflict::Twice { key: change.key() }));
            }
        }
        for _ in 0..TRIES {
            let key = batch.idempotency.as_ref();
            if let Some((outcomes, entry)) = self.remembered(attempt, key).await? {
                return Ok(Applied {
                    outcomes,
                    version: Version(entry.modified),
                });
            }
            let unlocked = match batch.origin {
                Origin::Person => Some(self.unlocked(attempt, &batch.audit.author).await?),
                Origin::Node => None,
            };
            let Some(present) = self.present(attempt, unlocked, &seen).await? else {
                self.write_out(fence).await?;
                continue;
            };
            let plan = plan(&batch, &present).map_err(conflict)?;
            if plan.writes.is_empty() {
                return Ok(Applied {
                    outcomes: plan.outcomes,
                    version: present.version,
                });
            }
            if let Some(version) = self
                .carry_out(attempt, fence, &batch, &present, &plan)
                .await?
            {
                return Ok(Applied {
                    outcomes: plan.outcomes,
                    version,
                });
            }
        }
        Err(conflict(Conflict::Contention))
    }

    /// What a batch finds; `None` while an earlier batch is not written out.
    async fn present(
        &self,
        attempt: &'static str,
        unlocked: Option<[Compare; 2]>,
        wanted: &BTreeSet<ObjectKey>,
    ) -> Result<Option<Present>, StoreError> {
        let (entries, revision) = if wanted.len() <= DIRECT_OBJECTS {
            let own = [keys::DRAFT_BATCH, keys::DRAFT_CHANGE].map(str::to_owned);
            let names = own.into_iter().chain(wanted.iter().map(keys::draft));
            let found = self.kv().get(names.collect()).await;
            let (found, revision) = found.map_err(|error| error.during(attempt))?;
            (found.into_iter().flatten().collect(), revision)
        } else {
            let page = self.kv().all(keys::DRAFT, Want::Values, None).await;
            let page = page.map_err(|error| error.during(attempt))?;
            (page.entries, page.revision)
        };
        let mut present = Present {
            version: Version(revision),
            seed: self.random(attempt)?,
            unlocked,
            change: None,
            objects: BTreeMap::new(),
        };
        for entry in entries {
            if entry.key == keys::DRAFT_BATCH {
                return Ok(None);
            }
            if entry.key == keys::DRAFT_CHANGE {
                present.change = Some(entry);
            } else if let Some(key) = keys::object(&entry.key)
                && wanted.contains(&key)
            {
                let stored = record::stored(attempt, &entry)?;
                present.objects.insert(key, (entry, stored));
            }
        }
        Ok(Some(present))
    }

    /// Writes what was planned; `None` when something changed since it was planned.
    async fn carry_out(
        &self,
        attempt: &'static str,
        fence: &Fence,
        batch: &Batch,
        present: &Present,
        plan: &Plan,
    ) -> Result<Option<Version>, StoreError> {
        let change = Compare::same(keys::DRAFT_CHANGE, present.change.as_ref());
        let mut when = vec![Compare::Absent(keys::DRAFT_BATCH.to_owned())];
        when.extend(present.unlocked.iter().flatten().cloned());
        let mut then = vec![Op::put(keys::DRAFT_CHANGE, "{}")];
        let mut objects = Vec::new();
        let mut size = 0;
        for (key, write) in &plan.writes {
            let key = keys::draft(key);
            objects.push(match write {
                Some(stored) => {
                    let value = Record::unversioned(stored.clone());
                    let value = record::write(attempt, &value)?;
                    size += key.len() + value.len();
                    Op::put(key, value)
                }
                None => Op::Delete(key),
            });
        }
        let direct = plan.writes.len() <= DIRECT_OBJECTS && size <= WRITE_BYTES;
        let mut staging = None;
        if direct {
            when.extend(plan.writes.iter().map(|(key, _)| {
                let entry = present.objects.get(key).map(|(entry, _)| entry);
                Compare::same(&keys::draft(key), entry)
            }));
            when.extend(batch.basis.map(|_| change));
            then.extend(objects);
        } else {
            // Nothing at all may have changed: there are too many objects to compare each.
            when.push(change);
            staging = Some(self.inner.staging.lock().await);
            then.push(self.stage(attempt, fence, &plan.writes).await?);
        }
        let key = batch.idempotency.as_ref();
        if let Some(remembering) = self.remembering(attempt, key, &plan.outcomes).await? {
            when.push(remembering.compare);
            then.push(remembering.op);
        }
        let audit = &batch.audit;
        let write = Write {
            attempt,
            audit,
            when,
            then,
        };
        let Written::Done(revision) = self.write(fence, write).await? else {
            return Ok(None);
        };
        drop(staging);
        if !direct && let Err(error) = self.write_out(fence).await {
            // It is decided, and readers see it; the next batch, or the next leader, writes it out.
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a large batch is not written out yet"
            );
        }
        Ok(Some(Version(revision)))
    }
}

impl Change {
    /// The object.
    pub fn key(&self) -> ObjectKey {
        match self {
            Self::Put { object, .. } => object.key(),
            Self::Delete { key, .. } => key.clone(),
        }
    }
}
