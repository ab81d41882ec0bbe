//! Conversions between the wire and the model.
//!
//! # Guarantees
//! From the model to the wire nothing can fail; from the wire to the model every wrong field is
//! named by its path, not only the first. What goes out and comes back is the same.

pub mod controller;
pub mod evpn;
pub mod fabric;
pub mod facts;
pub mod fields;
mod kind;
pub mod message;
pub mod note;
pub mod object;
pub mod plan;
pub mod policy;
pub mod report;
pub mod routing;
pub mod zone;

pub mod host_network;
