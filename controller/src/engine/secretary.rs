//! The store's slow work, done beside the engine and reported back to it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{error, warn};
use weft_core::rollout::event::Outcome as WriteOutcome;
use weft_core::rollout::record::{Deed, Phase, Record, Transaction};
use weft_core::rollout::welcome::Held;
use weft_model::name::NodeName;
use weft_model::revision::{RolloutId, Version};

use super::clock::wall_clock;
use super::keepsake::Keepsake;
use super::opening::{Opening, Outcome};
use super::port::{SessionId, Start};
use super::refusal::Refusal;
use crate::log::Chain;
use crate::store::Store;
use crate::store::error::{Retry, StoreError};
use crate::store::meta::Cluster;
use crate::store::nodes::NodeRecord;
use crate::store::quarantine::Quarantine;
use crate::store::results::{Later, Results};
use crate::store::rollout::{Recorded, Update};
use crate::store::write::{Audit, Fence, Idempotency};

/// How long to wait before the store is asked again.
const RETRY: Duration = Duration::from_millis(500);

/// What the audit says of a write.
pub(super) struct AuditEntry {
    pub(super) author: String,
    pub(super) action: &'static str,
    pub(super) detail: String,
    /// The key of the wish that the write fulfills.
    pub(super) key: Option<Idempotency>,
}

/// What the engine hears back.
pub(super) enum Reply {
    /// A wish for a rollout was worked on.
    Opened(Result<Outcome, Refusal>),
    /// A write of a rollout's record ended.
    Written {
        rollout: RolloutId,
        outcome: WriteOutcome,
        /// The version of the record, when it was written.
        version: Option<Version>,
        /// Why it was not, where the store is in trouble.
        trouble: Option<String>,
    },
    /// A rollout's record was read.
    Read(Box<Recorded<Record>>),
    /// That the store went back in time was stored, or not.
    Quarantined(Result<(), StoreError>),
    /// What the store knows of the rollout that a node holds an unsettled change of.
    Held {
        node: NodeName,
        session: SessionId,
        held: Held,
    },
}

/// Does what takes time. Dropping it drops what is not done.
pub(super) struct Secretary {
    store: Store,
    fence: Fence,
    replies: mpsc::Sender<Reply>,
    work: JoinSet<()>,
}

impl Secretary {
    pub(super) fn new(store: Store, fence: Fence, replies: mpsc::Sender<Reply>) -> Self {
        Self {
            store,
            fence,
            replies,
            work: JoinSet::new(),
        }
    }

    /// Opens a rollout.
    pub(super) fn open(&mut self, opening: Opening, start: Start) {
        self.spawn(async move { Reply::Opened(opening.open(start).await) });
    }

    /// Writes a rollout's record, which must have this version.
    /// What became of its nodes is stored before the record says that it is over.
    pub(super) fn write(
        &mut self,
        transaction: Transaction,
        version: Version,
        entry: AuditEntry,
        results: Option<Results>,
    ) {
        let (store, fence) = (self.store.clone(), self.fence.clone());
        self.spawn(async move {
            let rollout = transaction.record.id;
            let result = async {
                note(&store, &fence, &transaction, results).await?;
                write(&store, &fence, &transaction, version, entry).await
            };
            let result = result.await;
            let (outcome, version, trouble) = match result {
                Ok(version) => (WriteOutcome::Won, Some(version), None),
                Err(error) => {
                    warn!(rollout = %rollout, error = %Chain(&error), "record not written");
                    let is_trouble = error.retry() == Retry::Later;
                    if is_trouble {
                        tokio::time::sleep(RETRY).await;
                    }
                    let trouble = is_trouble.then(|| error.to_string());
                    (outcome(&error), None, trouble)
                }
            };
            Reply::Written {
                rollout,
                outcome,
                version,
                trouble,
            }
        });
    }

    /// Reads a rollout's record until the store answers.
    pub(super) fn read(&mut self, rollout: RolloutId) {
        let store = self.store.clone();
        self.spawn(async move {
            loop {
                match store.rollout(rollout).await {
                    Ok(recorded) => return Reply::Read(Box::new(recorded)),
                    Err(error) => {
                        warn!(rollout = %rollout, error = %Chain(&error), "record not read");
                    }
                }
                tokio::time::sleep(RETRY).await;
            }
        });
    }

    /// Looks up a rollout that a node has an unsettled change of.
    pub(super) fn look_up(&mut self, node: NodeName, session: SessionId, rollout: RolloutId) {
        let store = self.store.clone();
        self.spawn(async move {
            loop {
                let found: Result<Recorded<Record>, StoreError> = store.rollout(rollout).await;
                let held = match found {
                    Ok(recorded) => Held::of(recorded.record.phase.decision().as_ref()),
                    Err(StoreError::Missing { .. }) => Held::Unknown,
                    Err(error) => {
                        warn!(rollout = %rollout, error = %Chain(&error), "record not read");
                        tokio::time::sleep(RETRY).await;
                        continue;
                    }
                };
                return Reply::Held {
                    node,
                    session,
                    held,
                };
            }
        });
    }

