//! Networks come, go and move, a few messages each.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use weft_model::plan::link::{Link, LinkKind, Vlan, Vlans};
use weft_model::plan::{Entry, NodePlan};
use weft_model::prefix::Family;
use weft_model::vlan::VlanProtocol;

use crate::fixtures::{bundle, domain, host, meddled_with, owner, plan_of, vlan_id, vxlan};
use crate::plan::plan;
use crate::replay::replay;
use crate::scope::Scope;
use crate::seen::{Seen, SeenKind, SeenLink};
use crate::step::Step;

fn zone(networks: &[(u32, u32)]) -> NodePlan {
    bundle("z_prod", "vx_prod", networks).into_iter().collect()
}

/// Makes the plan true, and gives the words of what was done.
fn reach(want: &NodePlan, seen: &mut Seen, scope: &Scope) -> Vec<String> {
    let plan_now = plan(&owner(), want, seen, scope);
    assert_eq!(plan_now.clashes, []);
    for step in &plan_now.steps {
        replay(seen, step).unwrap_or_else(|error| panic!("{step}: {error}"));
    }
    assert_eq!(plan(&owner(), want, seen, &Scope::All).steps, []);
    plan_now.steps.iter().map(Step::to_string).collect()
}

#[test]
fn a_zone_is_two_devices_and_its_networks_go_together() {
    let mut seen = host();
    let steps = reach(&zone(&[(1, 1), (2, 70_000)]), &mut seen, &Scope::All);
    assert_eq!(
        steps,
        [
            "create device z_prod of type bridge",
            "create device vx_prod of type vxlan-bundle",
            "set net.ipv6.conf.z_prod.disable_ipv6 to 1",
            "set net.ipv6.conf.vx_prod.disable_ipv6 to 1",
            "set device z_prod: mtu 1450, alias \"weft 0a0a0a0a prod\", IPv4 forwarding off, up",
            "set device vx_prod: alias \"weft 0a0a0a0a prod\", master 1459617792, IPv4 forwarding \
             off, up",
            "set device vx_prod: VLANs as networks on",
            "let device vx_prod receive VNIs 1, 70000",
            "add peer 10.0.0.2 to VNI 1 of device vx_prod",
            "add peer 10.0.0.3 to VNI 1 of device vx_prod",
            "add peer 10.0.0.2 to VNI 70000 of device vx_prod",
            "add peer 10.0.0.3 to VNI 70000 of device vx_prod",
            "let device vx_prod carry VLANs 1-2 as VNIs 1, 70000",
        ]
    );
}

#[test]
fn one_network_more_among_four_thousand_is_four_messages_and_one_less_too() {
    let mut networks: Vec<(u32, u32)> = (2..=4001).map(|id| (id, 10_000 + id)).collect();
    let before = zone(&networks);
    let mut seen = host();
    reach(&before, &mut seen, &Scope::All);
    networks.push((4002, 7));
    let after = zone(&networks);
    let scope = Scope::between(&before, &after);
    assert_eq!(
        reach(&after, &mut seen, &scope),
        [
            "let device vx_prod receive VNI 7",
            "add peer 10.0.0.2 to VNI 7 of device vx_prod",
            "add peer 10.0.0.3 to VNI 7 of device vx_prod",
            "let device vx_prod carry VLANs 4002 as VNI 7",
        ]
    );
    let scope = Scope::between(&after, &before);
    assert_eq!(
        reach(&before, &mut seen, &scope),
        [
            "keep VLANs 4002 from device vx_prod",
            "remove peer 10.0.0.2 from VNI 7 of device vx_prod",
            "remove peer 10.0.0.3 from VNI 7 of device vx_prod",
            "keep VNI 7 from device vx_prod",
        ]
    );
}

#[test]
fn a_step_for_one_network_names_its_vnet_and_one_for_many_the_zone() {
    let mut seen = host();
    reach(&zone(&[(1, 1)]), &mut seen, &Scope::All);
    let origins = |networks: &[(u32, u32)]| -> Vec<Option<String>> {
        let steps = plan(&owner(), &zone(networks), &seen, &Scope::All).steps;
        let origin = |step: &Step| step.origin().map(ToString::to_string);
        let maps = |step: &&Step| step.to_string().contains("carry");
        steps.iter().filter(maps).map(origin).collect()
    };
    let one = "vnet n2-vnet of zone prod".to_owned();
    assert_eq!(origins(&[(1, 1), (2, 2)]), [Some(one)]);
    let many = origins(&[(1, 1), (2, 2), (3, 3)]);
    assert_eq!(many, [Some("zone prod".to_owned())]);
}

