//! The journal on disk: two files of a fixed size that are written in turn, in place.
//!
//! Writing in place and not by renaming, because the room is taken already: a full disk cannot keep
//! a node from confirming a change or from going back. The file that is not being written always
//! has the journal before it, whole.

use std::path::{Path, PathBuf};

use tracing::warn;
use weft_node::session::journal::Journal;

use super::contents;
use super::disk::{Disk, Slot};
use super::error::LedgerError;
use super::record::{self, Unreadable};

const KIND: &str = "journal";
const NAMES: [&str; 2] = ["journal.0", "journal.1"];

/// A journal is some hundred bytes, and some thousand more for each fault that a node reports.
const ROOM: usize = 64 << 10;

/// The two files, and which of them is next.
#[derive(Debug)]
pub(super) struct Slots {
    files: [(PathBuf, Box<dyn Slot>); 2],
    sequence: u64,
}

impl Slots {
    pub(super) fn open(
        disk: &dyn Disk,
        directory: &Path,
        is_unused: bool,
    ) -> Result<(Self, Option<Journal>), LedgerError> {
        let latest = latest(disk, directory, is_unused)?;
        let [first, second] = NAMES.map(|name| directory.join(name));
        let files = [
            (first.clone(), slot(disk, first)?),
            (second.clone(), slot(disk, second)?),
        ];
        let synced = disk.sync_directory(directory);
        synced.map_err(|source| LedgerError::Write {
            path: directory.to_owned(),
            source,
        })?;
        let sequence = latest.as_ref().map_or(0, |(sequence, _)| *sequence);
        let journal = latest.map(|(_, journal)| journal);
        Ok((Self { files, sequence }, journal))
    }

    pub(super) fn write(&mut self, journal: &Journal) -> Result<(), LedgerError> {
        let next = self.sequence + 1;
        let (path, slot) = &mut self.files[usize::from(next % 2 == 1)];
        let value = serde_json::to_vec(journal).map_err(|source| LedgerError::Encode {
            path: path.clone(),
            source,
        })?;
        let written = slot.write(&record::encode(KIND, next, &value));
        written.map_err(|source| LedgerError::Write {
            path: path.clone(),
            source,
        })?;
        self.sequence = next;
        Ok(())
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

/// Opens one of the two files, and takes its room where that was not done yet.
fn slot(disk: &dyn Disk, path: PathBuf) -> Result<Box<dyn Slot>, LedgerError> {
    disk.slot(&path, ROOM)
        .map_err(|source| LedgerError::Write { path, source })
}

/// The later of the two journals that can be read.
///
/// A damaged file beside a good one is a write that was cut off: what it would have said was not
/// acted on yet, so that the good one is the truth.
fn latest(
    disk: &dyn Disk,
    directory: &Path,
    is_unused: bool,
) -> Result<Option<(u64, Journal)>, LedgerError> {
    let mut found: Option<(u64, Journal)> = None;
    let mut damaged = 0;
    for name in NAMES {
        let path = directory.join(name);
        let bytes = contents(disk, path.clone())?.unwrap_or_default();
        match parse(&bytes) {
            Ok((sequence, journal)) => {
                if found.as_ref().is_none_or(|(other, _)| *other < sequence) {
                    found = Some((sequence, journal));
                }
            }
            Err(Unreadable::Blank) => {}
            Err(Unreadable::Damaged) => {
                warn!(path = %path.display(), "journal was cut off, taking the one before");
                damaged += 1;
            }
            Err(Unreadable::UnknownVersion(version)) => {
                return Err(LedgerError::UnknownVersion { path, version });
            }
        }
    }
    let path = directory.to_owned();
    match found {
        Some(found) => Ok(Some(found)),
        // The first write of all was cut off, before anything followed from it.
        None if is_unused && damaged < NAMES.len() => Ok(None),
        None if damaged == 0 => Err(LedgerError::JournalMissing { path }),
        None => Err(LedgerError::JournalDamaged { path }),
    }
}

fn parse(bytes: &[u8]) -> Result<(u64, Journal), Unreadable> {
    let record = record::decode(KIND, bytes)?;
    let journal = serde_json::from_slice(record.value).map_err(|_| Unreadable::Damaged)?;
    Ok((record.sequence, journal))
}
