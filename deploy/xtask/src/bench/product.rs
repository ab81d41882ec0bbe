//! What our own code takes, by the measuring programs that live beside it.

use anyhow::Result;

use super::measured::Measured;
use crate::shell;

/// Measures compiling.
///
/// # Errors
/// When the measuring program cannot be built or fails.
pub fn compile(sizes: &[u32], measured: &mut Measured) -> Result<()> {
    let mut sizes = sizes.to_vec();
    // The goals of compiling speak of these.
    sizes.extend([1_000, 10_000]);
    sizes.sort_unstable();
    sizes.dedup();
    example("weft-core", "bench_compile", &sizes, measured)
}

/// Measures the data plane against this machine's kernel.
///
/// # Errors
/// When the measuring program cannot be built or fails.
pub fn data_plane(sizes: &[u32], measured: &mut Measured) -> Result<()> {
    let name = "bench_dataplane";
    if !shell::root()
        .join(format!("agent/examples/{name}.rs"))
        .is_file()
    {
        measured.lack("create all", "there is no program to measure it with");
        return Ok(());
    }
    example("weft-agent", name, sizes, measured)
}

fn example(package: &str, name: &str, sizes: &[u32], measured: &mut Measured) -> Result<()> {
    let mut cargo = shell::cargo();
    cargo
        .args(["run", "--release", "--locked", "--package", package])
        .args(["--example", name, "--"])
        .args(sizes.iter().map(ToString::to_string));
    let shown = shell::show(&mut cargo)?;
    anyhow::ensure!(shown.success, "{name} failed");
    measured.read(&shown.text);
    Ok(())
}