#[test]
fn two_networks_that_trade_vlans_leave_before_they_come() {
    let mut seen = host();
    reach(&zone(&[(1, 1), (2, 2)]), &mut seen, &Scope::All);
    assert_eq!(
        reach(&zone(&[(1, 2), (2, 1)]), &mut seen, &Scope::All),
        [
            "keep VLANs 1-2 from device vx_prod",
            "let device vx_prod carry VLANs 1-2 as VNIs 1, 2",
        ]
    );
}

#[test]
fn a_zone_changes_its_layout_and_back_on_one_port() {
    let mut seen = host();
    let separate = plan_of([crate::fixtures::bridge("web"), vxlan("vxlan_web", 1, "web")]);
    let bundled = zone(&[(1, 1)]);
    for want in [&separate, &bundled, &separate, &bundled] {
        reach(want, &mut seen, &Scope::All);
    }
}

#[test]
fn what_someone_does_to_a_network_is_put_right() {
    let mut seen = host();
    let want = zone(&[(1, 1), (2, 2)]);
    reach(&want, &mut seen, &Scope::All);
    let index = seen.named("vx_prod").unwrap().index;
    seen.set_networks(index, |networks| {
        networks.vnis.remove(&1);
        networks.vnis.insert(9);
        networks.flood.remove(&2);
        networks.vlans.remove(&2);
    });
    assert_eq!(
        reach(&want, &mut seen, &Scope::All),
        [
            "keep VNI 9 from device vx_prod",
            "let device vx_prod receive VNI 1",
            "add peer 10.0.0.2 to VNI 2 of device vx_prod",
            "add peer 10.0.0.3 to VNI 2 of device vx_prod",
            "let device vx_prod carry VLANs 2 as VNI 2",
        ]
    );
}

#[test]
fn what_is_not_ours_keeps_its_port_and_its_networks() {
    let mut seen = host();
    let mut theirs = SeenLink::new(
        9,
        "flannel.1",
        SeenKind::Vxlan {
            tunnel: crate::seen::Tunnel {
                vni: 1,
                port: 4789,
                family: weft_model::prefix::Family::Ipv4,
            },
            local: None,
            learning: false,
        },
    );
    theirs.up = true;
    seen.put(theirs.clone());
    let told = |seen: &Seen| -> Vec<String> {
        let plan = plan(&owner(), &zone(&[(1, 1)]), seen, &Scope::All);
        plan.clashes.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        told(&seen),
        [
            "zone prod: cannot make device vx_prod of type vxlan-bundle: device flannel.1 uses UDP \
             port 4789 and is of the other kind: one for many networks, or one for one: remove \
             device flannel.1, or give the zone another port"
        ]
    );
    theirs.kind = SeenKind::Bundle {
        port: 4789,
        family: weft_model::prefix::Family::Ipv4,
        local: None,
        learning: false,
    };
    seen.put(theirs);
    seen.set_networks(9, |networks| networks.vnis.extend([1]));
    assert_eq!(
        told(&seen),
        [
            "vnet n1-vnet of zone prod: cannot receive for VXLAN network 1: device flannel.1 does \
             already: remove it from device flannel.1, or use another tag"
        ]
    );
}

#[test]
fn a_guest_s_port_keeps_the_vlan_that_it_was_given() {
    let mut seen = host();
    let want = zone(&[(1, 1)]);
    reach(&want, &mut seen, &Scope::All);
    let mut tap = SeenLink::new(9, "tap100i0", SeenKind::Other);
    tap.master = seen.named("z_prod").map(|bridge| bridge.index);
    seen.put(tap);
    let chosen = Vlans {
        untagged: weft_model::vlan::VlanId::try_from(1).ok(),
        ..Vlans::default()
    };
    for vlans in [Vlans::default(), chosen] {
        seen.set_vlans(9, vlans.clone());
        assert_eq!(reach(&want, &mut seen, &Scope::All), [""; 0]);
        assert_eq!(seen.link(9).map(|tap| tap.vlans.clone()), Some(vlans));
    }
}

