//! The power of the machine fails: what was not on its disk is gone.
//!
//! Only the lab of full kernels can do that: it starts its kernel again and runs the same command,
//! with another number of the boot. Its disk is the folder for temporary files then, and nothing
//! else of what was written inside is left.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs, thread};

use anyhow::{Context, Result, bail};

/// The number of the boot, from 1; `None` where power cannot fail.
pub fn boot() -> Option<u32> {
    env::var_os("WEFT_LAB_DISK")?;
    env::var("WEFT_LAB_BOOT").ok()?.parse().ok()
}

/// What survives: the disk.
pub fn disk() -> PathBuf {
    env::temp_dir()
}

/// Cuts the power, now.
///
/// # Errors
/// When this is no lab.
pub fn cut() -> Result<Infallible> {
    let share = env::var_os("WEFT_LAB_SHARE").context("this is no lab of full kernels")?;
    let note = PathBuf::from(share).join("cut");
    fs::write(&note, "").with_context(|| format!("cannot write {}", note.display()))?;
    // The kernel restarts at once: it writes nothing of what it has in memory.
    fs::write("/proc/sysrq-trigger", "b").context("cannot restart the kernel")?;
    thread::sleep(Duration::from_secs(60));
    bail!("the kernel goes on")
}
