//! The data plane of this node, as the rest of the agent sees it.
//!
//! A thread of its own holds the netlink sockets and the mirror of the kernel; this is the handle to
//! it. What it is asked is done one after the other; an apply that nobody waits for any more ends
//! between two steps.
//!
//! # Guarantees
//! Nothing is written to the kernel but by [`Dataplane::apply`], [`Dataplane::collect`] and, while
//! there is a target, by the healing of drift. Dropping the handle changes nothing in the kernel.
//!
//! # Never
//! Touches a device that is not provably ours (`weft_node::own`).

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use weft_model::facts::Facts;
use weft_model::plan::NodePlan;
use weft_model::report::{Fault, NodeEvent};
use weft_model::revision::ClusterId;
use weft_node::driver::Driver;
use weft_node::own::Owner;

mod collecting;
mod desk;
mod heal;
mod pace;
mod reach;
mod request;
mod retry;
mod task;

use request::Request;
use task::Task;

use crate::kernel::{self, Kernel, Places};

/// How many requests may wait; the session asks one thing at a time.
const REQUESTS: usize = 16;
/// How many events may wait for the session before drift is no longer told, only healed.
const EVENTS: usize = 1024;
/// How many faults of a failed change are told.
const MOST_FAULTS: usize = 100;

/// What an apply did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// How many changes were made.
    pub steps: u32,
    /// How often the node had to be looked at and planned for again.
    pub passes: u32,
}

/// What a plan would do here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The steps that it would take, in words.
    pub steps: Vec<String>,
    /// What it would take away from guests that are plugged in.
    pub disruptive: Vec<Fault>,
}

/// The handle to the data plane.
#[derive(Clone, Debug)]
pub struct Dataplane {
    requests: mpsc::Sender<Request>,
    facts: watch::Receiver<Arc<Facts>>,
}

impl Dataplane {
    /// What the node is and has besides what is ours; changes when that changes.
    pub fn facts(&self) -> watch::Receiver<Arc<Facts>> {
        self.facts.clone()
    }

    /// Says which cluster the node belongs to: only its devices are ours.
    ///
    /// # Errors
    /// When the data plane is gone.
    pub async fn join(&self, cluster: ClusterId) -> Result<(), Vec<Fault>> {
        self.ask(|answer| Request::Join { cluster, answer }).await
    }

    /// Plans `next` against the live kernel and answers with what it would do. Changes nothing.
    ///
    /// # Errors
    /// Everything that would keep `next` from being applied here.
    pub async fn check(&self, next: Arc<NodePlan>) -> Result<Checked, Vec<Fault>> {
        self.ask(|answer| Request::Check { next, answer }).await?
    }

    /// Makes `next` true and keeps it true: it is the target from now on.
    ///
    /// What `next` no longer has is set down and detached, and destroyed by [`Self::collect`]. Going
    /// back is applying the earlier plan. `Ok` means that the node was looked at afterwards and
    /// that nothing is left to do. After `Err` there is no target until the next call. Dropped, it
    /// ends soon: between two handfuls of steps, and when it waits at once. What was made stays.
    ///
    /// # Errors
    /// What could not be made true, and why: the foremost of it.
    pub async fn apply(&self, next: Arc<NodePlan>) -> Result<Applied, Vec<Fault>> {
        self.ask(|answer| Request::Apply { next, answer })
            .await?
            .map_err(foremost)
    }

    /// Destroys what earlier applies set down; answers when all is gone. Other requests are served
    /// in between. Returns how many devices were destroyed.
    ///
    /// # Errors
    /// What could not be destroyed.
    pub async fn collect(&self) -> Result<u32, Vec<Fault>> {
        self.ask(|answer| Request::Collect { answer }).await?
    }

    /// Heeds the respites that are kept in a state directory.
    ///
    /// # Errors
    /// When the data plane is gone.
    pub async fn heed(&self, respites: PathBuf) -> Result<(), Vec<Fault>> {
        self.ask(|answer| Request::Heed { respites, answer }).await
    }

