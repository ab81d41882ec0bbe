//! How many tests ran, as the runners themselves say at the end.

use std::fmt;
use std::ops::Add;

/// How many tests went how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Those that ran and were right.
    pub passed: usize,
    /// Those that ran and were wrong, or did not end.
    pub failed: usize,
    /// Those that did not run.
    pub skipped: usize,
}

impl Count {
    /// The same, where so many of those that passed found something wanting and proved nothing.
    pub fn without(self, skipped: usize) -> Self {
        Self {
            passed: self.passed.saturating_sub(skipped),
            skipped: self.skipped + skipped,
            ..self
        }
    }
}

impl Add for Count {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// The sum of every closing line of nextest or cargo test in a text.
pub fn read(text: &str) -> Count {
    text.lines()
        .filter_map(closing)
        .fold(Count::default(), Add::add)
}

/// The counts of one closing line: `Summary [..] 3 tests run: 2 passed (1 slow), 1 failed` or
/// `test result: ok. 3 passed; 0 failed; 1 ignored; ..`.
fn closing(line: &str) -> Option<Count> {
    let counts = if line.trim_start().starts_with("Summary [") {
        line.split_once(" run: ")?.1
    } else {
        line.strip_prefix("test result: ")?.split_once(". ")?.1
    };
    let mut count = Count::default();
    for part in counts.split([',', ';']) {
        let mut words = part.split_whitespace();
        let Some(Ok(number)) = words.next().map(str::parse::<usize>) else {
            continue;
        };
        match words.next() {
            Some("passed") => count.passed += number,
            Some("failed" | "timed" | "exec") => count.failed += number,
            Some("skipped" | "ignored") => count.skipped += number,
            Some(_) | None => {}
        }
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_nextest_is_read() {
        let text = "     Summary [   1.234s] 9 tests run: 6 passed (1 slow, 1 leaky), 2 failed, 1 timed out, 4 skipped\n";
        assert_eq!(
            read(text),
            Count {
                passed: 6,
                failed: 3,
                skipped: 4
            }
        );
    }

    #[test]
    fn the_last_lines_of_cargo_test_are_added_up() {
        let text = "\
running 3 tests
test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.1s
test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s
";
        assert_eq!(
            read(text),
            Count {
                passed: 4,
                failed: 2,
                skipped: 1
            }
        );
    }

    #[test]
    fn a_text_without_a_closing_line_counts_nothing() {
        assert_eq!(read("error: could not compile"), Count::default());
    }

    #[test]
    fn the_count_prints_as_one_plain_line() {
        let count = Count {
            passed: 3,
            failed: 0,
            skipped: 1,
        };
        assert_eq!(count.to_string(), "3 passed, 0 failed, 1 skipped");
    }
}
