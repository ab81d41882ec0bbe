//! From what a kernel says to what it means for the mirror.

use std::collections::BTreeSet;
use std::net::IpAddr;

use weft_model::plan::link::Vlans;
use weft_model::prefix::{Family, InterfaceAddress, Prefix};
use weft_model::vlan::VlanProtocol;
use weft_node::own::ROUTE_PROTOCOL;
use weft_node::seen::{Ipv6, SeenKind, SeenLink, SeenVlan, Tunnel};

use super::bytes::{Received, attributes, read_text, read_u16, read_u32};
use super::network::{self, Lane};
use super::number::{
    AF_BRIDGE, AF_INET, AF_INET6, AF_UNSPEC, ARPHRD_ETHER, DEVCONF_ACCEPT_DAD, DEVCONF_ACCEPT_RA,
    DEVCONF_DISABLE_IPV6, DEVCONF_FORWARDING, ETH_P_8021AD, IFA_ADDRESS, IFA_LOCAL, IFF_UP,
    IFLA_ADDRESS, IFLA_AF_SPEC, IFLA_ALT_IFNAME, IFLA_BR_FORWARD_DELAY, IFLA_BR_STP_STATE,
    IFLA_BR_VLAN_DEFAULT_PVID, IFLA_BR_VLAN_FILTERING, IFLA_BR_VLAN_PROTOCOL, IFLA_BRPORT_ISOLATED,
    IFLA_BRPORT_LEARNING, IFLA_BRPORT_VLAN_TUNNEL, IFLA_GROUP, IFLA_IFALIAS, IFLA_IFNAME,
    IFLA_INET_CONF, IFLA_INET6_CONF, IFLA_INFO_DATA, IFLA_INFO_KIND, IFLA_INFO_SLAVE_DATA,
    IFLA_INFO_SLAVE_KIND, IFLA_LINK, IFLA_LINK_NETNSID, IFLA_LINKINFO, IFLA_MASTER, IFLA_MTU,
    IFLA_PROP_LIST, IFLA_VLAN_ID, IFLA_VLAN_PROTOCOL, IFLA_VXLAN_COLLECT_METADATA,
    IFLA_VXLAN_GROUP6, IFLA_VXLAN_ID, IFLA_VXLAN_LEARNING, IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6,
    IFLA_VXLAN_PORT, IFLA_VXLAN_VNIFILTER, NDA_DST, NDA_LLADDR, NDA_SRC_VNI, NETCONFA_FORWARDING,
    NETCONFA_IFINDEX, NETCONFA_IFINDEX_ALL, NLM_F_REPLACE, NTF_SELF, RT_TABLE_MAIN, RTA_DST,
    RTA_MULTIPATH, RTA_OIF, RTA_PRIORITY, RTM_DELADDR, RTM_DELLINK, RTM_DELNEIGH, RTM_DELROUTE,
    RTM_DELTUNNEL, RTM_DELVLAN, RTM_NEWADDR, RTM_NEWLINK, RTM_NEWNEIGH, RTM_NEWNETCONF,
    RTM_NEWROUTE, RTM_NEWTUNNEL, RTM_NEWVLAN,
};

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A device is there, with these properties.
    Link(Box<SeenLink>),
    /// The VLANs of a bridge or port are these.
    Vlans(u32, Vlans),
    /// A device is gone.
    LinkGone(u32),
    /// An address is on a device.
    Address(u32, InterfaceAddress),
    /// An address is gone.
    AddressGone(u32, InterfaceAddress),
    /// A route of ours is there.
    Route(u32, Prefix),
    /// A route of ours is gone.
    RouteGone(u32, Prefix),
    /// There is a default route.
    Default(DefaultRoute),
    /// A default route took the place of one that is equal but for the device.
    DefaultInstead(DefaultRoute),
    /// A default route is gone.
    DefaultGone(DefaultRoute),
    /// A VXLAN device floods to an address.
    Flood(u32, IpAddr),
    /// A VXLAN device floods a network of many to an address.
    Peer(u32, u32, IpAddr),
    /// It no longer does.
    PeerGone(u32, u32, IpAddr),
    /// A VXLAN device for many networks receives for these too.
    Networks(u32, BTreeSet<u32>),
    /// It no longer does.
    NetworksGone(u32, BTreeSet<u32>),
    /// A bridge or port has these VLANs.
    Lanes(u32, Vec<Lane>),
    /// It has these no longer.
    LanesGone(u32, Vec<Lane>),
    /// A VXLAN device no longer floods to an address.
    FloodGone(u32, IpAddr),
    /// A device does or does not forward packets of a family.
    Forwarding(u32, Family, bool),
    /// The host's own forwarding changed.
    HostForwarding,
}

