//! `cargo deny`: licenses, banned crates, sources, and advisories where their list can be had.

use std::path::PathBuf;

use anyhow::Result;

use super::stages::{Outcome, Stages};
use crate::shell;

/// The version that is built where none is installed.
const VERSION: &str = "0.20.2";

/// Runs the checks; where the program is neither installed nor to be built, says so.
pub fn run(stages: &mut Stages) {
    let program = match program() {
        Ok(program) => program,
        Err(reason) => {
            stages.skip("cargo deny", &reason);
            return;
        }
    };
    stages.attempt("cargo deny", || {
        let shown = shell::show(
            shell::program(&program)
                .args(["--locked", "--color", "never", "check"])
                .args(["licenses", "bans", "sources"]),
        )?;
        Ok(Outcome::from(shown.success))
    });
    stages.attempt("cargo deny advisories", || advisories(&program));
}

/// The program: installed, built before, or built now where this is a CI run.
fn program() -> Result<PathBuf, String> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let installed = home.map(|home| home.join("bin/cargo-deny"));
    let tools = shell::target().join("tools");
    let built = tools.join("bin/cargo-deny");
    let found = shell::find("cargo-deny")
        .into_iter()
        .chain(installed)
        .chain([built.clone()])
        .find(|file| file.is_file());
    if let Some(found) = found {
        return Ok(found);
    }
    if std::env::var_os("CI").is_none() {
        return Err(format!(
            "not installed: cargo install --locked cargo-deny --version {VERSION}"
        ));
    }
    println!("\n== building cargo-deny {VERSION}");
    shell::run(
        shell::cargo()
            .args(["install", "--quiet", "--locked", "cargo-deny", "--version"])
            .arg(VERSION)
            .arg("--root")
            .arg(&tools)
            // It is run for a second: what optimising it costs is never earned back.
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_TARGET_DIR", tools.join("build")),
    )
    .map_err(|error| format!("{error:#}"))?;
    Ok(built)
}

/// Looks for known weaknesses; a list that cannot be had is a skip and not a pass.
fn advisories(program: &PathBuf) -> Result<Outcome> {
    let shown = shell::show(
        shell::program(program)
            .args(["--locked", "--color", "never", "check", "advisories"])
            .env("GIT_TERMINAL_PROMPT", "0"),
    )?;
    if shown.success {
        return Ok(Outcome::Passed);
    }
    let fetch = [
        "failed to fetch advisory database",
        "failed to load advisory database",
    ];
    if fetch.iter().any(|text| shown.text.contains(text)) {
        return Ok(Outcome::Skipped(
            "the advisory database cannot be reached from here".to_owned(),
        ));
    }
    Ok(Outcome::Failed)
}
