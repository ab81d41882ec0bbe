//! The mirror: what the kernel has, kept from what it says.
//!
//! # Guarantees
//! Events are taken in the order in which they were heard. Whatever changes a device leaves the
//! device's name in [`Mirror::take_changes`], so that only what changed is looked at again.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use weft_model::mtu::Mtu;
use weft_model::prefix::Family;
use weft_model::vlan::VlanSet;
use weft_node::driver::Changes;
use weft_node::route::{MAIN_TABLE, SeenRoute};
use weft_node::seen::{Ipv6, Networks, Port, Seen, SeenKind, SeenLink, SeenPlug};

use crate::netlink::decode::Event;
use crate::netlink::network::Lane;
use crate::netlink::route::DefaultRoute;
use crate::ovs::News;

mod foreign;

use foreign::{is_marked, is_uplink};

/// What the kernel has, and what of it changed.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    pub(crate) seen: Seen,
    defaults: BTreeSet<DefaultRoute>,
    /// The ports with a mark that Open vSwitch has, by name.
    plugs: BTreeMap<String, SeenPlug>,
    changes: Changes,
    /// Whether everything is being read, so that nothing of it is a change.
    is_filling: bool,
}

impl Mirror {
    /// One that is being filled: it notes no changes until [`Self::fill_up`].
    pub(crate) fn filling() -> Self {
        Self {
            is_filling: true,
            ..Self::default()
        }
    }

    /// Ends the filling: whatever comes now is a change.
    pub(crate) fn fill_up(&mut self) {
        self.is_filling = false;
        self.changes = Changes::default();
    }

    /// Takes in what happened.
    pub(crate) fn take(&mut self, event: Event) {
        match event {
            Event::Link(link) => self.link(*link),
            Event::Vlans { index, vlans, port } => {
                self.port(index, port);
                // Of a port with many networks it may be cut short; it is told of one by one.
                let differs = |is: &SeenLink| is.vlans != vlans && !is_bundle(is);
                if self.seen.link(index).is_some_and(differs) {
                    self.seen.set_vlans(index, vlans);
                    self.touch(index);
                }
            }
            Event::LinkGone(index) => {
                self.touch(index);
                self.defaults.retain(|route| route.index != index);
                if let Some(gone) = self.seen.remove(index) {
                    self.settle(&gone.name);
                }
            }
            Event::Address(index, address) => {
                self.seen.add_address(index, address);
                self.touch(index);
            }
            Event::AddressGone(index, address) => {
                self.seen.remove_address(index, address);
                self.touch(index);
            }
            Event::Route(index, to) => {
                self.seen.add_route(index, to);
                self.touch(index);
            }
            Event::RouteGone(index, to) => {
                self.seen.remove_route(index, to);
                self.touch(index);
            }
            Event::Unreachable(route) => {
                self.seen.add_unreachable(route);
                self.touch_domains(route.table);
            }
            Event::UnreachableGone(route) => {
                self.seen.remove_unreachable(route);
                self.touch_domains(route.table);
            }
            Event::Static(index, route) => self.static_route(index, route, false),
            Event::StaticInstead(index, route) => self.static_route(index, route, true),
            Event::StaticGone(index, route) => {
                self.seen.remove_static(index, &route);
                self.touch(index);
                if let Some(default) = as_default(index, &route) {
                    self.changes.facts |= self.defaults.remove(&default);
                }
            }
            Event::ProxyArp(index, on) => {
                self.seen.set_proxy_arp(index, on);
                self.touch(index);
            }
            Event::AnySource(index, on) => {
                self.seen.set_any_source(index, on);
                self.touch(index);
            }
            Event::Flood(index, peer) => {
                self.seen.add_flood(index, peer);
                self.touch(index);
            }
            Event::FloodGone(index, peer) => {
                self.seen.remove_flood(index, peer);
                self.touch(index);
            }
            Event::Peer(index, vni, peer) => self.networks(index, |networks| {
                networks.flood.entry(vni).or_default().insert(peer);
            }),
            Event::PeerGone(index, vni, peer) => self.networks(index, |networks| {
                if let Some(peers) = networks.flood.get_mut(&vni) {
                    peers.remove(&peer);
                }
            }),
            Event::Networks(index, vnis) => {
                self.networks(index, |networks| networks.vnis.extend(vnis));
            }
            Event::NetworksGone(index, vnis) => self.networks(index, |networks| {
                networks.vnis.retain(|vni| !vnis.contains(vni));
            }),
            Event::Lanes(index, lanes) => {
                lanes.iter().for_each(|lane| self.lane(index, lane, true));
                self.touch(index);
            }
            Event::LanesGone(index, lanes) => {
                lanes.iter().for_each(|lane| self.lane(index, lane, false));
                self.touch(index);
            }
            Event::Forwarding(index, Family::Ipv4, on) => {
                self.seen.set_forward_ipv4(index, on);
                self.touch(index);
            }
            Event::Forwarding(index, Family::Ipv6, on) => {
                self.seen.set_ipv6(index, |ipv6| ipv6.forwarding = Some(on));
                self.touch(index);
            }
            Event::HostForwarding => self.changes.facts = true,
            Event::Default(route) => {
                self.changes.facts |= self.defaults.insert(route);
            }
            Event::DefaultInstead(route) => {
                self.defaults
                    .retain(|was| (was.family, was.metric) != (route.family, route.metric));
                self.defaults.insert(route);
                self.changes.facts = true;
            }
            Event::DefaultGone(route) => {
                self.changes.facts |= self.defaults.remove(&route);
            }
        }
    }

