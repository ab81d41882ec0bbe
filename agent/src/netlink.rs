//! Route netlink, as little of it as is needed: the only place where kernel numbers appear.
//!
//! Messages are written and read here rather than by a general library because the mirror reads
//! only a tenth of what a kernel says of a device, and because a message that cannot be read must
//! never be dropped in silence: a device that is missing from a dump would be made a second time.

pub(crate) mod bytes;
pub(crate) mod number;

pub(crate) mod address;
pub(crate) mod bond;
pub(crate) mod route;
pub(crate) mod vlan;

pub(crate) mod network;

pub(crate) mod kind;

pub(crate) mod decode;
pub(crate) mod encode;

pub(crate) mod events;
pub(crate) mod requests;
