//! What goes out on the wire and comes back is the same; what is wrong is named, all of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test is built of is as much test as the test"
)]

#[path = "round_trip/fabric.rs"]
mod fabric;
#[path = "round_trip/policy.rs"]
mod policy;
#[path = "round_trip/routing.rs"]
mod routing;
#[path = "round_trip/status.rs"]
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use prost::Message;
use weft_model::bond::{BondMode, LacpRate, XmitHashPolicy};
use weft_model::clock::Span;
use weft_model::facts::{BridgeFacts, DeviceType, Facts, FrrFacts, LinkFacts};
use weft_model::mac::Mac;
use weft_model::message::{
    Answer, Command, Confirmed, Fence, Found, Gates, Hello, Lease, Pin, Progress, Standing, Target,
};
use weft_model::mtu::Mtu;
use weft_model::name::{
    ControllerName, FabricName, HostNetworkName, LabelKey, LabelValue, LinkName, NodeName,
    PolicyName, SnippetName, SubnetName, VnetName, ZoneName,
};
use weft_model::object::drift::DriftPolicy;
use weft_model::object::host_network::{
    HostBond, HostBridge, HostNetworkSpec, HostRoute, HostVlan, Interface, InterfaceKind,
    Masquerade,
};
use weft_model::object::node::{NodeSpec, TunnelAddresses};
use weft_model::object::selector::NodeSelector;
use weft_model::object::subnet::{Snat, SubnetSpec};
use weft_model::object::vnet::{Tag, VnetSpec};
use weft_model::object::zone::{
    EvpnZone, Layout, QinqZone, VlanZone, VxlanPeers, VxlanZone, ZoneKind, ZoneSpec,
};
use weft_model::object::{Declared, Metadata, Object};
use weft_model::plan::digest::Digest;
use weft_model::plan::frr::Frr;
use weft_model::plan::link::{
    Bond, Bridge, Bundle, GuestPorts, Link, LinkKind, SwitchPort, Vlan, Vlans, Vrf, Vxlan,
};
use weft_model::plan::nat::Nat;
use weft_model::plan::route::Route;
use weft_model::plan::segment::Segment;
use weft_model::plan::{Entry, NodePlan, Origin, PlanDelta};
use weft_model::port::UdpPort;
use weft_model::prefix::{Family, InterfaceAddress, Prefix};
use weft_model::report::Fault;
use weft_model::revision::{ClusterId, Epoch, Incarnation, Nonce, RevisionId, RolloutId};
use weft_model::text::Text;
use weft_model::vlan::{BridgeVlans, VlanId, VlanProtocol, VlanSet};
use weft_model::vni::Vni;
use weft_proto::convert::fields::FieldError;
use weft_proto::convert::{message, plan};
use weft_proto::{digest, v1};

fn name<T: std::str::FromStr<Err: std::fmt::Debug> + std::fmt::Debug>() -> impl Strategy<Value = T>
{
    "x[a-z0-9]{0,6}[a-z]".prop_map(|text| text.parse().unwrap())
}

fn text() -> impl Strategy<Value = Text> {
    "[ -~äλ]{1,40}".prop_map(|text| text.parse().unwrap())
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())),
        ipv6()
    ]
}

fn ipv6() -> impl Strategy<Value = IpAddr> {
    any::<u128>().prop_map(|bits| IpAddr::V6(bits.into()))
}

fn prefix() -> impl Strategy<Value = Prefix> {
    (address(), 8u8..=32).prop_map(|(address, length)| {
        ipnet::IpNet::new(address, length)
            .unwrap()
            .trunc()
            .try_into()
            .unwrap()
    })
}

fn mac() -> impl Strategy<Value = Mac> {
    any::<[u8; 6]>().prop_map(Mac::local)
}

fn mtu() -> impl Strategy<Value = Mtu> {
    (576u32..=65_535).prop_map(|mtu| mtu.try_into().unwrap())
}

fn port() -> impl Strategy<Value = UdpPort> {
    (1u32..=65_535).prop_map(|port| port.try_into().unwrap())
}

fn vni() -> impl Strategy<Value = Vni> {
    (1u32..=Vni::MAX).prop_map(|vni| vni.try_into().unwrap())
}

fn labels() -> impl Strategy<Value = BTreeMap<LabelKey, LabelValue>> {
    btree_map(name(), name(), 0..3)
}

