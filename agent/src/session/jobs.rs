//! What takes long and goes on beside the stream: staging a plan, making one true, destroying what
//! no plan wants.
//!
//! # Guarantees
//! At most one job of each kind is in hand. The end of a job that another took the place of is not
//! told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};
use weft_model::message::{Found, Gates, Target};
use weft_model::plan::NodePlan;
use weft_model::report::Fault;
use weft_model::revision::RolloutId;
use weft_proto::v1;

use super::aside::aside;
use super::neighbors::Neighbors;
use super::shelf::{self, Misfit};
use crate::dataplane::{Dataplane, foremost};
use crate::ledger::plans::PlanStore;
use crate::log::Chain;
use crate::probe::{Probes, When};

/// A change of the data plane that is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A rollout's plan.
    Apply(RolloutId),
    /// The confirmed plan, in place of an unconfirmed one.
    Revert,
    /// What the node should be anyway: after a start of the agent or the host.
    Upkeep {
        /// How often it was tried in vain.
        attempts: u32,
    },
}

/// The end of a job.
#[derive(Debug)]
pub(super) enum Ended {
    Staged(RolloutId, Target, Staging),
    Made(Purpose, Result<(), Vec<Fault>>),
    Checked(RolloutId, Result<(), Vec<Fault>>),
    Collected(Result<u32, Vec<Fault>>),
}

/// How a stage ended.
#[derive(Debug)]
pub(super) enum Staging {
    /// The plan is on disk and could be applied.
    Done(Arc<NodePlan>, Found),
    /// The plan must be sent whole.
    Wanted(Misfit),
    /// The plan cannot be applied here.
    Refused(Vec<Fault>),
}

/// Where the plan to be staged comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// The node has it, on disk too.
    Held(Arc<NodePlan>),
    /// It is made from this plan and a difference.
    Sent {
        base: Option<Arc<NodePlan>>,
        delta: Option<v1::PlanDelta>,
    },
}

/// A stage to be done.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) rollout: RolloutId,
    pub(super) to: Target,
    pub(super) source: Source,
    pub(super) gates: Gates,
}

/// The jobs in hand.
#[derive(Debug)]
pub(super) struct Jobs {
    dataplane: Dataplane,
    probes: Probes,
    neighbors: Neighbors,
    running: JoinSet<(u64, Ended)>,
    next: u64,
    stage: Option<(u64, AbortHandle)>,
    change: Option<(u64, AbortHandle)>,
    check: Option<(u64, AbortHandle)>,
    collect: Option<(u64, AbortHandle)>,
}

impl Jobs {
    pub(super) fn new(dataplane: Dataplane, probes: Probes, neighbors: Neighbors) -> Self {
        Self {
            dataplane,
            probes,
            neighbors,
            running: JoinSet::new(),
            next: 0,
            stage: None,
            change: None,
            check: None,
            collect: None,
        }
    }

    /// Begins a stage, in place of one that still runs.
    pub(super) fn stage(&mut self, stage: Stage, store: PlanStore) {
        let (dataplane, probes) = (self.dataplane.clone(), self.probes.clone());
        let began = self.spawn(async move {
            let (rollout, to) = (stage.rollout, stage.to);
            Ended::Staged(rollout, to, staged(&dataplane, &probes, store, stage).await)
        });
        replace(&mut self.stage, began);
    }

    /// Begins to make a plan true, in place of a change that still runs, and then to see whether the
    /// node passes its gates.
    pub(super) fn change(
        &mut self,
        purpose: Purpose,
        plan: Result<Arc<NodePlan>, Vec<Fault>>,
        gates: Gates,
        pause: Duration,
    ) {
        let (dataplane, probes) = (self.dataplane.clone(), self.probes.clone());
        let neighbors = self.neighbors.clone();
        let began = self.spawn(async move {
            tokio::time::sleep(pause).await;
            let before = match purpose {
                Purpose::Apply(rollout) if !gates.sessions_may_fall => {
                    neighbors.before(rollout).await
                }
                Purpose::Apply(_) | Purpose::Revert | Purpose::Upkeep { .. } => BTreeSet::new(),
            };
            let mut made = made(&dataplane, plan).await;
            if made.is_ok() {
                made = passed(&probes, &gates, When::After).await;
            }
            if made.is_ok() {
                made = neighbors.again(&before).await;
            }
            Ended::Made(purpose, made)
        });
        replace(&mut self.change, began);
    }

    /// Begins to see whether the node passes its gates, in place of a check that still runs.
    pub(super) fn check(&mut self, rollout: RolloutId, gates: Gates) {
        let probes = self.probes.clone();
        let began = self.spawn(async move {
            Ended::Checked(rollout, passed(&probes, &gates, When::Again).await)
        });
        replace(&mut self.check, began);
    }

