//! Situations as flat lists of facts, which can be compared one by one.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

/// Facts by their path: `links.myvnet.mtu`, `snat.10.0.0.0/24.to`.
pub type Facts = BTreeMap<String, Value>;

/// What the peer's files of facts say nothing about.
const UNSPOKEN: [&str; 2] = ["alias", "alternative_name"];

/// The facts of a situation. Lists without an order are sorted.
pub fn flat(situation: &Value) -> Facts {
    let mut facts = Facts::new();
    facts.insert("node".to_owned(), situation["node"].clone());
    for (name, device) in situation["links"].as_object().unwrap() {
        for (key, value) in device.as_object().unwrap() {
            if !UNSPOKEN.contains(&key.as_str()) {
                facts.insert(format!("links.{name}.{key}"), sorted(value));
            }
        }
    }
    for translation in situation["snat"].as_array().into_iter().flatten() {
        let source = translation["source"].as_str().unwrap();
        for (key, value) in translation.as_object().unwrap() {
            if key != "source" {
                facts.insert(format!("snat.{source}.{key}"), value.clone());
            }
        }
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