/// A default route; the least comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DefaultRoute {
    pub family: Family,
    pub metric: u32,
    pub index: u32,
}

/// What a message says; `None` where it is none of our business.
pub(crate) fn event(message: &Received<'_>) -> Option<Event> {
    let bytes = message.payload;
    match message.kind {
        RTM_NEWLINK => match bytes.first() {
            Some(&AF_UNSPEC) => link(bytes).map(|link| Event::Link(Box::new(link))),
            _ => super::vlan::read(bytes).map(|(index, vlans)| Event::Vlans(index, vlans)),
        },
        RTM_DELLINK if bytes.first() == Some(&AF_UNSPEC) => read_u32(bytes, 4).map(Event::LinkGone),
        RTM_NEWADDR => address(bytes).map(|(index, at)| Event::Address(index, at)),
        RTM_DELADDR => address(bytes).map(|(index, at)| Event::AddressGone(index, at)),
        RTM_NEWROUTE => match route(bytes)? {
            Route::Ours(index, to) => Some(Event::Route(index, to)),
            Route::Default(route) if message.flags & NLM_F_REPLACE != 0 => {
                Some(Event::DefaultInstead(route))
            }
            Route::Default(route) => Some(Event::Default(route)),
        },
        RTM_DELROUTE => match route(bytes)? {
            Route::Ours(index, to) => Some(Event::RouteGone(index, to)),
            Route::Default(route) => Some(Event::DefaultGone(route)),
        },
        RTM_NEWNEIGH => flood(bytes).map(|(index, vni, peer)| match vni {
            None => Event::Flood(index, peer),
            Some(vni) => Event::Peer(index, vni, peer),
        }),
        RTM_DELNEIGH => flood(bytes).map(|(index, vni, peer)| match vni {
            None => Event::FloodGone(index, peer),
            Some(vni) => Event::PeerGone(index, vni, peer),
        }),
        RTM_NEWTUNNEL => network::read(bytes).map(|(index, vnis)| Event::Networks(index, vnis)),
        RTM_DELTUNNEL => network::read(bytes).map(|(index, vnis)| Event::NetworksGone(index, vnis)),
        RTM_NEWVLAN => network::lanes(bytes).map(|(index, lanes)| Event::Lanes(index, lanes)),
        RTM_DELVLAN => network::lanes(bytes).map(|(index, lanes)| Event::LanesGone(index, lanes)),
        RTM_NEWNETCONF => forwarding(bytes),
        _ => None,
    }
}

