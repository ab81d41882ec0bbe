//! From a user's wish to a rollout that is stored: publish, work out who takes part, create.
//!
//! # Guarantees
//! Nothing is stored when the wish is refused for what is known beforehand: a draft that is not
//! valid, nodes that are not there, a wave that makes no sense.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weft_core::class::classify;
use weft_core::rollout::machine::Change as TargetChange;
use weft_core::rollout::policy::{Offline, Policy};
use weft_core::rollout::record::{Attempt, Consent, Phase, Record};
use weft_core::snapshot::Snapshot;
use weft_model::message::Target;
use weft_model::name::NodeName;
use weft_model::revision::{RevisionId, RolloutId, Version};

use super::aside::aside;
use super::board::Board;
use super::clock::wall_clock;
use super::draft::{Draft, Mirror};
use super::edit::{returned, towards};
use super::head::{Head, Next, PlanChange};
use super::judge::{Judge, same_objects};
use super::manner::{self, policy};
use super::port::Start;
use super::refusal::{Refusal, violation};
use super::writer::{Edit, Writer};
use super::{past, storage};
use crate::store::Store;
use crate::store::revision::Content;
use crate::store::rollout::{Created, Creation};
use crate::store::write::{Audit, Fence, Idempotency};

/// What opening a rollout needs.
#[derive(Clone)]
pub(super) struct Opening {
    pub(super) store: Store,
    pub(super) fence: Fence,
    pub(super) mirror: Mirror,
    pub(super) judge: Judge,
    pub(super) board: Arc<Board>,
    pub(super) writer: Writer,
    /// How a rollout goes where the user does not say.
    pub(super) usual: Policy,
}

/// A rollout that is stored and waits for its first step.
pub(super) struct Opened {
    pub(super) record: Record,
    pub(super) version: Version,
    pub(super) from: Arc<Head>,
    pub(super) next: Next,
    pub(super) remark: String,
}

/// What came of a wish.
pub(super) enum Outcome {
    /// There is a rollout.
    Opened(Box<Opened>),
    /// There is one already, for the same wish.
    Repeated(RolloutId),
    /// Nothing differs from what is confirmed.
    Nothing(RevisionId),
}

impl Opening {
    /// Opens a rollout.
    ///
    /// # Errors
    /// Says why it cannot be opened.
    pub(super) async fn open(self, start: Start) -> Result<Outcome, Refusal> {
        let policy = policy(&start.wish, &self.usual)?;
        if let Some(known) = self.known(&start).await? {
            return Ok(Outcome::Repeated(known));
        }
        self.writer.heed_lock(&start.author).await?;
        let from = self.board.head();
        let (draft, remark) = match start.revision {
            None => (self.mirror.now(), String::new()),
            Some(revision) => {
                let back = self.rehearse_return(revision, &from, &policy).await?;
                self.set_draft(revision, back, &start.author).await?
            }
        };
        let considered = self.consider(draft.snapshot(), &from, &policy).await?;
        if considered.changes.is_empty() && same_objects(from.intent.snapshot(), draft.snapshot()) {
            return Ok(Outcome::Nothing(from.revision));
        }
        self.create(start, policy, draft, considered, from, remark)
            .await
    }

    /// The rollout that the same wish started before, perhaps under another leader.
    async fn known(&self, start: &Start) -> Result<Option<RolloutId>, Refusal> {
        let Some(key) = &start.idempotency_key else {
            return Ok(None);
        };
        let known = self.store.started(&Idempotency(key.clone())).await;
        known.map_err(|error| storage::refusal(&error))
    }

    /// The draft's way to an old revision, once it is known that nodes could go it.
    async fn rehearse_return(
        &self,
        revision: RevisionId,
        from: &Arc<Head>,
        policy: &Policy,
    ) -> Result<Snapshot, Refusal> {
        let old = past::snapshot(&self.store, revision)
            .await
            .map_err(|error| storage::refusal(&error))?;
        let draft = self.mirror.now();
        let next = returned(&draft, &old);
        self.consider(&next, from, policy).await?;
        Ok(next)
    }

    /// Makes the draft what is rolled out, or the next rollout would undo the return.
    async fn set_draft(
        &self,
        revision: RevisionId,
        next: Snapshot,
        author: &str,
    ) -> Result<(Draft, String), Refusal> {
        let draft = self.mirror.now();
        let changes = towards(&draft, &next);
        if changes.is_empty() {
            return Ok((draft, String::new()));
        }
        let count = changes.len();
        let edit = Edit {
            changes,
            author: author.to_owned(),
            action: "rollback",
            idempotency: None,
        };
        // It is done when the mirror shows it.
        self.writer.edit(edit).await?;
        let draft = self.mirror.now();
        let remark =
            format!("the draft is set to revision {revision}: {count} objects changed in it");
        Ok((draft, remark))
    }

