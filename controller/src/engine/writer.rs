//! Changes of the draft: checked against everything else in it, then stored whole or not at all.
//!
//! # Guarantees
//! What is stored is what was checked: when somebody else changes the draft in between, it is
//! checked again. A change never adds an error that the draft did not have. Errors that nodes
//! bring about by what they say of themselves stop no change that does not add to them, only
//! publishing.

use std::sync::Arc;

use tracing::warn;
use weft_model::facts::Facts;
use weft_model::name::NodeName;
use weft_model::object::{Kind, ObjectKey};

use super::clock::wall_clock;
use super::draft::Mirror;
use super::edit::{Edited, check};
use super::judge::Judge;
use super::refusal::Refusal;
use super::register::Register;
use super::storage;
use crate::log::Chain;
use crate::store::Store;
use crate::store::draft::{Action, Applied, Batch, Change, Origin};
use crate::store::error::Conflict;
use crate::store::write::{Audit, Fence, Idempotency};

/// How often a change is checked again because others changed the draft in between. Each time
/// somebody else's change went through, so the system as a whole makes progress.
const ATTEMPTS: u32 = 16;

/// Changes of the draft that happen together.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The changes.
    pub changes: Vec<Change>,
    /// Who wants them.
    pub author: String,
    /// What the audit calls it: `apply`, `discard`.
    pub action: &'static str,
    /// Same key, same result.
    pub idempotency: Option<Idempotency>,
}

/// Writes the draft, for as long as this controller leads.
#[derive(Clone)]
pub struct Writer {
    pub(super) store: Store,
    mirror: Mirror,
    judge: Judge,
    pub(super) fence: Fence,
    register: Arc<Register>,
}

impl Writer {
    /// A writer under this leadership.
    pub fn new(store: Store, mirror: Mirror, judge: Judge, fence: Fence) -> Self {
        let register = Register::new(store.clone(), mirror.clone(), fence.clone());
        Self {
            store,
            mirror,
            judge,
            fence,
            register: Arc::new(register),
        }
    }

    /// Stores an edit.
    ///
    /// # Errors
    /// When the result would have errors that the draft does not have, or a version is not the
    /// present one.
    pub async fn edit(&self, edit: Edit) -> Result<Edited, Refusal> {
        for _ in 0..ATTEMPTS {
            let draft = self.mirror.now();
            let notes = check(&self.judge, &draft, &edit.changes)?;
            let batch = Batch {
                changes: edit.changes.clone(),
                basis: Some(draft.changed()),
                audit: Audit {
                    at: wall_clock(),
                    author: edit.author.clone(),
                    action: edit.action.to_owned(),
                    detail: detail(&edit.changes),
                },
                origin: Origin::Person,
                idempotency: edit.idempotency.clone(),
            };
            match self.store.apply(&self.fence, batch).await {
                Ok(applied) => {
                    self.see(&applied).await?;
                    self.forget_nodes(&edit.changes).await;
                    return Ok(Edited { applied, notes });
                }
                Err(error) => match error.conflict() {
                    Some(Conflict::Draft { found, .. }) => {
                        self.mirror.at(*found).await?;
                    }
                    _ => return Err(storage::refusal(&error)),
                },
            }
        }
        Err(crowded())
    }

    /// Makes sure that a node has an object, and that the draft has its facts.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn note_node(&self, node: NodeName, facts: Facts) -> Result<(), Refusal> {
        self.register.note(node, facts).await
    }

    /// Waits until the change shows, so that whoever made it reads it. A batch that left everything
    /// as it was never shows.
    async fn see(&self, applied: &Applied) -> Result<(), Refusal> {
        let written = |(_, action): &(ObjectKey, Action)| *action != Action::Unchanged;
        if applied.outcomes.iter().any(written) {
            self.mirror.at(applied.version).await?;
        }
        Ok(())
    }

    /// Facts of a node that is no more are of no use; left behind, they do no harm.
    async fn forget_nodes(&self, changes: &[Change]) {
        for change in changes {
            let Change::Delete { key, .. } = change else {
                continue;
            };
            let (Kind::Node, Ok(node)) = (key.kind, key.name.parse()) else {
                continue;
            };
            self.mirror.remove_facts(&node);
            if let Err(error) = self.store.forget_node(&self.fence, &node).await {
                warn!(node = %node, error = %Chain(&error), "facts of a deleted node are not deleted");
            }
        }
    }
}

fn crowded() -> Refusal {
    Refusal::Again("others change the draft all the time: try again".to_owned())
}

/// What the audit says of an edit: the first objects of it.
fn detail(changes: &[Change]) -> String {
    /// Enough to find the edit again; the draft's history has the rest.
    const NAMED: usize = 20;
    let names: Vec<String> = changes
        .iter()
        .take(NAMED)
        .map(|change| match change {
            Change::Put { object, .. } => object.key().to_string(),
            Change::Delete { key, .. } => format!("-{key}"),
        })
        .collect();
    match changes.len().saturating_sub(NAMED) {
        0 => names.join(" "),
        more => format!("{} and {more} more", names.join(" ")),
    }
}