fn family(number: u8) -> Option<Family> {
    match number {
        AF_INET => Some(Family::Ipv4),
        AF_INET6 => Some(Family::Ipv6),
        _ => None,
    }
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(octets.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

/// A device.
fn link(bytes: &[u8]) -> Option<SeenLink> {
    // A device of the machine has no kind.
    let kind = match read_u16(bytes, 2)? {
        ARPHRD_ETHER => SeenKind::Uplink,
        _ => SeenKind::Other,
    };
    let mut link = SeenLink::new(read_u32(bytes, 4)?, "", kind);
    link.up = read_u32(bytes, 8)? & IFF_UP != 0;
    let (mut other, mut is_elsewhere) = (0, false);
    for (kind, value) in attributes(bytes, 16) {
        match kind {
            IFLA_IFNAME => link.name = read_text(value),
            IFLA_ADDRESS => link.mac = value.try_into().ok(),
            IFLA_MTU => link.mtu = read_u32(value, 0)?,
            IFLA_MASTER => link.master = read_u32(value, 0).filter(|master| *master != 0),
            IFLA_GROUP => link.group = read_u32(value, 0)?,
            IFLA_IFALIAS => link.alias = Some(read_text(value)),
            IFLA_LINKINFO => info(value, &mut link),
            IFLA_LINK => other = read_u32(value, 0)?,
            IFLA_LINK_NETNSID => is_elsewhere = true,
            IFLA_AF_SPEC => switches(value, &mut link),
            IFLA_PROP_LIST => {
                link.alternative_names = attributes(value, 0)
                    .filter(|(kind, _)| *kind == IFLA_ALT_IFNAME)
                    .map(|(_, name)| read_text(name))
                    .collect();
            }
            _ => {}
        }
    }
    match &mut link.kind {
        SeenKind::Vlan(vlan) => vlan.parent = other,
        SeenKind::Veth { peer } => *peer = Some(other).filter(|_| !is_elsewhere),
        _ => {}
    }
    Some(link)
}

/// What a device is, and what its bridge does with it as a port.
fn info(info: &[u8], link: &mut SeenLink) {
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
        Some(b"bond" | b"team") => SeenKind::Uplink,
        // Only what is said of it as a port.
        Some(b"") => link.kind.clone(),
        _ => SeenKind::Other,
    };
    if word(port_of).as_deref() == Some(b"bridge") {
        for (kind, value) in attributes(port, 0) {
            match kind {
                IFLA_BRPORT_ISOLATED => link.port.isolated = value.first() == Some(&1),
                IFLA_BRPORT_LEARNING => link.port.learning = value.first() == Some(&1),
                IFLA_BRPORT_VLAN_TUNNEL => link.port.tunnel = value.first() == Some(&1),
                _ => {}
            }
        }
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

fn switches(families: &[u8], link: &mut SeenLink) {
    let number = |conf: &[u8], at: usize| read_u32(conf, at * 4).map(|value| value != 0);
    for (family, value) in attributes(families, 0) {
        for (kind, conf) in attributes(value, 0) {
            match (u8::try_from(family), kind) {
                (Ok(AF_INET), IFLA_INET_CONF) => link.forward_ipv4 = number(conf, 0),
                (Ok(AF_INET6), IFLA_INET6_CONF) => {
                    link.ipv6 = Some(Ipv6 {
                        disabled: number(conf, DEVCONF_DISABLE_IPV6),
                        forwarding: number(conf, DEVCONF_FORWARDING),
                        accept_ra: number(conf, DEVCONF_ACCEPT_RA),
                        accept_dad: number(conf, DEVCONF_ACCEPT_DAD),
                    });
                }
                _ => {}
            }
        }
    }
}

fn address(bytes: &[u8]) -> Option<(u32, InterfaceAddress)> {
    family(*bytes.first()?)?;
    let (mut local, mut address) = (None, None);
    for (kind, value) in attributes(bytes, 8) {
        match kind {
            IFA_LOCAL => local = ip(value),
            IFA_ADDRESS => address = ip(value),
            _ => {}
        }
    }
    let at = local.or(address)?;
    if is_link_local_ipv6(at) {
        return None;
    }
    let at = InterfaceAddress::new(at, *bytes.get(1)?)?;
    Some((read_u32(bytes, 4)?, at))
}

/// A kernel gives itself these, and a plan has no say in them.
fn is_link_local_ipv6(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

enum Route {
    Ours(u32, Prefix),
    Default(DefaultRoute),
}

fn route(bytes: &[u8]) -> Option<Route> {
    let family = family(*bytes.first()?)?;
    let (length, table, protocol) = (*bytes.get(1)?, *bytes.get(4)?, *bytes.get(5)?);
    if table != RT_TABLE_MAIN || (protocol != ROUTE_PROTOCOL && length != 0) {
        return None;
    }
    let (mut to, mut index, mut metric) = (None, None, 0);
    for (kind, value) in attributes(bytes, 12) {
        match kind {
            RTA_DST => to = ip(value),
            RTA_OIF => index = read_u32(value, 0),
            RTA_PRIORITY => metric = read_u32(value, 0).unwrap_or_default(),
            // struct rtnexthop: length, flags, hops, device.
            RTA_MULTIPATH => index = index.or(read_u32(value, 4)),
            _ => {}
        }
    }
    let index = index?;
    if protocol == ROUTE_PROTOCOL && length != 0 {
        let net: InterfaceAddress = InterfaceAddress::new(to?, length)?;
        return net
            .to_string()
            .parse()
            .ok()
            .map(|to| Route::Ours(index, to));
    }
    (length == 0).then_some(Route::Default(DefaultRoute {
        family,
        metric,
        index,
    }))
}

fn flood(bytes: &[u8]) -> Option<(u32, Option<u32>, IpAddr)> {
    if bytes.first() != Some(&AF_BRIDGE) || bytes.get(10)? & NTF_SELF == 0 {
        return None;
    }
    let (mut is_flood, mut peer, mut vni) = (false, None, None);
    for (kind, value) in attributes(bytes, 12) {
        match kind {
            NDA_LLADDR => is_flood = value == [0; 6],
            NDA_DST => peer = ip(value),
            NDA_SRC_VNI => vni = read_u32(value, 0),
            _ => {}
        }
    }
    is_flood.then_some((read_u32(bytes, 4)?, vni, peer?))
}

fn forwarding(bytes: &[u8]) -> Option<Event> {
    let family = family(*bytes.first()?)?;
    let (mut index, mut on) = (None, None);
    for (kind, value) in attributes(bytes, 1) {
        match kind {
            NETCONFA_IFINDEX => index = read_u32(value, 0),
            NETCONFA_FORWARDING => on = read_u32(value, 0),
            _ => {}
        }
    }
    let on = on?;
    if index? == NETCONFA_IFINDEX_ALL {
        return Some(Event::HostForwarding);
    }
    Some(Event::Forwarding(index?, family, on != 0))
}