    /// Begins to destroy what no plan wants.
    pub(super) fn collect(&mut self, pause: Duration) {
        let dataplane = self.dataplane.clone();
        let began = self.spawn(async move {
            tokio::time::sleep(pause).await;
            Ended::Collected(dataplane.collect().await)
        });
        replace(&mut self.collect, began);
    }

    /// Stops a change or a check that still runs.
    pub(super) fn stop_change(&mut self) {
        for (_, running) in [self.change.take(), self.check.take()]
            .into_iter()
            .flatten()
        {
            running.abort();
        }
    }

    pub(super) fn is_changing(&self) -> bool {
        self.change.is_some()
    }

    /// Waits for the end of a job; for ever, while there is none. `None` when a job broke.
    /// Cancel-safe.
    pub(super) async fn end(&mut self) -> Option<Ended> {
        loop {
            match self.running.join_next().await {
                Some(Ok((id, ended))) => {
                    if self.was_in_hand(id) {
                        return Some(ended);
                    }
                }
                Some(Err(error)) if error.is_cancelled() => {}
                Some(Err(_)) => return None,
                None => return std::future::pending().await,
            }
        }
    }

    fn was_in_hand(&mut self, id: u64) -> bool {
        let jobs = [
            &mut self.stage,
            &mut self.change,
            &mut self.check,
            &mut self.collect,
        ];
        jobs.into_iter()
            .any(|job| job.take_if(|(running, _)| *running == id).is_some())
    }

    fn spawn(&mut self, job: impl Future<Output = Ended> + Send + 'static) -> (u64, AbortHandle) {
        self.next += 1;
        let id = self.next;
        (id, self.running.spawn(async move { (id, job.await) }))
    }
}

fn replace(job: &mut Option<(u64, AbortHandle)>, began: (u64, AbortHandle)) {
    if let Some((_, running)) = job.replace(began) {
        running.abort();
    }
}

async fn staged(dataplane: &Dataplane, probes: &Probes, store: PlanStore, stage: Stage) -> Staging {
    let Stage {
        to, source, gates, ..
    } = stage;
    let is_held = matches!(source, Source::Held(_));
    let built = match source {
        Source::Held(plan) => Ok(plan),
        Source::Sent { delta: None, .. } => Err(Misfit::Nothing),
        Source::Sent {
            base,
            delta: Some(delta),
        } => built(base, delta, to).await,
    };
    let plan = match built {
        Ok(plan) => plan,
        Err(misfit) => return Staging::Wanted(misfit),
    };
    let mut refused = probes.refused(&gates);
    let checked = match dataplane.check(Arc::clone(&plan)).await {
        Ok(checked) if refused.is_empty() => checked,
        Ok(_) => return Staging::Refused(refused),
        Err(faults) => {
            refused.extend(faults);
            return Staging::Refused(refused);
        }
    };
    let found = Found {
        steps: u32::try_from(checked.steps.len()).unwrap_or(u32::MAX),
        failing: probes.failing(&gates, When::Before).await,
        disruptive: foremost(checked.disruptive),
    };
    if is_held {
        return Staging::Done(plan, found);
    }
    let copy = Arc::clone(&plan);
    let written = aside(move || store.write(to.digest, &copy)).await;
    match written {
        Ok(Ok(())) => Staging::Done(plan, found),
        Ok(Err(error)) => Staging::Refused(vec![error.fault()]),
        Err(_) => Staging::Refused(vec![Fault {
            origin: None,
            attempt: "cannot put the plan on disk".to_owned(),
            cause: "the agent broke while it wrote".to_owned(),
            advice: "the agent's log says what happened".to_owned(),
        }]),
    }
}

/// Thousands of entries are read and digested, so not on a thread that answers keep-alives.
async fn built(
    base: Option<Arc<NodePlan>>,
    delta: v1::PlanDelta,
    to: Target,
) -> Result<Arc<NodePlan>, Misfit> {
    let from = shelf::start(&delta)?;
    let base = base.ok_or(Misfit::UnknownStart(from))?;
    aside(move || shelf::build(&delta, from, &base, to.digest))
        .await
        .map_err(|_| Misfit::Nothing)?
        .map(Arc::new)
}

async fn made(
    dataplane: &Dataplane,
    plan: Result<Arc<NodePlan>, Vec<Fault>>,
) -> Result<(), Vec<Fault>> {
    dataplane.apply(plan?).await.map(drop)
}

async fn passed(probes: &Probes, gates: &Gates, when: When) -> Result<(), Vec<Fault>> {
    let failing: Vec<Fault> = probes.failing(gates, when).await.into_values().collect();
    if failing.is_empty() {
        Ok(())
    } else {
        Err(failing)
    }
}

/// The fault of a node that was sent another plan than was announced, whole.
pub(super) fn unfit(misfit: &Misfit) -> Vec<Fault> {
    vec![Fault {
        origin: None,
        attempt: "cannot stage the plan that the controller sent".to_owned(),
        cause: Chain(misfit).to_string(),
        advice: "see whether controller and agent are of versions that go together".to_owned(),
    }]
}
