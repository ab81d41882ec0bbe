//! What users want of a rollout that runs, and when it is too late or too early for it.

use tracing::info;
use weft_core::rollout::event::{Event, Wish};
use weft_core::rollout::policy::Confirm;
use weft_core::rollout::record::{Phase, Record};
use weft_model::revision::RolloutId;

use super::Term;
use crate::engine::port::Way;
use crate::engine::refusal::Refusal;

impl Term {
    pub(super) fn steer(
        &mut self,
        rollout: Option<RolloutId>,
        author: String,
        way: Way,
    ) -> Result<RolloutId, Refusal> {
        let id = self.parts.board.read(|state| {
            let course = state.course.as_ref();
            let record = course
                .map(|course| course.record())
                .filter(|record| rollout.is_none_or(|wanted| wanted == record.id));
            match (record, rollout) {
                (Some(record), _) => check(record, way).map(|()| record.id),
                (None, Some(wanted)) => Err(Refusal::NotNow(format!(
                    "rollout {wanted} is not the active one"
                ))),
                (None, None) => Err(Refusal::NotNow("no rollout is active".to_owned())),
            }
        })?;
        info!(rollout = %id, %author, ?way, "rollout steered");
        let wish = match way {
            Way::Pause => Wish::Pause,
            Way::Resume => Wish::Resume,
            Way::Confirm => Wish::Confirm,
            Way::Abort => Wish::Abort { author },
        };
        self.step(Event::User(wish));
        Ok(id)
    }
}

/// Whether a rollout can still go this way.
fn check(record: &Record, way: Way) -> Result<(), Refusal> {
    let id = record.id;
    let refuse = |reason: String| Err(Refusal::NotNow(reason));
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
        (Phase::Applying { .. }, Way::Confirm | Way::Pause | Way::Resume)
        | (Phase::Preparing | Phase::Applying { .. }, Way::Abort) => Ok(()),
    }
}