fn selector() -> impl Strategy<Value = NodeSelector> {
    prop_oneof![
        Just(NodeSelector::All),
        btree_set(name::<NodeName>(), 1..4).prop_map(NodeSelector::Names),
        btree_map(name(), name(), 1..3).prop_map(NodeSelector::Labels),
    ]
}

fn peers() -> impl Strategy<Value = VxlanPeers> {
    prop_oneof![
        select(vec![Family::Ipv4, Family::Ipv6]).prop_map(VxlanPeers::Nodes),
        (name(), select(vec![Family::Ipv4, Family::Ipv6]))
            .prop_map(|(fabric, family)| VxlanPeers::Fabric(fabric, family)),
        btree_set((1u8..=250).prop_map(|n| IpAddr::from([10, 0, 0, n])), 1..5)
            .prop_map(VxlanPeers::Static),
    ]
}

fn zone_kind() -> impl Strategy<Value = ZoneKind> {
    prop_oneof![
        Just(ZoneKind::Simple),
        (name(), uplinks(), any::<bool>()).prop_map(|(bridge, uplinks, mac_learning)| {
            ZoneKind::Vlan(VlanZone {
                bridge,
                uplinks,
                mac_learning,
            })
        }),
        (name(), uplinks(), any::<bool>(), vlan_id(), vlan_protocol()).prop_map(
            |(bridge, uplinks, mac_learning, tag, protocol)| {
                ZoneKind::Qinq(QinqZone {
                    bridge,
                    uplinks,
                    tag,
                    protocol,
                    mac_learning,
                })
            }
        ),
        (routing::evpn_zone(), layout())
            .prop_map(|(zone, layout)| ZoneKind::Evpn(EvpnZone { layout, ..zone })),
        (peers(), port(), any::<bool>(), layout()).prop_map(|(peers, port, learning, layout)| {
            ZoneKind::Vxlan(VxlanZone {
                peers,
                port,
                learning,
                layout,
            })
        }),
    ]
}

fn layout() -> impl Strategy<Value = Layout> {
    select(vec![Layout::Separate, Layout::Bundle])
}

fn uplinks() -> impl Strategy<Value = BTreeSet<LinkName>> {
    btree_set(name(), 0..3)
}

fn vlan_id() -> impl Strategy<Value = VlanId> {
    (1u32..=4094).prop_map(|id| id.try_into().unwrap())
}

fn vlan_protocol() -> impl Strategy<Value = VlanProtocol> {
    select(vec![VlanProtocol::Dot1q, VlanProtocol::Dot1ad])
}

fn vlans() -> impl Strategy<Value = Vlans> {
    let tagged = vec((vlan_id(), vlan_id()), 0..3).prop_map(VlanSet::from_iter);
    (tagged, option::of(vlan_id())).prop_map(|(tagged, untagged)| Vlans { tagged, untagged })
}

fn drift() -> impl Strategy<Value = DriftPolicy> {
    select(vec![DriftPolicy::Heal, DriftPolicy::Observe])
}

fn declared<N: std::fmt::Debug, S: std::fmt::Debug>(
    name: impl Strategy<Value = N>,
    spec: impl Strategy<Value = S>,
) -> impl Strategy<Value = Declared<N, S>> {
    (name, labels(), spec).prop_map(|(name, labels, spec)| Declared {
        metadata: Metadata { name, labels },
        spec,
    })
}

