//! The switches that only `/proc/sys` has.
//!
//! # Never
//! Turns a switch of the whole host, or of a device that is not ours.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};

use weft_model::prefix::Family;
use weft_node::settings::Ipv6Switch;

/// Turns a switch of a device.
pub(crate) fn turn(device: &str, switch: Ipv6Switch, on: bool) -> io::Result<()> {
    let path = format!("/proc/sys/net/ipv6/conf/{device}/{}", switch.as_str());
    let value: &[u8] = if on { b"1" } else { b"0" };
    OpenOptions::new().write(true).open(path)?.write_all(value)
}

/// Whether [`turn`] may be expected to work. Opening changes nothing, and unlike `access` it counts
/// the capabilities of an agent that is not root.
pub(crate) fn may_turn() -> bool {
    OpenOptions::new()
        .write(true)
        .open("/proc/sys/net/ipv6/conf/lo/disable_ipv6")
        .is_ok()
}

/// Whether the host forwards a family.
pub(crate) fn host_forwards(family: Family) -> bool {
    let path = match family {
        Family::Ipv4 => "/proc/sys/net/ipv4/ip_forward",
        Family::Ipv6 => "/proc/sys/net/ipv6/conf/all/forwarding",
    };
    fs::read_to_string(path).is_ok_and(|text| text.trim() != "0")
}
