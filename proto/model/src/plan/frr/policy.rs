//! What routes are told apart and changed by: lists, route maps, and BFD profiles.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::{NonZeroU8, NonZeroU16, NonZeroU32};

use serde::{Deserialize, Serialize};

use super::word::{Phrase, Word};
use crate::policy::{Action, Amount, EvpnRoute, Metric, NextHop, NextHop6, Then};
use crate::prefix::{Family, Prefix};
use crate::route_target::RouteTarget;
use crate::vni::Vni;

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
    /// It is of EVPN and leads everywhere. FRR looks at the length of a prefix alone, so that this
    /// goes with [`EvpnRoute::Prefix`]: other types have a length there as well.
    EvpnDefault,
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
