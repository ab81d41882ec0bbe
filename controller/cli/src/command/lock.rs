//! `weftctl lock` and `weftctl unlock`: keeping all other people from changing anything, for a time.

use std::time::Duration;

use clap::{Args, Subcommand};
use weft_proto::v1;

use crate::console::{self, safe};
use crate::failure::Outcome;
use crate::moment;
use crate::server::call::{self, Server};

/// Options of `lock`.
///
/// While you hold the lock, edits of the draft, rollouts, rollbacks, and the confirming and
/// resuming of rollouts by others are refused with your name, the reason and the time. Pausing and
/// aborting a rollout stay open to everybody. The lock ends by itself.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Lock {
    #[command(subcommand)]
    show: Option<Show>,
    /// Why, for those who are refused meanwhile
    #[arg(long, value_name = "TEXT", required = true)]
    reason: Option<String>,
    /// For how long, a day at most; take it again to prolong it
    #[arg(long = "for", value_name = "TIME", default_value = "30m", value_parser = moment::duration)]
    span: Duration,
    /// Take it over from whoever holds it; the audit log names both
    #[arg(long)]
    force: bool,
}

/// What else `lock` can do.
#[derive(Debug, Subcommand)]
pub enum Show {
    /// Show who holds the lock, why and how long
    Show,
}

/// Options of `unlock`.
#[derive(Debug, Args)]
pub struct Unlock {
    /// Break it, whoever holds it; the audit log names both
    #[arg(long)]
    force: bool,
}

/// Takes the lock, or shows it.
///
/// # Errors
/// When somebody else holds it, or the controller is not there.
pub async fn run(server: &Server, options: &Lock) -> Outcome {
    let state = match (&options.show, &options.reason) {
        (None, Some(reason)) => take(server, options, reason).await?,
        (Some(Show::Show), _) | (None, None) => get(server).await?,
    };
    console::line(&line(&state))
}

async fn take(server: &Server, options: &Lock, reason: &str) -> Outcome<v1::LockState> {
    let request = v1::LockRequest {
        author: server.author().to_owned(),
        reason: reason.to_owned(),
        seconds: u32::try_from(options.span.as_secs()).unwrap_or(u32::MAX),
        force: options.force,
        idempotency_key: call::fresh_key(),
    };
    let ask = |channel| {
        let request = server.request(request.clone());
        async move { call::cluster(channel).lock(request).await }
    };
    server.call(ask).await
}

/// Gives the lock back, or breaks it.
///
/// # Errors
/// When nobody holds it or somebody else does, or the controller is not there.
pub async fn unlock(server: &Server, options: &Unlock) -> Outcome {
    let request = v1::UnlockRequest {
        author: server.author().to_owned(),
        force: options.force,
        idempotency_key: call::fresh_key(),
    };
    let ask = |channel| {
        let request = server.request(request.clone());
        async move { call::cluster(channel).unlock(request).await }
    };
    let state = server.call(ask).await?;
    console::line(&line(&state))
}

/// Who holds the lock.
///
/// # Errors
/// When the controller is not there.
pub async fn get(server: &Server) -> Outcome<v1::LockState> {
    let ask = |channel| async move {
        let request = v1::GetLockRequest {};
        call::cluster(channel).get_lock(request).await
    };
    server.call(ask).await
}

/// The lock in a line.
pub fn line(state: &v1::LockState) -> String {
    if !state.held {
        return "nobody holds the lock".to_owned();
    }
    let left = Duration::from_secs(state.remaining_seconds.into());
    format!(
        "locked by {} since {}, for {} more: {}",
        safe(&state.owner),
        moment::rfc3339(state.since),
        humantime::format_duration(left),
        safe(&state.reason)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_told_in_a_line() {
        let state = v1::LockState {
            held: true,
            owner: "ada@n1".to_owned(),
            reason: "moving racks".to_owned(),
            since: 1_700_000_000_000,
            until: 1_700_001_800_000,
            remaining_seconds: 90,
        };
        assert_eq!(
            line(&state),
            "locked by ada@n1 since 2023-11-14T22:13:20Z, for 1m 30s more: moving racks"
        );
        assert_eq!(line(&v1::LockState::default()), "nobody holds the lock");
    }
}
