//! For which object an entry of a plan is there.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::name::{ControllerName, FabricName, HostNetworkName, SnippetName, VnetName, ZoneName};
use crate::object::{Kind, ObjectKey};

/// The objects that an entry is there for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Origin {
    /// A zone, or a vnet in it.
    Zone {
        /// The zone.
        zone: ZoneName,
        /// The vnet in it; `None` where the entry is there for the zone as a whole.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vnet: Option<VnetName>,
    },
    /// A controller: what a node's routing as a whole is there for.
    Controller {
        /// The controller.
        controller: ControllerName,
    },
    /// A fabric.
    Fabric {
        /// The fabric.
        fabric: FabricName,
    },
    /// A snippet of FRR's configuration.
    Snippet {
        /// The snippet.
        snippet: SnippetName,
    },
    /// A host network. Its devices are the host's own: one that is there already is taken over as
    /// it is, and given back when the entry goes.
    Host {
        /// The host network.
        host: HostNetworkName,
    },
}

impl Origin {
    /// The zone, where it is one.
    pub fn zone(&self) -> Option<&ZoneName> {
        match self {
            Self::Zone { zone, .. } => Some(zone),
            Self::Controller { .. }
            | Self::Fabric { .. }
            | Self::Snippet { .. }
            | Self::Host { .. } => None,
        }
    }

    /// The vnet, where it is one.
    pub fn vnet(&self) -> Option<&VnetName> {
        match self {
            Self::Zone { vnet, .. } => vnet.as_ref(),
            Self::Controller { .. }
            | Self::Fabric { .. }
            | Self::Snippet { .. }
            | Self::Host { .. } => None,
        }
    }

    /// The host network, where it is one.
    pub fn host(&self) -> Option<&HostNetworkName> {
        match self {
            Self::Host { host } => Some(host),
            Self::Zone { .. }
            | Self::Controller { .. }
            | Self::Fabric { .. }
            | Self::Snippet { .. } => None,
        }
    }
}

impl Origin {
    /// The object: the vnet where there is one.
    pub fn key(&self) -> ObjectKey {
        match self {
            Self::Zone {
                vnet: Some(vnet), ..
            } => ObjectKey::new(Kind::Vnet, vnet.as_str()),
            Self::Zone { zone, vnet: None } => ObjectKey::new(Kind::Zone, zone.as_str()),
            Self::Controller { controller } => {
                ObjectKey::new(Kind::Controller, controller.as_str())
            }
            Self::Fabric { fabric } => ObjectKey::new(Kind::Fabric, fabric.as_str()),
            Self::Snippet { snippet } => ObjectKey::new(Kind::FrrSnippet, snippet.as_str()),
            Self::Host { host } => ObjectKey::new(Kind::HostNetwork, host.as_str()),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zone {
                zone,
                vnet: Some(vnet),
            } => write!(f, "vnet {vnet} of zone {zone}"),
            Self::Zone { zone, vnet: None } => write!(f, "zone {zone}"),
            Self::Controller { controller } => write!(f, "controller {controller}"),
            Self::Fabric { fabric } => write!(f, "fabric {fabric}"),
            Self::Snippet { snippet } => write!(f, "snippet {snippet}"),
            Self::Host { host } => write!(f, "host network {host}"),
        }
    }
}
