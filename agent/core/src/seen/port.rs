//! What a port is to its bridge, and to a switch that is not the kernel's.

use weft_model::plan::link::SwitchPort;

/// What a bridge does with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// Whether it is kept from reaching other such ports.
    pub isolated: bool,
    /// Whether the bridge learns who is behind it.
    pub learning: bool,
    /// Whether the bridge answers ARP and neighbor discovery for who is behind it.
    pub suppression: bool,
    /// Whether VLANs become networks of a tunnel on it.
    pub tunnel: bool,
}

impl Default for Port {
    fn default() -> Self {
        Self {
            isolated: false,
            learning: true,
            suppression: false,
            tunnel: false,
        }
    }
}

/// A port with the mark of a cluster, as the database of Open vSwitch has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenPlug {
    /// The bridge.
    pub switch: String,
    /// What the port is; `None` where it is something that none of ours would be.
    pub port: Option<SwitchPort>,
    /// The cluster.
    pub cluster: String,
}
