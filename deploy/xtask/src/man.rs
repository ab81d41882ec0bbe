//! `cargo xtask man`: the manual pages of weftctl, written from its own options.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::programs::{self, Profile};
use crate::shell;

/// Options of the manual pages.
#[derive(Args)]
pub struct Options {
    /// The folder to write into
    #[arg(long, default_value = "target/man")]
    out: PathBuf,
}

/// Writes the manual pages.
///
/// # Errors
/// When weftctl cannot be built or run.
pub fn run(options: &Options) -> Result<ExitCode> {
    let folder = programs::build(Profile::Dev, &[])?;
    let out = shell::root().join(&options.out);
    std::fs::create_dir_all(&out)?;
    shell::run(shell::program(folder.join("weftctl")).arg("man").arg(&out))?;
    println!("manual pages are in {}", out.display());
    Ok(ExitCode::SUCCESS)
}