    /// Sets what drift is measured against without applying it; `None` stops healing.
    ///
    /// # Errors
    /// When the data plane is gone.
    pub async fn set_target(&self, target: Option<Arc<NodePlan>>) -> Result<(), Vec<Fault>> {
        self.ask(|answer| Request::SetTarget { target, answer })
            .await
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, Vec<Fault>> {
        let gone = || {
            vec![Fault {
                origin: None,
                attempt: "cannot reach the node's data plane".to_owned(),
                cause: "its thread has ended".to_owned(),
                advice: "restart the agent; its log says what happened".to_owned(),
            }]
        };
        let (sender, receiver) = oneshot::channel();
        self.requests
            .send(request(sender))
            .await
            .map_err(|_| gone())?;
        receiver.await.map_err(|_| gone())
    }
}

/// A node that can do nothing has as many faults as vnets; more than these help nobody, and the
/// journal that keeps them has its room.
pub(crate) fn foremost(mut faults: Vec<Fault>) -> Vec<Fault> {
    let more = faults.len().saturating_sub(MOST_FAULTS);
    faults.truncate(MOST_FAULTS);
    if more > 0 {
        faults.push(Fault {
            origin: None,
            attempt: "cannot do more".to_owned(),
            cause: format!("{more} more things failed"),
            advice: "see to the others first".to_owned(),
        });
    }
    faults
}

/// What comes with an opened data plane.
#[derive(Debug)]
pub struct Opened {
    /// The handle.
    pub dataplane: Dataplane,
    /// Drift that was seen and what was done about it.
    pub events: mpsc::Receiver<NodeEvent>,
}

/// Why the data plane could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its thread could not be started.
    #[error("cannot start the data plane's thread")]
    Thread {
        /// Why.
        source: std::io::Error,
    },
    /// The kernel could not be opened or read.
    #[error("cannot open the kernel's data plane")]
    Kernel {
        /// Why.
        source: kernel::Error,
    },
    /// Its thread ended before it was ready.
    #[error("the data plane's thread ended at its start")]
    Ended,
}

/// Opens the kernel of the network namespace that the calling thread is in, on a thread of its own.
///
/// Reads everything and writes nothing.
///
/// # Errors
/// When the kernel cannot be opened or read.
pub async fn open(cluster: Option<ClusterId>) -> Result<Opened, OpenError> {
    open_at(cluster, Places::default()).await
}

/// The same, with what is at these places.
///
/// # Errors
/// When the kernel, or what is noted of devices of the host, cannot be opened or read.
pub async fn open_at(cluster: Option<ClusterId>, places: Places) -> Result<Opened, OpenError> {
    let thread = |source| OpenError::Thread { source };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(thread)?;
    let (ready, opened) = oneshot::channel();
    std::thread::Builder::new()
        .name("weft-dataplane".to_owned())
        .spawn(move || {
            runtime.block_on(async move {
                match Kernel::open_at(&places).await {
                    Ok(kernel) => {
                        let (opened, work) = start(kernel, cluster).await;
                        // Whoever waited may have gone: then the work ends by itself.
                        let _ = ready.send(Ok(opened));
                        work.await;
                    }
                    Err(source) => {
                        let _ = ready.send(Err(OpenError::Kernel { source }));
                    }
                }
            });
        })
        .map_err(thread)?;
    opened.await.map_err(|_| OpenError::Ended)?
}

/// Drives something that stands for a kernel, on the caller's runtime.
pub async fn open_with<D>(driver: D, cluster: Option<ClusterId>) -> Opened
where
    D: Driver + Send + 'static,
{
    let (opened, work) = start(driver, cluster).await;
    tokio::spawn(work);
    opened
}

async fn start<D: Driver + Send>(
    driver: D,
    cluster: Option<ClusterId>,
) -> (Opened, impl Future<Output = ()>) {
    let (requests, receiver) = mpsc::channel(REQUESTS);
    let (sender, events) = mpsc::channel(EVENTS);
    let (task, facts) = Task::new(driver, cluster.map(Owner::new), sender).await;
    let opened = Opened {
        dataplane: Dataplane { requests, facts },
        events,
    };
    (opened, task.run(receiver))
}

#[cfg(test)]
mod tests;
