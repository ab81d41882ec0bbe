//! The one way to write: a transaction that proves leadership, leaves a record of who wanted it,
//! and whose lost answer is looked up.
//!
//! # Guarantees
//! A transaction happens at most once. Its audit record is made once, in the same transaction, and
//! so tells whether it happened; where it did not, a mark in the record's place makes sure that it
//! never will, however late the request arrives.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use serde::{Deserialize, Serialize};
use weft_model::revision::{Epoch, Timestamp};

use super::Store;
use super::error::{Source, StoreError};
use super::keys;
use super::kv::KvError;
use super::kv::entry::{Compare, Entry, Op, Txn};
use super::record;

/// Proof that a controller was elected. Every write of the store demands one and fails as deposed
/// once another controller leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    key: Arc<str>,
    epoch: Epoch,
}

impl Fence {
    /// The proof that `key` was created at `epoch` and came first.
    pub(crate) fn new(key: impl Into<Arc<str>>, epoch: Epoch) -> Self {
        Self {
            key: key.into(),
            epoch,
        }
    }

    /// The epoch of this leadership; a later leader has a larger one.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) fn compare(&self) -> Compare {
        Compare::Created(self.key.to_string(), self.epoch.0)
    }
}

/// Who wants a change, and why; stored in the same transaction as the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Audit {
    /// When, by the controller's clock.
    pub at: Timestamp,
    /// Who.
    pub author: String,
    /// What: `apply`, `rollout.commit`.
    pub action: String,
    /// On what, and what people should know of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// Same key, same result: the key that a caller may send with a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency(pub String);

/// A write in the making.
#[derive(Debug)]
pub(super) struct Write<'a> {
    pub attempt: &'static str,
    pub audit: &'a Audit,
    pub when: Vec<Compare>,
    pub then: Vec<Op>,
}

/// What became of a write.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It happened, at this revision.
    Done(u64),
    /// A comparison of the write's own does not hold: which, and what is there instead.
    Refused(usize, Option<Entry>),
}

/// What stands in the place of an audit record whose transaction shall never happen.
const VOID: &str = "void";

/// How long to look for what became of a write before saying that it is not known.
const SEARCH: Duration = Duration::from_secs(10);

/// How often a write that is known not to have happened is sent again.
const SENDINGS: usize = 4;

/// How many of its own comparisons and operations a write may have: etcd takes 128 of each, and
/// the fence and the audit record need one of each at most.
pub(super) const WRITE_OPS: usize = 120;

/// What a transaction may carry; etcd takes 1.5 MiB.
pub(super) const WRITE_BYTES: usize = 1 << 20;

impl Store {
    /// Carries out a write.
    pub(super) async fn write(
        &self,
        fence: &Fence,
        write: Write<'_>,
    ) -> Result<Written, StoreError> {
        let attempt = write.attempt;
        let mut cause: Source = "it was never sent".into();
        for _ in 0..SENDINGS {
            let key = self.audit_key(attempt, write.audit)?;
            let txn = transaction(fence, &write, &key)?;
            let when = txn.when.clone();
            match self.kv().txn(txn).await {
                Ok(reply) if reply.succeeded => return Ok(Written::Done(reply.revision)),
                Ok(reply) => return refused(attempt, &when, reply.found),
                Err(KvError::Unavailable(source)) => cause = source,
                Err(error) => return Err(error.during(attempt)),
            }
            match self.became(&key).await {
                Some(Became::Done(revision)) => return Ok(Written::Done(revision)),
                Some(Became::Void) => {}
                None => {
                    return Err(StoreError::Unknown {
                        attempt,
                        source: cause,
                    });
                }
            }
        }
        Err(StoreError::Unavailable {
            attempt,
            source: cause,
        })
    }

    /// Random bytes.
    pub(super) fn random<const N: usize>(
        &self,
        attempt: &'static str,
    ) -> Result<[u8; N], StoreError> {
        let mut bytes = [0; N];
        let drawn = self.kv().draw(&mut bytes);
        drawn.map_err(|error| error.during(attempt))?;
        Ok(bytes)
    }

