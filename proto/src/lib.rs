//! The wire of Weft: generated messages, and their conversions from and to the model.
//!
//! Modules are listed bottom-up; a module uses only those above its own.

pub mod codec;

/// The messages and services of `weft.v1`, as generated from the schema.
#[allow(missing_docs, clippy::all, clippy::pedantic)]
pub mod v1 {
    tonic::include_proto!("weft.v1");
}

/// The compiled schema with its comments: for gRPC reflection, and for `weftctl explain`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/weft.bin"));

pub mod digest;

pub mod convert;
