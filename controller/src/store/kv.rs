//! Keys, values and their history: what the store needs of etcd, and nothing else.
//!
//! # Guarantees
//! Revisions grow by one with every transaction that writes. A range can be read as it was at any
//! revision that is not compacted. Both implementations, etcd and memory, pass one set of tests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::error::{Source, StoreError};

pub mod entry;

pub mod pulse;

pub mod etcd;
pub mod memory;

pub mod far;

pub mod watch;

use entry::{Entry, Lease, Op, Page, Range, Txn, TxnReply, Want};
use etcd::EtcdKv;
use far::{FarKv, Way};
use memory::MemoryKv;
use pulse::Pulse;
use watch::{KvWatch, Origin, Slip, Slips};

/// What can go wrong below the store.
#[derive(Debug)]
pub enum KvError {
    /// No answer, or none in time: a read did not happen; a write may have.
    Unavailable(Source),
    /// The database is full.
    NoSpace(Source),
    /// The revision is compacted, or of the future.
    Compacted,
    /// The credentials were refused.
    Denied(Source),
    /// The lease does not exist any more.
    LeaseLost,
    /// The request is larger than is accepted.
    TooLarge,
    /// The options make no sense.
    Options(Source),
    /// Refused for a reason that should not occur.
    Refused(Source),
}

impl KvError {
    /// The error with what was attempted.
    pub fn during(self, attempt: &'static str) -> StoreError {
        match self {
            Self::Unavailable(source) => StoreError::Unavailable { attempt, source },
            Self::NoSpace(source) => StoreError::NoSpace { attempt, source },
            Self::Compacted => StoreError::Compacted { attempt },
            Self::Denied(source) => StoreError::Denied { attempt, source },
            Self::LeaseLost => StoreError::LeaseLost { attempt },
            Self::TooLarge => StoreError::TooLarge { attempt },
            Self::Options(source) => StoreError::Options { attempt, source },
            Self::Refused(source) => StoreError::Refused { attempt, source },
        }
    }
}

/// A mishap for tests to order, for the next transaction that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It never arrives.
    LoseRequest,
    /// It happens, and its answer never arrives.
    LoseReply,
    /// It happens this much later, when its sender has given up waiting.
    Late(Duration),
}

/// Keys and values; clones are the same store.
#[derive(Clone)]
pub struct Kv {
    backend: Backend,
    faults: Arc<Mutex<VecDeque<Option<Fault>>>>,
    pulse: Arc<Pulse>,
    slips: Slips,
}

#[derive(Clone)]
enum Backend {
    Etcd(Arc<EtcdKv>),
    Memory(MemoryKv),
    Far(FarKv),
}

impl Kv {
    /// Keys and values in etcd.
    pub fn etcd(etcd: EtcdKv) -> Self {
        Self::new(Backend::Etcd(Arc::new(etcd)))
    }

    /// Keys and values in memory.
    pub fn memory() -> Self {
        Self::new(Backend::Memory(MemoryKv::new()))
    }

    /// Keys and values in memory, at the end of a way.
    pub fn far(memory: MemoryKv, way: Arc<dyn Way>) -> Self {
        Self::new(Backend::Far(FarKv::new(memory, way)))
    }

    fn new(backend: Backend) -> Self {
        Self {
            backend,
            faults: Arc::default(),
            pulse: Arc::default(),
            slips: Slips::default(),
        }
    }

    /// The same keys and values, as watches see them whose next messages with events this befalls.
    /// For tests.
    pub fn slipping(&self, slips: impl IntoIterator<Item = Option<Slip>>) -> Self {
        Self {
            slips: Slips::of(slips),
            ..self.clone()
        }
    }

    /// A copy of what is in memory, with all of its history.
    pub(super) fn backup(&self) -> Option<Self> {
        match &self.backend {
            Backend::Memory(memory) => Some(Self::new(Backend::Memory(memory.copy()))),
            Backend::Etcd(_) | Backend::Far(_) => None,
        }
    }

    /// Orders what befalls each of the next transactions that write, and forgets earlier orders.
    /// For tests.
    pub fn order_faults(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        let mut queue = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        *queue = faults.into_iter().collect();
    }

    fn next_fault(&self) -> Option<Fault> {
        let mut queue = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        queue.pop_front().flatten()
    }

    /// Whether the store answers.
    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    /// Reads a range of keys.
    pub async fn range(&self, range: Range) -> Result<Page, KvError> {
        // What waits for etcd is large, and would be in every future above it.
        let call = async {
            match &self.backend {
                Backend::Etcd(etcd) => Box::pin(etcd.range(range)).await,
                Backend::Memory(memory) => memory.range(&range),
                Backend::Far(far) => far.range(&range).await,
            }
        };
        self.pulse.feel(call).await
    }

    /// How many keys with the prefix there are.
    pub async fn count(&self, prefix: &str) -> Result<u64, KvError> {
        match &self.backend {
            Backend::Etcd(etcd) => Box::pin(etcd.count(prefix)).await,
            Backend::Memory(memory) => Ok(memory.count(prefix)),
            Backend::Far(far) => far.count(prefix).await,
        }
    }

