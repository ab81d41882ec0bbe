//! Routes as a kernel has them: those with gateway and metric, those straight to a network, and those
//! by which a routing domain drops what no other route is for.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use weft_model::plan::route::Route;
use weft_model::prefix::{Family, Prefix};

/// The table that packets of no routing domain are routed by (`RT_TABLE_MAIN`).
pub const MAIN_TABLE: u32 = 254;

/// The metric of the route by which a routing domain drops what no other route is for: the least of
/// all in worth that routing daemons know, so that any other counts before it.
pub const LAST_METRIC: u32 = 4_278_198_272;

/// A route of ours by one device, straight to its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirectRoute {
    /// The number of its table.
    pub table: u32,
    /// Where it leads.
    pub to: Prefix,
}

/// A route of ours by which a table drops what no other route of it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unreachable {
    /// The number of its table.
    pub table: u32,
    /// Of which packets.
    pub family: Family,
}

/// What only one route can have, whoever made it: table, network, metric.
pub type Place = (u32, Prefix, u32);

/// A route by one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeenRoute {
    /// The number of its table.
    #[serde(default = "main_table", skip_serializing_if = "is_main")]
    pub table: u32,
    /// Where it leads.
    pub to: Prefix,
    /// The metric: of several to one network the least counts.
    pub metric: u32,
    /// The neighbor that packets are given to.
    pub via: Option<IpAddr>,
    /// The source address that packets get.
    pub source: Option<IpAddr>,
    /// Who made it, as the kernel numbers such.
    pub protocol: u8,
}

fn main_table() -> u32 {
    MAIN_TABLE
}

fn is_main(table: &u32) -> bool {
    *table == MAIN_TABLE
}

/// The metric that a kernel chooses.
pub fn default_metric(family: Family) -> u32 {
    match family {
        Family::Ipv4 => 0,
        Family::Ipv6 => 1024,
    }
}

impl SeenRoute {
    /// A wanted route as it is once we made it.
    pub(crate) fn wanted(route: &Route, table: u32, protocol: u8) -> Self {
        Self {
            table,
            to: route.to,
            metric: route.metric.unwrap_or(default_metric(route.to.family())),
            via: route.via,
            source: None,
            protocol,
        }
    }

    /// What only one route can have, whoever made it.
    pub fn place(&self) -> Place {
        (self.table, self.to, self.metric)
    }
}

impl fmt::Display for DirectRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.to, InTable(self.table))
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.family, InTable(self.table))
    }
}

/// Which table a route is in, where it is not the usual one.
struct InTable(u32);

impl fmt::Display for InTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            MAIN_TABLE => Ok(()),
            table => write!(f, " of table {table}"),
        }
    }
}

impl fmt::Display for SeenRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metric = Some(self.metric).filter(|it| *it != default_metric(self.to.family()));
        let route = Route {
            to: self.to,
            via: self.via,
            metric,
        };
        write!(f, "{route}{}", InTable(self.table))
    }
}
