//! One network of a tunnel device that has many.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::name::LinkName;
use crate::plan::Origin;
use crate::vlan::VlanId;
use crate::vni::Vni;

/// A VLAN of a bridge that is a network of the tunnel device in it: what one vnet is in a zone of
/// layout bundle, and what packets between the vnets of such an evpn zone travel in. It is an entry of its own, so that one vnet among thousands is one small change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Segment {
    /// The objects that it is there for.
    pub origin: Origin,
    /// The tunnel device, a [`Bundle`](crate::plan::link::Bundle) of the plan.
    pub tunnel: LinkName,
    /// The VLAN.
    pub vlan: VlanId,
    /// The network identifier that its packets have in the tunnel.
    pub vni: Vni,
    /// Where packets go whose destination is unknown or many: the other tunnel end points. Empty
    /// where BGP tells the device which there are.
    ///
    /// Shared between the vnets of a zone, which all have the same.
    pub flood: Arc<BTreeSet<IpAddr>>,
}
