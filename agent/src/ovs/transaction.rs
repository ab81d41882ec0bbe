//! Changes to our ports as one transaction, and what became of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use weft_model::plan::link::SwitchPort;
use weft_node::own::SWITCH_MARK;
use weft_node::step::{Change, Plug};

use super::rows::Rows;

/// What must have come of an operation for the whole to be as it was meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Check {
    /// The operation's place.
    place: usize,
    /// What is wrong where it changed nothing.
    otherwise: String,
}

/// The operations that make these changes to ports of these names, and what to look at afterwards.
/// The last one tells how far the switch must be for the changes to be in force.
pub(super) fn operations(rows: &Rows, changes: &[(&str, &Change)]) -> (Vec<Value>, Vec<Check>) {
    let mut all = vec![json!({"op": "comment", "comment": "weft-agent"})];
    let mut checks = Vec::new();
    // What each bridge loses and gets, at once: a switch may have thousands of ports.
    let mut leaving: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut coming: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (at, (name, change)) in changes.iter().enumerate() {
        let place = rows.place(name);
        match change {
            Change::Plug(plug) => {
                if let Some((port, bridge)) = place {
                    leaving.entry(bridge).or_default().insert(port);
                }
                all.extend(insertions(at, name, plug));
                let named = json!(["named-uuid", format!("port{at}")]);
                coming
                    .entry(plug.port.switch.as_str())
                    .or_default()
                    .push(named);
            }
            Change::Retag(port) => {
                if let Some((id, _)) = place {
                    checks.push(Check {
                        place: all.len(),
                        otherwise: format!("port {name} is gone"),
                    });
                    all.push(json!({
                        "op": "update", "table": "Port", "where": is(id), "row": lane(port),
                    }));
                }
            }
            Change::Unplug => {
                if let Some((port, bridge)) = place {
                    leaving.entry(bridge).or_default().insert(port);
                }
            }
            _ => {}
        }
    }
    for (bridge, ports) in leaving {
        let ports: Vec<Value> = ports.into_iter().map(number).collect();
        all.push(json!({
            "op": "mutate", "table": "Bridge", "where": is(bridge),
            "mutations": [["ports", "delete", ["set", ports]]],
        }));
    }
    for (bridge, ports) in coming {
        checks.push(Check {
            place: all.len(),
            otherwise: format!("there is no bridge {bridge}"),
        });
        all.push(json!({
            "op": "mutate", "table": "Bridge", "where": [["name", "==", bridge]],
            "mutations": [["ports", "insert", ["set", ports]]],
        }));
    }
    all.push(json!({
        "op": "mutate", "table": "Open_vSwitch", "where": is(rows.root()),
        "mutations": [["next_cfg", "+=", 1]],
    }));
    all.push(json!({
        "op": "select", "table": "Open_vSwitch", "where": is(rows.root()), "columns": ["next_cfg"],
    }));
    (all, checks)
}

/// How far the switch must be for the changes to be in force.
///
/// # Errors
/// What was refused, or was not there to be changed.
pub(super) fn outcome(answer: &Value, checks: &[Check]) -> Result<i64, String> {
    let results = answer.as_array().map(Vec::as_slice).unwrap_or_default();
    for result in results {
        if let Some(error) = result.get("error").and_then(Value::as_str) {
            let details = result.get("details").and_then(Value::as_str);
            return Err(details.unwrap_or(error).to_owned());
        }
    }
    for check in checks {
        let count = results.get(check.place).and_then(|it| it.get("count"));
        if count.and_then(Value::as_u64) != Some(1) {
            return Err(check.otherwise.clone());
        }
    }
    let due = results.last().and_then(|it| it.pointer("/rows/0/next_cfg"));
    due.and_then(Value::as_i64)
        .ok_or_else(|| "its answer is not understood".to_owned())
}

fn insertions(at: usize, name: &str, plug: &Plug) -> [Value; 2] {
    let marks = json!(["map", [[SWITCH_MARK, plug.cluster.as_str()]]]);
    let interface = json!({
        "op": "insert", "table": "Interface", "uuid-name": format!("interface{at}"),
        "row": {"name": name, "type": "internal", "external_ids": marks},
    });
    let mut row = lane(&plug.port);
    row["name"] = json!(name);
    row["external_ids"] = marks;
    row["interfaces"] = json!(["named-uuid", format!("interface{at}")]);
    let port = json!({
        "op": "insert", "table": "Port", "uuid-name": format!("port{at}"), "row": row,
    });
    [interface, port]
}

/// The columns that say which VLAN a port has.
fn lane(port: &SwitchPort) -> Value {
    let (mode, options) = match port.tunnel {
        None => (json!(["set", []]), json!(["map", []])),
        Some(protocol) => (
            json!("dot1q-tunnel"),
            json!(["map", [["qinq-ethtype", protocol.as_str()]]]),
        ),
    };
    json!({
        "tag": port.id.get(), "trunks": ["set", []], "vlan_mode": mode, "other_config": options,
    })
}

fn number(id: &str) -> Value {
    json!(["uuid", id])
}

fn is(id: &str) -> Value {
    json!([["_uuid", "==", number(id)]])
}
