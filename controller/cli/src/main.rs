//! `weftctl`: says to a controller what a cluster's network should be, and shows what it is.
//!
//! Modules are listed bottom-up; a module uses only those above its own.

mod failure;

mod console;
mod moment;
mod table;

mod manifest;

mod explain;

mod interfaces;
mod offline;
mod pve;
mod situation;

mod context;
mod progress;
mod server;

mod command;

mod options;

use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use failure::{Failure, Outcome};
use options::{Command, Options};
use server::call::Server;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(options: &Options) -> Outcome {
    match &options.command {
        Command::Explain(explain) => command::explain::run(explain),
        Command::Import(import) => command::import::run(import),
        Command::Plan(plan) => command::plan::run(plan),
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Options::command(), "weftctl", &mut script);
            console::print(&String::from_utf8_lossy(&script))
        }
        Command::Man { folder } => write_manual(folder),
        online => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
            runtime.block_on(ask(options, online))
        }
    }
}

/// Does what needs a controller.
async fn ask(options: &Options, wanted: &Command) -> Outcome {
    let server = Server::new(context::servers(options.server.as_deref())?)?;
    match wanted {
        Command::Apply(apply) => command::apply::run(&server, apply).await,
        Command::Get(get) => command::get::run(&server, get).await,
        Command::Describe(describe) => command::describe::run(&server, describe).await,
        Command::Delete(delete) => command::delete::run(&server, delete).await,
        Command::Diff(diff) => command::diff::run(&server, diff).await,
        Command::Discard => command::discard::run(&server).await,
        Command::Rollout(rollout) => command::rollout::run(&server, rollout).await,
        Command::Rollback(rollback) => command::revisions::rollback(&server, rollback).await,
        Command::History(history) => command::history::run(&server, history).await,
        Command::Revisions(revisions) => command::revisions::run(&server, revisions).await,
        Command::Status => command::status::run(&server).await,
        Command::Audit(audit) => command::audit::run(&server, audit).await,
        Command::Cluster(cluster) => command::cluster::run(&server, cluster).await,
        Command::Lock(lock) => command::lock::run(&server, lock).await,
        Command::Unlock(unlock) => command::lock::unlock(&server, unlock).await,
        Command::Nodes(nodes) => command::nodes::run(&server, nodes).await,
        Command::Watch(watch) => command::watch::run(&server, watch).await,
        Command::Events(events) => command::events::run(&server, events).await,
        Command::Version => version(&server).await,
        Command::Explain(_)
        | Command::Import(_)
        | Command::Plan(_)
        | Command::Completion { .. }
        | Command::Man { .. } => unreachable!("these are done without a controller"),
    }
}

/// Prints our version, and those of the agents where a controller answers.
async fn version(server: &Server) -> Outcome {
    console::line(&format!("weftctl {}", env!("CARGO_PKG_VERSION")))?;
    match command::nodes::list(server).await {
        Ok(listed) => {
            let lines = listed.nodes.iter().map(|node| {
                let version = match node.version.as_str() {
                    "" => "not heard of",
                    version => version,
                };
                console::safe(&format!("agent of {} {version}\n", node.name))
            });
            console::print(&lines.collect::<String>())
        }
        Err(failure) => {
            console::note(&failure.to_string());
            Ok(())
        }
    }
}

/// Writes a manual page for weftctl and one for each of its commands.
fn write_manual(folder: &Path) -> Outcome {
    let failed = |error: std::io::Error| {
        let name = folder.display();
        Failure::failed(format!("cannot write manual pages into {name}: {error}"))
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(Options::command(), folder).map_err(failed)
}
