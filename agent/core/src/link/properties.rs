//! A device's own properties: what of them changes, and in which order a kernel takes it.

use weft_model::mtu::Mtu;
use weft_model::plan::link::{Bond, Link, LinkKind};
use weft_model::prefix::Family;

use super::{Around, Work, delay};
use crate::own::GROUP;
use crate::seen::{Port, SeenBond, SeenKind, SeenLink};
use crate::settings::{BondSettings, Master, Settings};
use crate::step::Change;

/// The device's own properties. Of a device of the host only what the plan names is changed, and
/// what it no longer names is changed back.
pub(crate) fn settings(want: &Link, around: Around<'_>, is: &SeenLink, work: &mut Work) {
    let is_ours = around.loan.is_none();
    let before = around.loan.map(|loan| loan.before.clone());
    let before = before.unwrap_or_default();
    let on = |named: bool, was: Option<bool>| match (is_ours, named) {
        (true, named) => Some(named),
        (false, true) => Some(true),
        (false, false) => was,
    };
    let forward = want.forward.contains(&Family::Ipv4);
    let forward = if matches!(want.kind, LinkKind::Vrf(_)) {
        // What is in it forwards by its own switch.
        None
    } else if is_ours && want.origin.host().is_some() {
        // A bridge that leads outside must not stop what all other devices of the host let through.
        Some(forward || around.forwards)
    } else {
        on(forward, before.forward_ipv4)
    };
    let proxy_arp = on(want.proxy_arp, before.proxy_arp);
    let hears = want.hears_announcements;
    let mtu = want.mtu.map(Mtu::get).or(before.mtu);
    let mac = want.mac.map(|mac| mac.octets()).or(before.mac);
    let master = match (around.master, is_ours) {
        (Some(index), _) => Some(Master::Device(index)),
        (None, true) => Some(Master::Nobody),
        (None, false) => before.master,
    };
    let has_master = is.master.map_or(Master::Nobody, Master::Device);
    let mut settings = Settings {
        name: (is.name != want.name.as_str()).then(|| want.name.as_str().to_owned()),
        group: (is_ours && is.group != GROUP).then_some(GROUP),
        mtu: mtu.filter(|mtu| *mtu != is.mtu),
        mac: mac.filter(|mac| Some(*mac) != is.mac),
        master: master.filter(|master| *master != has_master),
        up: (!is.up).then_some(true),
        forward_ipv4: forward.filter(|on| is.forward_ipv4 != Some(*on)),
        proxy_arp: proxy_arp.filter(|on| is.proxy_arp.unwrap_or(false) != *on),
        hears_announcements: (is_ours && is.hears_announcements.unwrap_or(false) != hears)
            .then_some(hears),
        // What no longer needs it is left: nobody knows what the host would have chosen.
        any_source: (is_ours && want.any_source && is.any_source != Some(true)).then_some(true),
        alias: (is.alias.as_ref() != Some(&around.alias)).then_some(around.alias),
        ..Settings::default()
    };
    let mut all: Vec<Settings> = Vec::new();
    if !is_ours && settings.alias.is_some() {
        // The mark comes before what it speaks of.
        all.push(Settings {
            alias: settings.alias.take(),
            ..Settings::default()
        });
    }
    match (&want.kind, &is.kind) {
        (
            LinkKind::Bridge(bridge),
            SeenKind::Bridge {
                spanning_tree,
                forward_delay,
                vlans,
                bare_ports,
            },
        ) => {
            // How the host's own bridge treats new ports is not asked for by anybody.
            settings.bare_ports =
                (is_ours && *bare_ports != bridge.bare_ports).then_some(bridge.bare_ports);
            settings.filter_vlans =
                (vlans.is_some() != bridge.vlan_aware).then_some(bridge.vlan_aware);
            // A kernel keeps the delay within bounds while there is a spanning tree.
            all.push(Settings {
                spanning_tree: (*spanning_tree != bridge.spanning_tree)
                    .then_some(bridge.spanning_tree),
                ..Settings::default()
            });
            settings.forward_delay = (*forward_delay != delay(bridge)).then_some(delay(bridge));
        }
        (
            LinkKind::Vxlan(vxlan),
            SeenKind::Vxlan {
                local, learning, ..
            },
        ) => {
            // A kernel refuses these together with an MTU.
            all.push(Settings {
                local: (*local != Some(vxlan.local)).then_some(vxlan.local),
                learning: (*learning != vxlan.learning).then_some(vxlan.learning),
                ..Settings::default()
            });
        }
        (
            LinkKind::Bundle(bundle),
            SeenKind::Bundle {
                local, learning, ..
            },
        ) => {
            all.push(Settings {
                local: (*local != Some(bundle.local)).then_some(bundle.local),
                learning: (*learning != bundle.learning).then_some(bundle.learning),
                ..Settings::default()
            });
        }
        (LinkKind::Bond(bond), SeenKind::Bond(has)) => {
            let (bonding, primary) = bonding(bond, around.primary, has);
            if is.up && (bonding.mode.is_some() || bonding.lacp_rate.is_some()) {
                all.push(set_down());
                settings.up = Some(true);
            }
            all.push(Settings {
                bond: bonding,
                ..Settings::default()
            });
            if primary != BondSettings::default() {
                let bond = primary;
                let primary = Settings {
                    bond,
                    ..Settings::default()
                };
                work.late.push(Change::Set(Box::new(primary)));
            }
        }
        (
            LinkKind::Bridge(_)
            | LinkKind::Vxlan(_)
            | LinkKind::Bundle(_)
            | LinkKind::Vlan(_)
            | LinkKind::Veth { .. }
            | LinkKind::Switched(_)
            | LinkKind::Bond(_)
            | LinkKind::Vrf(_)
            | LinkKind::Dummy
            | LinkKind::Physical,
            _,
        ) => {}
    }
    // Only what is a port already can be told how to be one.
    let is_tunnel = is.master == around.master && is.port.tunnel;
    let is_bundle = matches!(want.kind, LinkKind::Bundle(_));
    let mut last = Settings {
        tunnel: (is_bundle && around.master.is_some() && !is_tunnel).then_some(true),
        ..Settings::default()
    };
    if is_ours && around.master.is_some() && !around.domain.is_inside() {
        let stays = is.master == around.master;
        let has = if stays { is.port } else { Port::default() };
        let (learned, suppression) = match &want.kind {
            LinkKind::Vxlan(vxlan) => (!vxlan.told_by_bgp, vxlan.suppression),
            LinkKind::Bundle(bundle) => (!bundle.told_by_bgp, bundle.suppression),
            _ => (true, false),
        };
        let as_port = if stays { &mut settings } else { &mut last };
        as_port.isolated = has.isolated.then_some(false);
        as_port.learned = (has.learning != learned).then_some(learned);
        as_port.suppression = (has.suppression != suppression).then_some(suppression);
        if last.learned.is_some() || last.suppression.is_some() {
            // Before its first packet.
            last.up = settings.up.take();
        }
    }
    if settings.master.is_some() && (around.joins_bond || around.leaves_bond) {
        // A bond takes only what is down, and sets down what leaves it.
        if is.up && around.joins_bond {
            all.push(set_down());
        }
        all.push(Settings {
            master: settings.master.take(),
            ..Settings::default()
        });
        settings.up = Some(true);
    }
    all.extend([settings, last]);
    let needed = all.into_iter().filter(|settings| !settings.is_empty());
    work.settings.extend(needed);
}

pub(crate) fn set_down() -> Settings {
    Settings {
        up: Some(false),
        ..Settings::default()
    }
}

/// How a bond's choosing changes, and what of it waits for its devices.
fn bonding(want: &Bond, primary: Option<u32>, has: &SeenBond) -> (BondSettings, BondSettings) {
    let mode = (want.mode != has.mode).then_some(want.mode);
    let rate = want.lacp_rate.filter(|_| want.mode.has_lacp());
    let policy = want.xmit_hash_policy;
    let now = BondSettings {
        mode,
        miimon: (want.miimon.get() != has.miimon).then_some(want.miimon.get()),
        lacp_rate: rate.filter(|rate| *rate != has.lacp_rate),
        xmit_hash_policy: policy.filter(|policy| has.xmit_hash_policy != Some(*policy)),
        primary: None,
    };
    let primary = primary.filter(|_| want.mode.has_primary());
    let later = BondSettings {
        primary: (primary != has.primary).then_some(primary.unwrap_or(0)),
        ..BondSettings::default()
    };
    (now, later)
}
