//! Situations as flat lists of facts, which can be compared one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Value, json};

/// Facts by their path: `links.myvnet.mtu`, `snat.10.0.0.0/24.to`.
pub type Facts = BTreeMap<String, Value>;

/// What the peer's files of facts say nothing about.
const UNSPOKEN: [&str; 2] = ["alias", "alternative_name"];

/// The facts of a situation. Lists without an order are sorted.
pub fn flat(situation: &Value) -> Facts {
    let mut facts = Facts::new();
    facts.insert("node".to_owned(), situation["node"].clone());
    let mut switched: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, device) in situation["links"].as_object().unwrap() {
        let ovs = &device["ovs"];
        if let Some(bridge) = ovs["ovs-bridge"].as_str() {
            switched.entry(bridge).or_default().insert(name);
        }
        if let Some(ports) = ovs["ovs-ports"].as_str() {
            let ports = ports.split_whitespace();
            switched.entry(name).or_default().extend(ports);
        }
        for (key, value) in ovs.as_object().into_iter().flatten() {
            let mut words: Vec<&str> = value.as_str().unwrap().split_whitespace().collect();
            words.sort_unstable();
            if key != "ovs-ports" {
                facts.insert(format!("links.{name}.{key}"), json!(words));
            }
        }
        for (key, value) in device.as_object().unwrap() {
            // What a port of Open vSwitch is stands in its type there.
            let is_said = key == "ovs" || (key == "kind" && !ovs.is_null());
            if !is_said && !UNSPOKEN.contains(&key.as_str()) {
                facts.insert(format!("links.{name}.{key}"), sorted(value));
            }
        }
    }
    facts.extend(implied(situation));
    for (bridge, ports) in switched {
        facts.insert(format!("links.{bridge}.ovs-ports"), json!(ports));
    }
    for translation in situation["snat"].as_array().into_iter().flatten() {
        let source = translation["source"].as_str().unwrap();
        for (key, value) in translation.as_object().unwrap() {
            if key != "source" {
                facts.insert(format!("snat.{source}.{key}"), value.clone());
            }
        }
    }
    for (section, lines) in situation["frr"].as_object().into_iter().flatten() {
        // A section is there with nothing in it, too.
        // Outside of all sections is no section: there are always lines of the host's.
        if section != "global" {
            facts.insert(format!("frr.[{section}]"), json!(true));
        }
        for line in lines.as_array().unwrap() {
            let line = line.as_str().unwrap();
            facts.insert(format!("frr.[{section}] {line}"), json!(true));
        }
    }
    facts
}

/// What the name of a port says that nothing else is said of: `eth0.100` is VLAN 100 of `eth0`.
fn implied(situation: &Value) -> Facts {
    let mut facts = Facts::new();
    let links = situation["links"].as_object().unwrap();
    let ports = links.values().filter_map(|it| it["ports"].as_array());
    for port in ports.flatten().filter_map(Value::as_str) {
        let Some((parent, id)) = port.rsplit_once('.') else {
            continue;
        };
        let Some(id) = id.parse::<u16>().ok().filter(|_| !links.contains_key(port)) else {
            continue;
        };
        facts.insert(format!("links.{port}.kind"), json!("vlan"));
        facts.insert(format!("links.{port}.parent"), json!(parent));
        facts.insert(format!("links.{port}.vlan_id"), json!(id));
    }
    facts
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items = items.clone();
            items.sort_by_key(ToString::to_string);
            Value::Array(items)
        }
        other => other.clone(),
    }
}

/// A fact that two situations do not agree about.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The fact.
    pub fact: String,
    /// What the one says.
    pub theirs: Option<Value>,
    /// What the other says.
    pub ours: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = |it: &Option<Value>| {
            it.as_ref()
                .map_or_else(|| "nothing".to_owned(), Value::to_string)
        };
        let (theirs, ours) = (said(&self.theirs), said(&self.ours));
        write!(f, "{}: the peer has {theirs}, we have {ours}", self.fact)
    }
}

/// Everything that the two do not agree about, in either direction.
pub fn compare(theirs: &Facts, ours: &Facts) -> Vec<Difference> {
    let mut facts: Vec<&String> = theirs.keys().chain(ours.keys()).collect();
    facts.sort();
    facts.dedup();
    facts
        .into_iter()
        .filter(|fact| theirs.get(*fact) != ours.get(*fact))
        .map(|fact| Difference {
            fact: fact.clone(),
            theirs: theirs.get(fact).cloned(),
            ours: ours.get(fact).cloned(),
        })
        .collect()
}
