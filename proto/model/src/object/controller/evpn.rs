//! Controllers of type evpn.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::ControllerError;
use super::session::{Mode, Sessions};
use crate::asn::Asn;
use crate::name::{FabricName, PolicyName};
use crate::prefix::Prefix;

/// What a controller of type evpn needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct EvpnController {
    /// The number of the autonomous system that the nodes are.
    pub asn: Asn,
    /// Who the other side is.
    pub peers: EvpnPeers,
    /// What the neighbors are called together in FRR.
    pub group: PolicyName,
    /// Whether they are in the same system.
    pub mode: Mode,
    /// How sessions with them are kept.
    pub sessions: Sessions,
}

/// Who a controller of type evpn speaks with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvpnPeers {
    /// These neighbors, where a node leaves its own addresses out; and whoever calls from these
    /// networks. Not both are empty.
    Listed {
        /// Neighbors by address: the other nodes, route reflectors, leaf switches.
        peers: BTreeSet<IpAddr>,
        /// Networks that neighbors may call from.
        listen: BTreeSet<Prefix>,
    },
    /// The other nodes of a fabric, by their addresses in it.
    Fabric(FabricName),
}

impl EvpnPeers {
    /// Who was listed, or the fabric that was named.
    ///
    /// # Errors
    /// When both are given, or neither is.
    pub fn listing(
        peers: BTreeSet<IpAddr>,
        listen: BTreeSet<Prefix>,
        fabric: Option<FabricName>,
    ) -> Result<Self, ControllerError> {
        match (peers.is_empty() && listen.is_empty(), fabric) {
            (true, Some(fabric)) => Ok(Self::Fabric(fabric)),
            (false, None) => Ok(Self::Listed { peers, listen }),
            (true, None) | (false, Some(_)) => Err(ControllerError::Peers),
        }
    }
}

/// What the neighbors are called when nothing else is said.
const GROUP: &str = "VTEP";

impl EvpnController {
    /// The name of the group of neighbors, where the user gave none.
    ///
    /// # Panics
    /// Never.
    pub fn default_group() -> PolicyName {
        match GROUP.parse() {
            Ok(name) => name,
            Err(_) => unreachable!("the name is one"),
        }
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Form {
    asn: Asn,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    peers: BTreeSet<IpAddr>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    listen_ranges: BTreeSet<Prefix>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fabric: Option<FabricName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<PolicyName>,
    #[serde(default, skip_serializing_if = "Mode::is_default")]
    mode: Mode,
    #[serde(default, skip_serializing_if = "Sessions::is_default")]
    sessions: Sessions,
}

impl TryFrom<Form> for EvpnController {
    type Error = ControllerError;

    fn try_from(form: Form) -> Result<Self, ControllerError> {
        Ok(Self {
            asn: form.asn,
            peers: EvpnPeers::listing(form.peers, form.listen_ranges, form.fabric)?,
            group: form.group.unwrap_or_else(Self::default_group),
            mode: form.mode,
            sessions: form.sessions,
        })
    }
}

impl From<EvpnController> for Form {
    fn from(controller: EvpnController) -> Self {
        let (peers, listen_ranges, fabric) = match controller.peers {
            EvpnPeers::Listed { peers, listen } => (peers, listen, None),
            EvpnPeers::Fabric(fabric) => (BTreeSet::new(), BTreeSet::new(), Some(fabric)),
        };
        let group = controller.group;
        Self {
            asn: controller.asn,
            peers,
            listen_ranges,
            fabric,
            group: (group.as_str() != GROUP).then_some(group),
            mode: controller.mode,
            sessions: controller.sessions,
        }
    }
}
