//! Plans for hosts: one vnet, and any at random.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use proptest::prelude::*;
use weft_model::object::drift::DriftPolicy;
use weft_model::plan::link::{Bridge, Link, LinkKind, Vlans, Vxlan};
use weft_model::plan::{Entry, NodePlan, Origin};
use weft_model::port::UdpPort;
use weft_model::prefix::Family;

/// A bridge that is all that a vnet has.
pub fn bridge(name: &str) -> Link {
    Link {
        name: name.parse().unwrap(),
        origin: Origin::Zone {
            zone: "prod".parse().unwrap(),
            vnet: Some(name.parse().unwrap()),
        },
        kind: LinkKind::Bridge(Bridge::default()),
        mtu: Some(1450.try_into().unwrap()),
        mac: None,
        alias: None,
        alternative_name: None,
        master: None,
        addresses: BTreeSet::new(),
        routes: BTreeSet::new(),
        static_routes: BTreeSet::new(),
        forward: BTreeSet::new(),
        proxy_arp: false,
        vlans: Vlans::default(),
        drift: DriftPolicy::Heal,
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
        link.kind = LinkKind::Vxlan(Vxlan {
            vni: vni.try_into().unwrap(),
            local: address(100 + u8::from(self.named)),
            port: UdpPort::VXLAN,
            learning: self.learning,
            flood: Arc::new(bits(self.peers).map(address).collect()),
        });
        link.master = master.map(|master| master.parse().unwrap());
        link
    }
}
