//! Weft's agent.
