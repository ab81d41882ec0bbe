//! The stages of a run: how each went, how long it took, and the lines at the end.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::count::Count;
use crate::skips::Skip;

/// How a stage went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It went well.
    Passed,
    /// It did not.
    Failed,
    /// It could not be tried, for this reason.
    Skipped(String),
}

impl From<bool> for Outcome {
    fn from(success: bool) -> Self {
        if success { Self::Passed } else { Self::Failed }
    }
}

/// The stages so far.
#[derive(Debug, Default)]
pub struct Stages {
    done: Vec<Stage>,
}

#[derive(Debug)]
struct Stage {
    name: String,
    outcome: Outcome,
    took: Duration,
}

impl Stages {
    /// Runs a stage without which no other makes sense.
    ///
    /// # Errors
    /// When the stage fails.
    pub fn run(&mut self, name: &str, stage: impl FnOnce() -> Result<Outcome>) -> Result<()> {
        let failed = self.attempt(name, stage);
        if failed {
            self.print();
            anyhow::bail!("{name} failed, and nothing after it can be run");
        }
        Ok(())
    }

    /// Runs a stage; returns whether it failed.
    pub fn attempt(&mut self, name: &str, stage: impl FnOnce() -> Result<Outcome>) -> bool {
        println!("\n== {name}");
        let start = Instant::now();
        let outcome = stage().unwrap_or_else(|error| {
            println!("{name}: {error:#}");
            Outcome::Failed
        });
        let failed = outcome == Outcome::Failed;
        self.done.push(Stage {
            name: name.to_owned(),
            outcome,
            took: start.elapsed(),
        });
        failed
    }

    /// Says that a stage is not tried.
    pub fn skip(&mut self, name: &str, reason: &str) {
        self.attempt(name, || Ok(Outcome::Skipped(reason.to_owned())));
    }

    fn print(&self) {
        println!("\n== summary");
        for Stage {
            name,
            outcome,
            took,
        } in &self.done
        {
            let (word, reason) = match outcome {
                Outcome::Passed => ("ok", String::new()),
                Outcome::Failed => ("FAILED", String::new()),
                Outcome::Skipped(reason) => ("skipped", format!("  {reason}")),
            };
            println!("{name:<24} {word:<8} {:>7.1} s{reason}", took.as_secs_f64());
        }
        let total: Duration = self.done.iter().map(|stage| stage.took).sum();
        println!("{:<24} {:<8} {:>7.1} s", "in all", "", total.as_secs_f64());
    }

    /// Prints how everything went; the last line counts tests and stages that are not tests.
    pub fn close(&self, tests: Count, skips: &[Skip]) -> ExitCode {
        self.print();
        for Skip { name, reason } in skips {
            println!("skipped: {name}: {reason}");
        }
        let total = self.total(tests, skips.len());
        println!("\n{total}");
        if total.failed == 0 && total.passed > 0 && tests.passed > 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    /// Tests and the stages that are not tests, counted together.
    fn total(&self, tests: Count, skipped_inside: usize) -> Count {
        let mut total = tests;
        // A test that found its kernel wanting ended well, and proved nothing.
        total.passed = total.passed.saturating_sub(skipped_inside);
        total.skipped += skipped_inside;
        for stage in &self.done {
            match (&stage.outcome, stage.name.as_str()) {
                // The failed tests are counted already, unless none of them ran at all.
                (Outcome::Failed, "tests" | "doc tests" | "lab tests") if tests.failed > 0 => {}
                (Outcome::Passed, "tests" | "doc tests" | "lab tests") => {}
                (Outcome::Passed, _) => total.passed += 1,
                (Outcome::Failed, _) => total.failed += 1,
                (Outcome::Skipped(_), _) => total.skipped += 1,
            }
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(passed: usize, failed: usize, skipped: usize) -> Count {
        Count {
            passed,
            failed,
            skipped,
        }
    }

    #[test]
    fn stages_and_tests_are_counted_together() {
        let mut stages = Stages::default();
        stages.attempt("rustfmt", || Ok(Outcome::Passed));
        stages.attempt("clippy", || Ok(Outcome::Failed));
        stages.skip("cargo deny", "not today");
        stages.attempt("tests", || Ok(Outcome::Failed));
        assert_eq!(stages.total(count(10, 2, 1), 3), count(8, 3, 5));
    }

    #[test]
    fn a_run_whose_tests_could_not_start_has_failed() {
        let mut stages = Stages::default();
        stages.attempt("tests", || Ok(Outcome::Failed));
        assert_eq!(stages.total(Count::default(), 0), count(0, 1, 0));
        assert_eq!(stages.close(Count::default(), &[]), ExitCode::FAILURE);
    }

    #[test]
    fn a_run_without_any_test_has_failed() {
        let mut stages = Stages::default();
        stages.attempt("rustfmt", || Ok(Outcome::Passed));
        assert_eq!(stages.close(Count::default(), &[]), ExitCode::FAILURE);
    }

    #[test]
    fn a_stage_that_must_go_well_ends_the_run() {
        let mut stages = Stages::default();
        let error = stages.run("build", || Ok(Outcome::Failed)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "build failed, and nothing after it can be run"
        );
    }
}
