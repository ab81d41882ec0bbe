//! What devices of the host get back, on disk.
//!
//! # Guarantees
//! A write that was cut off leaves what was there before it, and a disk that is full later keeps no
//! node from going back: see [`super::pair`].
//!
//! # Assumes
//! One process writes at a time: who has the ledger's lock. What a loan speaks of is in a kernel and
//! ends with it, so loans of another boot, or of another network namespace, are none.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracing::warn;
use weft_node::loan::Loan;

use super::disk::{Disk, HostDisk};
use super::error::LedgerError;
use super::pair::{Form, Pair};

const FORM: Form = Form {
    kind: "loans",
    names: ["loans.0", "loans.1"],
    // Some hundred bytes for each device of the host that a host network declares.
    room: 256 << 10,
};
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
const NAMESPACE: &str = "/proc/thread-self/ns/net";

/// The loans of one host, open for writing.
#[derive(Debug)]
pub struct LoanBook {
    directory: PathBuf,
    /// `None` where the disk takes no writes: a node must be able to go back all the same.
    pair: Option<Pair>,
    place: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Page {
    /// The boot and the network namespace that the numbers of devices are of.
    place: String,
    loans: BTreeMap<u32, Loan>,
}

impl LoanBook {
    /// Opens the loans in a state directory, with those that are of this boot and of the network
    /// namespace of the calling thread.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn open(directory: &Path) -> Result<(Self, BTreeMap<u32, Loan>), LedgerError> {
        let read = |path: &str| {
            let path = PathBuf::from(path);
            move |source| LedgerError::Read { path, source }
        };
        let boot = fs::read_to_string(BOOT_ID).map_err(read(BOOT_ID))?;
        let namespace = fs::metadata(NAMESPACE).map_err(read(NAMESPACE))?.ino();
        Self::open_in(&HostDisk, directory, format!("{} {namespace}", boot.trim()))
    }

    fn open_in(
        disk: &dyn Disk,
        directory: &Path,
        place: String,
    ) -> Result<(Self, BTreeMap<u32, Loan>), LedgerError> {
        let found = FORM.read::<Page>(disk, directory)?;
        // Damaged alone it is the first write of all, and nothing followed from it.
        if found.latest.is_none() && found.damaged == FORM.names.len() {
            let path = directory.to_owned();
            return Err(LedgerError::LoansDamaged { path });
        }
        let (sequence, page) = found.latest.unzip();
        let pair = open_pair(disk, directory, sequence.unwrap_or(0))
            .inspect_err(|error| {
                let error: &(dyn std::error::Error + 'static) = error;
                warn!(error, "no devices of the host can be taken over");
            })
            .ok();
        let loans = page.filter(|page| page.place == place);
        let book = Self {
            directory: directory.to_owned(),
            pair,
            place,
        };
        Ok((book, loans.map(|page| page.loans).unwrap_or_default()))
    }

    /// Puts the loans on disk.
    ///
    /// # Errors
    /// When the disk refuses, or they are too many; what was there before is still there.
    pub fn write(&mut self, loans: &BTreeMap<u32, Loan>) -> Result<(), LedgerError> {
        let Some(pair) = &mut self.pair else {
            return Err(LedgerError::Write {
                path: self.directory.clone(),
                source: io::ErrorKind::ReadOnlyFilesystem.into(),
            });
        };
        pair.write(&Page {
            place: self.place.clone(),
            loans: loans.clone(),
        })
    }
}

fn open_pair(disk: &dyn Disk, directory: &Path, sequence: u64) -> Result<Pair, LedgerError> {
    let made = disk.make_directory(directory);
    made.map_err(|source| LedgerError::Open {
        path: directory.to_owned(),
        source,
    })?;
    FORM.open(disk, directory, sequence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loans(count: u32) -> BTreeMap<u32, Loan> {
        let mut loan = Loan::default();
        loan.before.mtu = Some(1500);
        loan.taken = ["192.0.2.1/24".parse().unwrap()].into();
        (0..count).map(|index| (index, loan.clone())).collect()
    }

    fn open(directory: &Path, place: &str) -> (LoanBook, BTreeMap<u32, Loan>) {
        LoanBook::open_in(&HostDisk, directory, place.to_owned()).unwrap()
    }

    #[test]
    fn loans_are_read_as_they_were_written_on_the_same_boot_only() {
        let directory = tempfile::tempdir().unwrap();
        let (mut book, first) = open(directory.path(), "one");
        assert_eq!(first, loans(0));
        for count in 1..4 {
            book.write(&loans(count)).unwrap();
        }
        assert_eq!(open(directory.path(), "one").1, loans(3));
        assert_eq!(open(directory.path(), "two").1, loans(0));
    }

    #[test]
    fn a_page_that_was_cut_off_leaves_the_one_before_it() {
        let directory = tempfile::tempdir().unwrap();
        let (mut book, _) = open(directory.path(), "one");
        book.write(&loans(1)).unwrap();
        book.write(&loans(2)).unwrap();
        let path = directory.path().join("loans.0");
        let mut bytes = fs::read(&path).unwrap();
        bytes[60] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(open(directory.path(), "one").1, loans(1));
    }
}
