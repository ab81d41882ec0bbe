//! The lab: a cluster on one machine, made of network namespaces, with real traffic.
//!
//! Nothing here touches the host's own network: every device lives in a namespace that the lab
//! made, and goes with it. The modules are listed bottom-up.

pub mod exec;
pub mod power;
pub mod skip;
pub mod wait;

pub mod needs;

pub mod lab;

pub mod namespace;

pub mod inside;

pub mod process;

pub mod capture;
pub mod ping;

pub mod etcd;

pub mod proxy;

pub mod programs;

pub mod underlay;

pub mod declared;

pub mod wires;

pub mod trunk;

pub mod openvswitch;

pub mod frr;

pub mod node;

pub mod guest;

pub mod dump;

pub mod cluster;
