//! What users want of a rollout that runs: whether it can be, and when it is.
//!
//! # Guarantees
//! Who is told that it is so can rely on it: the answer waits until the record says so. The same
//! wish of the same person once more, perhaps to the next leader, is answered the same.

use tokio::sync::oneshot;
use tracing::info;
use weft_core::rollout::advance::Refusal as Unfit;
use weft_core::rollout::event::{Event, Wish};
use weft_core::rollout::policy::Confirm;
use weft_core::rollout::record::{Decision, Phase, Reason, Record};
use weft_model::revision::RolloutId;

use super::Term;
use crate::engine::course::Course;
use crate::engine::port::Way;
use crate::engine::refusal::Refusal;
use crate::store::write::Idempotency;

/// What somebody wants of a rollout.
pub(super) struct Wanted {
    pub(super) author: String,
    pub(super) way: Way,
    /// Same key, same result.
    pub(super) key: Option<Idempotency>,
}

/// A wish that is not durable yet.
pub(super) struct Waiting {
    rollout: RolloutId,
    wanted: Wanted,
    reply: oneshot::Sender<Result<RolloutId, Refusal>>,
}

impl Term {
    pub(super) fn steer(
        &mut self,
        rollout: Option<RolloutId>,
        wanted: Wanted,
        reply: oneshot::Sender<Result<RolloutId, Refusal>>,
    ) {
        if let Some(refusal) = self.quarantined() {
            let _ = reply.send(Err(refusal));
            return;
        }
        let (author, way) = (&wanted.author, wanted.way);
        let found = self.parts.board.read(|state| {
            let course = state
                .course
                .as_ref()
                .filter(|course| rollout.is_none_or(|wanted| wanted == course.record().id));
            match (course, rollout) {
                (Some(course), _) => Ok((course.record().id, may(course, author, way)?)),
                (None, Some(wanted)) => Err(Refusal::NotNow(format!(
                    "rollout {wanted} is not the active one"
                ))),
                (None, None) => Err(Refusal::NotNow("no rollout is active".to_owned())),
            }
        });
        let id = match found {
            Ok((id, Now::Open)) => id,
            Ok((id, Now::Granted)) => {
                let _ = reply.send(Ok(id));
                return;
            }
            Err(refusal) => {
                let _ = reply.send(Err(refusal));
                return;
            }
        };
        info!(rollout = %id, %author, ?way, "rollout steered");
        let wish = match way {
            Way::Pause => Wish::Pause,
            Way::Resume => Wish::Resume,
            Way::Confirm => Wish::Confirm {
                author: author.clone(),
            },
            Way::Abort => Wish::Abort {
                author: author.clone(),
            },
        };
        self.wishes.push(Waiting {
            rollout: id,
            wanted,
            reply,
        });
        self.step(Event::User(wish));
    }

    /// Who wants what a record says, where that is somebody who waits for it.
    pub(super) fn wisher(&self, record: &Record) -> Option<&Wanted> {
        let mut wishes = self.wishes.iter();
        let wish = wishes.find(|wish| {
            wish.rollout == record.id && matches!(settled(record, wish.wanted.way), Some(Ok(())))
        });
        wish.map(|wish| &wish.wanted)
    }

    /// Tells those who wait for a record that the store does not take it. What they want is still
    /// tried; asked again, they are told how it stands then.
    pub(super) fn put_off_wishes(&mut self, rollout: RolloutId, trouble: &str) {
        for wish in self.wishes.extract_if(.., |wish| wish.rollout == rollout) {
            let refusal =
                Refusal::Unanswered(format!("not stored yet, and tried again: {trouble}"));
            // Whoever asked may have gone.
            drop(wish.reply.send(Err(refusal)));
        }
    }

    /// Answers those whose wish is durable now, or cannot be granted any more.
    pub(super) fn answer_wishes(&mut self) {
        if self.wishes.is_empty() {
            return;
        }
        let record = self.parts.board.read(|state| {
            let course = state.course.as_ref();
            course.map(|course| course.record().clone())
        });
        let Some(record) = record else { return };
        for wish in std::mem::take(&mut self.wishes) {
            let result = if wish.rollout == record.id {
                settled(&record, wish.wanted.way)
            } else {
                Some(Err(format!("rollout {} is over", wish.rollout)))
            };
            match result {
                None => self.wishes.push(wish),
                // Whoever asked may have gone.
                Some(result) => drop(
                    wish.reply
                        .send(result.map(|()| wish.rollout).map_err(Refusal::NotNow)),
                ),
            }
        }
    }
}

