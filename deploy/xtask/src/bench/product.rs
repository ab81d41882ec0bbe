//! What our own code takes, by the measuring programs that live beside it.

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::Value;

use super::measured::Measured;
use crate::{lab, shell};

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
    let printed = example("weft-core", "bench_compile", &words(&sizes))?;
    measured.read(&printed);
    Ok(())
}

/// Measures the data plane, and `ip -batch` beside it, against this machine's kernel.
///
/// # Errors
/// When the measuring program cannot be built or fails.
pub fn data_plane(sizes: &[u32], measured: &mut Measured) -> Result<()> {
    let mut arguments = vec!["--json".to_owned()];
    arguments.extend(words(sizes));
    let printed = example("weft-agent", "bench_dataplane", &arguments)?;
    put(&printed, measured)
}

/// Measures a layout that takes a full kernel in the lab, and shows the figures as they are: times
/// in milliseconds.
///
/// # Errors
/// When the measuring program cannot be built or fails, or there is no lab.
pub fn in_lab(layout: &str, sizes: &[u32]) -> Result<ExitCode> {
    let mut cargo = shell::cargo();
    cargo
        .args(["build", "--release", "--locked", "--package", "weft-agent"])
        .args(["--example", "bench_dataplane"]);
    println!("$ {}", shell::typed(&cargo));
    shell::run(&mut cargo)?;
    let program = shell::target().join("release/examples/bench_dataplane");
    let mut inside = vec![program.into_os_string(), layout.into()];
    inside.extend(words(sizes).into_iter().map(Into::into));
    lab::inside(inside)
}

fn words(sizes: &[u32]) -> Vec<String> {
    sizes.iter().map(ToString::to_string).collect()
}

/// Runs an example, optimised, and returns what it printed.
fn example(package: &str, name: &str, arguments: &[String]) -> Result<String> {
    let mut cargo = shell::cargo();
    cargo
        .args(["run", "--release", "--locked", "--package", package])
        .args(["--example", name, "--"])
        .args(arguments);
    println!("$ {}", shell::typed(&cargo));
    shell::read(cargo.stderr(std::process::Stdio::inherit()))
}

/// Notes every figure of a list of objects, one for each number of vnets.
fn put(json: &str, measured: &mut Measured) -> Result<()> {
    let results: Vec<serde_json::Map<String, Value>> =
        serde_json::from_str(json).context("cannot read what was measured")?;
    for result in &results {
        let size = result
            .get("vnets")
            .and_then(Value::as_u64)
            .and_then(|size| u32::try_from(size).ok())
            .context("a measurement does not say of how many vnets it is")?;
        for (what, value) in result {
            let Some(value) = value.as_f64() else {
                continue;
            };
            let is_time = !["vnets", "MiB", "steps", " to "]
                .iter()
                .any(|word| what.contains(word));
            // Times come in milliseconds and are kept in seconds.
            let value = if is_time { value / 1e3 } else { value };
            measured.put(what, size, value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_kept_in_seconds_and_counts_as_they_are() {
        let mut measured = Measured::default();
        put(
            r#"[{"vnets": 100, "create, agent": 250.0, "one vnet added, steps": 6, "x": null}]"#,
            &mut measured,
        )
        .unwrap();
        assert_eq!(measured.get("create, agent", 100), Some(0.25));
        assert_eq!(measured.get("one vnet added, steps", 100), Some(6.0));
        assert_eq!(measured.get("x", 100), None);
    }
}
