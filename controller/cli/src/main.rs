//! `weftctl`: says to a controller what a cluster's network should be, and shows what it is.
//!
//! Modules are listed bottom-up; a module uses only those above its own.

mod failure;

mod console;
mod moment;
mod table;

mod manifest;

mod explain;

mod offline;
mod pve;
mod situation;

fn main() {}
