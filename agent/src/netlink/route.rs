//! Routes, as messages write and say them.

use std::net::IpAddr;

use weft_model::prefix::{Family, InterfaceAddress};
use weft_node::own::ROUTE_PROTOCOL;
use weft_node::route::{
    DirectRoute, LAST_METRIC, MAIN_TABLE, SeenRoute, Unreachable, default_metric,
};

use super::address::{family, ip, number, octets};
use super::bytes::{Message, attributes, read_u32};
use super::number::{
    AF_INET, AF_INET6, RT_SCOPE_LINK, RT_SCOPE_UNIVERSE, RT_TABLE_MAIN, RT_TABLE_UNSPEC, RTA_DST,
    RTA_GATEWAY, RTA_MULTIPATH, RTA_OIF, RTA_PREFSRC, RTA_PRIORITY, RTA_TABLE, RTN_UNICAST,
    RTN_UNREACHABLE, RTPROT_BOOT, RTPROT_DHCP, RTPROT_STATIC,
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
    Ours(u32, DirectRoute),
    /// One of ours by which a table drops what no other route of it is for.
    Unreachable(Unreachable),
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
    let kind = *bytes.get(7)?;
    let is_unicast = kind == RTN_UNICAST;
    let is_ours = protocol == ROUTE_PROTOCOL;
    if (table != RT_TABLE_MAIN && !is_ours) || (length != 0 && !is_few(protocol)) {
        return None;
    }
    let mut table = u32::from(table);
    let (mut to, mut index, mut metric) = (None, None, 0);
    let (mut via, mut source, mut is_one) = (None, None, true);
    for (kind, value) in attributes(bytes, 12) {
        match kind {
            RTA_DST => to = ip(value),
            RTA_OIF => index = read_u32(value, 0),
            RTA_GATEWAY => via = ip(value),
            RTA_PREFSRC => source = ip(value),
            RTA_TABLE => table = read_u32(value, 0).unwrap_or(table),
            RTA_PRIORITY => metric = read_u32(value, 0).unwrap_or_default(),
            // struct rtnexthop: length, flags, hops, device.
            RTA_MULTIPATH => {
                index = index.or(read_u32(value, 4));
                is_one = false;
            }
            _ => {}
        }
    }
    if is_ours && kind == RTN_UNREACHABLE {
        let is_default = length == 0 && metric == LAST_METRIC;
        return is_default.then_some(Route::Unreachable(Unreachable { table, family }));
    }
    let index = index?;
    if is_one && is_unicast && is_few(protocol) {
        let zero: IpAddr = match family {
            Family::Ipv4 => std::net::Ipv4Addr::UNSPECIFIED.into(),
            Family::Ipv6 => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        let to = InterfaceAddress::new(to.unwrap_or(zero), length)?.network();
        let is_direct = via.is_none() && metric == default_metric(family) && length != 0;
        if is_ours && is_direct {
            return Some(Route::Ours(index, DirectRoute { table, to }));
        }
        return Some(Route::Static(
            index,
            SeenRoute {
                table,
                to,
                metric,
                via,
                source,
                protocol,
            },
        ));
    }
    (length == 0 && table == MAIN_TABLE).then_some(Route::Default(DefaultRoute {
        family,
        metric,
        index,
    }))
}

/// The message about one of ours that leads straight to its network.
pub(super) fn direct(kind: u16, flags: u16, index: u32, at: DirectRoute) -> Message {
    let DirectRoute { table, to } = at;
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
        small(table),
        ROUTE_PROTOCOL,
        scope,
        RTN_UNICAST,
    ]);
    let mut message = Message::new(kind, flags, &fixed);
    put_table(&mut message, table);
    message
        .put(RTA_DST, &octets(to.address()))
        .put_u32(RTA_OIF, index);
    message
}

/// The message about one by which a table drops what no other route of it is for.
pub(super) fn unreachable(kind: u16, flags: u16, at: Unreachable) -> Message {
    let family = match at.family {
        Family::Ipv4 => AF_INET,
        Family::Ipv6 => AF_INET6,
    };
    let mut fixed = [0; 12];
    fixed[..8].copy_from_slice(&[
        family,
        0,
        0,
        0,
        small(at.table),
        ROUTE_PROTOCOL,
        RT_SCOPE_UNIVERSE,
        RTN_UNREACHABLE,
    ]);
    let mut message = Message::new(kind, flags, &fixed);
    put_table(&mut message, at.table);
    message.put_u32(RTA_PRIORITY, LAST_METRIC);
    message
}

/// The table where its number is small enough for the fixed part.
fn small(table: u32) -> u8 {
    u8::try_from(table).unwrap_or(RT_TABLE_UNSPEC)
}

fn put_table(message: &mut Message, table: u32) {
    if small(table) == RT_TABLE_UNSPEC {
        message.put_u32(RTA_TABLE, table);
    }
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
        small(at.table),
        at.protocol,
        scope,
        RTN_UNICAST,
    ]);
    let mut message = Message::new(kind, flags, &fixed);
    put_table(&mut message, at.table);
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
