//! Zones of type vxlan.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ZoneError;
use crate::name::FabricName;
use crate::port::UdpPort;
use crate::prefix::Family;

/// What a vxlan zone needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VxlanZone {
    /// Where the other tunnel end points are.
    pub peers: VxlanPeers,
    /// The destination port of tunnel packets.
    pub port: UdpPort,
    /// Whether tunnel devices learn which guest is behind which peer.
    pub learning: bool,
    /// What devices the zone's vnets are made of.
    pub layout: Layout,
}

/// What devices the vnets of a zone with tunnels are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// A bridge and a tunnel device for each vnet.
    #[default]
    Separate,
    /// One bridge that filters VLANs and one tunnel device for the whole zone; a vnet is a VLAN of
    /// that bridge.
    Bundle,
}

/// A text that names no layout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a layout: use separate or bundle")]
pub struct LayoutError(pub String);

impl Layout {
    /// The layout as manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Separate => "separate",
            Self::Bundle => "bundle",
        }
    }
}

impl FromStr for Layout {
    type Err = LayoutError;

    fn from_str(text: &str) -> Result<Self, LayoutError> {
        [Self::Separate, Self::Bundle]
            .into_iter()
            .find(|layout| layout.as_str() == text)
            .ok_or_else(|| LayoutError(text.chars().take(80).collect()))
    }
}

/// The tunnel end points of a vxlan zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VxlanPeers {
    /// The zone's own nodes, by their tunnel addresses of this family.
    Nodes(Family),
    /// This list, of one family and never empty; a node leaves its own address out.
    Static(BTreeSet<IpAddr>),
    /// The zone's own nodes, by their addresses of this family in a fabric.
    Fabric(FabricName, Family),
}

impl VxlanPeers {
    /// The family of the tunnel addresses.
    pub fn family(&self) -> Family {
        match self {
            Self::Nodes(family) | Self::Fabric(_, family) => *family,
            // The constructor refuses an empty list.
            Self::Static(peers) => peers.first().map_or(Family::Ipv4, |peer| Family::of(*peer)),
        }
    }
}

impl VxlanPeers {
    /// The peers that a user listed, or the zone's nodes where none are listed, in a fabric where one
    /// is named.
    ///
    /// # Errors
    /// When the list mixes families, has an address that is not unicast, or stands beside `underlay`
    /// or `fabric`.
    pub fn listing(
        peers: BTreeSet<IpAddr>,
        underlay: Option<Family>,
        fabric: Option<FabricName>,
    ) -> Result<Self, ZoneError> {
        let Some(first) = peers.first() else {
            let family = underlay.unwrap_or(Family::Ipv4);
            return Ok(match fabric {
                Some(fabric) => Self::Fabric(fabric, family),
                None => Self::Nodes(family),
            });
        };
        if fabric.is_some() {
            return Err(ZoneError::FabricWithPeers);
        }
        if underlay.is_some() {
            return Err(ZoneError::UnderlayWithPeers);
        }
        if peers.iter().any(|peer| peer.is_ipv4() != first.is_ipv4()) {
            return Err(ZoneError::MixedPeers);
        }
        let unusable =
            |peer: &&IpAddr| peer.is_multicast() || peer.is_unspecified() || peer.is_loopback();
        if let Some(peer) = peers.iter().find(unusable) {
            return Err(ZoneError::UnusablePeer(*peer));
        }
        Ok(Self::Static(peers))
    }
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct VxlanForm {
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    peers: BTreeSet<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    underlay: Option<Family>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fabric: Option<FabricName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    port: Option<UdpPort>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    learning: Option<bool>,
}

impl TryFrom<VxlanForm> for VxlanZone {
    type Error = ZoneError;

    fn try_from(form: VxlanForm) -> Result<Self, ZoneError> {
        Ok(Self {
            peers: VxlanPeers::listing(form.peers, form.underlay, form.fabric)?,
            port: form.port.unwrap_or(UdpPort::VXLAN),
            learning: form.learning.unwrap_or(true),
            layout: Layout::default(),
        })
    }
}

impl From<VxlanZone> for VxlanForm {
    fn from(vxlan: VxlanZone) -> Self {
        let (peers, underlay, fabric) = match vxlan.peers {
            VxlanPeers::Nodes(family) => (BTreeSet::new(), Some(family), None),
            VxlanPeers::Static(peers) => (peers, None, None),
            VxlanPeers::Fabric(fabric, family) => (BTreeSet::new(), Some(family), Some(fabric)),
        };
        Self {
            peers,
            underlay,
            fabric,
            port: Some(vxlan.port),
            learning: Some(vxlan.learning),
        }
    }
}
