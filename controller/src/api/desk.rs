//! What every service works with.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::engine::board::Board;
use crate::engine::draft::{Draft, Mirror};
use crate::engine::judge::Judge;
use crate::engine::port::{Port, Roles};
use crate::engine::refusal::Refusal;
use crate::engine::writer::Writer;
use crate::status::Statuses;
use crate::store::Store;

/// What every service works with; clones are the same desk.
#[derive(Clone)]
pub struct Desk {
    /// This controller, by name and address.
    pub own: String,
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
    /// Ends every stream.
    pub stop: CancellationToken,
}

impl Desk {
    /// The engine.
    ///
    /// # Errors
    /// When this controller does not lead.
    pub fn port(&self) -> Result<Port, Refusal> {
        self.roles.borrow().leading().map(|(port, _)| port)
    }

    /// The way to change the draft.
    ///
    /// # Errors
    /// When this controller does not lead.
    pub fn writer(&self) -> Result<Writer, Refusal> {
        self.roles.borrow().leading().map(|(_, writer)| writer)
    }

    /// How things stand with the objects of this draft.
    pub fn statuses(&self, draft: &Draft) -> Statuses {
        Statuses::new(draft.clone(), &self.board, &self.judge)
    }
}
