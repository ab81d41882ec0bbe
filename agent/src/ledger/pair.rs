//! Two files of a fixed size that are written in turn, in place.
//!
//! # Guarantees
//! A write that returned is on disk. The file that is not being written always has what was written
//! before, whole. Writing is in place and not by renaming, because the room is taken already: a disk
//! that is full later keeps no write from being made.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::warn;

use super::contents;
use super::disk::{Disk, Slot};
use super::error::LedgerError;
use super::record::{self, Unreadable};

/// What is in two such files, what they are called, and the room that each has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) kind: &'static str,
    pub(super) names: [&'static str; 2],
    pub(super) room: usize,
}

/// What two files have.
#[derive(Debug)]
pub(super) struct Found<T> {
    /// The later of what can be read, with its number.
    ///
    /// A damaged file beside a good one is a write that was cut off: what it would have said was not
    /// acted on yet, so that the good one is the truth.
    pub(super) latest: Option<(u64, T)>,
    /// How many of them are not what was written.
    pub(super) damaged: usize,
}

/// The two files, and which of them is next.
#[derive(Debug)]
pub(super) struct Pair {
    kind: &'static str,
    files: [(PathBuf, Box<dyn Slot>); 2],
    sequence: u64,
}

impl Form {
    /// What is in a directory; changes nothing.
    ///
    /// # Errors
    /// When a file cannot be read, or a later agent wrote it.
    pub(super) fn read<T: DeserializeOwned>(
        self,
        disk: &dyn Disk,
        directory: &Path,
    ) -> Result<Found<T>, LedgerError> {
        let mut found = Found {
            latest: None,
            damaged: 0,
        };
        for name in self.names {
            let path = directory.join(name);
            let bytes = contents(disk, path.clone())?.unwrap_or_default();
            match parse(self.kind, &bytes) {
                Ok((sequence, value)) => {
                    if found
                        .latest
                        .as_ref()
                        .is_none_or(|(other, _)| *other < sequence)
                    {
                        found.latest = Some((sequence, value));
                    }
                }
                Err(Unreadable::Blank) => {}
                Err(Unreadable::Damaged) => {
                    let kind = self.kind;
                    warn!(path = %path.display(), "{kind} was cut off, taking the one before");
                    found.damaged += 1;
                }
                Err(Unreadable::UnknownVersion(version)) => {
                    return Err(LedgerError::UnknownVersion { path, version });
                }
            }
        }
        Ok(found)
    }

    /// Opens the files, and takes their room where that was not done yet; `sequence` is the number
    /// of what was written last.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn open(
        self,
        disk: &dyn Disk,
        directory: &Path,
        sequence: u64,
    ) -> Result<Pair, LedgerError> {
        let slot = |path: PathBuf| {
            let opened = disk.slot(&path, self.room);
            match opened {
                Ok(slot) => Ok((path, slot)),
                Err(source) => Err(LedgerError::Write { path, source }),
            }
        };
        let [first, second] = self.names.map(|name| directory.join(name));
        let files = [slot(first)?, slot(second)?];
        let synced = disk.sync_directory(directory);
        synced.map_err(|source| LedgerError::Write {
            path: directory.to_owned(),
            source,
        })?;
        Ok(Pair {
            kind: self.kind,
            files,
            sequence,
        })
    }
}

impl Pair {
    /// Puts a value on disk.
    ///
    /// # Errors
    /// When the disk refuses, or it is too large; what was there before is still there.
    pub(super) fn write(&mut self, value: &impl Serialize) -> Result<(), LedgerError> {
        let next = self.sequence + 1;
        let (path, slot) = &mut self.files[usize::from(next % 2 == 1)];
        let value = serde_json::to_vec(value).map_err(|source| LedgerError::Encode {
            path: path.clone(),
            source,
        })?;
        let written = slot.write(&record::encode(self.kind, next, &value));
        written.map_err(|source| LedgerError::Write {
            path: path.clone(),
            source,
        })?;
        self.sequence = next;
        Ok(())
    }
}

fn parse<T: DeserializeOwned>(kind: &str, bytes: &[u8]) -> Result<(u64, T), Unreadable> {
    let record = record::decode(kind, bytes)?;
    let value = serde_json::from_slice(record.value).map_err(|_| Unreadable::Damaged)?;
    Ok((record.sequence, value))
}
