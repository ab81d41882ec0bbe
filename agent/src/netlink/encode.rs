//! From a step to the message that makes it.

use std::net::IpAddr;

use weft_model::facts::DeviceType;
use weft_model::prefix::{Family, InterfaceAddress};
use weft_node::own::{GROUP, ROUTE_PROTOCOL};
use weft_node::seen::SeenKind;
use weft_node::settings::{BondSettings, Master, Settings};
use weft_node::step::{Change, GuestChange};

use super::address::{number, octets};
use super::bytes::Message;
use super::kind::{bare_ports, create, local, word};
use super::number::{
    AF_BRIDGE, AF_INET, IFA_ADDRESS, IFA_F_NODAD, IFA_FLAGS, IFA_LOCAL, IFF_UP, IFLA_ADDRESS,
    IFLA_AF_SPEC, IFLA_ALT_IFNAME, IFLA_BR_FORWARD_DELAY, IFLA_BR_STP_STATE,
    IFLA_BR_VLAN_FILTERING, IFLA_BRPORT_ISOLATED, IFLA_BRPORT_LEARNING, IFLA_BRPORT_NEIGH_SUPPRESS,
    IFLA_BRPORT_VLAN_TUNNEL, IFLA_EXT_MASK, IFLA_GROUP, IFLA_IFALIAS, IFLA_IFNAME, IFLA_INET_CONF,
    IFLA_INFO_DATA, IFLA_INFO_KIND, IFLA_INFO_SLAVE_DATA, IFLA_INFO_SLAVE_KIND, IFLA_LINKINFO,
    IFLA_MASTER, IFLA_MTU, IFLA_PROP_LIST, IFLA_VXLAN_LEARNING, IPV4_DEVCONF_ARP_ACCEPT,
    IPV4_DEVCONF_FORWARDING, IPV4_DEVCONF_PROXY_ARP, IPV4_DEVCONF_RP_FILTER, NDA_DST, NDA_LLADDR,
    NDA_SRC_VNI, NDA_VNI, NFPROTO_INET, NFT_MSG_GETTABLE, NFTA_TABLE_NAME, NLA_F_NESTED,
    NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, NTF_SELF, NUD_PERMANENT_NOARP,
    RP_FILTER_OFF, RT_TABLE_MAIN, RTEXT_FILTER_SKIP_STATS, RTM_DELADDR, RTM_DELLINK,
    RTM_DELLINKPROP, RTM_DELNEIGH, RTM_DELROUTE, RTM_GETADDR, RTM_GETLINK, RTM_GETNEIGH,
    RTM_GETROUTE, RTM_NEWADDR, RTM_NEWLINK, RTM_NEWLINKPROP, RTM_NEWNEIGH, RTM_NEWROUTE,
};

