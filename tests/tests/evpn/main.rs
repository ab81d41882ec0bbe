//! Zones of type evpn: manifests, a controller, agents, FRR on every node, and traffic between guests.

mod bundle;
mod example;
mod exits;
mod fabric;
mod gate;
mod import;
mod leaf;
mod many;
mod moving;
mod newer;
mod outage;
mod policy;
mod stage;
mod status;
mod zones;
