//! The end of a rollout.

use tracing::info;
use weft_core::rollout::record::Phase;

use super::Term;

impl Term {
    /// The rollout is over. A node that never said how it ended says hello anew, and is then told.
    pub(super) fn finished(&mut self) {
        let record = self.parts.board.read(|state| {
            let course = state.course.as_ref();
            course.map(|course| course.record().clone())
        });
        if let Some(record) = record {
            self.miss(&record);
        }
        self.parts.board.write(|state| {
            let Some(course) = &state.course else { return };
            let record = course.record();
            info!(rollout = %record.id, reason = course.machine.reason(), "rollout closed");
            if let Phase::Closed { unsettled, .. } = &record.phase {
                for node in unsettled {
                    state.roster.cut(node);
                }
            }
        });
    }
}