fn object() -> impl Strategy<Value = Object> {
    let zone = (selector(), option::of(mtu()), drift(), zone_kind()).prop_map(
        |(nodes, mtu, drift, kind)| ZoneSpec {
            nodes,
            mtu,
            drift,
            kind,
        },
    );
    let tag = option::of((1u32..=0xff_ffff).prop_map(|tag| Tag::try_from(tag).unwrap()));
    let vnet = (
        name(),
        (tag, option::of(vlan_id())),
        option::of(text()),
        option::of(mac()),
        any::<[bool; 2]>(),
        option::of(routing::distinguisher()),
        routing::targets(),
    )
        .prop_map(
            |(
                zone,
                (tag, vlan),
                alias,
                mac,
                [vlan_aware, isolate_ports],
                distinguisher,
                targets,
            )| VnetSpec {
                zone,
                tag,
                vlan,
                alias,
                mac,
                vlan_aware,
                isolate_ports,
                distinguisher,
                targets,
            },
        );
    let subnet = (name(), prefix(), option::of(address()), option::of(snat())).prop_map(
        |(vnet, cidr, gateway, snat)| SubnetSpec {
            vnet,
            cidr,
            gateway,
            snat,
        },
    );
    let node =
        (option::of(any::<u32>()), option::of(any::<u128>())).prop_map(|(ipv4, ipv6)| NodeSpec {
            tunnel: TunnelAddresses {
                ipv4: ipv4.map(Into::into),
                ipv6: ipv6.map(Into::into),
            },
        });
    prop_oneof![
        declared(name::<ZoneName>(), zone).prop_map(Object::Zone),
        declared(name::<VnetName>(), vnet).prop_map(Object::Vnet),
        declared(name::<SubnetName>(), subnet).prop_map(Object::Subnet),
        declared(name::<NodeName>(), node).prop_map(Object::Node),
        declared(name::<HostNetworkName>(), host_network()).prop_map(Object::HostNetwork),
        declared(name::<ControllerName>(), routing::controller()).prop_map(Object::Controller),
        declared(name::<FabricName>(), fabric::fabric()).prop_map(Object::Fabric),
        declared(name::<PolicyName>(), policy::prefix_list()).prop_map(Object::PrefixList),
        declared(name::<PolicyName>(), policy::route_map()).prop_map(Object::RouteMap),
        declared(name::<SnippetName>(), policy::frr_snippet()).prop_map(Object::FrrSnippet),
    ]
}

fn interface_kind() -> impl Strategy<Value = InterfaceKind> {
    let vids = vec((vlan_id(), vlan_id()), 1..3).prop_map(VlanSet::from_iter);
    let vids = vids.prop_filter("an empty set is none", |it| !it.is_empty());
    let delay = (0u32..=30).prop_map(|it| it.try_into().unwrap());
    let bridge = (
        uplinks(),
        any::<[bool; 2]>(),
        option::of(vids),
        option::of(delay),
    )
        .prop_map(
            |(ports, [vlan_aware, stp], vids, forward_delay)| HostBridge {
                ports,
                vlan_aware,
                vids,
                stp,
                forward_delay,
            },
        );
    let bond = (
        (select(BondMode::ALL), uplinks(), 1u32..=60_000),
        (
            option::of(select(LacpRate::ALL)),
            option::of(select(XmitHashPolicy::ALL)),
            option::of(name()),
        ),
    )
        .prop_map(
            |((mode, members, miimon), (lacp_rate, xmit_hash_policy, primary))| HostBond {
                mode,
                members,
                miimon: miimon.try_into().unwrap(),
                lacp_rate,
                xmit_hash_policy,
                primary,
            },
        );
    let vlan = (name(), vlan_id(), vlan_protocol()).prop_map(|(device, tag, protocol)| HostVlan {
        device,
        tag,
        protocol,
    });
    prop_oneof![
        Just(InterfaceKind::Physical),
        bridge.prop_map(InterfaceKind::Bridge),
        bond.prop_map(InterfaceKind::Bond),
        vlan.prop_map(InterfaceKind::Vlan),
    ]
}

fn host_network() -> impl Strategy<Value = HostNetworkSpec> {
    let route = (prefix(), option::of(address()), option::of(any::<u32>()))
        .prop_map(|(to, via, metric)| HostRoute { to, via, metric });
    let masquerade = (prefix(), uplinks()).prop_map(|(source, out)| Masquerade { source, out });
    let interface = (
        (interface_kind(), option::of(text()), option::of(mtu())),
        (
            btree_set(interface_address(), 0..3),
            btree_set(address(), 0..2),
            btree_set(route, 0..3),
        ),
        (
            subsequence(vec![Family::Ipv4, Family::Ipv6], 0..=2),
            any::<bool>(),
            btree_set(masquerade, 0..3),
        ),
    )
        .prop_map(
            |(
                (kind, alias, mtu),
                (addresses, gateways, routes),
                (forward, proxy_arp, masquerade),
            )| Interface {
                kind,
                alias,
                mtu,
                addresses,
                gateways,
                routes,
                forward: forward.into_iter().collect(),
                proxy_arp,
                masquerade,
            },
        );
    (selector(), drift(), btree_map(name(), interface, 0..4)).prop_map(
        |(nodes, drift, interfaces)| HostNetworkSpec {
            nodes,
            drift,
            interfaces,
        },
    )
}

