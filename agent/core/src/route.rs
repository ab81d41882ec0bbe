//! A route with gateway and metric, as a kernel has it.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use weft_model::plan::route::Route;
use weft_model::prefix::{Family, Prefix};

/// A route of the main table by one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeenRoute {
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

/// The metric that a kernel chooses.
pub fn default_metric(family: Family) -> u32 {
    match family {
        Family::Ipv4 => 0,
        Family::Ipv6 => 1024,
    }
}

impl SeenRoute {
    /// A wanted route as it is once we made it.
    pub(crate) fn wanted(route: &Route, protocol: u8) -> Self {
        Self {
            to: route.to,
            metric: route.metric.unwrap_or(default_metric(route.to.family())),
            via: route.via,
            source: None,
            protocol,
        }
    }

    /// What only one route can have, whoever made it.
    pub fn place(&self) -> (Prefix, u32) {
        (self.to, self.metric)
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
        write!(f, "{route}")
    }
}