    /// Carries out a transaction.
    pub async fn txn(&self, txn: Txn) -> Result<TxnReply, KvError> {
        let writes = txn.then.iter().any(|op| !matches!(op, Op::Get(_)));
        let fault = if writes { self.next_fault() } else { None };
        let lost = || KvError::Unavailable("the connection was lost".into());
        match fault {
            None => self.carry_out(txn).await,
            Some(Fault::LoseRequest) => Err(lost()),
            Some(Fault::LoseReply) => {
                self.carry_out(txn).await?;
                Err(lost())
            }
            Some(Fault::Late(delay)) => {
                let kv = self.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    // Nobody waits for the answer any more.
                    let _ = kv.carry_out(txn).await;
                });
                Err(lost())
            }
        }
    }

    async fn carry_out(&self, txn: Txn) -> Result<TxnReply, KvError> {
        let call = async {
            match &self.backend {
                Backend::Etcd(etcd) => Box::pin(etcd.txn(txn)).await,
                Backend::Memory(memory) => memory.txn(&txn),
                Backend::Far(far) => far.txn(&txn).await,
            }
        };
        self.pulse.feel(call).await
    }

    /// Watches the keys with the prefix from a revision on.
    pub async fn watch(&self, prefix: &str, from: u64) -> Result<KvWatch, KvError> {
        let origin = match &self.backend {
            Backend::Etcd(etcd) => Origin::Etcd(Box::new(etcd.watch(prefix, from).await?)),
            Backend::Memory(memory) => Origin::Memory(memory.watch(prefix, from)?),
            Backend::Far(far) => Origin::Far(far.watch(prefix, from).await?),
        };
        Ok(KvWatch::new(origin, self.slips.clone()))
    }

    /// What a person should know of the store, a sentence each.
    pub async fn warnings(&self) -> Result<Vec<String>, KvError> {
        match &self.backend {
            Backend::Etcd(etcd) => etcd.warnings().await,
            Backend::Memory(_) | Backend::Far(_) => Ok(Vec::new()),
        }
    }

    /// Makes a lease.
    pub async fn grant(&self, ttl: Duration) -> Result<Lease, KvError> {
        let call = async {
            match &self.backend {
                Backend::Etcd(etcd) => Box::pin(etcd.grant(ttl)).await,
                Backend::Memory(memory) => Ok(memory.grant_here(ttl)),
                Backend::Far(far) => far.grant(ttl).await,
            }
        };
        self.pulse.feel(call).await
    }

    /// Renews a lease.
    pub async fn keep_alive(&self, lease: Lease) -> Result<(), KvError> {
        let call = async {
            match &self.backend {
                Backend::Etcd(etcd) => Box::pin(etcd.keep_alive(lease)).await,
                Backend::Memory(memory) => memory.keep_alive(lease),
                Backend::Far(far) => far.keep_alive(lease).await,
            }
        };
        self.pulse.feel(call).await
    }

    /// How long a lease lives if nobody renews it.
    pub async fn remaining(&self, lease: Lease) -> Result<Duration, KvError> {
        match &self.backend {
            Backend::Etcd(etcd) => Box::pin(etcd.remaining(lease)).await,
            Backend::Memory(memory) => memory.remaining(lease),
            Backend::Far(far) => far.remaining(lease).await,
        }
    }

    /// Ends a lease, and with it its keys.
    pub async fn revoke(&self, lease: Lease) -> Result<(), KvError> {
        match &self.backend {
            Backend::Etcd(etcd) => etcd.revoke(lease).await,
            Backend::Memory(memory) => memory.revoke(lease),
            Backend::Far(far) => far.revoke(lease).await,
        }
    }

    /// Forgets what was before a revision.
    pub async fn compact(&self, revision: u64) -> Result<(), KvError> {
        match &self.backend {
            Backend::Etcd(etcd) => etcd.compact(revision).await,
            Backend::Memory(memory) => memory.compact(revision),
            Backend::Far(far) => far.compact(revision).await,
        }
    }

    /// Fills these bytes with random ones.
    pub fn draw(&self, bytes: &mut [u8]) -> Result<(), KvError> {
        match &self.backend {
            Backend::Etcd(_) | Backend::Memory(_) => {
                getrandom::fill(bytes).map_err(|error| KvError::Refused(error.into()))
            }
            Backend::Far(far) => {
                far.draw(bytes);
                Ok(())
            }
        }
    }

    /// Reads all keys with the prefix as of one revision, a page at a time.
    pub async fn all(&self, prefix: &str, want: Want, at: Option<u64>) -> Result<Page, KvError> {
        let mut range = Range {
            prefix: prefix.to_owned(),
            limit: PAGE,
            revision: at,
            want,
            ..Range::default()
        };
        let mut all = self.range(range.clone()).await?;
        while all.more {
            range.revision = Some(all.revision);
            range.after = all.entries.last().map(|entry| entry.key.clone());
            let page = self.range(range.clone()).await?;
            all.entries.extend(page.entries);
            all.more = page.more;
        }
        Ok(all)
    }

    /// Reads keys at one revision; as many as a transaction takes.
    pub async fn get(&self, keys: Vec<String>) -> Result<(Vec<Option<Entry>>, u64), KvError> {
        let txn = Txn {
            then: keys.into_iter().map(Op::Get).collect(),
            ..Txn::default()
        };
        let reply = self.carry_out(txn).await?;
        Ok((reply.found, reply.revision))
    }

    /// Reads one key.
    pub async fn get_one(&self, key: &str) -> Result<Option<Entry>, KvError> {
        let (mut found, _) = self.get(vec![key.to_owned()]).await?;
        Ok(found.pop().flatten())
    }
}

/// Few enough that a page of the largest values stays far under what gRPC accepts.
const PAGE: usize = 100;
