//! A controller over a store in memory, with real gRPC on loopback and scripted agents: what users
//! and agents are told, and what becomes of rollouts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod agent;
mod cluster;

mod counting;
mod draft;
mod history;
mod leadership;
mod lock;
mod race;
mod restored;
mod returning;
mod rollout;
mod routing;
mod silence;
mod steering;
mod watching;
