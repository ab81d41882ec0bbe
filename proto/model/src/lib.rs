//! The words of Weft: names and numbers that cannot be wrong, the objects that users write, the
//! plan that a node must become, and what nodes say of themselves.
//!
//! Nothing here does IO, knows of the wire, or decides anything about a network. The modules are
//! listed bottom-up; a module uses only those above its own.

pub mod name;

pub mod asn;
pub mod bond;
pub mod community;
pub mod mac;
pub mod mtu;
mod numbered;
pub mod policy;
pub mod port;
pub mod prefix;
pub mod route_target;
pub mod text;
pub mod vlan;
pub mod vni;

pub mod clock;
pub mod revision;

pub mod facts;
pub mod object;
pub mod routing;

pub mod plan;

pub mod note;
pub mod report;

pub mod message;