    /// Stores that the store went back in time.
    pub(super) fn quarantine(&mut self, quarantine: Quarantine) {
        let (store, fence) = (self.store.clone(), self.fence.clone());
        self.spawn(
            async move { Reply::Quarantined(store.put_quarantine(&fence, &quarantine).await) },
        );
    }

    /// Remembers how far the store is, outside of it: what it has now must never be missing again.
    pub(super) fn remember(&mut self, keepsake: Keepsake, cluster: Cluster) {
        let store = self.store.clone();
        self.work.spawn(async move {
            match store.mark().await {
                Ok(mark) => keepsake.keep(&cluster, mark),
                Err(error) => warn!(error = %Chain(&error), "how far the store is is not known"),
            }
        });
    }

    /// Stores what nodes confirmed. It is for people: what fails is written when a node confirms
    /// something else.
    pub(super) fn note_nodes(&mut self, records: BTreeMap<NodeName, NodeRecord>) {
        let (store, fence) = (self.store.clone(), self.fence.clone());
        self.work.spawn(async move {
            if let Err(error) = store.put_nodes(&fence, &records).await {
                warn!(error = %Chain(&error), "what nodes confirmed is not stored");
            }
        });
    }

    /// Stores that nodes came back. It is for people: what fails is not written again.
    pub(super) fn note_later(&mut self, rollout: RolloutId, nodes: BTreeMap<NodeName, Later>) {
        let (store, fence) = (self.store.clone(), self.fence.clone());
        self.work.spawn(async move {
            if let Err(error) = store.put_later(&fence, rollout, &nodes).await {
                warn!(rollout = %rollout, error = %Chain(&error), "who came back is not stored");
            }
        });
    }

    fn spawn(&mut self, work: impl Future<Output = Reply> + Send + 'static) {
        // What is done needs no place any more.
        while let Some(done) = self.work.try_join_next() {
            if let Err(error) = done {
                error!(%error, "work for the engine broke");
            }
        }
        let replies = self.replies.clone();
        self.work.spawn(async move {
            // Without an engine nobody wants to know.
            let _ = replies.send(work.await).await;
        });
    }
}

/// Stores what became of the nodes, as far as that is known at this write.
async fn note(
    store: &Store,
    fence: &Fence,
    transaction: &Transaction,
    results: Option<Results>,
) -> Result<(), StoreError> {
    let Some(results) = results else {
        return Ok(());
    };
    let rollout = transaction.record.id;
    if transaction.deed == Deed::Release {
        return store.put_results(fence, rollout, &results).await;
    }
    // The way back waits for nothing that is only for people.
    let (store, fence) = (store.clone(), fence.clone());
    tokio::spawn(async move {
        if let Err(error) = store.put_trouble(&fence, rollout, &results).await {
            warn!(rollout = %rollout, error = %Chain(&error), "who was in the way is not stored");
        }
    });
    Ok(())
}

async fn write(
    store: &Store,
    fence: &Fence,
    transaction: &Transaction,
    version: Version,
    entry: AuditEntry,
) -> Result<Version, StoreError> {
    let record = &transaction.record;
    let update = Update {
        rollout: record.id,
        version,
        record,
        audit: Audit {
            at: wall_clock(),
            author: entry.author,
            action: entry.action.to_owned(),
            detail: entry.detail,
        },
        idempotency: entry.key,
    };
    match (transaction.deed, &record.phase) {
        (Deed::MoveHead, _) => {
            let (from, to) = (record.from, record.to);
            store.commit_rollout(fence, update, from, to).await
        }
        (Deed::Release, _) => store.close_rollout(fence, update).await,
        (Deed::Turn, Phase::Aborted(_)) => store.abort_rollout(fence, update).await,
        (
            Deed::Turn,
            Phase::Preparing | Phase::Applying { .. } | Phase::Committed | Phase::Closed { .. },
        ) => store.update_rollout(fence, update).await,
    }
}

/// What an error says of whether the record was written.
fn outcome(error: &StoreError) -> WriteOutcome {
    match error {
        StoreError::Conflict { .. } => WriteOutcome::Lost,
        StoreError::Deposed { .. } | StoreError::LeaseLost { .. } => WriteOutcome::Deposed,
        // Reading the record tells, whatever the error meant.
        StoreError::Unavailable { .. }
        | StoreError::Unknown { .. }
        | StoreError::NoSpace { .. }
        | StoreError::Compacted { .. }
        | StoreError::Gap { .. }
        | StoreError::Denied { .. }
        | StoreError::TooLarge { .. }
        | StoreError::Missing { .. }
        | StoreError::Corrupt { .. }
        | StoreError::Options { .. }
        | StoreError::Refused { .. } => WriteOutcome::Unknown,
    }
}
