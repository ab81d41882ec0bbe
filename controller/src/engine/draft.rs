//! The draft as this controller knows it, and the task that keeps it so.
//!
//! # Guarantees
//! A [`Draft`] is one moment of the store. Cloning one costs a few pointers. Watchers of the
//! [`Feed`] see every change, also those that a broken watch of the store hid for a while.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::info;
use weft_core::shelf::Shelf;
use weft_core::snapshot::Snapshot;
use weft_model::facts::Facts;
use weft_model::name::NodeName;
use weft_model::object::{ObjectKey, Stored};
use weft_model::revision::Version;
use weft_runtime::watch::{Follow, Listed, Pace, Stumble, follow};

use super::feed::Feed;
use super::refusal::Refusal;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::watch::{DraftChange, DraftEvent, DraftWatch};

/// How long a request waits until a write that the store has taken comes back by the watch.
const ECHO_LIMIT: Duration = Duration::from_secs(10);

/// The first wait is short, because users see an old draft meanwhile; the last is long enough not
/// to be a burden on a store in trouble. Comparing with a list finds what etcd's watches are known
/// to lose.
const PACE: Pace = Pace {
    shortest: Duration::from_millis(100),
    longest: Duration::from_secs(5),
    verify: Duration::from_secs(10 * 60),
};

/// All objects and facts at one moment.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    stored: Shelf<ObjectKey, Stored>,
    snapshot: Snapshot,
    changed: Version,
}

impl Draft {
    /// The moment.
    pub fn version(&self) -> Version {
        self.snapshot.version()
    }

    /// The version of the last change of an object.
    pub fn changed(&self) -> Version {
        self.changed
    }

    /// The objects, with what the store knows of each.
    pub fn stored(&self) -> &Shelf<ObjectKey, Stored> {
        &self.stored
    }

    /// The objects and facts as validation and compiling take them.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn take_in(&mut self, event: &DraftEvent) -> Vec<(ObjectKey, Option<Arc<Stored>>)> {
        let mut changes = Vec::with_capacity(event.changes.len());
        for change in &event.changes {
            match change {
                DraftChange::Put(stored) => {
                    let (key, stored) = (stored.object.key(), Arc::new(stored.clone()));
                    self.snapshot.put(stored.object.clone());
                    self.stored.put(key.clone(), Arc::clone(&stored));
                    changes.push((key, Some(stored)));
                }
                DraftChange::Delete(key) => {
                    self.snapshot.remove(key);
                    self.stored.remove(key);
                    changes.push((key.clone(), None));
                }
            }
        }
        if !changes.is_empty() {
            self.changed = event.version;
        }
        self.snapshot.set_version(event.version);
        changes
    }
}

/// The draft, kept as the store has it.
#[derive(Clone)]
pub struct Mirror {
    store: Store,
    draft: watch::Sender<Draft>,
    feed: Arc<Feed>,
    stumbles: Arc<Mutex<Stumbles>>,
}

/// How often the watch of the draft did not bring what it should, since this controller started.
/// Each time the draft was read again, so that nothing stays wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stumbles {
    /// It broke, and went on where it had ended.
    pub broke: u64,
    /// It lost something, which the next change showed, or lagged behind a compaction.
    pub missed: u64,
    /// It lost something, which only the comparison with a list showed.
    pub differed: u64,
}

