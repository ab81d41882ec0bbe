//! What a batch comes to, given what it finds: each object's new value, or why it cannot be.
//!
//! # Never
//! Nothing here reads or writes the store.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use weft_model::object::{ObjectKey, Stored};
use weft_model::revision::{Generation, Version};

use super::{Action, Batch, Change};
use crate::store::error::Conflict;
use crate::store::keys;
use crate::store::kv::entry::{Compare, Entry};

/// What a batch finds.
pub(super) struct Present {
    /// As of here.
    pub version: Version,
    /// What the uids of new objects are made of.
    pub seed: [u8; 16],
    /// Holds as long as nobody else takes the lock, and the store is what it was.
    pub unlocked: Option<[Compare; 2]>,
    /// The draft's last change.
    pub change: Option<Entry>,
    /// The objects that the batch names, where they exist.
    pub objects: BTreeMap<ObjectKey, (Entry, Stored)>,
}

/// What a batch comes to.
pub(super) struct Plan {
    pub writes: Vec<(ObjectKey, Option<Stored>)>,
    pub outcomes: Vec<(ObjectKey, Action)>,
}

/// Decides what a batch writes.
pub(super) fn plan(batch: &Batch, present: &Present) -> Result<Plan, Conflict> {
    let found = present.change.as_ref();
    let found = Version(found.map_or(0, |entry| entry.modified));
    if let Some(expected) = batch.basis.filter(|basis| *basis != found) {
        return Err(Conflict::Draft { expected, found });
    }
    let mut plan = Plan {
        writes: Vec::new(),
        outcomes: Vec::new(),
    };
    for change in &batch.changes {
        let key = change.key();
        let before = present.objects.get(&key).map(|(_, stored)| stored);
        let (Change::Put { expected, .. } | Change::Delete { expected, .. }) = change;
        match (before, *expected) {
            (None, Some(_)) => return Err(Conflict::NoObject { key }),
            (Some(before), Some(expected)) if before.version != expected => {
                return Err(Conflict::Version {
                    key,
                    expected,
                    found: before.version,
                });
            }
            (Some(_) | None, None) | (Some(_), Some(_)) => {}
        }
        let action = match (change, before) {
            (Change::Delete { .. }, None) => return Err(Conflict::NoObject { key }),
            (Change::Delete { .. }, Some(_)) => {
                plan.writes.push((key.clone(), None));
                Action::Deleted
            }
            (Change::Put { object, .. }, Some(before)) if before.object == *object => {
                Action::Unchanged
            }
            (Change::Put { object, .. }, Some(before)) => {
                let stored = Stored {
                    object: object.clone(),
                    generation: Generation(before.generation.0 + 1),
                    ..before.clone()
                };
                plan.writes.push((key.clone(), Some(stored)));
                Action::Changed
            }
            (Change::Put { object, .. }, None) => {
                let stored = Stored {
                    object: object.clone(),
                    uid: uid(&present.seed, &key),
                    version: Version(0),
                    generation: Generation(1),
                    created: batch.audit.at,
                };
                plan.writes.push((key.clone(), Some(stored)));
                Action::Created
            }
        };
        plan.outcomes.push((key, action));
    }
    Ok(plan)
}

/// 32 hex digits that no other object ever has.
fn uid(seed: &[u8], key: &ObjectKey) -> String {
    let hash = Sha256::new()
        .chain_update(seed)
        .chain_update(key.to_string())
        .finalize();
    keys::hex(&hash[..16])
}
