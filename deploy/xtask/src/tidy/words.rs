//! Words that stand in one room only, or nowhere.

use super::Finding;
use super::source::{Line, Source};

/// A word and the rooms that may say it.
struct Word {
    /// What is looked for, as a piece of code.
    text: &'static str,
    /// Beginnings of paths; where the list is empty, nobody may.
    rooms: &'static [&'static str],
    /// Whether tests may say it too.
    tests: bool,
    /// Why, and what to do.
    advice: &'static str,
}

/// The rooms of the crates that decide without doing.
const PURE: [&str; 3] = [
    "proto/model/src/",
    "controller/core/src/",
    "agent/core/src/",
];

/// What a pure crate never says.
const IMPURE: [&str; 11] = [
    "SystemTime::now",
    "Instant::now",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "TcpStream",
    "UdpSocket",
    "tokio::",
    "println!",
    "rand::",
];

const NETLINK: &[&str] = &["agent/src/netlink/", "agent/src/netlink.rs"];
const NETLINK_ADVICE: &str = "netlink is spoken under agent/src/netlink only";
const STORE: &[&str] = &[
    "controller/src/store/",
    "controller/src/store.rs",
    // Who measures what the controller writes asks etcd and not the controller.
    "tests/src/bin/weft-swarm/",
];

const WORDS: &[Word] = &[
    Word {
        text: "etcd_client",
        rooms: STORE,
        tests: false,
        advice: "etcd is spoken under controller/src/store only",
    },
    Word {
        text: "rtnetlink",
        rooms: NETLINK,
        tests: false,
        advice: NETLINK_ADVICE,
    },
    Word {
        text: "netlink_packet_",
        rooms: NETLINK,
        tests: false,
        advice: NETLINK_ADVICE,
    },
    Word {
        text: "netlink_proto",
        rooms: NETLINK,
        tests: false,
        advice: NETLINK_ADVICE,
    },
    Word {
        text: "netlink_sys",
        rooms: NETLINK,
        tests: false,
        advice: NETLINK_ADVICE,
    },
    Word {
        text: "tonic::Status",
        rooms: &[
            "controller/src/api",
            // The store reads what etcd answers, which comes in the same words.
            "controller/src/store/",
            "controller/src/session",
            "controller/cli/src/",
            "agent/src/session",
            "tests/",
        ],
        tests: true,
        advice: "the wire's errors are spoken under api/ and in session.rs only",
    },
    Word {
        text: "unbounded_channel",
        rooms: &[],
        tests: true,
        advice: "a queue has a bound: use a bounded channel",
    },
    Word {
        text: "dead_code)",
        rooms: &[],
        tests: false,
        advice: "code that nobody calls is deleted, not excused",
    },
];

/// What one file says that it may not.
pub fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    // This file has to name what it looks for.
    if source.path.starts_with("deploy/xtask/") {
        return findings;
    }
    for word in WORDS {
        if word.rooms.iter().any(|room| source.path.starts_with(room)) {
            continue;
        }
        let lines: Vec<Line<'_>> = if word.tests {
            source.production().collect()
        } else {
            source.lines().collect()
        };
        for line in lines.iter().filter(|line| says(line.code, word.text)) {
            findings.push(finding(source, *line, word.advice.to_owned()));
        }
    }
    if PURE.iter().any(|room| source.path.starts_with(room)) {
        for line in source.production() {
            for word in IMPURE.iter().filter(|word| says(line.code, word)) {
                let problem = format!(
                    "{word} in a crate that decides without doing: take the value as an argument"
                );
                findings.push(finding(source, line, problem));
            }
        }
    }
    for line in source.lines() {
        if line.code.contains("#[ignore]") {
            let problem = "an ignored test says why: #[ignore = \"...\"]".to_owned();
            findings.push(finding(source, line, problem));
        }
        if line.code.contains("shared/") && !source.path.starts_with("tests/") {
            let reaches_out = ["\"../shared/", "/work/shared/", "/../shared/"]
                .iter()
                .any(|text| line.code.contains(text));
            if reaches_out {
                let problem = "the product builds and runs without anything beside the work tree";
                findings.push(finding(source, line, problem.to_owned()));
            }
        }
    }
    findings
}

/// Whether the code says the word, and not only a longer one that ends with it.
fn says(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        !code[..at]
            .chars()
            .next_back()
            .is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

fn finding(source: &Source, line: Line<'_>, problem: String) -> Finding {
    Finding {
        path: source.path.clone(),
        line: line.number,
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<(usize, String)> {
        check(&Source::new(path, text))
            .into_iter()
            .map(|finding| (finding.line, finding.problem))
            .collect()
    }

    #[test]
    fn etcd_outside_the_store_is_found() {
        let text = "//! A.\nuse etcd_client::Client;\n";
        assert_eq!(
            found("controller/src/reconcile.rs", text),
            [(
                2,
                "etcd is spoken under controller/src/store only".to_owned()
            )]
        );
        assert_eq!(found("controller/src/store/keys.rs", text), []);
    }

    #[test]
    fn netlink_outside_its_room_is_found_even_in_tests() {
        let text = "//! A.\n#[cfg(test)]\nmod tests {\n    use rtnetlink::Handle;\n}\n";
        assert_eq!(
            found("agent/src/ledger.rs", text),
            [(4, NETLINK_ADVICE.to_owned())]
        );
        assert_eq!(found("agent/src/netlink/apply.rs", text), []);
    }

    #[test]
    fn the_wires_errors_outside_the_api_are_found() {
        let text = "//! A.\nfn a() -> tonic::Status { todo() }\n";
        assert_eq!(found("controller/src/reconcile.rs", text).len(), 1);
        assert_eq!(found("controller/src/api/objects.rs", text), []);
    }

    #[test]
    fn a_clock_in_a_pure_crate_is_found() {
        let text = "//! A.\nlet now = Instant::now();\n";
        assert_eq!(found("controller/core/src/rollout.rs", text).len(), 1);
        assert_eq!(found("controller/src/leader.rs", text), []);
    }

    #[test]
    fn a_test_ignored_without_a_reason_is_found() {
        let text = "//! A.\n#[cfg(test)]\nmod tests {\n    #[ignore]\n    fn a() {}\n}\n";
        assert_eq!(found("agent/src/a.rs", text).len(), 1);
        let reason = text.replace("#[ignore]", "#[ignore = \"takes an hour\"]");
        assert_eq!(found("agent/src/a.rs", &reason), []);
    }

    #[test]
    fn a_queue_without_a_bound_is_found() {
        let text = "//! A.\nlet (a, b) = mpsc::unbounded_channel();\n";
        assert_eq!(found("agent/src/a.rs", text).len(), 1);
    }

    #[test]
    fn a_path_out_of_the_work_tree_is_found() {
        let text = "//! A.\nlet a = \"../shared/pve-cases\";\n";
        assert_eq!(found("agent/src/a.rs", text).len(), 1);
        assert_eq!(found("tests/tests/golden.rs", text), []);
    }

    #[test]
    fn a_word_in_a_comment_or_inside_another_word_is_not_meant() {
        let text = "//! Not rtnetlink.\nlet my_rtnetlink = 1; // tonic::Status\n";
        assert_eq!(found("agent/src/a.rs", text), []);
    }
}
