//! Revisions: immutable, numbered sets of objects and facts.
//!
//! # Guarantees
//! A revision exists from the moment its manifest is written, which is last and once. What did not
//! change is shared with earlier revisions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use weft_model::facts::Facts;
use weft_model::name::NodeName;
use weft_model::object::{ObjectKey, Stored};
use weft_model::revision::{RevisionId, RolloutId, Timestamp};

use super::Store;
use super::error::StoreError;
use super::write::{Audit, Fence};

/// What a revision holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The objects, as the draft had them.
    pub objects: BTreeMap<ObjectKey, Stored>,
    /// The facts of the nodes.
    pub facts: BTreeMap<NodeName, Facts>,
}

/// What is known of a revision without reading its objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Its number.
    pub revision: RevisionId,
    /// The revision that it was made from.
    pub parent: RevisionId,
    /// Who published it.
    pub author: String,
    /// Why.
    pub message: String,
    /// When.
    pub created: Timestamp,
    /// How many objects it has.
    pub object_count: u32,
}

/// The confirmed revision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// The revision; [`RevisionId::EMPTY`] before the first commit.
    pub revision: RevisionId,
    /// The rollout that committed it.
    pub rollout: RolloutId,
}

impl Store {
    /// Publishes a revision and returns its number.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn publish(
        &self,
        fence: &Fence,
        parent: RevisionId,
        content: &Content,
        message: &str,
        audit: Audit,
    ) -> Result<RevisionId, StoreError> {
        let _ = (fence, parent, content, message, audit);
        unimplemented!()
    }

    /// What a revision holds; the empty one holds nothing.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such revision (any more).
    pub async fn load(&self, revision: RevisionId) -> Result<Content, StoreError> {
        let _ = revision;
        unimplemented!()
    }

    /// One revision without its objects.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such revision (any more).
    pub async fn summary(&self, revision: RevisionId) -> Result<Summary, StoreError> {
        let _ = revision;
        unimplemented!()
    }

    /// Revisions, newest first, `limit` at most.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn revisions(&self, limit: usize) -> Result<Vec<Summary>, StoreError> {
        let _ = limit;
        unimplemented!()
    }

    /// The confirmed revision.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn head(&self) -> Result<Head, StoreError> {
        unimplemented!()
    }

    /// Deletes old revisions but the newest `keep` (never fewer than 100), the confirmed one, and
    /// those that a kept rollout names; then what no revision refers to. Returns how many
    /// revisions it deleted.
    ///
    /// # Errors
    /// When the store cannot be written; trying again goes on where it stopped.
    pub async fn prune(&self, fence: &Fence, keep: usize) -> Result<usize, StoreError> {
        let _ = (fence, keep);
        unimplemented!()
    }
}
