//! What a node must still know when its agent or its host starts again: the journal of the
//! rollout protocol, and the plans that it speaks of.
//!
//! # Guarantees
//! - A write that returned is on disk. A write that was cut off at any byte leaves the journal that
//!   was there before it, and no plan.
//! - Room for the journal is taken when the directory is made, so that a disk that fills up later
//!   is found when a plan is staged, never when a change must be confirmed or undone.
//! - What cannot be read is an error; nothing is guessed and nothing is thrown away, because a
//!   guess would take down the network of every guest on the node.
//! - One agent at a time has the directory.
//!
//! # Assumes
//! The file system keeps what `fsync` returned for.

use std::any::Any;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weft_node::session::journal::Journal;

pub mod error;

pub mod disk;

pub mod lock;

mod record;

mod pair;
mod slots;

pub mod loans;

pub mod plans;

use disk::{Disk, HostDisk};
use error::LedgerError;
use plans::PlanStore;
use slots::Slots;

/// The ledger of one node, open for writing.
#[derive(Debug)]
pub struct Ledger {
    slots: Slots,
    plans: PlanStore,
    _lock: Box<dyn Any + Send>,
}

/// A ledger and the journal that was in it.
#[derive(Debug)]
pub struct Opened {
    /// The ledger.
    pub ledger: Ledger,
    /// The journal; `None` in a directory that was not used before.
    pub journal: Option<Journal>,
}

impl Ledger {
    /// Opens the ledger in `directory`, and makes it where there is none.
    ///
    /// # Errors
    /// When another agent has it, or when what is there cannot be read.
    pub fn open(directory: &Path) -> Result<Opened, LedgerError> {
        Self::open_on(Arc::new(HostDisk), directory)
    }

    /// The same on another file system than the host's.
    ///
    /// # Errors
    /// When another agent has it, or when what is there cannot be read.
    pub fn open_on(disk: Arc<dyn Disk>, directory: &Path) -> Result<Opened, LedgerError> {
        let prepare = |source| LedgerError::Open {
            path: directory.to_owned(),
            source,
        };
        disk.make_directory(directory).map_err(prepare)?;
        let lock = lock(&*disk, directory)?;
        let plans = PlanStore::new(Arc::clone(&disk), directory);
        disk.make_directory(plans.directory()).map_err(prepare)?;
        plans.sweep()?;
        let (slots, journal) = Slots::open(&*disk, directory, plans.is_empty()?)?;
        Ok(Opened {
            ledger: Self {
                slots,
                plans,
                _lock: lock,
            },
            journal,
        })
    }

    /// Puts the journal on disk.
    ///
    /// # Errors
    /// When the disk refuses; the journal that was there before is still there.
    pub fn persist(&mut self, journal: &Journal) -> Result<(), LedgerError> {
        self.slots.write(journal)
    }

    /// Where the plans are.
    pub fn plans(&self) -> &PlanStore {
        &self.plans
    }
}

/// Reads the journal in `directory` beside an agent that may be running; changes nothing.
///
/// # Errors
/// When there is none, or when it cannot be read.
pub fn read(directory: &Path) -> Result<(Option<Journal>, PlanStore), LedgerError> {
    let plans = PlanStore::new(Arc::new(HostDisk), directory);
    let journal = slots::read(&HostDisk, directory, plans.is_empty()?)?;
    Ok((journal, plans))
}

/// Keeps every agent from the ledger in `directory` until what is returned is dropped; for who only
/// reads it.
///
/// # Errors
/// When an agent has it.
pub fn keep_out(directory: &Path) -> Result<Box<dyn Any + Send>, LedgerError> {
    lock(&HostDisk, directory)
}

fn lock(disk: &dyn Disk, directory: &Path) -> Result<Box<dyn Any + Send>, LedgerError> {
    let path = lock::path(directory);
    disk.lock(&path).map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => LedgerError::Busy {
            path: directory.to_owned(),
        },
        _ => LedgerError::Open { path, source },
    })
}

/// What a file holds; `None` where there is no file.
fn contents(disk: &dyn Disk, path: PathBuf) -> Result<Option<Vec<u8>>, LedgerError> {
    match disk.read(&path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LedgerError::Read { path, source }),
    }
}

#[cfg(test)]
mod tests;
