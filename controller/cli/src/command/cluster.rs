//! `weftctl cluster`: what concerns the cluster as a whole, and is seldom needed.

use clap::{Args, Subcommand};
use weft_proto::v1;

use crate::console;
use crate::failure::Outcome;
use crate::server::call::{self, Server};

/// What can be done with a cluster.
#[derive(Debug, Subcommand)]
pub enum Cluster {
    /// Take a store that was restored from a backup for the truth, and bring every node to it
    ///
    /// A store that went back in time is noticed: by its controllers, which remember how far it
    /// was, and by the nodes. Everything stands still then, and nodes keep what they have. Put the
    /// newer store back if it still exists. Else this command says that what the backup has is what
    /// is wanted: nodes go back to its confirmed revision, and what was rolled out after the backup
    /// is gone from them. It is in the audit log.
    AcceptRestore(AcceptRestore),
}

/// Options of `cluster accept-restore`.
#[derive(Debug, Args)]
pub struct AcceptRestore {
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Does what is asked.
///
/// # Errors
/// When the store was not restored, or the controller is not there.
pub async fn run(server: &Server, command: &Cluster) -> Outcome {
    let Cluster::AcceptRestore(AcceptRestore { reason }) = command;
    let request = v1::AcceptRestoreRequest {
        author: server.author().to_owned(),
        reason: reason.clone(),
    };
    let ask = |channel| {
        let request = server.request(request.clone());
        async move { call::cluster(channel).accept_restore(request).await }
    };
    let accepted = server.call(ask).await?;
    console::line(&format!(
        "accepted: the store is incarnation {}; nodes are brought to its confirmed revision, see \
         weftctl nodes",
        accepted.incarnation
    ))
}
