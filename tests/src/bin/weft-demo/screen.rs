//! What the demo prints: its steps, the commands it types, and the table at the end.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// What stands before everything but the titles of steps.
const MARGIN: &str = "          ";

/// What was shown so far.
#[derive(Debug)]
pub struct Screen {
    start: Instant,
    steps: u32,
    proved: Vec<Proof>,
}

/// One thing that was proved.
#[derive(Debug)]
struct Proof {
    what: String,
    how: String,
    held: bool,
}

impl Default for Screen {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            steps: 0,
            proved: Vec::new(),
        }
    }
}

impl Screen {
    /// Opens a step of the story.
    pub fn step(&mut self, title: &str) {
        self.steps += 1;
        let at = self.start.elapsed().as_secs_f64();
        println!("\n[{at:5.1} s] {}. {title}", self.steps);
    }

    /// Says something of the present step.
    pub fn say(&self, text: &str) {
        for line in text.lines() {
            println!("{MARGIN}{line}");
        }
    }

    /// Proves one thing, or ends the story.
    ///
    /// # Errors
    /// When it does not hold.
    pub fn prove(&mut self, what: &str, proof: impl FnOnce() -> Result<String>) -> Result<()> {
        let result = proof();
        let (how, held) = match &result {
            Ok(how) => (how.clone(), true),
            Err(error) => (format!("{error:#}"), false),
        };
        let mark = if held { "ok" } else { "NO" };
        println!("{MARGIN}{mark}  {what}: {how}");
        self.proved.push(Proof {
            what: what.to_owned(),
            how,
            held,
        });
        result
            .map(|_| ())
            .with_context(|| format!("this does not hold: {what}"))
    }

    /// Runs a command that the user could type as well, and shows what it prints as it comes.
    ///
    /// # Errors
    /// When it does not end well.
    pub fn run(&self, typed: &str, mut command: Command) -> Result<()> {
        self.say(&format!("$ {typed}"));
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {typed}"))?;
        let stdout = child.stdout.take().context("it has no output")?;
        for line in BufReader::new(stdout).lines() {
            self.say(&line.with_context(|| format!("cannot read what {typed} prints"))?);
        }
        let status = child
            .wait()
            .with_context(|| format!("cannot wait for {typed}"))?;
        if !status.success() {
            bail!("{typed} ended with {status}");
        }
        Ok(())
    }

    /// Prints what was proved.
    pub fn table(&self) {
        if self.proved.is_empty() {
            return;
        }
        let width = self
            .proved
            .iter()
            .map(|proof| proof.what.chars().count())
            .max()
            .unwrap_or_default();
        let seconds = self.start.elapsed().as_secs_f64();
        println!("\nWhat was proved, in {seconds:.1} s:\n");
        for Proof { what, how, held } in &self.proved {
            let mark = if *held { "ok" } else { "NO" };
            let how = how.lines().next().unwrap_or_default();
            println!("  {mark}  {what:<width$}  {how}");
        }
    }
}
