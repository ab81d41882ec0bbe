//! Which cluster this store belongs to.

use serde::{Deserialize, Serialize};
use weft_model::revision::{ClusterId, Incarnation};

use super::Store;
use super::error::StoreError;

/// The cluster's identity, which agents pin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// The name for ever.
    pub id: ClusterId,
    /// How many times the store was restored from a backup.
    pub incarnation: Incarnation,
}

impl Store {
    /// The cluster's identity, drawn at first use.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn cluster(&self) -> Result<Cluster, StoreError> {
        unimplemented!()
    }
}
