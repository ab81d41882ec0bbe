//! The differences from the peer that are meant. `accepted-differences.md` has the same for people.

use serde_json::Value;

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
        occurs_in: &["simple-ipv4", "simple-ipv4v6", "simple-ipv6snat"],
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
        occurs_in: &["simple-ipv6snat"],
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
];

/// The rule by which a difference is meant, if it is.
pub fn rule(case: &Case, difference: &Difference) -> Option<&'static Rule> {
    RULES.iter().find(|rule| (rule.covers)(case, difference))
}
