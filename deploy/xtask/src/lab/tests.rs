//! The tests that need a full kernel, run in one lab: built outside, run inside, counted outside.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::boot::{Machine, Terminal};
use super::cache;
use super::share::{Order, Share, quoted};
use crate::count::{self, Count};
use crate::skips::{self, Skip};
use crate::{packages, shell};

mod choice;

pub use choice::Choice;

/// The file of the runner's report, in the folder that is kept.
const REPORT: &str = "junit.xml";

/// What became of the tests in the lab.
#[derive(Debug)]
pub struct Inside {
    /// Whether all went well and the runner said so.
    pub success: bool,
    /// How many went how; one that found its kernel wanting is among those that passed.
    pub count: Count,
    /// What could not be run there either.
    pub skips: Vec<Skip>,
}

/// Runs the chosen tests; the programs that they start are built already.
///
/// `selection` is what cargo is told to build, so that nothing is built twice.
///
/// # Errors
/// When something cannot be built or the lab cannot be started.
pub fn run(machine: &Machine, choice: &Choice, selection: &[&str]) -> Result<Inside> {
    packages::install_missing_for_lab()?;
    let share = Share::fleeting(&cache())?;
    let words = match nextest() {
        Some(runner) => with_nextest(&runner, &share, choice, selection)?,
        None => without_nextest(choice, selection)?,
    };
    let folder = skips::Folder::at(share.folder().join("skips"))?;
    let order = Order {
        words,
        variables: vec![
            (
                skips::VARIABLE.to_owned(),
                folder.path().as_os_str().to_owned(),
            ),
            (
                "WEFT_BIN_DIR".to_owned(),
                shell::target().join("debug").into_os_string(),
            ),
        ],
        folder: shell::root().join("tests"),
    };
    let ran = machine.run(&cache(), &share, &order, Terminal::Kept)?;
    let report = share.folder().join(REPORT);
    if report.is_file() {
        let kept = cache().join(REPORT);
        fs::copy(&report, &kept).with_context(|| format!("cannot write {}", kept.display()))?;
        println!("the report is in {}", kept.display());
    }
    Ok(Inside {
        success: ran.end.code() == 0,
        // What is left out by choice is counted where everything is run.
        count: Count {
            skipped: 0,
            ..count::read(&ran.printed)
        },
        skips: folder.read_all()?,
    })
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
/// said here. The machine's files are at the same places inside, so nothing is packed.
fn with_nextest(
    runner: &PathBuf,
    share: &Share,
    choice: &Choice,
    selection: &[&str],
) -> Result<Vec<OsString>> {
    let mut list = cargo(&["nextest", "list", "--locked"]);
    list.args(selection)
        .args(["--list-type", "binaries-only", "--message-format", "json"]);
    let binaries = share.folder().join("binaries.json");
    let metadata = share.folder().join("metadata.json");
    for (file, command) in [
        (&binaries, &mut list),
        (
            &metadata,
            &mut cargo(&["metadata", "--locked", "--format-version", "1"]),
        ),
    ] {
        let said = read(command)?;
        fs::write(file, said).with_context(|| format!("cannot write {}", file.display()))?;
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
    words.push(choice.filterset().into());
    Ok(words)
}

/// Builds the tests, and says how each program of tests runs those that are chosen, one after the
/// other, whatever becomes of them.
fn without_nextest(choice: &Choice, selection: &[&str]) -> Result<Vec<OsString>> {
    let mut build = cargo(&["test", "--locked", "--no-run", "--message-format", "json"]);
    build.args(selection).args(["--tests"]);
    let programs = test_programs(&read(&mut build)?);
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

/// The programs of tests that cargo built, by name.
fn test_programs(messages: &str) -> BTreeMap<String, PathBuf> {
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
