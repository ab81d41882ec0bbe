//! Fabrics.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use proptest::collection::btree_map;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use weft_model::object::fabric::{
    Area, BgpOptions, FabricInterface, FabricKind, FabricNode, FabricSpec, LinkNetwork, Multiplier,
    OpenFabricOptions, OspfOptions, Seconds,
};
use weft_model::prefix::Prefix;

use super::name;
use super::routing::asn;

fn seconds() -> impl Strategy<Value = Option<Seconds>> {
    option::of((1u32..=600).prop_map(|it| it.try_into().unwrap()))
}

fn kind() -> impl Strategy<Value = FabricKind> {
    let multiplier = (2u32..=100).prop_map(|it| Multiplier::try_from(it).unwrap());
    let openfabric = (seconds(), option::of(multiplier), seconds()).prop_map(
        |(hello_interval, hello_multiplier, csnp_interval)| OpenFabricOptions {
            hello_interval,
            hello_multiplier,
            csnp_interval,
        },
    );
    let ospf =
        (any::<u32>(), seconds(), seconds()).prop_map(|(area, hello_interval, dead_interval)| {
            OspfOptions {
                area: Area(area.into()),
                hello_interval,
                dead_interval,
            }
        });
    prop_oneof![
        openfabric.prop_map(FabricKind::OpenFabric),
        ospf.prop_map(FabricKind::Ospf),
        any::<bool>().prop_map(|bfd| FabricKind::Bgp(BgpOptions { bfd })),
    ]
}

fn prefix(text: &'static [&'static str]) -> impl Strategy<Value = Prefix> {
    select(text).prop_map(|text| text.parse().unwrap())
}

pub fn fabric() -> impl Strategy<Value = FabricSpec> {
    let network = option::of(select(LinkNetwork::ALL.to_vec()));
    let interfaces = btree_map(name(), network, 0..3);
    let node = (
        option::of(any::<u32>()),
        option::of(any::<u128>()),
        option::of(any::<NonZeroU32>()),
        asn(),
        interfaces,
    );
    (
        kind(),
        prefix(&["10.255.0.0/24", "192.0.2.0/30"]),
        option::of(prefix(&["fd00:ff::/64", "2001:db8::/120"])),
        btree_map(name(), node, 0..4),
    )
        .prop_map(|(kind, prefix, prefix6, nodes)| {
            let (is_ospf, is_bgp) = match kind {
                FabricKind::OpenFabric(_) => (false, false),
                FabricKind::Ospf(_) => (true, false),
                FabricKind::Bgp(_) => (false, true),
            };
            let nodes = nodes
                .into_iter()
                .map(|(name, (ip, ip6, index, asn, interfaces))| {
                    let interfaces: BTreeMap<_, _> = interfaces;
                    let interfaces = interfaces.into_iter().map(|(name, network)| {
                        let network = network.filter(|_| is_ospf);
                        (name, FabricInterface { network })
                    });
                    let node = FabricNode {
                        ip: ip.map(Into::into),
                        ip6: ip6.map(Into::into),
                        index,
                        asn: Some(asn).filter(|_| is_bgp),
                        interfaces: interfaces.collect(),
                    };
                    (name, node)
                });
            FabricSpec {
                prefix: Some(prefix),
                prefix6: prefix6.filter(|_| !is_ospf),
                kind,
                nodes: nodes.collect(),
            }
        })
}
