//! Weft's agent.

pub mod dataplane;
