//! Counts and orders over all participants, kept up to date one participant at a time, so that no
//! event has to look at all of them.

use std::collections::BTreeSet;

use weft_model::clock::Moment;

use super::node::{Look, Node, Seen};

/// Sums over all participants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Tally {
    pub nodes: u32,
    pub connected: u32,
    pub prepared: u32,
    pub in_flight: u32,
    pub verified: u32,
    pub settled: u32,
    /// Those that were asked once more and have not answered.
    pub asked: u32,
    /// When something must be done, and about whom.
    pub due: BTreeSet<(Moment, usize)>,
    /// Until when who surely stands by its change.
    pub leases: BTreeSet<(Moment, usize)>,
}

impl Tally {
    /// Takes a participant into the sums.
    pub fn add(&mut self, place: usize, node: &Node) {
        self.nodes += 1;
        self.connected += u32::from(node.connected);
        self.asked += u32::from(matches!(node.look, Look::Asked(_)));
        if let Some(count) = self.count(node.seen) {
            *count += 1;
        }
        self.due.extend(node.due.map(|due| (due, place)));
        self.leases.extend(node.lease.map(|lease| (lease, place)));
    }

    /// Takes a participant out of the sums.
    pub fn remove(&mut self, place: usize, node: &Node) {
        self.nodes -= 1;
        self.connected -= u32::from(node.connected);
        self.asked -= u32::from(matches!(node.look, Look::Asked(_)));
        if let Some(count) = self.count(node.seen) {
            *count -= 1;
        }
        if let Some(due) = node.due {
            self.due.remove(&(due, place));
        }
        if let Some(lease) = node.lease {
            self.leases.remove(&(lease, place));
        }
    }

    fn count(&mut self, seen: Seen) -> Option<&mut u32> {
        match seen {
            Seen::Prepared => Some(&mut self.prepared),
            Seen::Told => Some(&mut self.in_flight),
            Seen::Verified => Some(&mut self.verified),
            Seen::Confirmed | Seen::RolledBack => Some(&mut self.settled),
            Seen::Silent | Seen::Asked | Seen::Refused | Seen::Failed => None,
        }
    }

    /// Whether every participant stands by its change at `now`, for all that can be known.
    pub fn all_stand(&self, now: Moment) -> bool {
        let first = self.leases.first().is_none_or(|(lease, _)| now < *lease);
        first && self.leases.len() == self.nodes as usize
    }
}
