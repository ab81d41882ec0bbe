//! `cargo xtask lab`: a complete Debian kernel as an ordinary process, for what this machine's own
//! kernel lacks.
//!
//! # Guarantees
//! What runs inside sees the machine's files at their places and may write everywhere; of what it
//! writes only the share's content reaches the machine.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};

use crate::programs::{self, Profile};
use crate::{packages, shell};

mod archive;

mod fetch;
mod share;

mod inside;
mod kernel;
mod newer;

mod boot;

pub mod tests;

pub use boot::Machine;
use boot::Terminal;
use share::{Order, Share};
use tests::Choice;

/// Options of the lab.
///
/// The kernel is Debian's own, emulated, so it is about ten times slower than the machine and needs
/// nothing of it: no rights, no module, no /dev/kvm. It starts in about five seconds. Inside one is
/// root; the machine's files are at their places, and what is written there is thrown away, but for
/// the folder that $WEFT_LAB_SHARE names inside and --share outside. There is no network but what
/// is made inside.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(flatten)]
    machine: Machine,
    /// A folder that machine and lab both see and write, at the same path
    #[arg(long, global = true)]
    share: Option<PathBuf>,
    #[command(subcommand)]
    task: Option<Task>,
    /// The command to run inside; its exit code becomes ours
    #[arg(last = true, value_name = "COMMAND")]
    words: Vec<OsString>,
}

#[derive(Subcommand)]
enum Task {
    /// Opens a shell inside, at this terminal
    Shell,
    /// Builds the tests and runs those that need a full kernel
    Test {
        /// Run the tests instead whose program or name has this in it
        filter: Option<String>,
    },
}

/// Runs what was asked for.
///
/// # Errors
/// When the lab cannot be started, or its kernel ends before the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    match &options.task {
        Some(Task::Shell) => {
            ensure!(
                std::io::stdin().is_terminal(),
                "a shell needs a terminal; without one: cargo xtask lab -- COMMAND"
            );
            let shell = std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into());
            once(options, vec![shell], Terminal::Ours)
        }
        Some(Task::Test { filter }) => test(options, filter.as_deref()),
        None => {
            ensure!(
                !options.words.is_empty(),
                "say what to run inside: cargo xtask lab -- COMMAND, or see cargo xtask lab --help"
            );
            once(options, options.words.clone(), Terminal::Output)
        }
    }
}

/// How many seconds a command may take that is measured.
const LIMIT: u64 = 3600;

/// Runs a command in a lab as it is when nothing is asked of it; its exit code becomes ours.
///
/// # Errors
/// When the lab cannot be started, or its kernel ends before the command.
pub fn inside(words: Vec<OsString>) -> Result<ExitCode> {
    let options = Options {
        machine: Machine::limited(LIMIT),
        share: None,
        task: None,
        words,
    };
    run(&options)
}

/// Where what the lab needs is kept from run to run.
fn cache() -> PathBuf {
    shell::target().join("lab")
}

fn once(options: &Options, words: Vec<OsString>, terminal: Terminal) -> Result<ExitCode> {
    packages::install_missing_for_lab()?;
    let share = match &options.share {
        Some(folder) => Share::at(folder)?,
        None => Share::fleeting(&cache())?,
    };
    let order = Order {
        words,
        variables: Vec::new(),
        folder: std::env::current_dir().context("cannot tell the working folder")?,
    };
    let ran = options.machine.run(&cache(), &share, &order, terminal)?;
    Ok(ExitCode::from(ran.end.code()))
}

fn test(options: &Options, filter: Option<&str>) -> Result<ExitCode> {
    packages::install_missing()?;
    programs::build(Profile::Dev, &[])?;
    let choice = match filter {
        Some(text) => Choice::Named(text.to_owned()),
        None => Choice::Essentials(Vec::new()),
    };
    let inside = tests::run(&options.machine, &choice, &["--package", "weft-tests"])?;
    for skip in &inside.skips {
        println!("skipped: {}: {}", skip.name, skip.reason);
    }
    let count = inside.count.without(inside.skips.len());
    println!("\n{count}");
    Ok(if inside.success && count.passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
