//! What the shell must do, in this order.

use weft_model::message::{Command, Fence};
use weft_model::name::NodeName;

use super::record::Transaction;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Carry out the transaction, with the leader's key compared; ends with
    /// [`Written`](super::event::Event::Written). The next one comes only after that.
    Write(Box<Transaction>),
    /// Read the record linearizably; ends with [`Read`](super::event::Event::Read).
    Read,
    /// Send the command, with the plan where it names one; drop it if the node is not connected.
    Send(NodeName, Fence, Command),
    /// What [`status`](super::status) says of this node has changed.
    Progress(NodeName),
    /// The rollout is closed: this machine has nothing more to do.
    Finished,
    /// Another leader has taken over: this machine does nothing more.
    Deposed,
}
