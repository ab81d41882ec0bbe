//! The route maps and prefix lists that are Weft's own in a node's FRR.
//!
//! # Guarantees
//! No object may have one of these names, so that none changes what another is there for.

/// What routes of zones pass when they come in.
pub(crate) const MAP_IN: &str = "MAP_VTEP_IN";
/// What routes of zones pass when they are told.
pub(crate) const MAP_OUT: &str = "MAP_VTEP_OUT";
/// The source address of IPv4 routes by BGP.
pub(crate) const SOURCE: &str = "correct_src";
/// The source address of IPv6 routes by BGP.
pub(crate) const SOURCE6: &str = "correct_src_v6";
/// The routes that get it.
pub(crate) const SOURCED: &str = "loopbacks_ips";
/// The same for IPv6.
pub(crate) const SOURCED6: &str = "loopbacks_ips_v6";

const ALL: [&str; 6] = [MAP_IN, MAP_OUT, SOURCE, SOURCE6, SOURCED, SOURCED6];

/// What names of others of its own begin with.
pub(crate) const BEGINNING: &str = "weft_";

/// Whether a name is one of these.
pub(crate) fn is_own(name: &str) -> bool {
    ALL.contains(&name) || name.starts_with(BEGINNING)
}
