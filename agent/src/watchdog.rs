//! A process beside the agent that brings the node back when the agent cannot: because it does not
//! start, crashes again and again, or hangs.
//!
//! It knows nothing but the ledger. The deadline of an unconfirmed change is in the journal, where
//! the agent puts it off with every word from the controller before it answers that word; so there
//! is no second file that could say something else.
//!
//! # Guarantees
//! - An unconfirmed change is undone within five seconds of its deadline, with or without an agent.
//! - The node is touched only by whoever has the ledger's lock, and the journal is read again under
//!   it. So agent and watchdog never act at once, never twice, and never after the confirm:
//!   * an agent that confirms, or goes back, writes so first; then nothing is due any more;
//!   * an agent that is ended on the way to writing it has told nobody, and the journal decides;
//!   * an agent that starts meanwhile finds the lock taken and waits.
//! - A process is ended only while the kernel says that it is the agent that has the ledger, and by
//!   a handle that cannot come to mean another process.
//! - It costs nothing while no change is unconfirmed: it waits for the journal to be written.
//!
//! # Assumes
//! It runs as the user that the agent runs as, in the same network namespace.
//!
//! # Never
//! Speaks to a controller, destroys what is foreign, or changes a node whose journal it cannot read.

use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use sd_notify::NotifyState;
use tracing::{error, info, warn};
use weft_node::session::journal::{BootId, Journal};
use weft_node::watch::{LOOK, Next, Watch, is_due};

mod alarm;
mod charge;
mod process;
mod undo;

use alarm::Alarm;
use charge::Charge;
use undo::UndoError;

use crate::frr;
use crate::ledger::{self, lock};
use crate::log::Chain;
use crate::service;
use crate::session::clock::since_boot;

/// The pause after going back could not even be begun.
const PAUSE: Duration = Duration::from_secs(5);

/// Why the watchdog cannot watch.
#[derive(Debug, thiserror::Error)]
pub enum WatchdogError {
    /// The directory cannot be watched.
    #[error("cannot watch the state directory {}", path.display())]
    Watch {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The thing that waits broke.
    #[error("cannot wait for the journal in {} to be written", path.display())]
    Wait {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Watches over the agent whose ledger is in `directory`, for ever.
///
/// # Errors
/// When the process lacks a right, or cannot watch.
pub fn watch_over(directory: &Path, openvswitch: &Path, frr: frr::Settings) -> anyhow::Result<()> {
    service::demand_rights()?;
    let watchdog = Watchdog::open(directory, openvswitch, frr, service::boot()?)?;
    service::tell_systemd(&[NotifyState::Ready]);
    watchdog.run()?;
    Ok(())
}

/// The watchdog of one node.
#[derive(Debug)]
struct Watchdog {
    directory: PathBuf,
    openvswitch: PathBuf,
    frr: frr::Settings,
    boot: BootId,
    alarm: Alarm,
    watch: Watch,
    /// What was undone although the disk would not take that it was.
    undone: Option<Journal>,
    /// Why the journal could not be read last time.
    unreadable: Option<String>,
}

impl Watchdog {
    /// Begins to watch the ledger in `directory`, which need not be there yet.
    fn open(
        directory: &Path,
        openvswitch: &Path,
        frr: frr::Settings,
        boot: BootId,
    ) -> Result<Self, WatchdogError> {
        let alarm = Alarm::open(directory).map_err(|source| WatchdogError::Watch {
            path: directory.to_owned(),
            source,
        })?;
        Ok(Self {
            directory: directory.to_owned(),
            openvswitch: openvswitch.to_owned(),
            frr,
            boot,
            alarm,
            watch: Watch::default(),
            undone: None,
            unreadable: None,
        })
    }

    fn run(mut self) -> Result<(), WatchdogError> {
        info!(state_dir = %self.directory.display(), "watching");
        loop {
            match self.look() {
                Next::Sleep => self.wait(None)?,
                Next::Until(moment) => self.wait(Some(moment))?,
                Next::Again => sleep(LOOK.duration()),
                Next::TakeOver => self.take_over(),
                Next::End(agent) => {
                    if self.end(agent) {
                        self.take_over();
                    }
                }
            }
        }
    }

    fn wait(&self, until: Option<weft_model::clock::Moment>) -> Result<(), WatchdogError> {
        self.alarm
            .wait(until)
            .map_err(|source| WatchdogError::Wait {
                path: self.directory.clone(),
                source,
            })
    }

    fn look(&mut self) -> Next {
        let journal = match ledger::read(&self.directory) {
            Ok((journal, _)) => journal.unwrap_or_default(),
            Err(error) => {
                let error = Chain(&error).to_string();
                if self.unreadable.as_ref() != Some(&error) {
                    warn!(
                        error,
                        "the journal cannot be read, the node is left as it is"
                    );
                    self.unreadable = Some(error);
                }
                return Next::Sleep;
            }
        };
        self.unreadable = None;
        if self.undone.as_ref() == Some(&journal) {
            return Next::Sleep;
        }
        let holder = lock::holder(&self.directory).unwrap_or_default();
        self.watch.look(&journal, &self.boot, since_boot(), holder)
    }

    /// Ends an agent that does nothing; says whether it is gone.
    fn end(&self, agent: u32) -> bool {
        warn!(agent, "the agent lets its deadline pass, ending it");
        match process::end(agent, || lock::holder(&self.directory)) {
            Ok(gone) => gone,
            Err(error) => {
                error!(agent, %error, "cannot end the agent");
                sleep(LOOK.duration());
                false
            }
        }
    }

    fn take_over(&mut self) {
        let mut charge = match Charge::take(&self.directory) {
            Ok(Some(charge)) => charge,
            // Somebody was faster; the next look says who.
            Ok(None) => return sleep(LOOK.duration()),
            Err(error) => {
                error!(error = %Chain(&error), "cannot take over");
                return sleep(PAUSE);
            }
        };
        if !is_due(&charge.journal, &self.boot, since_boot()) {
            return;
        }
        warn!("nobody undoes the change that is past its deadline, taking over");
        match undisturbed(|| undo::undo(&mut charge, &self.boot, &self.openvswitch, &self.frr)) {
            Ok(is_on_disk) => {
                if !is_on_disk {
                    let read = ledger::read(&self.directory);
                    self.undone = read.ok().and_then(|(journal, _)| journal);
                }
            }
            Err(error) => {
                error!(error = %Chain(&error), "cannot undo the change");
                drop(charge);
                sleep(PAUSE);
            }
        }
    }
}

/// Lets a signal that asks the process to end wait until the node is not between two plans.
fn undisturbed(work: impl FnOnce() -> Result<bool, UndoError>) -> Result<bool, UndoError> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    let are_blocked = signals.thread_block().is_ok();
    let done = work();
    if are_blocked {
        // A signal that came meanwhile ends the process here.
        let _ = signals.thread_unblock();
    }
    done
}
