//! Valid inputs for tests: a default, changed in one thing; and all of them at random.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use proptest::prelude::*;
use weft_model::object::subnet::Snat;
use weft_model::plan::link::{
    Bridge, Bundle, GuestPorts, Link, LinkKind, SwitchPort, Vlan, Vlans, Vrf, Vxlan,
};
use weft_model::plan::nat::Nat;
use weft_model::plan::segment::Segment;
use weft_model::plan::{Entry, NodePlan, Origin};
use weft_model::port::UdpPort;
use weft_model::prefix::Family;
use weft_model::revision::ClusterId;
use weft_model::vlan::{VlanId, VlanProtocol};

use crate::own::Owner;
use crate::seen::{Ipv6, Seen, SeenKind, SeenLink};

/// The owner in all tests.
pub(crate) fn owner() -> Owner {
    Owner::new(ClusterId::from_bytes([0x0a; 16]))
}

/// A bridge that is all that a vnet `name` has.
pub(crate) fn bridge(name: &str) -> Link {
    Link {
        mtu: Some(1450.try_into().unwrap()),
        ..Link::plain(
            name.parse().unwrap(),
            Origin::Zone {
                zone: "prod".parse().unwrap(),
                vnet: Some(format!("{name}-vnet").replace('_', "-").parse().unwrap()),
            },
            LinkKind::Bridge(Bridge::default()),
        )
    }
}

/// A VXLAN device with two peers, a port of `master`.
pub(crate) fn vxlan(name: &str, vni: u32, master: &str) -> Link {
    Link {
        kind: LinkKind::Vxlan(Vxlan {
            vni: vni.try_into().unwrap(),
            local: [10, 0, 0, 1].into(),
            port: UdpPort::VXLAN,
            learning: true,
            flood: Arc::new(BTreeSet::from([[10, 0, 0, 2].into(), [10, 0, 0, 3].into()])),
            suppression: false,
            told_by_bgp: false,
        }),
        master: Some(master.parse().unwrap()),
        ..bridge(name)
    }
}

/// A VXLAN device of which BGP tells who is behind which peer, a port of `master`.
pub(crate) fn told(name: &str, vni: u32, master: &str) -> Link {
    let mut link = vxlan(name, vni, master);
    if let LinkKind::Vxlan(vxlan) = &mut link.kind {
        (vxlan.learning, vxlan.flood) = (false, Arc::default());
        (vxlan.suppression, vxlan.told_by_bgp) = (true, true);
    }
    link
}

/// A routing domain that drops what no route of it is for.
pub(crate) fn domain(name: &str, table: u32) -> Link {
    Link {
        kind: LinkKind::Vrf(Vrf {
            table,
            has_unreachable_default: true,
        }),
        mtu: None,
        ..bridge(name)
    }
}

/// A plan of these devices.
pub(crate) fn plan_of(links: impl IntoIterator<Item = Link>) -> NodePlan {
    links.into_iter().map(Entry::Link).collect()
}

/// A host on which nobody did anything yet, with IPv6.
pub(crate) fn host() -> Seen {
    let mut seen = Seen::default();
    for (index, name) in [(1, "lo"), (2, "eth0")] {
        let mut link = SeenLink::new(index, name, SeenKind::Other);
        link.up = true;
        // The kernel is one that can accept announcements.
        link.ipv6 = Some(Ipv6 {
            accept_untracked: Some(false),
            ..Ipv6::default()
        });
        seen.put(link);
    }
    let kind = SeenKind::Bridge {
        spanning_tree: false,
        forward_delay: 0,
        bare_ports: false,
        vlans: Some(VlanProtocol::Dot1q),
    };
    let mut trunk = SeenLink::new(3, "vmbr0", kind);
    trunk.up = true;
    seen.put(trunk);
    let vlans = Vlans {
        // Somebody else lets VLAN 2 up to the host.
        tagged: std::iter::once(vlan_id(2)).collect(),
        untagged: Some(vlan_id(1)),
    };
    seen.set_vlans(3, vlans);
    seen.switches = ["ovs0", "ovs1"].map(str::to_owned).into();
    seen
}

/// A device that BGP tells about after a hand was at it, once for each sign by which that is known.
pub(crate) fn meddled_with(link: &SeenLink) -> [SeenLink; 2] {
    let [mut learning, mut nameless] = [link.clone(), link.clone()];
    learning.port.learning = true;
    nameless.alias = None;
    [learning, nameless]
}

/// A VLAN that is there.
pub(crate) fn vlan_id(id: u32) -> VlanId {
    id.try_into().unwrap()
}

