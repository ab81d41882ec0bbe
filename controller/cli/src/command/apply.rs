//! `weftctl apply`: objects from manifests into the draft, and on request on to every node.

use std::path::PathBuf;

use clap::Args;
use weft_proto::v1;

use super::columns;
use super::rolling::{self, Manner, Waiting};
use super::source;
use crate::console;
use crate::failure::{Failure, Outcome};
use crate::manifest::read::Manifest;
use crate::server::call::{self, Server};

/// Options of `apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// A file, a folder of files, or - for the standard input; may be given several times
    #[arg(short, long = "file", required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only check; store nothing
    #[arg(long, conflicts_with_all = ["rollout", "wait"])]
    dry_run: bool,
    #[command(flatten)]
    then: Then,
}

/// What follows once the draft is changed.
#[derive(Clone, Debug, Args)]
pub struct Then {
    /// Roll the draft out when it is stored
    #[arg(long)]
    rollout: bool,
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    manner: Manner,
}

impl Then {
    /// Checks that the options go together, before anything is sent.
    ///
    /// # Errors
    /// When there is nothing to wait for.
    pub fn check(&self) -> Outcome {
        if self.waiting.wait && !self.rollout {
            return Err(Failure::refused(
                "--wait waits for a rollout: give --rollout too, or leave both out",
            ));
        }
        Ok(())
    }
}

/// The request that puts what is in manifests.
pub fn request(manifests: &[Manifest], dry_run: bool) -> v1::ApplyRequest {
    let put = manifests.iter().map(|manifest| {
        let mut object = v1::Object::from(&manifest.object);
        if let Some(metadata) = &mut object.metadata {
            metadata.version = manifest.version;
        }
        object
    });
    v1::ApplyRequest {
        put: put.collect(),
        delete: Vec::new(),
        dry_run,
        idempotency_key: call::fresh_key(),
    }
}

/// Applies the manifests.
///
/// # Errors
/// When one cannot be read, the result would not be valid, or the rollout does not end well.
pub async fn run(server: &Server, options: &Apply) -> Outcome {
    options.then.check()?;
    let manifests = source::manifests(&options.files)?;
    let request = request(&manifests, options.dry_run);
    submit(server, request, &manifests).await?;
    let keys = manifests.iter().map(|it| it.object.key()).collect();
    follow_up(server, &options.then, Some(&keys), options.dry_run).await
}

/// Sends a batch of changes and tells what became of each.
///
/// # Errors
/// When the result would not be valid; `manifests` are the objects of the batch, to tell where.
pub async fn submit(server: &Server, request: v1::ApplyRequest, manifests: &[Manifest]) -> Outcome {
    let dry_run = request.dry_run;
    let ask = |channel| {
        let request = server.request(request.clone());
        async move { call::objects(channel).apply(request).await }
    };
    let answer = server.ask(ask).await;
    let answer = answer.map_err(|status| server.failure(&status, manifests))?;
    report(&answer, dry_run)
}

/// Tells what a batch did, and the warnings beside.
///
/// # Errors
/// When the output is closed.
pub fn report(answer: &v1::ApplyResponse, dry_run: bool) -> Outcome {
    let mark = if dry_run { " (not stored)" } else { "" };
    let lines = answer.outcomes.iter().map(|outcome| {
        let key = columns::key_text(outcome.key.as_ref());
        format!("{key} {}{mark}\n", outcome.action)
    });
    console::print(&lines.collect::<String>())?;
    for warning in &answer.warnings {
        console::note(&format!("warning: {}", note_text(warning)));
    }
    Ok(())
}

/// A finding on one line.
pub fn note_text(note: &v1::Note) -> String {
    let key = columns::key_text(note.object.as_ref());
    let advice = match note.advice.as_str() {
        "" => String::new(),
        advice => format!(": {advice}"),
    };
    console::safe(&format!("{key}: {}: {}{advice}", note.field, note.problem))
}

/// Rolls out where that is wanted, else says what to do next.
///
/// # Errors
/// When the rollout cannot start, or does not end well.
pub async fn follow_up(
    server: &Server,
    then: &Then,
    keys: Option<&std::collections::BTreeSet<weft_model::object::ObjectKey>>,
    dry_run: bool,
) -> Outcome {
    if dry_run {
        return Ok(());
    }
    if !then.rollout {
        if console::is_watched() {
            console::note(
                "now in the draft; weftctl diff shows it, weftctl rollout start brings it to the nodes",
            );
        }
        return Ok(());
    }
    let rollout = rolling::start(server, &then.manner, 0).await?;
    rolling::conclude(server, rollout, &then.waiting, keys).await
}
