//! What can go wrong between the controller and its store, mapped once from etcd's own errors.
//!
//! # Guarantees
//! Whether trying again can help is answered here and nowhere else ([`StoreError::retry`]).

use std::error::Error;

use weft_model::object::ObjectKey;
use weft_model::revision::{RevisionId, RolloutId, Timestamp, Version};

/// The cause of a store error, as the layer below gave it.
pub type Source = Box<dyn Error + Send + Sync>;

/// A read or write of the store that did not happen, or that may not have.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// etcd cannot be reached, has no leader, or does not answer in time; nothing was written.
    #[error("cannot {attempt}: the store does not answer: look at etcd, then try again")]
    Unavailable {
        /// What was attempted.
        attempt: &'static str,
        /// Why.
        source: Source,
    },
    /// A write was sent, its answer never came, and reading it back did not settle it either.
    #[error(
        "cannot {attempt}: the store did not say whether it happened: read it back before going on"
    )]
    Unknown {
        /// What was attempted.
        attempt: &'static str,
        /// Why.
        source: Source,
    },
    /// etcd's database is full.
    #[error(
        "cannot {attempt}: etcd has no space left (NOSPACE): make room with etcdctl defrag, or \
         raise its --quota-backend-bytes, then end the alarm with etcdctl alarm disarm and try again"
    )]
    NoSpace {
        /// What was attempted.
        attempt: &'static str,
        /// Why.
        source: Source,
    },
    /// The version is older than what the store still remembers, or newer than all it knows.
    #[error("cannot {attempt}: the version asked for is not in the store any more: list again")]
    Compacted {
        /// What was attempted.
        attempt: &'static str,
    },
    /// A watch missed something.
    #[error("cannot {attempt}: a change of {key} is missing: list again")]
    Gap {
        /// What was attempted.
        attempt: &'static str,
        /// The key whose history has a hole.
        key: String,
    },
    /// What the write depended on is not as it expected.
    #[error("cannot {attempt}: {conflict}")]
    Conflict {
        /// What was attempted.
        attempt: &'static str,
        /// What was otherwise.
        conflict: Conflict,
    },
    /// Another controller leads now; nothing was written.
    #[error("cannot {attempt}: this controller does not lead any more")]
    Deposed {
        /// What was attempted.
        attempt: &'static str,
    },
    /// etcd refused the credentials.
    #[error("cannot {attempt}: etcd refused this controller: check user, password and certificate")]
    Denied {
        /// What was attempted.
        attempt: &'static str,
        /// Why.
        source: Source,
    },
    /// A lease ran out, and what hung on it is gone.
    #[error("cannot {attempt}: the lease is gone")]
    LeaseLost {
        /// What was attempted.
        attempt: &'static str,
    },
    /// A value is larger than etcd takes.
    #[error("cannot {attempt}: it is larger than etcd accepts in one request")]
    TooLarge {
        /// What was attempted.
        attempt: &'static str,
    },
    /// Something named does not exist.
    #[error("cannot {attempt}: {what} does not exist")]
    Missing {
        /// What was attempted.
        attempt: &'static str,
        /// What does not exist.
        what: String,
    },
    /// A value that this version cannot read.
    #[error("cannot {attempt}: the value of {key} is not what this version of Weft writes")]
    Corrupt {
        /// What was attempted.
        attempt: &'static str,
        /// The key of the value.
        key: String,
        /// Why it cannot be read.
        source: Source,
    },
    /// The options do not make sense to the client.
    #[error("cannot {attempt}: the options for etcd are not right")]
    Options {
        /// What was attempted.
        attempt: &'static str,
        /// Why.
        source: Source,
    },
    /// etcd refused for a reason that no version of it should have.
    #[error("cannot {attempt}: etcd refused")]
    Refused {
        /// What was attempted.
        attempt: &'static str,
        /// Why.
        source: Source,
    },
}

/// What a write expected and did not find.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// An object has another version than the write demands.
    #[error(
        "{key} was changed by someone else: it is at version {found}, not {expected}: \
         read it again and repeat your change"
    )]
    Version {
        /// The object.
        key: ObjectKey,
        /// The version that was demanded.
        expected: Version,
        /// The version that it has.
        found: Version,
    },
    /// An object that the write needs does not exist.
    #[error("{key} does not exist")]
    NoObject {
        /// The object.
        key: ObjectKey,
    },
    /// One batch names an object twice.
    #[error("{key} is in the batch twice")]
    Twice {
        /// The object.
        key: ObjectKey,
    },
    /// The draft changed since it was looked at.
    #[error("the draft changed meanwhile: it is at version {found}, not {expected}")]
    Draft {
        /// The version that was looked at.
        expected: Version,
        /// The version of its last change.
        found: Version,
    },
    /// Another person has locked the draft and rollouts.
    #[error("{owner} has locked the draft and rollouts: {reason}")]
    Locked {
        /// Who.
        owner: String,
        /// Why.
        reason: String,
        /// Since when.
        since: Timestamp,
        /// Until when, by the clock of the controller that took it.
        until: Timestamp,
    },
    /// The store went back in time.
    #[error("the store was restored from a backup: {0}")]
    Quarantined(String),
    /// Nothing is wrong with the store.
    #[error("the store was not restored from a backup: there is nothing to accept")]
    NotQuarantined,
    /// There is no lock to give back.
    #[error("nobody holds the lock")]
    Unlocked,
    /// Another rollout is active.
    #[error("rollout {0} is active: wait for it, or abort it")]
    Active(RolloutId),
    /// The confirmed revision is another one.
    #[error("the confirmed revision is {found}, not {expected}")]
    Head {
        /// The revision that was expected.
        expected: RevisionId,
        /// The confirmed revision.
        found: RevisionId,
    },
    /// The record of a rollout changed since it was read.
    #[error("the record of rollout {0} was changed meanwhile")]
    Rollout(RolloutId),
    /// The rollout is decided already.
    #[error("rollout {0} is decided already")]
    Decided(RolloutId),
    /// The number of a new revision or rollout was taken by someone else.
    #[error("{0} exists already")]
    Exists(String),
    /// Too many others wrote at the same time.
    #[error("others wrote at the same time, again and again")]
    Contention,
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same call may succeed later.
    Later,
    /// List again, then go on.
    AfterList,
    /// Only after reading back what happened.
    AfterReading,
    /// Not without a change by a person or by the caller.
    Never,
}

impl StoreError {
    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Unavailable { .. } | Self::NoSpace { .. } => Retry::Later,
            Self::Compacted { .. } | Self::Gap { .. } => Retry::AfterList,
            Self::Unknown { .. } | Self::Conflict { .. } => Retry::AfterReading,
            Self::Deposed { .. }
            | Self::Denied { .. }
            | Self::LeaseLost { .. }
            | Self::TooLarge { .. }
            | Self::Missing { .. }
            | Self::Corrupt { .. }
            | Self::Options { .. }
            | Self::Refused { .. } => Retry::Never,
        }
    }

    /// Whether a watch that fails so must list again before it goes on.
    pub fn must_relist(&self) -> bool {
        self.retry() == Retry::AfterList
    }

    /// The conflict, where the error is one.
    pub fn conflict(&self) -> Option<&Conflict> {
        match self {
            Self::Conflict { conflict, .. } => Some(conflict),
            _ => None,
        }
    }
}
