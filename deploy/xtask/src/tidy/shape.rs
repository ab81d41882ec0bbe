//! The shape of files: their names, their length, their first line.

use super::Finding;
use super::source::Source;

/// The folders at the top of the work tree.
pub const TOP: [&str; 5] = ["agent", "controller", "deploy", "proto", "tests"];

/// The longest a file may be without its tests.
const LONGEST: usize = 400;

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 15] = [
    "util",
    "utils",
    "helper",
    "helpers",
    "common",
    "misc",
    "manager",
    "handler",
    "handlers",
    "processor",
    "info",
    "data",
    "base",
    "types",
    "shared",
];

/// What is wrong with the folders at the top.
pub fn check_top(folders: &[String]) -> Vec<Finding> {
    folders
        .iter()
        .filter(|folder| !TOP.contains(&folder.as_str()))
        .map(|folder| Finding {
            path: folder.clone(),
            line: 0,
            problem: format!("the top level has only the folders {}", TOP.join(", ")),
        })
        .collect()
}

/// What is wrong with the shape of one file.
pub fn check(source: &Source) -> Vec<Finding> {
    let mut problems = Vec::new();
    let stem = source.stem();
    if EMPTY_NAMES.contains(&stem) {
        problems.push(format!(
            "{stem} says nothing: name the file for what it holds"
        ));
    }
    if stem == "mod" {
        problems.push("use name.rs beside name/ instead of name/mod.rs".to_owned());
    }
    let lines = source.production_lines();
    if lines > LONGEST {
        problems.push(format!(
            "{lines} lines without tests, and {LONGEST} is the most: find the second idea in it"
        ));
    }
    let first = source.text.lines().next().unwrap_or_default();
    if !first.starts_with("//! ") {
        problems.push("open the file with `//!` and what it makes true".to_owned());
    }
    problems
        .into_iter()
        .map(|problem| Finding {
            path: source.path.clone(),
            line: 0,
            problem,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<String> {
        check(&Source::new(path, text))
            .into_iter()
            .map(|finding| finding.problem)
            .collect()
    }

    #[test]
    fn a_good_file_passes() {
        assert_eq!(
            problems("agent/src/vnet.rs", "//! Vnets.\nfn a() {}\n"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_name_that_says_nothing_is_found() {
        assert_eq!(
            problems("agent/src/utils.rs", "//! Things.\n"),
            ["utils says nothing: name the file for what it holds"]
        );
    }

    #[test]
    fn a_mod_rs_is_found() {
        assert_eq!(
            problems("agent/src/frr/mod.rs", "//! Things.\n"),
            ["use name.rs beside name/ instead of name/mod.rs"]
        );
    }

    #[test]
    fn a_file_without_its_sentence_is_found() {
        assert_eq!(
            problems("agent/src/vnet.rs", "use std::fmt;\n"),
            ["open the file with `//!` and what it makes true"]
        );
    }

    #[test]
    fn a_long_file_is_found_and_its_tests_do_not_count() {
        let body = "fn a() {}\n".repeat(400);
        assert_eq!(
            problems("agent/src/vnet.rs", &format!("//! Vnets.\n{body}")),
            ["401 lines without tests, and 400 is the most: find the second idea in it"]
        );
        let tests = format!("//! Vnets.\n#[cfg(test)]\nmod tests {{\n{body}}}\n");
        assert_eq!(problems("agent/src/vnet.rs", &tests), Vec::<String>::new());
    }

    #[test]
    fn a_folder_at_the_top_that_is_not_in_the_design_is_found() {
        let folders = ["agent".to_owned(), "docs".to_owned()];
        let found = check_top(&folders);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "docs");
    }
}