/// A VLAN of another device.
pub(crate) fn vlan(name: &str, parent: &str, id: u32, master: Option<&str>) -> Link {
    Link {
        kind: LinkKind::Vlan(Vlan {
            parent: parent.parse().unwrap(),
            id: vlan_id(id),
            protocol: VlanProtocol::Dot1q,
            join: parent != "eth0",
        }),
        master: master.map(|master| master.parse().unwrap()),
        ..bridge(name)
    }
}

/// A port of an Open vSwitch bridge.
pub(crate) fn switched(
    name: &str,
    switch: &str,
    id: u32,
    tunnel: Option<VlanProtocol>,
    master: Option<&str>,
) -> Link {
    Link {
        kind: LinkKind::Switched(SwitchPort {
            switch: switch.parse().unwrap(),
            id: vlan_id(id),
            tunnel,
        }),
        mtu: None,
        master: master.map(|master| master.parse().unwrap()),
        ..bridge(name)
    }
}

/// The bridge and the tunnel device of a zone of layout bundle, with these networks by their VLANs.
pub(crate) fn bundle(bridge_name: &str, tunnel: &str, networks: &[(u32, u32)]) -> Vec<Entry> {
    let zone = Origin::Zone {
        zone: "prod".parse().unwrap(),
        vnet: None,
    };
    let of_zone = |name| Link {
        origin: zone.clone(),
        kind: LinkKind::Bridge(Bridge {
            vlan_aware: true,
            bare_ports: true,
            ..Bridge::default()
        }),
        ..bridge(name)
    };
    let device = Link {
        kind: LinkKind::Bundle(Bundle {
            local: [10, 0, 0, 1].into(),
            port: UdpPort::VXLAN,
            learning: true,
            suppression: false,
            told_by_bgp: false,
        }),
        master: Some(bridge_name.parse().unwrap()),
        ..of_zone(tunnel)
    };
    let flood = Arc::new(BTreeSet::from([[10, 0, 0, 2].into(), [10, 0, 0, 3].into()]));
    let segments = networks.iter().map(|(vlan, vni)| {
        Entry::Segment(Segment {
            origin: bridge(&format!("n{vni}")).origin,
            tunnel: tunnel.parse().unwrap(),
            vlan: vlan_id(*vlan),
            vni: (*vni).try_into().unwrap(),
            flood: Arc::clone(&flood),
        })
    });
    let links = [of_zone(bridge_name), device].map(Entry::Link);
    links.into_iter().chain(segments).collect()
}

/// One end of a pair.
pub(crate) fn veth(name: &str, peer: &str, master: Option<&str>) -> Link {
    Link {
        kind: LinkKind::Veth {
            peer: peer.parse().unwrap(),
        },
        master: master.map(|master| master.parse().unwrap()),
        ..bridge(name)
    }
}

/// Any plan over four device names, so that names, networks and kinds collide often.
pub(crate) fn any_plan() -> impl Strategy<Value = NodePlan> {
    let names = ["a", "b", "c", "d"];
    let vnis = Just(vec![1u32, 2, 3, 4]).prop_shuffle();
    let seeds = proptest::collection::vec(any_seed(), 4);
    let bundles = proptest::option::of(any_bundles());
    let domains = proptest::option::of(any_domains());
    let devices = (bundles, domains, proptest::option::of(any_dummy()));
    let all = (seeds, vnis, any::<bool>(), any::<bool>(), devices);
    all.prop_map(
        move |(mut seeds, vnis, nat, pair, (bundles, domains, dummy))| {
            let domains = domains.unwrap_or_default();
            // A port is for many networks a device or for one.
            let port = UdpPort::try_from(if bundles.is_some() { 4790 } else { 4789 }).unwrap();
            if pair {
                for seed in &mut seeds[2..] {
                    (seed.present, seed.form) = (true, Form::Pair);
                }
            }
            let is_bridge: BTreeMap<&str, bool> = names
                .iter()
                .zip(&seeds)
                .filter(|(_, seed)| seed.present)
                .map(|(name, seed)| (*name, seed.form == Form::Bridge))
                .collect();
            let mut plan: NodePlan = names
                .iter()
                .zip(seeds.iter().zip(vnis))
                .filter(|(_, (seed, _))| seed.present)
                .map(|(name, (seed, vni))| {
                    let master = names[seed.master];
                    let has_master = is_bridge.get(master) == Some(&true);
                    let mut link = seed.link(name, vni, has_master, master);
                    let is_routed =
                        matches!(link.kind, LinkKind::Bridge(_) | LinkKind::Veth { .. });
                    if is_routed && link.master.is_none() {
                        let domain = domains.get(seed.domain);
                        link.master = domain.map(|domain| domain.name.clone());
                        if link.master.is_some() {
                            link.vlans = Vlans::default();
                        }
                    }
                    if let LinkKind::Vxlan(vxlan) = &mut link.kind {
                        vxlan.port = port;
                    }
                    Entry::Link(link)
                })
                .collect();
            if nat {
                plan.put(Arc::new(Entry::Nat(Nat {
                    origin: bridge("a").origin,
                    source: "10.1.0.0/24".parse().unwrap(),
                    inside: "a".parse().unwrap(),
                    outside: BTreeSet::new(),
                    to: Snat::Masquerade,
                })));
            }
            for entry in bundles.into_iter().flatten() {
                plan.put(Arc::new(entry));
            }
            for link in domains.into_iter().chain(dummy) {
                plan.put(Arc::new(Entry::Link(link)));
            }
            plan
        },
    )
}

