//! Talking to controllers.

pub mod refusal;

pub mod call;
