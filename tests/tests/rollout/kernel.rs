//! The kernel of a simulated host: it takes its time, one change after the other.

use std::sync::Arc;
use std::time::Duration;

use weft_agent::fake::{FakeDriver, Never};
use weft_model::facts::Facts;
use weft_node::driver::{Changes, Driver, Failure};
use weft_node::seen::Seen;
use weft_node::session::journal::State as Stands;
use weft_node::step::Step;

use super::laws;
use super::world::{Who, World, node_name};

pub struct SimKernel {
    pub world: Arc<World>,
    pub number: usize,
    pub inner: FakeDriver,
}

impl Driver for SimKernel {
    type Error = Never;

    fn seen(&self) -> &Seen {
        self.inner.seen()
    }

    async fn look(&mut self) -> Result<Changes, Never> {
        self.inner.look().await
    }

    async fn look_again(&mut self) -> Result<(), Never> {
        self.inner.look_again().await
    }

    async fn changed(&mut self) {
        self.inner.changed().await;
    }

    async fn perform(&mut self, steps: &[Step]) -> Vec<Failure> {
        let who = Who::Agent(self.number);
        for (place, step) in steps.iter().enumerate() {
            let reverts = {
                let state = self.world.lock();
                let stands = &state.hosts[self.number].journal.state;
                matches!(stands, Stands::Reverting { .. })
            };
            let name = if reverts { "revert.op" } else { "apply.op" };
            if self.world.hit(who, name) {
                return std::future::pending().await;
            }
            let wait = {
                let mut state = self.world.lock();
                let slow = state.hosts[self.number].slow;
                state.chance.within(0, slow)
            };
            if wait > 0 {
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
            if self.world.has_fallen(who) {
                return std::future::pending().await;
            }
            let mut failures = self.inner.perform(std::slice::from_ref(step)).await;
            self.world.note(|| {
                let failed = failures.first().map(|failure| &failure.cause);
                format!("{} {step} {failed:?}", node_name(self.number))
            });
            if let Some(failure) = failures.first_mut() {
                let now = self.world.now();
                self.world.lock().hosts[self.number].meddled = now;
                failure.step = place;
                return failures;
            }
            laws::touched(&self.world, self.number, step);
        }
        if self.world.hit(who, "verify.before") {
            return std::future::pending().await;
        }
        Vec::new()
    }

    async fn facts(&mut self) -> Facts {
        self.inner.facts().await
    }

    fn may_switch(&self) -> bool {
        true
    }
}
