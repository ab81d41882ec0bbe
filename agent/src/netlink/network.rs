//! The networks of tunnel end points that have many: which they receive for, and which VLAN of the
//! bridge is which network.
//!
//! VLANs are read from the kernel's table of single VLANs and not from what it says of ports as a
//! whole: there it writes all VLANs of a port into one attribute, which overflows where more than
//! some eighteen hundred VLANs and networks do not run side by side.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::vlan::VlanId;

use super::bytes::{Message, attributes, read_u16, read_u32};
use super::number::{
    AF_BRIDGE, BRIDGE_VLAN_INFO_PVID, BRIDGE_VLAN_INFO_RANGE_BEGIN, BRIDGE_VLAN_INFO_RANGE_END,
    BRIDGE_VLAN_INFO_UNTAGGED, BRIDGE_VLANDB_ENTRY, BRIDGE_VLANDB_ENTRY_INFO,
    BRIDGE_VLANDB_ENTRY_RANGE, BRIDGE_VLANDB_ENTRY_TUNNEL_INFO, BRIDGE_VLANDB_TINFO_ID,
    IFLA_BRIDGE_VLAN_TUNNEL_FLAGS, IFLA_BRIDGE_VLAN_TUNNEL_ID, IFLA_BRIDGE_VLAN_TUNNEL_INFO,
    IFLA_BRIDGE_VLAN_TUNNEL_VID, NLA_F_NESTED, RTM_DELTUNNEL, RTM_GETTUNNEL, RTM_GETVLAN,
    RTM_NEWTUNNEL, VXLAN_VNIFILTER_ENTRY, VXLAN_VNIFILTER_ENTRY_END, VXLAN_VNIFILTER_ENTRY_START,
};
use super::vlan;

/// Lets a device receive for networks.
pub(crate) fn add(index: u32, vnis: &BTreeSet<u32>) -> Message {
    filter(RTM_NEWTUNNEL, index, vnis)
}

/// Takes that back.
pub(crate) fn remove(index: u32, vnis: &BTreeSet<u32>) -> Message {
    filter(RTM_DELTUNNEL, index, vnis)
}

/// Lets a port carry VLANs, each as a network.
pub(crate) fn map(port: u32, vlans: &BTreeMap<VlanId, u32>) -> Message {
    // Runs in which both count up side by side.
    let mut runs: Vec<[(VlanId, u32); 2]> = Vec::new();
    for (id, vni) in vlans {
        match runs.last_mut() {
            Some([_, (last, last_vni)])
                if id.get() - last.get() == 1 && vni.checked_sub(1) == Some(*last_vni) =>
            {
                (*last, *last_vni) = (*id, *vni);
            }
            _ => runs.push([(*id, *vni); 2]),
        }
    }
    vlan::of_port(port, |list| {
        vlan::put_set(list, &vlans.keys().copied().collect());
        for [first, last] in runs {
            if first == last {
                put_tunnel(list, 0, first);
            } else {
                put_tunnel(list, BRIDGE_VLAN_INFO_RANGE_BEGIN, first);
                put_tunnel(list, BRIDGE_VLAN_INFO_RANGE_END, last);
            }
        }
    })
}

fn put_tunnel(list: &mut Message, flags: u16, (id, vni): (VlanId, u32)) {
    list.nest(IFLA_BRIDGE_VLAN_TUNNEL_INFO | NLA_F_NESTED, |info| {
        info.put_u32(IFLA_BRIDGE_VLAN_TUNNEL_ID, vni)
            .put(IFLA_BRIDGE_VLAN_TUNNEL_VID, &id.get().to_ne_bytes())
            .put(IFLA_BRIDGE_VLAN_TUNNEL_FLAGS, &flags.to_ne_bytes());
    });
}

/// Asks which networks every device receives for.
pub(crate) fn all() -> Message {
    Message::new(RTM_GETTUNNEL, 0, &tunnel(0))
}

/// Asks for every VLAN of every bridge and port.
pub(crate) fn all_vlans() -> Message {
    // struct br_vlan_msg.
    Message::new(RTM_GETVLAN, 0, &[AF_BRIDGE, 0, 0, 0, 0, 0, 0, 0])
}