fn snat() -> impl Strategy<Value = Snat> {
    prop_oneof![Just(Snat::Masquerade), address().prop_map(Snat::Address)]
}

fn origin() -> impl Strategy<Value = Origin> {
    prop_oneof![
        3 => (name(), option::of(name())).prop_map(|(zone, vnet)| Origin::Zone { zone, vnet }),
        1 => name().prop_map(|host| Origin::Host { host }),
        1 => name().prop_map(|controller| Origin::Controller { controller }),
        1 => name().prop_map(|snippet| Origin::Snippet { snippet }),
        1 => name().prop_map(|fabric| Origin::Fabric { fabric }),
    ]
}

fn link_kind() -> impl Strategy<Value = LinkKind> {
    let vxlan = (
        vni(),
        address(),
        port(),
        any::<[bool; 3]>(),
        btree_set(address(), 0..5),
    );
    prop_oneof![
        any::<(u32, bool)>().prop_map(|(table, has_unreachable_default)| {
            LinkKind::Vrf(Vrf {
                table,
                has_unreachable_default,
            })
        }),
        (any::<[bool; 5]>(), 0..=30u8).prop_map(|(switches, forward_delay)| {
            let [vlan_aware, bare_ports, isolated, learning, spanning_tree] = switches;
            LinkKind::Bridge(Bridge {
                vlan_aware,
                bare_ports,
                guests: GuestPorts { isolated, learning },
                spanning_tree,
                forward_delay,
            })
        }),
        (address(), port(), any::<[bool; 3]>()).prop_map(|(local, port, switches)| {
            let [learning, suppression, told_by_bgp] = switches;
            LinkKind::Bundle(Bundle {
                local,
                port,
                learning,
                suppression,
                told_by_bgp,
            })
        }),
        bond().prop_map(LinkKind::Bond),
        Just(LinkKind::Physical),
        Just(LinkKind::Dummy),
        (name(), vlan_id(), vlan_protocol(), any::<bool>()).prop_map(
            |(parent, id, protocol, join)| {
                LinkKind::Vlan(Vlan {
                    parent,
                    id,
                    protocol,
                    join,
                })
            }
        ),
        name().prop_map(|peer| LinkKind::Veth { peer }),
        (name(), vlan_id(), option::of(vlan_protocol())).prop_map(|(switch, id, tunnel)| {
            LinkKind::Switched(SwitchPort { switch, id, tunnel })
        }),
        vxlan.prop_map(
            |(vni, local, port, [learning, suppression, told_by_bgp], flood)| {
                LinkKind::Vxlan(Vxlan {
                    vni,
                    local,
                    port,
                    learning,
                    flood: Arc::new(flood),
                    suppression,
                    told_by_bgp,
                })
            }
        ),
    ]
}

fn bond() -> impl Strategy<Value = Bond> {
    let rates = select(LacpRate::ALL);
    let policies = select(XmitHashPolicy::ALL);
    (
        select(BondMode::ALL),
        1..=60_000u32,
        option::of(rates),
        option::of(policies),
        option::of(name()),
    )
        .prop_map(
            |(mode, miimon, lacp_rate, xmit_hash_policy, primary)| Bond {
                mode,
                miimon: miimon.try_into().unwrap(),
                lacp_rate,
                xmit_hash_policy,
                primary,
            },
        )
}

fn static_route() -> impl Strategy<Value = Route> {
    (prefix(), option::of(address()), option::of(any::<u32>()))
        .prop_map(|(to, via, metric)| Route { to, via, metric })
}

fn interface_address() -> impl Strategy<Value = InterfaceAddress> {
    (address(), 0u8..=32)
        .prop_map(|(address, length)| InterfaceAddress::new(address, length).unwrap())
}

