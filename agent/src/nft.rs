//! Our table of source translations, by the `nft` program.
//!
//! # Guarantees
//! The table is written whole and at once, or stays as it was. No other table is touched. What was
//! written is read back and compared, rule by rule.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;
use weft_model::object::subnet::Snat;
use weft_model::prefix::{Family, Prefix};
use weft_node::nft::{Leaving, Rule, TABLE, Table};

use crate::program;

/// Much longer than `nft` takes for thousands of rules.
const LIMIT: Duration = Duration::from_secs(30);

const CHAIN: &str = "postrouting";

/// Why `nft` did not do what it was asked to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot run nft")]
    Run { source: std::io::Error },
    #[error("nft did not finish within {} s", LIMIT.as_secs())]
    Late,
    #[error("nft says: {0}")]
    Refused(String),
}

/// The version of the `nft` program, where there is one.
pub(crate) async fn version() -> Option<String> {
    let text = run(&["--version"], None).await.ok()?;
    let version = text.split_whitespace().nth(1)?;
    Some(version.trim_start_matches('v').to_owned())
}

/// Puts a table in place of what is there; `None` removes it.
pub(crate) async fn write(table: Option<&Table>) -> Result<(), Error> {
    let text = program(table).to_string();
    run(&["-j", "-f", "-"], Some(&text)).await.map(drop)
}

/// What our table holds; `None` where there is none.
pub(crate) async fn read() -> Result<Option<Table>, Error> {
    match run(&["-j", "list", "table", "inet", TABLE], None).await {
        Ok(text) => Ok(Some(parse(&text).map_or(Table::Unreadable, Table::Rules))),
        Err(Error::Refused(text)) if text.contains("No such file or directory") => Ok(None),
        Err(error) => Err(error),
    }
}

