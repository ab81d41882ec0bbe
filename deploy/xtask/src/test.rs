//! `cargo xtask test`: installs what is missing and runs every check and every test, in one build.
//!
//! # Guarantees
//! Ends with exit code 0 only when every stage went well and at least one test ran. A stage that
//! fails does not keep the others from running; only a failed build ends everything.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::Args;

use crate::count::{self, Count};
use crate::lab;
use crate::lab::tests::{Choice, Inside};
use crate::skips::{self, Skip};
use crate::{packages, programs, shell, tidy};

mod deny;
mod never;
mod stages;

use stages::{Outcome, Stages};

/// The stage of the tests on a full kernel.
const LAB: &str = "lab tests";

/// How many seconds they may take: forty minutes is what they need on two processors, and a machine
/// that is busy with other things gets more.
const LAB_LIMIT: u64 = 3600;

/// Options of the tests.
#[derive(Args)]
pub struct Options {
    /// Leave `cargo deny` out: building it takes minutes where it is not installed
    #[arg(long)]
    no_deny: bool,
    /// Leave the lab of full kernels out: what this machine's own kernel lacks is skipped then
    #[arg(long)]
    no_lab: bool,
    /// What cargo nextest (or cargo test) is told besides
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Runs everything.
///
/// # Errors
/// When something that is needed is missing and cannot be installed.
pub fn run(options: &Options) -> Result<ExitCode> {
    let mut stages = Stages::default();
    stages.run("packages", || {
        packages::install_missing()?;
        Ok(Outcome::Passed)
    })?;
    stages.run("toolchain", toolchain)?;
    stages.attempt("rustfmt", || pass(cargo(&["fmt", "--all", "--check"])));
    stages.attempt("tidy", || {
        let code = tidy::run()?;
        Ok(Outcome::from(code == ExitCode::SUCCESS))
    });
    stages.run("build", || {
        pass(cargo(&[
            "build",
            "--locked",
            "--workspace",
            "--all-targets",
        ]))
    })?;
    stages.attempt("clippy", || {
        let mut clippy = cargo(&["clippy", "--locked", "--workspace", "--all-targets"]);
        clippy.args(["--", "-D", "warnings"]);
        pass(clippy)
    });
    if options.no_deny {
        stages.skip("cargo deny", "left out as asked by --no-deny");
    } else {
        deny::run(&mut stages);
    }
    let mut tests = Count::default();
    let folder = skips::Folder::create()?;
    stages.attempt("tests", || {
        let shown = shell::show(&mut tests_command(options, &folder))?;
        tests = count::read(&shown.text);
        Ok(Outcome::from(shown.success))
    });
    stages.attempt("doc tests", || {
        let shown = shell::show(&mut cargo(&["test", "--locked", "--workspace", "--doc"]))?;
        tests = tests + count::read(&shown.text);
        Ok(Outcome::from(shown.success))
    });
    let wanting = folder.read_for_kernel()?;
    let inside = lab_tests(options, &mut stages, &wanting);
    let (tests, skips) = together(tests, folder.read()?, wanting, inside);
    never::run(&mut stages, &skips);
    Ok(stages.close(tests, &skips))
}

/// Adds up what was run on this machine's own kernel and in the lab: `skips` could not be run here,
/// `wanting` not on this kernel.
fn together(
    outside: Count,
    mut skips: Vec<Skip>,
    wanting: Vec<Skip>,
    inside: Option<Inside>,
) -> (Count, Vec<Skip>) {
    let Some(inside) = inside else {
        skips.extend(wanting);
        return (outside, skips);
    };
    // They ended well outside, where they proved nothing, and are counted as what they were inside.
    let proved = Count {
        passed: outside.passed.saturating_sub(wanting.len()),
        ..outside
    };
    skips.extend(inside.skips);
    (proved + inside.count, skips)
}

/// Runs what this machine's own kernel could not, and the essentials, on a full one; `None` where
/// that could not be tried.
fn lab_tests(options: &Options, stages: &mut Stages, wanting: &[Skip]) -> Option<Inside> {
    let reason = if options.no_lab {
        Some("left out as asked by --no-lab")
    } else if !options.arguments.is_empty() {
        Some("some tests were asked for; for these: cargo xtask lab test FILTER")
    } else if shell::find("apt-get").is_none() {
        Some("its kernel is a Debian package, and there is no apt-get to fetch it with")
    } else {
        None
    };
    if let Some(reason) = reason {
        stages.skip(LAB, reason);
        return None;
    }
    let mut inside = None;
    stages.attempt(LAB, || {
        let wanting = wanting.iter().map(|skip| skip.name.clone()).collect();
        let ran = lab::tests::run(
            &lab::Machine::limited(LAB_LIMIT),
            &Choice::Essentials(wanting),
            &["--workspace"],
        )?;
        let success = ran.success && ran.count.passed > 0;
        inside = Some(ran);
        Ok(Outcome::from(success))
    });
    inside
}

/// A cargo command, set up so that every stage shares one build.
fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = shell::cargo();
    cargo.args(arguments);
    cargo.env("CARGO_TERM_COLOR", "never");
    if std::env::var_os("CI").is_some() {
        // Nothing is built twice there, and what incremental builds keep only costs.
        cargo.env("CARGO_INCREMENTAL", "0");
    }
    cargo
}

