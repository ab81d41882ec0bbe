//! Keys, values and their whole history in memory, as etcd would keep them, for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

use super::KvError;
use super::entry::{Entry, Event, Lease, Message, Op, Order, Page, Range, Txn, TxnReply, Want};

/// Keys and values in memory; clones are the same.
#[derive(Clone)]
pub struct MemoryKv {
    state: Arc<Mutex<State>>,
    clock: Clock,
    /// The newest revision, for watches to wait on.
    newest: Arc<watch::Sender<u64>>,
}

/// Says how far a clock is that never goes back.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

struct State {
    revision: u64,
    compacted: u64,
    /// Every value that each key had, oldest first; `None` where it was deleted.
    history: BTreeMap<String, Vec<(u64, Option<Stored>)>>,
    log: BTreeMap<u64, Vec<Event>>,
    leases: BTreeMap<i64, Term>,
    next_lease: i64,
}

#[derive(Clone)]
struct Stored {
    entry: Entry,
    lease: Option<Lease>,
}

struct Term {
    ttl: Duration,
    /// By the store's clock.
    ends: Duration,
}

/// A running watch.
pub struct MemoryWatch {
    kv: MemoryKv,
    prefix: String,
    next: u64,
    newest: watch::Receiver<u64>,
}

impl MemoryKv {
    pub(super) fn new() -> Self {
        let start = Instant::now();
        Self::with_clock(Arc::new(move || start.elapsed()))
    }

    /// Keys and values that count the time of leases by this clock; it is for the caller to have
    /// them ended with [`Self::end_leases`].
    pub fn with_clock(clock: Clock) -> Self {
        let state = State {
            // etcd's first revision is 1 too: nothing was written yet.
            revision: 1,
            compacted: 0,
            history: BTreeMap::new(),
            log: BTreeMap::new(),
            leases: BTreeMap::new(),
            next_lease: 1,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            clock,
            newest: Arc::new(watch::Sender::new(1)),
        }
    }

