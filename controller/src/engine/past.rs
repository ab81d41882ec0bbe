//! Revisions as they were published, read back.

use std::sync::Arc;

use weft_core::intent::Intent;
use weft_core::snapshot::Snapshot;
use weft_core::validate::validate;
use weft_model::revision::{RevisionId, RolloutId, Version};

use super::head::Head;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::revision;

/// What was published once and is refused now.
#[derive(Debug, thiserror::Error)]
#[error("revision {revision} is not valid by the rules of this version: {first}")]
struct Outdated {
    revision: RevisionId,
    first: String,
}

/// The objects and facts of a revision.
///
/// # Errors
/// When it cannot be read.
pub async fn snapshot(store: &Store, revision: RevisionId) -> Result<Snapshot, StoreError> {
    let content = store.load(revision).await?;
    let objects = content.objects.into_values().map(|stored| stored.object);
    Ok(Snapshot::new(Version::default(), objects, content.facts))
}

/// What users want in a revision.
///
/// # Errors
/// When it cannot be read, or is not valid any more: nothing may be concluded from it then, least
/// of all that nodes should have nothing.
pub async fn intent(store: &Store, revision: RevisionId) -> Result<Arc<Intent>, StoreError> {
    let snapshot = snapshot(store, revision).await?;
    let (intent, _) = validate(&snapshot).map_err(|notes| StoreError::Corrupt {
        attempt: "read a published revision",
        key: format!("rev/{revision}"),
        source: Box::new(Outdated {
            revision,
            first: notes.first().map(ToString::to_string).unwrap_or_default(),
        }),
    })?;
    Ok(Arc::new(intent))
}

/// The confirmed revision.
///
/// # Errors
/// As [`intent`].
pub async fn head(store: &Store, head: revision::Head) -> Result<Head, StoreError> {
    at(store, head.revision, head.rollout).await
}

/// A revision that a rollout goes to or comes from.
///
/// # Errors
/// As [`intent`].
pub async fn at(
    store: &Store,
    revision: RevisionId,
    rollout: RolloutId,
) -> Result<Head, StoreError> {
    let intent = intent(store, revision).await?;
    Ok(Head::of(revision, rollout, intent))
}
