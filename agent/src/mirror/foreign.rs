//! What of the host is no vnet's: the devices and bridges that zones build on.

use std::collections::BTreeSet;

use weft_model::facts::{BridgeFacts, LinkFacts};
use weft_model::mtu::Mtu;
use weft_model::name::LinkName;
use weft_model::prefix::{Family, InterfaceAddress};
use weft_model::vlan::BridgeVlans;
use weft_node::own;
use weft_node::seen::{SeenKind, SeenLink};

use super::Mirror;

impl Mirror {
    /// The device of the first default route of a family.
    pub(crate) fn default_link(&self, family: Family) -> Option<LinkName> {
        let route = self.defaults.iter().find(|route| route.family == family)?;
        self.seen.link(route.index)?.name.parse().ok()
    }

    /// The devices of others that have an address which others can reach.
    pub(crate) fn foreign_links(&self) -> impl Iterator<Item = (LinkName, LinkFacts)> {
        self.seen.links().filter_map(|link| {
            let addresses: BTreeSet<InterfaceAddress> =
                link.addresses.iter().copied().filter(is_global).collect();
            if is_marked(link) || addresses.is_empty() {
                return None;
            }
            let facts = LinkFacts {
                mtu: Mtu::try_from(link.mtu).ok(),
                addresses,
            };
            Some((link.name.parse().ok()?, facts))
        })
    }

    /// The bridges of others.
    pub(crate) fn foreign_bridges(&self) -> impl Iterator<Item = (LinkName, BridgeFacts)> {
        let of_kernel = self.seen.links().filter_map(|link| {
            let SeenKind::Bridge { vlans, .. } = link.kind else {
                return None;
            };
            let uplinks = self.seen.ports(link.index).filter(|port| is_uplink(port));
            let facts = BridgeFacts {
                vlans: vlans.map_or(BridgeVlans::Ignored, BridgeVlans::Filtered),
                mtu: Mtu::try_from(link.mtu).ok(),
                uplinks: uplinks.filter_map(|port| port.name.parse().ok()).collect(),
            };
            let name = link.name.parse().ok().filter(|_| !is_marked(link))?;
            Some((name, facts))
        });
        // Each is there as a device too; where it is not, its switch does not run, or is elsewhere.
        let of_switches = self.seen.switches.iter().filter_map(|name| {
            let link = self.seen.named(name)?;
            let facts = BridgeFacts {
                vlans: BridgeVlans::OpenVswitch,
                mtu: Mtu::try_from(link.mtu).ok(),
                uplinks: BTreeSet::new(),
            };
            Some((name.parse().ok()?, facts))
        });
        of_kernel.chain(of_switches)
    }
}

/// Whether a port of a bridge leads to other machines, as far as can be seen: a device of the
/// machine, several of them as one, or a VLAN of such. What guests are plugged in by is none of it.
pub(super) fn is_uplink(port: &SeenLink) -> bool {
    matches!(
        port.kind,
        SeenKind::Uplink | SeenKind::Bond(_) | SeenKind::Vlan(_)
    ) && !is_marked(port)
}

/// Whether a device bears a mark of ours: enough to leave it out of the facts.
///
/// A device of a host network is as much the host's as ours, whoever made it: zones build on it.
pub(super) fn is_marked(link: &SeenLink) -> bool {
    let is_ours = link.group == own::GROUP || own::INDEXES.contains(&link.index);
    own::is_doomed(link.group)
        || (is_ours && !own::is_hosts(link.alias.as_deref()))
        || matches!(link.kind, SeenKind::Switched(_))
}

fn is_global(address: &InterfaceAddress) -> bool {
    match address.address() {
        std::net::IpAddr::V4(address) => !address.is_loopback() && !address.is_link_local(),
        std::net::IpAddr::V6(address) => !address.is_loopback() && !address.is_unicast_link_local(),
    }
}