/// What a record says of a wish; nothing while that is open.
fn settled(record: &Record, way: Way) -> Option<Result<(), String>> {
    let id = record.id;
    match (record.phase.decision(), way) {
        (Some(Decision::Commit), Way::Confirm) | (Some(Decision::Abort(_)), Way::Abort) => {
            Some(Ok(()))
        }
        (Some(Decision::Commit), _) => Some(Err(format!(
            "rollout {id} was decided first, its change stays: to go back, roll revision {} out \
             again",
            record.from
        ))),
        (Some(Decision::Abort(reason)), _) => {
            Some(Err(format!("rollout {id} was aborted first: {reason}")))
        }
        (None, Way::Confirm) => record.consent.given.as_ref().map(|_| Ok(())),
        (None, Way::Abort) => None,
        (None, Way::Pause) => is_paused(record).filter(|it| *it).map(|_| Ok(())),
        (None, Way::Resume) => is_paused(record).filter(|it| !*it).map(|_| Ok(())),
    }
}

fn is_paused(record: &Record) -> Option<bool> {
    match record.phase {
        Phase::Applying { paused } => Some(paused),
        Phase::Preparing | Phase::Committed | Phase::Aborted(_) | Phase::Closed { .. } => None,
    }
}

/// How a wish stands before anything is done about it.
enum Now {
    /// It can be granted.
    Open,
    /// It is so already, because the same person wanted it.
    Granted,
}

/// Whether a person's wish is what a record says already.
pub fn is_granted(record: &Record, author: &str, way: Way) -> bool {
    match way {
        Way::Confirm => {
            let given = record.consent.given.as_ref();
            let same = given.is_some_and(|given| given.author == author);
            same && !matches!(record.phase.decision(), Some(Decision::Abort(_)))
        }
        Way::Abort => {
            let reason = Reason::User {
                author: author.to_owned(),
            };
            record.phase.decision() == Some(Decision::Abort(reason))
        }
        Way::Pause | Way::Resume => false,
    }
}

/// Whether a rollout can still go this way.
fn may(course: &Course, author: &str, way: Way) -> Result<Now, Refusal> {
    let record = course.record();
    let id = record.id;
    let refuse = |reason: String| Err(Refusal::NotNow(reason));
    if is_granted(record, author, way) {
        return Ok(Now::Granted);
    }
    match (&record.phase, way) {
        (Phase::Closed { .. }, _) => refuse(format!("rollout {id} is over")),
        (Phase::Committed, _) => refuse(format!(
            "rollout {id} is decided, its change stays: to go back, roll revision {} out again",
            record.from
        )),
        (Phase::Aborted(_), _) => refuse(format!("rollout {id} is aborted, nodes are going back")),
        (Phase::Preparing, Way::Pause | Way::Resume) => refuse(format!(
            "rollout {id} is still preparing, and has changed nothing yet: abort it, or wait"
        )),
        (Phase::Preparing | Phase::Applying { .. }, Way::Confirm)
            if record.policy.confirm == Confirm::Auto =>
        {
            refuse(format!(
                "rollout {id} is confirmed by itself once every node is verified"
            ))
        }
        (Phase::Preparing, Way::Confirm) => refuse(format!(
            "rollout {id} is still preparing: confirm it once every node is verified"
        )),
        (Phase::Applying { paused: false }, Way::Resume) => {
            refuse(format!("rollout {id} is not paused"))
        }
        (Phase::Applying { paused: true }, Way::Pause) => {
            refuse(format!("rollout {id} is paused already"))
        }
        (Phase::Applying { .. }, Way::Confirm) => may_confirm(course, author),
        (Phase::Applying { .. }, Way::Pause | Way::Resume)
        | (Phase::Preparing | Phase::Applying { .. }, Way::Abort) => Ok(Now::Open),
    }
}

fn may_confirm(course: &Course, author: &str) -> Result<Now, Refusal> {
    let id = course.record().id;
    let wish = Wish::Confirm {
        author: author.to_owned(),
    };
    course
        .machine
        .permits(&wish)
        .map(|()| Now::Open)
        .map_err(|unfit| {
            Refusal::NotNow(match unfit {
                Unfit::Confirmed => format!(
                    "rollout {id} is confirmed by {} already",
                    course.machine.confirmed_by().unwrap_or_default()
                ),
                Unfit::Unverified { count } => format!(
                    "rollout {id} cannot be confirmed yet: {count} nodes are not verified; \
                     nothing is kept before all of them are"
                ),
                other => format!("{other}"),
            })
        })
}