    /// Validates, compiles, and works out who takes part; changes nothing.
    async fn consider(
        &self,
        snapshot: &Snapshot,
        from: &Arc<Head>,
        policy: &Policy,
    ) -> Result<Considered, Refusal> {
        let (judge, snapshot, head) = (self.judge.clone(), snapshot.clone(), Arc::clone(from));
        // Ten thousand objects are some milliseconds of work, which others should not wait for.
        let (verdict, changes, classes) = aside(move || {
            let verdict = judge.of(&snapshot);
            let (changes, classes) = verdict
                .intent
                .as_ref()
                .map(|intent| (head.changes(intent), classify(&head.intent, intent)))
                .unwrap_or_default();
            (verdict, changes, classes)
        })
        .await
        .map_err(|error| Refusal::Store(format!("compiling was broken off: {error}")))?;
        let Some(intent) = verdict.intent.clone() else {
            let violations = verdict.notes.iter().filter_map(violation).collect();
            return Err(Refusal::Invalid(violations));
        };
        let deferred = self.absent(from, &changes, policy)?;
        manner::undivided(policy, &classes, changes.len() - deferred.len())?;
        Ok(Considered {
            intent,
            changes,
            deferred,
        })
    }

    /// The nodes that would take part and cannot now.
    fn absent(
        &self,
        from: &Head,
        changes: &BTreeMap<NodeName, PlanChange>,
        policy: &Policy,
    ) -> Result<BTreeSet<NodeName>, Refusal> {
        let (offline, behind) = self.board.read(|state| {
            let mut offline = BTreeSet::new();
            let mut behind = BTreeSet::new();
            for (node, change) in changes {
                match state.roster.get(node).filter(|place| place.is_connected()) {
                    None => offline.insert(node.clone()),
                    Some(place) if place.confirmed().target.digest != change.from => {
                        behind.insert(node.clone())
                    }
                    Some(_) => false,
                };
            }
            (offline, behind)
        });
        if policy.offline == Offline::RequireAll {
            if !offline.is_empty() {
                return Err(Refusal::Offline(offline.into_iter().collect()));
            }
            if !behind.is_empty() {
                let names: Vec<NodeName> = behind.into_iter().collect();
                return Err(Refusal::NotNow(format!(
                    "nodes that the change concerns are not at the confirmed revision {} yet: {}; \
                     wait until they have caught up, or leave them out with skip-offline",
                    from.revision,
                    super::refusal::list(&names)
                )));
            }
        }
        Ok(offline.union(&behind).cloned().collect())
    }

    async fn create(
        &self,
        start: Start,
        policy: Policy,
        draft: Draft,
        considered: Considered,
        from: Arc<Head>,
        remark: String,
    ) -> Result<Outcome, Refusal> {
        let refuse = |error| storage::refusal(&error);
        let now = wall_clock();
        let audit = |action: &str, detail: String| Audit {
            at: now,
            author: start.author.clone(),
            action: action.to_owned(),
            detail,
        };
        let message = match (start.message.as_str(), start.revision) {
            ("", Some(revision)) => format!("rollback to {revision}"),
            (message, _) => message.to_owned(),
        };
        let to = self
            .store
            .publish(
                &self.fence,
                from.revision,
                &content(&draft),
                &message,
                audit("publish", format!("from revision {}", from.revision)),
            )
            .await
            .map_err(refuse)?;
        let id = self.store.next_rollout().await.map_err(refuse)?;
        let Considered {
            intent,
            changes,
            deferred,
        } = considered;
        let nodes: Vec<NodeName> = changes
            .keys()
            .filter(|node| !deferred.contains(*node))
            .cloned()
            .collect();
        let record = Record {
            id,
            from: from.revision,
            to,
            participants: Record::assign(&policy, &nodes),
            deferred,
            policy,
            author: start.author.clone(),
            message,
            started: now,
            decided: None,
            consent: Consent::default(),
            phase: Phase::Preparing,
            attempt: Attempt {
                epoch: self.fence.epoch(),
                number: 0,
            },
        };
        let creation = Creation {
            rollout: id,
            record: &record,
            from: from.revision,
            to,
            audit: audit("rollout.start", format!("rollout {id} to revision {to}")),
            idempotency: start.idempotency_key.map(Idempotency),
        };
        let created = self.store.create_rollout(&self.fence, creation).await;
        match created.map_err(refuse)? {
            Created::Repeated(rollout) => Ok(Outcome::Repeated(rollout)),
            Created::New(version) => Ok(Outcome::Opened(Box::new(Opened {
                next: from.next(to, id, intent, changes),
                record,
                version,
                from,
                remark,
            }))),
        }
    }
}

struct Considered {
    intent: Arc<weft_core::intent::Intent>,
    changes: BTreeMap<NodeName, PlanChange>,
    deferred: BTreeSet<NodeName>,
}

/// What every participant has and what the rollout makes of it.
pub(super) fn targets(from: &Head, next: &Next) -> BTreeMap<NodeName, TargetChange> {
    next.changes
        .iter()
        .map(|(node, change)| {
            let target = |revision, digest| Target { revision, digest };
            let change = TargetChange {
                from: target(from.revision, change.from),
                to: target(next.head.revision, change.to),
            };
            (node.clone(), change)
        })
        .collect()
}

fn content(draft: &Draft) -> Content {
    let objects = draft
        .stored()
        .iter()
        .map(|(key, stored)| (key.clone(), (**stored).clone()))
        .collect();
    let facts = draft
        .snapshot()
        .facts()
        .iter()
        .map(|(node, facts)| (node.clone(), (**facts).clone()))
        .collect();
    Content { objects, facts }
}
