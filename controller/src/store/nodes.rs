//! What is kept of each node: its facts, and the revision that it confirmed last.
//!
//! # Never
//! Liveness. A heartbeat is not written; only a changed fact or a new confirmed revision is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use weft_model::facts::Facts;
use weft_model::name::NodeName;
use weft_model::plan::digest::Digest;
use weft_model::revision::{RevisionId, Timestamp};

use super::Store;
use super::error::StoreError;
use super::write::Fence;

/// What a node confirmed last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeRecord {
    /// The revision.
    pub revision: RevisionId,
    /// The digest of the node's plan at that revision.
    pub digest: Digest,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// The facts of every node.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn facts(&self) -> Result<BTreeMap<NodeName, Facts>, StoreError> {
        unimplemented!()
    }

    /// Stores a node's facts; `false` when they are stored already and nothing was written.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn put_facts(
        &self,
        fence: &Fence,
        node: &NodeName,
        facts: &Facts,
    ) -> Result<bool, StoreError> {
        let _ = (fence, node, facts);
        unimplemented!()
    }

    /// What every node confirmed last.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn nodes(&self) -> Result<BTreeMap<NodeName, NodeRecord>, StoreError> {
        unimplemented!()
    }

    /// Stores what nodes confirmed, many to a transaction; records that are stored already with
    /// the same revision and digest are not written.
    ///
    /// # Errors
    /// When the store cannot be written; the records before the error are stored.
    pub async fn put_nodes(
        &self,
        fence: &Fence,
        records: &BTreeMap<NodeName, NodeRecord>,
    ) -> Result<(), StoreError> {
        let _ = (fence, records);
        unimplemented!()
    }

    /// Forgets a node: its facts and its record.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn forget_node(&self, fence: &Fence, node: &NodeName) -> Result<(), StoreError> {
        let _ = (fence, node);
        unimplemented!()
    }
}
