//! Fabrics: the routed networks that join nodes, and an address of each node in them.
//!
//! # Guarantees
//! A node's address follows from its own entry alone: it is written there, or it is the one with the
//! entry's number in the fabric's network. Whichever nodes come and go, it stays. (The place in the
//! list would not do for that, nor a hash of the name, as two names may meet on one address and the
//! later would have to give way.)

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::{NonZeroU8, NonZeroU16, NonZeroU32};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::asn::Asn;
use crate::name::{LinkName, NodeName};
use crate::prefix::{Family, Prefix};

mod form;

pub use form::{FabricError, kind_of, map_of};

/// What a fabric is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "form::Spec", into = "form::Spec")]
pub struct FabricSpec {
    /// The network that the nodes' IPv4 addresses are of.
    pub prefix: Option<Prefix>,
    /// The network that the nodes' IPv6 addresses are of.
    pub prefix6: Option<Prefix>,
    /// What the nodes speak.
    pub kind: FabricKind,
    /// The nodes.
    pub nodes: BTreeMap<NodeName, FabricNode>,
}

/// What the nodes of a fabric speak, with what only that needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FabricKind {
    /// OpenFabric (draft-white-openfabric): IS-IS for many links between few floors.
    OpenFabric(OpenFabricOptions),
    /// OSPF for IPv4 (RFC 2328).
    Ospf(OspfOptions),
    /// BGP between neighbors on a link, without addresses on it (RFC 8950).
    Bgp(BgpOptions),
}

impl FabricKind {
    /// The type as manifests write it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::OpenFabric(_) => "openfabric",
            Self::Ospf(_) => "ospf",
            Self::Bgp(_) => "bgp",
        }
    }

    /// The daemon of FRR's that speaks it.
    pub fn daemon(&self) -> &'static str {
        match self {
            Self::OpenFabric(_) => "fabricd",
            Self::Ospf(_) => "ospfd",
            Self::Bgp(_) => "bgpd",
        }
    }
}

/// What an OpenFabric fabric may be told. Times are in seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenFabricOptions {
    /// How often it is said that one is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hello_interval: Option<Seconds>,
    /// After how many missed words one is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hello_multiplier: Option<Multiplier>,
    /// How often it is compared what is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csnp_interval: Option<Seconds>,
}

/// What an OSPF fabric may be told. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OspfOptions {
    /// The area.
    pub area: Area,
    /// How often it is said that one is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hello_interval: Option<Seconds>,
    /// After what silence one is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_interval: Option<Seconds>,
}

/// What a BGP fabric may be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BgpOptions {
    /// Whether BFD watches the links.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bfd: bool,
}

/// A node's part in a fabric.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FabricNode {
    /// Its IPv4 address.
    pub ip: Option<Ipv4Addr>,
    /// Its IPv6 address.
    pub ip6: Option<Ipv6Addr>,
    /// The number in the fabric's networks of the addresses that are not given.
    pub index: Option<NonZeroU32>,
    /// The number of the autonomous system that it is, in a fabric of type bgp.
    pub asn: Option<Asn>,
    /// The interfaces that lead to others, with what OSPF finds on them.
    pub interfaces: BTreeMap<LinkName, FabricInterface>,
}

/// An interface that leads to others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FabricInterface {
    /// What kind of network OSPF finds on it; `None`: one other router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<LinkNetwork>,
}

/// What kind of network OSPF finds on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkNetwork {
    /// Everyone hears everyone.
    Broadcast,
    /// Everyone reaches everyone, and nobody hears what is said to all.
    NonBroadcast,
    /// Some reach some.
    PointToMultipoint,
    /// There is one other.
    PointToPoint,
}

impl LinkNetwork {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::Broadcast,
        Self::NonBroadcast,
        Self::PointToMultipoint,
        Self::PointToPoint,
    ];

    /// The kind as manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Broadcast => "broadcast",
            Self::NonBroadcast => "non-broadcast",
            Self::PointToMultipoint => "point-to-multipoint",
            Self::PointToPoint => "point-to-point",
        }
    }
}

/// A text that names no kind of network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a kind of network: use broadcast, non-broadcast, point-to-multipoint or \
     point-to-point"
)]
pub struct LinkNetworkError(pub String);

impl FromStr for LinkNetwork {
    type Err = LinkNetworkError;

