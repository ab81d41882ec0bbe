//! Decides for one node, without IO.

pub mod session;
