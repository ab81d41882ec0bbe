//! What an FRR knows, by its version.
//!
//! Every line of the table has its reason; a line that is left out is told where a plan is checked.

use std::fmt;
use std::str::FromStr;

use super::config::Config;
use super::grammar::fits;
use weft_model::plan::frr::text::Place;

/// The version of an FRR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u16,
    minor: u16,
}

/// A text that names no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no version of FRR")]
pub struct VersionError(pub String);

impl Version {
    /// The oldest that is supported: Debian 12's.
    pub const OLDEST: Self = Self { major: 8, minor: 4 };

    /// The first whose EVPN takes IPv6 addresses as ends of tunnels (its release notes: BGP IPv6
    /// VTEP support). 8.4 builds no list of them (seen).
    pub const IPV6_TUNNELS: Self = Self {
        major: 10,
        minor: 6,
    };

    /// The first that knows a tunnel device of several networks (FRR pull request 12364, "Single VXLAN
    /// Device"). 8.4 takes it for a device of network 0 (seen).
    pub const BUNDLES: Self = Self { major: 9, minor: 0 };

    /// Whether it is known which of its daemons holds what.
    pub fn is_known(self) -> bool {
        (8..=10).contains(&self.major)
    }

    /// Whether mgmtd holds what zebra and staticd held.
    pub fn has_mgmtd(self) -> bool {
        self.major >= 10
    }
}

impl FromStr for Version {
    type Err = VersionError;

    /// Reads `8.4.4`, and what a distribution or a developer adds to it.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        let number = |part: &str| -> Option<u16> {
            let end = part
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(part.len());
            part[..end].parse().ok()
        };
        let mut parts = text.split('.');
        let read = || {
            let major = number(parts.next()?)?;
            let minor = parts.next().and_then(number).unwrap_or_default();
            Some(Self { major, minor })
        };
        let mut read = read;
        read().ok_or_else(|| VersionError(text.chars().take(80).collect()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What is done without a line that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// The rest works as it did before there was such a line.
    GoOn,
    /// Routes would be missing, so it is refused.
    Refuse,
}

struct Since {
    version: Version,
    /// In sections whose header begins so.
    header: &'static str,
    line: &'static str,
    without: Without,
    reason: &'static str,
}

const fn since(
    (major, minor): (u16, u16),
    header: &'static str,
    line: &'static str,
    without: Without,
    reason: &'static str,
) -> Since {
    Since {
        version: Version { major, minor },
        header,
        line,
        without,
        reason,
    }
}

const TABLE: &[Since] = &[
    since(
        (8, 5),
        "route-map",
        "match metric 0",
        Without::Refuse,
        "its daemons end when they are asked to show such a line (seen with 8.4.4); match another \
         metric",
    ),
    since(
        (8, 5),
        "address-family l2vpn evpn",
        "route-target import *:=",
        Without::Refuse,
        "route targets of whatever system came with 8.5 (its release notes: L3 route-target \
         auto/wildcard configuration); name the AS numbers",
    ),
    since(
        (8, 5),
        "router bgp",
        "neighbor * path-attribute ~",
        Without::GoOn,
        "neighbors' attributes can be discarded since 8.5 (its release notes)",
    ),
    since(
        (8, 5),
        "router bgp",
        "neighbor * graceful-shutdown",
        Without::GoOn,
        "one neighbor alone can be shut down gracefully since 8.5 (its release notes)",
    ),
];

/// A line that an FRR does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Where it would stand.
    pub place: Place,
    /// The line.
    pub line: String,
    /// What is done without.
    pub without: Without,
    /// Why it is not known.
    pub reason: &'static str,
}

/// Takes out of a configuration what this version does not know.
pub fn leave_out(config: &mut Config, version: Version) -> Vec<Unknown> {
    let missing: Vec<&Since> = TABLE.iter().filter(|it| version < it.version).collect();
    if missing.is_empty() {
        return Vec::new();
    }
    let find = |(place, line): (&Place, &str)| {
        let since = missing
            .iter()
            .find(|it| place.header().starts_with(it.header) && fits(it.line, line))?;
        Some(Unknown {
            place: place.clone(),
            line: line.to_owned(),
            without: since.without,
            reason: since.reason,
        })
    };
    let found: Vec<Unknown> = config.all().filter_map(find).collect();
    for unknown in &found {
        config.remove(&unknown.place, &unknown.line);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_distributions_write_it() {
        for (text, wanted) in [
            ("8.4.4", (8, 4)),
            ("8.4.4-1.1~deb12u2", (8, 4)),
            ("10.2", (10, 2)),
            ("10.5-dev", (10, 5)),
            ("9", (9, 0)),
        ] {
            let version: Version = text.parse().unwrap();
            assert_eq!((version.major, version.minor), wanted, "{text}");
        }
        assert!("master".parse::<Version>().is_err());
        assert!("".parse::<Version>().is_err());
    }

    #[test]
    fn what_a_version_does_not_know_is_left_out_and_told() {
        let text = "router bgp 1 vrf z\n address-family l2vpn evpn\n  route-target import *:7\n  \
                    route-target import 1:7\n exit-address-family\nexit\n";
        let evpn: Place = ["router bgp 1 vrf z", "address-family l2vpn evpn"]
            .into_iter()
            .collect();
        let mut config = Config::parse(text);
        let told = leave_out(&mut config, Version::OLDEST);
        let told: Vec<_> = told
            .iter()
            .map(|it| (it.line.as_str(), it.without))
            .collect();
        assert_eq!(told, [("route-target import *:7", Without::Refuse)]);
        assert_eq!(
            config.lines(&evpn).collect::<Vec<_>>(),
            ["route-target import 1:7"]
        );
        let mut config = Config::parse(text);
        assert_eq!(leave_out(&mut config, "8.5".parse().unwrap()), []);
        assert_eq!(config, Config::parse(text));
    }
}
