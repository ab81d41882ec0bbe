//! Why a request is not carried out, in words that say what to do.

use std::time::{Duration, SystemTime};

use weft_model::name::NodeName;
use weft_model::note::{Note, Severity};
use weft_model::object::ObjectKey;
use weft_model::revision::{RevisionId, RolloutId, Timestamp, Version};
use weft_proto::convert::fields::Invalid;

/// One field of a request, or of an object in it, that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field: `vnet/web/spec.tag` in an object, `put[3].spec` in a request.
    pub field: String,
    /// What is wrong, and what would be right.
    pub description: String,
}

/// Why a request is not carried out. Nothing has changed when one is returned, unless it says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Only the leader does this.
    #[error("this controller does not lead; {}", leader_is(leader.as_deref()))]
    NotLeading {
        /// The leader, where it is known.
        leader: Option<String>,
    },
    /// The result would not be valid, or the request cannot be read.
    #[error("{}", violations_are(.0))]
    Invalid(Vec<Violation>),
    /// Somebody else changed the object first.
    #[error("{key} is at version {present}, not {expected}: read it again and repeat the change")]
    Stale {
        /// The object.
        key: ObjectKey,
        /// The version that was demanded.
        expected: Version,
        /// The version that it has; zero when it is not there.
        present: Version,
    },
    /// There is no such thing.
    #[error("there is no {what}")]
    Missing {
        /// What was asked for.
        what: String,
    },
    /// One rollout at a time.
    #[error(
        "rollout {rollout} to revision {to} by {} is not finished ({seconds} s now): wait for it, \
         or abort it",
        named(author)
    )]
    Busy {
        /// The one that is active.
        rollout: RolloutId,
        /// Where it goes.
        to: RevisionId,
        /// Whose it is.
        author: String,
        /// For how many seconds.
        seconds: u64,
    },
    /// Another person has locked the draft and rollouts.
    #[error(
        "{} has locked the draft and rollouts since {}, until {}: {reason}; wait, or take the \
         lock over with force",
        named(owner), moment(*since), moment(*until)
    )]
    Locked {
        /// Who.
        owner: String,
        /// Why.
        reason: String,
        /// Since when.
        since: Timestamp,
        /// Until when.
        until: Timestamp,
    },
    /// The store went back in time.
    #[error(
        "the store was restored from a backup: {0}. Nothing is changed and no node is told \
         anything until that is settled: put the newer store back and restart the controllers, or \
         accept what this one has with weftctl cluster accept-restore"
    )]
    Quarantined(String),
    /// Nodes that would take part are not there.
    #[error(
        "the change concerns nodes that are offline: {}; bring them back, or leave them out with \
         skip-offline: they catch up when they return", list(.0)
    )]
    Offline(Vec<NodeName>),
    /// The rollout is past the point where this could be done, or not yet there.
    #[error("{0}")]
    NotNow(String),
    /// Somebody else was first, or the leader changed on the way; the same request may work now.
    #[error("{0}")]
    Again(String),
    /// The store does not answer at the moment.
    #[error("{0}")]
    Unanswered(String),
    /// The store answers something that it must not.
    #[error("the store: {0}")]
    Store(String),
}

impl Refusal {
    /// The refusal of a message that cannot be read; `prefix` is where it stands in the request.
    pub fn unreadable(prefix: &str, invalid: Invalid) -> Self {
        Self::Invalid(violations(prefix, invalid))
    }
}

/// What is wrong with a message, by the path of the field below `prefix`.
pub fn violations(prefix: &str, invalid: Invalid) -> Vec<Violation> {
    let place = |field: String| match prefix {
        "" => field,
        prefix => format!("{prefix}.{field}"),
    };
    let violation = |error: weft_proto::convert::fields::FieldError| Violation {
        field: place(error.field),
        description: error.problem,
    };
    invalid.0.into_iter().map(violation).collect()
}

/// What is wrong with an object, as validation found it; nothing for a warning.
pub fn violation(note: &Note) -> Option<Violation> {
    let description = match note.advice.as_str() {
        "" => note.problem.clone(),
        advice => format!("{}: {advice}", note.problem),
    };
    let violation = Violation {
        field: format!("{}/{}", note.object, note.field),
        description,
    };
    match note.severity {
        Severity::Error => Some(violation),
        Severity::Warning => None,
    }
}

fn leader_is(leader: Option<&str>) -> String {
    match leader {
        Some(leader) => format!("{leader} does"),
        None => "no controller does at the moment: try again in some seconds".to_owned(),
    }
}

/// A moment as people read it.
fn moment(at: Timestamp) -> String {
    /// The formatter knows the years up to 9999.
    const LAST: u64 = 253_402_300_799_000;
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(at.0.min(LAST));
    humantime::format_rfc3339_seconds(at).to_string()
}

/// Whoever it is, in words.
pub fn named(author: &str) -> &str {
    if author.is_empty() {
        "an unnamed user"
    } else {
        author
    }
}

fn violations_are(violations: &[Violation]) -> String {
    match violations {
        [only] => format!("{}: {}", only.field, only.description),
        [first, rest @ ..] => format!(
            "{}: {} (and {} more)",
            first.field,
            first.description,
            rest.len()
        ),
        [] => "the request is not valid".to_owned(),
    }
}

/// As many names as a line holds, and how many more there are.
pub fn list(names: &[NodeName]) -> String {
    /// More than these nobody reads in one line.
    const SHOWN: usize = 10;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(NodeName::as_str).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
