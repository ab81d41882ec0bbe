//! The table of source translations: what it must hold.

use std::collections::BTreeSet;
use std::fmt;

use weft_model::object::subnet::Snat;
use weft_model::plan::NodePlan;
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

/// Packets from `source` that leave by a device other than `inside` get another source address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// The network whose packets are translated.
    pub source: Prefix,
    /// The device that packets may leave by untranslated.
    pub inside: String,
    /// What the source address becomes.
    pub to: Snat,
    /// Whom the rule is for, `zone/vnet`, as its comment.
    pub comment: String,
}

/// The table that a plan wants; `None` where it wants no translation.
pub fn table(want: &NodePlan) -> Option<Table> {
    let rules: BTreeSet<Rule> = want
        .nats()
        .map(|nat| Rule {
            source: nat.source,
            inside: nat.inside.as_str().to_owned(),
            to: nat.to,
            comment: match &nat.origin.vnet {
                Some(vnet) => format!("{}/{vnet}", nat.origin.zone),
                None => nat.origin.zone.to_string(),
            },
        })
        .collect();
    (!rules.is_empty()).then_some(Table::Rules(rules))
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source, inside, to, ..
        } = self;
        write!(f, "{source} leaving by other than {inside}: {to}")
    }
}
