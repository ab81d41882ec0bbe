//! ifupdown's and ifupdown2's `interfaces` files, carried over as host networks.

pub mod shell;
pub mod stanza;

pub mod device;

pub mod carry;
