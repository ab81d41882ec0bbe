//! Changes of the draft: checked against everything else in it, then stored whole or not at all.
//!
//! # Guarantees
//! What is stored is what was checked: when somebody else changes the draft in between, it is
//! checked again. A change never adds an error that the draft did not have. Errors that nodes
//! bring about by what they say of themselves stop no change that does not add to them, only
//! publishing.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Semaphore;
use weft_core::diff::{self, Pending};
use weft_core::snapshot::Snapshot;
use weft_model::facts::Facts;
use weft_model::name::NodeName;
use weft_model::note::Note;
use weft_model::object::node::NodeSpec;
use weft_model::object::{Declared, Kind, Labels, Metadata, Object, ObjectKey};

use super::clock::wall_clock;
use super::draft::{Draft, Mirror};
use super::judge::{Judge, Verdict};
use super::refusal::{Refusal, Violation, violation};
use super::storage;
use crate::store::Store;
use crate::store::draft::{Applied, Batch, Change};
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

/// What an edit did, or would do.
#[derive(Clone, Debug)]
pub struct Edited {
    /// One for each change, in their order, and the version of the draft with them.
    pub applied: Applied,
    /// Findings that did not stop it.
    pub notes: Vec<Note>,
}

/// Writes the draft, for as long as this controller leads.
#[derive(Clone)]
pub struct Writer {
    store: Store,
    mirror: Mirror,
    judge: Judge,
    fence: Fence,
    newcomers: Arc<Semaphore>,
}