/// The device of a fabric, with addresses of one family or both.
fn any_dummy() -> impl Strategy<Value = Link> {
    let addresses =
        prop::sample::subsequence(vec!["10.255.0.1/32", "10.255.0.2/32", "fd00::1/128"], 0..=3);
    let mtu = 1400u32..=9000;
    (addresses, mtu).prop_map(|(addresses, mtu)| Link {
        origin: Origin::Fabric {
            fabric: "core".parse().unwrap(),
        },
        kind: LinkKind::Dummy,
        mtu: mtu.try_into().ok(),
        addresses: addresses
            .into_iter()
            .map(|it| it.parse().unwrap())
            .collect(),
        ..bridge("x")
    })
}

/// One or two routing domains that trade tables.
fn any_domains() -> impl Strategy<Value = Vec<Link>> {
    let tables = Just(vec![77u32, 1001, 1_000_001_002]).prop_shuffle();
    (tables, any::<[bool; 3]>()).prop_map(|(tables, [second, drops, others_drop])| {
        let both = [("v", drops), ("w", others_drop)].into_iter().zip(tables);
        let all = both.map(|((name, has_unreachable_default), table)| Link {
            kind: LinkKind::Vrf(Vrf {
                table,
                has_unreachable_default,
            }),
            ..domain(name, table)
        });
        all.take(1 + usize::from(second)).collect()
    })
}

/// One or two zones of layout bundle that trade networks, VLANs and peers.
fn any_bundles() -> impl Strategy<Value = Vec<Entry>> {
    let owners = proptest::collection::vec(0..4u8, 6);
    let vlans = Just(vec![1u32, 2, 3, 4, 5, 4094]).prop_shuffle();
    let bits = (any::<bool>(), any::<bool>(), any::<[bool; 3]>(), 0..8u8);
    (owners, vlans, bits).prop_map(|(owners, vlans, (second, ipv6, switches, peers))| {
        let [learning, suppression, told_by_bgp] = switches;
        let networks = |owner: u8| -> Vec<(u32, u32)> {
            let mine = owners.iter().zip(&vlans).zip(1..);
            let mine = mine.filter(|((it, _), _)| **it == owner);
            mine.map(|((_, vlan), vni)| (*vlan, vni)).collect()
        };
        let mut entries = bundle("e", "f", &networks(0));
        if second {
            entries.extend(bundle("g", "h", &networks(1)));
        }
        let address = |last: u8| -> IpAddr {
            if ipv6 {
                Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last.into()).into()
            } else {
                Ipv4Addr::new(10, 0, 0, last).into()
            }
        };
        let flood: BTreeSet<IpAddr> = (0..4u8)
            .filter(|bit| peers & (1 << bit) != 0)
            .map(address)
            .collect();
        for entry in &mut entries {
            match entry {
                Entry::Link(link) => {
                    if let LinkKind::Bundle(bundle) = &mut link.kind {
                        (bundle.local, bundle.learning) = (address(100), learning);
                        (bundle.suppression, bundle.told_by_bgp) = (suppression, told_by_bgp);
                    }
                }
                Entry::Segment(segment) => {
                    segment.flood = Arc::new(flood.clone());
                    if told_by_bgp {
                        segment.flood = Arc::default();
                    }
                }
                Entry::Nat(_) | Entry::Frr(_) => {}
            }
        }
        entries
    })
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Bridge,
    Tunnel,
    Vlan,
    Switched,
    /// The two last names are the ends of one pair.
    Pair,
}

#[derive(Clone, Debug)]
struct Seed {
    present: bool,
    form: Form,
    master: usize,
    mtu: u32,
    mac: bool,
    named: bool,
    addresses: u8,
    peers: u8,
    ipv6_underlay: bool,
    learning: bool,
    forward: bool,
    /// Which routing domain it is in, where there are so many.
    domain: usize,
    told: bool,
    hears: bool,
}

