//! Why a plan cannot be applied here, found before anything is changed.
//!
//! # Forwarding
//! The switches of the whole host are not ours to turn. A device of ours forwards IPv4 by its own
//! switch, which is enough between vnets. Beyond that the host must forward by itself:
//! * a source translation needs it, because the answers come in by a device that is not ours;
//! * an IPv6 gateway needs it, because kernels forward IPv6 only where the whole host does.

use std::collections::BTreeSet;

use weft_model::facts::DeviceType;
use weft_model::mtu::Mtu;
use weft_model::plan::NodePlan;
use weft_model::plan::link::Link;
use weft_model::plan::nat::Nat;
use weft_model::prefix::Family;
use weft_model::report::Fault;

use crate::link::speaks_ipv6;
use crate::scope::Scope;
use crate::seen::Seen;

/// What the node can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// The device types that the kernel can make.
    pub device_types: BTreeSet<DeviceType>,
    /// The families that the whole host forwards.
    pub forwarding: BTreeSet<Family>,
    /// Whether there is an `nft` program.
    pub nft: bool,
    /// Whether the agent may turn the IPv6 switches of devices.
    pub switches: bool,
}

/// Everything that keeps `next` from being applied, in the order of the plan; `scope` is what it
/// changes. What guests lose by it is not among it: that is for people to agree to
/// ([`disruption`](crate::disruption)), and a bridge that guests are plugged into is left to them.
pub fn refusals(abilities: &Abilities, next: &NodePlan, seen: &Seen, scope: &Scope) -> Vec<Fault> {
    let is_in_scope = |link: &&Link| match scope {
        Scope::All => true,
        Scope::Some { names, .. } => names.contains(link.name.as_str()),
    };
    let mut faults: Vec<Fault> = next
        .links()
        .filter(is_in_scope)
        .filter_map(|link| unable(abilities, seen, link))
        .collect();
    for nat in next.nats() {
        let family = nat.source.family();
        let cause = if !abilities.nft {
            Some((
                "the nft program is missing".to_owned(),
                "install nftables".to_owned(),
            ))
        } else if !abilities.forwarding.contains(&family) && !answers_come_in(next, nat) {
            Some((
                format!("the host does not forward {family}"),
                forwarding_advice(family),
            ))
        } else {
            None
        };
        faults.extend(cause.map(|(cause, advice)| Fault {
            origin: Some(nat.origin.clone()),
            attempt: format!("cannot translate the source addresses of {}", nat.source),
            cause,
            advice,
        }));
    }
    faults
}

/// Whether the devices by which answers come in forward by their own switches.
fn answers_come_in(next: &NodePlan, nat: &Nat) -> bool {
    let family = nat.source.family();
    let forwards = |name| {
        let link = next.link(name);
        link.is_some_and(|link| link.forward.contains(&family))
    };
    family == Family::Ipv4 && !nat.outside.is_empty() && nat.outside.iter().all(forwards)
}

fn unable(abilities: &Abilities, seen: &Seen, link: &Link) -> Option<Fault> {
    let kind = link.kind.as_str();
    let wants_ipv6 = speaks_ipv6(link);
    let lacks = link
        .kind
        .device_type()
        .filter(|kind| !abilities.device_types.contains(kind));
    let (cause, advice) = if lacks == Some(DeviceType::OpenVswitch) {
        (
            "the agent does not reach Open vSwitch".to_owned(),
            "see that ovsdb-server runs and that the agent may use its socket, or keep the zone \
             off this node"
                .to_owned(),
        )
    } else if lacks.is_some() {
        (
            format!("the kernel cannot make devices of type {kind}"),
            match link.kind.device_type() {
                Some(DeviceType::Bundle) => {
                    "use Linux 5.18 or newer, or keep the zone off this node, or give it the layout \
                     separate"
                        .to_owned()
                }
                _ => format!("load the kernel module {kind}, or keep the zone off this node"),
            },
        )
    } else if wants_ipv6 && !seen.has_ipv6() {
        (
            "IPv6 is switched off on the host".to_owned(),
            "start the kernel without ipv6.disable=1".to_owned(),
        )
    } else if wants_ipv6 && link.mtu.is_some_and(|mtu| mtu < Mtu::IPV6_MINIMUM) {
        (
            "its MTU is too small for IPv6".to_owned(),
            format!("give the zone an MTU of at least {}", Mtu::IPV6_MINIMUM),
        )
    } else if seen.has_ipv6() && !abilities.switches {
        (
            format!(
                "the agent may not write /proc/sys/net/ipv6/conf/{}",
                link.name
            ),
            "let the agent's service write below /proc/sys/net".to_owned(),
        )
    } else if link.forward.contains(&Family::Ipv6) && !abilities.forwarding.contains(&Family::Ipv6)
    {
        (
            "the host does not forward IPv6".to_owned(),
            forwarding_advice(Family::Ipv6),
        )
    } else {
        return None;
    };
    Some(Fault {
        origin: Some(link.origin.clone()),
        attempt: format!("cannot make device {} of type {kind}", link.name),
        cause,
        advice,
    })
}

fn forwarding_advice(family: Family) -> String {
    match family {
        Family::Ipv4 => "set the sysctl net.ipv4.ip_forward to 1".to_owned(),
        Family::Ipv6 => "set the sysctl net.ipv6.conf.all.forwarding to 1; where the host takes \
             its own address from router advertisements, set accept_ra of that device to 2 first"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use weft_model::object::subnet::Snat;
    use weft_model::plan::{Entry, Origin};

    use super::*;
    use crate::fixtures::bridge;

    fn origin() -> Origin {
        Origin::Host {
            host: "rack".parse().unwrap(),
        }
    }

    /// A masqueraded network, whose packets leave by `eth0`, which forwards or does not.
    fn masquerade(forward: &[Family]) -> NodePlan {
        let eth0 = Link {
            origin: origin(),
            kind: weft_model::plan::link::LinkKind::Physical,
            forward: forward.iter().copied().collect(),
            mtu: None,
            ..bridge("eth0")
        };
        let nat = Nat {
            origin: origin(),
            source: "10.10.10.0/24".parse().unwrap(),
            inside: "vmbr0".parse().unwrap(),
            outside: ["eth0".parse().unwrap()].into(),
            to: Snat::Masquerade,
        };
        [Entry::Link(eth0), Entry::Nat(nat)].into_iter().collect()
    }

    #[test]
    fn a_translation_needs_a_host_that_forwards_or_ways_out_that_do() {
        let abilities = |forwarding: &[Family]| Abilities {
            device_types: BTreeSet::new(),
            forwarding: forwarding.iter().copied().collect(),
            nft: true,
            switches: true,
        };
        let faults = |forwarding: &[Family], forward: &[Family]| {
            let next = masquerade(forward);
            refusals(&abilities(forwarding), &next, &Seen::default(), &Scope::All)
        };
        assert_eq!(faults(&[Family::Ipv4], &[]), []);
        assert_eq!(faults(&[], &[Family::Ipv4]), []);
        assert_eq!(
            faults(&[], &[]),
            [Fault {
                origin: Some(origin()),
                attempt: "cannot translate the source addresses of 10.10.10.0/24".to_owned(),
                cause: "the host does not forward IPv4".to_owned(),
                advice: "set the sysctl net.ipv4.ip_forward to 1".to_owned(),
            }]
        );
    }
}
