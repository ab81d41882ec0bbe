//! Refusals as `google.rpc.Status`: a code that programs act on, details that name every field.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::engine::feed::TooOld;
use crate::engine::refusal::Refusal;

/// What this system calls itself in the details of its errors.
const DOMAIN: &str = "weft";

/// The status that says why a request is not carried out.
pub fn status(refusal: Refusal) -> Status {
    let message = refusal.to_string();
    match refusal {
        Refusal::NotLeading { leader } => {
            let leader = leader.map(|leader| ("leader".to_owned(), leader));
            let facts: HashMap<_, _> = leader.into_iter().collect();
            let mut details = ErrorDetails::with_error_info("NOT_LEADING", DOMAIN, facts);
            details.set_retry_info(Some(AGAIN));
            Status::with_error_details(Code::Unavailable, message, details)
        }
        Refusal::Invalid(violations) => {
            let violations = violations
                .into_iter()
                .map(|violation| FieldViolation::new(violation.field, violation.description))
                .collect::<Vec<_>>();
            let details = ErrorDetails::with_bad_request(violations);
            Status::with_error_details(Code::InvalidArgument, message, details)
        }
        Refusal::Stale { key, present, .. } => {
            let facts = HashMap::from([
                ("object".to_owned(), key.to_string()),
                ("version".to_owned(), present.to_string()),
            ]);
            let details = ErrorDetails::with_error_info("STALE_VERSION", DOMAIN, facts);
            Status::with_error_details(Code::Aborted, message, details)
        }
        Refusal::Missing { .. } => Status::not_found(message),
        Refusal::Busy {
            rollout, author, ..
        } => {
            let facts = HashMap::from([
                ("rollout".to_owned(), rollout.to_string()),
                ("author".to_owned(), author),
            ]);
            let details = ErrorDetails::with_error_info("ROLLOUT_ACTIVE", DOMAIN, facts);
            Status::with_error_details(Code::FailedPrecondition, message, details)
        }
        Refusal::Locked {
            owner,
            reason,
            since,
            until,
        } => {
            let facts = HashMap::from([
                ("owner".to_owned(), owner),
                ("reason".to_owned(), reason),
                ("since".to_owned(), since.to_string()),
                ("until".to_owned(), until.to_string()),
            ]);
            let details = ErrorDetails::with_error_info("LOCKED", DOMAIN, facts);
            Status::with_error_details(Code::FailedPrecondition, message, details)
        }
        Refusal::Quarantined(_) => {
            let details = ErrorDetails::with_error_info("STORE_RESTORED", DOMAIN, HashMap::new());
            Status::with_error_details(Code::FailedPrecondition, message, details)
        }
        Refusal::Offline(nodes) => {
            let mut details = ErrorDetails::new();
            for node in nodes {
                details.add_precondition_failure_violation(
                    "OFFLINE",
                    format!("node/{node}"),
                    "its agent is not connected",
                );
            }
            Status::with_error_details(Code::FailedPrecondition, message, details)
        }
        Refusal::NotNow(_) => Status::failed_precondition(message),
        Refusal::Again(_) => Status::aborted(message),
        Refusal::Unanswered(_) => unavailable("STORE_UNAVAILABLE", message),
        Refusal::Store(_) => Status::unavailable(message),
    }
}

/// When a client should try again while the store does not answer: an election of etcd's takes
/// about two seconds.
const AGAIN: Duration = Duration::from_secs(1);

fn unavailable(reason: &str, message: String) -> Status {
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new());
    details.set_retry_info(Some(AGAIN));
    Status::with_error_details(Code::Unavailable, message, details)
}

/// The status of a request that waits for a store that does not answer.
pub fn silent(silence: Duration) -> Status {
    let message = format!(
        "etcd has not answered for {} s; the request may still be carried out when it does: look at \
         etcd, and try again with the same idempotency key. Nodes keep what they have",
        silence.as_secs_f32().round()
    );
    unavailable("STORE_UNAVAILABLE", message)
}

/// The status that says that a watch cannot start at its version.
pub fn too_old(error: TooOld) -> Status {
    Status::out_of_range(format!("{error}: list again, and watch from there"))
}

/// The status that ends a watch that cannot keep up.
pub fn too_slow(error: TooOld) -> Status {
    Status::resource_exhausted(format!(
        "the watcher reads more slowly than changes come: {error}: list again, and watch from there"
    ))
}
