//! Manifests: objects as people write them, YAML in the Kubernetes manner.

pub mod document;

pub mod place;

pub mod complaint;

pub mod read;
pub mod write;
