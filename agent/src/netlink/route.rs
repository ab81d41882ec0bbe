//! Routes, as messages write and say them.

use std::net::IpAddr;

use weft_model::prefix::{Family, InterfaceAddress, Prefix};
use weft_node::own::ROUTE_PROTOCOL;
use weft_node::route::{SeenRoute, default_metric};

use super::address::{family, ip, number, octets};
use super::bytes::{Message, attributes, read_u32};
use super::number::{
    RT_SCOPE_LINK, RT_SCOPE_UNIVERSE, RT_TABLE_MAIN, RTA_DST, RTA_GATEWAY, RTA_MULTIPATH, RTA_OIF,
    RTA_PREFSRC, RTA_PRIORITY, RTN_UNICAST, RTPROT_BOOT, RTPROT_DHCP, RTPROT_STATIC,
};

/// A default route; the least comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DefaultRoute {
    pub family: Family,
    pub metric: u32,
    pub index: u32,
}

/// What a message says of a route.
pub(super) enum Route {
    /// One of ours that leads straight to its network.
    Ours(u32, Prefix),
    /// One of an administrator, or of ours with gateway or metric.
    Static(u32, SeenRoute),
    /// Any other for all that no other is for.
    Default(DefaultRoute),
}

/// Whether a route was made by an administrator, or by us: there are few of them. Those of daemons
/// may be a million.
fn is_few(protocol: u8) -> bool {
    matches!(
        protocol,
        ROUTE_PROTOCOL | RTPROT_BOOT | RTPROT_STATIC | RTPROT_DHCP
    )
}

/// The route that a message is about; `None` where it is none of our business.
pub(super) fn read(bytes: &[u8]) -> Option<Route> {
    let family = family(*bytes.first()?)?;
    let (length, table, protocol) = (*bytes.get(1)?, *bytes.get(4)?, *bytes.get(5)?);
    let is_unicast = *bytes.get(7)? == RTN_UNICAST;
    if table != RT_TABLE_MAIN || (length != 0 && !is_few(protocol)) {
        return None;
    }
    let (mut to, mut index, mut metric) = (None, None, 0);
    let (mut via, mut source, mut is_one) = (None, None, true);
    for (kind, value) in attributes(bytes, 12) {
        match kind {
            RTA_DST => to = ip(value),
            RTA_OIF => index = read_u32(value, 0),
            RTA_GATEWAY => via = ip(value),
            RTA_PREFSRC => source = ip(value),
            RTA_PRIORITY => metric = read_u32(value, 0).unwrap_or_default(),
            // struct rtnexthop: length, flags, hops, device.
            RTA_MULTIPATH => {
                index = index.or(read_u32(value, 4));
                is_one = false;
            }
            _ => {}
        }
    }
    let index = index?;
    if is_one && is_unicast && is_few(protocol) {
        let zero: IpAddr = match family {
            Family::Ipv4 => std::net::Ipv4Addr::UNSPECIFIED.into(),
            Family::Ipv6 => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        let to = InterfaceAddress::new(to.unwrap_or(zero), length)?.network();
        let is_direct = via.is_none() && metric == default_metric(family) && length != 0;
        if protocol == ROUTE_PROTOCOL && is_direct {
            return Some(Route::Ours(index, to));
        }
        return Some(Route::Static(
            index,
            SeenRoute {
                to,
                metric,
                via,
                source,
                protocol,
            },
        ));
    }
    (length == 0).then_some(Route::Default(DefaultRoute {
        family,
        metric,
        index,
    }))
}

/// The message about one of ours that leads straight to its network.
pub(super) fn direct(kind: u16, flags: u16, index: u32, to: Prefix) -> Message {
    let scope = match to.family() {
        Family::Ipv4 => RT_SCOPE_LINK,
        Family::Ipv6 => RT_SCOPE_UNIVERSE,
    };
    let mut fixed = [0; 12];
    fixed[..8].copy_from_slice(&[
        number(to.address()),
        to.length(),
        0,
        0,
        RT_TABLE_MAIN,
        ROUTE_PROTOCOL,
        scope,
        RTN_UNICAST,
    ]);
    let mut message = Message::new(kind, flags, &fixed);
    message
        .put(RTA_DST, &octets(to.address()))
        .put_u32(RTA_OIF, index);
    message
}

/// The message about one with gateway or metric.
pub(super) fn by_gateway(kind: u16, flags: u16, index: u32, at: &SeenRoute) -> Message {
    let scope = match (at.to.family(), at.via) {
        (Family::Ipv4, None) => RT_SCOPE_LINK,
        (_, _) => RT_SCOPE_UNIVERSE,
    };
    let mut fixed = [0; 12];
    fixed[..8].copy_from_slice(&[
        number(at.to.address()),
        at.to.length(),
        0,
        0,
        RT_TABLE_MAIN,
        at.protocol,
        scope,
        RTN_UNICAST,
    ]);
    let mut message = Message::new(kind, flags, &fixed);
    if at.to.length() > 0 {
        message.put(RTA_DST, &octets(at.to.address()));
    }
    if let Some(via) = at.via {
        message.put(RTA_GATEWAY, &octets(via));
    }
    if let Some(source) = at.source {
        message.put(RTA_PREFSRC, &octets(source));
    }
    message
        .put_u32(RTA_PRIORITY, at.metric)
        .put_u32(RTA_OIF, index);
    message
}