    /// A copy with all of the history, and no leases but those that nobody ends.
    pub(super) fn copy(&self) -> Self {
        let state = self.lock();
        let copy = Self::with_clock(Arc::clone(&self.clock));
        let revision = state.revision;
        *copy.lock() = State {
            revision,
            compacted: state.compacted,
            history: state.history.clone(),
            log: state.log.clone(),
            leases: BTreeMap::new(),
            next_lease: state.next_lease,
        };
        copy.publish(revision);
        copy
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells watches of what a change of the state made.
    fn publish(&self, revision: u64) {
        self.newest.send_if_modified(|newest| {
            let grown = revision > *newest;
            *newest = revision.max(*newest);
            grown
        });
    }

    pub(super) fn range(&self, range: &Range) -> Result<Page, KvError> {
        let state = self.lock();
        let at = range.revision.unwrap_or(state.revision);
        if at < state.compacted || at > state.revision {
            return Err(KvError::Compacted);
        }
        let mut entries: Vec<Entry> = state
            .history
            .range(range.prefix.clone()..)
            .take_while(|(key, _)| key.starts_with(&range.prefix))
            .filter(|(key, _)| range.after.as_ref().is_none_or(|after| *key > after))
            .filter_map(|(_, values)| as_of(values, at))
            .map(|stored| match range.want {
                Want::Values => stored.entry.clone(),
                Want::Keys => Entry {
                    value: Bytes::new(),
                    ..stored.entry.clone()
                },
            })
            .collect();
        if range.order == Order::Descending {
            entries.reverse();
        }
        let more = range.limit != 0 && entries.len() > range.limit;
        if more {
            entries.truncate(range.limit);
        }
        Ok(Page {
            entries,
            revision: at,
            more,
        })
    }

    pub(super) fn count(&self, prefix: &str) -> u64 {
        let state = self.lock();
        let keys = state.history.range(prefix.to_owned()..);
        keys.take_while(|(key, _)| key.starts_with(prefix))
            .filter(|(_, values)| as_of(values, state.revision).is_some())
            .count() as u64
    }

    pub(super) fn txn(&self, txn: &Txn) -> Result<TxnReply, KvError> {
        let mut state = self.lock();
        let limit = MAX_OPS;
        if txn.when.len() > limit || txn.then.len() > limit || txn.otherwise.len() > limit {
            return Err(KvError::TooLarge);
        }
        let size = |op: &Op| match op {
            Op::Put { key, value, .. } => key.len() + value.len(),
            Op::Get(_) | Op::Delete(_) => 0,
        };
        if txn.then.iter().map(size).sum::<usize>() > MAX_BYTES {
            return Err(KvError::TooLarge);
        }
        let holds = |compare: &super::entry::Compare| compare.holds(state.present(compare.key()));
        let succeeded = txn.when.iter().all(holds);
        let ops = if succeeded { &txn.then } else { &txn.otherwise };
        for op in ops {
            if let Op::Put {
                lease: Some(lease), ..
            } = op
                && !state.leases.contains_key(&lease.0)
            {
                return Err(KvError::LeaseLost);
            }
        }
        let next = state.revision + 1;
        let (found, events) = state.carry_out(ops, next);
        state.record(next, events);
        let revision = state.revision;
        drop(state);
        self.publish(revision);
        Ok(TxnReply {
            succeeded,
            revision,
            found,
        })
    }

    pub(super) fn watch(&self, prefix: &str, from: u64) -> Result<MemoryWatch, KvError> {
        if from <= self.lock().compacted {
            return Err(KvError::Compacted);
        }
        Ok(MemoryWatch {
            kv: self.clone(),
            prefix: prefix.to_owned(),
            next: from,
            newest: self.newest.subscribe(),
        })
    }

    pub(super) fn grant(&self, ttl: Duration) -> Lease {
        let mut state = self.lock();
        let lease = Lease(state.next_lease);
        state.next_lease += 1;
        let ends = (self.clock)() + ttl;
        state.leases.insert(lease.0, Term { ttl, ends });
        lease
    }

    /// Makes a lease that the caller's runtime ends in time.
    pub(super) fn grant_here(&self, ttl: Duration) -> Lease {
        let lease = self.grant(ttl);
        let kv = self.clone();
        tokio::spawn(async move { kv.expire(lease).await });
        lease
    }

    /// Ends every lease whose time is over, and says when the next one's is.
    pub fn end_leases(&self) -> Option<Duration> {
        let now = (self.clock)();
        let leases: Vec<(Lease, Duration)> = {
            let state = self.lock();
            let terms = state.leases.iter();
            terms.map(|(id, term)| (Lease(*id), term.ends)).collect()
        };
        for (lease, _) in leases.iter().filter(|(_, ends)| *ends <= now) {
            // It exists, and nothing else can fail.
            let _ = self.revoke(*lease);
        }
        leases
            .into_iter()
            .map(|(_, ends)| ends)
            .filter(|ends| *ends > now)
            .min()
    }

    /// Waits until nobody renewed the lease in time, and ends it.
    async fn expire(&self, lease: Lease) {
        loop {
            let ends = self.lock().leases.get(&lease.0).map(|term| term.ends);
            match ends {
                None => return,
                Some(ends) => match ends.checked_sub((self.clock)()) {
                    Some(left) if !left.is_zero() => tokio::time::sleep(left).await,
                    Some(_) | None => {
                        // It exists, and nothing else can fail.
                        let _ = self.revoke(lease);
                        return;
                    }
                },
            }
        }
    }

    pub(super) fn keep_alive(&self, lease: Lease) -> Result<(), KvError> {
        let mut state = self.lock();
        let term = state.leases.get_mut(&lease.0).ok_or(KvError::LeaseLost)?;
        term.ends = (self.clock)() + term.ttl;
        Ok(())
    }

    pub(super) fn remaining(&self, lease: Lease) -> Result<Duration, KvError> {
        let state = self.lock();
        let term = state.leases.get(&lease.0).ok_or(KvError::LeaseLost)?;
        Ok(term.ends.saturating_sub((self.clock)()))
    }

    pub(super) fn revoke(&self, lease: Lease) -> Result<(), KvError> {
        let mut state = self.lock();
        state.leases.remove(&lease.0).ok_or(KvError::LeaseLost)?;
        let now = state.revision;
        let hung: BTreeSet<String> = state
            .history
            .iter()
            .filter(|(_, values)| as_of(values, now).is_some_and(|s| s.lease == Some(lease)))
            .map(|(key, _)| key.clone())
            .collect();
        let ops: Vec<Op> = hung.into_iter().map(Op::Delete).collect();
        let (_, events) = state.carry_out(&ops, now + 1);
        state.record(now + 1, events);
        let revision = state.revision;
        drop(state);
        self.publish(revision);
        Ok(())
    }

    pub(super) fn compact(&self, revision: u64) -> Result<(), KvError> {
        let mut state = self.lock();
        if revision <= state.compacted || revision > state.revision {
            return Err(KvError::Compacted);
        }
        state.compacted = revision;
        state.log = state.log.split_off(&(revision + 1));
        for values in state.history.values_mut() {
            let newer = values.partition_point(|(at, _)| *at <= revision);
            values.drain(..newer.saturating_sub(1));
        }
        let gone = |values: &Vec<(u64, Option<Stored>)>| matches!(values.as_slice(), [(at, None)] if *at <= revision);
        state.history.retain(|_, values| !gone(values));
        drop(state);
        // A watch that is behind has to be told even if nothing more is written.
        self.newest.send_modify(|_| {});
        Ok(())
    }
}

/// etcd's own default limits.
const MAX_OPS: usize = 128;
const MAX_BYTES: usize = 3 << 19;

fn as_of(values: &[(u64, Option<Stored>)], revision: u64) -> Option<&Stored> {
    let newer = values.partition_point(|(at, _)| *at <= revision);
    values.get(newer.checked_sub(1)?)?.1.as_ref()
}

impl State {
    fn present(&self, key: &str) -> Option<&Entry> {
        let values = self.history.get(key)?;
        as_of(values, u64::MAX).map(|stored| &stored.entry)
    }

