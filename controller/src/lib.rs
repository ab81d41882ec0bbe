//! Weft's controller.

pub mod store;

pub mod etcd;
pub mod leader;

pub mod options;

pub mod log;

pub mod engine;

pub mod status;

pub mod api;

pub mod agents;

pub mod member;
