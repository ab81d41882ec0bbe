//! The agent's process: options in, and what they ask for done.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use tracing::error;
use weft_agent::options::{Command, Options, OptionsError};
use weft_agent::service::Service;
use weft_agent::{log, operator, watchdog};

/// What a wrong command line gives, as clap gives it too; systemd does not try that again.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let options = Options::parse();
    if let Err(error) = log::start(options.log_format, &options.log) {
        eprintln!("weft-agent: {}", log::Chain(&error));
        return ExitCode::from(USAGE);
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<OptionsError>() => {
            eprintln!("weft-agent: {error:#}");
            ExitCode::from(USAGE)
        }
        Err(error) => {
            match options.command {
                None | Some(Command::Watchdog) => error!(error = format!("{error:#}"), "stopped"),
                Some(
                    Command::Status { .. }
                    | Command::Cleanup { .. }
                    | Command::PauseHealing { .. }
                    | Command::ResumeHealing { .. },
                ) => eprintln!("weft-agent: {error:#}"),
            }
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    match &options.command {
        None => {
            let service = Service::check(options)?;
            runtime()?.block_on(service.run())
        }
        Some(Command::Status { output }) => {
            let status = operator::status(&options.state_dir)?;
            print!("{}", operator::show(&status, *output)?);
            Ok(())
        }
        Some(Command::PauseHealing { vnets, time }) => {
            show(&operator::pause_healing(&options.state_dir, vnets, **time)?);
            Ok(())
        }
        Some(Command::ResumeHealing { vnets }) => {
            show(&operator::resume_healing(&options.state_dir, vnets)?);
            Ok(())
        }
        Some(Command::Watchdog) => {
            watchdog::watch_over(&options.state_dir, &options.openvswitch, options.frr())
        }
        Some(Command::Cleanup { yes }) => {
            let (state, switch) = (&options.state_dir, &options.openvswitch);
            let work = operator::clean_up(state, switch, options.frr(), *yes);
            let changes = runtime()?.block_on(work)?;
            println!("{changes} changes made, nothing of Weft's is left on this host");
            Ok(())
        }
    }
}

/// Which healing is paused now.
fn show(paused: &[String]) {
    match paused {
        [] => println!("healing is paused for nothing"),
        paused => paused
            .iter()
            .for_each(|line| println!("healing is paused for {line}")),
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
