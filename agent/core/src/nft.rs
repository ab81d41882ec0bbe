//! The table of source translations: what it must hold.

use std::collections::BTreeSet;
use std::fmt;

use weft_model::name::LinkName;
use weft_model::object::subnet::Snat;
use weft_model::plan::nat::Nat;
use weft_model::plan::{NodePlan, Origin};
use weft_model::prefix::Prefix;

/// The name of our table, in the `inet` family.
pub const TABLE: &str = "weft";

/// Our table, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Table {
    /// It holds these rules and nothing else.
    Rules(BTreeSet<Rule>),
    /// It is there and holds something that we did not write.
    Unreadable,
}

/// Packets from `source` that leave in one way get another source address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// The network whose packets are translated.
    pub source: Prefix,
    /// Which packets leave translated.
    pub leaving: Leaving,
    /// What the source address becomes.
    pub to: Snat,
    /// Whom the rule is for, `zone/vnet` or `@host-network`, as its comment.
    pub comment: String,
}

/// How packets leave that a rule is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leaving {
    /// By any device but this.
    Except(String),
    /// By this device.
    By(String),
}

/// The table that a plan wants; `None` where it wants no translation.
pub fn table(want: &NodePlan) -> Option<Table> {
    let rules: BTreeSet<Rule> = want.nats().flat_map(rules).collect();
    (!rules.is_empty()).then_some(Table::Rules(rules))
}

fn rules(nat: &Nat) -> Vec<Rule> {
    let comment = match &nat.origin {
        Origin::Zone {
            zone,
            vnet: Some(vnet),
        } => format!("{zone}/{vnet}"),
        Origin::Zone { zone, vnet: None } => zone.to_string(),
        Origin::Host { host } => format!("@{host}"),
        Origin::Controller { controller } => format!("%{controller}"),
        Origin::Fabric { fabric } => format!("~{fabric}"),
        Origin::Snippet { snippet } => format!("&{snippet}"),
    };
    let rule = |leaving| Rule {
        source: nat.source,
        leaving,
        to: nat.to,
        comment: comment.clone(),
    };
    if nat.outside.is_empty() {
        return vec![rule(Leaving::Except(nat.inside.as_str().to_owned()))];
    }
    let by = |name: &LinkName| rule(Leaving::By(name.as_str().to_owned()));
    nat.outside.iter().map(by).collect()
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source,
            leaving,
            to,
            ..
        } = self;
        match leaving {
            Leaving::Except(inside) => write!(f, "{source} leaving by other than {inside}: {to}"),
            Leaving::By(outside) => write!(f, "{source} leaving by {outside}: {to}"),
        }
    }
}
