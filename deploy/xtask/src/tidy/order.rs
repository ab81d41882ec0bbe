//! The order of modules: a crate lists them bottom-up, and a module uses only those above its own.

use super::Finding;
use super::source::Source;

/// What uses a module that its crate lists further down.
pub fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for front in sources.iter().filter(|source| is_front(source, sources)) {
        let modules = listed(front);
        let folder = front.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for source in sources {
            let Some(module) = module_of(&source.path, folder) else {
                continue;
            };
            let Some(own) = modules.iter().position(|name| name == module) else {
                continue;
            };
            for (line, used) in uses(source) {
                let below = modules.iter().position(|name| *name == used) > Some(own);
                if below {
                    findings.push(Finding {
                        path: source.path.clone(),
                        line,
                        problem: format!(
                            "uses crate::{used}, which stands below {module} in {}",
                            front.path
                        ),
                    });
                }
            }
        }
    }
    findings
}

/// Whether the file lists a crate's modules: `lib.rs`, or `main.rs` where there is no `lib.rs`.
fn is_front(source: &Source, sources: &[Source]) -> bool {
    match source.path.strip_suffix("src/main.rs") {
        Some(folder) => {
            let library = format!("{folder}src/lib.rs");
            !sources.iter().any(|other| other.path == library)
        }
        None => source.path.ends_with("src/lib.rs"),
    }
}

/// The modules that a front file lists, in its order.
fn listed(front: &Source) -> Vec<String> {
    front
        .production()
        .filter_map(|line| {
            let code = line.code.trim();
            let code = code.strip_prefix("pub(crate) ").unwrap_or(code);
            let code = code.strip_prefix("pub ").unwrap_or(code);
            let name = code.strip_prefix("mod ")?.strip_suffix(';')?;
            Some(name.to_owned())
        })
        .collect()
}

/// The module of the crate in `folder` that a file belongs to.
fn module_of<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    let inside = path.strip_prefix(folder)?.strip_prefix('/')?;
    let first = inside.split('/').next()?;
    Some(first.strip_suffix(".rs").unwrap_or(first))
}

/// The modules that a file uses by `crate::`, with the line.
fn uses(source: &Source) -> Vec<(usize, String)> {
    let mut code = String::new();
    let mut starts = Vec::new();
    for line in source.production() {
        starts.push((code.len(), line.number));
        code.push_str(line.code);
        code.push('\n');
    }
    let line_at = |at: usize| {
        let index = starts.partition_point(|(start, _)| *start <= at);
        starts[index.saturating_sub(1)].1
    };
    let mut found = Vec::new();
    for (at, prefix) in code.match_indices("crate::") {
        let joined = code[..at]
            .chars()
            .next_back()
            .is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$');
        if joined {
            continue;
        }
        let after = at + prefix.len();
        let rest = &code[after..];
        let members = match rest.strip_prefix('{') {
            Some(group) => group_members(group, after + 1),
            None => vec![(after, identifier(rest))],
        };
        for (at, name) in members {
            found.push((line_at(at), name.to_owned()));
        }
    }
    found
}

/// The first names of the members of a `{a, b::{c, d}}` group whose brace is already read.
fn group_members(group: &str, offset: usize) -> Vec<(usize, &str)> {
    let mut members = Vec::new();
    let mut depth = 0_usize;
    let mut expecting = true;
    for (at, c) in group.char_indices() {
        match c {
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            '{' => depth += 1,
            ',' if depth == 0 => expecting = true,
            c if expecting && (c.is_alphanumeric() || c == '_') => {
                members.push((offset + at, identifier(&group[at..])));
                expecting = false;
            }
            _ => {}
        }
    }
    members
}

/// The identifier at the start of a text.
fn identifier(text: &str) -> &str {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIB: &str = "//! Crate.\npub mod vni;\n\nmod plan;\npub(crate) mod report;\n";

    fn found(path: &str, text: &str) -> Vec<(usize, String)> {
        let sources = [
            Source::new("agent/src/lib.rs", LIB),
            Source::new(path, text),
        ];
        check(&sources)
            .into_iter()
            .map(|finding| (finding.line, finding.problem))
            .collect()
    }

    #[test]
    fn a_module_may_use_what_stands_above_it() {
        let text = "//! A.\nuse crate::vni::Vni;\nuse crate::{plan::{NodePlan, report}, vni};\n";
        assert_eq!(found("agent/src/report/fault.rs", text), []);
    }

    #[test]
    fn a_module_that_uses_what_stands_below_it_is_found() {
        let text = "//! A.\nuse crate::report::Fault;\n";
        assert_eq!(
            found("agent/src/plan.rs", text),
            [(
                2,
                "uses crate::report, which stands below plan in agent/src/lib.rs".to_owned()
            )]
        );
    }

    #[test]
    fn a_group_over_several_lines_is_read() {
        let text = "//! A.\nuse crate::{\n    plan::{\n        link,\n    },\n    report,\n};\n";
        let lines: Vec<_> = found("agent/src/vni.rs", text)
            .into_iter()
            .map(|(line, _)| line)
            .collect();
        assert_eq!(lines, [3, 6]);
    }

    #[test]
    fn tests_may_use_anything() {
        let text = "//! A.\n#[cfg(test)]\nmod tests {\n    use crate::report::Fault;\n}\n";
        assert_eq!(found("agent/src/plan.rs", text), []);
    }

    #[test]
    fn another_crate_has_an_order_of_its_own() {
        let text = "//! A.\nuse crate::report::Fault;\n";
        assert_eq!(found("agent/core/src/plan.rs", text), []);
    }
}
