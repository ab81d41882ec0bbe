//! End to end: a controller, a real etcd, three agents in three namespaces, guests in others, and
//! real traffic. Every scenario has a cluster of its own and may run beside the others.

mod stage;

mod poor;

mod atomic;
mod drift;
mod history;
mod input;
mod lacking;
mod reboot;
mod restart;
mod traffic;
