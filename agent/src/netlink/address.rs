//! Addresses and their families, as messages write and say them.

use std::net::IpAddr;

use weft_model::prefix::Family;

use super::number::{AF_INET, AF_INET6};

/// The family of a number.
pub(super) fn family(number: u8) -> Option<Family> {
    match number {
        AF_INET => Some(Family::Ipv4),
        AF_INET6 => Some(Family::Ipv6),
        _ => None,
    }
}

/// The address of some bytes.
pub(super) fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(octets.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

/// The bytes of an address.
pub(super) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The number of an address's family.
pub(super) fn number(address: IpAddr) -> u8 {
    match Family::of(address) {
        Family::Ipv4 => AF_INET,
        Family::Ipv6 => AF_INET6,
    }
}