fn any_seed() -> impl Strategy<Value = Seed> {
    let form = prop_oneof![
        3 => Just(Form::Bridge),
        2 => Just(Form::Tunnel),
        2 => Just(Form::Vlan),
        2 => Just(Form::Switched),
    ];
    let first = (any::<bool>(), form, 0..4usize);
    let second = (
        prop_oneof![Just(1500u32), Just(1450), Just(600)],
        any::<bool>(),
        any::<bool>(),
    );
    let third = (0..16u8, 0..8u8, any::<bool>(), any::<bool>(), any::<bool>());
    let fourth = (0..3usize, any::<bool>(), any::<bool>());
    (first, second, third, fourth).prop_map(
        |(
            (present, form, master),
            (mtu, mac, named),
            (addresses, peers, ipv6_underlay, learning, forward),
            (domain, told, hears),
        )| Seed {
            present,
            form,
            master,
            mtu,
            mac,
            named,
            addresses,
            peers,
            ipv6_underlay,
            learning,
            forward,
            domain,
            told,
            hears,
        },
    )
}

impl Seed {
    fn link(&self, name: &str, vni: u32, has_master: bool, master: &str) -> Link {
        let bits = |bits: u8| (0..4u8).filter(move |bit| bits & (1 << bit) != 0);
        let number = name.as_bytes()[0];
        let mut link = bridge(name);
        link.mtu = Some(self.mtu.try_into().unwrap());
        link.mac = self
            .mac
            .then(|| [2, 0, 0, 0, 0, number].try_into().unwrap());
        link.alternative_name = self.named.then(|| format!("{name}-long").parse().unwrap());
        if self.forward {
            link.forward = BTreeSet::from([Family::Ipv4]);
        }
        let bits_of_form = (self.learning, self.ipv6_underlay);
        if self.form == Form::Bridge {
            (link.hears_announcements, link.any_source) = (self.hears, self.told);
            if self.forward && self.hears && self.mtu >= 1280 {
                link.forward.insert(Family::Ipv6);
            }
            link.kind = LinkKind::Bridge(Bridge {
                vlan_aware: bits_of_form.1,
                bare_ports: false,
                guests: GuestPorts {
                    isolated: self.named,
                    learning: self.learning,
                },
                ..Bridge::default()
            });
            let usable = bits(self.addresses).filter(|bit| *bit != 3 || self.mtu >= 1280);
            link.addresses = usable
                .map(|bit| {
                    ["10.1.0.1/24", "10.1.0.2/24", "10.2.0.1/16", "fd00::1/64"][usize::from(bit)]
                        .parse()
                        .unwrap()
                })
                .collect();
            if self.learning && self.addresses & 1 != 0 {
                link.routes = BTreeSet::from(["10.9.0.0/24".parse().unwrap()]);
            }
            return link;
        }
        link.master = has_master.then(|| master.parse().unwrap());
        if has_master && self.peers & 1 != 0 {
            link.vlans = Vlans {
                tagged: bits(self.addresses)
                    .map(|bit| vlan_id(u32::from(bit) + 1))
                    .collect(),
                untagged: (self.addresses & 1 == 0).then(|| vlan_id(1)),
            };
        }
        match self.form {
            Form::Pair => {
                let peer = if name == "c" { "d" } else { "c" };
                link.kind = veth(name, peer, None).kind;
                return link;
            }
            Form::Vlan => {
                // Where nothing of ours could be its bridge, a VLAN of what the host has.
                let parent = match (self.forward, has_master) {
                    (true, _) => "vmbr0",
                    (false, true) if self.mac => master,
                    (false, _) => "eth0",
                };
                if parent == master {
                    link.master = None;
                    link.vlans = Vlans::default();
                    link.mtu = Some(600.try_into().unwrap());
                }
                link.kind = vlan(name, parent, vni + 1, None).kind;
                return link;
            }
            Form::Switched => {
                let switch = if self.forward { "ovs0" } else { "ovs1" };
                let tunnel = self.learning.then_some(VlanProtocol::Dot1ad);
                link.kind = switched(name, switch, vni, tunnel, None).kind;
                return link;
            }
            Form::Bridge | Form::Tunnel => {}
        }
        let address = |last: u8| -> IpAddr {
            if self.ipv6_underlay {
                Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last.into()).into()
            } else {
                Ipv4Addr::new(10, 0, 0, last).into()
            }
        };
        link.kind = LinkKind::Vxlan(Vxlan {
            vni: vni.try_into().unwrap(),
            local: address(100 + u8::from(self.named)),
            port: UdpPort::VXLAN,
            learning: self.learning,
            flood: Arc::new(if self.told {
                BTreeSet::new()
            } else {
                bits(self.peers).map(address).collect()
            }),
            suppression: self.hears,
            told_by_bgp: self.told,
        });
        link
    }
}
