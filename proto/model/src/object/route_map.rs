//! Route maps: which routes are let through, and what is changed of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::{NonZeroU16, NonZeroU32};

use serde::{Deserialize, Serialize};

use crate::asn::Asn;
use crate::community::{Community, LargeCommunity};
use crate::name::PolicyName;
use crate::numbered::{self, NumberError};
use crate::policy::{Action, Amount, AsPathPattern, EvpnRoute, Metric, NextHop, NextHop6, Then};
use crate::route_target::RouteTarget;
use crate::vni::Vni;

mod as_text;

/// A route map; never empty. What no rule matches is not let through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct RouteMapSpec {
    rules: BTreeMap<NonZeroU16, MapRule>,
}

/// One rule of a route map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapRule {
    /// What happens to what matches.
    pub action: Action,
    /// What a route must be to match: all of it.
    pub matches: Matches,
    /// What is changed of it.
    pub sets: Sets,
    /// Another map that must let it through too.
    pub call: Option<PolicyName>,
    /// Where to go on; `None` ends the map.
    pub then: Option<Then>,
}

/// What a route must be to match: all that is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Matches {
    /// Its network is in the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_list: Option<PolicyName>,
    /// Its next hop is in the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_hop_prefix_list: Option<PolicyName>,
    /// Its next hop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_hop: Option<IpAddr>,
    /// Its EVPN type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_type: Option<EvpnRoute>,
    /// Its VNI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vni: Option<Vni>,
    /// Its metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
    /// Its tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<NonZeroU32>,
    /// Its local preference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_preference: Option<u32>,
    /// Who sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
    /// Its communities: all of these.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub communities: BTreeSet<Community>,
    /// Its large communities: all of these.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub large_communities: BTreeSet<LargeCommunity>,
    /// Its AS path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_path: Option<AsPathPattern>,
}

impl Matches {
    /// Whether every route matches.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is changed of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sets {
    /// The next hop of an IPv4 route.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_text")]
    pub next_hop: Option<NextHop>,
    /// The next hop of an IPv6 route.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_text")]
    pub next_hop6: Option<NextHop6>,
    /// The local preference; a difference is to the route's own, and to zero by FRR 8.4 where it has
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_text")]
    pub local_preference: Option<Amount>,
    /// The metric.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_text")]
    pub metric: Option<Metric>,
    /// The tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<NonZeroU32>,
    /// The weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// The source address of packets that the host sends by the route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// The communities.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub communities: BTreeSet<Community>,
    /// The large communities.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub large_communities: BTreeSet<LargeCommunity>,
    /// Whether communities that the route has stay beside them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub additive: bool,
    /// The route targets.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub route_targets: BTreeSet<RouteTarget>,
    /// AS numbers that come first in its path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prepend: Vec<Asn>,
}

impl Sets {
    /// Whether the route stays as it is.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How far apart rules are that have no number of their own.
const STEP: u32 = 10;

/// The longest prefix of an AS path: more would not fit a line of FRR's.
const LONGEST_PREPEND: usize = 16;

/// A map that contradicts itself. Rules are counted from zero, as they stand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteMapError {
    /// There is no rule.
    #[error("rules: write at least one rule")]
    NoRule,
    /// Two rules have one number.
    #[error("rules[{rule}].seq: another rule has number {seq} too")]
    NumberTwice {
        /// The later rule.
        rule: usize,
        /// The number.
        seq: NonZeroU16,
    },
    /// There is no number after the rule before.
    #[error("rules[{rule}].seq: no number is left after the rules before: give it one")]
    NoNumberLeft {
        /// The rule.
        rule: usize,
    },
    /// The map goes on with a rule that does not come later.
    #[error("rules[{rule}].onMatch: a map only goes on with a later rule, and {seq} is none")]
    NotLater {
        /// The rule.
        rule: usize,
        /// Where it would go on.
        seq: NonZeroU16,
    },
    /// It changes what it does not let through.
    #[error("rules[{rule}].set: what is not let through cannot be changed: use permit")]
    ChangesDenied {
        /// The rule.
        rule: usize,
    },
    /// The metric that makes FRR 8.4 end.
    #[error(
        "rules[{rule}].match.metric: FRR 8.4 ends when it is asked to show a match of metric 0: match \
         another metric"
    )]
    MetricZero {
        /// The rule.
        rule: usize,
    },
    /// More numbers before a path than anyone needs.
    #[error("rules[{rule}].set.prepend: use at most 16 AS numbers")]
    LongPrepend {
        /// The rule.
        rule: usize,
    },
    /// Nothing is added.
    #[error("rules[{rule}].set.additive: say which communities are added")]
    NothingAdded {
        /// The rule.
        rule: usize,
    },
}