/// The message that makes a change to a device; `None` for what is not done by netlink.
///
/// `kind` is what the device is, where it is there already.
pub(crate) fn change(
    index: u32,
    name: &str,
    kind: Option<&SeenKind>,
    change: &Change,
) -> Option<Message> {
    Some(match change {
        Change::Create {
            kind,
            mac,
            mtu,
            other,
        } => {
            let mut message = link(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, index, 0, 0);
            named(&mut message, name);
            if let Some(mac) = mac {
                message.put(IFLA_ADDRESS, mac);
            }
            if let Some(mtu) = mtu {
                message.put_u32(IFLA_MTU, *mtu);
            }
            create(&mut message, kind, *other);
            message
        }
        Change::Set(settings) => set(index, kind, settings),
        Change::Ipv6(..) | Change::Plug(_) | Change::Retag(_) | Change::Unplug => return None,
        Change::AddName(other) => property(RTM_NEWLINKPROP, index, other.as_str()),
        Change::RemoveName(other) => property(RTM_DELLINKPROP, index, other),
        Change::AddAddress(at) => {
            let mut message = address(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, index, *at);
            if at.family() == Family::Ipv6 {
                message.put_u32(IFA_FLAGS, IFA_F_NODAD);
            }
            message
        }
        Change::RemoveAddress(at) => address(RTM_DELADDR, 0, index, *at),
        Change::AddRoute(to) => {
            super::route::direct(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, index, *to)
        }
        Change::RemoveRoute(to) => super::route::direct(RTM_DELROUTE, 0, index, *to),
        // Somebody else's in its place would be as good, and is taken over.
        Change::AddUnreachable(route) => {
            super::route::unreachable(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, *route)
        }
        Change::RemoveUnreachable(route) => super::route::unreachable(RTM_DELROUTE, 0, *route),
        Change::AddStatic { route, replace } => {
            let flag = if *replace { NLM_F_REPLACE } else { NLM_F_EXCL };
            super::route::by_gateway(RTM_NEWROUTE, NLM_F_CREATE | flag, index, route)
        }
        Change::RemoveStatic(route) => super::route::by_gateway(RTM_DELROUTE, 0, index, route),
        Change::AddFlood(peer) => flood(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_APPEND, index, *peer),
        Change::RemoveFlood(peer) => flood(RTM_DELNEIGH, 0, index, *peer),
        Change::AddNetworks(vnis) => super::network::add(index, vnis),
        Change::RemoveNetworks(vnis) => super::network::remove(index, vnis),
        Change::AddPeer(vni, peer) => {
            let mut message = flood(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_APPEND, index, *peer);
            of_network(&mut message, *vni);
            message
        }
        Change::RemovePeer(vni, peer) => {
            let mut message = flood(RTM_DELNEIGH, 0, index, *peer);
            of_network(&mut message, *vni);
            message
        }
        Change::MapVlans(vlans) => super::network::map(index, vlans),
        Change::AddVlans(vlans) => super::vlan::add(index, vlans),
        Change::RemoveVlans(vlans) => super::vlan::remove(index, vlans),
        Change::Join(of) => super::vlan::join(*of),
        Change::Leave(of) => super::vlan::leave(*of),
        Change::Destroy => link(RTM_DELLINK, 0, index, 0, 0),
    })
}

/// The message that makes a change to what our bridge does with a guest's port.
pub(crate) fn guest(index: u32, change: &GuestChange) -> Message {
    match change {
        GuestChange::Flags { isolated, learning } => {
            let mut message = link(RTM_NEWLINK, 0, index, 0, 0);
            message.nest(IFLA_LINKINFO | NLA_F_NESTED, |info| {
                let ports = [
                    (IFLA_BRPORT_ISOLATED, *isolated),
                    (IFLA_BRPORT_LEARNING, *learning),
                ];
                port(info, &ports);
            });
            message
        }
        GuestChange::AddVlans(vlans) => super::vlan::add(index, vlans),
    }
}

/// Destroys every device of a group.
pub(crate) fn destroy_group(group: u32) -> Message {
    let mut message = link(RTM_DELLINK, 0, 0, 0, 0);
    message.put_u32(IFLA_GROUP, group);
    message
}

/// Asks for a device that no kernel makes, because its address is not unicast: one that knows the
/// type says so, and one that does not says that instead. Nothing comes of it either way.
pub(crate) fn probe(kind: DeviceType) -> Message {
    let mut message = link(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0, 0);
    message.put_text(IFLA_IFNAME, "weft~probe");
    message.put(IFLA_ADDRESS, &[1, 0, 0, 0, 0, 1]);
    message.nest(IFLA_LINKINFO | NLA_F_NESTED, |info| {
        info.put(IFLA_INFO_KIND, word(kind).as_bytes());
    });
    message
}

/// Asks for every device, without counters.
pub(crate) fn all_links() -> Message {
    let mut message = link(RTM_GETLINK, 0, 0, 0, 0);
    message.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    message
}

/// Asks for every address.
pub(crate) fn all_addresses() -> Message {
    Message::new(RTM_GETADDR, 0, &[0; 8])
}

/// Asks for the routes of the main table.
pub(crate) fn all_routes(family: u8) -> Message {
    let mut fixed = [0; 12];
    (fixed[0], fixed[4]) = (family, RT_TABLE_MAIN);
    Message::new(RTM_GETROUTE, 0, &fixed)
}

