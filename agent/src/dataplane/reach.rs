//! Making a plan true: plan, act and look until nothing is left to do.
//!
//! # Guarantees
//! May be dropped at every `.await`, which is between two handfuls of steps at the latest. What was
//! made until then stays made; there is no target then, so that nothing is made of the rest.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::time::sleep;
use tracing::info;
use weft_model::plan::NodePlan;
use weft_model::report::Fault;
use weft_node::driver::Driver;
use weft_node::own::Owner;
use weft_node::plan::plan;
use weft_node::scope::Scope;
use weft_node::step::{Change, Step};

use super::Applied;
use super::retry::{Verdict, faults, verdict};
use super::task::{Dirty, Task};

/// How often a plan is made again at most until nothing is left of it.
const PASSES: u32 = 12;

impl<D: Driver> Task<D> {
    pub(super) async fn apply(&mut self, next: Arc<NodePlan>) -> Result<Applied, Vec<Fault>> {
        let owner = self.owner()?;
        self.mind_frr(Some(&next));
        self.hear().await;
        let scope = self.scope(&next);
        self.target = None;
        self.dirty = Dirty::default();
        self.told.clear();
        self.left.clear();
        let applied = self.reach(&owner, &next, scope).await?;
        self.target = Some(next);
        info!(steps = applied.steps, passes = applied.passes, "applied");
        Ok(applied)
    }

    /// Plans, acts and looks until nothing is left to do.
    pub(super) async fn reach(
        &mut self,
        owner: &Owner,
        want: &NodePlan,
        mut scope: Scope,
    ) -> Result<Applied, Vec<Fault>> {
        let mut applied = Applied::default();
        let mut tries = 0;
        loop {
            let planned = plan(owner, want, self.driver.seen(), &scope);
            if !planned.clashes.is_empty() {
                return Err(planned.clashes);
            }
            let steps = planned.steps;
            if steps.is_empty() {
                return Ok(applied);
            }
            if applied.passes >= PASSES {
                return Err(unsettled(&steps));
            }
            applied.passes += 1;
            let failures = self.driver.perform(&steps).await;
            let done = failures.first().map_or(steps.len(), |first| first.step);
            applied.steps += u32::try_from(done).unwrap_or(u32::MAX);
            self.hear().await;
            if steps.iter().any(gives_up_name) || self.dirty.all {
                // Whatever hung on it has to be looked at, and only looking at all finds it.
                scope = Scope::All;
            }
            // What is left to somebody else stays for later.
            let heard = std::mem::take(&mut self.dirty.names).into_iter();
            let (left, heard): (Vec<_>, Vec<_>) = heard.partition(|name| self.left.contains(name));
            self.dirty.names.extend(left);
            scope = scope.and(heard);
            if failures.is_empty() {
                continue;
            }
            tries += 1;
            match verdict(&failures, tries) {
                Verdict::Again(wait) => {
                    sleep(wait).await;
                    self.hear().await;
                }
                Verdict::Anew => {
                    self.resync().await;
                    scope = Scope::All;
                }
                Verdict::Fail => return Err(faults(&steps, &failures)),
            }
        }
    }
}

fn gives_up_name(step: &Step) -> bool {
    matches!(step, Step::Link { change: Change::Set(settings), .. } if settings.name.is_some())
}

fn unsettled(steps: &[Step]) -> Vec<Fault> {
    let mut told = BTreeSet::new();
    steps
        .iter()
        .filter(|step| told.insert(step.devices()))
        .map(|step| Fault {
            origin: step.origin().cloned(),
            attempt: format!("cannot {step}"),
            cause: "the kernel says yes, and yet it is not so".to_owned(),
            advice: "see whether another program changes the device at the same time".to_owned(),
        })
        .collect()
}