fn entry() -> impl Strategy<Value = Entry> {
    let names = (
        name::<LinkName>(),
        origin(),
        option::of(text()),
        option::of(name()),
        option::of(name()),
    );
    let numbers = (link_kind(), option::of(mtu()), option::of(mac()), drift());
    let sets = (
        btree_set(interface_address(), 0..3),
        btree_set(prefix(), 0..3),
        btree_set(static_route(), 0..3),
        subsequence(vec![Family::Ipv4, Family::Ipv6], 0..=2),
        any::<[bool; 3]>(),
        vlans(),
    );
    let link = (names, numbers, sets).prop_map(|(names, numbers, sets)| {
        let (name, origin, alias, alternative_name, master) = names;
        let (kind, mtu, mac, drift) = numbers;
        let (addresses, routes, static_routes, forward, switches, vlans) = sets;
        let [proxy_arp, hears_announcements, any_source] = switches;
        let forward = forward.into_iter().collect::<BTreeSet<_>>();
        Entry::Link(Link {
            name,
            origin,
            kind,
            mtu,
            mac,
            alias,
            alternative_name,
            master,
            addresses,
            routes,
            static_routes,
            forward,
            proxy_arp,
            hears_announcements,
            any_source,
            vlans,
            drift,
        })
    });
    let outside = btree_set(name(), 0..3);
    let nat = (origin(), prefix(), name(), outside, snat()).prop_map(
        |(origin, source, inside, outside, to)| {
            Entry::Nat(Nat {
                origin,
                source,
                inside,
                outside,
                to,
            })
        },
    );
    let flood = btree_set(address(), 0..5);
    let segment = (origin(), name(), vlan_id(), vni(), flood).prop_map(
        |(origin, tunnel, vlan, vni, flood)| {
            Entry::Segment(Segment {
                origin,
                tunnel,
                vlan,
                vni,
                flood: Arc::new(flood),
            })
        },
    );
    prop_oneof![3 => link, 1 => nat, 1 => segment, 1 => stanza()]
}

fn stanza() -> impl Strategy<Value = Entry> {
    let stanzas = vec![
        r#"{"vrf":{"name":"vrf_z","vni":7}}"#,
        r#"{"static":{"vrf":"z","prefix":"10.0.0.0/8","via":{"hops":[{"gateway":"192.0.2.1"}]}}}"#,
        r#"{"static":{"prefix":"fd00::/8","via":"blackhole"}}"#,
        r#"{"bgp":{"at":{"asn":65000,"vrf":"z"},"routerId":"192.0.2.1",
            "switches":{"ebgpRequiresPolicy":false},"listen":{"10.0.0.0/8":"VTEP"},
            "ipv4":{"redistribute":{"connected":{"routeMap":"m"}}},
            "evpn":{"advertise":{"ipv4":null,"ipv6":"m"},"targets":{"importOfAnyone":[7]}}}}"#,
        r#"{"neighbor":{"at":{"asn":65000},"peer":{"link":["eth0",true,{"group":"VTEP"}]},
            "bfd":{"profile":"fast"},"evpn":{"switches":["nextHopSelf"]}}}"#,
        r#"{"network":{"at":{"asn":65000},"vni":7,"targets":{"rd":"1:7","export":["1:7"]}}}"#,
        r#"{"routeMap":{"name":"m","rules":{"5":{"action":"permit",
            "matches":[{"prefixes":["ipv6","p"]}],"then":{"goto":7}}}}}"#,
        r#"{"prefixList":{"family":"ipv4","name":"p","rules":{
            "5":{"action":"deny","prefix":"0.0.0.0/0","le":32}}}}"#,
        r#"{"isis":{"tag":"i","net":"49.0001.0000.0000.0001.00",
            "redistribute":[["ipv4","connected","one"]]}}"#,
        r#"{"snippet":{"name":"s","order":1,"lines":[
            {"text":"router bgp 1","inside":[{"text":"coalesce-time 5"}]}]}}"#,
    ];
    (origin(), select(stanzas)).prop_map(|(origin, text)| {
        let stanza = serde_json::from_str(text).unwrap();
        Entry::Frr(Frr { origin, stanza })
    })
}

fn node_plan() -> impl Strategy<Value = NodePlan> {
    vec(entry(), 0..6).prop_map(NodePlan::from_iter)
}

fn bridge_vlans() -> impl Strategy<Value = BridgeVlans> {
    prop_oneof![
        Just(BridgeVlans::Ignored),
        vlan_protocol().prop_map(BridgeVlans::Filtered),
        Just(BridgeVlans::OpenVswitch),
    ]
}

