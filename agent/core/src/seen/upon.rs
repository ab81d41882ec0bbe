//! What is on a device and changes one by one: addresses, routes, peers, networks, VLANs, switches.

use std::net::IpAddr;

use weft_model::plan::link::Vlans;
use weft_model::prefix::{Family, InterfaceAddress};
use weft_model::vlan::VlanId;

use super::Seen;
use super::device::{Claim, Ipv6, Networks, SeenLink};
use crate::route::{DirectRoute, Place, SeenRoute, Unreachable};

impl Seen {
    /// Takes in an address.
    pub fn add_address(&mut self, index: u32, address: InterfaceAddress) {
        if let Some(link) = self.links.get_mut(&index) {
            link.addresses.insert(address);
        }
    }

    /// Takes out an address. With the last IPv4 address a kernel takes the IPv4 routes away.
    pub fn remove_address(&mut self, index: u32, address: InterfaceAddress) {
        if let Some(link) = self.links.get_mut(&index) {
            let removed = link.addresses.remove(&address);
            let is_ipv4 = |address: &InterfaceAddress| address.family() == Family::Ipv4;
            if removed && is_ipv4(&address) && !link.addresses.iter().any(is_ipv4) {
                link.lose_routes(Family::Ipv4);
            }
            if removed {
                let source = Some(address.address());
                link.static_routes.retain(|route| route.source != source);
            }
        }
    }

    /// Takes in a route of ours.
    pub fn add_route(&mut self, index: u32, route: DirectRoute) {
        if let Some(link) = self.links.get_mut(&index) {
            link.routes.insert(route);
        }
    }

    /// Takes out a route of ours.
    pub fn remove_route(&mut self, index: u32, route: DirectRoute) {
        if let Some(link) = self.links.get_mut(&index) {
            link.routes.remove(&route);
        }
    }

    /// Takes in a route with gateway and metric. IPv4 has one of each place.
    pub fn add_static(&mut self, index: u32, route: SeenRoute, replaces: bool) {
        if replaces {
            let holders: Vec<u32> = self
                .route_holders(route.place())
                .map(|(link, _)| link.index)
                .collect();
            for holder in holders {
                if let Some(link) = self.links.get_mut(&holder) {
                    link.static_routes.retain(|it| it.place() != route.place());
                }
            }
        }
        if let Some(link) = self.links.get_mut(&index) {
            link.static_routes.insert(route);
        }
    }

    /// Takes out a route with gateway and metric.
    pub fn remove_static(&mut self, index: u32, route: &SeenRoute) {
        if let Some(link) = self.links.get_mut(&index) {
            link.static_routes.remove(route);
        }
    }

    /// The routes to a network with a metric, with the devices that they leave by.
    pub fn route_holders(&self, place: Place) -> impl Iterator<Item = (&SeenLink, &SeenRoute)> {
        self.links.values().flat_map(move |link| {
            let routes = link.static_routes.iter();
            routes
                .filter(move |route| route.place() == place)
                .map(move |route| (link, route))
        })
    }

    /// Takes in that a table drops what no other route of it is for.
    pub fn add_unreachable(&mut self, route: Unreachable) {
        self.unreachable.insert(route);
    }

    /// Takes out that it does.
    pub fn remove_unreachable(&mut self, route: Unreachable) {
        self.unreachable.remove(&route);
    }

    /// The routing domains that have a table.
    pub fn domains(&self, table: u32) -> impl Iterator<Item = &SeenLink> {
        self.holding(Claim::Table(table))
    }

    /// Takes in an entry of a flood list.
    pub fn add_flood(&mut self, index: u32, peer: IpAddr) {
        if let Some(link) = self.links.get_mut(&index) {
            link.flood.insert(peer);
        }
    }

    /// Takes out an entry of a flood list.
    pub fn remove_flood(&mut self, index: u32, peer: IpAddr) {
        if let Some(link) = self.links.get_mut(&index) {
            link.flood.remove(&peer);
        }
    }

    /// Changes the networks of a tunnel end point that has many.
    pub fn set_networks(&mut self, index: u32, change: impl FnOnce(&mut Networks)) {
        if let Some(link) = self.links.get_mut(&index) {
            change(&mut link.networks);
            link.networks.flood.retain(|_, peers| !peers.is_empty());
        }
    }

    /// Takes in the VLANs of a port or bridge.
    pub fn set_vlans(&mut self, index: u32, vlans: Vlans) {
        if let Some(link) = self.links.get_mut(&index) {
            // A VLAN that a port no longer carries is no network either.
            let keeps = |id: u16| VlanId::try_from(u32::from(id)).is_ok_and(|id| vlans.has(id));
            link.networks.vlans.retain(|id, _| keeps(*id));
            link.vlans = vlans;
        }
    }

    /// Takes in whether a device forwards IPv4 packets.
    pub fn set_forward_ipv4(&mut self, index: u32, forward: bool) {
        if let Some(link) = self.links.get_mut(&index) {
            link.forward_ipv4 = Some(forward);
        }
    }

    /// Takes in whether a device lets IPv4 packets in by whichever device the way back leads.
    pub fn set_any_source(&mut self, index: u32, on: bool) {
        if let Some(link) = self.links.get_mut(&index) {
            link.any_source = Some(on);
        }
    }

    /// Takes in the marks that a device was given while it is down, which kernels do not tell of.
    pub fn mark_down(&mut self, index: u32, group: Option<u32>, alias: Option<&str>) {
        if let Some(link) = self.links.get_mut(&index).filter(|link| !link.up) {
            link.group = group.unwrap_or(link.group);
            link.alias = alias.map(str::to_owned).or(link.alias.take());
        }
    }

    /// Takes in whether a device answers ARP requests for what the host reaches elsewhere.
    pub fn set_proxy_arp(&mut self, index: u32, on: bool) {
        if let Some(link) = self.links.get_mut(&index) {
            link.proxy_arp = Some(on);
        }
    }

    /// Changes a device's IPv6 switches.
    pub fn set_ipv6(&mut self, index: u32, change: impl FnOnce(&mut Ipv6)) {
        if let Some(ipv6) = self
            .links
            .get_mut(&index)
            .and_then(|link| link.ipv6.as_mut())
        {
            change(ipv6);
        }
    }
}
