//! What routes are told apart and changed by, a value at a time.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is no such value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not {kind}: {rule}")]
pub struct ValueError {
    /// What the text was meant to be.
    pub kind: &'static str,
    /// The text, cut to a length that is safe to print.
    pub value: String,
    /// What would be right.
    pub rule: &'static str,
}

impl ValueError {
    fn new(kind: &'static str, value: &str, rule: &'static str) -> Self {
        Self {
            kind,
            value: value.chars().take(80).collect(),
            rule,
        }
    }
}

/// Whether what matches is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// It is.
    Permit,
    /// It is not.
    Deny,
}

impl Action {
    /// The word in FRR's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Deny => "deny",
        }
    }
}

impl FromStr for Action {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        [Self::Permit, Self::Deny]
            .into_iter()
            .find(|action| action.as_str() == text)
            .ok_or_else(|| ValueError::new("an action", text, "use permit or deny"))
    }
}

/// Where a route map goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Then {
    /// With the next rule.
    Next,
    /// With this rule.
    Goto(NonZeroU16),
}

impl FromStr for Then {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match (text, text.parse()) {
            ("next", _) => Ok(Self::Next),
            (_, Ok(number)) if is_digits(text) => Ok(Self::Goto(number)),
            _ => Err(ValueError::new(
                "a place to go on",
                text,
                "use next, or the number of a later rule",
            )),
        }
    }
}

impl fmt::Display for Then {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Next => f.write_str("next"),
            Self::Goto(number) => number.fmt(f),
        }
    }
}

/// The type of an EVPN route (RFC 7432, RFC 9136).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EvpnRoute {
    /// Type 1.
    Ead,
    /// Type 2.
    Macip,
    /// Type 3.
    Multicast,
    /// Type 4.
    Es,
    /// Type 5.
    Prefix,
}

impl EvpnRoute {
    /// Every type, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Ead,
        Self::Macip,
        Self::Multicast,
        Self::Es,
        Self::Prefix,
    ];

    /// The word in FRR's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ead => "ead",
            Self::Macip => "macip",
            Self::Multicast => "multicast",
            Self::Es => "es",
            Self::Prefix => "prefix",
        }
    }
}

impl FromStr for EvpnRoute {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let rule = "use ead, macip, multicast, es or prefix";
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| ValueError::new("a type of EVPN route", text, rule))
    }
}

/// The next hop of an IPv4 route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NextHop {
    /// An address.
    Address(Ipv4Addr),
    /// Who sent it, or the address that it is sent to others by.
    Peer,
    /// What it was.
    Unchanged,
}

impl FromStr for NextHop {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "peer-address" => Ok(Self::Peer),
            "unchanged" => Ok(Self::Unchanged),
            address => address.parse().map(Self::Address).map_err(|_| {
                let rule = "use an IPv4 address, peer-address or unchanged";
                ValueError::new("the next hop of an IPv4 route", text, rule)
            }),
        }
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Peer => f.write_str("peer-address"),
            Self::Unchanged => f.write_str("unchanged"),
        }
    }
}

/// The next hop of an IPv6 route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NextHop6 {
    /// A global address.
    Global(Ipv6Addr),
    /// Who sent it, or the address that it is sent to others by.
    Peer,
    /// The global address where there is a link-local one as well.
    PreferGlobal,
}

impl FromStr for NextHop6 {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "peer-address" => Ok(Self::Peer),
            "prefer-global" => Ok(Self::PreferGlobal),
            address => address.parse().map(Self::Global).map_err(|_| {
                let rule = "use an IPv6 address, peer-address or prefer-global";
                ValueError::new("the next hop of an IPv6 route", text, rule)
            }),
        }
    }
}

impl fmt::Display for NextHop6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global(address) => address.fmt(f),
            Self::Peer => f.write_str("peer-address"),
            Self::PreferGlobal => f.write_str("prefer-global"),
        }
    }
}

