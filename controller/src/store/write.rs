//! What every write carries: proof of leadership, and the record of who wanted it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use weft_model::revision::{Epoch, Timestamp};

/// Proof that a controller was elected. Every write of the store demands one and fails as deposed
/// once another controller leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    pub(crate) key: Arc<str>,
    epoch: Epoch,
}

impl Fence {
    /// The proof that `key` was created at `epoch` and came first.
    pub(crate) fn new(key: Arc<str>, epoch: Epoch) -> Self {
        Self { key, epoch }
    }

    /// The epoch of this leadership; a later leader has a larger one.
    pub fn epoch(&self) -> Epoch {
        self.epoch
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
