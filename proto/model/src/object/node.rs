//! Nodes: the hypervisors. A node's agent makes the object with its first hello.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// What the administrator says of a node; what the node says of itself is in its facts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeSpec {
    /// Where tunnels to this node end; what is left out is taken from the node's facts.
    #[serde(default, skip_serializing_if = "TunnelAddresses::is_empty")]
    pub tunnel: TunnelAddresses,
}

/// The tunnel addresses of a node, by family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TunnelAddresses {
    /// The address for IPv4 underlays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<Ipv4Addr>,
    /// The address for IPv6 underlays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<Ipv6Addr>,
}

impl TunnelAddresses {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
