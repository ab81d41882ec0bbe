//! The laws of planning, held over all plans: what is planned and replayed leaves nothing to plan,
//! going back gives back what was, and nothing that is not ours is in any step.

use proptest::prelude::*;
use weft_model::plan::NodePlan;
use weft_model::plan::link::Link;

use crate::collect::collect;
use crate::fixtures::{any_plan, bridge, host, owner, plan_of, vxlan};
use crate::own;
use crate::plan::{Plan, plan};
use crate::replay::replay;
use crate::scope::Scope;
use crate::seen::{Ipv6, Seen, SeenKind, SeenLink, SeenPlug};
use crate::settings::{Master, Settings};
use crate::step::{Change, Step};

/// How often a node is planned for again at most; kernels take things away on the side.
const PASSES: usize = 3;

fn all(want: &NodePlan, seen: &Seen) -> Plan {
    plan(&owner(), want, seen, &Scope::All)
}

fn reach(want: &NodePlan, seen: &mut Seen, scope: &Scope) -> Vec<Step> {
    let mut made = Vec::new();
    for _ in 0..PASSES {
        let plan = plan(&owner(), want, seen, scope);
        assert_eq!(plan.clashes, []);
        for step in &plan.steps {
            replay(seen, step).unwrap_or_else(|error| {
                panic!("{step}: {error}; steps {:#?}", plan.steps);
            });
        }
        made.extend(plan.steps);
    }
    assert_eq!(all(want, seen), Plan::default());
    made
}

/// What is in use, without what is left to the kernel: numbers, and addresses where none is wanted.
fn in_use(want: &NodePlan, seen: &Seen) -> Vec<SeenLink> {
    let mut links: Vec<SeenLink> = seen
        .links()
        .filter(|link| !own::is_doomed(link.group))
        .cloned()
        .collect();
    let name = |index| seen.link(index).map(|link| link.name.clone());
    for link in &mut links {
        let master = link.master.and_then(name);
        if want
            .links()
            .any(|want| want.name.as_str() == link.name && want.mac.is_none())
        {
            link.mac = None;
        }
        // What is no longer needed of these is left, and what was never said is as if it was off.
        let wants_any_source = |want: &Link| want.name.as_str() == link.name && want.any_source;
        link.any_source = link
            .any_source
            .filter(|_| want.links().any(wants_any_source));
        link.hears_announcements = link.hears_announcements.filter(|on| *on);
        if let Some(ipv6) = link
            .ipv6
            .as_mut()
            .filter(|ipv6| ipv6.disabled == Some(true))
        {
            *ipv6 = Ipv6 {
                disabled: Some(true),
                ..Ipv6::default()
            };
        }
        let other = match &mut link.kind {
            SeenKind::Vlan(vlan) => Some(std::mem::take(&mut vlan.parent)),
            SeenKind::Veth { peer } => peer.take(),
            _ => None,
        };
        let other = other.and_then(name);
        link.name = format!("{} in {master:?} on {other:?}", link.name);
        (link.index, link.master) = (0, None);
    }
    links.sort_by(|a, b| a.name.cmp(&b.name));
    links
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn plan_after_plan_is_reached_and_nothing_is_left_to_plan(
        plans in proptest::collection::vec(any_plan(), 1..6),
    ) {
        let mut seen = host();
        for want in &plans {
            reach(want, &mut seen, &Scope::All);
        }
    }

    #[test]
    fn what_two_plans_differ_in_is_enough_to_look_at(
        plans in proptest::collection::vec(any_plan(), 1..6),
    ) {
        let mut seen = host();
        let mut was = NodePlan::default();
        for want in plans {
            // A bridge that is made anew under its name takes its ports along.
            let scope = Scope::between(&was, &want)
                .and(want.links().filter(|link| link.master.is_some()).map(|link| {
                    link.name.as_str().to_owned()
                }));
            reach(&want, &mut seen, &scope);
            was = want;
        }
    }

    #[test]
    fn going_back_gives_back_what_was(first in any_plan(), second in any_plan()) {
        let mut seen = host();
        reach(&first, &mut seen, &Scope::All);
        let was = in_use(&first, &seen);
        reach(&second, &mut seen, &Scope::All);
        reach(&first, &mut seen, &Scope::All);
        prop_assert_eq!(in_use(&first, &seen), was);
    }

    #[test]
    fn an_empty_plan_and_collecting_leave_nothing_of_ours(first in any_plan(), second in any_plan()) {
        let mut seen = host();
        reach(&first, &mut seen, &Scope::All);
        reach(&second, &mut seen, &Scope::All);
        reach(&NodePlan::default(), &mut seen, &Scope::All);
        for step in collect(&owner(), &seen) {
            replay(&mut seen, &step).unwrap();
        }
        prop_assert_eq!(seen, host());
    }

    #[test]
    fn a_foreign_device_is_in_no_step_and_stays_as_it_is(
        foreign in proptest::collection::vec(any_foreign(), 0..8),
        plans in proptest::collection::vec(any_plan(), 1..4),
    ) {
        let mut seen = host();
        for link in &foreign {
            if seen.named(&link.name).is_none() {
                seen.put(link.clone());
            }
        }
        let was: Vec<SeenLink> = seen.links().cloned().collect();
        for want in plans {
            // Clashes are expected here; what is no clash is made.
            let plan = all(&want, &seen);
            for step in plan.steps.iter().chain(&collect(&owner(), &seen)) {
                let allowed = match step {
                    // A VLAN of someone's bridge is let up to the host where ours needs it.
                    Step::Link { change: Change::Join(of) | Change::Leave(of), .. } => {
                        prop_assert!(of.bridge != 3 || of.id.get() > 2, "{}", step);
                        Some(of.bridge)
                    }
                    _ => None,
                };
                for link in was.iter().filter(|link| Some(link.index) != allowed) {
                    prop_assert!(!step.devices().contains(&link.index), "{}", step);
                }
            }
            for step in &plan.steps {
                // Nothing is done after what was refused.
                if replay(&mut seen, step).is_err() {
                    break;
                }
            }
            for step in collect(&owner(), &seen) {
                let _ = replay(&mut seen, &step);
            }
        }
        reach_anyway(&NodePlan::default(), &mut seen);
        for link in was {
            prop_assert_eq!(seen.link(link.index), Some(&link));
        }
    }
}

