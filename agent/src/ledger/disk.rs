//! The file system under the ledger: the host's, or one of a simulation that fills up and loses
//! what was not yet safe.

use std::any::Any;
use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, Flock, FlockArg, fallocate};

/// What the ledger needs of a file system.
pub trait Disk: Debug + Send + Sync {
    /// Makes a directory and what it is in, for nobody but the owner.
    ///
    /// # Errors
    /// When the file system refuses.
    fn make_directory(&self, path: &Path) -> io::Result<()>;

    /// Takes a file for this process alone, until what is returned is dropped.
    ///
    /// # Errors
    /// `WouldBlock` when another process has it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send>>;

    /// What a file holds.
    ///
    /// # Errors
    /// `NotFound` when there is no such file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The files in a directory.
    ///
    /// # Errors
    /// `NotFound` when there is no such directory.
    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>>;

    /// Opens a file to be written over in place, with its room taken: a full disk cannot refuse
    /// what is written there.
    ///
    /// # Errors
    /// When there is no room, or the file system refuses.
    fn slot(&self, path: &Path, room: usize) -> io::Result<Box<dyn Slot>>;

    /// Writes a whole file, its room taken first; returns when it is safe.
    ///
    /// # Errors
    /// When there is no room, or the file system refuses.
    fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Gives a file another name, in place of a file that has it.
    ///
    /// # Errors
    /// When the file system refuses.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// When the file system refuses.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory as safe as the files that they name.
    ///
    /// # Errors
    /// When the file system refuses.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
}

/// A file that is written over in place.
pub trait Slot: Debug + Send + Sync {
    /// Writes over the beginning; returns when it is safe.
    ///
    /// # Errors
    /// When the file system refuses; what was there may be half written over.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// The file system of the host.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostDisk;

impl Disk for HostDisk {
    fn make_directory(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send>> {
        let mut options = OpenOptions::new();
        let writing = options.create(true).truncate(false).write(true).mode(0o600);
        let file = match writing.open(path) {
            // A file that takes no writes can still be locked.
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => File::open(path)?,
            opened => opened?,
        };
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Box::new(lock)),
            Err((_, errno)) => Err(errno.into()),
        }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(directory)?
            .map(|entry| Ok(entry?.path()))
            .collect()
    }

    fn slot(&self, path: &Path, room: usize) -> io::Result<Box<dyn Slot>> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(path)?;
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        if length < room {
            // Zeros that were written are room on every file system; a hole is not.
            file.write_all_at(&vec![0; room - length], length as u64)?;
            file.sync_all()?;
        }
        Ok(Box::new(HostSlot(file)))
    }

    fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(path)?;
        take_room(&file, bytes.len())?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

#[derive(Debug)]
struct HostSlot(File);

impl Slot for HostSlot {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, 0)?;
        self.0.sync_data()
    }
}

/// Finds out about a full disk before a byte is written.
fn take_room(file: &File, length: usize) -> io::Result<()> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    match fallocate(file, FallocateFlags::empty(), 0, length) {
        // Some file systems cannot; there the write finds out.
        Ok(()) | Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
