//! Events of the node that wait for a controller: the latest ones, and how many were lost.

use std::collections::VecDeque;

use tracing::warn;
use weft_model::report::NodeEvent;

/// Enough for a night without a controller; the rest would say the same again.
const LONGEST: usize = 512;

/// The queue.
#[derive(Debug, Default)]
pub(super) struct News {
    waiting: VecDeque<NodeEvent>,
    lost: u64,
}

impl News {
    pub(super) fn push(&mut self, event: NodeEvent) {
        if self.waiting.len() == LONGEST {
            self.waiting.pop_front();
            self.lost += 1;
        }
        self.waiting.push_back(event);
    }

    pub(super) fn pop(&mut self) -> Option<NodeEvent> {
        let lost = std::mem::take(&mut self.lost);
        if lost > 0 {
            warn!(lost, "events were lost for want of a controller");
        }
        self.waiting.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use weft_model::report::EventKind;
    use weft_model::revision::Timestamp;

    use super::*;

    #[test]
    fn the_oldest_events_are_lost_first_and_counted() {
        let event = |at| NodeEvent {
            at: Timestamp(at),
            kind: EventKind::DriftHealed,
            origin: None,
            message: String::new(),
        };
        let mut news = News::default();
        (0..515).for_each(|at| news.push(event(at)));
        assert_eq!(news.lost, 3);
        assert_eq!(news.pop(), Some(event(3)));
        assert_eq!(news.lost, 0);
        assert_eq!(news.waiting.len(), LONGEST - 1);
    }
}
