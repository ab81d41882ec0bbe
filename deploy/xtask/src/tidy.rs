//! `cargo xtask tidy`: the layering of the crates and the house rules, held by a program.
//!
//! # Guarantees
//! Every rule is a pure function of what it looks at, and has a test that shows it failing. One
//! more test runs them all on this work tree, so that `cargo test` is enough to break on.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::shell;
use crate::skips::NEVER_SKIPPED;

mod source;

mod imports;
mod order;
mod promises;
mod shape;
mod words;

use source::Source;

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, from the top of the work tree.
    pub path: String,
    /// The line, from 1; 0 where it is about the whole file.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            line,
            problem,
        } = self;
        match line {
            0 => write!(f, "{path}: {problem}"),
            line => write!(f, "{path}:{line}: {problem}"),
        }
    }
}

/// Checks the work tree and prints what it found.
///
/// # Errors
/// When the work tree cannot be read.
pub fn run() -> Result<ExitCode> {
    let findings = check(&shell::root())?;
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("tidy: nothing to mend");
        return Ok(ExitCode::SUCCESS);
    }
    println!("tidy: {} to mend", findings.len());
    Ok(ExitCode::FAILURE)
}

/// Every finding in the work tree, in the order of the files.
///
/// # Errors
/// When the work tree cannot be read.
pub fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = imports::check(&imports::read()?);
    findings.extend(shape::check_top(&top(root)?));
    let sources = sources(root)?;
    for source in &sources {
        findings.extend(shape::check(source));
        findings.extend(words::check(source));
    }
    findings.extend(order::check(&sources));
    let named = |file: &str| {
        let file = root.join(file);
        std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
    };
    findings.extend(promises::check(&named(promises::FILE)?, &sources));
    findings.extend(promises::check_never_skipped(
        &named(NEVER_SKIPPED)?,
        &sources,
    ));
    findings.sort();
    Ok(findings)
}

/// The names of the folders at the top that are not hidden.
fn top(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root).with_context(|| format!("cannot list {root:?}"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() && !name.starts_with('.') && !name.starts_with("target") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Every Rust file of ours.
fn sources(root: &Path) -> Result<Vec<Source>> {
    let mut files = Vec::new();
    for folder in shape::TOP {
        walk(&root.join(folder), &mut files)?;
    }
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            let path = file.strip_prefix(root).unwrap_or(&file);
            Ok(Source::new(path.to_string_lossy(), text))
        })
        .collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {folder:?}"))? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_tree_keeps_the_house_rules() {
        let found: Vec<_> = check(&shell::root())
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, Vec::<String>::new(), "see `cargo xtask tidy`");
    }
}
