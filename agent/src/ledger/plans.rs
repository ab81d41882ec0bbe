//! The plans on disk, each in a file that is named for its digest.
//!
//! # Guarantees
//! A file that has the name of a plan has the whole plan: it gets the name last.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use weft_model::plan::NodePlan;
use weft_model::plan::digest::Digest;
use weft_proto::digest;

use super::contents;
use super::disk::Disk;
use super::error::LedgerError;
use super::record::{self, Unreadable};

const KIND: &str = "plan";
const DONE: &str = "plan";
const UNFINISHED: &str = "new";

/// How many writes this process began.
static WRITES: AtomicU64 = AtomicU64::new(0);

/// Where the plans are. Cheap to clone; whoever has it may write one plan while others read.
#[derive(Clone, Debug)]
pub struct PlanStore {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
}

impl PlanStore {
    pub(super) fn new(disk: Arc<dyn Disk>, ledger: &Path) -> Self {
        Self {
            disk,
            directory: ledger.join("plans"),
        }
    }

    /// The directory of the whole ledger.
    pub fn state_directory(&self) -> &Path {
        self.directory.parent().unwrap_or(&self.directory)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Puts a plan on disk, all its room taken first.
    ///
    /// # Errors
    /// When the disk is full or refuses; then nothing of the plan is left.
    pub fn write(&self, digest: Digest, plan: &NodePlan) -> Result<(), LedgerError> {
        let path = self.path(digest, DONE);
        let value = serde_json::to_vec(plan).map_err(|source| LedgerError::Encode {
            path: path.clone(),
            source,
        })?;
        // A write that nobody waits for any more may still go on beside this one.
        let number = WRITES.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.path(digest, &format!("{number}.{UNFINISHED}"));
        let disk = &self.disk;
        let written = disk
            .create(&unfinished, &record::encode(KIND, 0, &value))
            .and_then(|()| disk.rename(&unfinished, &path))
            .and_then(|()| disk.sync_directory(&self.directory));
        written.map_err(|source| {
            // Whether or not it can be removed, the error that matters is the first one.
            let _ = disk.remove(&unfinished);
            LedgerError::Write { path, source }
        })
    }

    /// The plan with this digest. The empty plan needs no file.
    ///
    /// # Errors
    /// When it is not there, or is not what was written.
    pub fn read(&self, wanted: Digest) -> Result<NodePlan, LedgerError> {
        if wanted == Digest::EMPTY {
            return Ok(NodePlan::default());
        }
        let path = self.path(wanted, DONE);
        let Some(bytes) = contents(&*self.disk, path.clone())? else {
            return Err(LedgerError::PlanMissing {
                path: self.directory.clone(),
                digest: wanted,
            });
        };
        let record = match record::decode(KIND, &bytes) {
            Ok(record) => record,
            Err(Unreadable::UnknownVersion(version)) => {
                return Err(LedgerError::UnknownVersion { path, version });
            }
            Err(Unreadable::Blank | Unreadable::Damaged) => {
                return Err(LedgerError::PlanDamaged { path });
            }
        };
        match serde_json::from_slice(record.value) {
            Ok(plan) if digest::plan(&plan) == wanted => Ok(plan),
            Ok(_) | Err(_) => Err(LedgerError::PlanDamaged { path }),
        }
    }

    /// Removes every plan but these.
    ///
    /// # Errors
    /// When the directory cannot be read or a file cannot be removed.
    pub fn retain(&self, keep: &[Digest]) -> Result<(), LedgerError> {
        let keep: Vec<_> = keep.iter().map(|digest| self.path(*digest, DONE)).collect();
        self.remove(|path| path.extension().is_some_and(|end| end == DONE) && !keep.contains(path))
    }

    /// Whether there is no plan at all, for the directory may not be there either.
    pub(super) fn is_empty(&self) -> Result<bool, LedgerError> {
        Ok(self.files()?.is_empty())
    }

    /// Removes what was begun and not finished.
    pub(super) fn sweep(&self) -> Result<(), LedgerError> {
        self.remove(|path| path.extension().is_some_and(|end| end == UNFINISHED))
    }

    fn remove(&self, is_unwanted: impl Fn(&PathBuf) -> bool) -> Result<(), LedgerError> {
        for path in self.files()?.into_iter().filter(is_unwanted) {
            let removed = self.disk.remove(&path);
            removed.map_err(|source| LedgerError::Write { path, source })?;
        }
        Ok(())
    }

    fn files(&self) -> Result<Vec<PathBuf>, LedgerError> {
        match self.disk.list(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed.map_err(|source| LedgerError::Read {
                path: self.directory.clone(),
                source,
            }),
        }
    }

    fn path(&self, digest: Digest, end: &str) -> PathBuf {
        self.directory.join(format!("{digest}.{end}"))
    }
}
