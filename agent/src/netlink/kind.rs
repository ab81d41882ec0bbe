//! What a device is, and what its bridge does with it as a port, as messages write and say it.

use std::net::IpAddr;

use weft_model::facts::DeviceType;
use weft_model::plan::link::LinkKind;
use weft_model::prefix::Family;
use weft_model::vlan::VlanProtocol;
use weft_node::seen::{Port, SeenKind, SeenLink, SeenVlan, Tunnel};
use weft_node::settings::BondSettings;

use super::address::ip;
use super::bytes::{Message, attributes, read_u16, read_u32};
use super::number::{
    ETH_P_8021AD, ETH_P_8021Q, IFLA_BR_FORWARD_DELAY, IFLA_BR_STP_STATE, IFLA_BR_VLAN_DEFAULT_PVID,
    IFLA_BR_VLAN_FILTERING, IFLA_BR_VLAN_PROTOCOL, IFLA_BRPORT_ISOLATED, IFLA_BRPORT_LEARNING,
    IFLA_BRPORT_NEIGH_SUPPRESS, IFLA_BRPORT_VLAN_TUNNEL, IFLA_INFO_DATA, IFLA_INFO_KIND,
    IFLA_INFO_SLAVE_DATA, IFLA_INFO_SLAVE_KIND, IFLA_LINK, IFLA_LINKINFO, IFLA_VLAN_ID,
    IFLA_VLAN_PROTOCOL, IFLA_VRF_TABLE, IFLA_VXLAN_COLLECT_METADATA, IFLA_VXLAN_GROUP6,
    IFLA_VXLAN_ID, IFLA_VXLAN_LEARNING, IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6, IFLA_VXLAN_PORT,
    IFLA_VXLAN_VNIFILTER, NLA_F_NESTED, VETH_INFO_PEER,
};

/// What the device is; `other` is the device that a VLAN is one of, or the number that the other end
/// of a pair gets.
pub(super) fn create(message: &mut Message, kind: &LinkKind, other: Option<u32>) {
    if let (LinkKind::Vlan(_), Some(parent)) = (kind, other) {
        message.put_u32(IFLA_LINK, parent);
    }
    message.nest(IFLA_LINKINFO | NLA_F_NESTED, |info| {
        info.put(
            IFLA_INFO_KIND,
            kind.device_type().map_or("", word).as_bytes(),
        );
        info.nest(IFLA_INFO_DATA | NLA_F_NESTED, |data| match kind {
            LinkKind::Bridge(bridge) => {
                let delay = u32::from(bridge.forward_delay) * 100;
                data.put_u32(IFLA_BR_FORWARD_DELAY, delay)
                    .put_u32(IFLA_BR_STP_STATE, u32::from(bridge.spanning_tree));
                if bridge.vlan_aware {
                    data.put(IFLA_BR_VLAN_FILTERING, &[1]);
                }
                if bridge.bare_ports {
                    bare_ports(data, true);
                }
            }
            LinkKind::Bundle(bundle) => {
                many_networks(data);
                data.put(IFLA_VXLAN_PORT, &bundle.port.get().to_be_bytes())
                    .put(IFLA_VXLAN_LEARNING, &[u8::from(bundle.learning)]);
                local(data, bundle.local);
            }
            LinkKind::Vlan(vlan) => {
                let protocol = match vlan.protocol {
                    VlanProtocol::Dot1q => ETH_P_8021Q,
                    VlanProtocol::Dot1ad => ETH_P_8021AD,
                };
                data.put(IFLA_VLAN_ID, &vlan.id.get().to_ne_bytes())
                    .put(IFLA_VLAN_PROTOCOL, &protocol.to_be_bytes());
            }
            // Only its switch can make it.
            LinkKind::Switched(_) => {}
            LinkKind::Veth { peer } => {
                data.nest(VETH_INFO_PEER | NLA_F_NESTED, |end| {
                    // struct ifinfomsg, of which only the number counts.
                    let mut fixed = [0; 16];
                    fixed[4..8].copy_from_slice(&other.unwrap_or(0).to_ne_bytes());
                    end.put_fixed(&fixed);
                    super::encode::named(end, peer.as_str());
                });
            }
            LinkKind::Vxlan(vxlan) => {
                data.put_u32(IFLA_VXLAN_ID, vxlan.vni.get())
                    .put(IFLA_VXLAN_PORT, &vxlan.port.get().to_be_bytes())
                    .put(IFLA_VXLAN_LEARNING, &[u8::from(vxlan.learning)]);
                local(data, vxlan.local);
            }
            LinkKind::Bond(bond) => super::bond::put(
                data,
                &BondSettings {
                    mode: Some(bond.mode),
                    miimon: Some(bond.miimon.get()),
                    lacp_rate: bond.lacp_rate.filter(|_| bond.mode.has_lacp()),
                    xmit_hash_policy: bond.xmit_hash_policy,
                    primary: None,
                },
            ),
            LinkKind::Vrf(vrf) => {
                data.put_u32(IFLA_VRF_TABLE, vrf.table);
            }
            LinkKind::Dummy | LinkKind::Physical => {}
        });
    });
}

