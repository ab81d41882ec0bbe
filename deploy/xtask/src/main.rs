//! The project's own commands, run as `cargo xtask <command>`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod shell;

mod packages;
mod programs;

mod count;
mod skips;

mod tidy;

mod lab;

mod bench;
mod demo;
mod golden;
mod man;
mod test;

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Shows the product at work: three nodes, one declared network, proved with traffic
    Demo(demo::Options),
    /// Installs what is missing and runs every check and every test
    Test(test::Options),
    /// Checks the layering and the house rules
    Tidy,
    /// Runs a command, or the tests that need it, on a complete Debian kernel
    Lab(lab::Options),
    /// Measures, and prints goals beside what was reached; never fails for being slow
    Bench(bench::Options),
    /// Runs the golden cases; with --accept what they print now becomes what they must print
    Golden(golden::Options),
    /// Writes the manual pages of weftctl
    Man(man::Options),
}

fn main() -> ExitCode {
    let done = match Options::parse().command {
        Command::Demo(options) => demo::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Tidy => tidy::run(),
        Command::Lab(options) => lab::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Golden(options) => golden::run(&options),
        Command::Man(options) => man::run(&options),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
