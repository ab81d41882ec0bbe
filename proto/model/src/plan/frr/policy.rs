//! What routes are told apart and changed by: lists, route maps, and BFD profiles.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::{NonZeroU8, NonZeroU16, NonZeroU32};

use serde::{Deserialize, Serialize};

use super::word::{Phrase, Word};
use crate::prefix::{Family, Prefix};
use crate::route_target::RouteTarget;
use crate::vni::Vni;

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

/// A list of prefixes. An empty list is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrefixList {
    /// The family of its prefixes.
    pub family: Family,
    /// Its name.
    pub name: Word,
    /// Its rules, by number.
    pub rules: BTreeMap<NonZeroU32, PrefixRule>,
}

/// One rule of a list of prefixes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrefixRule {
    /// What happens to what matches.
    pub action: Action,
    /// The network.
    pub prefix: Prefix,
    /// The least length of what matches; `None` with no greatest length either is the network's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ge: Option<u8>,
    /// The greatest length of what matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub le: Option<u8>,
}

/// The kinds of community.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CommunityKind {
    /// RFC 1997.
    Standard,
    /// RFC 4360.
    Extended,
    /// RFC 8092.
    Large,
}

impl CommunityKind {
    /// The word in FRR's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "community",
            Self::Extended => "extcommunity",
            Self::Large => "large-community",
        }
    }
}

/// A list of communities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommunityList {
    /// The kind of its communities.
    pub kind: CommunityKind,
    /// Its name.
    pub name: Word,
    /// Its rules, by number: what happens, and the communities that must all be there.
    pub rules: BTreeMap<NonZeroU32, (Action, Vec<Word>)>,
}

/// A list of AS paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AsPathList {
    /// Its name.
    pub name: Word,
    /// Its rules, by number: what happens, and a pattern.
    pub rules: BTreeMap<NonZeroU32, (Action, Phrase)>,
}

/// A route map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteMap {
    /// Its name.
    pub name: Word,
    /// Its rules, by number.
    pub rules: BTreeMap<NonZeroU16, MapRule>,
}

/// One rule of a route map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MapRule {
    /// What happens to what matches.
    pub action: Action,
    /// What a route must be to match.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<Match>,
    /// What is changed of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<Set>,
    /// Another map that must let it through too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Word>,
    /// Where to go on; `None` ends the map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Then>,
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

/// What a route must be to match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Match {
    /// Its network is in the list.
    Prefixes(Family, Word),
    /// Its next hop is in the list.
    NextHops(Family, Word),
    /// Its next hop.
    NextHop(IpAddr),
    /// Its EVPN type.
    EvpnRoute(EvpnRoute),
    /// Its VNI.
    Vni(Vni),
    /// Its metric.
    Metric(u32),
    /// Its tag.
    Tag(NonZeroU32),
    /// Its local preference.
    LocalPreference(u32),
    /// Who sent it: an address.
    Peer(IpAddr),
    /// Its communities are in the list.
    Communities(CommunityKind, Word),
    /// Its AS path is in the list.
    AsPath(Word),
}

/// What is changed of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Set {
    /// The next hop of an IPv4 route.
    NextHop(NextHop),
    /// The next hop of an IPv6 route.
    NextHop6(NextHop6),
    /// The local preference.
    LocalPreference(Amount),
    /// The metric.
    Metric(Metric),
    /// The tag.
    Tag(NonZeroU32),
    /// The weight.
    Weight(u32),
    /// The source address of packets that the host sends by the route.
    Source(IpAddr),
    /// The communities; `true` adds them to those that it has.
    Communities(Vec<Word>, bool),
    /// The large communities; `true` adds them to those that it has.
    LargeCommunities(Vec<Word>, bool),
    /// The route targets.
    RouteTargets(Vec<RouteTarget>),
    /// AS numbers that come first in its path.
    Prepend(Vec<crate::asn::Asn>),
}

/// The next hop of an IPv4 route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NextHop {
    /// An address.
    Address(std::net::Ipv4Addr),
    /// Who sent it, or the address that it is sent to others by.
    Peer,
    /// What it was.
    Unchanged,
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

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Metric {
    /// A number.
    Amount(Amount),
    /// The round trip time.
    RoundTrip,
}

/// A BFD profile; what is `None` is FRR's choice. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BfdProfile {
    /// Its name.
    pub name: Word,
    /// How many lost packets are too many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detect_multiplier: Option<NonZeroU8>,
    /// How often packets are wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receive_interval: Option<NonZeroU16>,
    /// How often packets are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transmit_interval: Option<NonZeroU16>,
    /// Whether it waits for the other side to begin.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passive: bool,
}