/// Makes what can be made, whatever stands in the way of the rest.
fn reach_anyway(want: &NodePlan, seen: &mut Seen) {
    for step in all(want, seen).steps {
        let _ = replay(seen, &step);
    }
}

/// Devices that others could have: with our names, near our numbers, with one mark of ours.
fn any_foreign() -> impl Strategy<Value = SeenLink> {
    let name = prop_oneof![
        Just("a".to_owned()),
        Just("b".to_owned()),
        "[a-d]-long",
        "[a-z]{1,8}",
        Just(own::retired_name(*own::INDEXES.start())),
    ];
    let marks = prop_oneof![
        (3..50u32, Just(0u32), Just(None)),
        (3..50u32, Just(own::GROUP), Just(None)),
        (3..50u32, own::DOOMED, Just(None)),
        (0x5700_0000..0x5700_0003u32, Just(0), Just(None)),
        (3..50u32, Just(0), Just(Some("weft 0a0a0a0a prod/a"))),
        (
            0x5700_0000..0x5700_0003u32,
            Just(own::GROUP),
            Just(Some("weft 0b0b0b0b prod/a"))
        ),
    ];
    let kind = prop_oneof![
        Just(SeenKind::Other),
        Just(SeenKind::Vrf { table: 77 }),
        Just(SeenKind::Vrf { table: 1001 }),
        Just(SeenKind::Switched(Box::new(SeenPlug {
            switch: "ovs0".to_owned(),
            port: None,
            cluster: "0b".repeat(16),
        }))),
        Just(SeenKind::Bridge {
            spanning_tree: true,
            forward_delay: 1500,
            bare_ports: false,
            vlans: None,
        })
    ];
    (name, marks, kind, any::<bool>()).prop_map(|(name, (index, group, alias), kind, up)| {
        let mut link = SeenLink::new(index, name, kind);
        link.group = group;
        link.alias = alias.map(str::to_owned);
        link.up = up;
        link
    })
}

fn set(settings: impl FnOnce(&mut Settings)) -> Change {
    let mut all = Settings::default();
    settings(&mut all);
    Change::Set(Box::new(all))
}

fn changes(steps: &[Step]) -> Vec<&Change> {
    steps
        .iter()
        .map(|step| match step {
            Step::Link { change, .. } => change,
            other => panic!("{other}"),
        })
        .collect()
}

#[test]
fn a_vnet_over_vxlan_is_six_messages_and_two_switches() {
    let want = plan_of([bridge("web"), vxlan("vxlan_web", 100, "web")]);
    let steps: Vec<String> = all(&want, &host())
        .steps
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        steps,
        [
            "create device web of type bridge",
            "create device vxlan_web of type vxlan",
            "set net.ipv6.conf.web.disable_ipv6 to 1",
            "set net.ipv6.conf.vxlan_web.disable_ipv6 to 1",
            "set device web: mtu 1450, alias \"weft 0a0a0a0a prod/web-vnet\", IPv4 forwarding off, up",
            "set device vxlan_web: alias \"weft 0a0a0a0a prod/vxlan-web-vnet\", master 1459617792, \
             IPv4 forwarding off, up",
            "add peer 10.0.0.2 to device vxlan_web",
            "add peer 10.0.0.3 to device vxlan_web",
        ]
    );
}

