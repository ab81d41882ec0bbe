//! `cargo xtask demo`: installs, builds, and hands over to the demo program of `weft-tests`.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;

use crate::programs::{self, Profile};
use crate::{packages, shell};

/// Options of the demo.
#[derive(Args)]
pub struct Options {
    /// Stay up at the end, and print commands to play with
    #[arg(long)]
    keep: bool,
    /// Build with optimisation: a longer build, the times of the real thing
    #[arg(long)]
    release: bool,
}

/// Shows the product at work.
///
/// # Errors
/// When something is missing, or the build fails.
pub fn run(options: &Options) -> Result<ExitCode> {
    let start = Instant::now();
    println!("== What the machine needs");
    packages::install_missing()?;
    println!("\n== Building");
    // Unoptimised code is fast enough to show everything, and the build takes a third of the time.
    let profile = if options.release {
        Profile::Release
    } else {
        Profile::Dev
    };
    let folder = programs::build(profile, &["weft-tests"])?;
    println!("ready after {:.0} s\n", start.elapsed().as_secs_f64());

    let demo = folder.join("weft-demo");
    let mut command = match programs::runner() {
        None => shell::program(&demo),
        Some(words) => {
            let mut command = shell::program(words[0]);
            command.args(&words[1..]).arg(&demo);
            command
        }
    };
    if options.keep {
        command.arg("--keep");
    }
    command.env("WEFT_BIN_DIR", &folder);
    let status = command
        .status()
        .with_context(|| format!("cannot run {}", demo.display()))?;
    // By what code the demo ended is what the caller wants to know; a signal has none.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
