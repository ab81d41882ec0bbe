//! Decides for one node, without IO.