impl Mirror {
    /// Reads the draft, once.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(store: Store) -> Result<Self, StoreError> {
        let draft = list(&store).await?;
        let feed = Feed::new(draft.version(), super::feed::KEPT);
        Ok(Self {
            store,
            feed: Arc::new(feed),
            draft: watch::Sender::new(draft),
            stumbles: Arc::default(),
        })
    }

    /// The draft as it is now.
    pub fn now(&self) -> Draft {
        self.draft.borrow().clone()
    }

    /// Follows the draft.
    pub fn subscribe(&self) -> watch::Receiver<Draft> {
        self.draft.subscribe()
    }

    /// The latest changes.
    pub fn feed(&self) -> Arc<Feed> {
        Arc::clone(&self.feed)
    }

    /// How often the draft had to be read again.
    pub fn stumbles(&self) -> Stumbles {
        *self.stumbles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The draft, once it has what was written at `version`.
    ///
    /// # Errors
    /// When the write does not show in time, although the store has it.
    pub async fn at(&self, version: Version) -> Result<Draft, Refusal> {
        let mut draft = self.draft.subscribe();
        let reached = draft.wait_for(|draft| draft.version() >= version);
        match tokio::time::timeout(ECHO_LIMIT, reached).await {
            Ok(Ok(draft)) => Ok(draft.clone()),
            Ok(Err(_)) | Err(_) => Err(Refusal::Store(format!(
                "the change is stored as version {version}, but the store's watch does not show \
                 it yet: look again before you repeat it"
            ))),
        }
    }

    /// Takes in nodes' facts, which are no part of what the store's watch brings.
    pub fn put_facts(&self, facts: impl IntoIterator<Item = (NodeName, Facts)>) {
        self.draft.send_modify(|draft| {
            for (node, facts) in facts {
                draft.snapshot.put_facts(node, facts);
            }
        });
    }

    /// Forgets the facts of a node that is no more.
    pub fn remove_facts(&self, node: &NodeName) {
        self.draft.send_modify(|draft| {
            draft.snapshot.remove_facts(node);
        });
    }

    /// Reads all facts again: another controller may have led until now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn reload_facts(&self) -> Result<(), StoreError> {
        let facts = self.store.facts().await?;
        self.draft.send_modify(|draft| {
            let fresh = Snapshot::new(draft.version(), [], facts);
            draft.snapshot = draft.snapshot.with_facts_of(&fresh);
        });
        Ok(())
    }

    /// Keeps the draft as the store has it until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        // Cancel-safe: what is half read is read again by the next controller.
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = follow(&self, Listed::Already, PACE) => {}
        }
    }

    async fn relist(&self) -> Result<(), StoreError> {
        let fresh = list(&self.store).await?;
        let mut changes = Vec::new();
        let version = fresh.version();
        self.draft.send_modify(|draft| {
            let differences = draft.stored.differences(&fresh.stored);
            changes = differences
                .found
                .into_iter()
                .map(|difference| (difference.key.clone(), difference.new.map(Arc::clone)))
                .collect();
            *draft = fresh;
        });
        info!(%version, changes = changes.len(), "draft read again");
        self.feed.publish(version, changes);
        Ok(())
    }
}

impl Follow for Mirror {
    type Watch = DraftWatch;
    type Error = StoreError;

    async fn list(&self) -> Result<(), StoreError> {
        self.relist().await
    }

    async fn open(&self) -> Result<DraftWatch, StoreError> {
        let from = self.draft.borrow().version();
        self.store.watch_draft(from).await
    }

    async fn take(&self, watch: &mut DraftWatch) -> Result<(), StoreError> {
        let event = watch.next().await?;
        let mut changes = Vec::new();
        self.draft
            .send_modify(|draft| changes = draft.take_in(&event));
        self.feed.publish(event.version, changes);
        Ok(())
    }

    async fn verify(&self) -> Result<bool, StoreError> {
        let now = self.now();
        let listed = self.store.draft_as_of(now.version()).await?;
        let followed = now.stored().iter();
        let followed = followed.map(|(key, stored)| (key, stored.as_ref()));
        Ok(followed.eq(&listed.objects))
    }

    fn must_list(error: &StoreError) -> bool {
        error.must_relist()
    }

    fn stumbled(&self, how: Stumble) {
        let mut stumbles = self.stumbles.lock().unwrap_or_else(PoisonError::into_inner);
        let count = match how {
            Stumble::Broke => &mut stumbles.broke,
            Stumble::Missed => &mut stumbles.missed,
            Stumble::Differed => &mut stumbles.differed,
        };
        *count += 1;
    }
}

async fn list(store: &Store) -> Result<Draft, StoreError> {
    let listed = store.draft().await?;
    let facts = store.facts().await?;
    let objects = listed.objects.values().map(|stored| stored.object.clone());
    let snapshot = Snapshot::new(listed.version, objects, facts);
    let stored = listed
        .objects
        .into_iter()
        .map(|(key, stored)| (key, Arc::new(stored)))
        .collect();
    Ok(Draft {
        stored,
        snapshot,
        changed: listed.changed,
    })
}
