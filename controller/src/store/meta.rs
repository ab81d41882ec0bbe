//! Which cluster this store belongs to.

use serde::{Deserialize, Serialize};
use weft_model::revision::{ClusterId, Incarnation};

use super::Store;
use super::error::StoreError;
use super::keys;
use super::kv::entry::{Compare, Op, Txn};
use super::record;

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
    /// This is the one write without a fence: whoever is first draws it, and all others read it.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn cluster(&self) -> Result<Cluster, StoreError> {
        let attempt = "read the cluster's identity";
        // A store that is full takes no writes, and there is only one ever.
        let entry = self.entry(attempt, keys::CLUSTER).await?;
        if let Some(entry) = entry {
            return record::read(attempt, &entry);
        }
        let drawn = Cluster {
            id: ClusterId::from_bytes(self.random(attempt)?),
            incarnation: Incarnation(0),
        };
        let txn = Txn {
            when: vec![Compare::Absent(keys::CLUSTER.to_owned())],
            then: vec![Op::put(keys::CLUSTER, record::write(attempt, &drawn)?)],
            otherwise: Vec::new(),
        };
        let reply = self.kv().txn(txn).await;
        reply.map_err(|error| error.during(attempt))?;
        // Read back in any case: what is stored is the identity.
        let entry = self.kv().get_one(keys::CLUSTER).await;
        let entry = entry.map_err(|error| error.during(attempt))?;
        let entry = entry.ok_or_else(|| StoreError::Missing {
            attempt,
            what: "the cluster's identity".to_owned(),
        })?;
        record::read(attempt, &entry)
    }
}
