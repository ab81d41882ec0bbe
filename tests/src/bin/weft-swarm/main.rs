//! `weft-swarm`: a real controller with thousands of simulated agents, and what it takes.
//!
//! # Guarantees
//! Only loopback is used. The only process that is started or ended is a controller of its own,
//! with the etcd that it starts itself. Every wait has a limit, so that it always ends.
//!
//! # Assumes
//! The agents share the machine with the controller: their time is in every time that is shown.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

mod figures;

mod agent;
mod controller;

mod floor;
mod user;

mod strain;

mod course;

use figures::Figures;

const USAGE: &str = "usage: weft-swarm [--json] [--idle SECONDS] [--rollouts COUNT] [NODES]...
Measures a controller with so many simulated agents (1000 and 10000 where no number is given), and
the h2 crate alone with as many streams. --rollouts makes so many one after the other, and notes
what grew.";

/// More agents than files that this process may open cannot be connected.
const SPARE_FILES: u64 = 200;

struct Options {
    json: bool,
    idle: u64,
    rollouts: u32,
    sizes: Vec<u32>,
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(floor::SERVER) {
        return serve_floor();
    }
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("weft-swarm: {error:#}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weft-swarm: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn options(words: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options {
        json: false,
        idle: 20,
        rollouts: 0,
        sizes: Vec::new(),
    };
    let mut words = words;
    while let Some(word) = words.next() {
        match word.as_str() {
            "--json" => options.json = true,
            "--idle" => {
                let seconds = words.next().context("--idle needs seconds")?;
                options.idle = seconds.parse().context("--idle needs seconds")?;
            }
            "--rollouts" => {
                let count = words.next().context("--rollouts needs a number")?;
                options.rollouts = count.parse().context("--rollouts needs a number")?;
            }
            size => match size.parse() {
                Ok(size @ 3..=60_000) => options.sizes.push(size),
                _ => bail!("{size:?} is no number of nodes from 3 to 60000"),
            },
        }
    }
    if options.sizes.is_empty() {
        options.sizes = vec![1_000, 10_000];
    }
    Ok(options)
}

fn serve_floor() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().context("cannot start a runtime");
    match runtime.and_then(|runtime| runtime.block_on(floor::serve())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weft-swarm: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(options: &Options) -> Result<()> {
    let files = raise_files()?;
    let mut all = Vec::new();
    for size in &options.sizes {
        if u64::from(*size) + SPARE_FILES > files {
            bail!("{size} agents need more open files than the {files} that are allowed here");
        }
        let mut figures = Figures::of(*size);
        // What was measured until something went wrong is worth showing.
        let went = match floor::run(*size, &mut figures).await {
            Ok(()) => course::run(*size, options, &mut figures).await,
            Err(error) => Err(error),
        };
        if !options.json {
            println!("{figures}");
        }
        went.with_context(|| format!("with {size} agents"))?;
        all.push(figures);
    }
    if options.json {
        let all: Vec<_> = all.iter().map(Figures::to_json).collect();
        println!("{}", serde_json::Value::from(all));
    }
    Ok(())
}

/// The controller inherits the limit.
fn raise_files() -> Result<u64> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).context("cannot read the limit of files")?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).context("cannot raise the limit of files")?;
    Ok(most)
}