    /// Takes in what Open vSwitch told.
    pub(crate) fn take_news(&mut self, news: News) {
        if let Some(bridges) = news.bridges {
            // Ports of ours may have waited for one to come.
            self.changes.names.extend(bridges.iter().cloned());
            self.changes.facts = true;
            self.seen.switches = bridges;
        }
        for (name, plug) in news.ports {
            match plug {
                Some(plug) => drop(self.plugs.insert(name.clone(), plug)),
                None => drop(self.plugs.remove(&name)),
            }
            self.settle(&name);
            self.changes.names.insert(name);
        }
    }

    /// Goes on with what an earlier one knows of Open vSwitch.
    pub(crate) fn keep_switches(&mut self, was: &Self) {
        self.seen.switches.clone_from(&was.seen.switches);
        self.plugs.clone_from(&was.plugs);
        for name in was.plugs.keys() {
            self.settle(name);
        }
    }

    /// Puts together what kernel and Open vSwitch say of a port: only both together make a device.
    fn settle(&mut self, name: &str) {
        let link = self.seen.named(name).filter(|link| link.name == name);
        let plug = self.plugs.get(name);
        let is_port = |kind: &SeenKind| matches!(kind, SeenKind::Other | SeenKind::Switched(_));
        let link = link.filter(|link| is_port(&link.kind));
        let unmade = plug.filter(|_| link.is_none()).cloned();
        if let Some(link) = link {
            let kind = plug.map_or(SeenKind::Other, |plug| {
                SeenKind::Switched(Box::new(plug.clone()))
            });
            if link.kind != kind {
                let mut link = link.clone();
                link.kind = kind;
                self.seen.put(link);
            }
        }
        match unmade {
            Some(plug) => drop(self.seen.unmade.insert(name.to_owned(), plug)),
            None => drop(self.seen.unmade.remove(name)),
        }
    }

    /// What changed since this was last asked.
    pub(crate) fn take_changes(&mut self) -> Changes {
        mem::take(&mut self.changes)
    }

    /// Notes a change that no event tells.
    pub(crate) fn changes(&mut self) -> &mut Changes {
        &mut self.changes
    }

    /// Whether a bridge filters VLANs, so that it matters which.
    pub(crate) fn has_vlans(&self) -> bool {
        let filters =
            |link: &SeenLink| matches!(link.kind, SeenKind::Bridge { vlans: Some(_), .. });
        self.seen.links().any(filters)
    }

    /// Whether there are routing domains, which have tables of their own.
    pub(crate) fn has_domains(&self) -> bool {
        self.seen.links().any(SeenLink::is_vrf)
    }

