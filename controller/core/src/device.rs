//! How a vnet's devices are called, and the Ethernet address of its gateway.
//!
//! # Guarantees
//! All follow from the vnet's name alone, so that they are the same on every node and in every
//! version of Weft. A name of up to eight characters is the name of the bridge, and its tunnel is
//! `vxlan_` and the name, as Proxmox VE calls them; so an import takes over devices that are in use.
//!
//! A longer name does not fit the kernel's fifteen characters. It gets a stem: `w` and seven letters
//! that stand for 35 bits of a hash. Two names with one stem are found by validation.

use weft_model::mac::Mac;
use weft_model::name::{LinkName, VnetName};

/// The longest vnet name that is used as it is: `vxlan_` and eight characters make fourteen.
pub const LONGEST_OWN_NAME: usize = 8;

/// The base 32 alphabet of RFC 4648 in lower case.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The names of a vnet's devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceNames {
    /// The bridge that guests plug into.
    pub bridge: LinkName,
    /// The tunnel end point, in zones that have one.
    pub tunnel: LinkName,
    /// The vnet's name where it is too long to be the bridge's.
    pub alternative: Option<VnetName>,
}

impl DeviceNames {
    /// The names for a vnet.
    pub fn of(vnet: &VnetName) -> Self {
        let name = vnet.as_str();
        if name.len() <= LONGEST_OWN_NAME {
            Self {
                bridge: link_name(name),
                tunnel: link_name(&format!("vxlan_{name}")),
                alternative: None,
            }
        } else {
            let stem = stem(name);
            Self {
                bridge: link_name(&stem),
                tunnel: link_name(&format!("vxlan_{stem}")),
                alternative: Some(vnet.clone()),
            }
        }
    }
}

/// The Ethernet address of a vnet's gateway where the user gives none: the same on every node, so
/// that a guest that moves finds its gateway where it was.
pub fn gateway_mac(vnet: &VnetName) -> Mac {
    let [_, _, a, b, c, d, e, f] = hash(b"gateway mac", vnet.as_str()).to_be_bytes();
    Mac::local([a, b, c, d, e, f])
}

fn stem(name: &str) -> String {
    let mut bits = hash(b"device name", name);
    let mut text = String::from("w");
    for _ in 0..7 {
        text.push(char::from(ALPHABET[(bits & 31) as usize]));
        bits >>= 5;
    }
    text
}

/// A hash that never changes: FNV-1a with 64 bits over the purpose, a zero byte and the name, and
/// then the finishing steps of `MurmurHash3`, which spread every bit of the input over all bits.
fn hash(purpose: &[u8], name: &str) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let bytes = purpose.iter().chain(&[0]).chain(name.as_bytes());
    let mut h = bytes.fold(OFFSET, |h, byte| (h ^ u64::from(*byte)).wrapping_mul(PRIME));
    h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ (h >> 33)
}

fn link_name(text: &str) -> LinkName {
    text.parse()
        .unwrap_or_else(|_| unreachable!("letters, digits, hyphens and _ of at most 14 characters"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn names(vnet: &str) -> DeviceNames {
        DeviceNames::of(&vnet.parse().unwrap())
    }

    #[test]
    fn a_short_name_is_the_name_of_the_bridge() {
        assert_eq!(
            names("customer"),
            DeviceNames {
                bridge: "customer".parse().unwrap(),
                tunnel: "vxlan_customer".parse().unwrap(),
                alternative: None,
            }
        );
    }

    #[test]
    fn a_long_name_gets_a_stem_that_never_changes() {
        assert_eq!(
            names("customer1"),
            DeviceNames {
                bridge: "wx2uubtx".parse().unwrap(),
                tunnel: "vxlan_wx2uubtx".parse().unwrap(),
                alternative: Some("customer1".parse().unwrap()),
            }
        );
    }

    #[test]
    fn a_gateways_address_never_changes() {
        let mac = gateway_mac(&"web".parse().unwrap());
        assert_eq!(mac.to_string(), "c6:54:66:68:14:36");
    }

    #[test]
    fn twenty_thousand_similar_names_have_as_many_stems() {
        let stems: BTreeSet<String> = (0..20_000)
            .map(|n| stem(&format!("customer-{n}")))
            .collect();
        assert_eq!(stems.len(), 20_000);
    }
}
