//! Where the programs under test are.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// The path of a program of this workspace: in `WEFT_BIN_DIR`, else where cargo built us.
///
/// # Errors
/// When it is not there.
pub fn path(name: &str) -> Result<PathBuf> {
    let folder = match std::env::var_os("WEFT_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => built_beside()?,
    };
    let file = folder.join(name);
    ensure!(
        file.is_file(),
        "{} is not there: run `cargo build --workspace --bins` first, or `cargo xtask test`",
        file.display()
    );
    Ok(file)
}

/// The folder that cargo puts programs into, taken from where this very program is.
fn built_beside() -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot tell where this program is")?;
    let mut folder = own.parent().context("this program is in no folder")?;
    if folder.ends_with("deps") {
        folder = folder.parent().unwrap_or(folder);
    }
    Ok(folder.to_owned())
}
