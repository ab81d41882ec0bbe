//! `weftctl rollout`: bringing the draft to every node, and deciding on the way.

use std::time::SystemTime;

use clap::{Args, Subcommand};
use weft_proto::v1;

use super::lock;
use super::rolling::{self, Manner, Waiting};
use crate::console::{self, safe};
use crate::failure::Outcome;
use crate::moment;
use crate::progress;
use crate::server::call::{self, Server};
use crate::table::Columns;

pub mod page;

/// What to do with rollouts.
#[derive(Debug, Subcommand)]
pub enum Rollout {
    /// Publish the draft and bring it to every node, or to none
    Start(Start),
    /// Show how far a rollout is: which node is where, and why
    Status(Status),
    /// Follow a rollout to its end; an error when it is aborted
    Watch(Which),
    /// Start no new wave until resumed
    Pause(Which),
    /// Go on after a pause
    Resume(Which),
    /// Keep a rollout that waits for a person
    Confirm(Which),
    /// Return all nodes to where they were
    Abort(Which),
    /// List rollouts, newest first
    History(History),
}

/// Options of `rollout start`.
#[derive(Debug, Args)]
pub struct Start {
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    manner: Manner,
}

/// Which rollout is meant.
#[derive(Debug, Args)]
pub struct Which {
    /// The rollout; left out, the newest or the active one
    #[arg(value_name = "ROLLOUT", default_value_t = 0, hide_default_value = true)]
    rollout: u64,
}

/// Options of `rollout status`.
#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    which: Which,
    /// Show every node, however many there are
    #[arg(long)]
    all: bool,
}

/// Options of `rollout history`.
#[derive(Debug, Args)]
pub struct History {
    /// How many at most
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: u32,
}

/// Does what is asked.
///
/// # Errors
/// When the controller refuses, or the rollout does not end well.
pub async fn run(server: &Server, command: &Rollout) -> Outcome {
    match command {
        Rollout::Start(start) => {
            let rollout = rolling::start(server, &start.manner, 0).await?;
            rolling::conclude(server, rollout, &start.waiting, None).await
        }
        Rollout::Status(status) => {
            let rollout = one(server, &status.which).await?;
            let mut text = page::text(&rollout, status.all, SystemTime::now());
            let state = lock::get(server).await?;
            if state.held {
                text = format!("{text}\n{}\n", lock::line(&state));
            }
            console::print(&text)
        }
        Rollout::Watch(which) => {
            let rollout = one(server, which).await?;
            rolling::follow(server, rollout, None).await
        }
        Rollout::Pause(which) => steer(server, which, Way::Pause).await,
        Rollout::Resume(which) => steer(server, which, Way::Resume).await,
        Rollout::Confirm(which) => steer(server, which, Way::Confirm).await,
        Rollout::Abort(which) => steer(server, which, Way::Abort).await,
        Rollout::History(history) => {
            let listed = list(server, history.limit).await?;
            console::print(&table(&listed, SystemTime::now()))
        }
    }
}

async fn one(server: &Server, which: &Which) -> Outcome<v1::Rollout> {
    get(server, which.rollout).await
}

/// Rollouts, newest first, without their nodes.
///
/// # Errors
/// When the controller is not there.
pub async fn list(server: &Server, limit: u32) -> Outcome<Vec<v1::Rollout>> {
    let request = v1::HistoryRequest { limit };
    let ask = |channel| async move { call::rollouts(channel).history(request).await };
    Ok(server.call(ask).await?.rollouts)
}

/// One rollout; zero is the newest.
///
/// # Errors
/// When there is no such rollout, or the controller is not there.
pub async fn get(server: &Server, rollout: u64) -> Outcome<v1::Rollout> {
    let request = v1::GetRolloutRequest { rollout };
    let ask = |channel| async move { call::rollouts(channel).get(request).await };
    server.call(ask).await
}

#[derive(Clone, Copy)]
enum Way {
    Pause,
    Resume,
    Confirm,
    Abort,
}

async fn steer(server: &Server, which: &Which, way: Way) -> Outcome {
    // By its number, so that a repeated wish is known again when the rollout is over meanwhile.
    let rollout = match which.rollout {
        0 => one(server, which).await?.rollout,
        number => number,
    };
    let request = v1::RolloutCommand {
        rollout,
        author: server.author().to_owned(),
        idempotency_key: call::fresh_key(),
    };
    let ask = |channel| {
        let request = server.request(request.clone());
        async move {
            let mut client = call::rollouts(channel);
            match way {
                Way::Pause => client.pause(request).await,
                Way::Resume => client.resume(request).await,
                Way::Confirm => client.confirm(request).await,
                Way::Abort => client.abort(request).await,
            }
        }
    };
    let rollout = server.call(ask).await?;
    console::line(&progress::headline(&rollout))
}

fn table(rollouts: &[v1::Rollout], now: SystemTime) -> String {
    let mut columns = Columns::new(&[
        "ROLLOUT", "FROM", "TO", "PHASE", "DECISION", "NODES", "AGE", "AUTHOR", "MESSAGE",
    ]);
    for it in rollouts {
        columns.row([
            it.rollout.to_string(),
            it.from.to_string(),
            it.to.to_string(),
            safe(&it.phase),
            safe(&it.decision),
            it.node_count.to_string(),
            moment::age(it.started, now),
            safe(&it.author),
            safe(&it.message),
        ]);
    }
    columns.text()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_rollout_that_was_refused_names_the_node_and_the_vnet() {
        let rollout = v1::Rollout {
            rollout: 4,
            from: 1,
            to: 2,
            phase: "Closed".to_owned(),
            decision: "abort".to_owned(),
            reason: "node n2 refused".to_owned(),
            author: "ada@n1".to_owned(),
            message: "more".to_owned(),
            started: 1_700_000_000_000,
            decided: 1_700_000_001_000,
            nodes: vec![
                v1::RolloutNode {
                    node: "n1".to_owned(),
                    state: "RolledBack".to_owned(),
                    steps: 3,
                    wave: 1,
                    detail: "is back at revision 1".to_owned(),
                    ..v1::RolloutNode::default()
                },
                v1::RolloutNode {
                    node: "n2".to_owned(),
                    state: "Refused".to_owned(),
                    faults: vec![v1::Fault {
                        origin: Some(v1::Origin {
                            zone: "blue".to_owned(),
                            vnet: "web".to_owned(),
                            ..v1::Origin::default()
                        }),
                        attempt: "cannot create device vxlan_web of type vxlan".to_owned(),
                        cause: "the kernel has no such type".to_owned(),
                        advice: "load the module vxlan".to_owned(),
                    }],
                    wave: 1,
                    ..v1::RolloutNode::default()
                },
            ],
            node_count: 2,
            deferred: vec!["n3".to_owned()],
            ..v1::Rollout::default()
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_060);
        let text = page::text(&rollout, false, now) + &table(&[rollout], now);
        insta::assert_snapshot!(text);
    }
}
