//! The draft: the objects as users have them now.
//!
//! # Guarantees
//! A batch is stored whole or not at all, whatever its size, and no reader ever sees part of it.
//! An object that a batch leaves as it is is not written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use weft_model::object::{Object, ObjectKey, Stored};
use weft_model::revision::Version;

use super::Store;
use super::error::StoreError;
use super::write::{Audit, Fence, Idempotency};

/// All objects at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// The objects.
    pub objects: BTreeMap<ObjectKey, Stored>,
    /// The moment: watch from here to miss nothing.
    pub version: Version,
    /// The version of the last change; a batch may demand that it still is ([`Batch::basis`]).
    pub changed: Version,
}

/// Changes that happen together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The changes; no object twice.
    pub changes: Vec<Change>,
    /// When given, [`Draft::changed`] of the draft that the batch was validated against: another
    /// change since then is a conflict, so that two batches that are valid alone cannot make an
    /// invalid draft together.
    pub basis: Option<Version>,
    /// Who wants it.
    pub audit: Audit,
    /// Repeating the batch with the same key returns the first result.
    pub idempotency: Option<Idempotency>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Creates or replaces an object.
    Put {
        /// The object as it shall be.
        object: Object,
        /// The version that it must have now; `None` replaces whatever is there.
        expected: Option<Version>,
    },
    /// Deletes an object, which must exist.
    Delete {
        /// The object.
        key: ObjectKey,
        /// The version that it must have now; `None` deletes whatever is there.
        expected: Option<Version>,
    },
}

/// What a batch did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// One for each change, in the order of the batch.
    pub outcomes: Vec<(ObjectKey, Action)>,
    /// The version of the draft with the batch.
    pub version: Version,
}

/// What became of one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It did not exist before.
    Created,
    /// Its spec or labels are others now.
    Changed,
    /// It was like this already, and was not written.
    Unchanged,
    /// It is gone.
    Deleted,
}

impl Store {
    /// All objects, at one moment.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn draft(&self) -> Result<Draft, StoreError> {
        unimplemented!()
    }

    /// Stores a batch: all of it, or none.
    ///
    /// # Errors
    /// A conflict when the batch does not fit what is stored; see [`StoreError`] for the rest.
    pub async fn apply(&self, fence: &Fence, batch: Batch) -> Result<Applied, StoreError> {
        let _ = (fence, batch);
        unimplemented!()
    }
}
