//! A device of ours and all that is on it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::facts::DeviceType;
use crate::mac::Mac;
use crate::mtu::Mtu;
use crate::name::{LinkName, VnetName};
use crate::object::drift::DriftPolicy;
use crate::plan::Origin;
use crate::port::UdpPort;
use crate::prefix::{Family, InterfaceAddress, Prefix};
use crate::text::Text;
use crate::vni::Vni;

/// A device of ours. Every device is up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Link {
    /// The device's name.
    pub name: LinkName,
    /// The objects that it is there for.
    pub origin: Origin,
    /// What the device is.
    pub kind: LinkKind,
    /// Its MTU; `None` leaves it to the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<Mtu>,
    /// Its Ethernet address; `None` leaves it to the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// The user's name for it, shown in the device's alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<Text>,
    /// The name that is too long for a device, kept as the device's alternative name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternative_name: Option<VnetName>,
    /// The bridge of ours that the device is a port of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<LinkName>,
    /// Its addresses.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub addresses: BTreeSet<InterfaceAddress>,
    /// Networks that are reached directly through the device, besides those of its addresses.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub routes: BTreeSet<Prefix>,
    /// The families that packets coming in by the device are forwarded of.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub forward: BTreeSet<Family>,
    /// What to do when someone else changes the device.
    #[serde(default)]
    pub drift: DriftPolicy,
}

/// What a device is. A change of kind, or of what the kernel cannot change in place, makes a new
/// device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkKind {
    /// A Linux bridge without spanning tree and without forwarding delay.
    Bridge,
    /// A VXLAN tunnel end point.
    Vxlan(Vxlan),
}

impl LinkKind {
    /// The type that the kernel must be able to make.
    pub fn device_type(&self) -> DeviceType {
        match self {
            Self::Bridge => DeviceType::Bridge,
            Self::Vxlan(_) => DeviceType::Vxlan,
        }
    }
}

/// A VXLAN tunnel end point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vxlan {
    /// The network identifier.
    pub vni: Vni,
    /// The source address of tunnel packets.
    pub local: IpAddr,
    /// The destination port of tunnel packets.
    pub port: UdpPort,
    /// Whether it learns which guest is behind which peer.
    pub learning: bool,
    /// Where packets go whose destination is unknown or many: the other tunnel end points.
    ///
    /// Shared between the vnets of a zone, which all have the same.
    pub flood: Arc<BTreeSet<IpAddr>>,
}