/// The type as the kernel calls it.
pub(super) fn word(kind: DeviceType) -> &'static str {
    match kind {
        DeviceType::Bundle => DeviceType::Vxlan.as_str(),
        other => other.as_str(),
    }
}

/// Makes a VXLAN device one for many networks, of which it has a list.
fn many_networks(data: &mut Message) {
    data.put(IFLA_VXLAN_COLLECT_METADATA, &[1])
        .put(IFLA_VXLAN_VNIFILTER, &[1]);
}

/// The VLAN of a new port: 0 for none.
pub(super) fn bare_ports(data: &mut Message, bare: bool) {
    data.put(IFLA_BR_VLAN_DEFAULT_PVID, &u16::from(!bare).to_ne_bytes());
}

pub(super) fn local(data: &mut Message, local: IpAddr) {
    match local {
        IpAddr::V4(local) => data.put(IFLA_VXLAN_LOCAL, &local.octets()),
        IpAddr::V6(local) => data.put(IFLA_VXLAN_LOCAL6, &local.octets()),
    };
}

/// What a device is, and what its bridge does with it as a port.
pub(super) fn info(info: &[u8], link: &mut SeenLink) {
    let (mut name, mut data): (&[u8], &[u8]) = (&[], &[]);
    let (mut port_of, mut port): (&[u8], &[u8]) = (&[], &[]);
    for (kind, value) in attributes(info, 0) {
        match kind {
            IFLA_INFO_KIND => name = value,
            IFLA_INFO_DATA => data = value,
            IFLA_INFO_SLAVE_KIND => port_of = value,
            IFLA_INFO_SLAVE_DATA => port = value,
            _ => {}
        }
    }
    let word = |name: &[u8]| name.split(|byte| *byte == 0).next().map(<[u8]>::to_vec);
    link.kind = match word(name).as_deref() {
        Some(b"bridge") => bridge(data),
        Some(b"vxlan") => vxlan(data),
        Some(b"vlan") => vlan(data),
        Some(b"veth") => SeenKind::Veth { peer: None },
        Some(b"bond") => SeenKind::Bond(super::bond::read(data)),
        Some(b"vrf") => vrf(data),
        Some(b"dummy") => SeenKind::Dummy,
        Some(b"team") => SeenKind::Uplink,
        // Only what is said of it as a port.
        Some(b"") => link.kind.clone(),
        _ => SeenKind::Other,
    };
    if word(port_of).as_deref() == Some(b"bridge") {
        link.port = as_port(port);
    }
}