fn facts() -> impl Strategy<Value = Facts> {
    let link = (option::of(mtu()), btree_set(interface_address(), 0..3))
        .prop_map(|(mtu, addresses)| LinkFacts { mtu, addresses });
    let bridge =
        (bridge_vlans(), option::of(mtu()), uplinks()).prop_map(|(vlans, mtu, uplinks)| {
            BridgeFacts {
                vlans,
                mtu,
                uplinks,
            }
        });
    let frr = (text(), btree_set(text(), 0..3))
        .prop_map(|(version, daemons)| FrrFacts { version, daemons });
    let texts = (
        text(),
        text(),
        option::of(text()),
        option::of(name()),
        option::of(name()),
    );
    let sets = (
        subsequence(DeviceType::ALL.to_vec(), 0..=8),
        btree_map(name(), link, 0..3),
        btree_map(name(), bridge, 0..3),
        subsequence(vec![Family::Ipv4, Family::Ipv6], 0..=2),
        option::of(frr),
    );
    (texts, sets).prop_map(|(texts, sets)| {
        let (kernel, agent, nft, default_ipv4, default_ipv6) = texts;
        let (device_types, links, bridges, forwarding, frr) = sets;
        Facts {
            kernel,
            agent,
            device_types: device_types.into_iter().collect(),
            links,
            bridges,
            default_ipv4,
            default_ipv6,
            forwarding: forwarding.into_iter().collect(),
            nft,
            frr,
        }
    })
}

fn fence() -> impl Strategy<Value = Fence> {
    (any::<[u8; 16]>(), any::<[u64; 4]>()).prop_map(|(cluster, numbers)| Fence {
        cluster: ClusterId::from_bytes(cluster),
        incarnation: Incarnation(numbers[0]),
        epoch: Epoch(numbers[1]),
        rollout: RolloutId(numbers[2]),
        nonce: Nonce(numbers[3]),
    })
}

fn target() -> impl Strategy<Value = Target> {
    (any::<u64>(), any::<[u8; 32]>()).prop_map(|(revision, digest)| Target {
        revision: RevisionId(revision),
        digest: Digest::from_bytes(digest),
    })
}

