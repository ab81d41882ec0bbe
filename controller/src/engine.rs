//! The engine: keeps what users declared, brings it to all nodes, and knows how far it is.
//!
//! Everything that changes a node comes from the state machine in `weft_core::rollout`; what is
//! here feeds it, stores what it says, and sends what it says.

mod aside;
pub mod clock;
pub mod refusal;
pub mod storage;

pub mod keepsake;

pub mod feed;

pub mod draft;
pub mod judge;

pub mod edit;
mod register;
pub mod writer;

pub mod lock;

pub mod port;

pub mod head;
pub mod past;

pub mod course;
pub mod roster;

pub mod board;

mod manner;

mod opening;
mod secretary;

pub mod term;
