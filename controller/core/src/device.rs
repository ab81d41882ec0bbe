//! How the devices of a vnet and of a zone are called, and the Ethernet address of a gateway.
//!
//! # Guarantees
//! All follow from the names of objects and bridges alone, so that they are the same on every node
//! and in every version of Weft. A name of up to eight characters is the name of the bridge, and its tunnel is
//! `vxlan_` and the name, as Proxmox VE calls them; so an import takes over devices that are in use.
//!
//! A longer name does not fit the kernel's fifteen characters. It gets a stem: `w` and seven letters
//! that stand for 35 bits of a hash. Two names with one stem are found by validation.

use std::net::Ipv4Addr;

use weft_model::mac::Mac;
use weft_model::name::{FabricName, LinkName, NodeName, VnetName, ZoneName};
use weft_model::vlan::VlanId;

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
    /// The end in the vnet's bridge of the pair of devices that joins it to the helper bridge, in
    /// zones of type vlan on a bridge that does not filter VLANs.
    pub near: LinkName,
    /// The other end of that pair, in the helper bridge.
    pub far: LinkName,
    /// The vnet's name where it is too long to be the bridge's.
    pub alternative: Option<VnetName>,
}

/// The names of the devices of a zone that has some of its own: a qinq or evpn zone, or one of layout
/// bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneDeviceNames {
    /// The bridge that has the zone's VLANs.
    pub bridge: LinkName,
    /// The tunnel end point of all its vnets, in a zone of layout bundle.
    pub tunnel: LinkName,
    /// The service VLAN where the node's bridge does not filter VLANs.
    pub service: LinkName,
    /// The end in the zone's bridge of the pair of devices for packets without inner tag.
    pub near: LinkName,
    /// The other end of that pair, in the bridge of the vnet without tag.
    pub far: LinkName,
    /// The routing domain of an evpn zone.
    pub vrf: LinkName,
    /// The bridge in it that packets between its vnets come in by.
    pub vrf_bridge: LinkName,
    /// The tunnel that they come by.
    pub vrf_tunnel: LinkName,
    /// The end outside of the routing domain of the pair of devices by which an exit node itself
    /// reaches guests.
    pub exit_outside: LinkName,
    /// The other end of that pair, in the routing domain.
    pub exit_inside: LinkName,
}

impl ZoneDeviceNames {
    /// The names for a zone.
    pub fn of(zone: &ZoneName) -> Self {
        let name = zone.as_str();
        let stem = if name.len() <= LONGEST_OWN_NAME {
            name.to_owned()
        } else {
            stem(b"zone device", name)
        };
        Self {
            bridge: link_name(&format!("z_{stem}")),
            tunnel: link_name(&format!("vx_{stem}")),
            service: link_name(&format!("sv_{stem}")),
            near: link_name(&format!("ln_{stem}")),
            far: link_name(&format!("pr_{stem}")),
            vrf: link_name(&format!("vrf_{stem}")),
            vrf_bridge: link_name(&format!("vrfbr_{stem}")),
            vrf_tunnel: link_name(&format!("vrfvx_{stem}")),
            exit_outside: link_name(&format!("xvrf_{stem}")),
            exit_inside: link_name(&format!("xvrfp_{stem}")),
        }
    }
}

/// A VLAN of a device: `eth0.100`, or a stem where that is too long.
pub fn vlan(parent: &LinkName, id: VlanId) -> LinkName {
    or_stem(&format!("{parent}.{id}"))
}

/// The bridge that joins a VLAN of the ports of a bridge that does not filter VLANs: `vmbr0v100`,
/// or a stem where that is too long.
pub fn helper_bridge(bridge: &LinkName, id: VlanId) -> LinkName {
    or_stem(&format!("{bridge}v{id}"))
}

/// One of several devices of a zone that differ by the port that they are on.
pub fn by_port(service: &LinkName, port: &LinkName) -> LinkName {
    link_name(&stem(b"port device", &format!("{service}/{port}")))
}

fn or_stem(name: &str) -> LinkName {
    name.parse()
        .unwrap_or_else(|_| link_name(&stem(b"vlan device", name)))
}

