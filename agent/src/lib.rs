//! Weft's agent.

mod netlink;

mod ovs;

mod mirror;

mod program;

pub mod frr;
mod nft;
mod sysctl;

mod facts;

pub mod ledger;

pub mod kernel;

pub mod fake;
pub mod faulty;

pub mod respite;

pub mod dataplane;

pub mod connect;
pub mod options;

pub mod log;

pub mod probe;

pub mod session;

pub mod service;

pub mod watchdog;

pub mod operator;
