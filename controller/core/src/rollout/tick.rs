//! What the passing of time changes, and when to look again.

use weft_model::clock::Moment;
use weft_model::message::Command;

use super::effect::Effect;
use super::machine::Rollout;
use super::node::Seen;
use super::policy::Confirm;
use super::record::{Phase, Reason};

impl Rollout {
    /// When to send the next [`Tick`](super::event::Event::Tick).
    pub fn next_wake(&self) -> Option<Moment> {
        if self.deposed {
            return None;
        }
        let due = self.tally.due.first().map(|(due, _)| *due);
        let lease = self.tally.leases.first().map(|(lease, _)| *lease);
        let policy = &self.record.policy;
        let phase = match &self.record.phase {
            Phase::Preparing => Some(self.entered.after(policy.prepare)),
            Phase::Applying { paused: false } => self.next_look(),
            Phase::Applying { paused: true } | Phase::Closed { .. } => None,
            Phase::Committed | Phase::Aborted(_) => Some(self.entered.after(policy.settle)),
        };
        let confirm = self.confirm_until().filter(|_| !self.is_confirmed());
        // While a write is under way, or an abort is wanted, only the nodes' turns matter.
        let rest = if self.writing.is_some() || self.abort.is_some() {
            None
        } else {
            [lease, phase, confirm, self.next_mark()]
                .into_iter()
                .flatten()
                .min()
        };
        due.into_iter().chain(rest).min()
    }

    pub(super) fn tick(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        while let Some(&(due, place)) = self.tally.due.first()
            && due <= now
        {
            self.change(place, |node| node.due = None);
            self.due(place, now, effects);
        }
        match self.record.phase {
            Phase::Preparing => self.unprepared(now),
            Phase::Applying { .. } => self.overdue(now),
            Phase::Committed | Phase::Aborted(_) | Phase::Closed { .. } => {}
        }
    }

    /// A participant's turn has come.
    fn due(&mut self, place: usize, now: Moment, effects: &mut Vec<Effect>) {
        let contact = self.record.policy.contact;
        let node = &self.nodes[place];
        match (&self.record.phase, node.seen) {
            (Phase::Applying { .. }, Seen::Told | Seen::Verified) => {
                let unheard = node.applied.filter(|_| node.lease.is_none());
                if unheard.is_some_and(|applied| applied.after(contact) <= now) {
                    self.lose(place);
                }
                // Who is to go back anyway needs no word to stay: where the store takes no decision,
                // nodes then go back by themselves.
                if !self.is_returning() {
                    self.keep_alive(place, now, effects);
                }
            }
            (Phase::Applying { .. }, Seen::Silent | Seen::Prepared) if !node.connected => {
                self.lose(place);
            }
            (Phase::Committed, _) => self.decree(place, Command::Confirm, now, effects),
            (Phase::Aborted(_), _) => self.decree(place, Command::Rollback, now, effects),
            (Phase::Preparing | Phase::Applying { .. } | Phase::Closed { .. }, _) => {}
        }
    }

    /// Whether the change is to be off, and no decision to keep it can be on its way.
    pub(super) fn is_returning(&self) -> bool {
        let writing = self.writing.as_ref();
        let commits = writing.is_some_and(|record| record.phase == Phase::Committed);
        self.abort.is_some() && !commits
    }

    fn lose(&mut self, place: usize) {
        let node = self.nodes[place].name.clone();
        self.abort.get_or_insert(Reason::Lost { node });
    }

    fn unprepared(&mut self, now: Moment) {
        let within = self.record.policy.prepare;
        let count = self.tally.nodes - self.tally.prepared;
        if now < self.entered.after(within) || count == 0 || self.abort.is_some() {
            return;
        }
        let missing = self.nodes.iter().find(|node| node.seen != Seen::Prepared);
        self.abort = missing.map(|node| Reason::Unprepared {
            node: node.name.clone(),
            count,
            within,
        });
    }

    fn overdue(&mut self, now: Moment) {
        if let Some(&(lease, place)) = self.tally.leases.first()
            && lease <= now
        {
            self.lose(place);
        }
        if let Confirm::Manual { within } = self.record.policy.confirm
            && self.confirm_until().is_some_and(|until| until <= now)
            && !self.is_confirmed()
        {
            self.abort.get_or_insert(Reason::Unconfirmed { within });
        }
    }
}
