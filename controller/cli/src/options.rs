//! The command line as a whole.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::command::apply::Apply;
use crate::command::audit::Audit;
use crate::command::cluster::Cluster;
use crate::command::delete::Delete;
use crate::command::describe::Describe;
use crate::command::diff::Diff;
use crate::command::events::Events;
use crate::command::explain::Explain;
use crate::command::get::Get;
use crate::command::history::History;
use crate::command::import::Import;
use crate::command::lock::{Lock, Unlock};
use crate::command::nodes::Nodes;
use crate::command::plan::Plan;
use crate::command::revisions::{Revisions, Rollback};
use crate::command::rollout::Rollout;
use crate::command::watch::Watch;

/// What is told below the list of options.
const AFTER: &str = "\
First steps:
  weftctl explain vnet            what can be declared
  weftctl apply -f net.yaml       put it into the draft
  weftctl diff                    what would change, on which node
  weftctl rollout start --wait    everywhere, or nowhere

Without --server and WEFT_SERVER, the line `server: URL` of ~/.config/weft/context.yaml (or of the
file that WEFT_CONTEXT names) says where the controller is, else it is http://127.0.0.1:7443.

Exit codes: 0 done; 1 failed; 2 refused, nothing was stored; 3 there are differences
(diff --exit-code).";

/// Declares the network of a cluster of hypervisors, and shows what is.
///
/// What is applied goes into a draft. A rollout publishes the draft as a revision and brings it to
/// every node, or to none.
#[derive(Debug, Parser)]
#[command(name = "weftctl", version, after_help = AFTER, max_term_width = 100, disable_help_subcommand = true)]
pub struct Options {
    /// Where the controller is; several with commas between them
    #[arg(long, value_name = "URL", env = "WEFT_SERVER", global = true)]
    pub server: Option<String>,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What weftctl can be told to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Put objects from manifests into the draft, all or none
    Apply(Apply),
    /// Show objects
    Get(Get),
    /// Show everything about one object: spec, conditions, nodes, events
    Describe(Describe),
    /// Delete objects from the draft, all or none
    Delete(Delete),
    /// Show what the draft would change: objects, then what each node would do
    Diff(Diff),
    /// Give up the draft: make it the confirmed revision again
    Discard,
    /// Bring the draft to every node
    #[command(subcommand)]
    Rollout(Rollout),
    /// Roll the objects of an old revision out again
    Rollback(Rollback),
    /// Show what was rolled out: who, why, when, how it ended, and what became of each node
    History(History),
    /// List revisions, or show one
    Revisions(Revisions),
    /// Show in a few lines how the cluster stands: leader, draft, rollout, nodes, lock
    Status,
    /// Keep all other people from changing the draft and from rollouts, for a time
    Lock(Lock),
    /// Give the lock back
    Unlock(Unlock),
    /// Show the nodes as they are now
    Nodes(Nodes),
    /// Show every change of objects as it happens
    Watch(Watch),
    /// Show what happened on nodes
    Events(Events),
    /// Show who changed what: edits, rollouts, locks, restores
    Audit(Audit),
    /// Act on the cluster as a whole
    #[command(subcommand)]
    Cluster(Cluster),
    /// Tell what kinds and fields mean
    Explain(Explain),
    /// Write another system's network as manifests
    Import(Import),
    /// Show what a node must be, from files and without a controller
    Plan(Plan),
    /// Print a script that completes commands in a shell
    Completion {
        /// The shell
        shell: Shell,
    },
    /// Write the manual pages
    #[command(hide = true)]
    Man {
        /// The folder to write them into
        folder: PathBuf,
    },
    /// Print the versions of weftctl and of the controller's nodes
    Version,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn a_plan_is_from_the_peer_or_from_manifests_with_facts() {
        let reads = |words: &str| {
            let words = words.split(' ');
            Options::try_parse_from(["weftctl", "plan"].into_iter().chain(words)).is_ok()
        };
        assert!(reads("--from-pve dir --node n1 -o json"));
        assert!(reads("-f a.yaml --facts facts.yaml --node n1"));
        assert!(!reads("--node n1"));
        assert!(!reads("-f a.yaml --node n1"));
        assert!(!reads("--from-pve dir -f a.yaml --facts b --node n1"));
    }

    #[test]
    fn every_command_and_option_says_what_it_does() {
        fn check(command: &clap::Command) {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "{name}");
            for option in command.get_arguments() {
                assert!(option.get_help().is_some(), "{name} {}", option.get_id());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Options::command());
    }
}
