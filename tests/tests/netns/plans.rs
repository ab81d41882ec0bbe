//! Plans for hosts: one vnet, and any at random.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use proptest::prelude::*;
use weft_model::plan::link::{Bridge, Bundle, Link, LinkKind, Vlan, Vlans, Vrf, Vxlan};
use weft_model::plan::segment::Segment;
use weft_model::plan::{Entry, NodePlan, Origin};
use weft_model::port::UdpPort;
use weft_model::prefix::Family;
use weft_model::vlan::{VlanId, VlanProtocol};

/// A bridge that is all that a vnet has.
pub fn bridge(name: &str) -> Link {
    Link {
        mtu: Some(1450.try_into().unwrap()),
        ..Link::plain(
            name.parse().unwrap(),
            Origin::Zone {
                zone: "prod".parse().unwrap(),
                vnet: Some(name.parse().unwrap()),
            },
            LinkKind::Bridge(Bridge::default()),
        )
    }
}

/// A vnet with a gateway, over VXLAN with two peers.
pub fn vnet(number: u32) -> [Link; 2] {
    let name = format!("v{number}");
    let mut outer = bridge(&name);
    outer.mac = [2, 0, 0, 0, 1, 1].try_into().ok();
    if number == 1 {
        outer.addresses = BTreeSet::from(["10.1.0.1/24".parse().unwrap()]);
    }
    let mut port = bridge(&format!("vx{number}"));
    port.origin = outer.origin.clone();
    port.kind = LinkKind::Vxlan(Vxlan {
        vni: number.try_into().unwrap(),
        local: Ipv4Addr::LOCALHOST.into(),
        port: UdpPort::VXLAN,
        learning: true,
        flood: Arc::new([[127, 0, 0, 2].into(), [127, 0, 0, 3].into()].into()),
        suppression: false,
        told_by_bgp: false,
    });
    port.master = Some(outer.name.clone());
    [outer, port]
}

/// A plan of these devices.
pub fn plan_of(links: impl IntoIterator<Item = Link>) -> NodePlan {
    links.into_iter().map(Entry::Link).collect()
}

/// The plan that wants nothing.
pub fn empty() -> Arc<NodePlan> {
    Arc::new(NodePlan::default())
}

/// Any plan over five device names, so that names, networks and kinds collide often.
pub fn any_plan() -> impl Strategy<Value = NodePlan> {
    let names = ["aa", "bb", "cc", "dd", "ee"];
    let vnis = Just(vec![1u32, 2, 3, 4, 5]).prop_shuffle();
    (proptest::collection::vec(seed(), names.len()), vnis).prop_map(move |(seeds, vnis)| {
        let is_bridge: BTreeMap<&str, bool> = names
            .iter()
            .zip(&seeds)
            .filter(|(_, seed)| seed.present)
            .map(|(name, seed)| (*name, seed.bridge))
            .collect();
        names
            .iter()
            .zip(seeds.iter().zip(vnis))
            .filter(|(_, (seed, _))| seed.present)
            .map(|(name, (seed, vni))| {
                let master = names[seed.master];
                let has_master = is_bridge.get(master) == Some(&true);
                Entry::Link(seed.link(name, vni, has_master.then_some(master)))
            })
            .collect()
    })
}

#[derive(Clone, Debug)]
struct Seed {
    present: bool,
    bridge: bool,
    master: usize,
    mtu: u32,
    named: bool,
    alias: bool,
    forward: bool,
    learning: bool,
    ipv6_underlay: bool,
    addresses: u8,
    peers: u8,
}