impl DeviceNames {
    /// The names for a vnet.
    pub fn of(vnet: &VnetName) -> Self {
        let name = vnet.as_str();
        if name.len() <= LONGEST_OWN_NAME {
            Self {
                bridge: link_name(name),
                tunnel: link_name(&format!("vxlan_{name}")),
                near: link_name(&format!("ln_{name}")),
                far: link_name(&format!("pr_{name}")),
                alternative: None,
            }
        } else {
            let stem = stem(b"device name", name);
            Self {
                bridge: link_name(&stem),
                tunnel: link_name(&format!("vxlan_{stem}")),
                near: link_name(&format!("ln_{stem}")),
                far: link_name(&format!("pr_{stem}")),
                alternative: Some(vnet.clone()),
            }
        }
    }
}

/// The device of a fabric: `dummy_core`, as Proxmox VE calls it, or a stem where that is too long.
pub fn fabric(name: &FabricName) -> LinkName {
    let name = name.as_str();
    if name.len() <= LONGEST_OWN_NAME {
        link_name(&format!("dummy_{name}"))
    } else {
        link_name(&format!("dummy_{}", stem(b"fabric device", name)))
    }
}

/// The Ethernet address of a vnet's gateway where the user gives none: the same on every node, so
/// that a guest that moves finds its gateway where it was.
pub fn gateway_mac(vnet: &VnetName) -> Mac {
    let [_, _, a, b, c, d, e, f] = hash(b"gateway mac", vnet.as_str()).to_be_bytes();
    Mac::local([a, b, c, d, e, f])
}

/// The Ethernet address of every gateway of an evpn zone where the user gives none.
pub fn zone_gateway_mac(zone: &ZoneName) -> Mac {
    let [_, _, a, b, c, d, e, f] = hash(b"zone gateway mac", zone.as_str()).to_be_bytes();
    Mac::local([a, b, c, d, e, f])
}

/// The Ethernet address that a node's routing domain of a zone is reached by from other nodes (the
/// router's MAC of RFC 9135, section 4): no two nodes have the same.
pub fn router_mac(zone: &ZoneName, node: &NodeName) -> Mac {
    let name = format!("{zone}/{node}");
    let [_, _, a, b, c, d, e, f] = hash(b"router mac", &name).to_be_bytes();
    Mac::local([a, b, c, d, e, f])
}

/// Who a node without any IPv4 address is to other routers, for which any number does that no other
/// router has.
pub fn router_id(node: &NodeName) -> Ipv4Addr {
    let [a, b, c, d, ..] = hash(b"router id", node.as_str()).to_be_bytes();
    // Zero is no router's id (RFC 6286).
    Ipv4Addr::new(a | 1, b, c, d)
}

fn stem(purpose: &[u8], name: &str) -> String {
    let mut bits = hash(purpose, name);
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
                near: "ln_customer".parse().unwrap(),
                far: "pr_customer".parse().unwrap(),
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
                near: "ln_wx2uubtx".parse().unwrap(),
                far: "pr_wx2uubtx".parse().unwrap(),
                alternative: Some("customer1".parse().unwrap()),
            }
        );
    }

    #[test]
    fn a_vlan_is_named_after_its_device_and_by_a_stem_where_that_is_too_long() {
        let name = |parent: &str, id: u32| {
            let (parent, id) = (parent.parse().unwrap(), id.try_into().unwrap());
            let names = [vlan(&parent, id), helper_bridge(&parent, id)];
            names.map(|name| name.to_string())
        };
        assert_eq!(name("vmbr0", 100), ["vmbr0.100", "vmbr0v100"]);
        assert_eq!(
            name("enp193s0f1np1", 2),
            ["enp193s0f1np1.2", "enp193s0f1np1v2"]
        );
        let [long, helper] = name("enp193s0f1np1", 4094);
        assert!(long.len() == 8 && helper.len() == 8 && long != helper);
    }

    #[test]
    fn a_gateways_address_never_changes() {
        let mac = gateway_mac(&"web".parse().unwrap());
        assert_eq!(mac.to_string(), "c6:54:66:68:14:36");
    }

    #[test]
    fn twenty_thousand_similar_names_have_as_many_stems() {
        let stems: BTreeSet<String> = (0..20_000)
            .map(|n| stem(b"device name", &format!("customer-{n}")))
            .collect();
        assert_eq!(stems.len(), 20_000);
    }
}