    fn from_str(text: &str) -> Result<Self, LinkNetworkError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| LinkNetworkError(text.chars().take(80).collect()))
    }
}

impl FabricSpec {
    /// The network of a family that nodes' addresses are of.
    pub fn prefix(&self, family: Family) -> Option<Prefix> {
        match family {
            Family::Ipv4 => self.prefix,
            Family::Ipv6 => self.prefix6,
        }
    }

    /// A node's address of a family; `None` where the fabric has none of it, or the node has neither
    /// address nor number, or the network has no address with its number.
    pub fn address(&self, node: &FabricNode, family: Family) -> Option<IpAddr> {
        let prefix = self.prefix(family)?;
        let given = match family {
            Family::Ipv4 => node.ip.map(IpAddr::V4),
            Family::Ipv6 => node.ip6.map(IpAddr::V6),
        };
        given.or_else(|| numbered(prefix, node.index?))
    }

    /// A node's addresses.
    pub fn addresses(&self, node: &FabricNode) -> BTreeSet<IpAddr> {
        let families = [Family::Ipv4, Family::Ipv6].into_iter();
        families.filter_map(|it| self.address(node, it)).collect()
    }
}

/// The address with this number in a network, counted from its first.
fn numbered(prefix: Prefix, index: NonZeroU32) -> Option<IpAddr> {
    let address = match prefix.address() {
        IpAddr::V4(first) => u32::from(first)
            .checked_add(index.get())
            .map(|it| IpAddr::V4(it.into())),
        IpAddr::V6(first) => u128::from(first)
            .checked_add(index.get().into())
            .map(|it| IpAddr::V6(it.into())),
    };
    address.filter(|it| prefix.contains(*it))
}

/// Seconds between two words of a protocol: 1 to 600.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Seconds(NonZeroU16);

/// A number of seconds that no protocol waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a time between two words of a protocol: use 1 to 600 seconds")]
pub struct SecondsError(pub u32);

impl TryFrom<u32> for Seconds {
    type Error = SecondsError;

    fn try_from(value: u32) -> Result<Self, SecondsError> {
        let fits = u16::try_from(value).ok().filter(|it| *it <= 600);
        let seconds = fits.and_then(NonZeroU16::new);
        seconds.map(Self).ok_or(SecondsError(value))
    }
}

impl From<Seconds> for u32 {
    fn from(seconds: Seconds) -> Self {
        seconds.0.get().into()
    }
}

impl From<Seconds> for NonZeroU16 {
    fn from(seconds: Seconds) -> Self {
        seconds.0
    }
}

/// How many missed words make a neighbor lost: 2 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Multiplier(NonZeroU8);

/// A number of words that cannot be missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a number of missed words: use 2 to 100")]
pub struct MultiplierError(pub u32);

impl TryFrom<u32> for Multiplier {
    type Error = MultiplierError;

    fn try_from(value: u32) -> Result<Self, MultiplierError> {
        let fits = u8::try_from(value).ok().filter(|it| (2..=100).contains(it));
        let count = fits.and_then(NonZeroU8::new);
        count.map(Self).ok_or(MultiplierError(value))
    }
}

impl From<Multiplier> for u32 {
    fn from(multiplier: Multiplier) -> Self {
        multiplier.0.get().into()
    }
}

impl From<Multiplier> for NonZeroU8 {
    fn from(multiplier: Multiplier) -> Self {
        multiplier.0
    }
}

/// An OSPF area, `0` or `0.0.0.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Area(pub Ipv4Addr);

/// A text that names no area.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an OSPF area: write a number up to 4294967295, or the same as 0.0.0.0")]
pub struct AreaError(pub String);

impl FromStr for Area {
    type Err = AreaError;

    fn from_str(text: &str) -> Result<Self, AreaError> {
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse::<u32>().ok().filter(|_| is_number);
        let number = number.map(Ipv4Addr::from);
        number
            .or_else(|| text.parse().ok())
            .map(Self)
            .ok_or_else(|| AreaError(text.chars().take(80).collect()))
    }
}

impl TryFrom<String> for Area {
    type Error = AreaError;

    fn try_from(text: String) -> Result<Self, AreaError> {
        text.parse()
    }
}

impl From<Area> for String {
    fn from(area: Area) -> Self {
        area.to_string()
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests;