impl Writer {
    /// A writer under this leadership.
    pub fn new(store: Store, mirror: Mirror, judge: Judge, fence: Fence) -> Self {
        Self {
            store,
            mirror,
            judge,
            fence,
            newcomers: Arc::new(Semaphore::new(1)),
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
            let notes = self.check(&draft, &edit.changes)?;
            let batch = Batch {
                changes: edit.changes.clone(),
                basis: Some(draft.changed()),
                audit: Audit {
                    at: wall_clock(),
                    author: edit.author.clone(),
                    action: edit.action.to_owned(),
                    detail: detail(&edit.changes),
                },
                idempotency: edit.idempotency.clone(),
            };
            match self.store.apply(&self.fence, batch).await {
                Ok(applied) => {
                    self.mirror.at(applied.version).await?;
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

    /// What an edit would do; stores nothing.
    ///
    /// # Errors
    /// As [`Writer::edit`].
    pub fn rehearse(&self, changes: &[Change]) -> Result<Edited, Refusal> {
        rehearse(&self.judge, &self.mirror.now(), changes)
    }

    /// Makes sure that a node has an object, and that the draft has its facts.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn note_node(&self, node: NodeName, facts: Facts) -> Result<(), Refusal> {
        let draft = self.mirror.now();
        if !draft.snapshot().nodes().contains(&node) {
            self.create_node(&node).await?;
        }
        let known = draft.snapshot().facts().get(&node);
        if known.is_none_or(|known| **known != facts) {
            self.store
                .put_facts(&self.fence, &node, &facts)
                .await
                .map_err(|error| storage::refusal(&error))?;
            self.mirror.put_facts(node, facts);
        }
        Ok(())
    }

    /// Without validation: that a node is there is a fact, and what it makes wrong is told when
    /// the draft is published.
    async fn create_node(&self, node: &NodeName) -> Result<(), Refusal> {
        // A whole cluster that starts at once would only get in its own way.
        let _turn = self.newcomers.acquire().await;
        let object = Object::Node(Declared {
            metadata: Metadata {
                name: node.clone(),
                labels: Labels::new(),
            },
            spec: NodeSpec::default(),
        });
        for _ in 0..ATTEMPTS {
            let draft = self.mirror.now();
            if draft.snapshot().nodes().contains(node) {
                return Ok(());
            }
            let batch = Batch {
                changes: vec![Change::Put {
                    object: object.clone(),
                    expected: None,
                }],
                // An administrator who makes the object at the same time is not overwritten.
                basis: Some(draft.changed()),
                audit: Audit {
                    at: wall_clock(),
                    author: format!("node/{node}"),
                    action: "hello".to_owned(),
                    detail: format!("node/{node}"),
                },
                idempotency: None,
            };
            match self.store.apply(&self.fence, batch).await {
                Ok(applied) => return self.mirror.at(applied.version).await.map(|_| ()),
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

    fn check(&self, draft: &Draft, changes: &[Change]) -> Result<Vec<Note>, Refusal> {
        check(&self.judge, draft, changes)
    }
}

/// What an edit would do to this draft.
///
/// # Errors
/// As [`Writer::edit`].
pub fn rehearse(judge: &Judge, draft: &Draft, changes: &[Change]) -> Result<Edited, Refusal> {
    use crate::store::draft::Action;

    let notes = check(judge, draft, changes)?;
    let outcome = |change: &Change| match change {
        Change::Put { object, .. } => {
            let key = object.key();
            let action = match draft.stored().get(&key) {
                None => Action::Created,
                Some(stored) if stored.object == *object => Action::Unchanged,
                Some(_) => Action::Changed,
            };
            (key, action)
        }
        Change::Delete { key, .. } => (key.clone(), Action::Deleted),
    };
    Ok(Edited {
        applied: Applied {
            outcomes: changes.iter().map(outcome).collect(),
            version: draft.version(),
        },
        notes,
    })
}

/// The draft with these changes.
pub fn changed(draft: &Draft, changes: &[Change]) -> Snapshot {
    let mut snapshot = draft.snapshot().clone();
    for change in changes {
        match change {
            Change::Put { object, .. } => snapshot.put(object.clone()),
            Change::Delete { key, .. } => {
                snapshot.remove(key);
            }
        }
    }
    snapshot
}

/// The objects of an old revision among the nodes of today: which nodes there are is a fact, and
/// nothing that a return could undo.
pub fn returned(draft: &Draft, old: &Snapshot) -> Snapshot {
    let today = draft.snapshot();
    let nodes = today.nodes().iter().map(|(name, node)| {
        let before = old.nodes().get(name).unwrap_or(node);
        Object::Node((**before).clone())
    });
    let others = old.objects().filter(|object| object.kind() != Kind::Node);
    Snapshot::new(draft.version(), nodes.chain(others), []).with_facts_of(today)
}

/// The changes that make the draft hold the objects of `wanted`.
pub fn towards(draft: &Draft, wanted: &Snapshot) -> Vec<Change> {
    diff::diff(draft.snapshot(), wanted)
        .into_iter()
        .filter_map(|diff| {
            let expected = draft.stored().get(&diff.key).map(|stored| stored.version);
            match diff.pending {
                Pending::Deleted => Some(Change::Delete {
                    key: diff.key,
                    expected,
                }),
                Pending::New | Pending::Changed => Some(Change::Put {
                    object: wanted.get(&diff.key)?,
                    expected,
                }),
            }
        })
        .collect()
}

/// What is found in the draft with these changes that does not stop them.
fn check(judge: &Judge, draft: &Draft, changes: &[Change]) -> Result<Vec<Note>, Refusal> {
    check_versions(draft, changes)?;
    let mut violations = in_use(draft, changes);
    let now: Arc<Verdict> = judge.of(draft.snapshot());
    let then = judge.of_hypothesis(changed(draft, changes));
    let known: BTreeSet<&Note> = now.notes.iter().collect();
    let added = then.notes.iter().filter(|note| !known.contains(note));
    // The user of what is deleted is named already; that its reference leads nowhere is the same
    // finding once more.
    if violations.is_empty() {
        violations.extend(added.filter_map(violation));
    }
    if !violations.is_empty() {
        return Err(Refusal::Invalid(violations));
    }
    // What did not stop it is a warning here, whatever it is when it is published.
    let mut notes = then.notes.clone();
    notes.sort();
    Ok(notes)
}

fn check_versions(draft: &Draft, changes: &[Change]) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for change in changes {
        let (key, expected, deletes) = match change {
            Change::Put { object, expected } => (object.key(), *expected, false),
            Change::Delete { key, expected } => (key.clone(), *expected, true),
        };
        let present = draft.stored().get(&key).map(|stored| stored.version);
        if let Some(expected) = expected {
            if present.unwrap_or_default() != expected {
                return Err(Refusal::Stale {
                    key,
                    expected,
                    present: present.unwrap_or_default(),
                });
            }
        }
        if deletes && present.is_none() {
            return Err(Refusal::Missing {
                what: key.to_string(),
            });
        }
        if let Some(twice) = (!seen.insert(key.clone())).then_some(key) {
            return Err(Refusal::Invalid(vec![Violation {
                field: format!("{twice}/metadata.name"),
                description: "the object is in the request twice: keep one of them".to_owned(),
            }]));
        }
    }
    Ok(())
}

/// Names the users of every object that goes while they stay.
fn in_use(draft: &Draft, changes: &[Change]) -> Vec<Violation> {
    let deleted: BTreeSet<&ObjectKey> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Delete { key, .. } => Some(key),
            Change::Put { .. } => None,
        })
        .collect();
    if deleted
        .iter()
        .all(|key| matches!(key.kind, Kind::Subnet | Kind::Node))
    {
        return Vec::new();
    }
    let next = changed(draft, changes);
    deleted
        .into_iter()
        .filter_map(|key| {
            let users = users_of(&next, key);
            let first = users.first()?;
            let more = match users.len() - 1 {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Some(Violation {
                field: format!("{key}/metadata.name"),
                description: format!(
                    "it is in use by {first}{more}: delete what uses it first, or in the same \
                     request"
                ),
            })
        })
        .collect()
}

fn users_of(snapshot: &Snapshot, key: &ObjectKey) -> Vec<ObjectKey> {
    match key.kind {
        Kind::Zone => snapshot
            .vnets()
            .values()
            .filter(|vnet| vnet.spec.zone.as_str() == key.name)
            .map(|vnet| ObjectKey::new(Kind::Vnet, vnet.metadata.name.as_str()))
            .collect(),
        Kind::Vnet => snapshot
            .subnets()
            .values()
            .filter(|subnet| subnet.spec.vnet.as_str() == key.name)
            .map(|subnet| ObjectKey::new(Kind::Subnet, subnet.metadata.name.as_str()))
            .collect(),
        Kind::Subnet | Kind::Node => Vec::new(),
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
