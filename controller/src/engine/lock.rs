//! Who may change anything at the moment: the lock for people, and the way out of quarantine.
//!
//! # Guarantees
//! Pausing and aborting a rollout is never locked: going back is open to everybody.

use std::time::Duration;

use weft_model::revision::Incarnation;

use super::clock::wall_clock;
use super::refusal::{Refusal, Violation};
use super::storage;
use super::writer::Writer;
use crate::store::lock::{Against, Claim, Lock};
use crate::store::write::{Audit, Idempotency};

/// A lock that outlives a day is one that somebody forgot.
pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A wish for the lock.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Who wants it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// For how long.
    pub span: Duration,
    /// What to do when somebody else holds it.
    pub against: Against,
    /// Same key, same result.
    pub idempotency: Option<Idempotency>,
}

impl Writer {
    /// Takes the lock, or prolongs one's own.
    ///
    /// # Errors
    /// When the wish makes no sense, or somebody else holds the lock.
    pub async fn lock(&self, wanted: Wanted) -> Result<Lock, Refusal> {
        let refuse = |field: &str, description: String| {
            Err(Refusal::Invalid(vec![Violation {
                field: field.to_owned(),
                description,
            }]))
        };
        if wanted.owner.is_empty() {
            return refuse("author", "say who locks: a lock has an owner".to_owned());
        }
        if wanted.reason.is_empty() {
            let why = "say why, for those who are refused meanwhile";
            return refuse("reason", why.to_owned());
        }
        if wanted.span.is_zero() || wanted.span > LONGEST {
            let most = LONGEST.as_secs();
            return refuse("seconds", format!("use 1 to {most} seconds"));
        }
        let claim = Claim {
            owner: wanted.owner,
            reason: wanted.reason,
            span: wanted.span,
            against: wanted.against,
            at: wall_clock(),
            idempotency: wanted.idempotency,
        };
        let taken = self.store.take_lock(&self.fence, claim).await;
        taken.map_err(|error| storage::refusal(&error))
    }

    /// Gives the lock back, or breaks somebody else's.
    ///
    /// # Errors
    /// When nobody holds it, or somebody else does and may keep it.
    pub async fn unlock(
        &self,
        author: &str,
        against: Against,
        idempotency: Option<Idempotency>,
    ) -> Result<(), Refusal> {
        let key = idempotency.as_ref();
        let released = self
            .store
            .release_lock(&self.fence, author, against, wall_clock(), key)
            .await;
        released.map_err(|error| storage::refusal(&error))
    }

    /// Takes a store that went back in time for the truth again.
    ///
    /// # Errors
    /// When nothing is wrong with the store, or it does not answer.
    pub async fn accept_restore(
        &self,
        author: &str,
        reason: &str,
        beyond: Incarnation,
    ) -> Result<Incarnation, Refusal> {
        let audit = Audit {
            at: wall_clock(),
            author: author.to_owned(),
            action: "cluster.accept-restore".to_owned(),
            detail: reason.to_owned(),
        };
        let accepted = self.store.accept_restore(&self.fence, beyond, audit).await;
        accepted.map_err(|error| storage::refusal(&error))
    }

    /// Whether a person may change something now.
    ///
    /// # Errors
    /// When somebody else holds the lock.
    pub async fn heed_lock(&self, author: &str) -> Result<(), Refusal> {
        let heeded = self.store.heed_lock(author).await;
        heeded.map_err(|error| storage::refusal(&error))
    }
}
