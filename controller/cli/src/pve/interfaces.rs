//! A node's `/etc/network/interfaces`: what it says of the host's own devices, as facts.
//!
//! Only what a plan may depend on is read: addresses, MTUs, bridges, default routes. Everything else in the
//! file is passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use weft_model::facts::{BridgeFacts, DeviceType, Facts, LinkFacts};
use weft_model::mtu::Mtu;
use weft_model::name::LinkName;
use weft_model::prefix::{Family, InterfaceAddress};
use weft_model::vlan::{BridgeVlans, VlanProtocol};

/// What the file says of one device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Device {
    addresses: Vec<InterfaceAddress>,
    gateways: BTreeSet<Family>,
    mtu: Option<Mtu>,
    /// The devices that it is made of, whose MTU it takes.
    parts: Vec<String>,
    is_bridge: bool,
    /// How a bridge treats VLANs.
    vlans: BridgeVlans,
    protocol: VlanProtocol,
}

/// What the whole file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interfaces {
    devices: BTreeMap<String, Device>,
    /// What was passed over although it may matter.
    pub notes: Vec<String>,
}

/// Reads the file. What it does not understand it passes over, as its own readers do.
pub fn read(text: &str) -> Interfaces {
    let mut interfaces = Interfaces::default();
    let mut current: Option<String> = None;
    // The address that a following `netmask` line completes.
    let mut bare: Option<IpAddr> = None;
    for line in logical_lines(text) {
        let mut words = line.split_whitespace();
        let Some(word) = words.next() else {
            continue;
        };
        match word {
            "iface" => {
                bare = None;
                current = words.next().map(str::to_owned);
                if let Some(name) = &current {
                    interfaces.devices.entry(name.clone()).or_default();
                }
            }
            "auto" | "mapping" | "template" | "rename" | "no-auto-down" | "no-scripts" => {
                current = None;
            }
            "source" | "source-directory" => {
                current = None;
                let what = words.collect::<Vec<_>>().join(" ");
                let note = format!("interfaces: {word} {what}: not read");
                interfaces.notes.push(note);
            }
            word if word.starts_with("allow-") => current = None,
            option => {
                let device = current
                    .as_ref()
                    .and_then(|name| interfaces.devices.get_mut(name));
                if let Some(device) = device {
                    let values: Vec<&str> = words.collect();
                    device.option(&option.replace('_', "-"), &values, &mut bare);
                }
            }
        }
    }
    interfaces
}

/// Lines without comments, with those joined that end in a backslash.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        if open.is_empty() && line.trim_start().starts_with('#') {
            continue;
        }
        match line.strip_suffix('\\') {
            Some(begun) => {
                open.push_str(begun);
                open.push(' ');
            }
            None => {
                open.push_str(line);
                lines.push(std::mem::take(&mut open));
            }
        }
    }
    lines.push(open);
    lines
}

impl Device {
    fn option(&mut self, name: &str, values: &[&str], bare: &mut Option<IpAddr>) {
        let Some(first) = values.first() else {
            return;
        };
        match name {
            "address" => {
                if let Ok(address) = first.parse::<InterfaceAddress>() {
                    self.addresses.push(address);
                } else if let Ok(address) = first.parse::<IpAddr>() {
                    // Without a length and without a netmask it is a single address.
                    let length = Family::of(address).host_length();
                    self.addresses
                        .extend(InterfaceAddress::new(address, length));
                    *bare = Some(address);
                }
            }
            "netmask" => {
                let address = bare.take();
                let complete = address.and_then(|it| InterfaceAddress::new(it, length(first)?));
                if let Some(complete) = complete {
                    self.addresses.pop();
                    self.addresses.push(complete);
                }
            }
            "gateway" => {
                let gateway = first.parse::<IpAddr>();
                self.gateways.extend(gateway.map(Family::of));
            }
            "mtu" => {
                let number = first.parse::<u32>().ok();
                self.mtu = number.and_then(|it| Mtu::try_from(it).ok());
            }
            "bridge-vlan-aware" => {
                self.vlans = if is_yes(first) {
                    BridgeVlans::Filtered(self.protocol)
                } else {
                    BridgeVlans::Ignored
                };
            }
            "bridge-vlan-protocol" => {
                self.protocol = first.parse().unwrap_or_default();
                if let BridgeVlans::Filtered(protocol) = &mut self.vlans {
                    *protocol = self.protocol;
                }
            }
            "ovs-type" if *first == "OVSBridge" => {
                (self.is_bridge, self.vlans) = (true, BridgeVlans::OpenVswitch);
            }
            "bridge-ports" | "bond-slaves" | "slaves" | "vlan-raw-device" | "ovs-ports"
            | "vlan-raw-devices" => {
                self.is_bridge |= name == "bridge-ports";
                let named = values.iter().filter(|it| !matches!(**it, "none" | "regex"));
                self.parts.extend(named.map(|it| (*it).to_owned()));
            }
            _ => {}
        }
    }
}

impl Device {
    /// The ports that a bridge is said to have, where it does not tell VLANs apart by itself.
    fn uplinks(&self) -> BTreeSet<LinkName> {
        match self.vlans {
            BridgeVlans::OpenVswitch => BTreeSet::new(),
            BridgeVlans::Ignored | BridgeVlans::Filtered(_) => {
                self.parts.iter().filter_map(|it| it.parse().ok()).collect()
            }
        }
    }
}

fn is_yes(text: &str) -> bool {
    matches!(text, "yes" | "1" | "on" | "true")
}

