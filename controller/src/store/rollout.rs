//! The records of rollouts, and the one transaction that decides each.
//!
//! # Guarantees
//! At most one rollout is active. A rollout is decided once. The confirmed revision changes only
//! together with a decision to commit.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use weft_model::revision::{RevisionId, RolloutId, Version};

use super::Store;
use super::error::{Conflict, StoreError};
use super::keys;
use super::kv::entry::{Compare, Entry, Op};
use super::record;
use super::revision::{Head, read_head};
use super::write::{Audit, Fence, Idempotency, Write, Written};

/// The record of a rollout, whatever its type, with the version that the next write must name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded<T> {
    /// Its number.
    pub rollout: RolloutId,
    /// The record.
    pub record: T,
    /// The version of the record.
    pub version: Version,
}

/// A new rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creation<'a, T> {
    /// Its number, from [`Store::next_rollout`].
    pub rollout: RolloutId,
    /// Its record.
    pub record: &'a T,
    /// The revision that must be the confirmed one.
    pub from: RevisionId,
    /// The revision to go to, which must exist.
    pub to: RevisionId,
    /// Who wants it.
    pub audit: Audit,
    /// Repeating the creation with the same key returns the first one's number.
    pub idempotency: Option<Idempotency>,
}

/// A write to the record of a rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update<'a, T> {
    /// The rollout.
    pub rollout: RolloutId,
    /// The version that its record must have.
    pub version: Version,
    /// The new record.
    pub record: &'a T,
    /// Who wants it.
    pub audit: Audit,
    /// The key that the rollout's number is remembered under, as what the call came to.
    pub idempotency: Option<Idempotency>,
}

/// What became of a creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// The rollout is active; its record has this version.
    New(Version),
    /// The idempotency key was used before, for this rollout; nothing was written.
    Repeated(RolloutId),
}

/// From where to where a rollout goes: what pruning must know of a record that it cannot read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Span {
    pub from: RevisionId,
    pub to: RevisionId,
}

