//! What is noted of a device of the host before it is changed, and what of that is not so any more.

use weft_model::plan::link::Link;
use weft_model::prefix::{Family, InterfaceAddress};

use crate::link::Work;
use crate::loan::Loan;
use crate::seen::{SeenBond, SeenKind, SeenLink};
use crate::settings::{BondSettings, Ipv6Switch, Master, Settings};
use crate::step::Change;

/// What the plan no longer names and is as it was before is no more of our concern.
pub(super) fn forget_what_is_back(want: &Link, is: &SeenLink, loan: &mut Loan) {
    let before = &mut loan.before;
    if want.mtu.is_none() && before.mtu == Some(is.mtu) {
        before.mtu = None;
    }
    if want.mac.is_none() && before.mac == is.mac {
        before.mac = None;
    }
    let master = is.master.map_or(Master::Nobody, Master::Device);
    if want.master.is_none() && before.master == Some(master) {
        before.master = None;
    }
    if !want.forward.contains(&Family::Ipv4) && before.forward_ipv4 == is.forward_ipv4 {
        before.forward_ipv4 = None;
    }
    if !want.proxy_arp && before.proxy_arp == Some(is.proxy_arp.unwrap_or(false)) {
        before.proxy_arp = None;
    }
    loan.taken.retain(|address| !is.addresses.contains(address));
    loan.routes
        .retain(|route| !is.static_routes.contains(route));
    let known = |address: &InterfaceAddress| {
        want.addresses.contains(address) || is.addresses.contains(address)
    };
    loan.given.retain(known);
}

/// Notes every property that changes as it is now, unless it is noted already.
pub(super) fn properties(is: &SeenLink, work: &Work, loan: &mut Loan) {
    let late = work.late.iter().filter_map(|change| match change {
        Change::Set(settings) => Some(&**settings),
        _ => None,
    });
    for settings in work.settings.iter().chain(late) {
        note(&mut loan.before, settings, is);
    }
    for change in &work.switches {
        if let Change::Ipv6(switch, _) = change {
            let was = is.ipv6.and_then(|ipv6| match switch {
                Ipv6Switch::Disable => ipv6.disabled,
                Ipv6Switch::Forwarding => ipv6.forwarding,
                Ipv6Switch::AcceptRa => ipv6.accept_ra,
                Ipv6Switch::AcceptDad => ipv6.accept_dad,
                Ipv6Switch::AcceptUntracked => ipv6.accept_untracked,
            });
            loan.switches.entry(*switch).or_insert(was.unwrap_or(false));
        }
    }
}

fn note(before: &mut Settings, next: &Settings, is: &SeenLink) {
    fn keep<T, U>(before: &mut Option<T>, next: Option<&U>, was: Option<T>) {
        if next.is_some() && before.is_none() {
            *before = was;
        }
    }
    let alias = is.alias.clone().unwrap_or_default();
    keep(&mut before.alias, next.alias.as_ref(), Some(alias));
    keep(&mut before.mtu, next.mtu.as_ref(), Some(is.mtu));
    keep(&mut before.mac, next.mac.as_ref(), is.mac);
    let master = is.master.map_or(Master::Nobody, Master::Device);
    keep(&mut before.master, next.master.as_ref(), Some(master));
    keep(&mut before.up, next.up.as_ref(), Some(is.up));
    let (forward, proxy) = (
        is.forward_ipv4.or(Some(false)),
        is.proxy_arp.or(Some(false)),
    );
    keep(
        &mut before.forward_ipv4,
        next.forward_ipv4.as_ref(),
        forward,
    );
    keep(&mut before.proxy_arp, next.proxy_arp.as_ref(), proxy);
    if let SeenKind::Bridge {
        spanning_tree,
        forward_delay,
        vlans,
        bare_ports: _,
    } = &is.kind
    {
        let (tree, delay) = (Some(*spanning_tree), Some(*forward_delay));
        keep(&mut before.spanning_tree, next.spanning_tree.as_ref(), tree);
        // Turning spanning tree on changes the delay, too.
        let changes = next.forward_delay.is_some() || next.spanning_tree.is_some();
        let changes = changes.then_some(());
        keep(&mut before.forward_delay, changes.as_ref(), delay);
        let filters = Some(vlans.is_some());
        keep(
            &mut before.filter_vlans,
            next.filter_vlans.as_ref(),
            filters,
        );
    }
    if let SeenKind::Bond(bond) = &is.kind {
        let (before, next) = (&mut before.bond, &next.bond);
        keep(&mut before.mode, next.mode.as_ref(), Some(bond.mode));
        keep(&mut before.miimon, next.miimon.as_ref(), Some(bond.miimon));
        keep(
            &mut before.lacp_rate,
            next.lacp_rate.as_ref(),
            Some(bond.lacp_rate),
        );
        let policy = bond.xmit_hash_policy;
        keep(
            &mut before.xmit_hash_policy,
            next.xmit_hash_policy.as_ref(),
            policy,
        );
        let primary = Some(bond.primary.unwrap_or(0));
        keep(&mut before.primary, next.primary.as_ref(), primary);
    }
}

/// What of a loan's properties is not as it was.
pub(super) fn difference(before: &Settings, is: &SeenLink) -> Settings {
    let mut next = Settings::default();
    let alias = is.alias.as_deref().unwrap_or_default();
    next.alias = before.alias.clone().filter(|was| was != alias);
    next.mtu = before.mtu.filter(|was| *was != is.mtu);
    next.mac = before.mac.filter(|was| Some(*was) != is.mac);
    let master = is.master.map_or(Master::Nobody, Master::Device);
    next.master = before.master.filter(|was| *was != master);
    next.up = before.up.filter(|was| *was != is.up);
    next.forward_ipv4 = before
        .forward_ipv4
        .filter(|was| Some(*was) != is.forward_ipv4);
    let proxy_arp = is.proxy_arp.unwrap_or(false);
    next.proxy_arp = before.proxy_arp.filter(|was| *was != proxy_arp);
    match &is.kind {
        SeenKind::Bridge {
            spanning_tree,
            forward_delay,
            vlans,
            bare_ports: _,
        } => {
            next.spanning_tree = before.spanning_tree.filter(|was| was != spanning_tree);
            next.forward_delay = before.forward_delay.filter(|was| was != forward_delay);
            next.filter_vlans = before.filter_vlans.filter(|was| *was != vlans.is_some());
        }
        SeenKind::Bond(bond) => next.bond = bond_difference(&before.bond, bond),
        _ => {}
    }
    next
}

fn bond_difference(before: &BondSettings, is: &SeenBond) -> BondSettings {
    let primary = is.primary.unwrap_or(0);
    let policy = is.xmit_hash_policy;
    BondSettings {
        mode: before.mode.filter(|was| *was != is.mode),
        miimon: before.miimon.filter(|was| *was != is.miimon),
        lacp_rate: before.lacp_rate.filter(|was| *was != is.lacp_rate),
        xmit_hash_policy: before.xmit_hash_policy.filter(|was| Some(*was) != policy),
        primary: before.primary.filter(|was| *was != primary),
    }
}
