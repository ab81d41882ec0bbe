//! What every service works with.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::engine::board::Board;
use crate::engine::draft::{Draft, Mirror};
use crate::engine::judge::Judge;
use crate::engine::port::{Port, Roles};
use crate::engine::refusal::Refusal;
use crate::engine::writer::Writer;
use crate::status::Statuses;
use crate::store::Store;
use crate::store::meta::Cluster;

/// Longer than an etcd that is well takes to answer.
const SILENCE: Duration = Duration::from_secs(1);

/// What every service works with; clones are the same desk.
#[derive(Clone)]
pub struct Desk {
    /// This controller, by name and address.
    pub own: String,
    /// The cluster's identity.
    pub cluster: Cluster,
    /// The store.
    pub store: Store,
    /// The draft.
    pub mirror: Mirror,
    /// What validation says of the draft.
    pub judge: Judge,
    /// How far everything is.
    pub board: Arc<Board>,
    /// Whether this controller leads.
    pub roles: Roles,
    /// How long a client may leave unread what it asked for.
    pub unread: Duration,
    /// Ends every stream.
    pub stop: CancellationToken,
}

impl Desk {
    /// The engine.
    ///
    /// # Errors
    /// When this controller does not lead.
    pub fn port(&self) -> Result<Port, Refusal> {
        let leading = self.roles.borrow().leading();
        leading.map(|(port, _)| port).map_err(|it| self.because(it))
    }

    /// The way to change the draft.
    ///
    /// # Errors
    /// When this controller does not lead.
    pub fn writer(&self) -> Result<Writer, Refusal> {
        let leading = self.roles.borrow().leading();
        leading
            .map(|(_, writer)| writer)
            .map_err(|it| self.because(it))
    }

    /// Nobody leads while the store is silent, which is what people must look at then.
    fn because(&self, refusal: Refusal) -> Refusal {
        let silence = self.store.kv().pulse().silent_for();
        match refusal {
            Refusal::NotLeading { leader: None } if silence >= SILENCE => {
                Refusal::Unanswered(format!(
                    "etcd has not answered for {} s, so no controller can lead; nothing was \
                     changed: look at etcd, then try again. Nodes keep what they have",
                    silence.as_secs()
                ))
            }
            refusal => refusal,
        }
    }

    /// How things stand with the objects of this draft.
    pub fn statuses(&self, draft: &Draft) -> Statuses {
        Statuses::new(draft.clone(), &self.board, &self.judge)
    }
}