/// Asks for the routes of ours in all tables, of which others may have millions.
pub(crate) fn our_routes(family: u8) -> Message {
    let mut fixed = [0; 12];
    (fixed[0], fixed[5]) = (family, ROUTE_PROTOCOL);
    Message::new(RTM_GETROUTE, 0, &fixed)
}

/// Asks for every forwarding entry.
pub(crate) fn all_forwarding_entries() -> Message {
    let mut fixed = [0; 12];
    fixed[0] = AF_BRIDGE;
    Message::new(RTM_GETNEIGH, 0, &fixed)
}

/// Asks whether our table of source translations is there.
pub(crate) fn table(name: &str) -> Message {
    let mut message = Message::new(NFT_MSG_GETTABLE, 0, &[NFPROTO_INET, 0, 0, 0]);
    message.put_text(NFTA_TABLE_NAME, name);
    message
}

fn link(kind: u16, flags: u16, index: u32, on: u32, change: u32) -> Message {
    let mut fixed = [0; 16];
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    fixed[8..12].copy_from_slice(&on.to_ne_bytes());
    fixed[12..].copy_from_slice(&change.to_ne_bytes());
    Message::new(kind, flags, &fixed)
}

/// The name, and our mark from the first moment.
pub(super) fn named(message: &mut Message, name: &str) {
    message
        .put_text(IFLA_IFNAME, name)
        .put_u32(IFLA_GROUP, GROUP);
}

/// The network that a forwarding entry is about; packets go to it with that network's number.
fn of_network(message: &mut Message, vni: u32) {
    message.put_u32(NDA_SRC_VNI, vni).put_u32(NDA_VNI, vni);
}

/// What a bridge does with one of its ports.
fn port(info: &mut Message, switches: &[(u16, Option<bool>)]) {
    info.put(IFLA_INFO_SLAVE_KIND, DeviceType::Bridge.as_str().as_bytes());
    info.nest(IFLA_INFO_SLAVE_DATA | NLA_F_NESTED, |data| {
        for (kind, on) in switches {
            if let Some(on) = on {
                data.put(*kind, &[u8::from(*on)]);
            }
        }
    });
}

