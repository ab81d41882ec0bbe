//! What weftctl can be told to do: a file for each command.

pub mod select;
pub mod source;

pub mod columns;
pub mod lock;
pub mod rolling;
pub mod routing;

pub mod apply;
pub mod audit;
pub mod cluster;
pub mod delete;
pub mod describe;
pub mod diff;
pub mod discard;
pub mod events;
pub mod explain;
pub mod get;
pub mod import;
pub mod nodes;
pub mod plan;
pub mod revisions;
pub mod rollout;

pub mod history;
pub mod status;
pub mod watch;
