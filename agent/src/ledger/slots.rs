//! The journal on disk: when there must be one, and what it means that there is none.

use std::path::Path;

use weft_node::session::journal::Journal;

use super::disk::Disk;
use super::error::LedgerError;
use super::pair::{Form, Pair};

const FORM: Form = Form {
    kind: "journal",
    names: ["journal.0", "journal.1"],
    // A journal is some hundred bytes, and some thousand more for each fault that a node reports.
    room: 64 << 10,
};

/// The journal, open for writing.
#[derive(Debug)]
pub(super) struct Slots(Pair);

impl Slots {
    pub(super) fn open(
        disk: &dyn Disk,
        directory: &Path,
        is_unused: bool,
    ) -> Result<(Self, Option<Journal>), LedgerError> {
        let (sequence, journal) = latest(disk, directory, is_unused)?.unzip();
        let pair = FORM.open(disk, directory, sequence.unwrap_or(0))?;
        Ok((Self(pair), journal))
    }

    pub(super) fn write(&mut self, journal: &Journal) -> Result<(), LedgerError> {
        self.0.write(journal)
    }
}

/// The journal in `directory`; changes nothing.
pub(super) fn read(
    disk: &dyn Disk,
    directory: &Path,
    is_unused: bool,
) -> Result<Option<Journal>, LedgerError> {
    Ok(latest(disk, directory, is_unused)?.map(|(_, journal)| journal))
}

fn latest(
    disk: &dyn Disk,
    directory: &Path,
    is_unused: bool,
) -> Result<Option<(u64, Journal)>, LedgerError> {
    let found = FORM.read(disk, directory)?;
    let path = directory.to_owned();
    match found.latest {
        Some(latest) => Ok(Some(latest)),
        // The first write of all was cut off, before anything followed from it.
        None if is_unused && found.damaged < FORM.names.len() => Ok(None),
        None if found.damaged == 0 => Err(LedgerError::JournalMissing { path }),
        None => Err(LedgerError::JournalDamaged { path }),
    }
}
