//! A kernel, real or in memory, that refuses a step when it is told to.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weft_model::facts::Facts;
use weft_node::driver::{Changes, Driver, Failure};
use weft_node::seen::Seen;
use weft_node::step::Step;

/// What is to go wrong. Clones are the same orders.
#[derive(Clone, Default)]
pub struct Trouble(Arc<Mutex<Orders>>);

#[derive(Default)]
struct Orders {
    refusal: Option<Refusal>,
    meddling: Option<Meddling>,
    steps: usize,
}

/// Something that happens once so many steps are made.
struct Meddling {
    left: usize,
    what: Box<dyn FnOnce() + Send>,
}

#[derive(Clone, Copy)]
struct Refusal {
    left: usize,
    errno: i32,
    times: u32,
}

/// The driver that has trouble.
pub struct Faulty<D> {
    inner: D,
    trouble: Trouble,
}

impl Trouble {
    /// Refuses so many steps with this error number, once `after` more were made.
    pub fn refuse(&self, after: usize, errno: i32, times: u32) {
        self.lock().refusal = Some(Refusal {
            left: after,
            errno,
            times,
        });
    }

    /// Lets something happen once `after` more steps were made, before the next.
    pub fn meddle(&self, after: usize, what: impl FnOnce() + Send + 'static) {
        self.lock().meddling = Some(Meddling {
            left: after,
            what: Box::new(what),
        });
    }

    /// Lets everything go well from now on; says whether there still was something to come.
    pub fn end(&self) -> bool {
        let mut orders = self.lock();
        let refusal = orders.refusal.take();
        let meddling = orders.meddling.take();
        refusal.is_some() || meddling.is_some()
    }

    /// How many steps were made so far.
    pub fn steps(&self) -> usize {
        self.lock().steps
    }

    fn lock(&self) -> MutexGuard<'_, Orders> {
        // A test that panicked leaves nothing here that is half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many of these steps are made before the next thing happens.
    fn quiet(&self, steps: usize) -> usize {
        let orders = self.lock();
        let refusal = orders.refusal.map_or(steps, |refusal| refusal.left);
        let meddling = orders.meddling.as_ref().map_or(steps, |it| it.left);
        steps.min(refusal).min(meddling)
    }

    /// Notes that so many steps were made.
    fn made(&self, steps: usize) {
        let mut orders = self.lock();
        orders.steps += steps;
        if let Some(refusal) = &mut orders.refusal {
            refusal.left = refusal.left.saturating_sub(steps);
        }
        if let Some(meddling) = &mut orders.meddling {
            meddling.left = meddling.left.saturating_sub(steps);
        }
    }

    /// Lets happen what is due before the next step; gives what is said of that step.
    fn due(&self) -> Option<i32> {
        let mut orders = self.lock();
        if let Some(due) = orders.meddling.take_if(|meddling| meddling.left == 0) {
            (due.what)();
        }
        let refusal = orders
            .refusal
            .as_mut()
            .filter(|refusal| refusal.left == 0)?;
        let errno = refusal.errno;
        refusal.times = refusal.times.saturating_sub(1);
        if refusal.times == 0 {
            orders.refusal = None;
        }
        Some(errno)
    }
}

impl<D> Faulty<D> {
    /// This driver, and its trouble.
    pub fn new(inner: D) -> (Self, Trouble) {
        let trouble = Trouble::default();
        let driver = Self {
            inner,
            trouble: trouble.clone(),
        };
        (driver, trouble)
    }
}

impl<D: Driver + Send> Driver for Faulty<D> {
    type Error = D::Error;

    fn seen(&self) -> &Seen {
        self.inner.seen()
    }

    async fn look(&mut self) -> Result<Changes, D::Error> {
        self.inner.look().await
    }

    async fn look_again(&mut self) -> Result<(), D::Error> {
        self.inner.look_again().await
    }

    async fn changed(&mut self) {
        self.inner.changed().await;
    }

    async fn perform(&mut self, steps: &[Step]) -> Vec<Failure> {
        let mut made = 0;
        while made < steps.len() {
            if let Some(errno) = self.trouble.due() {
                return vec![Failure {
                    step: made,
                    errno: Some(errno),
                    cause: io::Error::from_raw_os_error(errno).to_string(),
                }];
            }
            let quiet = self.trouble.quiet(steps.len() - made);
            let failures = self.inner.perform(&steps[made..made + quiet]).await;
            if !failures.is_empty() {
                let moved = |failure: Failure| Failure {
                    step: failure.step + made,
                    ..failure
                };
                return failures.into_iter().map(moved).collect();
            }
            made += quiet;
            self.trouble.made(quiet);
        }
        Vec::new()
    }

    fn mind_frr(&mut self, is_wanted: bool) {
        self.inner.mind_frr(is_wanted);
    }

    async fn try_frr(&mut self, steps: &[Step]) -> Option<String> {
        self.inner.try_frr(steps).await
    }

    async fn facts(&mut self) -> Facts {
        self.inner.facts().await
    }

    fn may_switch(&self) -> bool {
        self.inner.may_switch()
    }
}
