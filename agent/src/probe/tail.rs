//! The end of what a program says.

use tokio::io::{AsyncRead, AsyncReadExt};

/// How much of the end is kept while it is read.
const KEPT: usize = 4 << 10;

/// How many lines of it are told.
const LINES: usize = 5;

/// How much of it is told.
const TOLD: usize = 400;

/// The last bytes that were read.
#[derive(Debug, Default)]
pub(super) struct Tail(Vec<u8>);

impl Tail {
    /// Reads until there is no more, or reading fails, which is the same here. Cancel-safe.
    pub(super) async fn follow(&mut self, from: &mut (impl AsyncRead + Unpin)) {
        let mut buffer = [0; 1 << 10];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            self.0.extend_from_slice(&buffer[..read]);
            let spare = self.0.len().saturating_sub(KEPT);
            self.0.drain(..spare);
        }
    }

    /// The last lines, as one; empty when nothing was said.
    pub(super) fn words(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        let is_plain = |c: char| if c.is_control() { ' ' } else { c };
        let lines: Vec<String> = text
            .lines()
            .map(|line| line.trim().chars().map(is_plain).collect())
            .filter(|line: &String| !line.is_empty())
            .collect();
        let last = lines[lines.len().saturating_sub(LINES)..].join(" | ");
        let spare = last.chars().count().saturating_sub(TOLD);
        last.chars().skip(spare).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_last_lines_are_kept_and_nothing_that_a_terminal_would_obey() {
        let mut tail = Tail::default();
        let said: String = (0..10_000)
            .map(|line| format!("line {line}\x1b[31m\n"))
            .collect();
        tail.follow(&mut said.as_bytes()).await;
        assert!(tail.0.len() <= KEPT);
        let last: Vec<_> = (9_995..10_000)
            .map(|line| format!("line {line} [31m"))
            .collect();
        assert_eq!(tail.words(), last.join(" | "));
        let mut long = Tail::default();
        long.follow(&mut "x".repeat(9_000).as_bytes()).await;
        assert_eq!(long.words(), "x".repeat(TOLD));
    }
}
