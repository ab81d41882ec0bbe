//! Whom bgpd must speak to: neighbors, and groups of them.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::num::{NonZeroU8, NonZeroU16, NonZeroU32};

use serde::{Deserialize, Serialize};

use super::bgp::{InstanceAt, Timers};
use super::word::{Phrase, Word};
use crate::asn::Asn;

/// A neighbor, or a group of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Neighbor {
    /// The instance.
    pub at: InstanceAt,
    /// Who.
    pub peer: Peer,
    /// The AS number that we say we are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_as: Option<LocalAs>,
    /// What people know it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Phrase>,
    /// The secret that its packets are signed with (RFC 2385).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Phrase>,
    /// The address or device that it is spoken to from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_source: Option<UpdateSource>,
    /// How many hops away it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ebgp_multihop: Option<NonZeroU8>,
    /// Keep-alive and hold time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timers: Option<Timers>,
    /// How long to wait between attempts to reach it, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_retry: Option<NonZeroU16>,
    /// Whether BFD watches the way to it, and with which profile.
    #[serde(default, skip_serializing_if = "Bfd::is_off")]
    pub bfd: Bfd,
    /// What is switched on.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub switches: BTreeSet<NeighborSwitch>,
    /// IPv4 routes; `None` leaves to FRR whether they are exchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<NeighborFamily>,
    /// IPv6 routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<NeighborFamily>,
    /// EVPN routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evpn: Option<NeighborFamily>,
}

/// Who a neighbor is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Peer {
    /// A group, with the system that its members are in.
    Group(Word, Option<RemoteAs>),
    /// Whoever has an address.
    Address(IpAddr, Joined),
    /// Whoever is at the other end of a device; `true` speaks to it by IPv6 only.
    Link(Word, bool, Joined),
}

/// How a neighbor's system is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Joined {
    /// By itself.
    As(RemoteAs),
    /// As that of its group.
    Group(Word),
}

/// The system that a neighbor is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RemoteAs {
    /// This one.
    Asn(Asn),
    /// Ours.
    Internal,
    /// Any but ours.
    External,
}

/// Names a neighbor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PeerName {
    /// A group.
    Group(Word),
    /// By address.
    Address(IpAddr),
    /// By device.
    Link(Word),
}

impl Peer {
    /// The neighbor's name.
    pub fn name(&self) -> PeerName {
        match self {
            Self::Group(name, _) => PeerName::Group(name.clone()),
            Self::Address(address, _) => PeerName::Address(*address),
            Self::Link(name, ..) => PeerName::Link(name.clone()),
        }
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(name) | Self::Link(name) => name.fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// The AS number that we say we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LocalAs {
    /// The number.
    pub asn: Asn,
    /// Whether our real number is kept out of what the neighbor hears as well.
    pub hides_own: bool,
}

/// Where a neighbor is spoken to from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UpdateSource {
    /// An address of the host.
    Address(IpAddr),
    /// A device.
    Link(Word),
}

/// Whether BFD watches the way to a neighbor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Bfd {
    /// It does not.
    #[default]
    Off,
    /// With FRR's own times.
    On,
    /// With the times of a profile.
    Profile(Word),
}

impl Bfd {
    /// Whether it does not.
    pub fn is_off(&self) -> bool {
        *self == Self::Off
    }
}

/// What can be switched on for a neighbor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NeighborSwitch {
    /// IPv4 routes with IPv6 next hops (RFC 8950).
    ExtendedNexthop,
    /// It may be further away than it says.
    DisableConnectedCheck,
    /// It is waited for and not called.
    Passive,
    /// It is neither.
    Shutdown,
}

impl NeighborSwitch {
    /// The words in FRR's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExtendedNexthop => "capability extended-nexthop",
            Self::DisableConnectedCheck => "disable-connected-check",
            Self::Passive => "passive",
            Self::Shutdown => "shutdown",
        }
    }
}

/// What is exchanged with a neighbor in one family.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NeighborFamily {
    /// What is switched on.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub switches: BTreeSet<FamilySwitch>,
    /// What its routes go through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_map_in: Option<Word>,
    /// What our routes go through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_map_out: Option<Word>,
    /// What its routes must be in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_list_in: Option<Word>,
    /// What our routes must be in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_list_out: Option<Word>,
    /// How often our own number may be in the paths of its routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_as_in: Option<NonZeroU8>,
    /// How many routes it may send before it is cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_prefix: Option<NonZeroU32>,
}

/// What can be switched on for a neighbor in one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FamilySwitch {
    /// Keep its routes as they came, so that a changed policy needs no new ones.
    SoftReconfiguration,
    /// Say that routes lead by us.
    NextHopSelf,
    /// Tell it what other neighbors of its kind tell us (RFC 4456).
    RouteReflectorClient,
    /// Tell it the next hops as they are.
    UnchangedNextHop,
}

impl FamilySwitch {
    /// The words in FRR's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SoftReconfiguration => "soft-reconfiguration inbound",
            Self::NextHopSelf => "next-hop-self",
            Self::RouteReflectorClient => "route-reflector-client",
            Self::UnchangedNextHop => "attribute-unchanged next-hop",
        }
    }
}
