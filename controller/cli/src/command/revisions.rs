//! `weftctl revisions`: what was published, and the way back to it.

use std::time::SystemTime;

use clap::Args;
use weft_proto::v1;

use super::diff;
use super::rolling::{self, Manner, Waiting};
use crate::console::{self, Palette, safe};
use crate::failure::Outcome;
use crate::manifest::write;
use crate::moment;
use crate::server::call::{self, Server};
use crate::table::Columns;

/// Options of `revisions`.
#[derive(Debug, Args)]
pub struct Revisions {
    /// Only this revision, with what it changed
    #[arg(value_name = "REVISION")]
    revision: Option<u64>,
    /// With REVISION: print its objects as manifests
    #[arg(long, requires = "revision")]
    objects: bool,
    /// How many at most
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: u32,
}

/// Options of `rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    /// The revision whose objects all nodes should have again
    #[arg(value_name = "REVISION")]
    revision: u64,
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    manner: Manner,
}

/// Shows revisions.
///
/// # Errors
/// When one is not there, or the controller is not.
pub async fn run(server: &Server, options: &Revisions) -> Outcome {
    let Some(number) = options.revision else {
        let request = v1::ListRevisionsRequest {
            limit: options.limit,
        };
        let ask = |channel| async move { call::revisions(channel).list(request).await };
        let listed = server.call(ask).await?;
        return console::print(&table(&listed, SystemTime::now()));
    };
    let request = v1::GetRevisionRequest { revision: number };
    let ask = |channel| async move { call::revisions(channel).get(request).await };
    let revision = server.call(ask).await?;
    if options.objects {
        let objects = revision.objects.iter().map(write::object);
        let objects = objects.collect::<Outcome<Vec<_>>>()?;
        let written: Vec<_> = objects.iter().map(write::declared).collect();
        return console::print(&write::yaml(&written)?);
    }
    console::print(&page(&revision, Palette::of_output()))
}

/// Rolls the objects of an old revision out again.
///
/// # Errors
/// When there is no such revision, or the rollout does not end well.
pub async fn rollback(server: &Server, options: &Rollback) -> Outcome {
    let mut manner = options.manner.clone();
    if manner.message.is_empty() {
        manner.message = format!("roll back to revision {}", options.revision);
    }
    let rollout = rolling::start(server, &manner, options.revision).await?;
    rolling::conclude(server, rollout, &options.waiting, None).await
}

fn table(listed: &v1::ListRevisionsResponse, now: SystemTime) -> String {
    let mut columns = Columns::new(&["REVISION", "AGE", "AUTHOR", "OBJECTS", "MESSAGE"]);
    for revision in &listed.revisions {
        let mark = if revision.revision == listed.head {
            " *"
        } else {
            ""
        };
        columns.row([
            format!("{}{mark}", revision.revision),
            moment::age(revision.created, now),
            safe(&revision.author),
            revision.object_count.to_string(),
            safe(&revision.message),
        ]);
    }
    columns.text()
}

fn page(revision: &v1::Revision, palette: Palette) -> String {
    let mut page = format!(
        "Revision:   {}\nFrom:       {}\nCreated:    {}\nAuthor:     {}\nMessage:    {}\nObjects:    {}\n",
        revision.revision,
        revision.parent,
        moment::rfc3339(revision.created),
        safe(&revision.author),
        safe(&revision.message),
        revision.object_count
    );
    if !revision.class.is_empty() {
        page.push_str(&format!("Class:      {}\n", safe(&revision.class)));
    }
    if !revision.changes.is_empty() {
        page.push_str("\nChanges:\n");
    }
    for change in &revision.changes {
        diff::describe(&mut page, change, palette, "  ");
    }
    page
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_confirmed_revision_is_marked() {
        let revision = |number: u64| v1::Revision {
            revision: number,
            parent: number - 1,
            author: "ada@n1".to_owned(),
            message: "more".to_owned(),
            created: 1_700_000_000_000,
            object_count: 3,
            ..v1::Revision::default()
        };
        let listed = v1::ListRevisionsResponse {
            revisions: vec![revision(2), revision(1)],
            head: 2,
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_060);
        assert_eq!(
            table(&listed, now),
            "REVISION  AGE  AUTHOR  OBJECTS  MESSAGE\n\
             2 *       60s  ada@n1  3        more\n\
             1         60s  ada@n1  3        more\n"
        );
    }
}
