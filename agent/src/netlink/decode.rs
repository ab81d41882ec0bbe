//! From what a kernel says to what it means for the mirror.

use std::collections::BTreeSet;
use std::net::IpAddr;

use weft_model::plan::link::Vlans;
use weft_model::prefix::{Family, InterfaceAddress};
use weft_node::route::{DirectRoute, SeenRoute, Unreachable};
use weft_node::seen::{Ipv6, Port, SeenKind, SeenLink};

use super::address::{family, ip};
use super::bytes::{Received, attributes, read_text, read_u16, read_u32};
use super::kind;
use super::network::{self, Lane};
use super::number::{
    AF_BRIDGE, AF_INET, AF_INET6, AF_UNSPEC, ARPHRD_ETHER, DEVCONF_ACCEPT_DAD, DEVCONF_ACCEPT_RA,
    DEVCONF_ACCEPT_UNTRACKED_NA, DEVCONF_DISABLE_IPV6, DEVCONF_FORWARDING, IFA_ADDRESS, IFA_LOCAL,
    IFF_UP, IFLA_ADDRESS, IFLA_AF_SPEC, IFLA_ALT_IFNAME, IFLA_GROUP, IFLA_IFALIAS, IFLA_IFNAME,
    IFLA_INET_CONF, IFLA_INET6_CONF, IFLA_LINK, IFLA_LINK_NETNSID, IFLA_LINKINFO, IFLA_MASTER,
    IFLA_MTU, IFLA_PROP_LIST, IPV4_DEVCONF_ARP_ACCEPT, IPV4_DEVCONF_FORWARDING,
    IPV4_DEVCONF_PROXY_ARP, IPV4_DEVCONF_RP_FILTER, NDA_DST, NDA_LLADDR, NDA_SRC_VNI,
    NETCONFA_FORWARDING, NETCONFA_IFINDEX, NETCONFA_IFINDEX_ALL, NETCONFA_PROXY_NEIGH,
    NETCONFA_RP_FILTER, NLM_F_REPLACE, NTF_SELF, RP_FILTER_OFF, RTM_DELADDR, RTM_DELLINK,
    RTM_DELNEIGH, RTM_DELROUTE, RTM_DELTUNNEL, RTM_DELVLAN, RTM_NEWADDR, RTM_NEWLINK, RTM_NEWNEIGH,
    RTM_NEWNETCONF, RTM_NEWROUTE, RTM_NEWTUNNEL, RTM_NEWVLAN,
};
use super::route::{self, DefaultRoute, Route};

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A device is there, with these properties.
    Link(Box<SeenLink>),
    /// The VLANs of a bridge or port are these; of a port, also what the bridge does with it.
    Vlans {
        index: u32,
        vlans: Vlans,
        port: Option<Port>,
    },
    /// A device is gone.
    LinkGone(u32),
    /// An address is on a device.
    Address(u32, InterfaceAddress),
    /// An address is gone.
    AddressGone(u32, InterfaceAddress),
    /// A route of ours is there.
    Route(u32, DirectRoute),
    /// A route of ours is gone.
    RouteGone(u32, DirectRoute),
    /// A table drops what no other route of it is for, by a route of ours.
    Unreachable(Unreachable),
    /// It no longer does.
    UnreachableGone(Unreachable),
    /// A route with gateway or metric, of an administrator or ours, is there.
    Static(u32, SeenRoute),
    /// Such a route took the place of one.
    StaticInstead(u32, SeenRoute),
    /// Such a route is gone.
    StaticGone(u32, SeenRoute),
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
    /// A device does or does not answer ARP requests for what the host reaches elsewhere.
    ProxyArp(u32, bool),
    /// A device does or does not let IPv4 packets in by whichever device the way back leads.
    AnySource(u32, bool),
    /// The host's own forwarding changed.
    HostForwarding,
}

