//! Making a device, as strictly as a kernel does.

use weft_model::plan::link::{LinkKind, Vlans};
use weft_model::vlan::VlanProtocol;

use super::{Refused, follow_mtu};
use crate::link::{bond_made, bundle, delay, tunnel, vlan};
use crate::own::GROUP;
use crate::seen::{Claim, Seen, SeenKind, SeenLink, SeenPlug};
use crate::step::Plug;

/// What a device is made of.
pub(super) struct Made<'a> {
    pub(super) kind: &'a LinkKind,
    pub(super) mac: Option<[u8; 6]>,
    pub(super) mtu: Option<u32>,
    pub(super) other: Option<u32>,
}

pub(super) fn create(
    seen: &mut Seen,
    index: u32,
    name: &str,
    made: &Made<'_>,
) -> Result<(), Refused> {
    let kind = match made.kind {
        LinkKind::Bridge(bridge) => SeenKind::Bridge {
            spanning_tree: bridge.spanning_tree,
            forward_delay: delay(bridge),
            vlans: bridge.vlan_aware.then_some(VlanProtocol::Dot1q),
            bare_ports: bridge.bare_ports,
        },
        LinkKind::Bundle(it) => bundle(it),
        LinkKind::Vxlan(vxlan) => SeenKind::Vxlan {
            tunnel: tunnel(vxlan),
            local: Some(vxlan.local),
            learning: vxlan.learning,
        },
        LinkKind::Vlan(it) => {
            let parent = made.other.ok_or(Refused::Invalid)?;
            let most = seen.link(parent).ok_or(Refused::NoDevice)?.mtu;
            if most != 0 && made.mtu.is_some_and(|mtu| mtu > most) {
                return Err(Refused::Range);
            }
            SeenKind::Vlan(vlan(it, parent))
        }
        // Only its switch can make it.
        LinkKind::Switched(_) => return Err(Refused::Invalid),
        LinkKind::Veth { peer } => {
            let other = made.other.ok_or(Refused::Invalid)?;
            // The other end is as the kernel makes one of which nothing is said.
            let plain = Made {
                mac: None,
                mtu: None,
                ..*made
            };
            add_device(
                seen,
                other,
                peer.as_str(),
                SeenKind::Veth { peer: Some(index) },
                &plain,
            )?;
            SeenKind::Veth { peer: Some(other) }
        }
        LinkKind::Bond(bond) => SeenKind::Bond(bond_made(bond)),
        LinkKind::Vrf(vrf) => SeenKind::Vrf { table: vrf.table },
        LinkKind::Dummy => SeenKind::Dummy,
        LinkKind::Physical => return Err(Refused::Invalid),
    };
    add_device(seen, index, name, kind, made)
}

/// A port of Open vSwitch takes the place of one that is only in its database.
pub(super) fn plug(seen: &mut Seen, index: u32, name: &str, it: &Plug) -> Result<(), Refused> {
    if !seen.switches.contains(it.port.switch.as_str()) {
        return Err(Refused::NoDevice);
    }
    let kind = SeenKind::Switched(Box::new(SeenPlug {
        switch: it.port.switch.as_str().to_owned(),
        port: Some(it.port.clone()),
        cluster: it.cluster.as_str().to_owned(),
    }));
    let plain = Made {
        kind: &LinkKind::Switched(it.port.clone()),
        mac: None,
        mtu: None,
        other: None,
    };
    add_device(seen, index, name, kind, &plain)?;
    seen.unmade.remove(name);
    Ok(())
}

fn add_device(
    seen: &mut Seen,
    index: u32,
    name: &str,
    kind: SeenKind,
    made: &Made<'_>,
) -> Result<(), Refused> {
    let mut link = SeenLink::new(index, name, kind);
    let is_shared = |claim| matches!(claim, Claim::Port(_));
    let is_taken = |claim| !is_shared(claim) && seen.holding(claim).next().is_some();
    if seen.link(index).is_some()
        || seen.named(name).is_some()
        || link.claim().is_some_and(is_taken)
    {
        return Err(Refused::Exists);
    }
    let is_switched = matches!(link.kind, SeenKind::Switched(_));
    link.group = if is_switched { 0 } else { GROUP };
    link.mac = made.mac.or(Some([2, 0, 0, 0, 0, 1]));
    link.mtu = made.mtu.unwrap_or(1500);
    link.forward_ipv4 = Some(false);
    if matches!(
        link.kind,
        SeenKind::Bridge {
            bare_ports: false,
            ..
        }
    ) {
        link.vlans = Vlans::of_a_new_port();
    }
    follow_mtu(seen, &mut link);
    seen.put(link);
    Ok(())
}