fn command() -> impl Strategy<Value = Command> {
    let lease = (1u64.., 1u64..).prop_map(|(contact, cap)| Lease {
        contact: Span(contact),
        cap: Span(cap),
    });
    let gates = prop_oneof![
        Just(Gates::default()),
        (btree_set(name(), 1..3), 1u64.., any::<bool>()).prop_map(|(probes, limit, may_fall)| {
            Gates {
                probes,
                limit: Span(limit),
                sessions_may_fall: may_fall,
            }
        }),
    ];
    let prepare =
        (target(), target(), lease.clone(), gates).prop_map(|(from, to, lease, gates)| {
            Command::Prepare {
                from,
                to,
                lease,
                gates,
            }
        });
    let catch_up = (target(), lease).prop_map(|(to, lease)| Command::CatchUp { to, lease });
    prop_oneof![
        prepare,
        catch_up,
        Just(Command::Apply),
        Just(Command::KeepAlive),
        Just(Command::Check),
        Just(Command::Confirm),
        Just(Command::Rollback),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    let fault = (
        option::of(origin()),
        "[ -~]{0,20}",
        "[ -~]{0,20}",
        "[ -~]{0,20}",
    )
        .prop_map(|(origin, attempt, cause, advice)| Fault {
            origin,
            attempt,
            cause,
            advice,
        })
        .boxed();
    let faults = vec(fault.clone(), 0..3).boxed();
    let found = (any::<u32>(), btree_map(name(), fault, 0..3), faults.clone()).prop_map(
        |(steps, failing, disruptive)| Found {
            steps,
            failing,
            disruptive,
        },
    );
    prop_oneof![
        found.prop_map(Answer::Prepared),
        faults.clone().prop_map(Answer::Refused),
        faults.prop_map(Answer::Failed),
        Just(Answer::Alive),
        Just(Answer::Verified),
        Just(Answer::Confirmed),
        Just(Answer::RolledBack),
    ]
}

fn hello() -> impl Strategy<Value = Hello> {
    let progress = select(vec![
        Progress::Prepared,
        Progress::Armed,
        Progress::Verified,
        Progress::Reverting,
        Progress::Reverted,
        Progress::Stuck,
    ]);
    let standing = prop_oneof![
        Just(Standing::Settled),
        (any::<u64>(), target(), progress).prop_map(|(rollout, to, progress)| {
            Standing::Unsettled {
                rollout: RolloutId(rollout),
                to,
                progress,
            }
        }),
    ];
    (
        option::of((any::<[u8; 16]>(), any::<u64>())),
        any::<[u64; 2]>(),
        target(),
        standing,
    )
        .prop_map(|(pin, [epoch, rollout], target, standing)| Hello {
            pin: pin.map(|(cluster, incarnation)| Pin {
                cluster: ClusterId::from_bytes(cluster),
                incarnation: Incarnation(incarnation),
            }),
            epoch: Epoch(epoch),
            confirmed: Confirmed {
                rollout: RolloutId(rollout),
                target,
            },
            standing,
        })
}

proptest! {
    #[test]
    fn an_object_comes_back_as_it_went(object in object()) {
        let bytes = v1::Object::from(&object).encode_to_vec();
        let wire = v1::Object::decode(&*bytes).unwrap();
        prop_assert_eq!(Object::try_from(&wire), Ok(object));
    }

    #[test]
    fn facts_come_back_as_they_went(facts in facts()) {
        let bytes = v1::Facts::from(&facts).encode_to_vec();
        prop_assert_eq!(Facts::try_from(&v1::Facts::decode(&*bytes).unwrap()), Ok(facts));
    }

    #[test]
    fn a_plan_travels_as_a_difference(before in node_plan(), after in node_plan()) {
        let delta = before.delta(&after);
        let (from, to) = (digest::plan(&before), digest::plan(&after));
        prop_assert_eq!(digest::changed(&before, from, &delta), to);
        let bytes = plan::delta_to_wire(&delta, from, to).encode_to_vec();
        let wire = v1::PlanDelta::decode(&*bytes).unwrap();
        let mut held = before;
        held.apply(&PlanDelta::try_from(&wire).unwrap());
        prop_assert_eq!(plan::digest(&wire.to_digest), Ok(digest::plan(&held)));
        prop_assert_eq!(held, after);
    }

    #[test]
    fn a_whole_plan_starts_from_nothing(wanted in node_plan()) {
        let wire = plan::whole_to_wire(&wanted);
        let mut held = NodePlan::default();
        held.apply(&PlanDelta::try_from(&wire).unwrap());
        prop_assert_eq!(held, wanted);
    }

    #[test]
    fn different_plans_have_different_digests(before in node_plan(), after in node_plan()) {
        prop_assert_eq!(before == after, digest::plan(&before) == digest::plan(&after));
    }

    #[test]
    fn a_command_comes_back_as_it_went(fence in fence(), command in command()) {
        let brings_plan = matches!(command, Command::Prepare { .. } | Command::CatchUp { .. });
        let plan = brings_plan.then(v1::PlanDelta::default);
        let wire = message::command_to_wire(&fence, &command, plan.clone());
        let wire = v1::Command::decode(&*wire.encode_to_vec()).unwrap();
        prop_assert_eq!(message::command(wire), Ok((fence, command, plan)));
    }

    #[test]
    fn an_answer_comes_back_as_it_went(fence in fence(), answer in answer()) {
        let wire = message::answer_to_wire(&fence, &answer);
        let wire = v1::Answer::decode(&*wire.encode_to_vec()).unwrap();
        prop_assert_eq!(message::answer(&wire), Ok((fence, answer)));
    }

    #[test]
    fn a_hello_comes_back_as_it_went(hello in hello()) {
        let wire = message::hello_to_wire(&hello);
        let wire = v1::Hello::decode(&*wire.encode_to_vec()).unwrap();
        prop_assert_eq!(message::hello(&wire), Ok(hello));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        if let Ok(wire) = v1::Object::decode(&*bytes) {
            let _ = Object::try_from(&wire);
        }
        if let Ok(wire) = v1::PlanDelta::decode(&*bytes) {
            let _ = PlanDelta::try_from(&wire);
        }
    }
}

#[test]
fn every_wrong_field_is_named_by_its_path() {
    let wire = v1::Object {
        metadata: Some(v1::Metadata {
            name: "web\n".to_owned(),
            ..Default::default()
        }),
        spec: Some(v1::object::Spec::Zone(v1::ZoneSpec {
            r#type: "vxlan".to_owned(),
            mtu: Some(70_000),
            vxlan: Some(v1::VxlanZone {
                port: Some(0),
                ..Default::default()
            }),
            ..Default::default()
        })),
        status: None,
    };
    let errors = Object::try_from(&wire).unwrap_err().0;
    let fields: Vec<_> = errors
        .iter()
        .map(|FieldError { field, .. }| field.as_str())
        .collect();
    assert_eq!(fields, ["metadata.name", "spec.vxlan.port", "spec.mtu"]);
    assert_eq!(
        errors[2].problem,
        "70000 is not a usable MTU: use 576 to 65535"
    );
}
