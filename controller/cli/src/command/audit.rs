//! `weftctl audit`: who changed what, and when.

use clap::Args;
use weft_proto::v1;

use crate::console::{self, safe};
use crate::failure::Outcome;
use crate::moment;
use crate::server::call::{self, Server};
use crate::table::Columns;

/// Options of `audit`.
#[derive(Debug, Args)]
pub struct Audit {
    /// How many at most
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: u32,
    /// Only actions that begin so: apply, rollout., lock, cluster.
    #[arg(
        long,
        value_name = "PREFIX",
        default_value = "",
        hide_default_value = true
    )]
    action: String,
    /// Only what this person did, or node/NAME, or controller
    #[arg(
        long,
        value_name = "WHO",
        default_value = "",
        hide_default_value = true
    )]
    author: String,
}

/// Shows who changed what, newest first.
///
/// # Errors
/// When the controller is not there.
pub async fn run(server: &Server, options: &Audit) -> Outcome {
    let request = v1::AuditRequest {
        limit: options.limit,
        action: options.action.clone(),
        author: options.author.clone(),
    };
    let ask = |channel| {
        let request = request.clone();
        async move { call::cluster(channel).audit(request).await }
    };
    console::print(&table(&server.call(ask).await?.records))
}

fn table(records: &[v1::AuditRecord]) -> String {
    let mut columns = Columns::new(&["WHEN", "WHO", "ACTION", "DETAIL"]);
    for it in records {
        let [author, action, detail] = [&it.author, &it.action, &it.detail].map(|it| safe(it));
        columns.row([moment::rfc3339(it.at), author, action, detail]);
    }
    columns.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_when_who_what_and_on_what() {
        let record = v1::AuditRecord {
            at: 1_700_000_000_000,
            author: "bob@n1".to_owned(),
            action: "rollout.confirm".to_owned(),
            detail: "rollout 4 to revision 3".to_owned(),
        };
        assert_eq!(
            table(&[record]),
            "WHEN                  WHO     ACTION           DETAIL\n\
             2023-11-14T22:13:20Z  bob@n1  rollout.confirm  rollout 4 to revision 3\n"
        );
    }
}
