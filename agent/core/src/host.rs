//! Devices of the host that a host network declares: taken over as they are, and given back.
//!
//! # Guarantees
//! * What is already as declared is not touched, but for the mark in its alias.
//! * What is changed is noted as it was, in a [`Loan`], before it is changed; and is changed back
//!   when the plan no longer names it, or the device goes from the plan.
//! * Addresses and routes that others put there stay, but for those that the plan wants elsewhere:
//!   a kernel would use either, and the host could be cut off from whoever is behind the other.
//!
//! # Never
//! Makes or destroys such a device.

use std::collections::BTreeSet;

use weft_model::plan::link::Link;
use weft_model::prefix::{Family, InterfaceAddress};

use crate::link::{self, Around, Work};
use crate::loan::Loan;
use crate::own::ROUTE_PROTOCOL;
use crate::route::{MAIN_TABLE, Place, SeenRoute};
use crate::seen::SeenLink;
use crate::settings::Settings;
use crate::step::Change;

mod back;
mod note;

pub(crate) use back::{Back, Bonds, give_back};

/// What the plan's host networks want of the host as a whole.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    /// Every address, with the device that it is wanted on.
    pub addresses: BTreeSet<(std::net::IpAddr, String)>,
    /// Every route's place.
    pub routes: BTreeSet<Place>,
}

impl Declared {
    /// What these devices want.
    pub fn of<'a>(links: impl Iterator<Item = &'a Link>) -> Self {
        let mut declared = Self::default();
        for link in links {
            let name = link.name.as_str();
            let addresses = link.addresses.iter();
            let wanted = addresses.map(|it| (it.address(), name.to_owned()));
            declared.addresses.extend(wanted);
            let (_, by_gateway) = link::routes(link, MAIN_TABLE);
            declared
                .routes
                .extend(by_gateway.iter().map(SeenRoute::place));
        }
        declared
    }

    /// Whether an address is wanted on another device than this.
    fn is_elsewhere(&self, address: InterfaceAddress, name: &str) -> bool {
        let mut wanted = self.addresses.iter();
        wanted.any(|(at, on)| *at == address.address() && on != name)
    }
}

/// What turns `is`, a device of the host, into `want`, and what it gets back one day.
pub(crate) fn take(
    want: &Link,
    around: Around<'_>,
    is: &SeenLink,
    declared: &Declared,
) -> (Loan, Work) {
    let mut loan = around.loan.cloned().unwrap_or_default();
    note::forget_what_is_back(want, is, &mut loan);
    let around = Around {
        loan: Some(&loan),
        ..around
    };
    let master = around.master;
    let moves = (around.joins_bond || around.leaves_bond) && is.master != master;
    let mut work = Work {
        switches: link::switches(want, is, around.kernel),
        ..Work::default()
    };
    link::settings(want, around, is, &mut work);
    if !want.vlans.is_empty() {
        link::vlans(want, master, is, &mut work);
        let changes = !work.adds.is_empty() || !work.drops.is_empty();
        if changes && is.master.is_some() && loan.before.master.is_none() {
            loan.vlans.get_or_insert_with(|| is.vlans.clone());
        }
    }
    let is_down = |settings: &Settings| settings.up == Some(false);
    let goes_down = is.up && (moves || work.settings.iter().any(is_down));
    note::properties(is, &work, &mut loan);
    addresses(want, is, declared, goes_down, &mut loan, &mut work);
    routes(want, is, declared, goes_down, &mut loan, &mut work);
    (loan, work)
}

/// Whether a route's gateway is a neighbor of one of these addresses.
fn reaches(route: &SeenRoute, addresses: &BTreeSet<InterfaceAddress>) -> bool {
    route.via.is_none_or(|via| {
        let is_link_local = matches!(via, std::net::IpAddr::V6(it) if it.is_unicast_link_local());
        is_link_local || addresses.iter().any(|it| it.network().contains(via))
    })
}

