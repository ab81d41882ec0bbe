//! A plan on its way into the node: what came with a command, what is asked for again, and how it
//! ended.

use tracing::{info, warn};
use weft_model::message::{Gates, Target};
use weft_model::plan::digest::Digest;
use weft_model::revision::{Nonce, RolloutId};
use weft_node::session::event::Event;
use weft_proto::v1;

use super::SessionError;
use super::jobs::{self, Source, Stage, Staging};
use super::shelf;
use super::shell::{Offer, Shell};

/// A plan that is being staged, from the command to the end.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) rollout: RolloutId,
    pub(super) to: Target,
    gates: Gates,
    /// The command that the plan came with.
    nonce: Nonce,
    progress: Progress,
}

#[derive(Debug, PartialEq, Eq)]
enum Progress {
    /// It is being staged from a difference.
    FromDelta,
    /// It was asked for whole.
    Asked,
    /// It is being staged from the whole.
    FromWhole,
}

impl Shell {
    /// Begins the stage that the session wants, with the plan that came with its command.
    pub(super) fn stage(&mut self, rollout: RolloutId, to: Target, gates: Gates) {
        let offer = self.offer.take_if(|offer| offer.to == to.digest);
        let (nonce, delta) =
            offer.map_or((Nonce::default(), None), |offer| (offer.nonce, offer.delta));
        self.wanted = Some(Wanted {
            rollout,
            to,
            gates: gates.clone(),
            nonce,
            progress: Progress::FromDelta,
        });
        self.begin(rollout, to, gates, delta);
    }

    /// Takes a plan that came again with a command, because its first coming did not fit and the
    /// stream broke before it came whole.
    pub(super) fn stage_again(&mut self) {
        let Some(Offer { nonce, to, delta }) = self.offer.take() else {
            return;
        };
        if let Some(wanted) = &mut self.wanted
            && wanted.progress == Progress::Asked
            && wanted.to.digest == to
        {
            wanted.nonce = nonce;
            wanted.progress = Progress::FromDelta;
            let (rollout, to, gates) = (wanted.rollout, wanted.to, wanted.gates.clone());
            self.begin(rollout, to, gates, delta);
        }
    }

    /// Takes a plan that was asked for.
    pub(super) fn stage_whole(&mut self, plan: v1::Plan) {
        match &mut self.wanted {
            Some(wanted) if wanted.nonce.0 == plan.nonce && wanted.progress == Progress::Asked => {
                wanted.progress = Progress::FromWhole;
                let (rollout, to, gates) = (wanted.rollout, wanted.to, wanted.gates.clone());
                self.begin(rollout, to, gates, plan.plan);
            }
            Some(_) | None => info!(nonce = plan.nonce, "a plan came that nobody waits for"),
        }
    }

    fn begin(
        &mut self,
        rollout: RolloutId,
        to: Target,
        gates: Gates,
        delta: Option<v1::PlanDelta>,
    ) {
        let source = match self.shelf.get(to.digest) {
            Some(plan) => Source::Held(plan),
            None => {
                let from: Option<Digest> =
                    delta.as_ref().and_then(|delta| shelf::start(delta).ok());
                let base = from.and_then(|from| self.shelf.get(from));
                Source::Sent { base, delta }
            }
        };
        let stage = Stage {
            rollout,
            to,
            source,
            gates,
        };
        self.jobs.stage(stage, self.shelf.store().clone());
    }

    /// Takes the end of a stage.
    pub(super) async fn staged(
        &mut self,
        rollout: RolloutId,
        to: Target,
        staging: Staging,
    ) -> Result<(), SessionError> {
        let result = match staging {
            Staging::Done(plan, found) => {
                self.shelf.hold(to.digest, plan);
                Ok(found)
            }
            Staging::Refused(faults) => Err(faults),
            Staging::Wanted(misfit) => match &mut self.wanted {
                Some(wanted) if wanted.progress == Progress::FromDelta => {
                    let error = crate::log::Chain(&misfit);
                    warn!(%rollout, revision = %to.revision, %error, "asking for the whole plan");
                    wanted.progress = Progress::Asked;
                    let nonce = wanted.nonce.0;
                    self.line
                        .say(v1::up::Message::WantPlan(v1::WantPlan { nonce }));
                    return Ok(());
                }
                Some(_) | None => Err(jobs::unfit(&misfit)),
            },
        };
        self.wanted = None;
        self.step(Event::Staged {
            rollout,
            to,
            result,
        })
        .await
    }
}
