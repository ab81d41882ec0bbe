//! Prefix lists: which networks a route map means.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::numbered::{self, NumberError};
use crate::policy::Action;
use crate::prefix::{Family, Prefix};

/// A list of networks, all of one family; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct PrefixListSpec {
    family: Family,
    rules: BTreeMap<NonZeroU32, PrefixRule>,
}

/// One rule of a list of networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixRule {
    /// What happens to what matches.
    pub action: Action,
    /// The network.
    pub prefix: Prefix,
    /// The least length of what matches.
    pub ge: Option<u8>,
    /// The greatest length of what matches.
    pub le: Option<u8>,
}

/// How far apart rules are that have no number of their own.
const STEP: u32 = 5;

/// A list that contradicts itself. Rules are counted from zero, as they stand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrefixListError {
    /// There is no rule.
    #[error("rules: write at least one rule")]
    NoRule,
    /// A rule is of another family than the first.
    #[error(
        "rules[{rule}].prefix: the list is of {family}, as its first rule: use a list for each family"
    )]
    MixedFamilies {
        /// The rule.
        rule: usize,
        /// The family of the first.
        family: Family,
    },
    /// Two rules have one number.
    #[error("rules[{rule}].seq: another rule has number {seq} too")]
    NumberTwice {
        /// The later rule.
        rule: usize,
        /// The number.
        seq: NonZeroU32,
    },
    /// There is no number after the rule before.
    #[error("rules[{rule}].seq: no number is left after the rules before: give it one")]
    NoNumberLeft {
        /// The rule.
        rule: usize,
    },
    /// The lengths are of no network.
    #[error(
        "rules[{rule}].{field}: use lengths with {length} <= ge <= le <= {longest}, where {length} is \
         the prefix's own"
    )]
    Lengths {
        /// The rule.
        rule: usize,
        /// Which of the two.
        field: &'static str,
        /// The length of the rule's network.
        length: u8,
        /// The greatest length of its family.
        longest: u8,
    },
}

impl PrefixListError {
    /// The field of the spec that is wrong.
    pub fn field(&self) -> String {
        match self {
            Self::NoRule => "rules".to_owned(),
            Self::MixedFamilies { rule, .. } => format!("rules[{rule}].prefix"),
            Self::NumberTwice { rule, .. } | Self::NoNumberLeft { rule } => {
                format!("rules[{rule}].seq")
            }
            Self::Lengths { rule, field, .. } => format!("rules[{rule}].{field}"),
        }
    }
}

impl PrefixListSpec {
    /// The list of these rules; a rule without a number gets the next multiple of 5 after all before
    /// it.
    ///
    /// # Errors
    /// When there is none, they are not of one family, two have one number, or lengths are of no
    /// network.
    pub fn new(
        rules: impl IntoIterator<Item = (Option<NonZeroU32>, PrefixRule)>,
    ) -> Result<Self, PrefixListError> {
        let mut numbered = BTreeMap::new();
        let mut family = None;
        for (at, (seq, rule)) in rules.into_iter().enumerate() {
            let first = *family.get_or_insert(rule.prefix.family());
            if rule.prefix.family() != first {
                return Err(PrefixListError::MixedFamilies {
                    rule: at,
                    family: first,
                });
            }
            rule.check(at)?;
            numbered::add(&mut numbered, seq, STEP, rule).map_err(|error| match error {
                NumberError::Twice(seq) => PrefixListError::NumberTwice { rule: at, seq },
                NumberError::NoneLeft => PrefixListError::NoNumberLeft { rule: at },
            })?;
        }
        let family = family.ok_or(PrefixListError::NoRule)?;
        Ok(Self {
            family,
            rules: numbered,
        })
    }

    /// The family of its networks.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Its rules, by number.
    pub fn rules(&self) -> &BTreeMap<NonZeroU32, PrefixRule> {
        &self.rules
    }
}

