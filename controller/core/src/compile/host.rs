//! Host networks: every interface that a node itself has, as it is declared; and whatever is plugged
//! into one, though nothing else is said of it.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::name::{LinkName, NodeName};
use weft_model::object::host_network::{
    ForwardDelay, HostBond, HostBridge, HostRoute, HostVlan, Interface, InterfaceKind,
};
use weft_model::object::subnet::Snat;
use weft_model::plan::link::{Bond, Bridge, GuestPorts, Link, LinkKind, Vlan, Vlans};
use weft_model::plan::nat::Nat;
use weft_model::plan::route::Route;
use weft_model::plan::{Entry, Origin};
use weft_model::prefix::{Family, Prefix};

use super::all_vlans;
use crate::intent::HostNetwork;

/// What a host network asks of one of its nodes.
pub(super) fn entries(host: &HostNetwork, node: &NodeName) -> Vec<Entry> {
    let spec = &host.declared.spec;
    let plugs = plugs(&spec.interfaces);
    let nothing = BTreeSet::new();
    let filtering = host.filtering.get(node).unwrap_or(&nothing);
    let mut entries = Vec::new();
    for (name, interface) in &spec.interfaces {
        let link = bare(host, name, kind(&interface.kind, filtering), &plugs);
        entries.push(Entry::Link(Link {
            mtu: interface.mtu,
            alias: interface.alias.clone(),
            addresses: interface.addresses.clone(),
            static_routes: routes(interface),
            forward: interface.forward.clone(),
            proxy_arp: interface.proxy_arp,
            ..link
        }));
        entries.extend(nats(host, name, interface).map(Entry::Nat));
    }
    let others = plugs
        .keys()
        .filter(|name| !spec.interfaces.contains_key(**name));
    entries.extend(others.map(|name| Entry::Link(bare(host, name, LinkKind::Physical, &plugs))));
    entries
}

/// What a device is plugged into, and the VLANs that it carries there.
type Plugs<'a> = BTreeMap<&'a LinkName, (&'a LinkName, Vlans)>;

fn plugs(interfaces: &BTreeMap<LinkName, Interface>) -> Plugs<'_> {
    let mut plugs = Plugs::new();
    for (name, interface) in interfaces {
        match &interface.kind {
            InterfaceKind::Bridge(bridge) => {
                let vlans = vlans(bridge);
                let ports = bridge.ports.iter();
                plugs.extend(ports.map(|port| (port, (name, vlans.clone()))));
            }
            InterfaceKind::Bond(bond) => {
                let members = bond.members.iter();
                plugs.extend(members.map(|member| (member, (name, Vlans::default()))));
            }
            InterfaceKind::Physical | InterfaceKind::Vlan(_) => {}
        }
    }
    plugs
}

/// The VLANs that a bridge's ports carry.
fn vlans(bridge: &HostBridge) -> Vlans {
    if !bridge.vlan_aware {
        return Vlans::default();
    }
    let all = all_vlans();
    match (&bridge.vids, all.untagged) {
        (Some(vids), Some(untagged)) => Vlans {
            tagged: vids.without(&std::iter::once(untagged).collect()),
            untagged: Some(untagged),
        },
        (_, _) => all,
    }
}

/// A device of which nothing is said but what it is and what it is plugged into.
fn bare(host: &HostNetwork, name: &LinkName, kind: LinkKind, plugs: &Plugs<'_>) -> Link {
    let (master, vlans) = plugs.get(name).cloned().unzip();
    Link {
        master: master.cloned(),
        vlans: vlans.unwrap_or_default(),
        drift: host.declared.spec.drift,
        ..Link::plain(name.clone(), origin(host), kind)
    }
}

fn origin(host: &HostNetwork) -> Origin {
    Origin::Host {
        host: host.name().clone(),
    }
}

fn kind(kind: &InterfaceKind, filtering: &BTreeSet<LinkName>) -> LinkKind {
    match kind {
        InterfaceKind::Physical => LinkKind::Physical,
        InterfaceKind::Bridge(HostBridge {
            ports: _,
            vlan_aware,
            vids: _,
            stp,
            forward_delay,
        }) => {
            let usual = match stp {
                true => ForwardDelay::SPANNING_TREE,
                false => ForwardDelay::default(),
            };
            LinkKind::Bridge(Bridge {
                vlan_aware: *vlan_aware,
                bare_ports: false,
                guests: GuestPorts::default(),
                spanning_tree: *stp,
                forward_delay: forward_delay.unwrap_or(usual).get(),
            })
        }
        InterfaceKind::Bond(HostBond {
            mode,
            members: _,
            miimon,
            lacp_rate,
            xmit_hash_policy,
            primary,
        }) => LinkKind::Bond(Bond {
            mode: *mode,
            miimon: *miimon,
            lacp_rate: *lacp_rate,
            xmit_hash_policy: *xmit_hash_policy,
            primary: primary.clone(),
        }),
        InterfaceKind::Vlan(HostVlan {
            device,
            tag,
            protocol,
        }) => LinkKind::Vlan(Vlan {
            parent: device.clone(),
            id: *tag,
            protocol: *protocol,
            join: filtering.contains(device),
        }),
    }
}

/// The routes of an interface; a gateway is one to everywhere.
fn routes(interface: &Interface) -> BTreeSet<Route> {
    let gateways = interface.gateways.iter().map(|gateway| Route {
        to: Prefix::everywhere(Family::of(*gateway)),
        via: Some(*gateway),
        metric: None,
    });
    let routes = interface.routes.iter();
    let routes = routes.map(|HostRoute { to, via, metric }| Route {
        to: *to,
        via: *via,
        metric: *metric,
    });
    gateways.chain(routes).collect()
}

/// One translation for each network. Where one of several says by which interfaces packets leave
/// and another does not, all count.
fn nats<'a>(
    host: &'a HostNetwork,
    name: &'a LinkName,
    interface: &'a Interface,
) -> impl Iterator<Item = Nat> + use<'a> {
    let mut outs: BTreeMap<Prefix, Option<BTreeSet<LinkName>>> = BTreeMap::new();
    for it in &interface.masquerade {
        let named = (!it.out.is_empty()).then(|| it.out.clone());
        outs.entry(it.source)
            .and_modify(|outs| {
                *outs = match (outs.take(), named.clone()) {
                    (Some(some), Some(more)) => Some(some.into_iter().chain(more).collect()),
                    (_, _) => None,
                }
            })
            .or_insert(named);
    }
    outs.into_iter().map(move |(source, outs)| Nat {
        origin: origin(host),
        source,
        inside: name.clone(),
        outside: outs.unwrap_or_default(),
        to: Snat::Masquerade,
    })
}