    fn carry_out(&mut self, ops: &[Op], revision: u64) -> (Vec<Option<Entry>>, Vec<Event>) {
        let (mut found, mut events) = (Vec::new(), Vec::new());
        for op in ops {
            match op {
                Op::Get(key) => found.push(self.present(key).cloned()),
                Op::Put { key, value, lease } => {
                    let before = self.present(key);
                    let entry = Entry {
                        key: key.clone(),
                        value: value.clone(),
                        created: before.map_or(revision, |before| before.created),
                        modified: revision,
                        version: before.map_or(0, |before| before.version) + 1,
                    };
                    events.push(Event::Put(entry.clone()));
                    let stored = Stored {
                        entry,
                        lease: *lease,
                    };
                    let values = self.history.entry(key.clone()).or_default();
                    values.push((revision, Some(stored)));
                }
                Op::Delete(key) if self.present(key).is_some() => {
                    let values = self.history.entry(key.clone()).or_default();
                    values.push((revision, None));
                    events.push(Event::Delete {
                        key: key.clone(),
                        modified: revision,
                    });
                }
                Op::Delete(_) => {}
            }
        }
        (found, events)
    }

    fn record(&mut self, revision: u64, events: Vec<Event>) {
        if !events.is_empty() {
            self.revision = revision;
            self.log.insert(revision, events);
        }
    }
}

impl MemoryWatch {
    pub(super) async fn next(&mut self) -> Result<Message, KvError> {
        loop {
            self.newest.mark_unchanged();
            if let Some(message) = self.poll()? {
                return Ok(message);
            }
            let closed = self.newest.changed().await.is_err();
            if closed {
                return Err(KvError::Unavailable("the store is gone".into()));
            }
        }
    }

    fn poll(&mut self) -> Result<Option<Message>, KvError> {
        let state = self.kv.lock();
        if self.next <= state.compacted {
            return Err(KvError::Compacted);
        }
        if self.next > state.revision {
            return Ok(None);
        }
        let events = state.log.range(self.next..).flat_map(|(_, events)| events);
        let events = events
            .filter(|event| event.key().starts_with(&self.prefix))
            .cloned()
            .collect();
        let revision = state.revision;
        self.next = revision + 1;
        Ok(Some(Message { revision, events }))
    }
}