fn addresses(
    want: &Link,
    is: &SeenLink,
    declared: &Declared,
    goes_down: bool,
    loan: &mut Loan,
    work: &mut Work,
) {
    let name = want.name.as_str();
    for address in &is.addresses {
        let is_given = loan.given.contains(address);
        // What a kernel takes with the device that goes down is not ours to forget.
        let is_lost = goes_down && address.family() == Family::Ipv6;
        if want.addresses.contains(address) {
            if is_lost && !is_given {
                loan.taken.insert(*address);
            }
            continue;
        }
        let is_elsewhere = declared.is_elsewhere(*address, name);
        if is_given && !is_elsewhere && !is_lost {
            work.drops.push(Change::RemoveAddress(*address));
        } else if is_elsewhere {
            work.early.push(Change::RemoveAddress(*address));
        }
        if !is_given && (is_elsewhere || is_lost) {
            loan.taken.insert(*address);
        }
    }
    for address in want.addresses.difference(&is.addresses) {
        // What was taken is its own again once it is seen there, not before.
        if !loan.taken.contains(address) {
            loan.given.insert(*address);
        }
        work.adds.push(Change::AddAddress(*address));
    }
    let back = loan.taken.iter().filter(|address| {
        !is.addresses.contains(*address)
            && !want.addresses.contains(*address)
            && !declared.is_elsewhere(**address, name)
    });
    work.adds.extend(back.copied().map(Change::AddAddress));
}

fn routes(
    want: &Link,
    is: &SeenLink,
    declared: &Declared,
    goes_down: bool,
    loan: &mut Loan,
    work: &mut Work,
) {
    let (direct, by_gateway) = link::routes(want, MAIN_TABLE);
    link::adds(&direct, &is.routes, Change::AddRoute, work);
    let extra = is.routes.difference(&direct).copied();
    let removed = extra.map(Change::RemoveRoute).filter(|_| !goes_down);
    work.drops.extend(removed);
    let leaves = |change: &Change, address: &InterfaceAddress| match change {
        Change::RemoveAddress(gone) => gone == address,
        _ => false,
    };
    let gone = |address: &&InterfaceAddress| {
        let mut changes = work.early.iter().chain(&work.drops);
        changes.any(|change| leaves(change, address))
    };
    let kept: BTreeSet<InterfaceAddress> = is
        .addresses
        .iter()
        .filter(|it| !gone(it))
        .copied()
        .collect();
    let is_ipv4 = |address: &InterfaceAddress| address.family() == Family::Ipv4;
    let loses_ipv4 = is.addresses.iter().any(is_ipv4) && !kept.iter().any(is_ipv4);
    for route in &is.static_routes {
        let is_ours = route.protocol == ROUTE_PROTOCOL;
        let is_ipv4 = route.to.family() == Family::Ipv4;
        let source = route.source;
        let loses_source = source.is_some_and(|at| !kept.iter().any(|it| it.address() == at));
        let is_lost = goes_down || (is_ipv4 && (loses_ipv4 || loses_source));
        let is_taken = declared.routes.contains(&route.place());
        match (is_ours, is_lost || is_taken) {
            (true, false) => work.drops.push(Change::RemoveStatic(*route)),
            (false, true) => drop(loan.routes.insert(*route)),
            // What a kernel takes away, or another takes the place of, needs no removal.
            (true, true) | (false, false) => {}
        }
    }
    // What a kernel takes away on the way down is there again when the next plan is made.
    let is_left = |address: &InterfaceAddress| !goes_down || is_ipv4(address);
    let mut addresses: BTreeSet<InterfaceAddress> = kept.into_iter().filter(is_left).collect();
    addresses.extend(work.adds.iter().filter_map(|change| match change {
        Change::AddAddress(address) => Some(*address),
        _ => None,
    }));
    let missing = by_gateway.difference(&is.static_routes).copied();
    let missing = missing.filter(|route| !goes_down || reaches(route, &addresses));
    work.adds.extend(missing.map(link::add_static));
    let is_free = |route: &&SeenRoute| {
        !is.static_routes.contains(*route)
            && !declared.routes.contains(&route.place())
            && reaches(route, &addresses)
    };
    let back: Vec<SeenRoute> = loan.routes.iter().filter(is_free).copied().collect();
    work.adds.extend(back.into_iter().map(link::add_static));
}

#[cfg(test)]
mod tests;
