//! The records of rollouts, and the one transaction that decides each.
//!
//! # Guarantees
//! At most one rollout is active. A rollout is decided once. The confirmed revision changes only
//! together with a decision to commit.

use serde::Serialize;
use serde::de::DeserializeOwned;
use weft_model::revision::{RevisionId, RolloutId, Version};

use super::Store;
use super::error::StoreError;
use super::write::{Audit, Fence, Idempotency};

/// The record of a rollout, whatever its type, with the version that the next write must name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded<T> {
    /// Its number.
    pub rollout: RolloutId,
    /// The record.
    pub record: T,
    /// The version of the record.
    pub version: Version,
}

/// A new rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creation<'a, T> {
    /// Its number, from [`Store::next_rollout`].
    pub rollout: RolloutId,
    /// Its record.
    pub record: &'a T,
    /// The revision that must be the confirmed one.
    pub from: RevisionId,
    /// The revision to go to, which must exist.
    pub to: RevisionId,
    /// Who wants it.
    pub audit: Audit,
    /// Repeating the creation with the same key returns the first one's number.
    pub idempotency: Option<Idempotency>,
}

/// A write to the record of a rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update<'a, T> {
    /// The rollout.
    pub rollout: RolloutId,
    /// The version that its record must have.
    pub version: Version,
    /// The new record.
    pub record: &'a T,
    /// Who wants it.
    pub audit: Audit,
}

/// What became of a creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// The rollout is active; its record has this version.
    New(Version),
    /// The idempotency key was used before, for this rollout; nothing was written.
    Repeated(RolloutId),
}

impl Store {
    /// The number that the next rollout gets.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn next_rollout(&self) -> Result<RolloutId, StoreError> {
        unimplemented!()
    }

    /// Makes a rollout the active one.
    ///
    /// # Errors
    /// A conflict when another one is active (it names that), or `from` is not the head.
    pub async fn create_rollout<T: Serialize + Sync>(
        &self,
        fence: &Fence,
        creation: Creation<'_, T>,
    ) -> Result<Created, StoreError> {
        let _ = (fence, creation);
        unimplemented!()
    }

    /// Writes the record of a rollout; returns its new version.
    ///
    /// # Errors
    /// A conflict when the record has another version.
    pub async fn update_rollout<T: Serialize + Sync>(
        &self,
        fence: &Fence,
        update: Update<'_, T>,
    ) -> Result<Version, StoreError> {
        let _ = (fence, update);
        unimplemented!()
    }

    /// Decides for a rollout: `to` becomes the confirmed revision in place of `from`, and the
    /// record is written, in one transaction. Returns the record's new version.
    ///
    /// # Errors
    /// A conflict when the record has another version, the head is not `from`, or the rollout is
    /// decided.
    pub async fn commit_rollout<T: Serialize + Sync>(
        &self,
        fence: &Fence,
        update: Update<'_, T>,
        from: RevisionId,
        to: RevisionId,
    ) -> Result<Version, StoreError> {
        let _ = (fence, update, from, to);
        unimplemented!()
    }

    /// Decides against a rollout. Returns the record's new version.
    ///
    /// # Errors
    /// A conflict when the record has another version, or the rollout is decided.
    pub async fn abort_rollout<T: Serialize + Sync>(
        &self,
        fence: &Fence,
        update: Update<'_, T>,
    ) -> Result<Version, StoreError> {
        let _ = (fence, update);
        unimplemented!()
    }

    /// Ends a decided rollout: writes its record and makes room for the next. Returns the
    /// record's new version.
    ///
    /// # Errors
    /// A conflict when the record has another version, or the rollout is not the active one.
    pub async fn close_rollout<T: Serialize + Sync>(
        &self,
        fence: &Fence,
        update: Update<'_, T>,
    ) -> Result<Version, StoreError> {
        let _ = (fence, update);
        unimplemented!()
    }

    /// The active rollout.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn active_rollout<T: DeserializeOwned>(
        &self,
    ) -> Result<Option<Recorded<T>>, StoreError> {
        unimplemented!()
    }

    /// One rollout.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such rollout.
    pub async fn rollout<T: DeserializeOwned>(
        &self,
        rollout: RolloutId,
    ) -> Result<Recorded<T>, StoreError> {
        let _ = rollout;
        unimplemented!()
    }

    /// Rollouts, newest first, `limit` at most.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn rollouts<T: DeserializeOwned>(
        &self,
        limit: usize,
    ) -> Result<Vec<Recorded<T>>, StoreError> {
        let _ = limit;
        unimplemented!()
    }
}