fn filter(kind: u16, index: u32, vnis: &BTreeSet<u32>) -> Message {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for vni in vnis {
        match runs.last_mut() {
            Some((_, last)) if vni - *last == 1 => *last = *vni,
            _ => runs.push((*vni, *vni)),
        }
    }
    let mut message = Message::new(kind, 0, &tunnel(index));
    for (first, last) in runs {
        message.nest(VXLAN_VNIFILTER_ENTRY | NLA_F_NESTED, |entry| {
            entry.put_u32(VXLAN_VNIFILTER_ENTRY_START, first);
            if first != last {
                entry.put_u32(VXLAN_VNIFILTER_ENTRY_END, last);
            }
        });
    }
    message
}

/// `struct tunnel_msg`.
fn tunnel(index: u32) -> [u8; 8] {
    let mut fixed = [0; 8];
    fixed[0] = AF_BRIDGE;
    fixed[4..].copy_from_slice(&index.to_ne_bytes());
    fixed
}

/// The networks that a message tells of, and of which device.
pub(crate) fn read(bytes: &[u8]) -> Option<(u32, BTreeSet<u32>)> {
    let mut vnis = BTreeSet::new();
    for (_, entry) in attributes(bytes, 8).filter(|(kind, _)| *kind == VXLAN_VNIFILTER_ENTRY) {
        let (mut first, mut last) = (None, None);
        for (kind, value) in attributes(entry, 0) {
            match kind {
                VXLAN_VNIFILTER_ENTRY_START => first = read_u32(value, 0),
                VXLAN_VNIFILTER_ENTRY_END => last = read_u32(value, 0),
                _ => {}
            }
        }
        let first = first?;
        vnis.extend(first..=last.unwrap_or(first));
    }
    Some((read_u32(bytes, 4)?, vnis))
}

/// VLANs of a port that run side by side and are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(crate) first: VlanId,
    pub(crate) last: VlanId,
    /// Whether packets leave the port without tag.
    pub(crate) is_untagged: bool,
    /// Whether packets that come without tag belong to it.
    pub(crate) is_own: bool,
    /// The network of the first; that of the next is one more.
    pub(crate) vni: Option<u32>,
}

/// The VLANs that a message about single VLANs tells of, and of which bridge or port.
pub(crate) fn lanes(bytes: &[u8]) -> Option<(u32, Vec<Lane>)> {
    let mut lanes = Vec::new();
    for (_, entry) in attributes(bytes, 8).filter(|(kind, _)| *kind == BRIDGE_VLANDB_ENTRY) {
        let (mut flags, mut first, mut last, mut vni) = (0, None, None, None);
        for (kind, value) in attributes(entry, 0) {
            match kind {
                BRIDGE_VLANDB_ENTRY_INFO => {
                    flags = read_u16(value, 0)?;
                    first = read_u16(value, 2);
                }
                BRIDGE_VLANDB_ENTRY_RANGE => last = read_u16(value, 0),
                BRIDGE_VLANDB_ENTRY_TUNNEL_INFO => {
                    let mut parts = attributes(value, 0);
                    let id = parts.find(|(kind, _)| *kind == BRIDGE_VLANDB_TINFO_ID);
                    vni = id.and_then(|(_, value)| read_u32(value, 0));
                }
                _ => {}
            }
        }
        let id = |number: u16| VlanId::try_from(u32::from(number)).ok();
        let (first, last) = (id(first?)?, id(last.or(first)?)?);
        lanes.push(Lane {
            first,
            last,
            is_untagged: flags & BRIDGE_VLAN_INFO_UNTAGGED != 0,
            is_own: flags & BRIDGE_VLAN_INFO_PVID != 0,
            vni,
        });
    }
    Some((read_u32(bytes, 4)?, lanes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_as_they_were_said() {
        let vnis = BTreeSet::from([1, 2, 3, 9, 0xff_ffff]);
        let mut message = add(7, &vnis);
        let body = message.seal(0, 1)[16..].to_vec();
        assert_eq!(attributes(&body, 8).count(), 3);
        assert_eq!(read(&body), Some((7, vnis)));
    }

    #[test]
    fn vlans_and_networks_side_by_side_are_one_range() {
        let id = |number: u32| VlanId::try_from(number).unwrap();
        let size = |vlans: &[(u32, u32)]| {
            let vlans = vlans.iter().map(|(vlan, vni)| (id(*vlan), *vni));
            map(7, &vlans.collect()).seal(0, 1).len()
        };
        let one = size(&[(1, 101)]);
        assert_eq!(size(&[(1, 101), (2, 102), (3, 103)]), one + 8 + 28);
        assert_eq!(size(&[(1, 101), (2, 102), (3, 104)]), one + 8 + 2 * 28);
    }
}
