//! The tests that the architecture names as holding its promises, and those that must not be
//! skipped: they exist.

use std::collections::BTreeSet;

use super::Finding;
use super::source::Source;
use crate::skips::NEVER_SKIPPED;

/// The file that names them.
pub const FILE: &str = "ARCHITECTURE.md";

/// The names of tests in the architecture's text that no file has.
pub fn check(text: &str, sources: &[Source]) -> Vec<Finding> {
    unknown(FILE, text, sources, |line| names(line).collect())
}

/// The names of tests in the text of [`NEVER_SKIPPED`] that no file has.
pub fn check_never_skipped(text: &str, sources: &[Source]) -> Vec<Finding> {
    unknown(NEVER_SKIPPED, text, sources, |line| {
        let line = line.trim();
        let name = line.rsplit_once("::").map_or(line, |(_, name)| name);
        let is_name = !line.is_empty() && !line.starts_with('#');
        is_name.then_some(name).into_iter().collect()
    })
}

fn unknown<'a>(
    file: &str,
    text: &'a str,
    sources: &[Source],
    names: impl Fn(&'a str) -> Vec<&'a str>,
) -> Vec<Finding> {
    let known: BTreeSet<&str> = sources
        .iter()
        .flat_map(|source| source.lines())
        .filter_map(|line| {
            let (_, after) = line.code.split_once("fn ")?;
            after.split('(').next().map(str::trim)
        })
        .collect();
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for name in names(line) {
            if !known.contains(name) {
                findings.push(Finding {
                    path: file.to_owned(),
                    line: index + 1,
                    problem: format!("names a test that does not exist: {name}"),
                });
            }
        }
    }
    findings
}

/// What a line has between backticks that is a sentence: the name of a test.
fn names(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2).filter(|word| {
        word.matches('_').count() >= 2
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "//! A.\n#[test]\nfn a_thing_holds() {}\n";

    fn found(text: &str) -> Vec<String> {
        check(text, &[Source::new("agent/tests/a.rs", SOURCE)])
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_test_that_exists_passes_and_other_words_are_not_meant() {
        assert_eq!(
            found("| it | `a_thing_holds` |\nSee `weft_core` and `CAP_NET_ADMIN`.\n"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_test_that_does_not_exist_is_found() {
        assert_eq!(
            found("\n| it | `a_thing_holds`, `another_thing_holds` |\n"),
            ["ARCHITECTURE.md:2: names a test that does not exist: another_thing_holds"]
        );
    }

    #[test]
    fn a_test_that_must_not_be_skipped_and_does_not_exist_is_found() {
        let text = "# Why.\na::a_thing_holds\na::b::another_thing_holds\n";
        let found = check_never_skipped(text, &[Source::new("agent/tests/a.rs", SOURCE)]);
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            ["tests/never-skipped.txt:3: names a test that does not exist: another_thing_holds"]
        );
    }
}
