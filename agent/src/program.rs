//! Other programs, run for an answer within a time.

use std::io;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

/// Runs a program with this as its input. `None`: it did not end within the limit, and was killed.
///
/// # Errors
/// When it cannot be run.
pub(crate) async fn run(
    mut program: Command,
    input: &str,
    limit: Duration,
) -> Option<io::Result<Output>> {
    let work = async {
        let mut child = program
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A child that ends early says why on its own.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        child.wait_with_output().await
    };
    timeout(limit, work).await.ok()
}
