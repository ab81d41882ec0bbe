//! Decides for the cluster, without IO.
