//! How a device of the host that the plan no longer names becomes what it was.

use std::collections::BTreeSet;

use weft_model::prefix::{Family, InterfaceAddress};

use super::{Declared, note, reaches};
use crate::link;
use crate::loan::Loan;
use crate::own::ROUTE_PROTOCOL;
use crate::route::SeenRoute;
use crate::seen::SeenLink;
use crate::settings::Settings;
use crate::step::Change;

/// Which changes of its master set a device down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bonds {
    /// Whether it is a port of a bond now.
    pub left: bool,
    /// Whether it was one before.
    pub joined: bool,
}

/// How a device goes back to the host.
#[derive(Debug)]
pub(crate) struct Back {
    /// What is to be noted first: also what a kernel takes away on the way.
    pub before: Loan,
    /// The changes.
    pub changes: Vec<Change>,
    /// What it still has to get when they are made.
    pub rest: Option<Loan>,
}

/// What gives a device back to the host that the plan no longer names, and what it still has to get
/// because another device has it for as long as the plan wants that.
pub(crate) fn give_back(loan: &Loan, is: &SeenLink, declared: &Declared, bonds: Bonds) -> Back {
    let mut before = loan.clone();
    let mut changes: Vec<Change> = Vec::new();
    let is_elsewhere = |address: &InterfaceAddress| declared.is_elsewhere(*address, &is.name);
    let is_taken = |route: &SeenRoute| declared.routes.contains(&route.place());
    let ours = |route: &&SeenRoute| route.protocol == ROUTE_PROTOCOL && !is_taken(route);
    changes.extend(is.routes.iter().copied().map(Change::RemoveRoute));
    let given = loan.given.intersection(&is.addresses).copied();
    changes.extend(given.map(Change::RemoveAddress));
    let mut settings = note::difference(&loan.before, is);
    let alias = settings.alias.take();
    let mut all = Vec::new();
    let moves = settings.master.is_some() && (bonds.joined || bonds.left);
    let changes_bond = settings.bond.mode.is_some() || settings.bond.lacp_rate.is_some();
    let falls = is.up && (moves || changes_bond);
    if let Some(master) = settings.master.take() {
        // A bond takes only what is down.
        if bonds.joined && is.up {
            all.push(link::set_down());
        }
        all.push(Settings {
            master: Some(master),
            ..Settings::default()
        });
        // A bond sets down what leaves it.
        settings.up = Some(loan.before.up.unwrap_or(is.up));
    }
    let spanning_tree = settings.spanning_tree.take();
    all.push(Settings {
        spanning_tree,
        ..Settings::default()
    });
    let bond = std::mem::take(&mut settings.bond);
    if is.up && (bond.mode.is_some() || bond.lacp_rate.is_some()) {
        all.push(link::set_down());
        settings.up.get_or_insert(true);
    }
    all.push(Settings {
        bond,
        ..Settings::default()
    });
    all.push(settings);
    let set = |settings: Settings| Change::Set(Box::new(settings));
    changes.extend(all.into_iter().filter(|it| !it.is_empty()).map(set));
    if let Some(vlans) = loan.vlans.as_ref().filter(|_| is.master.is_some()) {
        let mut extra = is.vlans.tagged.without(&vlans.tagged);
        if let Some(id) = is.vlans.untagged.filter(|id| vlans.untagged != Some(*id)) {
            extra.insert(id);
        }
        if !extra.is_empty() {
            changes.push(Change::RemoveVlans(extra));
        }
        if *vlans != is.vlans {
            changes.push(Change::AddVlans(vlans.clone()));
        }
    }
    let switches = loan.switches.iter();
    changes.extend(switches.map(|(switch, on)| Change::Ipv6(*switch, *on)));
    // A kernel takes these from what is set down.
    let lost = is.addresses.difference(&loan.given);
    let lost = lost.filter(|address| falls && address.family() == Family::Ipv6);
    before.taken.extend(lost.copied());
    if falls {
        before.before.up.get_or_insert(is.up);
    }
    let is_missing = |address: &&InterfaceAddress| {
        !is.addresses.contains(address) || (falls && address.family() == Family::Ipv6)
    };
    let missing = before.taken.iter().filter(is_missing).copied();
    let (pending, back): (BTreeSet<InterfaceAddress>, BTreeSet<InterfaceAddress>) =
        missing.partition(is_elsewhere);
    changes.extend(back.iter().copied().map(Change::AddAddress));
    let is_kept = |address: &&InterfaceAddress| !falls || address.family() == Family::Ipv4;
    let kept = is
        .addresses
        .difference(&loan.given)
        .filter(is_kept)
        .copied();
    let addresses: BTreeSet<InterfaceAddress> = kept.chain(back).collect();
    // So it does to IPv4 routes with the last address, though others come back right after.
    let is_ipv4 = |address: &InterfaceAddress| address.family() == Family::Ipv4;
    let loses_ipv4 =
        is.addresses.iter().any(is_ipv4) && !is.addresses.difference(&loan.given).any(is_ipv4);
    let is_lost = |route: &&SeenRoute| {
        let with_addresses = loses_ipv4 && route.to.family() == Family::Ipv4;
        (falls || with_addresses) && route.protocol != ROUTE_PROTOCOL
    };
    before
        .routes
        .extend(is.static_routes.iter().filter(is_lost));
    let is_missing = |route: &&SeenRoute| !is.static_routes.contains(route) || is_lost(route);
    let missing = before.routes.iter().filter(is_missing).copied();
    let waits =
        |route: &SeenRoute| is_taken(route) || (!pending.is_empty() && !reaches(route, &addresses));
    let (waiting, back): (BTreeSet<SeenRoute>, BTreeSet<SeenRoute>) = missing.partition(waits);
    let reached = back.into_iter().filter(|it| reaches(it, &addresses));
    let reached: Vec<SeenRoute> = reached.collect();
    // One takes the place of another without a moment in which there is none.
    let is_replaced = |route: &&SeenRoute| reached.iter().any(|it| it.place() == route.place());
    let statics = is.static_routes.iter().filter(ours);
    let gone: Vec<SeenRoute> = statics.filter(|it| !is_replaced(it)).copied().collect();
    changes.splice(0..0, gone.into_iter().map(Change::RemoveStatic));
    changes.extend(reached.into_iter().map(|route| Change::AddStatic {
        route,
        replace: true,
    }));
    if !pending.is_empty() || !waiting.is_empty() {
        let mut rest = Loan {
            taken: pending,
            routes: waiting,
            ..Loan::default()
        };
        rest.before.alias.clone_from(&loan.before.alias);
        return Back {
            before,
            changes,
            rest: Some(rest),
        };
    }
    changes.extend(alias.map(|alias| {
        set(Settings {
            alias: Some(alias),
            ..Settings::default()
        })
    }));
    Back {
        before,
        changes,
        rest: None,
    }
}
