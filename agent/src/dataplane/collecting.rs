//! Destroying what was set aside, a group at a time.

use tokio::time::sleep;
use weft_model::report::Fault;
use weft_node::collect::collect;
use weft_node::driver::Driver;
use weft_node::step::Step;

use super::retry::{Verdict, faults, verdict};
use super::task::Task;

impl<D: Driver> Task<D> {
    /// Destroys one group of what was set aside.
    ///
    /// Whoever waits for the end is only taken off the list when it has come, so that this may be
    /// dropped on the way.
    pub(super) async fn collect_some(&mut self) {
        let Some((count, _)) = self.collecting else {
            return;
        };
        let result = match self.destroy_next(count).await {
            Ok(Some(count)) => {
                self.collecting
                    .iter_mut()
                    .for_each(|(done, _)| *done = count);
                return;
            }
            Ok(None) => Ok(count),
            Err(found) => Err(found),
        };
        for answer in self
            .collecting
            .take()
            .into_iter()
            .flat_map(|(_, waiting)| waiting)
        {
            let _ = answer.send(result.clone());
        }
    }

    /// How many are destroyed when one more group is; `None` when there is no group left.
    async fn destroy_next(&mut self, count: u32) -> Result<Option<u32>, Vec<Fault>> {
        let owner = self.owner()?;
        self.hear().await;
        let mut tries = 0;
        loop {
            let steps: Vec<Step> = collect(&owner, self.driver.seen())
                .into_iter()
                .take(1)
                .collect();
            let Some(step) = steps.first() else {
                return Ok(None);
            };
            let devices = u32::try_from(step.devices().len()).unwrap_or(u32::MAX);
            let failures = self.driver.perform(&steps).await;
            self.hear().await;
            if failures.is_empty() {
                return Ok(Some(count.saturating_add(devices)));
            }
            tries += 1;
            match verdict(&failures, tries) {
                Verdict::Again(wait) => sleep(wait).await,
                Verdict::Anew => self.resync().await,
                Verdict::Fail => return Err(faults(&steps, &failures)),
            }
        }
    }
}
