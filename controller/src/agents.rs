//! The agents' side of the controller: one stream per node.

pub mod session;