impl RouteMapError {
    /// The field of the spec that is wrong.
    pub fn field(&self) -> String {
        let (rule, field) = match self {
            Self::NoRule => return "rules".to_owned(),
            Self::NumberTwice { rule, .. } | Self::NoNumberLeft { rule } => (rule, "seq"),
            Self::NotLater { rule, .. } => (rule, "onMatch"),
            Self::ChangesDenied { rule } => (rule, "set"),
            Self::MetricZero { rule } => (rule, "match.metric"),
            Self::LongPrepend { rule } => (rule, "set.prepend"),
            Self::NothingAdded { rule } => (rule, "set.additive"),
        };
        format!("rules[{rule}].{field}")
    }
}

impl RouteMapSpec {
    /// The map of these rules; a rule without a number gets the next multiple of 10 after all before
    /// it.
    ///
    /// # Errors
    /// When there is none, two have one number, or one of them contradicts itself.
    pub fn new(
        rules: impl IntoIterator<Item = (Option<NonZeroU16>, MapRule)>,
    ) -> Result<Self, RouteMapError> {
        let mut numbered = BTreeMap::new();
        let mut places = Vec::new();
        for (at, (seq, rule)) in rules.into_iter().enumerate() {
            rule.check(at)?;
            let then = rule.then;
            let added = numbered::add(&mut numbered, seq, STEP, rule);
            let seq = added.map_err(|error| match error {
                NumberError::Twice(seq) => RouteMapError::NumberTwice { rule: at, seq },
                NumberError::NoneLeft => RouteMapError::NoNumberLeft { rule: at },
            })?;
            places.push((seq, then));
        }
        for (at, (own, then)) in places.into_iter().enumerate() {
            if let Some(Then::Goto(seq)) = then
                && (seq <= own || !numbered.contains_key(&seq))
            {
                return Err(RouteMapError::NotLater { rule: at, seq });
            }
        }
        if numbered.is_empty() {
            return Err(RouteMapError::NoRule);
        }
        Ok(Self { rules: numbered })
    }

    /// Its rules, by number.
    pub fn rules(&self) -> &BTreeMap<NonZeroU16, MapRule> {
        &self.rules
    }

    /// The maps that it calls.
    pub fn calls(&self) -> BTreeSet<&PolicyName> {
        self.rules
            .values()
            .filter_map(|it| it.call.as_ref())
            .collect()
    }

    /// The prefix lists that it looks into.
    pub fn prefix_lists(&self) -> BTreeSet<&PolicyName> {
        let matches = self.rules.values().map(|rule| &rule.matches);
        matches
            .flat_map(|it| it.prefix_list.iter().chain(&it.next_hop_prefix_list))
            .collect()
    }
}

impl MapRule {
    fn check(&self, rule: usize) -> Result<(), RouteMapError> {
        let sets = &self.sets;
        if self.matches.metric == Some(0) {
            return Err(RouteMapError::MetricZero { rule });
        }
        if self.action == Action::Deny && !sets.is_empty() {
            return Err(RouteMapError::ChangesDenied { rule });
        }
        if sets.prepend.len() > LONGEST_PREPEND {
            return Err(RouteMapError::LongPrepend { rule });
        }
        if sets.additive && sets.communities.is_empty() && sets.large_communities.is_empty() {
            return Err(RouteMapError::NothingAdded { rule });
        }
        Ok(())
    }
}

/// How manifests write a map.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Form {
    rules: Vec<RuleForm>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RuleForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seq: Option<NonZeroU16>,
    action: Action,
    #[serde(default, skip_serializing_if = "Matches::is_empty")]
    r#match: Matches,
    #[serde(default, skip_serializing_if = "Sets::is_empty")]
    set: Sets,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    call: Option<PolicyName>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_text")]
    on_match: Option<Then>,
}

impl TryFrom<Form> for RouteMapSpec {
    type Error = RouteMapError;

    fn try_from(form: Form) -> Result<Self, RouteMapError> {
        Self::new(form.rules.into_iter().map(|it| {
            let rule = MapRule {
                action: it.action,
                matches: it.r#match,
                sets: it.set,
                call: it.call,
                then: it.on_match,
            };
            (it.seq, rule)
        }))
    }
}

