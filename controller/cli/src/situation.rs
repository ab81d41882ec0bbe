//! A node's plan as facts about its devices and its FRR, for people and for comparing with what is there.
//!
//! The words are those that `ip` uses. In JSON what every device has is left out: an UDP port of
//! 4789, learning that is on, forwarding that is off, empty lists of addresses and routes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use weft_model::bond::{LacpRate, XmitHashPolicy};
use weft_model::facts::Facts;
use weft_model::name::{LinkName, NodeName};
use weft_model::object::subnet::Snat;
use weft_model::plan::NodePlan;
use weft_model::plan::frr::text;
use weft_model::plan::link::{Link, LinkKind, SwitchPort};
use weft_model::plan::nat::Nat;
use weft_model::port::UdpPort;
use weft_model::prefix::Family;
use weft_model::vlan::VlanSet;

mod page;

/// What one node must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Situation {
    /// The lines of FRR, by the sections that they stand in.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    frr: BTreeMap<String, BTreeSet<String>>,
    links: BTreeMap<String, Device>,
    node: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    snat: Vec<Translation>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Device {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alternative_name: Option<String>,
    #[serde(skip_serializing_if = "is_off")]
    arp_accept: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    forward_delay: Option<u8>,
    #[serde(skip_serializing_if = "is_off")]
    ip6_forward: bool,
    #[serde(skip_serializing_if = "is_off")]
    ip_forward: bool,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    lacp_rate: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    learning: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    miimon: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtu: Option<u32>,
    #[serde(skip_serializing_if = "is_off")]
    neigh_suppress: bool,
    /// The network of every VLAN.
    #[serde(skip_serializing_if = "Option::is_none")]
    networks: Option<BTreeMap<u16, u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ovs: Option<Switched>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ports: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    primary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    #[serde(skip_serializing_if = "is_off")]
    proxy_arp: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    remotes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    routes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stp: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreachable_default: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vids: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vlan_aware: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vlan_id: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vni: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vrf: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    xmit_hash_policy: Option<&'static str>,
}

/// A port of an Open vSwitch bridge, in the words of `/etc/network/interfaces`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Switched {
    ovs_bridge: String,
    ovs_options: String,
    ovs_type: &'static str,
}

impl Switched {
    fn of(port: &SwitchPort) -> Self {
        let tag = format!("tag={}", port.id);
        let ovs_options = match port.tunnel {
            None => tag,
            Some(protocol) => {
                format!("vlan_mode=dot1q-tunnel {tag} other_config:qinq-ethtype={protocol}")
            }
        };
        Self {
            ovs_bridge: port.switch.to_string(),
            ovs_options,
            ovs_type: "OVSIntPort",
        }
    }
}

/// A source translation, as it comes out while the default route is what the facts say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Translation {
    family: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    out: Option<String>,
    source: String,
    to: String,
}

// The signature is the one that serde calls.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_off(switch: &bool) -> bool {
    !*switch
}

/// Describes a plan for a node with these facts.
pub fn describe(node: &NodeName, plan: &NodePlan, facts: &Facts) -> Situation {
    let mut ports: BTreeMap<&LinkName, Vec<&Link>> = BTreeMap::new();
    for link in plan.links() {
        if let Some(master) = &link.master {
            ports.entry(master).or_default().push(link);
        }
    }
    let is_domain = |name: &&LinkName| {
        let link = plan.link(name);
        link.is_some_and(|link| matches!(link.kind, LinkKind::Vrf(_)))
    };
    let links = plan.links().map(|link| {
        let ports = ports.remove(&link.name).unwrap_or_default();
        let vrf = link.master.as_ref().filter(is_domain);
        let mut device = Device {
            vrf: vrf.map(ToString::to_string),
            ..device(link, &ports)
        };
        if matches!(link.kind, LinkKind::Bundle(_)) {
            let segments = plan.segments_of(&link.name);
            let networks = segments.map(|it| (it.vlan.get(), it.vni.get()));
            device.networks = Some(networks.collect());
            let first = plan.segments_of(&link.name).next();
            let peers = first.map(|it| it.flood.iter().map(ToString::to_string).collect());
            device.remotes = peers;
        }
        (link.name.to_string(), device)
    });
    let links = links.collect();
    let mut snat: Vec<_> = plan.nats().map(|nat| translation(nat, facts)).collect();
    snat.sort();
    Situation {
        frr: routing(plan),
        links,
        node: node.to_string(),
        snat,
    }
}

/// What FRR must have. What stands outside of all sections is called global.
fn routing(plan: &NodePlan) -> BTreeMap<String, BTreeSet<String>> {
    let mut sections: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let all = plan.stanzas().flat_map(|it| text::stanza(&it.stanza));
    for (place, line) in all {
        let section = match place.to_string() {
            outside if outside.is_empty() => "global".to_owned(),
            section => section,
        };
        let line = line.map(|line| text::without_secret(&line));
        sections.entry(section).or_default().extend(line);
    }
    sections
}