impl Store {
    /// The number that the next rollout gets.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn next_rollout(&self) -> Result<RolloutId, StoreError> {
        // One of two may be the key that names the active one.
        let newest = self.newest("number a rollout", keys::ROLLOUT, 2).await?;
        let mut numbers = newest
            .iter()
            .filter_map(|entry| keys::rollout_of(&entry.key));
        Ok(RolloutId(numbers.next().map_or(1, |newest| newest.0 + 1)))
    }

    /// The rollout that was started, or steered, with this key before.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn started(&self, key: &Idempotency) -> Result<Option<RolloutId>, StoreError> {
        let found = self.remembered("start a rollout", Some(key)).await?;
        Ok(found.map(|(rollout, _)| rollout))
    }

    /// Makes a rollout the active one.
    ///
    /// # Errors
    /// A conflict when another one is active (it names that), `from` is not the head, or another
    /// person holds the lock.
    pub async fn create_rollout<T: Serialize + Sync>(
        &self,
        fence: &Fence,
        creation: Creation<'_, T>,
    ) -> Result<Created, StoreError> {
        let attempt = "start a rollout";
        let conflict = |conflict| Err(StoreError::Conflict { attempt, conflict });
        let key = creation.idempotency.as_ref();
        if let Some((rollout, _)) = self.remembered(attempt, key).await? {
            return Ok(Created::Repeated(rollout));
        }
        let Creation {
            rollout, from, to, ..
        } = creation;
        let names = [
            keys::HEAD.to_owned(),
            keys::ACTIVE.to_owned(),
            keys::manifest(to),
        ];
        let found = self.kv().get(names.to_vec()).await;
        let (found, _) = found.map_err(|error| error.during(attempt))?;
        let [head, active, manifest] = found.as_slice() else {
            return conflict(Conflict::Contention);
        };
        if let Some(active) = active {
            return conflict(Conflict::Active(record::read(attempt, active)?));
        }
        let now = read_head(attempt, head.as_ref())?.revision;
        if now != from {
            return conflict(Conflict::Head {
                expected: from,
                found: now,
            });
        }
        if manifest.is_none() && to != RevisionId::EMPTY {
            return Err(StoreError::Missing {
                attempt,
                what: format!("revision {to}"),
            });
        }
        let own = keys::rollout(rollout);
        let mut when = vec![
            Compare::Absent(keys::ACTIVE.to_owned()),
            Compare::Absent(own.clone()),
            Compare::same(keys::HEAD, head.as_ref()),
            Compare::same(&keys::manifest(to), manifest.as_ref()),
        ];
        when.extend(self.unlocked(attempt, &creation.audit.author).await?);
        let span = Span { from, to };
        let mut then = vec![
            Op::put(keys::ACTIVE, record::write(attempt, &rollout)?),
            Op::put(own, record::write(attempt, creation.record)?),
            Op::put(keys::span(rollout), record::write(attempt, &span)?),
        ];
        if let Some(remembering) = self.remembering(attempt, key, &rollout).await? {
            when.push(remembering.compare);
            then.push(remembering.op);
        }
        let write = Write {
            attempt,
            audit: &creation.audit,
            when,
            then,
        };
        match self.write(fence, write).await? {
            Written::Done(revision) => Ok(Created::New(Version(revision))),
            Written::Refused(0, Some(active)) => {
                conflict(Conflict::Active(record::read(attempt, &active)?))
            }
            Written::Refused(1, _) => conflict(Conflict::Exists(format!("rollout {rollout}"))),
            Written::Refused(2, head) => conflict(Conflict::Head {
                expected: from,
                found: read_head(attempt, head.as_ref())?.revision,
            }),
            Written::Refused(6, Some(entry)) => {
                Ok(Created::Repeated(record::read(attempt, &entry)?))
            }
            Written::Refused(_, _) => conflict(Conflict::Contention),
        }
    }

    /// Writes the record of a rollout; returns its new version.
    ///
    /// # Errors
    /// A conflict when the record has another version.
    pub async fn update_rollout<T: Serialize + Sync>(
        &self,
        fence: &Fence,
        update: Update<'_, T>,
    ) -> Result<Version, StoreError> {
        let attempt = "record how far a rollout is";
        self.write_rollout(attempt, fence, update, Vec::new(), Vec::new())
            .await
    }

    /// Decides for a rollout: `to` becomes the confirmed revision in place of `from`, and the
    /// record is written, in one transaction. Returns the record's new version.
    ///
    /// # Errors
    /// A conflict when the record has another version, the head is not `from`, or the rollout is
    /// decided.
    pub async fn commit_rollout<T: Serialize + Sync>(
        &self,
        fence: &Fence,
        update: Update<'_, T>,
        from: RevisionId,
        to: RevisionId,
    ) -> Result<Version, StoreError> {
        let attempt = "commit a rollout";
        let head = self.entry(attempt, keys::HEAD).await?;
        let found = read_head(attempt, head.as_ref())?.revision;
        let decision = keys::decision(update.rollout);
        // A rollout that is decided is told so, and not that the head moved, which it made itself.
        if found != from && self.entry(attempt, &decision).await?.is_none() {
            return Err(StoreError::Conflict {
                attempt,
                conflict: Conflict::Head {
                    expected: from,
                    found,
                },
            });
        }
        let next = Head {
            revision: to,
            rollout: update.rollout,
        };
        let when = vec![
            Compare::Absent(decision.clone()),
            Compare::same(keys::HEAD, head.as_ref()),
        ];
        let then = vec![
            Op::put(decision, "\"commit\""),
            Op::put(keys::HEAD, record::write(attempt, &next)?),
        ];
        self.write_rollout(attempt, fence, update, when, then).await
    }

    /// Decides against a rollout. Returns the record's new version.
    ///
    /// # Errors
    /// A conflict when the record has another version, or the rollout is decided.
    pub async fn abort_rollout<T: Serialize + Sync>(
        &self,
        fence: &Fence,
        update: Update<'_, T>,
    ) -> Result<Version, StoreError> {
        let decision = keys::decision(update.rollout);
        let when = vec![Compare::Absent(decision.clone())];
        let then = vec![Op::put(decision, "\"abort\"")];
        self.write_rollout("abort a rollout", fence, update, when, then)
            .await
    }

    /// Ends a decided rollout: writes its record and makes room for the next. Returns the
    /// record's new version.
    ///
    /// # Errors
    /// A conflict when the record has another version, or the rollout is not the active one.
    pub async fn close_rollout<T: Serialize + Sync>(
        &self,
        fence: &Fence,
        update: Update<'_, T>,
    ) -> Result<Version, StoreError> {
        let attempt = "close a rollout";
        let decision = keys::decision(update.rollout);
        let missing = |what| StoreError::Missing { attempt, what };
        let decided = self.entry(attempt, &decision).await?;
        let decided = decided
            .ok_or_else(|| missing(format!("a decision about rollout {}", update.rollout)))?;
        let active = self.entry(attempt, keys::ACTIVE).await?;
        let active = active.ok_or_else(|| missing("an active rollout".to_owned()))?;
        let named: RolloutId = record::read(attempt, &active)?;
        if named != update.rollout {
            return Err(StoreError::Conflict {
                attempt,
                conflict: Conflict::Active(named),
            });
        }
        let when = vec![
            Compare::Modified(decision, decided.modified),
            Compare::Modified(keys::ACTIVE.to_owned(), active.modified),
        ];
        let then = vec![Op::Delete(keys::ACTIVE.to_owned())];
        self.write_rollout(attempt, fence, update, when, then).await
    }

    /// Writes a record and what goes with it. The first comparison in `when`, where there is one,
    /// is that of the decision, the second that of the head or of the active rollout.
    async fn write_rollout<T: Serialize + Sync>(
        &self,
        attempt: &'static str,
        fence: &Fence,
        update: Update<'_, T>,
        when: Vec<Compare>,
        then: Vec<Op>,
    ) -> Result<Version, StoreError> {
        let key = keys::rollout(update.rollout);
        let own = Compare::Modified(key.clone(), update.version.0);
        let put = Op::put(key, record::write(attempt, update.record)?);
        let decides = !when.is_empty();
        let mut write = Write {
            attempt,
            audit: &update.audit,
            // The decision first: who lost against one is told so.
            when: when.into_iter().chain([own]).collect(),
            then: [vec![put], then].concat(),
        };
        let remembered = update.idempotency.as_ref();
        let remembering = self
            .remembering(attempt, remembered, &update.rollout)
            .await?;
        if let Some(remembering) = remembering {
            write.when.push(remembering.compare);
            write.then.push(remembering.op);
        }
        let conflict = match self.write(fence, write).await? {
            Written::Done(revision) => return Ok(Version(revision)),
            Written::Refused(0, Some(_)) if decides => Conflict::Decided(update.rollout),
            Written::Refused(_, _) => Conflict::Rollout(update.rollout),
        };
        Err(StoreError::Conflict { attempt, conflict })
    }

    /// The active rollout.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn active_rollout<T: DeserializeOwned>(
        &self,
    ) -> Result<Option<Recorded<T>>, StoreError> {
        let attempt = "read the active rollout";
        match self.entry(attempt, keys::ACTIVE).await? {
            None => Ok(None),
            Some(entry) => self.rollout(record::read(attempt, &entry)?).await.map(Some),
        }
    }

    /// One rollout.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such rollout.
    pub async fn rollout<T: DeserializeOwned>(
        &self,
        rollout: RolloutId,
    ) -> Result<Recorded<T>, StoreError> {
        let attempt = "read a rollout";
        let entry = self.entry(attempt, &keys::rollout(rollout)).await?;
        let entry = entry.ok_or_else(|| StoreError::Missing {
            attempt,
            what: format!("rollout {rollout}"),
        })?;
        recorded(attempt, rollout, &entry)
    }

    /// Rollouts, newest first, `limit` at most.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn rollouts<T: DeserializeOwned>(
        &self,
        limit: usize,
    ) -> Result<Vec<Recorded<T>>, StoreError> {
        let attempt = "list the rollouts";
        let entries = self
            .newest(attempt, keys::ROLLOUT, limit.saturating_add(1))
            .await?;
        let numbered = entries
            .iter()
            .filter_map(|entry| Some((keys::rollout_of(&entry.key)?, entry)));
        numbered
            .take(limit)
            .map(|(rollout, entry)| recorded(attempt, rollout, entry))
            .collect()
    }
}

fn recorded<T: DeserializeOwned>(
    attempt: &'static str,
    rollout: RolloutId,
    entry: &Entry,
) -> Result<Recorded<T>, StoreError> {
    Ok(Recorded {
        rollout,
        record: record::read(attempt, entry)?,
        version: Version(entry.modified),
    })
}
