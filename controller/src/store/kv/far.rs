//! Keys and values in memory with a way between them and their client, as a network is between
//! etcd and a controller: for simulations, in which requests and answers are late or lost.
//!
//! # Guarantees
//! What the way says of a request or an answer is what the client sees: a request that is lost did
//! not happen, an answer that is lost is of something that did.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use super::KvError;
use super::entry::{Lease, Message, Op, Page, Range, Txn, TxnReply};
use super::memory::{MemoryKv, MemoryWatch};

/// What travels to the store.
#[derive(Clone, Copy, Debug)]
pub enum Request<'a> {
    /// Something is read.
    Read,
    /// Something is written, if it may be.
    Write(&'a Txn),
    /// A lease is made, renewed or ended.
    Lease,
    /// What happens is watched.
    Watch,
}

/// The way between a client and the store.
pub trait Way: Send + Sync {
    /// Takes a request there; an error when it never arrives.
    fn there<'a>(&'a self, request: Request<'a>) -> BoxFuture<'a, Result<(), KvError>>;

    /// Takes its answer back; an error when it never arrives.
    fn back<'a>(&'a self, request: Request<'a>) -> BoxFuture<'a, Result<(), KvError>>;

    /// Draws random bytes for the client, so that a run can be had again.
    fn draw(&self, bytes: &mut [u8]);
}

/// Keys and values at the end of a way; clones go the same way to the same store.
#[derive(Clone)]
pub struct FarKv {
    memory: MemoryKv,
    way: Arc<dyn Way>,
}

/// A running watch at the end of a way.
pub struct FarWatch {
    watch: MemoryWatch,
    way: Arc<dyn Way>,
    /// What was seen and is on its way still.
    coming: Option<Message>,
}

impl FarKv {
    pub(super) fn new(memory: MemoryKv, way: Arc<dyn Way>) -> Self {
        Self { memory, way }
    }

    async fn go<T>(
        &self,
        request: Request<'_>,
        ask: impl FnOnce(&MemoryKv) -> Result<T, KvError>,
    ) -> Result<T, KvError> {
        self.way.there(request).await?;
        let answer = ask(&self.memory);
        self.way.back(request).await?;
        answer
    }

    pub(super) async fn range(&self, range: &Range) -> Result<Page, KvError> {
        self.go(Request::Read, |memory| memory.range(range)).await
    }

    pub(super) async fn count(&self, prefix: &str) -> Result<u64, KvError> {
        self.go(Request::Read, |memory| Ok(memory.count(prefix)))
            .await
    }

    pub(super) async fn txn(&self, txn: &Txn) -> Result<TxnReply, KvError> {
        let writes = txn.then.iter().any(|op| !matches!(op, Op::Get(_)));
        let request = if writes {
            Request::Write(txn)
        } else {
            Request::Read
        };
        self.go(request, |memory| memory.txn(txn)).await
    }

    pub(super) async fn watch(&self, prefix: &str, from: u64) -> Result<FarWatch, KvError> {
        let watch = self
            .go(Request::Watch, |memory| memory.watch(prefix, from))
            .await?;
        Ok(FarWatch {
            watch,
            way: Arc::clone(&self.way),
            coming: None,
        })
    }

    pub(super) async fn grant(&self, ttl: Duration) -> Result<Lease, KvError> {
        self.go(Request::Lease, |memory| Ok(memory.grant(ttl)))
            .await
    }

    pub(super) async fn keep_alive(&self, lease: Lease) -> Result<(), KvError> {
        self.go(Request::Lease, |memory| memory.keep_alive(lease))
            .await
    }

    pub(super) async fn remaining(&self, lease: Lease) -> Result<Duration, KvError> {
        self.go(Request::Read, |memory| memory.remaining(lease))
            .await
    }

    pub(super) async fn revoke(&self, lease: Lease) -> Result<(), KvError> {
        self.go(Request::Lease, |memory| memory.revoke(lease)).await
    }

    pub(super) async fn compact(&self, revision: u64) -> Result<(), KvError> {
        self.go(Request::Read, |memory| memory.compact(revision))
            .await
    }

    pub(super) fn draw(&self, bytes: &mut [u8]) {
        self.way.draw(bytes);
    }
}

impl FarWatch {
    /// Cancel-safe: what was seen and did not arrive yet is kept.
    pub(super) async fn next(&mut self) -> Result<Message, KvError> {
        if self.coming.is_none() {
            self.coming = Some(self.watch.next().await?);
        }
        self.way.back(Request::Watch).await?;
        match self.coming.take() {
            Some(message) => Ok(message),
            None => unreachable!("it was put there above"),
        }
    }
}