/// What a message says; `None` where it is none of our business.
pub(crate) fn event(message: &Received<'_>) -> Option<Event> {
    let bytes = message.payload;
    match message.kind {
        RTM_NEWLINK => match bytes.first() {
            Some(&AF_UNSPEC) => link(bytes).map(|link| Event::Link(Box::new(link))),
            _ => super::vlan::read(bytes).map(|(index, vlans)| Event::Vlans {
                index,
                vlans,
                port: super::vlan::port(bytes),
            }),
        },
        RTM_DELLINK if bytes.first() == Some(&AF_UNSPEC) => read_u32(bytes, 4).map(Event::LinkGone),
        RTM_NEWADDR => address(bytes).map(|(index, at)| Event::Address(index, at)),
        RTM_DELADDR => address(bytes).map(|(index, at)| Event::AddressGone(index, at)),
        RTM_NEWROUTE => match route::read(bytes)? {
            Route::Ours(index, to) => Some(Event::Route(index, to)),
            Route::Unreachable(route) => Some(Event::Unreachable(route)),
            Route::Static(index, route) if message.flags & NLM_F_REPLACE != 0 => {
                Some(Event::StaticInstead(index, route))
            }
            Route::Static(index, route) => Some(Event::Static(index, route)),
            Route::Default(route) if message.flags & NLM_F_REPLACE != 0 => {
                Some(Event::DefaultInstead(route))
            }
            Route::Default(route) => Some(Event::Default(route)),
        },
        RTM_DELROUTE => match route::read(bytes)? {
            Route::Ours(index, to) => Some(Event::RouteGone(index, to)),
            Route::Unreachable(route) => Some(Event::UnreachableGone(route)),
            Route::Static(index, route) => Some(Event::StaticGone(index, route)),
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
            IFLA_LINKINFO => kind::info(value, &mut link),
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

fn switches(families: &[u8], link: &mut SeenLink) {
    let number = |conf: &[u8], at: usize| read_u32(conf, at * 4).map(|value| value != 0);
    for (family, value) in attributes(families, 0) {
        for (kind, conf) in attributes(value, 0) {
            match (u8::try_from(family), kind) {
                (Ok(AF_INET), IFLA_INET_CONF) => {
                    let at = |switch: u16| usize::from(switch - 1);
                    link.forward_ipv4 = number(conf, at(IPV4_DEVCONF_FORWARDING));
                    link.proxy_arp = number(conf, at(IPV4_DEVCONF_PROXY_ARP));
                    link.hears_announcements = number(conf, at(IPV4_DEVCONF_ARP_ACCEPT));
                    link.any_source = read_u32(conf, at(IPV4_DEVCONF_RP_FILTER) * 4)
                        .map(|value| value == RP_FILTER_OFF);
                }
                (Ok(AF_INET6), IFLA_INET6_CONF) => {
                    link.ipv6 = Some(Ipv6 {
                        disabled: number(conf, DEVCONF_DISABLE_IPV6),
                        forwarding: number(conf, DEVCONF_FORWARDING),
                        accept_ra: number(conf, DEVCONF_ACCEPT_RA),
                        accept_dad: number(conf, DEVCONF_ACCEPT_DAD),
                        accept_untracked: number(conf, DEVCONF_ACCEPT_UNTRACKED_NA),
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
    let at = InterfaceAddress::new(at, *bytes.get(1)?)?;
    if is_kernels_own(at) {
        return None;
    }
    Some((read_u32(bytes, 4)?, at))
}

/// A kernel gives itself these, and a plan has no say in them: those of a plan have another length.
fn is_kernels_own(at: InterfaceAddress) -> bool {
    match at.address() {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local() && at.length() == 64,
    }
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
    let (mut index, mut on, mut proxy, mut source) = (None, None, None, None);
    for (kind, value) in attributes(bytes, 1) {
        match kind {
            NETCONFA_IFINDEX => index = read_u32(value, 0),
            NETCONFA_FORWARDING => on = read_u32(value, 0),
            NETCONFA_PROXY_NEIGH => proxy = read_u32(value, 0),
            NETCONFA_RP_FILTER => source = read_u32(value, 0),
            _ => {}
        }
    }
    let index = index?;
    match (on, proxy) {
        (Some(_), _) if index == NETCONFA_IFINDEX_ALL => Some(Event::HostForwarding),
        (Some(on), _) => Some(Event::Forwarding(index, family, on != 0)),
        (None, Some(proxy)) if family == Family::Ipv4 => Some(Event::ProxyArp(index, proxy != 0)),
        (None, _) => source.map(|it| Event::AnySource(index, it == RP_FILTER_OFF)),
    }
}
