//! `cargo xtask bench`: measures, and prints goals beside what was reached.
//!
//! # Guarantees
//! Everything that is compared is measured in the same run on the same machine, in a network
//! namespace that is made for it and deleted after it. Nothing fails for being slow: counts are
//! asserted by tests, times are only shown.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::programs::{self, Profile};
use crate::{packages, shell};

mod measured;

mod baseline;
mod product;

mod goals;

use measured::Measured;

/// Options of the benchmark.
#[derive(Args)]
pub struct Options {
    /// How many vnets to measure with
    #[arg(long, value_delimiter = ',', default_value = "1000,4000")]
    sizes: Vec<u32>,
    /// Only what decides, which needs no root
    #[arg(long)]
    compile_only: bool,
    /// Only the controller, with so many simulated agents as --agents says; needs no root
    #[arg(long)]
    swarm: bool,
    /// Only VLANs of a bridge, in the lab of full kernels: ten times slower than a machine, so that
    /// only ratios carry over
    #[arg(long)]
    vlans: bool,
    /// Only VXLAN, with a device for every vnet and with one for all (layout: bundle), in that lab
    #[arg(long, conflicts_with = "vlans")]
    bundle: bool,
    /// How many simulated agents
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1000,10000",
        requires = "swarm"
    )]
    agents: Vec<u32>,
    /// So many rollouts one after the other besides, and what they leave behind
    #[arg(long, default_value_t = 0, requires = "swarm")]
    rollouts: u32,
}

/// Measures; never fails for being slow.
///
/// # Errors
/// When a measuring program cannot be built or run.
pub fn run(options: &Options) -> Result<ExitCode> {
    packages::install_missing()?;
    if options.swarm {
        return swarm(&options.agents, options.rollouts);
    }
    if options.vlans {
        return product::in_lab("--vlans", &options.sizes);
    }
    if options.bundle {
        return product::in_lab("--bundle", &options.sizes);
    }
    let mut measured = Measured::default();
    product::compile(&options.sizes, &mut measured)?;
    if !options.compile_only {
        anyhow::ensure!(
            shell::is_root(),
            "measuring the kernel needs root; without it: cargo xtask bench --compile-only"
        );
        product::data_plane(&options.sizes, &mut measured)?;
        for size in &options.sizes {
            baseline::ifreload(*size, &mut measured)?;
        }
    }
    println!("\n== everything that was measured\n{measured}");
    println!("== goals\n{}", goals::table(&options.sizes, &measured));
    Ok(ExitCode::SUCCESS)
}

/// Shows its own table, goals included: figures of agents are none of vnets.
fn swarm(agents: &[u32], rollouts: u32) -> Result<ExitCode> {
    let folder = programs::build(Profile::Release, &["weft-tests"])?;
    let mut swarm = std::process::Command::new(folder.join("weft-swarm"));
    swarm.args(["--rollouts", &rollouts.to_string()]);
    swarm.args(agents.iter().map(ToString::to_string));
    println!("$ {}", shell::typed(&swarm));
    shell::run(&mut swarm)?;
    Ok(ExitCode::SUCCESS)
}