impl From<RouteMapSpec> for Form {
    fn from(spec: RouteMapSpec) -> Self {
        let rules = spec.rules.into_iter();
        let rules = rules.map(|(seq, rule)| RuleForm {
            seq: Some(seq),
            action: rule.action,
            r#match: rule.matches,
            set: rule.sets,
            call: rule.call,
            on_match: rule.then,
        });
        Self {
            rules: rules.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<RouteMapSpec, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_map_is_written_as_it_is_read() {
        for json in [
            r#"{"rules":[{"seq":10,"action":"permit"}]}"#,
            r#"{"rules":[{"seq":5,"action":"deny","match":{"prefixList":"own","nextHopPrefixList":"hops","nextHop":"192.0.2.1","routeType":"prefix","vni":100,"metric":7,"tag":3,"localPreference":0,"peer":"192.0.2.9","communities":["65000:1","no-export"],"largeCommunities":["1:2:3"],"asPath":"^65000_"},"onMatch":"10"},{"seq":10,"action":"permit","set":{"nextHop":"peer-address","nextHop6":"fd00::1","localPreference":"200","metric":"+10","tag":9,"weight":0,"source":"192.0.2.1","communities":["65000:2"],"largeCommunities":["1:2:4"],"additive":true,"routeTargets":["65000:7"],"prepend":[65000,65000]},"call":"other","onMatch":"next"}]}"#,
        ] {
            let spec = read(json).unwrap();
            assert_eq!(serde_json::to_string(&spec).unwrap(), json);
        }
    }

    #[test]
    fn a_rule_without_a_number_gets_the_next_multiple_of_ten() {
        let json =
            r#"{"rules":[{"action":"deny"},{"seq":15,"action":"deny"},{"action":"permit"}]}"#;
        let numbers: Vec<u16> = read(json)
            .unwrap()
            .rules()
            .keys()
            .map(|it| it.get())
            .collect();
        assert_eq!(numbers, [10, 15, 20]);
    }

    #[test]
    fn a_map_knows_what_it_names() {
        let json = r#"{"rules":[{"action":"permit","match":{"prefixList":"b","nextHopPrefixList":"a"},"call":"x"},{"action":"permit","match":{"prefixList":"a"},"call":"x"}]}"#;
        let spec = read(json).unwrap();
        let text = |names: BTreeSet<&PolicyName>| -> Vec<String> {
            names.into_iter().map(ToString::to_string).collect()
        };
        assert_eq!(text(spec.prefix_lists()), ["a", "b"]);
        assert_eq!(text(spec.calls()), ["x"]);
    }

    #[test]
    fn a_map_that_contradicts_itself_is_refused_with_the_field() {
        for (rules, part) in [
            ("", "rules: write at least one"),
            (
                r#"{"seq":5,"action":"permit"},{"seq":5,"action":"permit"}"#,
                "rules[1].seq: another rule has number 5",
            ),
            (
                r#"{"seq":65535,"action":"permit"},{"action":"permit"}"#,
                "rules[1].seq: no number is left",
            ),
            (
                r#"{"seq":20,"action":"permit","onMatch":"10"},{"seq":10,"action":"permit"}"#,
                "rules[0].onMatch: a map only goes on with a later rule, and 10 is none",
            ),
            (
                r#"{"action":"permit","onMatch":"30"},{"action":"permit"}"#,
                "rules[0].onMatch",
            ),
            (
                r#"{"action":"deny","set":{"tag":1}}"#,
                "rules[0].set: what is not let through",
            ),
            (
                r#"{"action":"permit","match":{"metric":0}}"#,
                "rules[0].match.metric: FRR 8.4 ends",
            ),
            (
                r#"{"action":"permit","set":{"additive":true}}"#,
                "rules[0].set.additive",
            ),
            (
                r#"{"action":"permit","set":{"prepend":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}}"#,
                "rules[0].set.prepend",
            ),
            (
                r#"{"action":"permit","set":{"metric":"1\n!"}}"#,
                "is not a metric",
            ),
            (r#"{"action":"permit","call":"a b"}"#, "is not valid"),
            (r#"{"action":"allow"}"#, "unknown variant"),
        ] {
            let error = read(&format!(r#"{{"rules":[{rules}]}}"#)).unwrap_err();
            assert!(error.contains(part), "{rules}: {error}");
        }
    }
}
