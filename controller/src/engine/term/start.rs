//! Rollouts that begin: those that users want, and those that the last leader left.

use std::sync::Arc;

use tokio::sync::oneshot;
use tracing::info;
use weft_core::rollout::catchup;
use weft_core::rollout::event::Event;
use weft_core::rollout::machine::Rollout;
use weft_core::rollout::record::Record;
use weft_model::revision::RolloutId;

use super::Term;
use crate::engine::clock::wall_clock;
use crate::engine::course::Course;
use crate::engine::head::Head;
use crate::engine::opening::{Opened, Opening, Outcome, targets};
use crate::engine::past;
use crate::engine::port::{Start, Started};
use crate::engine::refusal::{Refusal, named};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::results::Results;
use crate::store::rollout::Recorded;

/// How many idempotency keys are remembered; older ones are looked up in the store.
const KEYS: usize = 1_000;

/// How many wait behind one who is being served; whoever comes then must come again.
pub(super) const QUEUE: usize = 16;

/// Who waits for a rollout to be opened.
pub(super) struct Waiting {
    author: String,
    key: Option<String>,
    reply: oneshot::Sender<Result<Started, Refusal>>,
}

impl Term {
    pub(super) fn start(&mut self, start: Start, reply: oneshot::Sender<Result<Started, Refusal>>) {
        let known = start
            .idempotency_key
            .as_ref()
            .and_then(|key| self.keys.get(key));
        if let Some(id) = known {
            let started = Started::Rollout {
                id: *id,
                remark: String::new(),
            };
            let _ = reply.send(Ok(started));
            return;
        }
        // Who comes second hears of the first once that has a number, or takes its place.
        if self.opening.is_some() && self.queue.len() < QUEUE {
            self.queue.push_back((start, reply));
            return;
        }
        if let Some(refusal) = self.quarantined().or_else(|| self.busy()) {
            let _ = reply.send(Err(refusal));
            return;
        }
        info!(author = %start.author, revision = ?start.revision, "rollout wanted");
        self.opening = Some(Waiting {
            author: start.author.clone(),
            key: start.idempotency_key.clone(),
            reply,
        });
        let opening = Opening {
            store: self.parts.store.clone(),
            fence: self.parts.fence.clone(),
            mirror: self.parts.mirror.clone(),
            judge: self.parts.judge.clone(),
            board: Arc::clone(&self.parts.board),
            writer: self.parts.writer.clone(),
            usual: self.parts.usual.clone(),
        };
        self.secretary.open(opening, start);
    }

    /// Why no rollout can be started now.
    fn busy(&self) -> Option<Refusal> {
        if let Some(waiting) = &self.opening {
            return Some(Refusal::Again(format!(
                "a rollout by {} is being started: wait for it, or try again",
                named(&waiting.author)
            )));
        }
        self.parts.board.read(|state| {
            let course = state.course.as_ref().filter(|course| !course.is_closed())?;
            let record = course.record();
            Some(Refusal::Busy {
                rollout: record.id,
                to: record.to,
                author: record.author.clone(),
                seconds: wall_clock().0.saturating_sub(record.started.0) / 1_000,
            })
        })
    }

    pub(super) fn opened(&mut self, result: Result<Outcome, Refusal>) {
        let Some(waiting) = self.opening.take() else {
            return;
        };
        let started = match result {
            Ok(Outcome::Opened(opened)) => {
                let id = opened.record.id;
                let remark = opened.remark.clone();
                info!(rollout = %id, from = %opened.record.from, to = %opened.record.to,
                    nodes = opened.record.participants.len(),
                    deferred = opened.record.deferred.len(), "rollout started");
                self.begin(*opened, Vec::new());
                Ok(Started::Rollout { id, remark })
            }
            Ok(Outcome::Repeated(id)) => Ok(Started::Rollout {
                id,
                remark: String::new(),
            }),
            Ok(Outcome::Nothing(head)) => Ok(Started::Nothing { head }),
            Err(refusal) => {
                info!(%refusal, "rollout refused");
                Err(refusal)
            }
        };
        if let (Ok(Started::Rollout { id, .. }), Some(key)) = (&started, waiting.key) {
            if self.keys.len() >= KEYS {
                self.keys.clear();
            }
            self.keys.insert(key, *id);
        }
        let _ = waiting.reply.send(started);
        for (start, reply) in std::mem::take(&mut self.queue) {
            self.start(start, reply);
        }
    }

    /// Takes up a rollout, new or left by the last leader.
    pub(super) fn begin(&mut self, opened: Opened, stored: Results) {
        self.chronicle.begin(stored);
        self.note_newest(opened.record.id);
        let changes = targets(&opened.from, &opened.next);
        let now = self.now();
        let (machine, effects) = Rollout::load(self.leader.clone(), opened.record, &changes, now);
        let course = Course {
            machine,
            from: opened.from,
            next: opened.next,
            version: opened.version,
            trouble: None,
        };
        let connected = self.parts.board.write(|state| {
            let connected: Vec<_> = course
                .record()
                .participants
                .keys()
                .filter_map(|node| {
                    let place = state
                        .roster
                        .get(node)
                        .filter(|place| place.is_connected())?;
                    Some((node.clone(), place.hello()))
                })
                .collect();
            state.course = Some(course);
            connected
        });
        self.carry_out(effects);
        for (node, hello) in connected {
            // A participant hears of the rollout only.
            self.catch_up(&node, catchup::Event::Lost);
            self.step(Event::Hello(node, hello));
        }
    }
}

/// What the last leader left of a rollout, with the plans that it brings.
pub(super) async fn resume(
    store: &Store,
    active: Recorded<Record>,
    head: Arc<Head>,
) -> Result<Opened, StoreError> {
    let record = active.record;
    let from = if head.revision == record.from {
        head
    } else {
        Arc::new(past::at(store, record.from, RolloutId::default()).await?)
    };
    let intent = past::intent(store, record.to).await?;
    let changes = from.changes(&intent);
    let next = from.next(record.to, record.id, intent, changes);
    info!(rollout = %record.id, to = %record.to, "rollout of the last leader taken up");
    Ok(Opened {
        version: active.version,
        remark: String::new(),
        record,
        from,
        next,
    })
}
