//! The tests that must not be skipped where it counts, by name.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::stages::{Outcome, Stages};
use crate::shell;
use crate::skips::{NEVER_SKIPPED, Skip};

/// Adds a stage that fails when one of them was skipped, where this is a CI run: other machines may
/// lack what they like.
pub fn run(stages: &mut Stages, skips: &[Skip]) {
    if std::env::var_os("CI").is_none() {
        return;
    }
    stages.attempt("never skipped", || {
        let file: PathBuf = shell::root().join(NEVER_SKIPPED);
        let found = skipped(&read(&file)?, skips);
        for name in &found {
            println!("{name} was skipped, and {NEVER_SKIPPED} says that it never is");
        }
        Ok(Outcome::from(found.is_empty()))
    });
}

fn read(file: &Path) -> Result<Vec<String>> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(names(&text).map(str::to_owned).collect())
}

/// The names in the text of the file.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Those of the names that were skipped.
fn skipped(names: &[String], skips: &[Skip]) -> Vec<String> {
    names
        .iter()
        .filter(|name| skips.iter().any(|skip| skip.name == **name))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_test_that_must_not_be_is_found() {
        let list = "# Why.\n\nfullkernel::a::holds\nfullkernel::b::holds\n";
        let list: Vec<_> = names(list).map(str::to_owned).collect();
        let skip = |name: &str| Skip {
            name: name.to_owned(),
            reason: "the kernel has none".to_owned(),
        };
        let skips = [skip("fullkernel::b::holds"), skip("pve_cases_plan")];
        assert_eq!(skipped(&list, &skips), ["fullkernel::b::holds"]);
        assert_eq!(skipped(&list, &skips[1..]), Vec::<String>::new());
    }
}
