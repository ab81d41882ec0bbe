//! The program `vtysh`: where it is not known which daemon holds what, and to have a text checked.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use super::Settings;
use crate::program;

/// Long enough for a busy node, short enough that the way back begins in time.
const LIMIT: Duration = Duration::from_secs(60);

/// How many commands one run of the program is given.
const AT_ONCE: usize = 100;

/// Why `vtysh` did not do what it was asked to do.
#[derive(Debug, thiserror::Error)]
pub enum VtyshError {
    /// It did not run.
    #[error("cannot run vtysh")]
    Run {
        /// Why.
        source: std::io::Error,
    },
    /// It did not end.
    #[error("vtysh did not finish within {} s", LIMIT.as_secs())]
    Late,
    /// It ended with an error.
    #[error("vtysh says: {0}")]
    Refused(String),
}

/// What all daemons have.
pub(crate) async fn running(frr: &Settings) -> Result<String, VtyshError> {
    told(frr, &["show running-config".to_owned()]).await
}

/// Tells all daemons, in order, up to the first command that is refused.
pub(crate) async fn tell(frr: &Settings, commands: &[String]) -> Result<(), VtyshError> {
    for some in commands.chunks(AT_ONCE) {
        told(frr, some).await?;
    }
    Ok(())
}

async fn told(frr: &Settings, commands: &[String]) -> Result<String, VtyshError> {
    let mut words = vec!["--vty_socket".to_owned(), frr.run.display().to_string()];
    for command in commands {
        words.extend(["-c".to_owned(), command.clone()]);
    }
    vtysh(&frr.vtysh, &words, None).await
}

/// Has a text checked against the language of this FRR; no daemon is told.
pub(crate) async fn check(frr: &Settings, text: &str) -> Result<(), VtyshError> {
    let words = ["--dryrun", "-f", "/dev/stdin"].map(str::to_owned);
    vtysh(&frr.vtysh, &words, Some(text)).await.map(drop)
}

async fn vtysh(
    program: &Path,
    words: &[String],
    input: Option<&str>,
) -> Result<String, VtyshError> {
    let mut program = Command::new(program);
    program.args(words);
    let output = program::run(program, input.unwrap_or_default(), LIMIT)
        .await
        .ok_or(VtyshError::Late)?
        .map_err(|source| VtyshError::Run { source })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let all = format!("{text}{}", String::from_utf8_lossy(&output.stderr));
    let words: Vec<&str> = all.split_whitespace().collect();
    Err(VtyshError::Refused(words.join(" ")))
}