    fn audit_key(&self, attempt: &'static str, audit: &Audit) -> Result<String, StoreError> {
        let name: [u8; 8] = self.random(attempt)?;
        Ok(format!(
            "{}{:016}-{}",
            keys::AUDIT,
            audit.at.0,
            keys::hex(&name)
        ))
    }

    /// What became of the transaction that was to make the audit record; settles it if needed.
    async fn became(&self, audit: &str) -> Option<Became> {
        let delays = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(20))
            .with_max_delay(Duration::from_secs(1))
            .with_total_delay(Some(SEARCH))
            .without_max_times()
            .build();
        let settle = Txn {
            when: vec![Compare::Absent(audit.to_owned())],
            then: vec![Op::put(audit, VOID)],
            otherwise: vec![Op::Get(audit.to_owned())],
        };
        for delay in delays {
            match self.kv().txn(settle.clone()).await {
                Ok(reply) if reply.succeeded => return Some(Became::Void),
                Ok(reply) => {
                    let entry = reply.found.into_iter().next().flatten()?;
                    // Void by an earlier round of this loop whose own answer was lost.
                    return Some(if entry.value == VOID {
                        Became::Void
                    } else {
                        Became::Done(entry.modified)
                    });
                }
                Err(error) => tracing::debug!(?error, audit, "what became of it is not known yet"),
            }
            tokio::time::sleep(delay).await;
        }
        None
    }

    /// Carries out a transaction that may happen twice without harm: no audit record, and only
    /// the fence is compared beside its own comparisons. `false` when one of those does not hold.
    pub(super) async fn write_quietly(
        &self,
        attempt: &'static str,
        fence: &Fence,
        when: Vec<Compare>,
        then: Vec<Op>,
    ) -> Result<bool, StoreError> {
        let fences = fence.compare();
        let txn = Txn {
            otherwise: vec![Op::Get(fences.key().to_owned())],
            when: [vec![fences.clone()], when].concat(),
            then,
        };
        let reply = self.kv().txn(txn).await;
        let reply = reply.map_err(|error| error.during(attempt))?;
        let leads = reply.succeeded || fences.holds(reply.found.first().and_then(Option::as_ref));
        if leads {
            Ok(reply.succeeded)
        } else {
            Err(StoreError::Deposed { attempt })
        }
    }

    /// Newest first, who did what, `limit` at most.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn audits(&self, limit: usize) -> Result<Vec<Audit>, StoreError> {
        let attempt = "read the audit records";
        let mut page = self.newest(attempt, keys::AUDIT, limit).await?;
        // Keys have the time of a clock that people set, and a millisecond has room for many.
        page.sort_by_key(|entry| std::cmp::Reverse(entry.created));
        let real = page.iter().filter(|entry| entry.value != VOID);
        real.map(|entry| record::read(attempt, entry)).collect()
    }
}

enum Became {
    Done(u64),
    Void,
}

fn transaction(fence: &Fence, write: &Write<'_>, audit: &str) -> Result<Txn, StoreError> {
    let made = record::write(write.attempt, write.audit)?;
    let own = [fence.compare(), Compare::Absent(audit.to_owned())];
    let when: Vec<Compare> = own.into_iter().chain(write.when.iter().cloned()).collect();
    Ok(Txn {
        otherwise: when.iter().map(|c| Op::Get(c.key().to_owned())).collect(),
        when,
        then: write
            .then
            .iter()
            .cloned()
            .chain([Op::put(audit, made)])
            .collect(),
    })
}

/// Finds the comparison that does not hold.
fn refused(
    attempt: &'static str,
    when: &[Compare],
    found: Vec<Option<Entry>>,
) -> Result<Written, StoreError> {
    let mut pairs = when.iter().zip(found).enumerate();
    match pairs.find(|(_, (compare, entry))| !compare.holds(entry.as_ref())) {
        Some((0, _)) => Err(StoreError::Deposed { attempt }),
        // Eight random bytes and a millisecond do not meet twice: this is the transaction itself,
        // sent again by the connection.
        Some((1, (_, Some(entry)))) => Ok(Written::Done(entry.modified)),
        Some((place, (_, entry))) => Ok(Written::Refused(place.saturating_sub(2), entry)),
        None => Err(StoreError::Refused {
            attempt,
            source: "a transaction failed although all it compares is as it should be".into(),
        }),
    }
}
