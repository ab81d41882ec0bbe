//! Which controller leads.
//!
//! # Guarantees
//! [`Leadership::Leader`] is withdrawn half a lease after the last keep-alive that etcd answered,
//! which is long before etcd lets another controller lead.

use std::time::Duration;

use tokio::sync::watch;

use crate::store::Store;
use crate::store::write::Fence;

/// Who leads, as far as this controller knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leadership {
    /// This controller leads, and this is its proof.
    Leader(Fence),
    /// It does not; another one may.
    Follower {
        /// The one that does, where it is known.
        leader: Option<Candidate>,
    },
}

/// A controller that would lead.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// The controller's name.
    pub name: String,
    /// Where its API listens.
    pub address: String,
}

/// How long etcd keeps a leader that does not answer.
pub const LEASE: Duration = Duration::from_secs(10);

/// A running candidacy; dropping it gives up, and leaves the lease to run out.
pub struct Election {
    leadership: watch::Receiver<Leadership>,
}

impl Election {
    /// Starts to run for leadership, for ever.
    pub fn start(store: Store, candidate: Candidate, lease: Duration) -> Self {
        let _ = (store, candidate, lease);
        unimplemented!()
    }

    /// Who leads, now and after every change.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.clone()
    }

    /// Gives up at once, so that another controller can lead without waiting for the lease.
    pub async fn resign(self) {}
}
