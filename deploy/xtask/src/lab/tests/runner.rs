//! How the programs of tests are run inside: by nextest where there is one, one by one elsewhere.
//!
//! # Guarantees
//! Everything is built outside, where it is quick; inside nothing asks for cargo or rustc. The
//! machine's files are at the same places inside, so nothing is packed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::choice::{Choice, POWER_CUT};
use crate::lab::share::{Share, quoted};
use crate::shell;

/// The file of the runner's report, in the folder that is kept.
pub const REPORT: &str = "junit.xml";

/// Builds the tests, and says what runs those that are chosen.
///
/// # Errors
/// When they cannot be built.
pub fn shared(share: &Share, choice: &Choice, selection: &[&str]) -> Result<Vec<OsString>> {
    match nextest() {
        Some(runner) => with_nextest(&runner, share, choice, selection),
        None => without_nextest(choice, selection),
    }
}

/// Builds the test that cuts the power, and says what runs it.
///
/// # Errors
/// When it cannot be built.
pub fn power_cut(selection: &[&str]) -> Result<Vec<OsString>> {
    let programs = build(selection, &["--test", POWER_CUT].map(str::to_owned))?;
    let file = programs
        .get(POWER_CUT)
        .with_context(|| format!("cargo built no {POWER_CUT}"))?;
    Ok(vec![file.into(), "--nocapture".into()])
}

/// The program behind `cargo nextest`, where there is one.
fn nextest() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    shell::find("cargo-nextest").or_else(|| {
        let file = home?.join("bin/cargo-nextest");
        file.is_file().then_some(file)
    })
}

/// Builds the tests, and says how nextest runs them where there is no cargo to ask: from what cargo
/// said here.
fn with_nextest(
    runner: &Path,
    share: &Share,
    choice: &Choice,
    selection: &[&str],
) -> Result<Vec<OsString>> {
    let mut list = cargo(&["nextest", "list", "--locked"]);
    list.args(selection).args(choice.targets()).args([
        "--list-type",
        "binaries-only",
        "--message-format",
        "json",
    ]);
    let binaries = share.folder().join("binaries.json");
    let metadata = share.folder().join("metadata.json");
    let listed = read(&mut list)?;
    let known = read(&mut cargo(&[
        "metadata",
        "--locked",
        "--format-version",
        "1",
    ]))?;
    for (file, text) in [(&binaries, &listed), (&metadata, &known)] {
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    // Where the runner writes it, which is thrown away with all else that is written inside.
    let report = shell::root().join("target/nextest/lab").join(REPORT);
    let script = format!(
        "\"$@\"; code=$?; cp {} \"$WEFT_LAB_SHARE\"; exit $code",
        quoted(report.as_os_str())
    );
    let mut words = ["sh", "-c", &script, "sh"].map(OsString::from).to_vec();
    words.push(runner.into());
    words.extend(
        [
            "nextest",
            "run",
            "--profile",
            "lab",
            "--no-fail-fast",
            "--color",
            "never",
            "--cargo-metadata",
        ]
        .map(OsString::from),
    );
    words.push(metadata.into());
    words.push("--binaries-metadata".into());
    words.push(binaries.into());
    words.push("--filterset".into());
    words.push(choice.filterset(&names(&listed)).into());
    Ok(words)
}

/// The names of the programs of tests that nextest listed.
fn names(listed: &str) -> Vec<String> {
    let listed: serde_json::Value = serde_json::from_str(listed).unwrap_or_default();
    let programs = listed["rust-binaries"].as_object();
    programs
        .into_iter()
        .flat_map(|programs| programs.values())
        .filter_map(|program| Some(program["binary-name"].as_str()?.to_owned()))
        .collect()
}

/// Builds the tests, and says how each program of tests runs those that are chosen, one after the
/// other, whatever becomes of them.
fn without_nextest(choice: &Choice, selection: &[&str]) -> Result<Vec<OsString>> {
    let programs = build(selection, &choice.targets())?;
    let mut script = String::from("code=0\n");
    for (name, file) in &programs {
        for arguments in choice.arguments(name) {
            script.push_str(&quoted(file.as_os_str()));
            for argument in &arguments {
                script.push(' ');
                script.push_str(&quoted(argument.as_ref()));
            }
            script.push_str(" || code=1\n");
        }
    }
    ensure!(
        script.lines().count() > 1,
        "no program of tests is chosen by {choice:?}"
    );
    script.push_str("exit $code\n");
    Ok(["sh", "-c", &script].map(OsString::from).to_vec())
}

/// Builds programs of tests; returns where they are, by name.
fn build(selection: &[&str], which: &[String]) -> Result<BTreeMap<String, PathBuf>> {
    let mut build = cargo(&["test", "--locked", "--no-run"]);
    build
        .args(["--message-format", "json-render-diagnostics"])
        .args(selection)
        .args(which);
    Ok(programs(&read(&mut build)?))
}

/// The programs of tests that cargo says it built, by name.
fn programs(messages: &str) -> BTreeMap<String, PathBuf> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    messages
        .filter(|message| message["target"]["kind"][0] == "test")
        .filter_map(|message| {
            let name = message["target"]["name"].as_str()?.to_owned();
            Some((name, PathBuf::from(message["executable"].as_str()?)))
        })
        .collect()
}

/// Runs cargo, shows what it builds, and returns what it printed.
fn read(command: &mut Command) -> Result<String> {
    let typed = shell::typed(command);
    println!("$ {typed}");
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {typed}"))?;
    ensure!(output.status.success(), "{typed} failed");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = shell::cargo();
    cargo.args(arguments).env("CARGO_TERM_COLOR", "never");
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_of_tests_are_told_from_all_that_cargo_built() {
        let said = r#"
{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"weft_tests"},"executable":null}
{"reason":"compiler-artifact","target":{"kind":["test"],"name":"netns"},"executable":"/t/netns-1"}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"weft"},"executable":"/t/weft"}
{"reason":"build-finished","success":true}
"#;
        let expected = [("netns".to_owned(), PathBuf::from("/t/netns-1"))];
        assert_eq!(programs(said), BTreeMap::from(expected));
    }

    #[test]
    fn the_names_of_programs_are_read_from_the_list_of_nextest() {
        let said = r#"{"rust-binaries": {"weft-tests::e2e": {"binary-name": "e2e"}}}"#;
        assert_eq!(names(said), ["e2e"]);
    }
}
