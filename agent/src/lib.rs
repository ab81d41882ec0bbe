//! Weft's agent.

mod netlink;

mod mirror;
mod nft;
mod sysctl;

mod facts;

pub mod kernel;

pub mod fake;

pub mod dataplane;
