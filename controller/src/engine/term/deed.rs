//! What the audit says of each change of a rollout's record: who did what.

use weft_core::rollout::record::{Deed, Phase, Reason, Record, Transaction};

use super::steer::Wanted;
use crate::engine::secretary::AuditEntry;

/// Who writes when no person does.
const LEADER: &str = "controller";

/// The audit's words for a write that makes `before` another record; `wisher` is the person who
/// waits for it.
pub(super) fn entry(
    before: &Record,
    transaction: &Transaction,
    wisher: Option<&Wanted>,
) -> AuditEntry {
    let record = &transaction.record;
    let action = action(before, record, transaction.deed);
    let author = match (&record.phase, action) {
        (Phase::Aborted(Reason::User { author }), _) => author.clone(),
        (_, "rollout.close" | "rollout.wait" | "rollout.apply") => LEADER.to_owned(),
        (_, _) => wisher.map_or_else(|| LEADER.to_owned(), |wisher| wisher.author.clone()),
    };
    let mut detail = format!("rollout {} to revision {}", record.id, record.to);
    match (&record.phase, &record.consent.given) {
        (Phase::Aborted(reason), _) => detail += &format!(": {reason}"),
        (Phase::Committed, Some(given)) => detail += &format!(", confirmed by {}", given.author),
        (_, _) => {}
    }
    AuditEntry {
        author,
        action,
        detail,
        key: wisher.and_then(|wisher| wisher.key.clone()),
    }
}

fn action(before: &Record, after: &Record, deed: Deed) -> &'static str {
    match (deed, &before.phase, &after.phase) {
        (Deed::MoveHead, _, _) => "rollout.commit",
        (Deed::Release, _, _) => "rollout.close",
        (Deed::Turn, _, Phase::Aborted(_)) => "rollout.abort",
        (Deed::Turn, Phase::Applying { paused: false }, Phase::Applying { paused: true }) => {
            "rollout.pause"
        }
        (Deed::Turn, Phase::Applying { paused: true }, Phase::Applying { paused: false }) => {
            "rollout.resume"
        }
        (Deed::Turn, Phase::Applying { .. }, Phase::Applying { .. })
            if before.consent.given != after.consent.given =>
        {
            "rollout.confirm"
        }
        (Deed::Turn, Phase::Applying { .. }, Phase::Applying { .. }) => "rollout.wait",
        (Deed::Turn, _, _) => "rollout.apply",
    }
}
