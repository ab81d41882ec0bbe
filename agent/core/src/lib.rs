//! Decides for one node, without IO.

pub mod frr;
pub mod nft;
pub mod route;
pub mod routing;
pub mod settings;

pub mod loan;

pub mod seen;
pub mod step;

pub mod own;

mod link;
mod segment;

mod host;

pub mod scope;

mod clash;
pub mod collect;
pub mod disruption;
mod guest;
pub mod plan;
pub mod refusal;
pub mod replay;

pub mod driver;

#[cfg(test)]
mod fixtures;

#[cfg(test)]
mod domains;
#[cfg(test)]
mod laws;

pub mod session;

pub mod watch;