fn set(index: u32, kind: Option<&SeenKind>, settings: &Settings) -> Message {
    let Settings {
        name,
        alias,
        group,
        mtu,
        mac,
        master,
        up,
        forward_ipv4,
        proxy_arp,
        hears_announcements,
        any_source,
        spanning_tree,
        forward_delay,
        local: source,
        learning,
        filter_vlans,
        bare_ports: bare,
        tunnel,
        isolated,
        learned,
        suppression,
        bond,
    } = settings;
    let on = up.map_or(0, |up| if up { IFF_UP } else { 0 });
    let mut message = link(RTM_NEWLINK, 0, index, on, up.map_or(0, |_| IFF_UP));
    if let Some(name) = name {
        message.put_text(IFLA_IFNAME, name);
    }
    if let Some(alias) = alias {
        message.put(IFLA_IFALIAS, alias.as_bytes());
    }
    if let Some(group) = group {
        message.put_u32(IFLA_GROUP, *group);
    }
    if let Some(mtu) = mtu {
        message.put_u32(IFLA_MTU, *mtu);
    }
    if let Some(mac) = mac {
        message.put(IFLA_ADDRESS, mac);
    }
    if let Some(master) = master {
        let index = match master {
            Master::Nobody => 0,
            Master::Device(index) => *index,
        };
        message.put_u32(IFLA_MASTER, index);
    }
    let ports = [
        (IFLA_BRPORT_ISOLATED, *isolated),
        (IFLA_BRPORT_LEARNING, *learned),
        (IFLA_BRPORT_NEIGH_SUPPRESS, *suppression),
        (IFLA_BRPORT_VLAN_TUNNEL, *tunnel),
    ];
    let as_port = ports.iter().any(|(_, on)| on.is_some());
    let as_bridge = spanning_tree.is_some()
        || forward_delay.is_some()
        || filter_vlans.is_some()
        || bare.is_some();
    let as_bond = *bond != BondSettings::default();
    let as_device = as_bridge || as_bond || source.is_some() || learning.is_some();
    if as_device || as_port {
        message.nest(IFLA_LINKINFO | NLA_F_NESTED, |info| {
            if as_port {
                port(info, &ports);
            }
            if !as_device {
                return;
            }
            let kind = match kind {
                Some(SeenKind::Vxlan { .. } | SeenKind::Bundle { .. }) => DeviceType::Vxlan,
                _ if as_bond => DeviceType::Bond,
                Some(_) | None => DeviceType::Bridge,
            };
            info.put(IFLA_INFO_KIND, kind.as_str().as_bytes());
            info.nest(IFLA_INFO_DATA | NLA_F_NESTED, |data| {
                if let Some(delay) = forward_delay {
                    data.put_u32(IFLA_BR_FORWARD_DELAY, *delay);
                }
                if let Some(on) = spanning_tree {
                    data.put_u32(IFLA_BR_STP_STATE, u32::from(*on));
                }
                super::bond::put(data, bond);
                if let Some(filter) = filter_vlans {
                    data.put(IFLA_BR_VLAN_FILTERING, &[u8::from(*filter)]);
                }
                if let Some(bare) = bare {
                    bare_ports(data, *bare);
                }
                if let Some(source) = source {
                    local(data, *source);
                }
                if let Some(learning) = learning {
                    data.put(IFLA_VXLAN_LEARNING, &[u8::from(*learning)]);
                }
            });
        });
    }
    let switches = [
        (IPV4_DEVCONF_FORWARDING, forward_ipv4),
        (IPV4_DEVCONF_PROXY_ARP, proxy_arp),
        (IPV4_DEVCONF_ARP_ACCEPT, hears_announcements),
    ];
    let switches = switches.map(|(switch, on)| (switch, on.map(u32::from)));
    // Nothing says when it is to be less.
    let unfiltered = any_source.filter(|on| *on).map(|_| RP_FILTER_OFF);
    let switches = switches
        .into_iter()
        .chain([(IPV4_DEVCONF_RP_FILTER, unfiltered)])
        .filter_map(|(switch, value)| Some((switch, value?)))
        .collect::<Vec<_>>();
    if !switches.is_empty() {
        message.nest(IFLA_AF_SPEC | NLA_F_NESTED, |families| {
            families.nest(u16::from(AF_INET) | NLA_F_NESTED, |inet| {
                inet.nest(IFLA_INET_CONF | NLA_F_NESTED, |conf| {
                    for (switch, value) in switches {
                        conf.put_u32(switch, value);
                    }
                });
            });
        });
    }
    message
}

fn property(kind: u16, index: u32, name: &str) -> Message {
    let flags = if kind == RTM_NEWLINKPROP {
        NLM_F_CREATE | NLM_F_APPEND | NLM_F_EXCL
    } else {
        0
    };
    let mut message = link(kind, flags, index, 0, 0);
    message.nest(IFLA_PROP_LIST | NLA_F_NESTED, |list| {
        list.put_text(IFLA_ALT_IFNAME, name);
    });
    message
}

fn address(kind: u16, flags: u16, index: u32, at: InterfaceAddress) -> Message {
    let mut fixed = [number(at.address()), at.length(), 0, 0, 0, 0, 0, 0];
    fixed[4..].copy_from_slice(&index.to_ne_bytes());
    let mut message = Message::new(kind, flags, &fixed);
    let octets = octets(at.address());
    message.put(IFA_LOCAL, &octets).put(IFA_ADDRESS, &octets);
    message
}

fn flood(kind: u16, flags: u16, index: u32, peer: IpAddr) -> Message {
    let mut fixed = [0; 12];
    fixed[0] = AF_BRIDGE;
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    fixed[8..10].copy_from_slice(&NUD_PERMANENT_NOARP.to_ne_bytes());
    fixed[10] = NTF_SELF;
    let mut message = Message::new(kind, flags, &fixed);
    message.put(NDA_LLADDR, &[0; 6]).put(NDA_DST, &octets(peer));
    message
}
