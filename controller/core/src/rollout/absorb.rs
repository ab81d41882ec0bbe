//! What a participant's words change.

use weft_model::clock::Moment;
use weft_model::message::{Answer, Command, Hello, Progress, Standing};
use weft_model::report::Fault;
use weft_model::revision::Nonce;

use super::effect::Effect;
use super::machine::Rollout;
use super::node::Seen;
use super::policy::Agreement;
use super::record::{Phase, Reason};

impl Rollout {
    /// A participant connected. Its hello is never taken for a vote: it may be older than what the
    /// node does next.
    pub(super) fn hello(
        &mut self,
        place: usize,
        hello: &Hello,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        self.change(place, |node| node.connected = true);
        effects.push(Effect::Progress(self.nodes[place].name.clone()));
        match self.record.phase {
            Phase::Preparing => self.ask(place, effects),
            Phase::Applying { .. } => {
                self.change(place, |node| {
                    if node.seen == Seen::Silent || node.seen == Seen::Prepared {
                        node.due = None;
                    }
                });
                self.hello_while_applying(place, hello.standing, now, effects);
            }
            Phase::Committed if hello.confirmed.rollout == self.record.id => {
                self.settle(place, Seen::Confirmed, effects);
            }
            Phase::Committed => self.decree(place, Command::Confirm, now, effects),
            Phase::Aborted(_) => self.decree(place, Command::Rollback, now, effects),
            Phase::Closed { .. } => {}
        }
    }

    fn hello_while_applying(
        &mut self,
        place: usize,
        standing: Standing,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        // A node that failed stays failed here: the rollout will be aborted, and a leader that sees
        // the node make the change after all has missed a decision.
        if self.nodes[place].seen == Seen::Failed || self.is_returning() {
            return;
        }
        let progress = match standing {
            Standing::Unsettled {
                rollout, progress, ..
            } if rollout == self.record.id => progress,
            Standing::Unsettled { .. } | Standing::Settled => {
                return self.fail(place, Vec::new(), effects);
            }
        };
        match progress {
            Progress::Prepared => match self.nodes[place].seen {
                Seen::Silent | Seen::Asked | Seen::Prepared => {
                    self.saw(place, Seen::Prepared, effects);
                    self.waves.ready(place, &self.nodes[place]);
                }
                // The apply was lost with the last stream.
                Seen::Told => self.tell(place, now, effects),
                Seen::Refused
                | Seen::Verified
                | Seen::Failed
                | Seen::Confirmed
                | Seen::RolledBack => {}
            },
            Progress::Verified if self.nodes[place].seen == Seen::Verified => {
                self.keep_alive(place, now, effects);
                self.look_again(place, now, effects);
            }
            Progress::Armed | Progress::Verified => {
                self.tell(place, now, effects);
                self.look_again(place, now, effects);
            }
            Progress::Reverting | Progress::Reverted | Progress::Stuck => {
                self.fail(place, Vec::new(), effects);
            }
        }
    }

    /// A participant's stream ended.
    pub(super) fn lost(&mut self, place: usize, now: Moment, effects: &mut Vec<Effect>) {
        self.change(place, |node| node.connected = false);
        effects.push(Effect::Progress(self.nodes[place].name.clone()));
        if matches!(self.record.phase, Phase::Applying { .. }) {
            self.expect_contact(place, now);
        }
    }

    /// A participant answered a command of this leader.
    pub(super) fn answer(
        &mut self,
        place: usize,
        nonce: Nonce,
        answer: Answer,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let seen = self.nodes[place].seen;
        match (&self.record.phase, answer) {
            (Phase::Preparing, Answer::Prepared(found)) => {
                let disruptive = found.disruptive.clone();
                self.change(place, |node| node.found = found);
                let accept = &self.record.policy.accept;
                if disruptive.is_empty() || accept.contains(&Agreement::Destructive) {
                    self.saw(place, Seen::Prepared, effects);
                } else {
                    self.refuse(place, disruptive, effects);
                }
            }
            (Phase::Preparing, Answer::Refused(faults)) => self.refuse(place, faults, effects),
            (Phase::Preparing, Answer::Failed(faults)) => self.fail(place, faults, effects),
            (Phase::Preparing | Phase::Applying { .. }, Answer::RolledBack) => {
                self.fail(place, Vec::new(), effects);
            }
            (Phase::Applying { .. }, Answer::Alive) => self.acknowledge(place, nonce),
            (Phase::Applying { .. }, Answer::Verified) => {
                self.acknowledge(place, nonce);
                self.is_well(place, nonce);
                if seen == Seen::Told {
                    self.saw(place, Seen::Verified, effects);
                    self.waves.verified(&self.nodes[place], now);
                }
                if self.tally.verified == self.tally.nodes && self.verified_at.is_none() {
                    self.verified_at = Some(now);
                    // Asked between two waves, nodes are asked again before the decision.
                    self.forget_looks();
                }
            }
            (Phase::Applying { .. }, Answer::Failed(faults) | Answer::Refused(faults)) => {
                self.fail(place, faults, effects);
            }
            (Phase::Committed, Answer::Confirmed) => self.settle(place, Seen::Confirmed, effects),
            // A node that had gone back has made the change again.
            (Phase::Committed, Answer::Verified) => {
                self.decree(place, Command::Confirm, now, effects);
            }
            (Phase::Aborted(_), Answer::RolledBack) => {
                self.settle(place, Seen::RolledBack, effects);
            }
            (Phase::Committed | Phase::Aborted(_), Answer::Failed(faults))
                if !faults.is_empty() && !self.nodes[place].is_settled() =>
            {
                self.blame(place, Seen::Failed, faults, effects);
            }
            // The answer to a command of a phase that is past.
            _ => {}
        }
    }

    /// A participant has heard the decision.
    fn settle(&mut self, place: usize, seen: Seen, effects: &mut Vec<Effect>) {
        self.change(place, |node| node.due = None);
        self.saw(place, seen, effects);
    }

    /// A participant will not make the change, which it has not begun to.
    fn refuse(&mut self, place: usize, faults: Vec<Fault>, effects: &mut Vec<Effect>) {
        self.blame(place, Seen::Refused, faults.clone(), effects);
        let node = self.nodes[place].name.clone();
        self.abort.get_or_insert(Reason::Refused { node, faults });
    }

    /// A participant cannot go on, so nobody does.
    fn fail(&mut self, place: usize, faults: Vec<Fault>, effects: &mut Vec<Effect>) {
        self.blame(place, Seen::Failed, faults.clone(), effects);
        let node = self.nodes[place].name.clone();
        self.abort.get_or_insert(Reason::Failed { node, faults });
    }

    fn blame(&mut self, place: usize, seen: Seen, faults: Vec<Fault>, effects: &mut Vec<Effect>) {
        self.change(place, |node| node.faults = faults);
        self.saw(place, seen, effects);
    }

    /// A participant acknowledged a word of this leader while it stood by its change.
    fn acknowledge(&mut self, place: usize, nonce: Nonce) {
        let policy = &self.record.policy;
        let node = &mut self.nodes[place];
        let Some((applied, sent)) = node.applied.zip(node.acknowledged(nonce)) else {
            return;
        };
        let until = policy.stands_until(applied, sent);
        self.change(place, |node| node.lease = node.lease.max(Some(until)));
    }
}