/// A number that is set, or a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Amount {
    /// This.
    Is(u32),
    /// So much more.
    More(u32),
    /// So much less.
    Less(u32),
}

/// Digits and nothing else: `u32::from_str` takes a sign, too.
fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Amount {
    fn read(text: &str) -> Option<Self> {
        let number = |text: &str| text.parse().ok().filter(|_| is_digits(text));
        match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(more), _) => number(more).map(Self::More),
            (None, Some(less)) => number(less).map(Self::Less),
            (None, None) => number(text).map(Self::Is),
        }
    }
}

impl FromStr for Amount {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let rule = "write a number up to 4294967295, with + or - before it to add or take away";
        Self::read(text).ok_or_else(|| ValueError::new("an amount", text, rule))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(number) => write!(f, "{number}"),
            Self::More(number) => write!(f, "+{number}"),
            Self::Less(number) => write!(f, "-{number}"),
        }
    }
}

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Metric {
    /// A number.
    Amount(Amount),
    /// The round trip time.
    RoundTrip,
}

impl FromStr for Metric {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let rule = "write a number up to 4294967295, with + or - before it to add or take away, or \
                    rtt";
        match text {
            "rtt" => Ok(Self::RoundTrip),
            amount => Amount::read(amount)
                .map(Self::Amount)
                .ok_or_else(|| ValueError::new("a metric", text, rule)),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Amount(amount) => amount.fmt(f),
            Self::RoundTrip => f.write_str("rtt"),
        }
    }
}

/// A pattern of AS paths, as FRR takes it: a regular expression in which `_` is any end of a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AsPathPattern(String);

impl AsPathPattern {
    /// The pattern.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AsPathPattern {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let is_known = |c: char| c.is_ascii_digit() || "_^$|[](){},.*+- ".contains(c);
        let is_spaced = text.split(' ').all(|word| !word.is_empty());
        if (1..=80).contains(&text.len()) && is_spaced && text.chars().all(is_known) {
            Ok(Self(text.to_owned()))
        } else {
            let rule = "use 1 to 80 digits and any of _ ^ $ | [ ] ( ) { } , . * + - with no more \
                        than one space in a row";
            Err(ValueError::new("a pattern of AS paths", text, rule))
        }
    }
}

impl TryFrom<String> for AsPathPattern {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl From<AsPathPattern> for String {
    fn from(pattern: AsPathPattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for AsPathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again<T: FromStr<Err = ValueError> + fmt::Display>(texts: &[&str]) {
        for text in texts {
            assert_eq!(text.parse::<T>().unwrap().to_string(), *text);
        }
    }

    #[test]
    fn a_value_is_written_as_it_is_read() {
        again::<Amount>(&["0", "200", "+10", "-4294967295"]);
        again::<Metric>(&["0", "+1", "rtt"]);
        again::<NextHop>(&["192.0.2.1", "peer-address", "unchanged"]);
        again::<NextHop6>(&["fd00::1", "peer-address", "prefer-global"]);
        again::<Then>(&["next", "65535"]);
    }

    #[test]
    fn what_frr_would_read_as_something_else_is_refused() {
        for text in [
            "",
            "+",
            "-",
            "++1",
            "+-1",
            "1 2",
            "4294967296",
            "1\n",
            "rtt",
        ] {
            assert!(text.parse::<Amount>().is_err(), "{text:?}");
        }
        for text in ["", "0", "+5", "65536", "end"] {
            assert!(text.parse::<Then>().is_err(), "{text:?}");
        }
        for text in ["", "^65000 ", "a", "1!", "1?", "1\n"] {
            assert!(text.parse::<AsPathPattern>().is_err(), "{text:?}");
        }
        assert!("fd00::1".parse::<NextHop>().is_err());
        assert!("192.0.2.1".parse::<NextHop6>().is_err());
        assert_eq!(
            "allow".parse::<Action>().unwrap_err().to_string(),
            "\"allow\" is not an action: use permit or deny"
        );
    }
}
