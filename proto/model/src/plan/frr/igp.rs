//! What the daemons of the interior protocols must have.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::Ipv4Addr;
use std::num::{NonZeroU8, NonZeroU16};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::bgp::{Redistribute, Source};
use super::word::Word;
use crate::prefix::Family;

/// The name of a router in IS-IS and OpenFabric: `49.0001.1720.2000.3001.00`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Net(String);

/// A text that is no network entity title.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a network entity title: write two hex digits, 3 to 9 groups of four and 00, with \
     dots between, as 49.0001.1720.2000.3001.00"
)]
pub struct NetError(pub String);

impl FromStr for Net {
    type Err = NetError;

    fn from_str(text: &str) -> Result<Self, NetError> {
        let groups: Vec<&str> = text.split('.').collect();
        let is_hex = |group: &str, length| {
            group.len() == length
                && group
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let is_net = match groups.as_slice() {
            [area, middle @ .., "00"] => {
                is_hex(area, 2)
                    && (3..=9).contains(&middle.len())
                    && middle.iter().all(|group| is_hex(group, 4))
            }
            _ => false,
        };
        if is_net {
            Ok(Self(text.to_owned()))
        } else {
            Err(NetError(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for Net {
    type Error = NetError;

    fn try_from(text: String) -> Result<Self, NetError> {
        text.to_ascii_lowercase().parse()
    }
}

impl From<Net> for String {
    fn from(net: Net) -> Self {
        net.0
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An IS-IS level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// Within an area.
    One,
    /// Between areas.
    Two,
}

impl Level {
    /// The word in FRR's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::One => "level-1",
            Self::Two => "level-2",
        }
    }
}

/// An IS-IS instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Isis {
    /// Its name, which only this host knows.
    pub tag: Word,
    /// The router's name.
    pub net: Net,
    /// The only level that it takes part in; `None` is both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Whose routes it takes over, into which level.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub redistribute: BTreeSet<(Family, Source, Level)>,
    /// Whether it is logged that neighbors come and go.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub log_adjacency_changes: bool,
}

/// An OpenFabric instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenFabric {
    /// Its name, which only this host knows.
    pub tag: Word,
    /// The router's name.
    pub net: Net,
    /// The floor of the fabric that it stands on; `None` finds out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<u8>,
    /// Whether it is logged that neighbors come and go.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub log_adjacency_changes: bool,
}

/// An OSPF instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ospf {
    /// Its routing domain; `None` is the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vrf: Option<Word>,
    /// Its router id.
    pub router_id: Ipv4Addr,
    /// Whose routes it takes over.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub redistribute: BTreeMap<Source, Redistribute>,
    /// Whether devices are only told of and not spoken on, unless they say otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passive_default: bool,
    /// How many paths share the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_paths: Option<NonZeroU8>,
}

/// What the interior protocols do on a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Interface {
    /// The device.
    pub name: Word,
    /// IS-IS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isis: Option<OnLink>,
    /// OpenFabric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openfabric: Option<OnLink>,
    /// OSPF.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ospf: Option<OspfOnLink>,
}

/// IS-IS or OpenFabric on a device. Times are in seconds; `None` is FRR's choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OnLink {
    /// The instance.
    pub tag: Word,
    /// The families that it is told of with; none takes no part.
    pub families: BTreeSet<Family>,
    /// Whether the device is only told of and not spoken on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passive: bool,
    /// Whether there is one neighbor only, and no election. Only IS-IS has the choice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub point_to_point: bool,
    /// How often it is said that one is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hello_interval: Option<NonZeroU16>,
    /// After how many missed words one is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hello_multiplier: Option<NonZeroU8>,
    /// How often it is compared what is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csnp_interval: Option<NonZeroU16>,
    /// Whether BFD watches the way to neighbors.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bfd: bool,
}

/// OSPF on a device. Times are in seconds; `None` is FRR's choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OspfOnLink {
    /// The area, written as an address.
    pub area: Ipv4Addr,
    /// Whether the device is only told of and not spoken on; `None` leaves it to the instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passive: Option<bool>,
    /// What kind of network it leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<OspfNetwork>,
    /// How often it is said that one is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hello_interval: Option<NonZeroU16>,
    /// After what silence one is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_interval: Option<NonZeroU16>,
    /// Whether BFD watches the way to neighbors.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bfd: bool,
}

/// What kind of network OSPF finds on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OspfNetwork {
    /// Everyone hears everyone.
    Broadcast,
    /// Everyone reaches everyone, and nobody hears what is said to all.
    NonBroadcast,
    /// Some reach some.
    PointToMultipoint,
    /// There is one other.
    PointToPoint,
}

impl OspfNetwork {
    /// The word in FRR's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Broadcast => "broadcast",
            Self::NonBroadcast => "non-broadcast",
            Self::PointToMultipoint => "point-to-multipoint",
            Self::PointToPoint => "point-to-point",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_entity_title_has_its_shape() {
        for text in [
            "49.0001.1720.2000.3001.00",
            "47.0023.0000.0000.0000.0000.0000.0000.1900.00",
        ] {
            assert_eq!(text.parse::<Net>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "49",
            "49.0001.00",
            "49.0001.1720.2000.3001.01",
            "49.001.1720.2000.3001.00",
            "4g.0001.1720.2000.3001.00",
            "49.0001.1720.2000.3001.00\n",
        ] {
            assert!(text.parse::<Net>().is_err(), "{text:?}");
        }
    }
}
