//! Weft's controller.

pub mod store;

pub mod etcd;
pub mod leader;
