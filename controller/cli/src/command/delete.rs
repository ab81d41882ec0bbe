//! `weftctl delete`: objects out of the draft, and on request off every node.

use std::path::PathBuf;

use clap::Args;
use weft_model::object::ObjectKey;
use weft_proto::v1;

use super::apply::{self, Then};
use super::select::{self, Selection};
use super::source;
use crate::failure::{Failure, Outcome};
use crate::server::call::{self, Server};

/// Options of `delete`.
#[derive(Debug, Args)]
pub struct Delete {
    /// A kind and names, or KIND/NAME
    #[arg(value_name = "KIND NAME", required_unless_present = "files")]
    what: Vec<String>,
    /// Delete the objects that are in these manifests
    #[arg(short, long = "file", value_name = "FILE", conflicts_with = "what")]
    files: Vec<PathBuf>,
    /// Only check; store nothing
    #[arg(long, conflicts_with_all = ["rollout", "wait"])]
    dry_run: bool,
    #[command(flatten)]
    then: Then,
}

/// Deletes the objects, all or none.
///
/// # Errors
/// When one is not there or still in use, or the rollout does not end well.
pub async fn run(server: &Server, options: &Delete) -> Outcome {
    options.then.check()?;
    let manifests = if options.files.is_empty() {
        Vec::new()
    } else {
        source::manifests(&options.files)?
    };
    let deletions: Vec<v1::Deletion> = if manifests.is_empty() {
        match select::selection(&options.what).map_err(Failure::refused)? {
            Selection::Named(keys) => keys.iter().map(|key| deletion(key, 0)).collect(),
            Selection::Of(_) => {
                return Err(Failure::refused("say which by name; nothing deletes all"));
            }
        }
    } else {
        let each = manifests.iter();
        each.map(|it| deletion(&it.object.key(), it.version))
            .collect()
    };
    let request = v1::ApplyRequest {
        put: Vec::new(),
        delete: deletions,
        dry_run: options.dry_run,
        idempotency_key: call::fresh_key(),
    };
    apply::submit(server, request, &manifests).await?;
    apply::follow_up(server, &options.then, None, options.dry_run).await
}

fn deletion(key: &ObjectKey, version: u64) -> v1::Deletion {
    v1::Deletion {
        key: Some(key.into()),
        version,
    }
}
