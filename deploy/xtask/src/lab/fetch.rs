//! Packages of the machine's own distribution, unpacked into a folder of ours and not installed.
//!
//! # Guarantees
//! Packages come by `apt-get` from the machine's own mirrors, which checks their sums and who
//! signed them. Nothing of the machine's package list, boot loader or services is touched. A folder
//! that is there is whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{packages, shell};

/// The folder of this name, filled by `fill` where it was not before.
///
/// # Errors
/// When it cannot be filled; then it is not there.
pub fn once(cache: &Path, name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = cache.join(name);
    if folder.is_dir() {
        return Ok(folder);
    }
    let partial = cache.join(format!("{name}.{}", std::process::id()));
    fs::create_dir_all(&partial).with_context(|| format!("cannot make {}", partial.display()))?;
    let filled = fill(&partial);
    // Another run may have been faster; one is as good as the other.
    if filled.is_err() || fs::rename(&partial, &folder).is_err() {
        fs::remove_dir_all(&partial)
            .with_context(|| format!("cannot remove {}", partial.display()))?;
    }
    filled.map(|()| folder)
}

/// Fetches packages and unpacks them.
///
/// # Errors
/// When one cannot be had.
pub fn unpack(folder: &Path, names: &[String]) -> Result<()> {
    fetched(folder, names, &mut Command::new("apt-get"))
}

/// As [`unpack`], by an `apt` with settings of its own.
///
/// # Errors
/// When one cannot be had.
pub fn unpack_by(folder: &Path, names: &[String], settings: &Path) -> Result<()> {
    fetched(
        folder,
        names,
        Command::new("apt-get").env("APT_CONFIG", settings),
    )
}

fn fetched(folder: &Path, names: &[String], apt: &mut Command) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    println!(
        "fetching {}, to be unpacked and not installed",
        names.join(" ")
    );
    apt.current_dir(folder)
        .args(["download", "-q", "-o", "APT::Sandbox::User="])
        .args(names);
    shell::run(apt)?;
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        if file.extension().is_some_and(|end| end == "deb") {
            shell::run(Command::new("dpkg-deb").arg("-x").arg(&file).arg(folder))?;
            fs::remove_file(&file)?;
        }
    }
    Ok(())
}

/// Reads what apt knows; asks the mirrors first where it knows nothing, as on a fresh machine.
///
/// # Errors
/// When it knows nothing then either.
pub fn known<T>(what: &str, look: impl Fn() -> Result<Option<T>>) -> Result<T> {
    if let Ok(Some(found)) = look() {
        return Ok(found);
    }
    packages::refresh()?;
    match look()? {
        Some(found) => Ok(found),
        None => bail!("apt knows no package {what}"),
    }
}
