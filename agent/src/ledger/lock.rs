//! Which process is the agent that has the ledger.
//!
//! The lock that decides who has the ledger ([`super::disk`]) does not tell who that is. A record
//! lock on the same file decides nothing, and the kernel tells everybody who holds it, where a
//! number in a file would only say who once did.
//!
//! # Assumes
//! A process opens this file once before it signs and not again while it holds the signature:
//! closing any other descriptor of the file would give it up.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

/// What says that this process is the agent; taken back when dropped, and when the process ends.
#[derive(Debug)]
pub struct Signature(#[expect(dead_code, reason = "it is held, not looked at")] File);

/// Lets others see that this process, which has the ledger in `directory`, is the node's agent, and
/// may be ended when it does not do what the ledger says.
///
/// # Errors
/// When the file system has no such locks.
pub fn sign(directory: &Path) -> io::Result<Signature> {
    let file = OpenOptions::new().write(true).open(path(directory))?;
    fcntl(&file, FcntlArg::F_SETLK(&whole()))?;
    Ok(Signature(file))
}

/// The agent that has the ledger in `directory`, if there is one that this process can see. Who has
/// the ledger without being the agent does not sign.
///
/// # Errors
/// When the lock cannot be looked at.
pub fn holder(directory: &Path) -> io::Result<Option<u32>> {
    let file = match File::open(path(directory)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut lock = whole();
    fcntl(&file, FcntlArg::F_GETLK(&mut lock))?;
    let is_held = i32::from(lock.l_type) != libc::F_UNLCK;
    let holder = u32::try_from(lock.l_pid).ok();
    Ok(holder.filter(|pid| is_held && *pid > 0))
}

/// The file that locks are on.
pub(super) fn path(directory: &Path) -> PathBuf {
    directory.join("lock")
}

/// A lock for writing, over all of the file.
fn whole() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}
