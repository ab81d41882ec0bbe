//! The lock that one person holds over the draft and rollouts, for a time.
//!
//! # Guarantees
//! While somebody holds it, no other person's change is stored: every such write compares the
//! lock's key in its own transaction. The lock ends by itself, whichever controller leads then, and
//! no clock that people set moves its end. Taking and breaking it leave a record of who and why in
//! the same transaction.
//!
//! # Why a lease of etcd ends it
//! A leader's steady clock dies with the leader, and wall clocks jump. etcd counts a lease by a
//! steady clock of its own; when etcd's leader changes it may begin to count anew, so that a lock
//! may last longer than was asked for, and never shorter. Who waits longer can break the lock; who
//! relied on it cannot be hurt.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use weft_model::revision::Timestamp;

use super::Store;
use super::error::{Conflict, StoreError};
use super::keys;
use super::kv::KvError;
use super::kv::entry::{Compare, Entry, Lease, Op};
use super::quarantine::Quarantine;
use super::record;
use super::write::{Audit, Fence, Idempotency, Write, Written};

/// A lock that somebody holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lock {
    /// Who.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when, by the clock of the controller that took it; its lease decides.
    pub until: Timestamp,
    lease: i64,
}

/// A wish for the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who wants it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// For how long.
    pub span: Duration,
    /// What to do when somebody else holds it.
    pub against: Against,
    /// When, by the controller's clock.
    pub at: Timestamp,
    /// Repeating the claim with the same key returns the first result.
    pub idempotency: Option<Idempotency>,
}

/// What to do about somebody else's lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// Leave it.
    Nobody,
    /// Take it away.
    Anybody,
}

/// How often a claim that others got in the way of is tried again.
const TRIES: usize = 8;

