//! Making a device, as strictly as a kernel does.

use weft_model::plan::link::{LinkKind, Vlans};
use weft_model::vlan::VlanProtocol;

use super::{Refused, follow_mtu};
use crate::link::{tunnel, vlan};
use crate::own::GROUP;
use crate::seen::{Seen, SeenKind, SeenLink};

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
            spanning_tree: false,
            forward_delay: 0,
            vlans: bridge.vlan_aware.then_some(VlanProtocol::Dot1q),
        },
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
        LinkKind::Bond(_) | LinkKind::Physical => return Err(Refused::Invalid),
    };
    add_device(seen, index, name, kind, made)
}

fn add_device(
    seen: &mut Seen,
    index: u32,
    name: &str,
    kind: SeenKind,
    made: &Made<'_>,
) -> Result<(), Refused> {
    let mut link = SeenLink::new(index, name, kind);
    let is_taken = |claim| seen.holding(claim).next().is_some();
    if seen.link(index).is_some()
        || seen.named(name).is_some()
        || link.claim().is_some_and(is_taken)
    {
        return Err(Refused::Exists);
    }
    link.group = GROUP;
    link.mac = made.mac.or(Some([2, 0, 0, 0, 0, 1]));
    link.mtu = made.mtu.unwrap_or(1500);
    link.forward_ipv4 = Some(false);
    if link.is_bridge() {
        link.vlans = Vlans::of_a_new_port();
    }
    follow_mtu(seen, &mut link);
    seen.put(link);
    Ok(())
}
