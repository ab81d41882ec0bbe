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

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use weft_node::session::journal::Journal;

pub mod error;

mod record;

mod slots;

pub mod plans;

use error::LedgerError;
use plans::PlanStore;
use slots::Slots;

/// The ledger of one node, open for writing.
#[derive(Debug)]
pub struct Ledger {
    slots: Slots,
    plans: PlanStore,
    _lock: Flock<File>,
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
        let prepare = |source| LedgerError::Open {
            path: directory.to_owned(),
            source,
        };
        let plans = PlanStore::new(directory);
        make_directory(directory).map_err(prepare)?;
        let lock = lock(directory)?;
        make_directory(plans.directory()).map_err(prepare)?;
        plans.sweep()?;
        let (slots, journal) = Slots::open(directory, plans.is_empty()?)?;
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
    let plans = PlanStore::new(directory);
    let journal = slots::read(directory, plans.is_empty()?)?;
    Ok((journal, plans))
}

fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn lock(directory: &Path) -> Result<Flock<File>, LedgerError> {
    let path = directory.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(|source| LedgerError::Open {
            path: path.clone(),
            source,
        })?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, _)| LedgerError::Busy {
        path: directory.to_owned(),
    })
}

/// Makes the names in a directory as durable as the files that they name.
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// What a file holds; `None` where there is no file.
fn contents(path: PathBuf) -> Result<Option<Vec<u8>>, LedgerError> {
    match fs::read(&path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LedgerError::Read { path, source }),
    }
}

#[cfg(test)]
mod tests;