#[test]
fn a_changed_mtu_is_set_in_place() {
    let mut seen = host();
    reach(&plan_of([bridge("web")]), &mut seen, &Scope::All);
    let mut changed = bridge("web");
    changed.mtu = Some(1400.try_into().unwrap());
    let plan = all(&plan_of([changed]), &seen);
    assert_eq!(changes(&plan.steps), [&set(|all| all.mtu = Some(1400))]);
}

#[test]
fn what_goes_is_set_aside_ports_first_and_comes_back_as_the_same_device() {
    let mut seen = host();
    let want = plan_of([bridge("web"), vxlan("vxlan_web", 100, "web")]);
    reach(&want, &mut seen, &Scope::All);
    let before: Vec<u32> = seen.links().map(|link| link.index).collect();
    let going = reach(&NodePlan::default(), &mut seen, &Scope::All);
    let quiesce = |index| Change::Set(Box::new(Settings::quiesce(own::doomed_group(index))));
    assert_eq!(
        changes(&going),
        [&quiesce(0x5700_0001), &quiesce(0x5700_0000)]
    );
    reach(&want, &mut seen, &Scope::All);
    let after: Vec<u32> = seen.links().map(|link| link.index).collect();
    assert_eq!(after, before);
}

#[test]
fn two_vnets_trade_their_networks_without_a_device_being_made_or_destroyed() {
    let mut seen = host();
    let straight = plan_of([bridge("br"), vxlan("a", 1, "br"), vxlan("b", 2, "br")]);
    let crossed = plan_of([bridge("br"), vxlan("a", 2, "br"), vxlan("b", 1, "br")]);
    reach(&straight, &mut seen, &Scope::All);
    let steps = reach(&crossed, &mut seen, &Scope::All);
    assert!(
        changes(&steps)
            .iter()
            .all(|change| !matches!(change, Change::Create { .. } | Change::Destroy))
    );
}

#[test]
fn a_guests_port_is_left_and_keeps_its_bridge_from_going() {
    let mut seen = host();
    let want = plan_of([bridge("web")]);
    reach(&want, &mut seen, &Scope::All);
    let bridge = seen.named("web").unwrap().index;
    let mut tap = SeenLink::new(9, "tap100i0", SeenKind::Other);
    tap.master = Some(bridge);
    seen.put(tap);
    let plan = all(&NodePlan::default(), &seen);
    assert_eq!(plan.steps, []);
    assert_eq!(plan.lingering, [bridge].into());
}

#[test]
fn a_clash_names_the_vnet_and_the_device() {
    let mut seen = host();
    seen.put(SeenLink::new(9, "web", SeenKind::Other));
    let plan = all(&plan_of([bridge("web")]), &seen);
    assert_eq!(plan.steps, []);
    let texts: Vec<String> = plan.clashes.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "vnet web-vnet of zone prod: cannot make device web of type bridge: a device of that \
             name is there and is not Weft's (number 9): rename or remove device web, or give the \
             vnet another name"
        ]
    );
}

#[test]
fn a_group_with_a_foreign_device_in_it_is_never_destroyed_as_a_group() {
    let mut seen = host();
    reach(&plan_of([bridge("web")]), &mut seen, &Scope::All);
    reach(&NodePlan::default(), &mut seen, &Scope::All);
    let mut foreign = SeenLink::new(9, "odd", SeenKind::Other);
    foreign.group = own::doomed_group(*own::INDEXES.start());
    seen.put(foreign);
    let steps = collect(&owner(), &seen);
    assert_eq!(changes(&steps), [&Change::Destroy]);
}

#[test]
fn a_device_taken_from_its_bridge_by_someone_is_put_back_in_one_message() {
    let mut seen = host();
    let want = plan_of([bridge("web"), vxlan("vxlan_web", 100, "web")]);
    reach(&want, &mut seen, &Scope::All);
    let mut port = seen.named("vxlan_web").unwrap().clone();
    port.master = None;
    seen.put(port);
    let plan = all(&want, &seen);
    assert_eq!(
        changes(&plan.steps),
        [&set(|all| all.master = Some(Master::Device(0x5700_0000)))]
    );
}
