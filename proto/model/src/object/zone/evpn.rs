//! Zones of type evpn.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Layout, ZoneError};
use crate::mac::Mac;
use crate::name::{ControllerName, NodeName};
use crate::object::targets::RouteTargets;
use crate::object::vnet::Tag;
use crate::port::UdpPort;
use crate::prefix::Family;
use crate::route_target::RouteDistinguisher;
use crate::vlan::VlanId;
use crate::vni::Vni;

/// What an evpn zone needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvpnZone {
    /// The network identifier that packets between the zone's vnets travel with (RFC 9135, the
    /// layer-3 VNI of symmetric routing).
    pub vrf_vni: Vni,
    /// Who carries the zone's routes, by name; never empty. The first one's AS number is what the
    /// zone's own route targets are made of.
    pub controllers: Vec<ControllerName>,
    /// The Ethernet address of every vnet's gateway; `None` derives one from the zone's name.
    pub mac: Option<Mac>,
    /// The nodes by which guests reach what is outside of the zone.
    pub exits: Option<Exits>,
    /// Whether nodes announce the networks of their vnets (RFC 9136 type 5 routes), so that silent
    /// guests are reached too.
    pub advertise_subnets: bool,
    /// Whether nodes answer guests' questions for addresses that they know (RFC 9161).
    pub suppression: bool,
    /// Whether the vnets' bridges learn which guest is behind which port.
    pub mac_learning: bool,
    /// What the zone's routes are told apart by; `None` leaves it to FRR.
    pub distinguisher: Option<RouteDistinguisher>,
    /// Which routes the zone takes in and how it marks its own, beside what follows from the AS
    /// number and the network identifier.
    pub targets: RouteTargets,
    /// The destination port of tunnel packets.
    pub port: UdpPort,
    /// The family of the tunnel addresses.
    pub underlay: Family,
    /// What devices the zone's vnets are made of.
    pub layout: Layout,
}

/// The nodes by which guests reach what is outside of a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ExitsForm", into = "ExitsForm")]
pub struct Exits {
    /// Their names; never empty.
    pub nodes: BTreeSet<NodeName>,
    /// The one that is preferred while it works; one of `nodes`.
    pub primary: Option<NodeName>,
    /// Whether the exit nodes themselves reach the guests. Such a node must look for routes of
    /// routing domains before its own addresses, as `ifupdown2` has it: `ip rule add pref 32765 from
    /// all lookup local`, and then `ip rule del pref 0`.
    pub local_routing: bool,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EvpnForm {
    vrf_vni: Vni,
    controllers: Vec<ControllerName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mac: Option<Mac>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exits: Option<Exits>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    advertise_subnets: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suppression: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mac_learning: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    distinguisher: Option<RouteDistinguisher>,
    #[serde(default, skip_serializing_if = "RouteTargets::is_empty")]
    targets: RouteTargets,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    port: Option<UdpPort>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    underlay: Option<Family>,
}

impl EvpnZone {
    /// The VLAN that packets between the zone's vnets are in on the bridge of a zone of layout
    /// bundle: the one that a vnet of that VNI would be. So it stays what it is whatever vnets come
    /// and go.
    pub fn vrf_vlan(&self) -> VlanId {
        Tag::from(self.vrf_vni).bundle_vlan()
    }

    /// The controllers as a zone has them: at least one, none twice.
    ///
    /// # Errors
    /// When that is not so.
    pub fn controllers(names: Vec<ControllerName>) -> Result<Vec<ControllerName>, ZoneError> {
        if names.is_empty() {
            return Err(ZoneError::NoController);
        }
        let mut seen = BTreeSet::new();
        match names.iter().find(|name| !seen.insert(*name)) {
            Some(twice) => Err(ZoneError::ControllerTwice(twice.clone())),
            None => Ok(names),
        }
    }
}

impl Exits {
    /// Exit nodes, of which one may be preferred.
    ///
    /// # Errors
    /// When there are none, or the preferred one is not among them.
    pub fn new(
        nodes: BTreeSet<NodeName>,
        primary: Option<NodeName>,
        local_routing: bool,
    ) -> Result<Self, ZoneError> {
        if nodes.is_empty() {
            return Err(ZoneError::NoExit);
        }
        match primary {
            Some(primary) if !nodes.contains(&primary) => Err(ZoneError::PrimaryIsNoExit(primary)),
            primary => Ok(Self {
                nodes,
                primary,
                local_routing,
            }),
        }
    }
}

impl TryFrom<EvpnForm> for EvpnZone {
    type Error = ZoneError;

    fn try_from(form: EvpnForm) -> Result<Self, ZoneError> {
        Ok(Self {
            vrf_vni: form.vrf_vni,
            controllers: Self::controllers(form.controllers)?,
            mac: form.mac,
            exits: form.exits,
            advertise_subnets: form.advertise_subnets.unwrap_or(false),
            suppression: form.suppression.unwrap_or(true),
            mac_learning: form.mac_learning.unwrap_or(true),
            distinguisher: form.distinguisher,
            targets: form.targets,
            port: form.port.unwrap_or(UdpPort::VXLAN),
            underlay: form.underlay.unwrap_or(Family::Ipv4),
            layout: Layout::default(),
        })
    }
}

impl From<EvpnZone> for EvpnForm {
    fn from(zone: EvpnZone) -> Self {
        Self {
            vrf_vni: zone.vrf_vni,
            controllers: zone.controllers,
            mac: zone.mac,
            exits: zone.exits,
            advertise_subnets: zone.advertise_subnets.then_some(true),
            suppression: (!zone.suppression).then_some(false),
            mac_learning: (!zone.mac_learning).then_some(false),
            distinguisher: zone.distinguisher,
            targets: zone.targets,
            port: (zone.port != UdpPort::VXLAN).then_some(zone.port),
            underlay: (zone.underlay != Family::Ipv4).then_some(zone.underlay),
        }
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExitsForm {
    nodes: BTreeSet<NodeName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    primary: Option<NodeName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    local_routing: Option<bool>,
}

impl TryFrom<ExitsForm> for Exits {
    type Error = ZoneError;

    fn try_from(form: ExitsForm) -> Result<Self, ZoneError> {
        Self::new(
            form.nodes,
            form.primary,
            form.local_routing.unwrap_or(false),
        )
    }
}

impl From<Exits> for ExitsForm {
    fn from(exits: Exits) -> Self {
        Self {
            nodes: exits.nodes,
            primary: exits.primary,
            local_routing: exits.local_routing.then_some(true),
        }
    }
}
