//! A kernel in memory, with failures to order.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::libc;
use tokio::sync::Notify;
use weft_model::facts::{DeviceType, Facts};
use weft_model::prefix::Family;
use weft_node::driver::{Changes, Driver, Failure};
use weft_node::replay::{Refused, replay};
use weft_node::seen::{Ipv6, Seen, SeenKind, SeenLink};
use weft_node::step::Step;

/// A kernel in memory. Clones are the same kernel: one is driven, the others order and look.
#[derive(Clone, Debug, Default)]
pub struct Fake {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    seen: Seen,
    changes: Changes,
    orders: Vec<Order>,
    made: Vec<String>,
    pace: Duration,
    facts: Facts,
    observed: Seen,
}

#[derive(Clone, Debug)]
struct Order {
    step: String,
    errno: i32,
    times: u32,
}

/// A kernel in memory can always be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a kernel in memory can always be read")]
pub struct Never;

impl Fake {
    /// A host with a loopback and an uplink, able to do all that this version builds.
    pub fn new() -> Self {
        let fake = Self::default();
        {
            let mut state = fake.lock();
            for (index, name) in [(1, "lo"), (2, "eth0")] {
                let mut link = SeenLink::new(index, name, SeenKind::Other);
                (link.up, link.mtu) = (true, 1500);
                link.ipv6 = Some(Ipv6::default());
                state.seen.put(link);
            }
            state.facts = Facts {
                device_types: DeviceType::ALL.into(),
                forwarding: BTreeSet::from([Family::Ipv4, Family::Ipv6]),
                nft: "1.0.6".parse().ok(),
                ..Facts::default()
            };
        }
        fake
    }

    /// Makes the next `times` steps whose text begins with `step` fail with this error number.
    pub fn fail(&self, step: &str, errno: i32, times: u32) {
        self.lock().orders.push(Order {
            step: step.to_owned(),
            errno,
            times,
        });
    }

    /// Makes every step take so long from now on.
    pub fn slow(&self, pace: Duration) {
        self.lock().pace = pace;
    }

    /// Changes what is there behind the driver's back, as another program would.
    pub fn meddle(&self, change: impl FnOnce(&mut Seen)) {
        let mut state = self.lock();
        change(&mut state.seen);
        let names = |seen: &Seen| -> BTreeSet<String> {
            seen.links().map(|link| link.name.clone()).collect()
        };
        let touched: BTreeSet<String> = names(&state.seen)
            .union(&names(&state.observed))
            .filter(|name| state.seen.named(name) != state.observed.named(name))
            .cloned()
            .collect();
        state.changes.names.extend(touched);
        state.changes.nat |= state.seen.nat != state.observed.nat;
        drop(state);
        self.changed.notify_one();
    }

    /// Changes what the node says of itself.
    pub fn set_facts(&self, change: impl FnOnce(&mut Facts)) {
        let mut state = self.lock();
        change(&mut state.facts);
        state.changes.facts = true;
        drop(state);
        self.changed.notify_one();
    }

    /// What is there now.
    pub fn seen(&self) -> Seen {
        self.lock().seen.clone()
    }

    /// The steps that were made so far, in words.
    pub fn made(&self) -> Vec<String> {
        self.lock().made.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked leaves nothing here that is half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Makes a step; says why not.
    fn make(&mut self, step: &Step) -> Option<(i32, String)> {
        let text = step.to_string();
        let order = self
            .orders
            .iter_mut()
            .find(|order| order.times > 0 && text.starts_with(&order.step));
        if let Some(order) = order {
            order.times -= 1;
            let cause = std::io::Error::from_raw_os_error(order.errno).to_string();
            return Some((order.errno, cause));
        }
        if let Err(refused) = replay(&mut self.seen, step) {
            return Some((errno(refused), refused.to_string()));
        }
        self.made.push(text);
        None
    }
}

/// The driver's side of a [`Fake`], with what it saw last.
#[derive(Debug)]
pub struct FakeDriver {
    fake: Fake,
    seen: Seen,
}

impl FakeDriver {
    /// Drives this kernel.
    pub fn new(fake: Fake) -> Self {
        let seen = fake.seen();
        fake.lock().observed = seen.clone();
        Self { fake, seen }
    }

    fn refresh(&mut self) -> Changes {
        let mut state = self.fake.lock();
        self.seen = state.seen.clone();
        state.observed = state.seen.clone();
        std::mem::take(&mut state.changes)
    }
}

impl Driver for FakeDriver {
    type Error = Never;

    fn seen(&self) -> &Seen {
        &self.seen
    }

    async fn look(&mut self) -> Result<Changes, Never> {
        Ok(self.refresh())
    }

    async fn look_again(&mut self) -> Result<(), Never> {
        self.refresh();
        Ok(())
    }

    async fn changed(&mut self) {
        self.fake.changed.notified().await;
    }

    async fn perform(&mut self, steps: &[Step]) -> Vec<Failure> {
        for (place, step) in steps.iter().enumerate() {
            let pace = self.fake.lock().pace;
            if !pace.is_zero() {
                tokio::time::sleep(pace).await;
            }
            if let Some((errno, cause)) = self.fake.lock().make(step) {
                return vec![Failure {
                    step: place,
                    errno: Some(errno),
                    cause,
                }];
            }
        }
        Vec::new()
    }

    async fn facts(&mut self) -> Facts {
        self.fake.lock().facts.clone()
    }

    fn may_switch(&self) -> bool {
        true
    }
}

fn errno(refused: Refused) -> i32 {
    match refused {
        Refused::Exists => libc::EEXIST,
        Refused::NoDevice => libc::ENODEV,
        Refused::Busy => libc::EBUSY,
        Refused::Invalid => libc::EINVAL,
        Refused::NetworkDown => libc::ENETDOWN,
        Refused::NotFound => libc::ENOENT,
        Refused::Range => libc::ERANGE,
    }
}