fn pass(mut command: Command) -> Result<Outcome> {
    Ok(Outcome::from(shell::show(&mut command)?.success))
}

/// The command that runs every test that is not in a doc comment.
fn tests_command(options: &Options, folder: &skips::Folder) -> Command {
    let mut tests = if has_nextest() {
        cargo(&[
            "nextest",
            "run",
            "--locked",
            "--workspace",
            "--no-fail-fast",
        ])
    } else {
        cargo(&[
            "test",
            "--locked",
            "--workspace",
            "--all-targets",
            "--no-fail-fast",
        ])
    };
    tests.args(&options.arguments);
    tests.env(skips::VARIABLE, folder.path());
    tests.env("WEFT_BIN_DIR", shell::target().join("debug"));
    if let Some(runner) = programs::runner() {
        // Namespaces and devices need root; the build does not.
        tests.env(
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER",
            runner.join(" "),
        );
        tests.env(
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER",
            runner.join(" "),
        );
    }
    tests
}

fn has_nextest() -> bool {
    shell::read(cargo(&["nextest", "--version"]).env("CARGO_TERM_QUIET", "true")).is_ok()
}

/// Whether the toolchain has what the checks need.
fn toolchain() -> Result<Outcome> {
    let version = shell::read(shell::program("rustc").arg("--version"))
        .context("Rust is what this needs before all else: see https://rustup.rs")?;
    println!("{}", version.trim());
    for (component, arguments) in [
        ("rustfmt", ["fmt", "--version"]),
        ("clippy", ["clippy", "--version"]),
    ] {
        shell::read(&mut cargo(&arguments))
            .with_context(|| format!("run `rustup component add {component}`"))?;
    }
    Ok(Outcome::Passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(passed: usize) -> Count {
        Count {
            passed,
            ..Count::default()
        }
    }

    fn skip(name: &str) -> Skip {
        Skip {
            name: name.to_owned(),
            reason: "why".to_owned(),
        }
    }

    #[test]
    fn what_the_kernel_lacked_is_counted_as_what_it_was_in_the_lab() {
        let inside = Inside {
            success: true,
            count: passed(5),
            skips: vec![skip("b")],
        };
        let wanting = vec![skip("a"), skip("b")];
        assert_eq!(
            together(passed(10), vec![skip("c")], wanting, Some(inside)),
            (passed(13), vec![skip("c"), skip("b")])
        );
    }

    #[test]
    fn what_the_kernel_lacked_is_skipped_where_there_is_no_lab() {
        assert_eq!(
            together(passed(10), vec![skip("c")], vec![skip("a")], None),
            (passed(10), vec![skip("c"), skip("a")])
        );
    }
}
