//! What the store's errors mean to whoever asked for something.

use super::refusal::Refusal;
use crate::log::Chain;
use crate::store::error::{Conflict, StoreError};

/// The refusal that an error of the store leads to.
pub fn refusal(error: &StoreError) -> Refusal {
    match error {
        StoreError::Conflict { conflict, .. } => match conflict {
            Conflict::Version {
                key,
                expected,
                found,
            } => Refusal::Stale {
                key: key.clone(),
                expected: *expected,
                present: *found,
            },
            Conflict::NoObject { key } => Refusal::Missing {
                what: key.to_string(),
            },
            Conflict::Locked {
                owner,
                reason,
                since,
                until,
            } => Refusal::Locked {
                owner: owner.clone(),
                reason: reason.clone(),
                since: *since,
                until: *until,
            },
            Conflict::Quarantined(why) => Refusal::Quarantined(why.clone()),
            Conflict::Active(_)
            | Conflict::Decided(_)
            | Conflict::Unlocked
            | Conflict::NotQuarantined => Refusal::NotNow(conflict.to_string()),
            Conflict::Twice { .. }
            | Conflict::Draft { .. }
            | Conflict::Head { .. }
            | Conflict::Rollout(_)
            | Conflict::Exists(_)
            | Conflict::Contention => Refusal::Again(format!("{conflict}: try again")),
        },
        StoreError::Deposed { .. } | StoreError::LeaseLost { .. } => {
            Refusal::NotLeading { leader: None }
        }
        StoreError::Missing { what, .. } => Refusal::Missing { what: what.clone() },
        StoreError::Unavailable { .. }
        | StoreError::Unknown { .. }
        | StoreError::NoSpace { .. } => Refusal::Unanswered(Chain(error).to_string()),
        StoreError::Compacted { .. }
        | StoreError::Gap { .. }
        | StoreError::Denied { .. }
        | StoreError::TooLarge { .. }
        | StoreError::Corrupt { .. }
        | StoreError::Options { .. }
        | StoreError::Refused { .. } => Refusal::Store(Chain(error).to_string()),
    }
}
