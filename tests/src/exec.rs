//! Running a program to its end and keeping what it said.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// What a program said, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it printed on standard output.
    pub stdout: String,
    /// What it printed on standard error.
    pub stderr: String,
}

/// The command as a person would type it.
pub fn typed(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs a program, however it ends.
///
/// # Errors
/// When it cannot be started.
pub fn output(command: &mut Command) -> Result<Output> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", typed(command)))?;
    Ok(Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Runs a program that must end well, and returns its standard output.
///
/// # Errors
/// When it cannot be started or ends with anything but 0; the error has all that it said.
pub fn run(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    if output.code != Some(0) {
        bail!(
            "{} ended with {:?}: {}{}",
            typed(command),
            output.code,
            output.stdout,
            output.stderr
        );
    }
    Ok(output.stdout)
}
