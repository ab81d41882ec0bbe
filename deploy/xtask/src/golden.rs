//! `cargo xtask golden`: the cases whose results are kept as files.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::shell;

/// Options of the golden cases.
#[derive(Args)]
pub struct Options {
    /// Write what the cases print now; look at the difference before you commit it
    #[arg(long)]
    accept: bool,
}

/// Runs the golden cases.
///
/// # Errors
/// When cargo cannot be started.
pub fn run(options: &Options) -> Result<ExitCode> {
    let mut cargo = shell::cargo();
    cargo.args(["test", "--package", "weft-tests", "--test", "golden"]);
    cargo.env("INSTA_UPDATE", if options.accept { "always" } else { "no" });
    let shown = shell::show(&mut cargo)?;
    if options.accept {
        shell::run(shell::program("git").args(["status", "--short", "tests", "deploy"]))?;
    }
    Ok(if shown.success {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
