//! Route targets and route distinguishers: what BGP tells the routes of one network from another's
//! by.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A number that an administrator gives out: who gave it, and which one it is.
///
/// Eight bytes on the wire hold it, so a long first part leaves room for a short second one only
/// (RFC 4360 section 3, RFC 5668, RFC 4364 section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Assigned {
    /// By an autonomous system whose number has two bytes.
    ShortAsn(u16, u32),
    /// By an autonomous system whose number needs four bytes.
    LongAsn(u32, u16),
    /// By the owner of an address.
    Address(Ipv4Addr, u16),
}

/// A text that is no such number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{value:?} is not a {kind}: write ASN:NUMBER or ADDRESS:NUMBER, with a number up to 4294967295 \
     after an ASN up to 65535, else up to 65535"
)]
pub struct AssignedError {
    /// What the text was meant to be.
    pub kind: &'static str,
    /// The text, cut to a length that is safe to print.
    pub value: String,
}

/// Digits and nothing else: `u32::from_str` takes a sign, too.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

impl Assigned {
    fn of_asn(asn: u32, number: u32) -> Option<Self> {
        match u16::try_from(asn) {
            Ok(asn) => Some(Self::ShortAsn(asn, number)),
            Err(_) => Some(Self::LongAsn(asn, u16::try_from(number).ok()?)),
        }
    }

    fn read(text: &str) -> Option<Self> {
        let (administrator, assigned) = text.split_once(':')?;
        let assigned = number(assigned)?;
        match number(administrator) {
            Some(asn) => Self::of_asn(asn, assigned),
            None => Some(Self::Address(
                administrator.parse().ok()?,
                u16::try_from(assigned).ok()?,
            )),
        }
    }
}

impl fmt::Display for Assigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShortAsn(asn, number) => write!(f, "{asn}:{number}"),
            Self::LongAsn(asn, number) => write!(f, "{asn}:{number}"),
            Self::Address(address, number) => write!(f, "{address}:{number}"),
        }
    }
}

macro_rules! assigned {
    ($(#[$doc:meta])* $type:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(Assigned);

        impl $type {
            /// The one that an autonomous system gives out; `None` where the number needs more room
            /// than a long AS number leaves.
            pub fn of_asn(asn: u32, number: u32) -> Option<Self> {
                Assigned::of_asn(asn, number).map(Self)
            }

            /// The one that the owner of an address gives out.
            pub fn of_address(address: Ipv4Addr, number: u16) -> Self {
                Self(Assigned::Address(address, number))
            }
        }

        impl FromStr for $type {
            type Err = AssignedError;

            fn from_str(text: &str) -> Result<Self, AssignedError> {
                Assigned::read(text).map(Self).ok_or_else(|| AssignedError {
                    kind: $kind,
                    value: text.chars().take(80).collect(),
                })
            }
        }

        impl TryFrom<String> for $type {
            type Error = AssignedError;

            fn try_from(text: String) -> Result<Self, AssignedError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

assigned!(
    /// A route target: routes carry those of the networks that they are for, and a network takes in
    /// the routes that carry one of its own (RFC 4364 section 4.3.1).
    RouteTarget,
    "route target"
);

assigned!(
    /// A route distinguisher: what keeps equal prefixes of different networks apart (RFC 4364
    /// section 4.1).
    RouteDistinguisher,
    "route distinguisher"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_into_eight_bytes_is_read_and_written_the_same() {
        for text in [
            "0:0",
            "1:1",
            "65535:4294967295",
            "65536:65535",
            "4294967295:1",
            "192.0.2.1:65535",
        ] {
            assert_eq!(text.parse::<RouteTarget>().unwrap().to_string(), text);
            assert_eq!(
                text.parse::<RouteDistinguisher>().unwrap().to_string(),
                text
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_would_be_right() {
        for text in [
            "",
            "1",
            ":",
            "1:",
            ":1",
            "65536:65536",
            "4294967296:1",
            "1:4294967296",
            "192.0.2.1:65536",
            "fd00::1:1",
            "+1:1",
            "1:1:1",
            "1:1\n!",
            " 1:1",
        ] {
            assert!(text.parse::<RouteTarget>().is_err(), "{text:?}");
        }
        assert_eq!(
            "65536:65536"
                .parse::<RouteTarget>()
                .unwrap_err()
                .to_string(),
            "\"65536:65536\" is not a route target: write ASN:NUMBER or ADDRESS:NUMBER, with a number \
             up to 4294967295 after an ASN up to 65535, else up to 65535"
        );
    }
}
