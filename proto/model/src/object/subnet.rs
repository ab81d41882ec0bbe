//! Subnets: the addresses used in a vnet, their gateway, and how they reach the outside.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::VnetName;
use crate::prefix::Prefix;

/// What a subnet is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubnetSpec {
    /// The vnet whose guests use these addresses.
    pub vnet: VnetName,
    /// The network. An IPv4 /32 or IPv6 /128 is a point-to-point subnet.
    pub cidr: Prefix,
    /// The address of the node in the vnet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// How source addresses are translated on the way out; `None` leaves them as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snat: Option<Snat>,
}

/// What a source address becomes on its way out of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Snat {
    /// The address of whichever device the packet leaves by; follows a changed default route.
    Masquerade,
    /// This address.
    Address(IpAddr),
}

/// A text that is no source translation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a source translation: write masquerade, or the address to use")]
pub struct SnatError(pub String);

impl FromStr for Snat {
    type Err = SnatError;

    fn from_str(text: &str) -> Result<Self, SnatError> {
        if text == "masquerade" {
            return Ok(Self::Masquerade);
        }
        text.parse()
            .map(Self::Address)
            .map_err(|_| SnatError(text.chars().take(80).collect()))
    }
}

impl TryFrom<String> for Snat {
    type Error = SnatError;

    fn try_from(text: String) -> Result<Self, SnatError> {
        text.parse()
    }
}

impl From<Snat> for String {
    fn from(snat: Snat) -> Self {
        snat.to_string()
    }
}

impl fmt::Display for Snat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Masquerade => f.write_str("masquerade"),
            Self::Address(address) => address.fmt(f),
        }
    }
}
