//! The VLANs of bridges and their ports: what is said to a kernel of them, and what it says.
//!
//! A port's VLANs travel as ranges in messages of the family `AF_BRIDGE`; those that the host itself
//! takes part in are a bridge's own, and are told by the flag "self".

use weft_model::plan::link::Vlans;
use weft_model::vlan::{VlanId, VlanSet};
use weft_node::seen::Port;
use weft_node::step::Membership;

use super::bytes::{Message, attributes, read_u16, read_u32};
use super::number::{
    AF_BRIDGE, BRIDGE_FLAGS_SELF, BRIDGE_VLAN_INFO_PVID, BRIDGE_VLAN_INFO_RANGE_BEGIN,
    BRIDGE_VLAN_INFO_RANGE_END, BRIDGE_VLAN_INFO_UNTAGGED, IFLA_AF_SPEC, IFLA_BRIDGE_FLAGS,
    IFLA_BRIDGE_VLAN_INFO, IFLA_EXT_MASK, IFLA_PROTINFO, NLA_F_NESTED,
    RTEXT_FILTER_BRVLAN_COMPRESSED, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK,
};

/// Lets a port carry VLANs.
pub(crate) fn add(port: u32, vlans: &Vlans) -> Message {
    about(RTM_SETLINK, port, |list| {
        put_set(list, &vlans.tagged);
        if let Some(id) = vlans.untagged {
            put(list, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED, id);
        }
    })
}

/// Keeps VLANs from a port.
pub(crate) fn remove(port: u32, vlans: &VlanSet) -> Message {
    about(RTM_DELLINK, port, |list| put_set(list, vlans))
}

/// Lets a VLAN of a bridge up to the host.
pub(crate) fn join(of: Membership) -> Message {
    own(RTM_SETLINK, of)
}

/// Takes that back.
pub(crate) fn leave(of: Membership) -> Message {
    own(RTM_DELLINK, of)
}

/// Asks for the VLANs of every bridge and port.
pub(crate) fn all() -> Message {
    let mut message = Message::new(RTM_GETLINK, 0, &fixed(0));
    message.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN_COMPRESSED);
    message
}

fn own(kind: u16, of: Membership) -> Message {
    about(kind, of.bridge, |list| {
        list.put(IFLA_BRIDGE_FLAGS, &BRIDGE_FLAGS_SELF.to_ne_bytes());
        put(list, 0, of.id);
    })
}

/// Says something of the VLANs of a port.
pub(super) fn of_port(port: u32, what: impl FnOnce(&mut Message)) -> Message {
    about(RTM_SETLINK, port, what)
}

fn about(kind: u16, index: u32, what: impl FnOnce(&mut Message)) -> Message {
    let mut message = Message::new(kind, 0, &fixed(index));
    message.nest(IFLA_AF_SPEC | NLA_F_NESTED, what);
    message
}

/// `struct ifinfomsg`.
fn fixed(index: u32) -> [u8; 16] {
    let mut fixed = [0; 16];
    fixed[0] = AF_BRIDGE;
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    fixed
}

pub(super) fn put_set(list: &mut Message, set: &VlanSet) {
    for (first, last) in set.ranges() {
        if first == last {
            put(list, 0, *first);
        } else {
            put(list, BRIDGE_VLAN_INFO_RANGE_BEGIN, *first);
            put(list, BRIDGE_VLAN_INFO_RANGE_END, *last);
        }
    }
}

/// `struct bridge_vlan_info`.
fn put(list: &mut Message, flags: u16, id: VlanId) {
    let mut info = [0; 4];
    info[..2].copy_from_slice(&flags.to_ne_bytes());
    info[2..].copy_from_slice(&id.get().to_ne_bytes());
    list.put(IFLA_BRIDGE_VLAN_INFO, &info);
}

/// What a message of the family `AF_BRIDGE` says of a port: also when somebody changes
/// it by that family, of which no other message tells.
pub(super) fn port(bytes: &[u8]) -> Option<Port> {
    if bytes.first() != Some(&AF_BRIDGE) {
        return None;
    }
    let mut all = attributes(bytes, 16);
    let (_, data) = all.find(|(kind, _)| *kind == IFLA_PROTINFO)?;
    Some(super::kind::as_port(data))
}

/// The VLANs that a message of the family `AF_BRIDGE` tells of, and of which device.
pub(crate) fn read(bytes: &[u8]) -> Option<(u32, Vlans)> {
    if bytes.first() != Some(&AF_BRIDGE) {
        return None;
    }
    let mut vlans = Vlans::default();
    let mut tagged = Vec::new();
    let lists = attributes(bytes, 16).filter(|(kind, _)| *kind == IFLA_AF_SPEC);
    let entries = lists.flat_map(|(_, list)| attributes(list, 0));
    let mut first = None;
    for (_, info) in entries.filter(|(kind, _)| *kind == IFLA_BRIDGE_VLAN_INFO) {
        let flags = read_u16(info, 0)?;
        let id = VlanId::try_from(u32::from(read_u16(info, 2)?)).ok()?;
        if flags & BRIDGE_VLAN_INFO_RANGE_BEGIN != 0 {
            first = Some(id);
            continue;
        }
        let from = first.take().unwrap_or(id);
        if flags & BRIDGE_VLAN_INFO_PVID != 0 {
            vlans.untagged = Some(id);
        } else if flags & BRIDGE_VLAN_INFO_UNTAGGED == 0 {
            tagged.push((from, id));
        }
    }
    vlans.tagged = tagged.into_iter().collect();
    Some((read_u32(bytes, 4)?, vlans))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sealed message without the netlink header: what a receiver reads.
    fn body(message: &mut Message) -> Vec<u8> {
        message.seal(0, 1)[16..].to_vec()
    }

    #[test]
    fn what_is_said_of_vlans_is_read_as_it_was_said() {
        let vlans = Vlans {
            tagged: "2-99,101,4000-4094".parse().unwrap(),
            untagged: VlanId::try_from(1).ok(),
        };
        let mut message = add(7, &vlans);
        assert_eq!(read(&body(&mut message)), Some((7, vlans)));
    }

    #[test]
    fn a_bridge_joins_by_the_flag_self() {
        let of = Membership {
            bridge: 3,
            id: VlanId::try_from(100).unwrap(),
        };
        let body = body(&mut join(of));
        assert_eq!(&body[..8], [AF_BRIDGE, 0, 0, 0, 3, 0, 0, 0]);
        let spec = attributes(&body, 16).next().unwrap().1;
        let parts: Vec<(u16, Vec<u8>)> = attributes(spec, 0)
            .map(|(kind, value)| (kind, value.to_vec()))
            .collect();
        assert_eq!(
            parts,
            [
                (IFLA_BRIDGE_FLAGS, BRIDGE_FLAGS_SELF.to_ne_bytes().to_vec()),
                (
                    IFLA_BRIDGE_VLAN_INFO,
                    [[0, 0], 100u16.to_ne_bytes()].concat()
                ),
            ]
        );
    }
}
