//! Address families, networks, and addresses with a prefix length.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// An IP address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() {
            Self::Ipv4
        } else {
            Self::Ipv6
        }
    }

    /// The prefix length of one single address: 32 or 128.
    pub fn host_length(self) -> u8 {
        match self {
            Self::Ipv4 => 32,
            Self::Ipv6 => 128,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        })
    }
}

/// A network: an address whose host bits are all zero, with its prefix length.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prefix(IpNet);

/// A text that is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// It cannot be read at all.
    #[error(
        "{0:?} is not a network: write an address, a slash and a prefix length, as 10.0.0.0/24"
    )]
    Unreadable(String),
    /// It names an address inside the network.
    #[error("{given} has host bits set: write {network}")]
    HostBits {
        /// What was written.
        given: IpNet,
        /// What would be right.
        network: IpNet,
    },
}

impl Prefix {
    /// All addresses of a family: where a default route leads.
    pub fn everywhere(family: Family) -> Self {
        Self(match family {
            Family::Ipv4 => IpNet::V4(Ipv4Net::default()),
            Family::Ipv6 => IpNet::V6(Ipv6Net::default()),
        })
    }

    /// The network's family.
    pub fn family(self) -> Family {
        Family::of(self.0.addr())
    }

    /// The network's first address.
    pub fn address(self) -> IpAddr {
        self.0.addr()
    }

    /// The prefix length in bits.
    pub fn length(self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether it is one single address: the point-to-point subnet of a hosting provider.
    pub fn is_host(self) -> bool {
        self.length() == self.family().host_length()
    }

    /// Whether `address` is in the network.
    pub fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// Whether the two networks share an address.
    pub fn overlaps(self, other: Self) -> bool {
        self.0.contains(&other.0) || other.0.contains(&self.0)
    }
}

impl TryFrom<IpNet> for Prefix {
    type Error = PrefixError;

    fn try_from(given: IpNet) -> Result<Self, PrefixError> {
        let network = given.trunc();
        if network == given {
            Ok(Self(given))
        } else {
            Err(PrefixError::HostBits { given, network })
        }
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let net: IpNet = text
            .parse()
            .map_err(|_| PrefixError::Unreadable(text.chars().take(80).collect()))?;
        net.try_into()
    }
}

impl TryFrom<String> for Prefix {
    type Error = PrefixError;

    fn try_from(text: String) -> Result<Self, PrefixError> {
        text.parse()
    }
}

impl From<Prefix> for String {
    fn from(prefix: Prefix) -> Self {
        prefix.to_string()
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An address on a device, with the prefix length of its network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InterfaceAddress(IpNet);

impl InterfaceAddress {
    /// `address` with `length` bits of network; `None` where the family has fewer bits.
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        IpNet::new(address, length).ok().map(Self)
    }

    /// The address itself.
    pub fn address(self) -> IpAddr {
        self.0.addr()
    }

    /// The prefix length in bits.
    pub fn length(self) -> u8 {
        self.0.prefix_len()
    }

    /// The address's family.
    pub fn family(self) -> Family {
        Family::of(self.0.addr())
    }

    /// The network that the address is in.
    pub fn network(self) -> Prefix {
        Prefix(self.0.trunc())
    }
}

impl FromStr for InterfaceAddress {
    type Err = ipnet::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_bits_are_refused_with_what_would_be_right() {
        let error = "10.0.0.7/24".parse::<Prefix>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "10.0.0.7/24 has host bits set: write 10.0.0.0/24"
        );
    }

    #[test]
    fn overlap_is_containment_in_either_direction() {
        let prefix = |text: &str| text.parse::<Prefix>().unwrap();
        assert!(prefix("10.0.0.0/8").overlaps(prefix("10.1.0.0/16")));
        assert!(prefix("10.1.0.0/16").overlaps(prefix("10.0.0.0/8")));
        assert!(!prefix("10.1.0.0/16").overlaps(prefix("10.2.0.0/16")));
        assert!(!prefix("0.0.0.0/0").overlaps(prefix("::/0")));
    }

    #[test]
    fn one_address_is_a_host_network() {
        assert!("10.0.0.1/32".parse::<Prefix>().unwrap().is_host());
        assert!("fd00::1/128".parse::<Prefix>().unwrap().is_host());
        assert!(!"10.0.0.0/31".parse::<Prefix>().unwrap().is_host());
    }
}