    /// Whether a device has many networks, which are told one by one.
    pub(crate) fn has_bundles(&self) -> bool {
        self.seen.links().any(is_bundle)
    }

    /// Takes in what a bridge does with a port.
    fn port(&mut self, index: u32, port: Option<Port>) {
        let link = self.seen.link(index).filter(|link| link.master.is_some());
        if let (Some(link), Some(port)) = (link, port)
            && link.port != port
        {
            let link = SeenLink {
                port,
                ..link.clone()
            };
            self.seen.put(link);
            self.touch(index);
        }
    }

    fn networks(&mut self, index: u32, change: impl FnOnce(&mut Networks)) {
        self.seen.set_networks(index, change);
        self.touch(index);
    }

    /// Takes in that a bridge or port has VLANs, or no longer has them.
    fn lane(&mut self, index: u32, lane: &Lane, is_there: bool) {
        let Some(link) = self.seen.link(index) else {
            return;
        };
        let range = VlanSet::range(lane.first, lane.last);
        let mut vlans = link.vlans.clone();
        let gone = !is_there || lane.is_untagged || lane.is_own;
        if gone {
            vlans.tagged = vlans.tagged.without(&range);
        } else {
            let ranges = vlans.tagged.ranges().iter().chain(range.ranges());
            vlans.tagged = ranges.copied().collect();
        }
        vlans.untagged = vlans.untagged.filter(|id| !range.contains(*id));
        if is_there && lane.is_own {
            vlans.untagged = Some(lane.first);
        }
        self.seen.set_vlans(index, vlans);
        let first = lane.vni.filter(|_| is_there);
        self.seen.set_networks(index, |networks| {
            for (at, id) in (0..).zip(range.iter()) {
                match first {
                    Some(vni) => networks.vlans.insert(id.get(), vni + at),
                    None => networks.vlans.remove(&id.get()),
                };
            }
        });
    }

    fn static_route(&mut self, index: u32, route: SeenRoute, replaces: bool) {
        if replaces {
            let holders = self.seen.route_holders(route.place());
            let names: Vec<String> = holders.map(|(link, _)| link.name.clone()).collect();
            self.changes.names.extend(names);
        }
        self.seen.add_static(index, route, replaces);
        self.touch(index);
        if let Some(default) = as_default(index, &route) {
            if replaces {
                let is_same = |was: &DefaultRoute| {
                    (was.family, was.metric) == (default.family, default.metric)
                };
                self.defaults.retain(|was| !is_same(was));
            }
            self.changes.facts |= self.defaults.insert(default);
        }
    }

    fn link(&mut self, mut link: SeenLink) {
        let index = link.index;
        if link.ipv6.is_none() && link.mtu >= Mtu::IPV6_MINIMUM.get() && self.seen.has_ipv6() {
            // It has just grown into IPv6, and how that starts is told by no event.
            link.ipv6 = Some(Ipv6::default());
        }
        let mut left_name = None;
        if let Some(was) = self.seen.link(index) {
            if was.name != link.name {
                self.changes.names.insert(was.name.clone());
                left_name = Some(was.name.clone());
            }
            if was.master != link.master {
                // The bridge that it left may have waited for that.
                let left = was.master.and_then(|master| self.seen.link(master));
                self.changes
                    .names
                    .extend(left.map(|left| left.name.clone()));
            }
            // Which VLANs its ports carry mattered to nobody before.
            let filters = |kind: &SeenKind| matches!(kind, SeenKind::Bridge { vlans: Some(_), .. });
            self.changes.all |= filters(&link.kind) && !filters(&was.kind);
            // A kernel takes the IPv4 routes of a device that goes down, and does not say so.
            if was.up && !link.up {
                let lost =
                    |route: &DefaultRoute| route.index == index && route.family == Family::Ipv4;
                self.changes.facts |= self.defaults.iter().any(lost);
                self.defaults.retain(|route| !lost(route));
            }
        }
        let name = link.name.clone();
        self.seen.put(link);
        if !self.plugs.is_empty() {
            self.settle(&name);
            left_name.iter().for_each(|name| self.settle(name));
        }
        self.touch(index);
    }

