//! Every change of the draft after a version, in order, each transaction whole.

use weft_model::object::{ObjectKey, Stored};
use weft_model::revision::Version;

use super::Store;
use super::error::StoreError;

/// What happened to the draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftEvent {
    /// The version of the draft with these changes: resume from here.
    pub version: Version,
    /// The changes of one batch; empty for a bookmark, which says that nothing up to `version` is
    /// missing.
    pub changes: Vec<DraftChange>,
}

/// What happened to one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DraftChange {
    /// It was made or changed.
    Put(Stored),
    /// It was deleted.
    Delete(ObjectKey),
}

/// A running watch of the draft. It ends with its first error: open another from
/// [`DraftWatch::version`], or list again when [`StoreError::must_relist`] says so.
pub struct DraftWatch {
    version: Version,
}

impl Store {
    /// Watches the draft from after `version`.
    ///
    /// # Errors
    /// [`StoreError::Compacted`] when the store does not remember that version: list again.
    pub async fn watch_draft(&self, version: Version) -> Result<DraftWatch, StoreError> {
        Ok(DraftWatch { version })
    }
}

impl DraftWatch {
    /// The version up to which everything was returned.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The next change or bookmark. Cancel-safe.
    ///
    /// # Errors
    /// When the stream broke, or something is missing from it.
    pub async fn next(&mut self) -> Result<DraftEvent, StoreError> {
        unimplemented!()
    }
}
