//! The differences from the peer that are meant. `accepted-differences.md` has the same for people.

use serde_json::{Value, json};

use super::case::Case;
use super::facts::Difference;

/// A difference that is meant.
pub struct Rule {
    /// Its heading in `accepted-differences.md`.
    pub name: &'static str,
    /// Whether a difference is this one.
    pub covers: fn(&Case, &Difference) -> bool,
    /// The situations in which it must occur; it may in others.
    pub occurs_in: &'static [&'static str],
}

/// The situations that have a zone of type evpn and are built.
const ZONES: &[&str] = &[
    "evpn-advertise_subnets",
    "evpn-bgp_ebgp_multihop",
    "evpn-bgp_loopback",
    "evpn-combined_bgp_isis",
    "evpn-ebgp",
    "evpn-exitnode_local_routing",
    "evpn-exitnode_snat",
    "evpn-ipv4",
    "evpn-ipv4ipv6nogateway",
    "evpn-ipv6underlay",
    "evpn-isis_loopback",
    "evpn-multipath_relax",
    "evpn-openfabric_fabric",
    "evpn-rt_import",
];

/// Every difference that is meant.
pub const RULES: &[Rule] = &[
    Rule {
        name: "A VXLAN device has an explicit source address",
        covers: |_, difference| {
            difference.fact.starts_with("links.vxlan_")
                && difference.fact.ends_with(".local")
                && difference.theirs.is_none()
        },
        occurs_in: &["vxlan-basic", "vxlan-vxlanport"],
    },
    Rule {
        name: "A gateway has the same Ethernet address on every node",
        covers: |case, difference| {
            let device = difference
                .fact
                .strip_prefix("links.")
                .and_then(|rest| rest.strip_suffix(".mac"));
            let has_gateway = |device| !case.expected["links"][device]["addresses"].is_null();
            device.is_some_and(has_gateway) && difference.theirs.is_none()
        },
        occurs_in: &[
            "simple-ipv4",
            "simple-ipv4v6",
            "simple-ipv6snat",
            "evpn-bgp_ebgp_multihop",
            "evpn-bgp_loopback",
            "evpn-combined_bgp_isis",
            "evpn-ebgp",
            "evpn-exitnode_local_routing",
            "evpn-exitnode_snat",
            "evpn-isis_loopback",
            "evpn-multipath_relax",
        ],
    },
    Rule {
        name: "An IPv6 subnet is not translated to an IPv4 address",
        covers: |_, difference| {
            let is_to = difference.fact.starts_with("snat.") && difference.fact.ends_with(".to");
            let is_ipv6_source = difference.fact.contains(':');
            let theirs = difference.theirs.as_ref().and_then(Value::as_str);
            let to_ipv4 = theirs.is_some_and(|it| it.parse::<std::net::Ipv4Addr>().is_ok());
            let ours = difference.ours.as_ref().and_then(Value::as_str);
            let stays_ipv6 = ours
                .is_some_and(|it| it == "masquerade" || it.parse::<std::net::Ipv6Addr>().is_ok());
            is_to && is_ipv6_source && to_ipv4 && stays_ipv6
        },
        occurs_in: &["simple-ipv6snat", "evpn-exitnode_snat"],
    },
    Rule {
        name: "An MTU is said where a tag takes of it",
        covers: |case, difference| {
            let is_tagged = ["vlan-", "qinq-"]
                .iter()
                .any(|it| case.name.starts_with(it));
            let is_less_than_the_bridges = |mtu: &Value| mtu.as_u64().is_some_and(|it| it <= 1500);
            is_tagged
                && difference.fact.starts_with("links.")
                && difference.fact.ends_with(".mtu")
                && difference.theirs.is_none()
                && difference
                    .ours
                    .as_ref()
                    .is_some_and(is_less_than_the_bridges)
        },
        occurs_in: &[
            "qinq-bridge",
            "qinq-bridge_vlanaware",
            "qinq-bridge_vlanaware_vlanawarevnet",
            "qinq-bridge_vlanawarevnet",
            "qinq-ovs",
            "qinq-ovs_vlanawarevnet",
            "vlan-bridge_vlanaware_vlanawarevnet",
            "vlan-ovs_vlanware_vnet",
        ],
    },
    Rule {
        name: "A VLAN of a port has the MTU of its zone",
        covers: |case, difference| {
            let device = difference
                .fact
                .strip_prefix("links.")
                .and_then(|rest| rest.strip_suffix(".mtu"));
            let is_only_named = |device| case.expected["links"][device].is_null();
            device.is_some_and(|it: &str| it.contains('.') && is_only_named(it))
                && difference.theirs.is_none()
        },
        occurs_in: &["vlan-bridge"],
    },
    Rule {
        name: "A routing domain's table has a number that follows from its zone",
        covers: |_, difference| {
            difference.fact.starts_with("links.vrf_")
                && difference.fact.ends_with(".table")
                && difference.theirs.is_none()
        },
        occurs_in: ZONES,
    },
    Rule {
        name: "The bridge between nodes has an address that follows from its node",
        covers: |_, difference| {
            difference.fact.starts_with("links.vrfbr_")
                && difference.fact.ends_with(".mac")
                && difference.theirs.is_none()
        },
        occurs_in: ZONES,
    },
    Rule {
        name: "What leads from node to node forwards by its own switch",
        covers: |_, difference| {
            let is_between = ["links.vrfbr_", "links.xvrf"]
                .iter()
                .any(|it| difference.fact.starts_with(it));
            let is_switch = [".ip_forward", ".ip6_forward"]
                .iter()
                .any(|it| difference.fact.ends_with(it));
            is_between && is_switch && difference.theirs.is_none()
        },
        occurs_in: ZONES,
    },
    Rule {
        name: "Neighbors of another AS need no route map",
        covers: |_, difference| {
            difference.fact.ends_with("] no bgp ebgp-requires-policy")
                && difference.theirs.is_none()
        },
        occurs_in: &[
            "evpn-advertise_subnets",
            "evpn-bgp_ebgp_multihop",
            "evpn-bgp_loopback",
            "evpn-combined_bgp_isis",
            "evpn-ebgp",
            "evpn-exitnode_local_routing",
            "evpn-exitnode_snat",
            "evpn-ipv4",
            "evpn-ipv4ipv6nogateway",
            "evpn-ipv6underlay",
            "evpn-isis_loopback",
            "evpn-multipath_relax",
            "evpn-openfabric_fabric",
            "evpn-rt_import",
            "evpn-ebgp_only",
        ],
    },
    Rule {
        name: "Default routes of exits are known by EVPN's own words",
        covers: |case, difference| {
            let is_of_exits = case.name.starts_with("evpn-exitnode_");
            let fact = &difference.fact;
            is_of_exits
                && (fact.contains(" prefix-list only_default")
                    || fact.starts_with("frr.[route-map MAP_VTEP_IN "))
        },
        occurs_in: &["evpn-exitnode_local_routing", "evpn-exitnode_snat"],
    },
    Rule {
        name: "A session without zones is told the same of restarts",
        covers: |case, difference| {
            let is_said = [
                "] no bgp graceful-restart notification",
                "] no bgp hard-administrative-reset",
            ]
            .iter()
            .any(|it| difference.fact.ends_with(it));
            case.name == "evpn-ebgp_only" && is_said && difference.theirs.is_none()
        },
        occurs_in: &["evpn-ebgp_only"],
    },
    Rule {
        name: "Route targets are said in FRR's own words",
        covers: |case, difference| {
            case.name == "evpn-ebgp"
                && (difference.fact.ends_with("] autort as 65000")
                    || (difference.theirs.is_none() && difference.fact.contains("/ vni 100]")))
        },
        occurs_in: &["evpn-ebgp"],
    },
    Rule {
        name: "A zone that imports another's routes keeps its own",
        covers: |case, difference| {
            case.name == "evpn-rt_import"
                && difference
                    .fact
                    .ends_with("] route-target import 65000:1000")
                && difference.theirs.is_none()
        },
        occurs_in: &["evpn-rt_import"],
    },
    Rule {
        name: "IS-IS carries IPv6 too, and the loopback",
        covers: |_, difference| {
            difference.theirs.is_none()
                && difference.fact.starts_with("frr.[interface ")
                && (difference.fact.ends_with(']')
                    || [
                        "] ip router isis isis1",
                        "] ipv6 router isis isis1",
                        "] isis passive",
                    ]
                    .iter()
                    .any(|it| difference.fact.ends_with(it)))
        },
        occurs_in: &["evpn-combined_bgp_isis", "evpn-isis_loopback"],
    },
    Rule {
        name: "A neighbor of two controllers is in one group and speaks for both",
        covers: |case, difference| {
            let is_neighbor = difference.fact.contains("] neighbor 192.168.0.");
            let is_theirs = difference.fact.ends_with(" peer-group VTEP");
            case.name == "evpn-multipath_relax"
                && is_neighbor
                && is_theirs == difference.ours.is_none()
        },
        occurs_in: &["evpn-multipath_relax"],
    },
    Rule {
        name: "A node is no neighbor of its own",
        covers: |case, difference| {
            case.name == "evpn-multipath_relax"
                && difference
                    .fact
                    .ends_with("] neighbor 192.168.0.1 peer-group BGP")
                && difference.ours.is_none()
        },
        occurs_in: &["evpn-multipath_relax"],
    },
    Rule {
        name: "A fabric names its source address in lists of its own",
        covers: |_, difference| {
            let has = |name: &str| difference.fact.contains(name);
            (has("pve_openfabric") && difference.ours.is_none())
                || ((has("weft_openfabric") || has("weft_dummy_test"))
                    && difference.theirs.is_none())
        },
        occurs_in: &["evpn-openfabric_fabric"],
    },
    Rule {
        name: "A fabric's own device has Ethernet's MTU and forwards nothing",
        covers: |_, difference| {
            ["links.dummy_test.mtu", "links.dummy_test.ip_forward"]
                .contains(&difference.fact.as_str())
        },
        occurs_in: &["evpn-openfabric_fabric"],
    },
    Rule {
        name: "The interfaces of a fabric are the host's",
        covers: |case, difference| {
            let is_of_one = ["links.ens20.", "links.ens21."]
                .iter()
                .any(|it| difference.fact.starts_with(it));
            case.name == "evpn-openfabric_fabric" && is_of_one && difference.ours.is_none()
        },
        occurs_in: &["evpn-openfabric_fabric"],
    },
    Rule {
        name: "Tunnels over IPv6 leave room for its header",
        covers: |case, difference| {
            case.name == "evpn-ipv6underlay"
                && difference.fact.ends_with(".mtu")
                && difference.theirs == Some(json!(1450))
                && difference.ours == Some(json!(1430))
        },
        occurs_in: &["evpn-ipv6underlay"],
    },
    Rule {
        name: "A router's number without IPv4 follows from its node's name",
        covers: |case, difference| {
            case.name == "evpn-ipv6underlay" && difference.fact.contains("] bgp router-id ")
        },
        occurs_in: &["evpn-ipv6underlay"],
    },
];

/// The rule by which a difference is meant, if it is.
pub fn rule(case: &Case, difference: &Difference) -> Option<&'static Rule> {
    RULES.iter().find(|rule| (rule.covers)(case, difference))
}