    fn touch_domains(&mut self, table: u32) {
        let domains: Vec<u32> = self.seen.domains(table).map(|link| link.index).collect();
        domains.into_iter().for_each(|index| self.touch(index));
    }

    fn touch(&mut self, index: u32) {
        if self.is_filling {
            return;
        }
        if let Some(link) = self.seen.link(index) {
            self.changes.names.insert(link.name.clone());
            if !is_marked(link) {
                // It may have taken a name that is ours, or hang on a bridge of ours.
                let master = link.master.and_then(|master| self.seen.link(master));
                self.changes
                    .names
                    .extend(master.map(|master| master.name.clone()));
                let is_fact = !link.addresses.is_empty()
                    || link.is_bridge()
                    || is_uplink(link)
                    || self.seen.switches.contains(&link.name);
                self.changes.facts |= is_fact;
            }
        }
    }
}

/// Whether a device is a tunnel end point for many networks.
fn is_bundle(link: &SeenLink) -> bool {
    matches!(link.kind, SeenKind::Bundle { .. })
}

/// The same as what packets take that no other route is for, where it is such.
fn as_default(index: u32, route: &SeenRoute) -> Option<DefaultRoute> {
    (route.to.length() == 0 && route.table == MAIN_TABLE).then(|| DefaultRoute {
        family: route.to.family(),
        metric: route.metric,
        index,
    })
}

#[cfg(test)]
mod tests {
    use weft_model::facts::LinkFacts;
    use weft_model::name::LinkName;
    use weft_node::own;

    use super::*;

    fn link(index: u32, name: &str) -> SeenLink {
        let mut link = SeenLink::new(index, name, SeenKind::Other);
        (link.up, link.mtu) = (true, 1500);
        link
    }

    #[test]
    fn the_default_device_is_the_one_with_the_least_metric_and_goes_with_its_device() {
        let mut mirror = Mirror::default();
        for (index, name, metric) in [(2, "eth0", 100), (3, "wlan0", 50)] {
            mirror.take(Event::Link(Box::new(link(index, name))));
            mirror.take(Event::Default(DefaultRoute {
                family: Family::Ipv4,
                metric,
                index,
            }));
        }
        let name = |text: &str| text.parse::<LinkName>().ok();
        assert_eq!(mirror.default_link(Family::Ipv4), name("wlan0"));
        let mut down = link(3, "wlan0");
        down.up = false;
        mirror.take(Event::Link(Box::new(down)));
        assert_eq!(mirror.default_link(Family::Ipv4), name("eth0"));
    }

    #[test]
    fn a_guest_that_is_plugged_in_touches_the_bridge() {
        let mut mirror = Mirror::default();
        mirror.take(Event::Link(Box::new(link(own::INDEXES.start() + 1, "web"))));
        mirror.take_changes();
        let mut tap = link(9, "tap0");
        tap.master = Some(own::INDEXES.start() + 1);
        mirror.take(Event::Link(Box::new(tap)));
        assert_eq!(
            mirror.take_changes().names,
            ["tap0".to_owned(), "web".to_owned()].into()
        );
    }

    #[test]
    fn only_addresses_that_others_can_reach_are_facts() {
        let mut mirror = Mirror::default();
        mirror.take(Event::Link(Box::new(link(1, "lo"))));
        mirror.take(Event::Address(1, "127.0.0.1/8".parse().unwrap()));
        mirror.take(Event::Link(Box::new(link(2, "eth0"))));
        mirror.take(Event::Address(2, "192.0.2.1/24".parse().unwrap()));
        mirror.take(Event::Address(2, "169.254.1.1/16".parse().unwrap()));
        let facts: Vec<(LinkName, LinkFacts)> = mirror.foreign_links().collect();
        let expected = LinkFacts {
            mtu: Some(Mtu::ETHERNET),
            addresses: ["192.0.2.1/24".parse().unwrap()].into(),
        };
        assert_eq!(facts, [("eth0".parse().unwrap(), expected)]);
    }
}