/// What a bridge does with a port, as it says itself.
pub(super) fn as_port(data: &[u8]) -> Port {
    let mut port = Port::default();
    for (kind, value) in attributes(data, 0) {
        let on = value.first() == Some(&1);
        match kind {
            IFLA_BRPORT_ISOLATED => port.isolated = on,
            IFLA_BRPORT_LEARNING => port.learning = on,
            IFLA_BRPORT_NEIGH_SUPPRESS => port.suppression = on,
            IFLA_BRPORT_VLAN_TUNNEL => port.tunnel = on,
            _ => {}
        }
    }
    port
}

fn vrf(data: &[u8]) -> SeenKind {
    let mut all = attributes(data, 0);
    let table = all.find(|(kind, _)| *kind == IFLA_VRF_TABLE);
    SeenKind::Vrf {
        table: table.and_then(|(_, value)| read_u32(value, 0)).unwrap_or(0),
    }
}

fn protocol(bytes: &[u8]) -> VlanProtocol {
    match read_u16(bytes, 0).map(u16::from_be) {
        Some(ETH_P_8021AD) => VlanProtocol::Dot1ad,
        _ => VlanProtocol::Dot1q,
    }
}

fn vlan(data: &[u8]) -> SeenKind {
    let mut vlan = SeenVlan {
        parent: 0,
        id: 0,
        protocol: VlanProtocol::Dot1q,
    };
    for (kind, value) in attributes(data, 0) {
        match kind {
            IFLA_VLAN_ID => vlan.id = read_u16(value, 0).unwrap_or_default(),
            IFLA_VLAN_PROTOCOL => vlan.protocol = protocol(value),
            _ => {}
        }
    }
    SeenKind::Vlan(vlan)
}

fn bridge(data: &[u8]) -> SeenKind {
    let (mut spanning_tree, mut delay) = (false, 0);
    let (mut filters, mut by) = (false, VlanProtocol::Dot1q);
    let mut of_a_new_port = None;
    for (kind, value) in attributes(data, 0) {
        match kind {
            IFLA_BR_STP_STATE => spanning_tree = read_u32(value, 0) != Some(0),
            IFLA_BR_FORWARD_DELAY => delay = read_u32(value, 0).unwrap_or_default(),
            IFLA_BR_VLAN_FILTERING => filters = value.first() == Some(&1),
            IFLA_BR_VLAN_PROTOCOL => by = protocol(value),
            IFLA_BR_VLAN_DEFAULT_PVID => of_a_new_port = read_u16(value, 0),
            _ => {}
        }
    }
    SeenKind::Bridge {
        spanning_tree,
        forward_delay: delay,
        vlans: filters.then_some(by),
        bare_ports: of_a_new_port == Some(0),
    }
}

fn vxlan(data: &[u8]) -> SeenKind {
    let mut tunnel = Tunnel {
        vni: 0,
        port: 0,
        family: Family::Ipv4,
    };
    let (mut local, mut learning) = (None, false);
    let (mut by_metadata, mut has_list) = (false, false);
    for (kind, value) in attributes(data, 0) {
        match kind {
            IFLA_VXLAN_ID => tunnel.vni = read_u32(value, 0).unwrap_or_default(),
            IFLA_VXLAN_PORT => tunnel.port = read_u16(value, 0).map_or(0, u16::from_be),
            IFLA_VXLAN_LEARNING => learning = value.first() == Some(&1),
            IFLA_VXLAN_LOCAL => local = ip(value),
            IFLA_VXLAN_LOCAL6 => {
                local = ip(value);
                tunnel.family = Family::Ipv6;
            }
            IFLA_VXLAN_COLLECT_METADATA => by_metadata = value.first() == Some(&1),
            IFLA_VXLAN_VNIFILTER => has_list = value.first() == Some(&1),
            IFLA_VXLAN_GROUP6 => tunnel.family = Family::Ipv6,
            _ => {}
        }
    }
    if by_metadata && has_list {
        return SeenKind::Bundle {
            port: tunnel.port,
            family: tunnel.family,
            local,
            learning,
        };
    }
    SeenKind::Vxlan {
        tunnel,
        local,
        learning,
    }
}