impl PrefixRule {
    fn check(&self, rule: usize) -> Result<(), PrefixListError> {
        let (length, longest) = (self.prefix.length(), self.prefix.family().host_length());
        let wrong = |field| PrefixListError::Lengths {
            rule,
            field,
            length,
            longest,
        };
        let fits = |it: Option<u8>, from: u8| it.is_none_or(|it| (from..=longest).contains(&it));
        if !fits(self.ge, length) {
            return Err(wrong("ge"));
        }
        if !fits(self.le, self.ge.unwrap_or(length)) {
            return Err(wrong("le"));
        }
        Ok(())
    }
}

/// How manifests write a list.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Form {
    rules: Vec<RuleForm>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RuleForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seq: Option<NonZeroU32>,
    action: Action,
    prefix: Prefix,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ge: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    le: Option<u8>,
}

impl TryFrom<Form> for PrefixListSpec {
    type Error = PrefixListError;

    fn try_from(form: Form) -> Result<Self, PrefixListError> {
        Self::new(form.rules.into_iter().map(|it| {
            let rule = PrefixRule {
                action: it.action,
                prefix: it.prefix,
                ge: it.ge,
                le: it.le,
            };
            (it.seq, rule)
        }))
    }
}

impl From<PrefixListSpec> for Form {
    fn from(spec: PrefixListSpec) -> Self {
        let rules = spec.rules.into_iter();
        let rules = rules.map(|(seq, rule)| RuleForm {
            seq: Some(seq),
            action: rule.action,
            prefix: rule.prefix,
            ge: rule.ge,
            le: rule.le,
        });
        Self {
            rules: rules.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<PrefixListSpec, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_list_is_written_as_it_is_read() {
        let json = r#"{"rules":[{"seq":3,"action":"deny","prefix":"10.1.0.0/16","le":32},{"seq":10,"action":"permit","prefix":"10.0.0.0/8","ge":16,"le":24}]}"#;
        let spec = read(json).unwrap();
        assert_eq!(serde_json::to_string(&spec).unwrap(), json);
        assert_eq!(spec.family(), Family::Ipv4);
    }

    #[test]
    fn a_rule_without_a_number_gets_the_next_multiple_of_five() {
        let rule = r#"{"action":"permit","prefix":"fd00::/8"}"#;
        let seven = rule.replace('{', r#"{"seq":7,"#);
        let spec = read(&format!(r#"{{"rules":[{rule},{seven},{rule}]}}"#)).unwrap();
        let numbers: Vec<u32> = spec.rules().keys().map(|it| it.get()).collect();
        assert_eq!(numbers, [5, 7, 10]);
    }

    #[test]
    fn a_list_that_contradicts_itself_is_refused_with_the_field() {
        let rules = |rules: &str| format!(r#"{{"rules":[{rules}]}}"#);
        let v4 = r#"{"action":"permit","prefix":"10.0.0.0/8"}"#;
        let with = |more: &str| v4.replace('}', &format!(",{more}}}"));
        for (json, part) in [
            (rules(""), "rules: write at least one"),
            (
                rules(&format!(
                    r#"{v4},{{"action":"permit","prefix":"fd00::/8"}}"#
                )),
                "rules[1].prefix: the list is of IPv4",
            ),
            (
                rules(&[with(r#""seq":5"#), with(r#""seq":5"#)].join(",")),
                "rules[1].seq: another rule has number 5",
            ),
            (
                rules(&[with(r#""seq":4294967295"#), v4.to_owned()].join(",")),
                "rules[1].seq: no number is left",
            ),
            (rules(&with(r#""ge":7"#)), "rules[0].ge: use lengths with 8"),
            (rules(&with(r#""ge":33"#)), "rules[0].ge"),
            (rules(&with(r#""le":7"#)), "rules[0].le"),
            (rules(&with(r#""ge":24,"le":16"#)), "rules[0].le"),
            (rules(&with(r#""le":33"#)), "<= 32"),
            (rules(&with(r#""eq":33"#)), "unknown field"),
        ] {
            let error = read(&json).unwrap_err();
            assert!(error.contains(part), "{json}: {error}");
        }
    }
}
