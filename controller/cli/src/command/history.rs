//! `weftctl history`: what was rolled out, how it ended, and what became of each node.

use std::time::SystemTime;

use clap::{Args, Subcommand};
use weft_proto::v1;

use super::rollout;
use crate::console::{self, safe};
use crate::failure::Outcome;
use crate::moment;
use crate::server::call::Server;
use crate::table::Columns;

/// Options of `history`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct History {
    #[command(subcommand)]
    show: Option<Show>,
    /// How many at most
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: u32,
}

/// What else `history` can do.
#[derive(Debug, Subcommand)]
pub enum Show {
    /// Show one rollout with the end of each of its nodes
    Show {
        /// The rollout; left out, the newest
        #[arg(value_name = "ROLLOUT", default_value_t = 0, hide_default_value = true)]
        rollout: u64,
    },
}

/// Shows the history.
///
/// # Errors
/// When there is no such rollout, or the controller is not there.
pub async fn run(server: &Server, options: &History) -> Outcome {
    let now = SystemTime::now();
    if let Some(Show::Show { rollout }) = options.show {
        let rollout = rollout::get(server, rollout).await?;
        return console::print(&rollout::page::text(&rollout, false, now));
    }
    let listed = rollout::list(server, options.limit).await?;
    console::print(&table(&listed))
}

fn table(rollouts: &[v1::Rollout]) -> String {
    let mut columns = Columns::new(&[
        "ROLLOUT", "REVISION", "STARTED", "NODES", "AUTHOR", "OUTCOME", "MESSAGE",
    ]);
    for it in rollouts {
        let outcome = match (it.phase.as_str(), it.decision.as_str()) {
            ("Closed", _) => safe(&it.reason),
            (phase, _) => safe(phase),
        };
        columns.row([
            it.rollout.to_string(),
            format!("{} -> {}", it.from, it.to),
            moment::rfc3339(it.started),
            it.node_count.to_string(),
            safe(&it.author),
            outcome,
            safe(&it.message),
        ]);
    }
    columns.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_who_why_when_and_how_it_ended() {
        let rollout = v1::Rollout {
            rollout: 4,
            from: 2,
            to: 3,
            phase: "Closed".to_owned(),
            decision: "abort".to_owned(),
            reason: "aborted by bob@n1".to_owned(),
            author: "ada@n1".to_owned(),
            message: "more".to_owned(),
            started: 1_700_000_000_000,
            node_count: 12,
            ..v1::Rollout::default()
        };
        assert_eq!(
            table(&[rollout]),
            "ROLLOUT  REVISION  STARTED               NODES  AUTHOR  OUTCOME            MESSAGE\n\
             4        2 -> 3    2023-11-14T22:13:20Z  12     ada@n1  aborted by bob@n1  more\n"
        );
    }
}
