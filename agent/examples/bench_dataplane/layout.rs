//! What vnets are made of, as the agent is told and as someone makes it by hand.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use weft_model::plan::link::{Bridge, Bundle, Link, LinkKind, Vlan, Vxlan};
use weft_model::plan::segment::Segment;
use weft_model::plan::{Entry, Origin};
use weft_model::port::UdpPort;
use weft_model::vlan::VlanProtocol;

/// What a vnet is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// A bridge and a VXLAN device.
    Tunnels,
    /// A bridge and a VLAN of a bridge that the host has.
    Vlans,
    /// A VLAN of one bridge, and a network of one VXLAN device.
    Bundle,
}

impl Layout {
    /// How it is asked for.
    pub(super) fn flag(self) -> Option<&'static str> {
        match self {
            Self::Tunnels => None,
            Self::Vlans => Some("--vlans"),
            Self::Bundle => Some("--bundle"),
        }
    }

    /// What it is called in the table.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Tunnels => "separate",
            Self::Vlans => "vlans",
            Self::Bundle => "bundle",
        }
    }

    /// What all its vnets share.
    pub(super) fn zone(self) -> Vec<Entry> {
        match self {
            Self::Tunnels | Self::Vlans => Vec::new(),
            Self::Bundle => zone(),
        }
    }

    /// What the host has before, for `ip -batch`.
    pub(super) fn host(self) -> &'static str {
        match self {
            Self::Tunnels | Self::Bundle => "link set lo up\n",
            Self::Vlans => {
                "link set lo up\nlink add vmbr0 type bridge vlan_filtering 1\nlink set vmbr0 up\n"
            }
        }
    }

    /// A vnet as someone makes it by hand, for `ip -batch` and for `bridge -batch` after it.
    pub(super) fn by_hand(self, number: u32) -> (String, String) {
        let bridge = format!("link add v{number} type bridge\n");
        let (port, rest) = match self {
            Self::Tunnels | Self::Bundle => (
                format!(
                    "link add vx{number} type vxlan id {number} local 127.0.0.1 dstport 4789\n"
                ),
                String::new(),
            ),
            Self::Vlans => (
                format!(
                    "link add link vmbr0 name vx{number} type vlan id {}\n",
                    number + 1
                ),
                format!("vlan add dev vmbr0 vid {} self\n", number + 1),
            ),
        };
        let join = format!(
            "link set vx{number} master v{number} mtu 1450\n\
             link set vx{number} up\n\
             link set v{number} up mtu 1450\n"
        );
        (format!("{bridge}{port}{join}"), rest)
    }
}

/// What one vnet asks for.
pub(super) fn vnet(layout: Layout, number: u32, flood: &Arc<BTreeSet<IpAddr>>) -> Vec<Entry> {
    if layout == Layout::Bundle {
        return segment(number, flood);
    }
    let name = |text: String| text.parse().ok();
    let vni = number.try_into().ok();
    let (Some(vni), Ok(zone), Ok(vnet)) = (vni, "bench".parse(), format!("vnet-{number}").parse())
    else {
        return Vec::new();
    };
    let (Some(bridge), Some(port)) = (name(format!("v{number}")), name(format!("vx{number}")))
    else {
        return Vec::new();
    };
    let link = Link {
        mtu: 1450.try_into().ok(),
        ..Link::plain(
            bridge,
            Origin::Zone {
                zone,
                vnet: Some(vnet),
            },
            LinkKind::Bridge(Bridge::default()),
        )
    };
    let kind = match layout {
        Layout::Tunnels | Layout::Bundle => LinkKind::Vxlan(Vxlan {
            vni,
            local: Ipv4Addr::LOCALHOST.into(),
            port: UdpPort::VXLAN,
            learning: true,
            flood: Arc::clone(flood),
            suppression: false,
            told_by_bgp: false,
        }),
        Layout::Vlans => {
            // VLAN 1 is the one without tag.
            let (Ok(id), Ok(parent)) = ((number + 1).try_into(), "vmbr0".parse()) else {
                return Vec::new();
            };
            LinkKind::Vlan(Vlan {
                parent,
                id,
                protocol: VlanProtocol::Dot1q,
                join: true,
            })
        }
    };
    let port = Link {
        name: port,
        kind,
        master: Some(link.name.clone()),
        ..link.clone()
    };
    vec![Entry::Link(link), Entry::Link(port)]
}

/// The two devices of a zone of layout bundle, made of those of a vnet.
fn zone() -> Vec<Entry> {
    let links = vnet(Layout::Tunnels, 1, &Arc::default());
    let links = links.into_iter().filter_map(|entry| match entry {
        Entry::Link(link) => Some(link),
        Entry::Nat(_) | Entry::Segment(_) | Entry::Frr(_) => None,
    });
    let bundled = links.map(|link| {
        let kind = match &link.kind {
            LinkKind::Vxlan(vxlan) => LinkKind::Bundle(Bundle {
                local: vxlan.local,
                port: vxlan.port,
                learning: vxlan.learning,
                suppression: vxlan.suppression,
                told_by_bgp: vxlan.told_by_bgp,
            }),
            _ => LinkKind::Bridge(Bridge {
                vlan_aware: true,
                bare_ports: true,
                ..Bridge::default()
            }),
        };
        Entry::Link(Link { kind, ..link })
    });
    bundled.collect()
}

/// A vnet of that zone: a VLAN, and a network whose number is far from those of its neighbours, so
/// that no message is short because they run side by side.
fn segment(number: u32, flood: &Arc<BTreeSet<IpAddr>>) -> Vec<Entry> {
    let names = ("bench".parse(), format!("vnet-{number}").parse());
    let numbers = (
        number.try_into(),
        (number * 7919 % 16_000_000 + 1).try_into(),
    );
    let (Ok(zone), Ok(vnet)) = names else {
        return Vec::new();
    };
    let ((Ok(vlan), Ok(vni)), Ok(tunnel)) = (numbers, "vx1".parse()) else {
        return Vec::new();
    };
    vec![Entry::Segment(Segment {
        origin: Origin::Zone {
            zone,
            vnet: Some(vnet),
        },
        tunnel,
        vlan,
        vni,
        flood: Arc::clone(flood),
    })]
}
