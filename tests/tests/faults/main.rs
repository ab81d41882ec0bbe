//! Everywhere or nowhere, under faults: real processes, a real etcd, namespaces, and real traffic.
//!
//! After each fault every node's kernel is read from outside: all nodes have the change or none
//! has, and the history says which. A ping between two guests that have nothing to do with the
//! change runs from the first to the last moment and loses nothing.

mod stage;

mod agent;
mod clock;
mod confirm;
mod controller;
mod disk;
mod etcd;
mod gates;
mod kernel;
mod leader;
mod members;
mod partition;
mod quorum;
mod restore;
mod space;
mod upkeep;
mod watchdog;
mod way;
