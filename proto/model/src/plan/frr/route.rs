//! What zebra and staticd must have: routing domains, static routes, source addresses.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::word::Word;
use crate::prefix::{Family, Prefix};
use crate::vni::Vni;

/// A routing domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vrf {
    /// The name of its device.
    pub name: Word,
    /// The network that packets between its vnets travel in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vni: Option<Vni>,
}

/// The static routes to a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StaticRoute {
    /// The routing domain; `None` is the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vrf: Option<Word>,
    /// The network.
    pub prefix: Prefix,
    /// Where packets go.
    pub via: Via,
}

/// Where a static route leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Via {
    /// Nowhere: packets are dropped.
    Blackhole,
    /// To these next hops, of which there is at least one in a valid plan.
    Hops(BTreeSet<Hop>),
}

/// One next hop.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Hop {
    /// A router.
    Gateway(IpAddr),
    /// What is on a device.
    Link(Word),
    /// A router on a device.
    GatewayOnLink(IpAddr, Word),
}

/// What routes of a protocol get as their source address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteSource {
    /// The protocol as zebra names it: `bgp`, `ospf`, `openfabric`.
    pub protocol: Word,
    /// The family of the routes.
    pub family: Family,
    /// The route map that sets it.
    pub route_map: Word,
}
