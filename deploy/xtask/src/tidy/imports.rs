//! Which crate may import which: the table of the design, held against what cargo reads.
//!
//! Only what a crate is built with counts; tests may import more.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Finding;
use crate::shell;

/// What each crate imports in production, by the crate's name.
pub type Imports = BTreeMap<String, BTreeSet<String>>;

/// What a crate may import of the others' and must not import of ours.
struct Row {
    name: &'static str,
    /// The crates of this workspace that it may import.
    ours: &'static [&'static str],
    /// The crates of others that it must never import.
    never: &'static [&'static str],
}

/// What decides must not be able to do.
const IO: &[&str] = &[
    "tokio",
    "tokio-stream",
    "tonic",
    "prost",
    "etcd-client",
    "rtnetlink",
    "nix",
    "futures",
    "anyhow",
    "rand",
    "tempfile",
];

const TABLE: &[Row] = &[
    Row {
        name: "weft-model",
        ours: &[],
        never: IO,
    },
    Row {
        name: "weft-core",
        ours: &["weft-model"],
        never: IO,
    },
    Row {
        name: "weft-node",
        ours: &["weft-model"],
        never: IO,
    },
    Row {
        name: "weft-proto",
        ours: &["weft-model"],
        never: &["tokio", "etcd-client", "rtnetlink", "nix", "anyhow"],
    },
    Row {
        name: "weft-runtime",
        ours: &[],
        never: &[
            "tonic",
            "prost",
            "etcd-client",
            "rtnetlink",
            "nix",
            "anyhow",
        ],
    },
    Row {
        name: "weft-controller",
        ours: &["weft-model", "weft-proto", "weft-core", "weft-runtime"],
        never: &[
            "rtnetlink",
            "netlink-packet-route",
            "netlink-proto",
            "nftables",
        ],
    },
    Row {
        name: "weft-agent",
        ours: &["weft-model", "weft-proto", "weft-node"],
        never: &["etcd-client"],
    },
    Row {
        // weft-core too: `weftctl plan` compiles without a controller.
        name: "weftctl",
        ours: &["weft-model", "weft-proto", "weft-core"],
        never: &[
            "etcd-client",
            "rtnetlink",
            "netlink-packet-route",
            "netlink-proto",
            "nix",
        ],
    },
    Row {
        name: "weft-tests",
        ours: &["weft-model", "weft-proto", "weft-core", "weft-node"],
        never: &["rtnetlink"],
    },
    Row {
        name: "xtask",
        ours: &[],
        never: &["tokio", "tonic", "etcd-client", "rtnetlink"],
    },
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

/// What the crates of this workspace import, as cargo reads it.
///
/// # Errors
/// When cargo fails or answers what we cannot read.
pub fn read() -> Result<Imports> {
    let answer = shell::read(shell::cargo().args([
        "metadata",
        "--format-version=1",
        "--no-deps",
        "--offline",
    ]))?;
    let metadata: Metadata =
        serde_json::from_str(&answer).context("cannot read what cargo metadata printed")?;
    Ok(metadata
        .packages
        .into_iter()
        .map(|package| {
            let normal = package
                .dependencies
                .into_iter()
                .filter(|dependency| dependency.kind.is_none())
                .map(|dependency| dependency.name)
                .collect();
            (package.name, normal)
        })
        .collect())
}

/// What is imported that may not be.
pub fn check(imports: &Imports) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, imported) in imports {
        let mut add = |problem: String| {
            findings.push(Finding {
                path: format!("{name} (Cargo.toml)"),
                line: 0,
                problem,
            });
        };
        let Some(row) = TABLE.iter().find(|row| row.name == name) else {
            add("a crate that the table of imports does not know: add its row".to_owned());
            continue;
        };
        for import in imported {
            let ours = imports.contains_key(import);
            if (ours && !row.ours.contains(&import.as_str()))
                || row.never.contains(&import.as_str())
            {
                add(format!("must not import {import}"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(rows: &[(&str, &[&str])]) -> Imports {
        rows.iter()
            .map(|(name, list)| {
                let list = list.iter().map(|import| (*import).to_owned()).collect();
                ((*name).to_owned(), list)
            })
            .collect()
    }

    fn problems(rows: &[(&str, &[&str])]) -> Vec<String> {
        check(&imports(rows))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn what_the_table_allows_passes() {
        assert_eq!(
            problems(&[("weft-model", &["serde"]), ("weft-core", &["weft-model"])]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_crate_of_ours_from_the_wrong_side_is_found() {
        assert_eq!(
            problems(&[("weft-agent", &["weft-core"]), ("weft-core", &[])]),
            ["weft-agent (Cargo.toml): must not import weft-core"]
        );
    }

    #[test]
    fn io_in_a_crate_that_decides_is_found() {
        assert_eq!(
            problems(&[("weft-node", &["tokio"])]),
            ["weft-node (Cargo.toml): must not import tokio"]
        );
    }

    #[test]
    fn a_crate_that_nobody_placed_is_found() {
        assert_eq!(
            problems(&[("weft-extra", &[])]),
            [
                "weft-extra (Cargo.toml): a crate that the table of imports does not know: add its \
              row"
            ]
        );
    }
}
