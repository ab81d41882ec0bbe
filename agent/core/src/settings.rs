//! Properties of a device that can be changed in place.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use weft_model::bond::{BondMode, LacpRate, XmitHashPolicy};

/// Properties of a device that one message can change together; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// The name. A device must be down to get another.
    pub name: Option<String>,
    /// The alias.
    pub alias: Option<String>,
    /// The link group.
    pub group: Option<u32>,
    /// The MTU.
    pub mtu: Option<u32>,
    /// The Ethernet address.
    pub mac: Option<[u8; 6]>,
    /// What it is a port of.
    pub master: Option<Master>,
    /// Up or down.
    pub up: Option<bool>,
    /// Whether IPv4 packets that come in by it are forwarded.
    pub forward_ipv4: Option<bool>,
    /// Whether ARP requests for what the host reaches elsewhere are answered.
    pub proxy_arp: Option<bool>,
    /// Whether who announces itself unasked over IPv4 is known from then on.
    pub hears_announcements: Option<bool>,
    /// Whether IPv4 packets are let in by whichever device the way back to their source leads.
    pub any_source: Option<bool>,
    /// Whether it takes part in spanning tree (bridge).
    pub spanning_tree: Option<bool>,
    /// How long a new port waits, in the kernel's unit of 10 ms (bridge).
    pub forward_delay: Option<u32>,
    /// The source address (VXLAN).
    pub local: Option<IpAddr>,
    /// Whether it learns (VXLAN).
    pub learning: Option<bool>,
    /// Whether it filters VLANs (bridge).
    pub filter_vlans: Option<bool>,
    /// Whether a new port takes part in no VLAN (bridge).
    pub bare_ports: Option<bool>,
    /// Whether VLANs become networks of the tunnel on it, as a port of its bridge.
    pub tunnel: Option<bool>,
    /// Whether its bridge keeps it from reaching other isolated ports.
    pub isolated: Option<bool>,
    /// Whether its bridge learns who is behind it.
    pub learned: Option<bool>,
    /// Whether its bridge answers ARP and neighbor discovery for who is behind it.
    pub suppression: Option<bool>,
    /// How it chooses among its devices (bond).
    pub bond: BondSettings,
}

/// How a bond chooses among its devices; `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct BondSettings {
    /// Which device a packet leaves by. It must be down and have no devices to get another.
    pub mode: Option<BondMode>,
    /// How often it looks at their links, in milliseconds.
    pub miimon: Option<u32>,
    /// How often LACP partners tell of themselves. It must be down to get another.
    pub lacp_rate: Option<LacpRate>,
    /// What of a packet chooses the device.
    pub xmit_hash_policy: Option<XmitHashPolicy>,
    /// The number of the device that is used while it works; 0 for none.
    pub primary: Option<u32>,
}

/// What a device becomes a port of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Master {
    /// Nothing.
    Nobody,
    /// The bridge, bond or routing domain with this number.
    Device(u32),
}

/// An IPv6 switch of a device; only `/proc/sys` has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ipv6Switch {
    /// `disable_ipv6`.
    Disable,
    /// `forwarding`.
    Forwarding,
    /// `accept_ra`.
    AcceptRa,
    /// `accept_dad`.
    AcceptDad,
    /// `accept_untracked_na`.
    AcceptUntracked,
}

impl Ipv6Switch {
    /// The switch's file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable_ipv6",
            Self::Forwarding => "forwarding",
            Self::AcceptRa => "accept_ra",
            Self::AcceptDad => "accept_dad",
            Self::AcceptUntracked => "accept_untracked_na",
        }
    }
}

impl Settings {
    /// Sets the device aside: it carries nothing any more and waits to be destroyed.
    pub fn quiesce(group: u32) -> Self {
        Self {
            group: Some(group),
            master: Some(Master::Nobody),
            up: Some(false),
            ..Self::default()
        }
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mac = self.mac.map(|mac| {
            let pairs: Vec<String> = mac.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("address {}", pairs.join(":"))
        });
        let parts = [
            self.name.as_ref().map(|name| format!("name {name}")),
            self.mtu.map(|mtu| format!("mtu {mtu}")),
            mac,
            self.group.map(|group| format!("group {group:#x}")),
            self.alias.as_ref().map(|alias| format!("alias {alias:?}")),
            self.master.map(|master| match master {
                Master::Nobody => "no master".to_owned(),
                Master::Device(index) => format!("master {index}"),
            }),
            self.forward_ipv4
                .map(|on| format!("IPv4 forwarding {}", word(on))),
            self.proxy_arp.map(|on| format!("proxy ARP {}", word(on))),
            self.hears_announcements
                .map(|on| format!("unasked announcements {}", word(on))),
            self.any_source
                .map(|on| format!("sources by any way {}", word(on))),
            self.spanning_tree
                .map(|on| format!("spanning tree {}", word(on))),
            self.forward_delay
                .map(|delay| format!("forward delay {} ms", u64::from(delay) * 10)),
            self.local.map(|local| format!("source {local}")),
            self.learning.map(|on| format!("learning {}", word(on))),
            self.filter_vlans
                .map(|on| format!("VLAN filtering {}", word(on))),
            self.bare_ports
                .map(|on| format!("bare new ports {}", word(on))),
            self.tunnel
                .map(|on| format!("VLANs as networks {}", word(on))),
            self.isolated.map(|on| format!("isolation {}", word(on))),
            self.learned
                .map(|on| format!("learning of its bridge {}", word(on))),
            self.suppression
                .map(|on| format!("answering of its bridge {}", word(on))),
            self.bond.mode.map(|mode| format!("mode {mode}")),
            self.bond
                .miimon
                .map(|ms| format!("links looked at every {ms} ms")),
            self.bond.lacp_rate.map(|rate| format!("LACP rate {rate}")),
            self.bond
                .xmit_hash_policy
                .map(|policy| format!("hash policy {policy}")),
            self.bond.primary.map(|index| format!("primary {index}")),
            self.up.map(|up| if up { "up" } else { "down" }.to_owned()),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        f.write_str(&parts.join(", "))
    }
}

fn word(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}