/// A prefix length as it is written, `24` or `255.255.255.0`.
fn length(text: &str) -> Option<u8> {
    text.parse().ok().or_else(|| {
        let mask: IpAddr = text.parse().ok()?;
        ipnet::ip_mask_to_prefix(mask).ok()
    })
}

impl Interfaces {
    /// The facts of a node that has these interfaces, where `assumed` is the MTU of a device of
    /// which nothing is said.
    ///
    /// A node that only exists as a file is taken to be able to do everything.
    pub fn facts(&self, assumed: Mtu) -> Facts {
        let mut facts = Facts {
            device_types: DeviceType::ALL.into_iter().collect(),
            ..Facts::default()
        };
        for (name, device) in &self.devices {
            let Ok(link) = name.parse::<LinkName>() else {
                continue;
            };
            for family in &device.gateways {
                let default = match family {
                    Family::Ipv4 => &mut facts.default_ipv4,
                    Family::Ipv6 => &mut facts.default_ipv6,
                };
                default.get_or_insert_with(|| link.clone());
            }
            if device.is_bridge {
                let bridge = BridgeFacts {
                    vlans: device.vlans,
                    mtu: Some(self.mtu(name, assumed, 0)),
                    uplinks: device.uplinks(),
                };
                facts.bridges.insert(link.clone(), bridge);
            }
            let global = |it: &InterfaceAddress| !it.address().is_loopback();
            let addresses: BTreeSet<_> = device.addresses.iter().copied().filter(global).collect();
            if !addresses.is_empty() {
                let mtu = Some(self.mtu(name, assumed, 0));
                facts.links.insert(link, LinkFacts { mtu, addresses });
            }
        }
        facts
    }

    /// What is written, else what the parts of the device allow, else `assumed`.
    fn mtu(&self, name: &str, assumed: Mtu, depth: u8) -> Mtu {
        /// A bridge of a VLAN of a bond of ports is the deepest that hosts have; more is a loop.
        const DEEPEST: u8 = 8;
        let device = self.devices.get(name);
        if let Some(mtu) = device.and_then(|it| it.mtu) {
            return mtu;
        }
        let mut parts: Vec<&str> = device
            .iter()
            .flat_map(|it| it.parts.iter().map(String::as_str))
            .collect();
        // `eth0.5` is a VLAN of `eth0`.
        parts.extend(name.rsplit_once('.').map(|(parent, _)| parent));
        if depth >= DEEPEST {
            return assumed;
        }
        let of_parts = parts.iter().map(|it| self.mtu(it, assumed, depth + 1));
        of_parts.min().unwrap_or(assumed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# the host
auto lo
iface lo inet loopback

auto eth0
iface eth0 inet manual
\tmtu 9000

allow-hotplug bond0
iface bond0 inet manual
    bond-slaves eth0 \\
        eth1
iface eth1 inet manual
    mtu 8000

auto vmbr0
iface vmbr0 inet static
    address 192.0.2.10
    netmask 255.255.255.0
    gateway 192.0.2.1
    bridge_ports bond0
    bridge-vlan-aware yes
    bridge-vlan-protocol 802.1ad
    # comment
iface vmbr0 inet6 static
    address 2001:db8::10/64
    gateway 2001:db8::1

iface vmbr0.5 inet static
    address 10.5.0.1/24
    mtu 1400

iface eth2 inet static
    address 10.6.0.1/24

auto eth3
iface eth3 inet manual
    ovs_type OVSPort
    ovs_bridge vmbr1
    mtu 9000

auto vmbr1
iface vmbr1 inet manual
    ovs_type OVSBridge
    ovs_ports eth3

source /etc/network/interfaces.d/*
";

    #[test]
    fn the_host_is_read_as_facts() {
        let interfaces = read(FILE);
        let facts = interfaces.facts(Mtu::ETHERNET);
        let told: Vec<String> = facts
            .links
            .iter()
            .map(|(name, link)| format!("{name} {:?} {:?}", link.mtu.unwrap(), link.addresses))
            .collect();
        assert_eq!(
            told,
            [
                "eth2 Mtu(1500) {10.6.0.1/24}",
                "vmbr0 Mtu(8000) {192.0.2.10/24, 2001:db8::10/64}",
                "vmbr0.5 Mtu(1400) {10.5.0.1/24}",
            ]
        );
        let bridges: Vec<String> = facts
            .bridges
            .iter()
            .map(|(name, it)| format!("{name} {:?} {:?} {:?}", it.mtu, it.vlans, it.uplinks))
            .collect();
        assert_eq!(
            bridges,
            [
                "vmbr0 Some(Mtu(8000)) Filtered(Dot1ad) {\"bond0\"}",
                "vmbr1 Some(Mtu(9000)) OpenVswitch {}",
            ]
        );
        let vmbr0: LinkName = "vmbr0".parse().unwrap();
        assert_eq!(facts.default_ipv4, Some(vmbr0.clone()));
        assert_eq!(facts.default_ipv6, Some(vmbr0));
        assert_eq!(
            interfaces.notes,
            ["interfaces: source /etc/network/interfaces.d/*: not read"]
        );
    }

    #[test]
    fn a_device_that_is_part_of_itself_has_the_assumed_mtu() {
        let interfaces = read("iface br0 inet static\n address 10.0.0.1/24\n bridge-ports br0\n");
        let facts = interfaces.facts(Mtu::ETHERNET);
        let br0 = &facts.links[&"br0".parse::<LinkName>().unwrap()];
        assert_eq!(br0.mtu, Some(Mtu::ETHERNET));
    }
}
