//! Proxmox VE's own files: what its administrators declared there, as objects of ours.

pub mod interfaces;
pub mod section;

pub mod carry;
mod evpn;
mod fabric;
pub mod snippet;