async fn run(arguments: &[&str], input: Option<&str>) -> Result<String, Error> {
    let mut nft = Command::new("nft");
    nft.args(arguments);
    let output = program::run(nft, input.unwrap_or_default(), LIMIT)
        .await
        .ok_or(Error::Late)?
        .map_err(|source| Error::Run { source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find(|line| !line.trim().is_empty());
    Err(Error::Refused(line.unwrap_or("nothing").trim().to_owned()))
}

/// The commands that put the table in place of whatever is there.
fn program(table: Option<&Table>) -> Value {
    let whole = json!({"table": {"family": "inet", "name": TABLE}});
    // Adding first makes the removal work whether the table is there or not.
    let mut commands = vec![json!({"add": whole}), json!({"delete": whole})];
    if let Some(Table::Rules(rules)) = table {
        commands.push(json!({"add": whole}));
        commands.push(json!({"add": {"chain": {
            "family": "inet", "table": TABLE, "name": CHAIN,
            "type": "nat", "hook": "postrouting", "prio": 100, "policy": "accept",
        }}}));
        commands.extend(rules.iter().map(|rule| {
            json!({"add": {"rule": {
                "family": "inet", "table": TABLE, "chain": CHAIN,
                "expr": expression(rule), "comment": rule.comment,
            }}})
        }));
    }
    json!({"nftables": commands})
}

/// A rule as `nft` writes it itself, so that what is read back can be compared.
fn expression(rule: &Rule) -> Value {
    let family = match rule.source.family() {
        Family::Ipv4 => "ip",
        Family::Ipv6 => "ip6",
    };
    let (address, length) = (rule.source.address().to_string(), rule.source.length());
    let source = if rule.source.is_host() {
        json!(address)
    } else {
        json!({"prefix": {"addr": address, "len": length}})
    };
    let translation = match rule.to {
        Snat::Masquerade => json!({"masquerade": null}),
        Snat::Address(to) => json!({"snat": {"family": family, "addr": to.to_string()}}),
    };
    let (operator, device) = match &rule.leaving {
        Leaving::Except(inside) => ("!=", inside),
        Leaving::By(outside) => ("==", outside),
    };
    json!([
        {"match": {
            "op": "==",
            "left": {"payload": {"protocol": family, "field": "saddr"}},
            "right": source,
        }},
        {"match": {"op": operator, "left": {"meta": {"key": "oifname"}}, "right": device}},
        translation,
    ])
}

/// Reads a listing; `None` where it holds anything that [`program`] would not have written.
fn parse(text: &str) -> Option<BTreeSet<Rule>> {
    let listing: Value = serde_json::from_str(text).ok()?;
    let (mut rules, mut chains) = (BTreeSet::new(), 0);
    for object in listing.get("nftables")?.as_array()? {
        let (kind, object) = object.as_object()?.iter().next()?;
        match kind.as_str() {
            "metainfo" | "table" => {}
            "chain" => {
                let is_ours = object.get("name")? == CHAIN
                    && object.get("type")? == "nat"
                    && object.get("hook")? == "postrouting"
                    && object.get("prio")? == 100
                    && object.get("policy")? == "accept";
                is_ours.then_some(())?;
                chains += 1;
            }
            "rule" => {
                let rule = read_rule(object)?;
                // A second rule that is equal to the first was not written by us.
                rules.insert(rule).then_some(())?;
            }
            _ => return None,
        }
    }
    (chains == 1).then_some(rules)
}

fn read_rule(object: &Value) -> Option<Rule> {
    let expression_read = object.get("expr")?;
    let [source, leaving, translation] = expression_read.as_array()?.as_slice() else {
        return None;
    };
    let source = source.pointer("/match/right")?;
    let source: Prefix = match source {
        Value::String(address) => {
            let length = if address.contains(':') { 128 } else { 32 };
            format!("{address}/{length}").parse().ok()?
        }
        prefix => {
            let address = prefix.pointer("/prefix/addr")?.as_str()?;
            let length = prefix.pointer("/prefix/len")?.as_u64()?;
            format!("{address}/{length}").parse().ok()?
        }
    };
    let to = match translation.pointer("/snat/addr") {
        Some(address) => Snat::Address(address.as_str()?.parse().ok()?),
        None => Snat::Masquerade,
    };
    let device = leaving.pointer("/match/right")?.as_str()?.to_owned();
    let leaving = if leaving.pointer("/match/op")? == "==" {
        Leaving::By(device)
    } else {
        Leaving::Except(device)
    };
    let rule = Rule {
        source,
        leaving,
        to,
        comment: object.get("comment")?.as_str()?.to_owned(),
    };
    (expression(&rule) == *expression_read).then_some(rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> BTreeSet<Rule> {
        let inside = || Leaving::Except("web".to_owned());
        let outside = Leaving::By("eth0".to_owned());
        [
            ("10.1.0.0/24", inside(), Snat::Masquerade),
            (
                "10.2.0.1/32",
                inside(),
                Snat::Address([192, 0, 2, 1].into()),
            ),
            ("10.3.0.0/24", outside, Snat::Masquerade),
            ("fd00::/64", inside(), Snat::Masquerade),
        ]
        .into_iter()
        .map(|(source, leaving, to)| Rule {
            source: source.parse().unwrap(),
            leaving,
            to,
            comment: "prod/web".to_owned(),
        })
        .collect()
    }

    /// What `nft` lists after it was given the program.
    fn listing(table: &Table) -> Value {
        let program = program(Some(table));
        let objects = program["nftables"].as_array().unwrap()[2..]
            .iter()
            .map(|command| command["add"].clone());
        let first = json!({"metainfo": {"version": "1.0.6"}});
        let all: Vec<Value> = [first].into_iter().chain(objects).collect();
        json!({"nftables": all})
    }

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let text = listing(&Table::Rules(rules())).to_string();
        assert_eq!(parse(&text), Some(rules()));
    }

    #[test]
    fn a_table_with_anything_else_in_it_is_not_taken_for_ours() {
        let mut foreign_rule = listing(&Table::Rules(rules()));
        foreign_rule["nftables"][3]["rule"]["expr"][2] = json!({"drop": null});
        let mut foreign_set = listing(&Table::Rules(rules()));
        foreign_set["nftables"]
            .as_array_mut()
            .unwrap()
            .push(json!({"set": {"name": "x"}}));
        let mut doubled = listing(&Table::Rules(rules()));
        let rule = doubled["nftables"][3].clone();
        doubled["nftables"].as_array_mut().unwrap().push(rule);
        for listing in [foreign_rule, foreign_set, doubled] {
            assert_eq!(parse(&listing.to_string()), None);
        }
    }
}
