//! The controller's store: objects, revisions and rollouts in etcd, or in memory for tests.
//!
//! # Guarantees
//! Every write is one transaction that also compares the leader's key, so that a controller that
//! was deposed writes nothing. A write whose answer is lost is looked up, not repeated.
//!
//! # Never
//! etcd's client is used nowhere else. Nothing here decides anything about a network.

use std::sync::Arc;

use tokio::sync::Mutex;

pub mod error;
pub mod kv;

pub mod keys;
pub mod options;

mod record;
pub mod write;

mod once;

pub mod meta;

pub mod quarantine;

pub mod lock;
pub mod nodes;

mod batch;
pub mod draft;
pub mod watch;

mod bucket;
pub mod results;
pub mod revision;
pub mod rollout;

pub mod prune;

use error::StoreError;
use kv::Kv;
use kv::entry::{Entry, Order, Range};
use options::EtcdOptions;

/// A store; clones are the same store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    kv: Kv,
    /// Held while the parts of a revision are written and not yet named by a manifest, and while
    /// parts that no manifest names are deleted.
    parts: Mutex<()>,
    /// Held while the parts of a batch are written and not yet decided, and while parts that were
    /// never decided are deleted.
    staging: Mutex<()>,
}

impl Store {
    /// An empty store that lives in memory only, for tests.
    pub fn memory() -> Self {
        Self::over(Kv::memory())
    }

    /// The store in an etcd.
    ///
    /// # Errors
    /// When the options make no sense, or etcd does not answer.
    pub async fn connect(options: &EtcdOptions) -> Result<Self, StoreError> {
        Ok(Self::over(options.connect().await?))
    }

    /// The store over keys and values.
    pub fn over(kv: Kv) -> Self {
        Self {
            inner: Arc::new(Inner {
                kv,
                parts: Mutex::default(),
                staging: Mutex::default(),
            }),
        }
    }

    /// A copy as it is now, as a backup of etcd would be; only of a store in memory. For tests.
    pub fn backup(&self) -> Option<Self> {
        self.kv().backup().map(Self::over)
    }

    /// The keys and values below: for the election, and for tests.
    pub fn kv(&self) -> &Kv {
        &self.inner.kv
    }

    /// What a person should know of the store below, a sentence each.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn warnings(&self) -> Result<Vec<String>, StoreError> {
        let warnings = self.kv().warnings().await;
        warnings.map_err(|error| error.during("ask how the store is"))
    }

    /// The entries with the largest keys, largest first.
    async fn newest(
        &self,
        attempt: &'static str,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let range = Range {
            prefix: prefix.to_owned(),
            limit,
            order: Order::Descending,
            ..Range::default()
        };
        let page = self.kv().range(range).await;
        Ok(page.map_err(|error| error.during(attempt))?.entries)
    }

    /// One entry, where it exists.
    async fn entry(&self, attempt: &'static str, key: &str) -> Result<Option<Entry>, StoreError> {
        let entry = self.kv().get_one(key).await;
        entry.map_err(|error| error.during(attempt))
    }
}