impl Store {
    /// The lock, where somebody holds it, and how much of its time is left.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn lock(&self) -> Result<Option<(Lock, Duration)>, StoreError> {
        let attempt = "read the lock";
        let Some(entry) = self.entry(attempt, keys::LOCK).await? else {
            return Ok(None);
        };
        let lock: Lock = record::read(attempt, &entry)?;
        match self.kv().remaining(Lease(lock.lease)).await {
            Ok(remaining) => Ok(Some((lock, remaining))),
            // It ended between the two reads.
            Err(KvError::LeaseLost) => Ok(None),
            Err(error) => Err(error.during(attempt)),
        }
    }

    /// What a person's write must compare so that neither somebody else's lock nor the quarantine of
    /// a restored store is passed by.
    ///
    /// # Errors
    /// [`Conflict::Locked`] when somebody else holds the lock, [`Conflict::Quarantined`] when the
    /// store went back in time.
    pub(super) async fn unlocked(
        &self,
        attempt: &'static str,
        author: &str,
    ) -> Result<[Compare; 2], StoreError> {
        let names = [keys::LOCK, keys::QUARANTINE].map(str::to_owned);
        let found = self.kv().get(names.to_vec()).await;
        let (found, _) = found.map_err(|error| error.during(attempt))?;
        let [lock, quarantine] = found.as_slice() else {
            let conflict = Conflict::Contention;
            return Err(StoreError::Conflict { attempt, conflict });
        };
        if let Some(entry) = quarantine {
            let quarantine: Quarantine = record::read(attempt, entry)?;
            let conflict = Conflict::Quarantined(quarantine.why);
            return Err(StoreError::Conflict { attempt, conflict });
        }
        refuse_others(attempt, lock.as_ref(), author)?;
        Ok([
            Compare::same(keys::LOCK, lock.as_ref()),
            Compare::Absent(keys::QUARANTINE.to_owned()),
        ])
    }

    /// Whether a person may change something now.
    ///
    /// # Errors
    /// [`Conflict::Locked`] when somebody else holds the lock, [`Conflict::Quarantined`] when the
    /// store went back in time.
    pub async fn heed_lock(&self, author: &str) -> Result<(), StoreError> {
        self.unlocked("go on", author).await.map(drop)
    }

    /// Takes the lock, or prolongs the claimer's own.
    ///
    /// # Errors
    /// [`Conflict::Locked`] when somebody else holds it and the claim respects that.
    pub async fn take_lock(&self, fence: &Fence, claim: Claim) -> Result<Lock, StoreError> {
        let attempt = "take the lock";
        let key = claim.idempotency.as_ref();
        for _ in 0..TRIES {
            if let Some((lock, _)) = self.remembered(attempt, key).await? {
                return Ok(lock);
            }
            let entry = self.entry(attempt, keys::LOCK).await?;
            let action = taking(attempt, entry.as_ref(), &claim)?;
            let lease = self.kv().grant(claim.span).await;
            let lease = lease.map_err(|error| error.during(attempt))?;
            let span = u64::try_from(claim.span.as_millis()).unwrap_or(u64::MAX);
            let lock = Lock {
                owner: claim.owner.clone(),
                reason: claim.reason.clone(),
                since: claim.at,
                until: Timestamp(claim.at.0.saturating_add(span)),
                lease: lease.0,
            };
            let seconds = claim.span.as_secs();
            let audit = Audit {
                at: claim.at,
                author: claim.owner.clone(),
                action: action.name.to_owned(),
                detail: format!("for {seconds} s: {}{}", claim.reason, action.remark),
            };
            let mut when = vec![Compare::same(keys::LOCK, entry.as_ref())];
            let mut then = vec![Op::Put {
                key: keys::LOCK.to_owned(),
                value: record::write(attempt, &lock)?,
                lease: Some(lease),
            }];
            if let Some(remembering) = self.remembering(attempt, key, &lock).await? {
                when.push(remembering.compare);
                then.push(remembering.op);
            }
            let write = Write {
                attempt,
                audit: &audit,
                when,
                then,
            };
            match self.write(fence, write).await? {
                Written::Done(_) => return Ok(lock),
                // A lease that nothing hangs on would run out by itself.
                Written::Refused(_, _) => drop(self.kv().revoke(lease).await),
            }
        }
        Err(StoreError::Conflict {
            attempt,
            conflict: Conflict::Contention,
        })
    }

    /// Gives the lock back, or breaks somebody else's.
    ///
    /// # Errors
    /// [`Conflict::Unlocked`] when nobody holds it; [`Conflict::Locked`] when somebody else does
    /// and may keep it.
    pub async fn release_lock(
        &self,
        fence: &Fence,
        author: &str,
        against: Against,
        at: Timestamp,
        idempotency: Option<&Idempotency>,
    ) -> Result<(), StoreError> {
        let attempt = "give the lock back";
        for _ in 0..TRIES {
            if let Some(((), _)) = self.remembered(attempt, idempotency).await? {
                return Ok(());
            }
            let Some(entry) = self.entry(attempt, keys::LOCK).await? else {
                return Err(StoreError::Conflict {
                    attempt,
                    conflict: Conflict::Unlocked,
                });
            };
            if against == Against::Nobody {
                refuse_others(attempt, Some(&entry), author)?;
            }
            let lock: Lock = record::read(attempt, &entry)?;
            let (action, detail) = if lock.owner == author {
                ("unlock", lock.reason)
            } else {
                (
                    "unlock.force",
                    format!("of {}: {}", lock.owner, lock.reason),
                )
            };
            let audit = Audit {
                at,
                author: author.to_owned(),
                action: action.to_owned(),
                detail,
            };
            let mut when = vec![Compare::same(keys::LOCK, Some(&entry))];
            let mut then = vec![Op::Delete(keys::LOCK.to_owned())];
            if let Some(remembering) = self.remembering(attempt, idempotency, &()).await? {
                when.push(remembering.compare);
                then.push(remembering.op);
            }
            let write = Write {
                attempt,
                audit: &audit,
                when,
                then,
            };
            if let Written::Done(_) = self.write(fence, write).await? {
                // Without its key it is of no use, and would run out by itself.
                drop(self.kv().revoke(Lease(lock.lease)).await);
                return Ok(());
            }
        }
        Err(StoreError::Conflict {
            attempt,
            conflict: Conflict::Contention,
        })
    }
}

/// What the audit calls the taking of a lock.
struct Taking {
    name: &'static str,
    remark: String,
}

fn taking(
    attempt: &'static str,
    present: Option<&Entry>,
    claim: &Claim,
) -> Result<Taking, StoreError> {
    if claim.against == Against::Nobody {
        refuse_others(attempt, present, &claim.owner)?;
    }
    let before: Option<Lock> = present
        .map(|entry| record::read(attempt, entry))
        .transpose()?;
    Ok(match before.filter(|lock| lock.owner != claim.owner) {
        Some(lock) => Taking {
            name: "lock.force",
            remark: format!("; it was held by {}: {}", lock.owner, lock.reason),
        },
        None => Taking {
            name: "lock",
            remark: String::new(),
        },
    })
}

fn refuse_others(
    attempt: &'static str,
    present: Option<&Entry>,
    author: &str,
) -> Result<(), StoreError> {
    let Some(entry) = present else { return Ok(()) };
    let lock: Lock = record::read(attempt, entry)?;
    if lock.owner == author {
        return Ok(());
    }
    Err(StoreError::Conflict {
        attempt,
        conflict: Conflict::Locked {
            owner: lock.owner,
            reason: lock.reason,
            since: lock.since,
            until: lock.until,
        },
    })
}