fn device(link: &Link, ports: &[&Link]) -> Device {
    let device = Device {
        addresses: link.addresses.iter().map(ToString::to_string).collect(),
        alias: link.alias.as_ref().map(ToString::to_string),
        alternative_name: link.alternative_name.as_ref().map(ToString::to_string),
        arp_accept: link.hears_announcements,
        ip6_forward: link.forward.contains(&Family::Ipv6),
        ip_forward: link.forward.contains(&Family::Ipv4),
        kind: link.kind.as_str(),
        mac: link.mac.map(|mac| mac.to_string()),
        mtu: link.mtu.map(|mtu| mtu.get()),
        proxy_arp: link.proxy_arp,
        routes: routes(link),
        ..Device::default()
    };
    match &link.kind {
        LinkKind::Bridge(bridge) => Device {
            ports: Some(ports.iter().map(|port| port.name.to_string()).collect()),
            vlan_aware: bridge.vlan_aware.then_some(true),
            stp: bridge.spanning_tree.then_some(true),
            forward_delay: (bridge.forward_delay > 0).then_some(bridge.forward_delay),
            vids: bridge.vlan_aware.then(|| vids(ports)),
            ..device
        },
        LinkKind::Bundle(bundle) => Device {
            learning: (!bundle.learning).then_some(false),
            local: Some(bundle.local.to_string()),
            port: (bundle.port != UdpPort::VXLAN).then(|| bundle.port.get()),
            ..device
        },
        LinkKind::Vlan(vlan) => Device {
            parent: Some(vlan.parent.to_string()),
            vlan_id: Some(vlan.id.get()),
            protocol: (!vlan.protocol.is_default()).then(|| vlan.protocol.to_string()),
            ..device
        },
        LinkKind::Bond(bond) => Device {
            ports: Some(ports.iter().map(|port| port.name.to_string()).collect()),
            mode: Some(bond.mode.as_str()),
            miimon: Some(bond.miimon.get()),
            lacp_rate: bond.lacp_rate.map(LacpRate::as_str),
            xmit_hash_policy: bond.xmit_hash_policy.map(XmitHashPolicy::as_str),
            primary: bond.primary.as_ref().map(ToString::to_string),
            ..device
        },
        LinkKind::Vrf(vrf) => Device {
            table: Some(vrf.table),
            unreachable_default: Some(vrf.has_unreachable_default),
            ..device
        },
        LinkKind::Dummy | LinkKind::Physical => device,
        LinkKind::Veth { peer } => Device {
            peer: Some(peer.to_string()),
            ..device
        },
        LinkKind::Switched(port) => Device {
            ovs: Some(Switched::of(port)),
            ..device
        },
        LinkKind::Vxlan(vxlan) => Device {
            learning: (!vxlan.learning).then_some(false),
            local: Some(vxlan.local.to_string()),
            neigh_suppress: vxlan.suppression,
            port: (vxlan.port != UdpPort::VXLAN).then(|| vxlan.port.get()),
            remotes: (vxlan.learning || !vxlan.flood.is_empty())
                .then(|| vxlan.flood.iter().map(ToString::to_string).collect()),
            vni: Some(vxlan.vni.get()),
            ..device
        },
    }
}

fn routes(link: &Link) -> Vec<String> {
    let direct = link.routes.iter().map(ToString::to_string);
    let asked_for = link.static_routes.iter().map(ToString::to_string);
    direct.chain(asked_for).collect()
}

/// The VLANs that a bridge's ports carry with their tag.
fn vids(ports: &[&Link]) -> String {
    let ranges = ports.iter().flat_map(|port| port.vlans.tagged.ranges());
    ranges.copied().collect::<VlanSet>().to_string()
}

fn translation(nat: &Nat, facts: &Facts) -> Translation {
    let family = nat.source.family();
    let own = facts.default_link(family);
    // A node without a default route of the family has the other one's device as its way out.
    let out = own
        .or(facts.default_ipv4.as_ref())
        .or(facts.default_ipv6.as_ref());
    let address = || {
        let mut addresses = facts.links.get(own?)?.addresses.iter();
        addresses.find(|it| it.family() == family)
    };
    let to = match nat.to {
        Snat::Address(address) => address.to_string(),
        Snat::Masquerade => {
            address().map_or_else(|| nat.to.to_string(), |it| it.address().to_string())
        }
    };
    Translation {
        family: match family {
            Family::Ipv4 => 4,
            Family::Ipv6 => 6,
        },
        out: out.map(ToString::to_string),
        source: nat.source.to_string(),
        to,
    }
}
