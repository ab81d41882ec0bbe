//! Entry point.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use weft_agent::options::{Command, Options};
use weft_agent::{log, operator, service};

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weft-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    log::start(options.log_format, &options.log)?;
    match &options.command {
        None => runtime()?.block_on(service::run(options)),
        Some(Command::Status { output }) => {
            let status = operator::status(&options.state_dir)?;
            print!("{}", operator::show(&status, *output)?);
            Ok(())
        }
        Some(Command::Cleanup { yes }) => {
            let changes = runtime()?.block_on(operator::clean_up(&options.state_dir, *yes))?;
            println!("{changes} changes made, nothing of Weft's is left on this host");
            Ok(())
        }
    }
}

/// Two threads: one may wait for the disk while the other answers keep-alives.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")
}
