//! The loop kit: how to follow something that changes elsewhere, and how to wait after a failure.
//!
//! It knows nothing of networks, of etcd, or of any other crate of Weft.

pub mod backoff;

pub mod watch;