fn seed() -> impl Strategy<Value = Seed> {
    let flags = (
        proptest::bool::weighted(0.7),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    let mtu = prop_oneof![Just(1500u32), Just(1450), Just(9000), Just(900)];
    (flags, mtu, 0..5usize, 0..16u8, 0..8u8).prop_map(
        |(
            (present, bridge, named, alias, forward, learning, ipv6_underlay),
            mtu,
            master,
            addresses,
            peers,
        )| Seed {
            present,
            bridge,
            master,
            mtu,
            named,
            alias,
            forward,
            learning,
            ipv6_underlay,
            addresses,
            peers,
        },
    )
}

impl Seed {
    fn link(&self, name: &str, vni: u32, master: Option<&str>) -> Link {
        let bits = |bits: u8| (0..4u8).filter(move |bit| bits & (1 << bit) != 0);
        let number = name.as_bytes()[0];
        let mut link = bridge(name);
        link.mtu = Some(self.mtu.try_into().unwrap());
        link.mac = [2, 0, 0, 0, 0, number].try_into().ok();
        link.alias = self.alias.then(|| "Kunde (Zürich)".parse().unwrap());
        link.alternative_name = self
            .named
            .then(|| format!("{name}-a-long-name-of-a-vnet").parse().unwrap());
        if self.forward {
            link.forward = BTreeSet::from([Family::Ipv4]);
        }
        if self.bridge {
            // Subnets of a zone never overlap, so no two are of one network.
            let all = ["10.1.0.1/24", "10.3.0.1/24", "10.2.0.1/16", "fd00::1/64"];
            link.addresses = bits(self.addresses)
                .filter(|bit| *bit != 3 || self.mtu >= 1280)
                .map(|bit| all[usize::from(bit)].parse().unwrap())
                .collect();
            if self.learning && self.addresses & 1 != 0 {
                link.routes
                    .insert(format!("10.9.{number}.1/32").parse().unwrap());
            }
            if self.learning && self.addresses & 8 != 0 && self.mtu >= 1280 {
                link.routes
                    .insert(format!("fd09::{number}/128").parse().unwrap());
            }
            return link;
        }
        let address = |last: u8| -> IpAddr {
            if self.ipv6_underlay {
                Ipv6Addr::new(0xfd10, 0, 0, 0, 0, 0, 0, last.into()).into()
            } else {
                Ipv4Addr::new(10, 0, 0, last).into()
            }
        };
        let told_by_bgp = self.alias && !self.learning;
        let peers = if told_by_bgp { 0 } else { self.peers };
        link.kind = LinkKind::Vxlan(Vxlan {
            vni: vni.try_into().unwrap(),
            local: address(100 + u8::from(self.named)),
            port: UdpPort::VXLAN,
            learning: self.learning,
            flood: Arc::new(bits(peers).map(address).collect()),
            suppression: self.forward,
            told_by_bgp,
        });
        link.master = master.map(|master| master.parse().unwrap());
        link
    }
}

/// The bridge of a host that is not ours and filters VLANs.
pub const TRUNK: &str = "vmbr0";

fn vlan_id(id: u32) -> VlanId {
    id.try_into().unwrap()
}

/// Any plan with devices of every kind: those of [`any_plan`], VLANs of the host's own bridge, a
/// bridge that filters VLANs, a pair of devices, a bundle, and routing domains with some of them.
pub fn any_plan_of_every_kind() -> impl Strategy<Value = NodePlan> {
    let vlans = (
        Just(vec![5u32, 6, 7]).prop_shuffle(),
        0..3usize,
        any::<bool>(),
    );
    let pair = (any::<bool>(), any::<bool>(), 0..16u8);
    let bundle = proptest::option::of(any_bundle());
    let domains = proptest::option::of(any_domains());
    (any_plan(), vlans, any::<bool>(), pair, bundle, domains).prop_map(
        |(
            mut plan,
            (ids, count, in_bridge),
            filtering,
            (has_pair, plugged, bits),
            bundle,
            domains,
        )| {
            let mut put = |link: Link| plan.put(Arc::new(Entry::Link(link)));
            let mut aware = bridge("va");
            aware.kind = LinkKind::Bridge(Bridge {
                vlan_aware: filtering,
                ..Bridge::default()
            });
            let of_aware = Some(aware.name.clone());
            put(aware);
            for (name, id) in ["vl1", "vl2"].iter().zip(ids).take(count) {
                let mut vlan = bridge(name);
                vlan.kind = LinkKind::Vlan(Vlan {
                    parent: TRUNK.parse().unwrap(),
                    id: vlan_id(id),
                    protocol: VlanProtocol::Dot1q,
                    join: true,
                });
                vlan.master = of_aware.clone().filter(|_| in_bridge);
                put(vlan);
            }
            if has_pair {
                let mut near = bridge("pa");
                near.kind = LinkKind::Veth {
                    peer: "pb".parse().unwrap(),
                };
                let mut far = bridge("pb");
                far.kind = LinkKind::Veth {
                    peer: "pa".parse().unwrap(),
                };
                if plugged {
                    near.master = of_aware;
                    let tagged = (0..4u32).filter(|bit| bits & (1 << bit) != 0);
                    near.vlans = Vlans {
                        tagged: tagged.map(|bit| vlan_id(2 + 7 * bit)).collect(),
                        untagged: (bits & 1 == 0).then(|| vlan_id(1)),
                    };
                }
                put(near);
                put(far);
            }
            let is_tunnel = |link: &Link| matches!(link.kind, LinkKind::Vxlan(_));
            let port = if plan.links().any(is_tunnel) {
                4790
            } else {
                4789
            };
            for mut entry in bundle.into_iter().flatten() {
                if let Entry::Link(link) = &mut entry
                    && let LinkKind::Bundle(bundle) = &mut link.kind
                {
                    bundle.port = port.try_into().unwrap();
                }
                plan.put(Arc::new(entry));
            }
            if let Some(domains) = domains {
                domains.put_into(&mut plan);
            }
            plan
        },
    )
}

/// One or two routing domains that trade tables, and what is in which.
#[derive(Clone, Debug)]
struct Domains {
    domains: Vec<Link>,
    members: Vec<usize>,
    /// Whether what is in them hears who announces itself, and takes any way back.
    switches: [bool; 2],
}

fn any_domains() -> impl Strategy<Value = Domains> {
    let tables = Just(vec![77u32, 1001, 1_000_001_002]).prop_shuffle();
    let members = proptest::collection::vec(0..3usize, 8);
    (tables, any::<[bool; 5]>(), members).prop_map(|(tables, bits, members)| {
        let [second, drops, others_drop, hears, any_source] = bits;
        let both = [("vr", drops), ("vs", others_drop)].into_iter().zip(tables);
        let all = both.map(|((name, has_unreachable_default), table)| Link {
            mtu: None,
            kind: LinkKind::Vrf(Vrf {
                table,
                has_unreachable_default,
            }),
            ..bridge(name)
        });
        Domains {
            domains: all.take(1 + usize::from(second)).collect(),
            members,
            switches: [hears, any_source],
        }
    })
}

impl Domains {
    fn put_into(self, plan: &mut NodePlan) {
        let names = ["aa", "bb", "cc", "dd", "ee", "va", "pa", "pb"];
        for (name, member) in names.iter().zip(self.members) {
            let link = plan.link(&name.parse().unwrap()).cloned();
            let is_routed = |link: &Link| {
                let is_bridge = matches!(link.kind, LinkKind::Bridge(_));
                link.master.is_none() && (is_bridge || matches!(link.kind, LinkKind::Veth { .. }))
            };
            let Some(mut link) = link.filter(is_routed) else {
                continue;
            };
            link.master = self.domains.get(member).map(|domain| domain.name.clone());
            [link.hears_announcements, link.any_source] = self.switches;
            plan.put(Arc::new(Entry::Link(link)));
        }
        for domain in self.domains {
            plan.put(Arc::new(Entry::Link(domain)));
        }
    }
}

/// The bridge and the tunnel device of a zone, and networks on VLANs of it.
fn any_bundle() -> impl Strategy<Value = Vec<Entry>> {
    let vlans = Just(vec![1u32, 2, 3, 100, 4093, 4094]).prop_shuffle();
    let bits = (0..64u8, any::<bool>(), any::<bool>(), 0..8u8);
    (vlans, bits).prop_map(|(vlans, (present, ipv6, learning, peers))| {
        let address = |last: u8| -> IpAddr {
            if ipv6 {
                Ipv6Addr::new(0xfd10, 0, 0, 0, 0, 0, 0, last.into()).into()
            } else {
                Ipv4Addr::new(10, 0, 0, last).into()
            }
        };
        let peers = (0..3u8).filter(|bit| peers & (1 << bit) != 0);
        let flood: Arc<BTreeSet<IpAddr>> = Arc::new(peers.map(address).collect());
        let mut outer = bridge("ze");
        outer.kind = LinkKind::Bridge(Bridge {
            vlan_aware: true,
            bare_ports: true,
            ..Bridge::default()
        });
        let tunnel = Link {
            name: "vxe".parse().unwrap(),
            kind: LinkKind::Bundle(Bundle {
                local: address(100),
                port: UdpPort::VXLAN,
                learning,
                suppression: false,
                told_by_bgp: false,
            }),
            master: Some(outer.name.clone()),
            ..outer.clone()
        };
        let of_tunnel = tunnel.name.clone();
        let origin = outer.origin.clone();
        let segments = vlans.into_iter().zip(1001u32..);
        let segments = segments
            .enumerate()
            .filter(|(at, _)| present & (1 << at) != 0);
        let segments = segments.map(|(_, (vlan, vni))| {
            Entry::Segment(Segment {
                origin: origin.clone(),
                tunnel: of_tunnel.clone(),
                vlan: vlan_id(vlan),
                vni: vni.try_into().unwrap(),
                flood: Arc::clone(&flood),
            })
        });
        [Entry::Link(outer), Entry::Link(tunnel)]
            .into_iter()
            .chain(segments)
            .collect()
    })
}