/// The same, with BGP to tell which peers there are.
fn told(networks: &[(u32, u32)]) -> Vec<Entry> {
    let mut entries = bundle("z_prod", "vx_prod", networks);
    for entry in &mut entries {
        match entry {
            Entry::Link(link) => {
                if let LinkKind::Bundle(bundle) = &mut link.kind {
                    (bundle.learning, bundle.suppression) = (false, true);
                    bundle.told_by_bgp = true;
                }
            }
            Entry::Segment(segment) => segment.flood = Arc::default(),
            Entry::Nat(_) | Entry::Frr(_) => {}
        }
    }
    entries
}

#[test]
fn peers_are_the_daemons_where_bgp_tells_of_them_and_ours_go_before() {
    let mut seen = host();
    let by_list = zone(&[(1, 1)]);
    let by_bgp: NodePlan = told(&[(1, 1)]).into_iter().collect();
    reach(&by_list, &mut seen, &Scope::All);
    assert_eq!(
        reach(&by_bgp, &mut seen, &Scope::All),
        [
            "remove peer 10.0.0.2 from VNI 1 of device vx_prod",
            "remove peer 10.0.0.3 from VNI 1 of device vx_prod",
            "set device vx_prod: learning off",
            "set device vx_prod: alias \"weft 0a0a0a0a prod +bgp\", learning of its bridge off, \
             answering of its bridge on",
        ]
    );
    let index = seen.named("vx_prod").unwrap().index;
    let daemons = BTreeMap::from([(1, BTreeSet::from([IpAddr::from([10, 0, 0, 9])]))]);
    seen.set_networks(index, |networks| networks.flood = daemons.clone());
    assert_eq!(reach(&by_bgp, &mut seen, &Scope::All), [""; 0]);
    // Not even while a hand is at it.
    for link in meddled_with(seen.link(index).unwrap()) {
        seen.put(link);
        reach(&by_bgp, &mut seen, &Scope::All);
        assert_eq!(seen.link(index).unwrap().networks.flood, daemons);
    }
    reach(&by_list, &mut seen, &Scope::All);
    assert_eq!(seen.link(index).unwrap().networks.flood[&1].len(), 2);
}

#[test]
fn a_gateway_comes_to_a_zone_with_its_vlan_of_the_bridge_and_leaves_with_it() {
    let mut seen = host();
    let of_zone = || {
        let domain = Entry::Link(domain("vrf_prod", 1001));
        told(&[(7, 70)]).into_iter().chain([domain])
    };
    let without: NodePlan = of_zone().collect();
    let gateway = Link {
        kind: LinkKind::Vlan(Vlan {
            parent: "z_prod".parse().unwrap(),
            id: vlan_id(7),
            protocol: VlanProtocol::default(),
            join: true,
        }),
        master: Some("vrf_prod".parse().unwrap()),
        addresses: ["10.0.0.1/24".parse().unwrap()].into(),
        forward: [Family::Ipv4].into(),
        ..crate::fixtures::bridge("web")
    };
    let with: NodePlan = of_zone().chain([Entry::Link(gateway)]).collect();
    reach(&without, &mut seen, &Scope::All);
    let scope = Scope::between(&without, &with);
    assert_eq!(
        reach(&with, &mut seen, &scope),
        [
            "create device web of type vlan",
            "set net.ipv6.conf.web.disable_ipv6 to 1",
            "set device web: alias \"weft 0a0a0a0a prod/web-vnet +joined\", master 1459617792, \
             IPv4 forwarding on, up",
            "add address 10.0.0.1/24 to device web",
            "let VLAN 7 of bridge 1459617793 up to web",
        ]
    );
    let scope = Scope::between(&with, &without);
    let steps = reach(&without, &mut seen, &scope);
    assert_eq!(steps.len(), 3, "{steps:#?}");
    let bridge = seen.named("z_prod").unwrap();
    assert!(bridge.vlans.is_empty(), "{:?}", bridge.vlans);
}
