//! What the kernel has: every device, and all that is on it.
//!
//! # Guarantees
//! The look-ups by name, master and tunnel always agree with the devices. What a kernel takes away
//! without saying so (the IPv4 routes of a device that goes down) is taken away here too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weft_model::prefix::Family;

use crate::frr::difference::SeenFrr;
use crate::loan::Loan;
use crate::nft::Table;
use crate::route::Unreachable;

mod device;
mod port;
mod upon;

pub use device::{Claim, Ipv6, Networks, SeenBond, SeenKind, SeenLink, SeenVlan, Tunnel};
pub use port::{Port, SeenPlug};

/// What the kernel has, as far as a plan may depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    links: BTreeMap<u32, SeenLink>,
    names: BTreeMap<String, u32>,
    ports: BTreeMap<u32, BTreeSet<u32>>,
    claims: BTreeMap<Claim, BTreeSet<u32>>,
    loans: BTreeMap<u32, Loan>,
    /// The routes of ours by which tables drop what no other route of them is for.
    pub unreachable: BTreeSet<Unreachable>,
    /// Our table of source translations.
    pub nat: Option<Table>,
    /// The names of the bridges that Open vSwitch has.
    pub switches: BTreeSet<String>,
    /// Ports with the mark of a cluster that Open vSwitch is to have and that there is no device
    /// of, by name.
    pub unmade: BTreeMap<String, SeenPlug>,
    /// What FRR has; `None` where there is none, or nothing of ours is wanted of it.
    pub frr: Option<Arc<SeenFrr>>,
}

impl Seen {
    /// Every device, in the order of the numbers.
    pub fn links(&self) -> impl DoubleEndedIterator<Item = &SeenLink> {
        self.links.values()
    }

    /// The device with this number.
    pub fn link(&self, index: u32) -> Option<&SeenLink> {
        self.links.get(&index)
    }

    /// The device with this name or alternative name.
    pub fn named(&self, name: &str) -> Option<&SeenLink> {
        self.names.get(name).and_then(|index| self.link(*index))
    }

    /// The ports of a device.
    pub fn ports(&self, master: u32) -> impl Iterator<Item = &SeenLink> {
        self.ports
            .get(&master)
            .into_iter()
            .flatten()
            .filter_map(|index| self.link(*index))
    }

    /// The devices that have what only one can have.
    pub fn holding(&self, claim: Claim) -> impl Iterator<Item = &SeenLink> {
        self.claims
            .get(&claim)
            .into_iter()
            .flatten()
            .filter_map(|index| self.link(*index))
    }

    /// The largest device number within `range`.
    pub fn largest_index(&self, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        self.links.range(range).next_back().map(|(index, _)| *index)
    }

    /// Whether the host has IPv6: its loopback device says so.
    pub fn has_ipv6(&self) -> bool {
        self.named("lo").is_none_or(|lo| lo.ipv6.is_some())
    }

    /// Whether the kernel can know from then on who announces itself unasked over IPv6: Linux 5.19.
    pub fn can_accept_untracked(&self) -> bool {
        let lo = self.named("lo").and_then(|lo| lo.ipv6);
        lo.is_some_and(|ipv6| ipv6.accept_untracked.is_some())
    }

    /// Takes in a device's own properties; what is on it (addresses, routes, flood list) is kept
    /// from what was known.
    pub fn put(&mut self, mut link: SeenLink) {
        let index = link.index;
        if let Some(was) = self.take_out(index) {
            link.addresses = was.addresses;
            link.routes = was.routes;
            link.static_routes = was.static_routes;
            link.flood = was.flood;
            link.networks = was.networks;
            // In a routing domain a bridge is as much a bridge as outside.
            let is_elsewhere = was.master != link.master && !link.is_bridge();
            if is_elsewhere {
                link.networks.vlans.clear();
            } else {
                link.vlans = was.vlans;
            }
        }
        if !link.up {
            link.lose_routes(Family::Ipv4);
        }
        for name in link.alternative_names.iter().chain([&link.name]) {
            self.names.insert(name.clone(), index);
        }
        if let Some(master) = link.master {
            self.ports.entry(master).or_default().insert(index);
        }
        if let Some(claim) = link.claim() {
            self.claims.entry(claim).or_default().insert(index);
        }
        self.links.insert(index, link);
    }

    /// Takes a device out, and gives it. What it would have got back goes with it.
    pub fn remove(&mut self, index: u32) -> Option<SeenLink> {
        self.loans.remove(&index);
        self.take_out(index)
    }

    fn take_out(&mut self, index: u32) -> Option<SeenLink> {
        let link = self.links.remove(&index)?;
        for name in link.alternative_names.iter().chain([&link.name]) {
            if self.names.get(name) == Some(&index) {
                self.names.remove(name);
            }
        }
        if let Some(master) = link.master {
            forget(&mut self.ports, master, index);
        }
        if let Some(claim) = link.claim() {
            forget(&mut self.claims, claim, index);
        }
        Some(link)
    }

    /// What the device gets back one day, where it is one of the host's that we changed.
    pub fn loan(&self, index: u32) -> Option<&Loan> {
        self.loans.get(&index)
    }

    /// What all devices get back, by their numbers.
    pub fn loans(&self) -> &BTreeMap<u32, Loan> {
        &self.loans
    }

    /// Takes in what a device gets back.
    pub fn lend(&mut self, index: u32, loan: Option<Loan>) {
        match loan.filter(|_| self.links.contains_key(&index)) {
            Some(loan) => drop(self.loans.insert(index, loan)),
            None => drop(self.loans.remove(&index)),
        }
    }
}

fn forget<K: Ord + Copy>(index: &mut BTreeMap<K, BTreeSet<u32>>, key: K, link: u32) {
    if let Some(links) = index.get_mut(&key) {
        links.remove(&link);
        if links.is_empty() {
            index.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{DirectRoute, MAIN_TABLE};

    #[test]
    fn a_renamed_and_moved_device_is_found_where_it_now_is() {
        let mut seen = Seen::default();
        let mut link = SeenLink::new(7, "a", SeenKind::Other);
        link.master = Some(3);
        seen.put(link.clone());
        link.name = "b".to_owned();
        link.master = Some(4);
        seen.put(link);
        assert!(seen.named("a").is_none());
        assert_eq!(seen.named("b").map(|link| link.index), Some(7));
        assert_eq!(seen.ports(3).count(), 0);
        assert_eq!(seen.ports(4).count(), 1);
        seen.remove(7);
        assert_eq!(seen, Seen::default());
    }

    #[test]
    fn a_device_that_goes_down_has_no_ipv4_routes_and_keeps_its_addresses() {
        let mut seen = Seen::default();
        let mut link = SeenLink::new(7, "a", SeenKind::Other);
        link.up = true;
        seen.put(link.clone());
        seen.add_address(7, "10.0.0.1/24".parse().unwrap());
        let route = |to: &str| DirectRoute {
            table: MAIN_TABLE,
            to: to.parse().unwrap(),
        };
        seen.add_route(7, route("10.1.0.0/24"));
        seen.add_route(7, route("fd01::/64"));
        link.up = false;
        seen.put(link);
        let link = seen.link(7).unwrap();
        assert_eq!(link.routes, BTreeSet::from([route("fd01::/64")]));
        assert_eq!(link.addresses.len(), 1);
    }
}
