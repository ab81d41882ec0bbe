//! `weftctl watch`: every change of objects, as it happens.
//!
//! # Guarantees
//! Nothing is missed while the connection breaks: watching goes on from the last change seen. When
//! the controller no longer knows that far back, everything is shown anew.

use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};
use serde::Serialize;
use tonic::Code;
use weft_model::object::Kind;
use weft_proto::v1;
use weft_proto::v1::watch_event::Event;

use super::columns;
use super::rolling::may_pass;
use super::select::{self, Kinds, Selection};
use crate::console;
use crate::failure::{Failure, Outcome};
use crate::manifest::write::{self, Written};
use crate::server::call::{self, Server};

/// How long to wait before watching again when the connection broke.
const PAUSE: Duration = Duration::from_secs(1);

/// Options of `watch`.
#[derive(Debug, Args)]
pub struct Watch {
    /// Only this kind
    #[arg(value_name = "KIND")]
    kind: Option<String>,
    /// How to print
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

/// How changes are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line each
    Text,
    /// One JSON object a line
    Json,
    /// YAML documents
    Yaml,
}

/// A change as it is printed for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    action: &'static str,
    key: String,
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<Written>,
}

/// Shows changes until it is ended.
///
/// # Errors
/// When no controller is there at the start, or the kind is none.
pub async fn run(server: &Server, options: &Watch) -> Outcome {
    let kind: Option<Kind> = match &options.kind {
        None => None,
        Some(word) => match select::selection(std::slice::from_ref(word)) {
            Ok(Selection::Of(Kinds::One(kind))) => Some(kind),
            Ok(Selection::Of(Kinds::All)) => None,
            Ok(Selection::Named(_)) => {
                return Err(Failure::refused(
                    "give a kind; weftctl describe shows one object",
                ));
            }
            Err(problem) => return Err(Failure::refused(problem)),
        },
    };
    let mut version = 0;
    let mut connected = false;
    loop {
        let request = v1::WatchRequest {
            kind: kind.map_or(v1::Kind::Unspecified, Into::into).into(),
            from_version: version,
        };
        let ask = |channel| async move { call::objects(channel).watch(request).await };
        let broken = match server.ask(ask).await {
            Ok(mut stream) => {
                connected = true;
                loop {
                    match stream.message().await {
                        Ok(Some(event)) => {
                            version = event.version.max(version);
                            show(&event, options.output)?;
                        }
                        Ok(None) => break None,
                        Err(status) => break Some(status),
                    }
                }
            }
            Err(status) => Some(status),
        };
        match broken {
            Some(status) if status.code() == Code::OutOfRange => {
                console::note(
                    "what happened meanwhile is no longer known; everything is shown anew",
                );
                version = 0;
                continue;
            }
            Some(status) if !connected || !may_pass(status.code()) => {
                return Err(server.failure(&status, &[]));
            }
            Some(_) | None => console::note("the connection broke; trying again"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn show(event: &v1::WatchEvent, format: Format) -> Outcome {
    let change = match &event.event {
        Some(Event::Put(object)) => Change {
            action: "put",
            key: columns::key(object),
            version: event.version,
            object: match format {
                Format::Text => return console::line(&line(object)),
                Format::Json | Format::Yaml => Some(write::received(object)?),
            },
        },
        Some(Event::Delete(key)) => Change {
            action: "delete",
            key: columns::key_text(Some(key)),
            version: event.version,
            object: None,
        },
        Some(Event::Bookmark(_)) | None => return Ok(()),
    };
    match format {
        Format::Text => console::line(&stamped(&format!("{} deleted", change.key))),
        Format::Json => console::print(&write::json_line(&change)?),
        Format::Yaml => console::print(&format!("---\n{}", write::yaml(&[change])?)),
    }
}

fn line(object: &v1::Object) -> String {
    let mut words = vec![columns::key(object)];
    let pending = columns::pending(object);
    if !pending.is_empty() {
        words.push(format!("{pending} in the draft"));
    }
    let live = columns::live(object);
    if !live.is_empty() {
        words.push(format!("live on {live} nodes"));
    }
    stamped(&words.join("  "))
}

fn stamped(text: &str) -> String {
    format!(
        "{}  {text}",
        humantime::format_rfc3339_seconds(SystemTime::now())
    )
}
