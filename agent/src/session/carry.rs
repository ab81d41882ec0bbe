//! Carries out what the pure session wants, each thing before the next.

use std::time::Duration;

use tracing::{debug, info, warn};
use weft_model::message::{Answer, Fence, Gates, Progress, Standing, Target};
use weft_model::plan::digest::Digest;
use weft_model::report::{EventKind, Fault, NodeEvent};
use weft_model::revision::RevisionId;
use weft_node::session::effect::Effect;
use weft_node::session::event::Event;
use weft_node::session::journal::{Change, Journal, State};
use weft_proto::convert::message::progress_word;

use super::jobs::Purpose;
use super::shell::Shell;
use super::{SessionError, clock};
use crate::log::Chain;

impl Shell {
    /// Tells the session what happened, and does what follows from it.
    pub(super) async fn step(&mut self, event: Event) -> Result<(), SessionError> {
        let before = self.session.journal().clone();
        let effects = self.session.step(event, self.clock.now());
        self.note(&before);
        self.carry(effects).await
    }

    /// Does what the session wants.
    ///
    /// A journal that cannot be written ends the agent: what follows from it must not happen, and
    /// the next start takes up what is on disk.
    pub(super) async fn carry(&mut self, effects: Vec<Effect>) -> Result<(), SessionError> {
        self.join().await?;
        for effect in effects {
            match effect {
                Effect::Persist(journal) => {
                    self.ledger
                        .persist(&journal)
                        .map_err(SessionError::Ledger)?;
                }
                Effect::Stage { rollout, to, gates } => self.stage(rollout, to, gates),
                Effect::Apply { rollout, to, gates } => {
                    self.make(Purpose::Apply(rollout), to, gates);
                }
                Effect::Check { rollout, gates } => self.jobs.check(rollout, gates),
                Effect::Revert { to } => {
                    self.jobs.stop_change();
                    self.make(Purpose::Revert, to, Gates::default());
                }
                Effect::Send(fence, answer) => self.answer(&fence, &answer),
                Effect::SendAfresh(fence, answer) => {
                    info!(rollout = %fence.rollout, "answering over a new stream");
                    self.line.renew(fence, answer);
                }
                Effect::Wake(moment) => self.alarm = Some(moment),
                Effect::Sleep => self.alarm = None,
                Effect::Forget(_) => self.forget(),
                Effect::Collect => self.collect_due = true,
            }
        }
        self.collect_when_free();
        Ok(())
    }

    /// Makes a plan true.
    pub(super) fn make(&mut self, purpose: Purpose, to: Target, gates: Gates) {
        let plan = self.shelf.demand(to.revision, to.digest);
        self.jobs.change(purpose, plan, gates, Duration::ZERO);
    }

    /// Begins to destroy what no plan wants, once no plan is being made.
    pub(super) fn collect_when_free(&mut self) {
        if self.collect_due && !self.jobs.is_changing() && self.joined.is_some() {
            self.collect_due = false;
            self.jobs.collect(Duration::ZERO);
        }
    }

    /// Tells the data plane which devices are the node's, as soon as the node belongs to a cluster.
    async fn join(&mut self) -> Result<(), SessionError> {
        let pin = self.session.journal().pin.as_ref();
        let Some(cluster) = pin.map(|pin| pin.cluster.clone()) else {
            return Ok(());
        };
        if self.joined.as_ref() != Some(&cluster) {
            info!(%cluster, "node belongs to a cluster");
            let joined = self.dataplane.join(cluster.clone()).await;
            joined.map_err(|_| SessionError::DataplaneGone)?;
            self.joined = Some(cluster);
        }
        Ok(())
    }

    fn answer(&mut self, fence: &Fence, answer: &Answer) {
        let (rollout, nonce) = (fence.rollout, fence.nonce);
        match answer {
            Answer::Refused(faults) | Answer::Failed(faults) => {
                for fault in faults {
                    warn!(%rollout, %fault, "not done");
                }
            }
            Answer::Prepared(_)
            | Answer::Alive
            | Answer::Verified
            | Answer::Confirmed
            | Answer::RolledBack => {}
        }
        debug!(%rollout, %nonce, ?answer, "answer");
        self.line.answer(fence, answer);
    }

    /// Plans are told apart by their digest, and one may be wanted for two reasons.
    pub(super) fn forget(&mut self) {
        let keep = self.plans_in_use();
        if let Err(error) = self.shelf.retain(&keep) {
            // It takes room and does no harm; the next one to be forgotten takes it along.
            warn!(error = %Chain(&error), "a plan that is not needed stays on disk");
        }
    }

    fn plans_in_use(&self) -> Vec<Digest> {
        let journal = self.session.journal();
        let change = journal.state.change().map(|change| change.to.digest);
        let wanted = self.wanted.as_ref().map(|wanted| wanted.to.digest);
        [Some(journal.confirmed.target.digest), change, wanted]
            .into_iter()
            .flatten()
            .collect()
    }

    /// One line for each transition, and an event for what people should know of.
    pub(super) fn note(&mut self, before: &Journal) {
        let journal = self.session.journal();
        let [was, is] = [before, journal].map(|journal| word(journal.state.standing()));
        let confirmed = journal.confirmed.target.revision;
        if was != is || before.confirmed != journal.confirmed {
            let change = journal.state.change().or(before.state.change());
            let rollout = change.map_or(journal.confirmed.rollout, |change| change.rollout);
            let to = change.map_or(confirmed, |change| change.to.revision);
            info!(%rollout, revision = %to, %confirmed, was, is, "session");
        }
        if let (State::Reverting { .. }, State::Reverted { change, faults }) =
            (&before.state, &journal.state)
        {
            let (change, faults) = (change.clone(), faults.clone());
            self.tell_undone(&change, &faults, confirmed);
        }
    }

    /// Queues the event of a change that is undone.
    pub(super) fn tell_undone(&mut self, change: &Change, faults: &[Fault], now: RevisionId) {
        let why: Vec<_> = faults.iter().map(ToString::to_string).collect();
        let (revision, rollout) = (change.to.revision, change.rollout);
        let message = format!(
            "revision {revision} of rollout {rollout} was undone, the node is back at revision \
             {now}: {}",
            why.join("; ")
        );
        self.tell(EventKind::Reverted, message);
    }

    /// Queues an event of the node itself.
    pub(super) fn tell(&mut self, kind: EventKind, message: String) {
        self.news.push(NodeEvent {
            at: clock::time_of_day(),
            kind,
            origin: None,
            message,
        });
    }
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Settled => "settled",
        Standing::Unsettled { progress, .. } => progress_word(progress),
    }
}

/// Whether the answer still speaks of what is: only a verified change may be called verified.
pub(super) fn still_holds(standing: Standing, fence: &Fence) -> bool {
    matches!(
        standing,
        Standing::Unsettled { rollout, progress: Progress::Verified, .. }
            if rollout == fence.rollout
    )
}
