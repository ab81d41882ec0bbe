//! The agent's session: the pure machine with a stream, a disk, a clock and a data plane around it.
//!
//! # Guarantees
//! - What the machine wants is done in its order; nothing is said or done before the journal that it
//!   follows from is on disk.
//! - Keep-alives are answered while a plan is being staged or made.
//! - Without a controller the node stays what it last confirmed, and is made that again after a
//!   start of the host. A start of the agent on an unchanged kernel writes nothing.
//! - A stop leaves the network as it is. A change that is being made then has a while to come to
//!   its end, and is taken up by the next start if it does not.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use weft_model::name::NodeName;
use weft_model::report::EventKind;
use weft_model::revision::ClusterId;
use weft_node::session::journal::{BootId, Journal, State};
use weft_node::session::machine::Session;

use crate::connect::{Controller, Road};
use crate::dataplane;
use crate::ledger::disk::{Disk, HostDisk};
use crate::ledger::error::LedgerError;
use crate::ledger::{self, Ledger};
use crate::log::Chain;
use crate::probe::Probes;
use neighbors::Neighbors;
use routing::{Sight, Watching};

pub mod clock;
pub mod neighbors;
pub mod routing;

mod aside;

mod news;

mod dial;

mod line;

mod shelf;

mod jobs;

mod shell;

mod stage;

mod carry;

mod hear;

use clock::Clock;
use line::Line;
use news::News;
use shelf::Shelf;
use shell::Shell;

/// What a session is told at its start.
#[derive(Debug)]
pub struct Settings {
    /// The node's name.
    pub node: NodeName,
    /// The controllers, tried in turn.
    pub controllers: Vec<Controller>,
    /// The boot of the host.
    pub boot: BootId,
    /// Told once, when the node is what it should be after the start.
    pub ready: oneshot::Sender<()>,
    /// What shows that the loop is alive, if anyone asks.
    pub pulse: Option<Pulse>,
    /// Makes a node that is stuck try again.
    pub retry: Arc<Notify>,
    /// What the session has of the host besides its disk and its kernel.
    pub surroundings: Surroundings,
}

/// What a session has of its host; as usual, the host's own.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The clock that deadlines are of.
    pub clock: Clock,
    /// How controllers are reached.
    pub road: Road,
    /// The probes that rollouts may ask for.
    pub probes: Probes,
    /// The routing sessions that a change must leave up.
    pub neighbors: Neighbors,
    /// The routing that the controller is told of.
    pub sight: Sight,
}

/// A sign of life.
pub struct Pulse {
    /// How often it is given.
    pub every: Duration,
    /// Gives it.
    pub beat: Box<dyn Fn() + Send>,
}

/// Why a session ended that was not told to.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The ledger could not be read or written.
    #[error("cannot go on without the ledger")]
    Ledger(#[source] LedgerError),
    /// The data plane's thread ended.
    #[error("cannot go on without the data plane, whose thread has ended")]
    DataplaneGone,
    /// A task panicked.
    #[error("cannot go on after a task of the session broke")]
    Broken,
}

/// A ledger whose confirmed plan was read, so that the network may be touched.
#[derive(Debug)]
pub struct Memory {
    ledger: Ledger,
    journal: Journal,
    shelf: Shelf,
}

impl Memory {
    /// Opens the ledger in `directory` and reads what the journal speaks of.
    ///
    /// # Errors
    /// When another agent has it, or when the journal or the confirmed plan cannot be read.
    pub fn open(directory: &Path) -> Result<Self, LedgerError> {
        Self::open_on(Arc::new(HostDisk), directory)
    }

    /// The same on another file system than the host's.
    ///
    /// # Errors
    /// When another agent has it, or when the journal or the confirmed plan cannot be read.
    pub fn open_on(disk: Arc<dyn Disk>, directory: &Path) -> Result<Self, LedgerError> {
        let ledger::Opened {
            mut ledger,
            journal,
        } = Ledger::open_on(disk, directory)?;
        let journal = match journal {
            Some(journal) => journal,
            None => {
                // From now on a directory with plans and no journal is one that was damaged.
                ledger.persist(&Journal::default())?;
                Journal::default()
            }
        };
        let mut shelf = Shelf::new(ledger.plans().clone());
        let confirmed = journal.confirmed.target.digest;
        shelf.load(confirmed)?;
        let change = journal.state.change().map(|change| change.to.digest);
        for digest in change.into_iter().filter(|digest| *digest != confirmed) {
            if let Err(error) = shelf.load(digest) {
                // The way back is there, and that is the one that must be.
                warn!(error = %Chain(&error), "the plan of the change in hand cannot be read");
            }
        }
        Ok(Self {
            ledger,
            journal,
            shelf,
        })
    }

    /// The cluster that the node belongs to.
    pub fn cluster(&self) -> Option<ClusterId> {
        self.journal.pin.as_ref().map(|pin| pin.cluster.clone())
    }

    /// What the node remembers.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }
}

/// Runs a node's session until `stop`.
///
/// # Errors
/// When the ledger or the data plane fails; the next start takes up what is on disk.
pub async fn run(
    settings: Settings,
    memory: Memory,
    opened: dataplane::Opened,
    stop: CancellationToken,
) -> Result<(), SessionError> {
    let joined = memory.cluster();
    let before = memory.journal.clone();
    let Surroundings {
        clock,
        road,
        probes,
        neighbors,
        sight,
    } = settings.surroundings;
    let (session, effects) = Session::start(memory.journal, settings.boot, clock.now());
    let dataplane = opened.dataplane;
    let mut shell = Shell {
        node: settings.node,
        session,
        ledger: memory.ledger,
        shelf: memory.shelf,
        joined,
        line: Line::new(settings.controllers, road),
        watching: Watching::start(sight, clock.clone()),
        routing: None,
        clock,
        news: News::default(),
        jobs: jobs::Jobs::new(dataplane.clone(), probes, neighbors),
        alarm: None,
        offer: None,
        wanted: None,
        collect_due: false,
        facts: dataplane.facts(),
        facts_told: Arc::default(),
        dataplane,
        events: opened.events,
        ready: Some(settings.ready),
        pulse: settings.pulse,
        retry: settings.retry,
    };
    let version = env!("CARGO_PKG_VERSION");
    let confirmed = before.confirmed.target.revision;
    info!(node = %shell.node, version, %confirmed, "session begins");
    shell.tell(EventKind::Started, format!("weft-agent {version} started"));
    if let State::Reverted { change, faults } = &before.state {
        // Undone before this start: by the agent before this one, or by its watchdog.
        shell.tell_undone(change, faults, confirmed);
    }
    shell.note(&before);
    // Before the effects, so that what is not wanted any more is destroyed after what is wanted
    // was made.
    shell.keep_up(0);
    shell.carry(effects).await?;
    shell.forget();
    if !shell.jobs.is_changing() {
        shell.tell_ready();
    }
    shell.run(stop).await
}

impl std::fmt::Debug for Pulse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pulse")
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
