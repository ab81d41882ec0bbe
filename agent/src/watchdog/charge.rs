//! The ledger in the watchdog's hands: locked, and written as far as the disk will have it.

use std::any::Any;
use std::path::Path;

use tracing::warn;
use weft_node::session::journal::Journal;

use crate::ledger::error::LedgerError;
use crate::ledger::plans::PlanStore;
use crate::ledger::{self, Ledger};
use crate::log::Chain;

/// A node that nobody else looks after while this lives.
pub(super) struct Charge {
    pub(super) journal: Journal,
    pub(super) plans: PlanStore,
    disk: Disk,
}

enum Disk {
    Writable(Box<Ledger>),
    /// The lock is all that could be had of it.
    ReadOnly(#[expect(dead_code, reason = "it is held, not looked at")] Box<dyn Any + Send>),
}

impl Charge {
    /// Takes the ledger; `None` while somebody else has it.
    ///
    /// A disk that failed may be why there is no agent. Going back needs no more of it than to be
    /// read.
    pub(super) fn take(directory: &Path) -> Result<Option<Self>, LedgerError> {
        match Ledger::open(directory) {
            Ok(opened) => Ok(Some(Self {
                journal: opened.journal.unwrap_or_default(),
                plans: opened.ledger.plans().clone(),
                disk: Disk::Writable(Box::new(opened.ledger)),
            })),
            Err(LedgerError::Busy { .. }) => Ok(None),
            Err(error) => {
                warn!(error = %Chain(&error), "the ledger cannot be written");
                let lock = match ledger::keep_out(directory) {
                    Err(LedgerError::Busy { .. }) => return Ok(None),
                    taken => taken?,
                };
                let (journal, plans) = ledger::read(directory)?;
                Ok(Some(Self {
                    journal: journal.unwrap_or_default(),
                    plans,
                    disk: Disk::ReadOnly(lock),
                }))
            }
        }
    }

    /// Puts the journal on disk; says whether it is there.
    ///
    /// The agent must not go on without. Here it does no harm: whoever finds the journal as it was
    /// finds a change past its deadline, and undoes what is undone already.
    pub(super) fn persist(&mut self, journal: &Journal) -> bool {
        match &mut self.disk {
            Disk::Writable(ledger) => match ledger.persist(journal) {
                Ok(()) => true,
                Err(error) => {
                    warn!(error = %Chain(&error), "the journal cannot be written");
                    false
                }
            },
            Disk::ReadOnly(_) => false,
        }
    }
}
