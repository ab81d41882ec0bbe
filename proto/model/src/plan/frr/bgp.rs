//! What bgpd must have: instances, and VXLAN networks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::num::{NonZeroU8, NonZeroU16, NonZeroU32};

use serde::{Deserialize, Serialize};

use super::word::Word;
use crate::asn::Asn;
use crate::prefix::{Family, Prefix};
use crate::route_target::{RouteDistinguisher, RouteTarget};
use crate::vni::Vni;

/// Which BGP instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InstanceAt {
    /// Its AS number.
    pub asn: Asn,
    /// Its routing domain; `None` is the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vrf: Option<Word>,
}

/// A BGP instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Instance {
    /// Which one.
    pub at: InstanceAt,
    /// Its router id.
    pub router_id: Ipv4Addr,
    /// What is switched on or off; the rest is FRR's choice.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub switches: BTreeMap<Switch, bool>,
    /// How long updates wait for others to be sent with, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coalesce_time: Option<u32>,
    /// Keep-alive and hold time of neighbors that have none of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timers: Option<Timers>,
    /// The networks out of which anyone may come as a member of a group.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub listen: BTreeMap<Prefix, Word>,
    /// How many may come that way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen_limit: Option<NonZeroU16>,
    /// IPv4 routes.
    #[serde(default, skip_serializing_if = "Unicast::is_empty")]
    pub ipv4: Unicast,
    /// IPv6 routes.
    #[serde(default, skip_serializing_if = "Unicast::is_empty")]
    pub ipv6: Unicast,
    /// EVPN routes.
    #[serde(default, skip_serializing_if = "Evpn::is_empty")]
    pub evpn: Evpn,
}

/// What can be switched on or off in an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Switch {
    /// Whether neighbors speak IPv4 unicast without being told.
    DefaultIpv4Unicast,
    /// Whether routes of other systems need a policy.
    EbgpRequiresPolicy,
    /// Whether an administrator's reset is a hard one (RFC 8538).
    HardAdministrativeReset,
    /// Whether notifications are survived (RFC 8538).
    GracefulRestartNotification,
    /// Whether neighbors in other systems may be further away than they say.
    DisableConnectedCheck,
    /// Whether paths of equal length through different systems share the load.
    MultipathRelax,
    /// Whether it is logged that neighbors come and go.
    LogNeighborChanges,
}

impl Switch {
    /// The words in FRR's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DefaultIpv4Unicast => "bgp default ipv4-unicast",
            Self::EbgpRequiresPolicy => "bgp ebgp-requires-policy",
            Self::HardAdministrativeReset => "bgp hard-administrative-reset",
            Self::GracefulRestartNotification => "bgp graceful-restart notification",
            Self::DisableConnectedCheck => "bgp disable-ebgp-connected-route-check",
            Self::MultipathRelax => "bgp bestpath as-path multipath-relax",
            Self::LogNeighborChanges => "bgp log-neighbor-changes",
        }
    }
}

/// Keep-alive and hold time in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Timers {
    /// How often it is said that one is there.
    pub keepalive: NonZeroU16,
    /// After what silence one is gone.
    pub hold: NonZeroU16,
}

/// What an instance does with routes of one family.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Unicast {
    /// The networks that it tells of.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub networks: BTreeSet<Prefix>,
    /// Whose routes it takes over.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub redistribute: BTreeMap<Source, Redistribute>,
    /// The routing domains whose routes it takes over.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub import_vrf: BTreeSet<Word>,
    /// How many paths share the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_paths: Option<NonZeroU8>,
}

impl Unicast {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where routes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// The host's own addresses.
    Connected,
    /// Static routes.
    Static,
    /// The kernel.
    Kernel,
    /// BGP.
    Bgp,
    /// OSPF.
    Ospf,
    /// OSPF for IPv6.
    Ospf6,
    /// IS-IS.
    Isis,
    /// OpenFabric.
    Openfabric,
}

impl Source {
    /// The word in FRR's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Static => "static",
            Self::Kernel => "kernel",
            Self::Bgp => "bgp",
            Self::Ospf => "ospf",
            Self::Ospf6 => "ospf6",
            Self::Isis => "isis",
            Self::Openfabric => "openfabric",
        }
    }
}

/// How routes are taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Redistribute {
    /// The metric that they get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
    /// The route map that they go through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_map: Option<Word>,
}

/// What an instance does with EVPN routes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Evpn {
    /// What is switched on.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub switches: BTreeSet<EvpnSwitch>,
    /// The families of which routes are told as EVPN routes, each through a route map where named.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub advertise: BTreeMap<Family, Option<Word>>,
    /// The families of which a default route is told.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub default_originate: BTreeSet<Family>,
    /// What keeps its routes apart from those of other networks.
    #[serde(default, skip_serializing_if = "Targets::is_empty")]
    pub targets: Targets,
}

impl Evpn {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What can be switched on for EVPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EvpnSwitch {
    /// Tell of every VXLAN network that the host has.
    AdvertiseAllVni,
    /// Tell of the gateways' addresses.
    AdvertiseDefaultGateway,
    /// Tell of the addresses of the host's bridges.
    AdvertiseSviIp,
    /// Route targets as RFC 8365 has them.
    AutoRfc8365,
}

impl EvpnSwitch {
    /// The words in FRR's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AdvertiseAllVni => "advertise-all-vni",
            Self::AdvertiseDefaultGateway => "advertise-default-gw",
            Self::AdvertiseSviIp => "advertise-svi-ip",
            Self::AutoRfc8365 => "autort rfc8365-compatible",
        }
    }
}

/// Route distinguisher and route targets; what is left out is made up by FRR.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Targets {
    /// The route distinguisher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rd: Option<RouteDistinguisher>,
    /// The route targets of which routes are taken in.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub import: BTreeSet<RouteTarget>,
    /// The second parts of route targets of which routes are taken in, whatever the first part is.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub import_of_anyone: BTreeSet<NonZeroU32>,
    /// The route targets that routes are told with.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub export: BTreeSet<RouteTarget>,
}

impl Targets {
    /// Whether all is left to FRR.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What an instance does differently for one VXLAN network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Network {
    /// The instance.
    pub at: InstanceAt,
    /// The network.
    pub vni: Vni,
    /// Its route distinguisher and route targets.
    #[serde(default, skip_serializing_if = "Targets::is_empty")]
    pub targets: Targets,
    /// Whether it is told of the address of its bridge.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub advertise_svi_ip: bool,
    /// Whether it is told of its gateway's address.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub advertise_default_gateway: bool,
}
