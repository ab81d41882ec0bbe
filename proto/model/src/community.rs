//! Communities: marks that routes carry.
//!
//! # Guarantees
//! A community has one text, the one that FRR itself shows: what is configured is found again as it
//! was written. Their order is the one that FRR keeps.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is no such mark.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not a {kind}: {rule}")]
pub struct CommunityError {
    kind: &'static str,
    value: String,
    rule: &'static str,
}

/// A community (RFC 1997).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Community(u32);

/// Those that have a name.
const NAMED: [(u32, &str); 9] = [
    (0xffff_0000, "graceful-shutdown"),
    (0xffff_0001, "accept-own"),
    (0xffff_0006, "llgr-stale"),
    (0xffff_0007, "no-llgr"),
    (0xffff_029a, "blackhole"),
    (0xffff_ff01, "no-export"),
    (0xffff_ff02, "no-advertise"),
    (0xffff_ff03, "local-AS"),
    (0xffff_ff04, "no-peer"),
];

fn number<T: FromStr>(text: &str) -> Option<T> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok()).flatten()
}

impl Community {
    /// The mark that a system gives out: one that no standard keeps for itself.
    pub fn new(asn: u16, number: u16) -> Option<Self> {
        let is_free = (1..u16::MAX).contains(&asn);
        is_free.then(|| Self(u32::from(asn) << 16 | u32::from(number)))
    }
}

impl FromStr for Community {
    type Err = CommunityError;

    fn from_str(text: &str) -> Result<Self, CommunityError> {
        if let Some((value, _)) = NAMED.iter().find(|(_, name)| *name == text) {
            return Ok(Self(*value));
        }
        let read = || {
            let (asn, value) = text.split_once(':')?;
            Self::new(number(asn)?, number(value)?)
        };
        read().ok_or_else(|| CommunityError {
            kind: "community",
            value: text.chars().take(80).collect(),
            rule: "write ASN:NUMBER with 1 to 65534 and 0 to 65535, or one of graceful-shutdown, \
                   accept-own, llgr-stale, no-llgr, blackhole, no-export, no-advertise, local-AS \
                   and no-peer",
        })
    }
}

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMED.iter().find(|(value, _)| *value == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "{}:{}", self.0 >> 16, self.0 & 0xffff),
        }
    }
}

/// A large community (RFC 8092).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LargeCommunity(u32, u32, u32);

impl LargeCommunity {
    /// The mark that a system gives out.
    pub fn new(asn: u32, first: u32, second: u32) -> Self {
        Self(asn, first, second)
    }
}

impl FromStr for LargeCommunity {
    type Err = CommunityError;

    fn from_str(text: &str) -> Result<Self, CommunityError> {
        let parts: Option<Vec<u32>> = text.split(':').map(number).collect();
        match parts.as_deref() {
            Some([asn, first, second]) => Ok(Self(*asn, *first, *second)),
            Some(_) | None => Err(CommunityError {
                kind: "large community",
                value: text.chars().take(80).collect(),
                rule: "write three numbers up to 4294967295 with : between",
            }),
        }
    }
}

impl fmt::Display for LargeCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.0, self.1, self.2)
    }
}

macro_rules! text {
    ($type:ident) => {
        impl TryFrom<String> for $type {
            type Error = CommunityError;

            fn try_from(text: String) -> Result<Self, CommunityError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(community: $type) -> Self {
                community.to_string()
            }
        }
    };
}

text!(Community);
text!(LargeCommunity);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_community_is_written_as_it_is_read() {
        for text in ["65000:1", "1:0", "no-export", "local-AS", "blackhole"] {
            assert_eq!(text.parse::<Community>().unwrap().to_string(), text);
        }
        for text in ["65000:1:2", "0:0:0", "4294967295:1:4294967295"] {
            assert_eq!(text.parse::<LargeCommunity>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_frr_would_write_in_another_way_is_refused() {
        for text in [
            "",
            "0:0",
            "65535:666",
            "1",
            "65536:1",
            "1:65536",
            "+1:1",
            "internet",
            "1:1\n",
        ] {
            assert!(text.parse::<Community>().is_err(), "{text:?}");
        }
        for text in ["1:2", "1:2:3:4", "1:2:4294967296", "::", "1:2:x"] {
            assert!(text.parse::<LargeCommunity>().is_err(), "{text:?}");
        }
    }
}
