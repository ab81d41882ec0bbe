//! What holds for any plan of a host network.

use proptest::prelude::*;

use super::*;

/// Any host network over the devices that are there and some that are not.
fn any_host_plan() -> impl Strategy<Value = NodePlan> {
    let names = [
        "br-old", "bond-old", "eth0", "eth1", "eth2", "eth3", "br-new", "bond-new", "vl",
    ];
    let seed = (any::<bool>(), 0..6usize, any::<[bool; 4]>());
    let addresses = proptest::collection::vec(0..names.len(), 4);
    (proptest::collection::vec(seed, names.len()), addresses).prop_map(move |(seeds, owners)| {
        let present = |name: &str| {
            let place = names.iter().position(|it| *it == name);
            place.is_some_and(|place| seeds[place].0)
        };
        let links = names.iter().zip(&seeds).enumerate();
        let links = links.filter(|(_, (_, seed))| seed.0);
        plan_of(links.map(|(place, (name, (_, master, bits)))| {
            let mut link = match *name {
                "br-old" | "br-new" => {
                    let kind = LinkKind::Bridge(Bridge {
                        vlan_aware: bits[0],
                        spanning_tree: bits[1],
                        forward_delay: if bits[1] { 4 } else { 0 },
                        ..Bridge::default()
                    });
                    of_host(name, kind)
                }
                "bond-old" | "bond-new" => {
                    let kind = LinkKind::Bond(Bond {
                        // Another mode has a test of its own.
                        mode: if *name == "bond-old" {
                            BondMode::BalanceRr
                        } else {
                            BondMode::ActiveBackup
                        },
                        miimon: (50 + u32::from(bits[0])).try_into().unwrap(),
                        ..Bond::default()
                    });
                    of_host(name, kind)
                }
                "vl" => Link {
                    kind: vlan("vl", "eth0", 5, None).kind,
                    ..card("vl")
                },
                _ => card(name),
            };
            if bits[2] && *name != "vl" {
                link.mtu = Some(1400.try_into().unwrap());
            }
            if bits[3] {
                link.forward = BTreeSet::from([Family::Ipv4]);
                link.proxy_arp = true;
            }
            let masters = ["br-old", "bond-old", "br-new", "bond-new"];
            if let (LinkKind::Physical, Some(master)) = (&link.kind, masters.get(*master)) {
                link.master = present(master).then(|| master.parse().unwrap());
            }
            let own = ["10.0.0.1/24", "10.7.0.1/24", "fd00::1/64", "10.5.0.1/24"];
            let own = own
                .iter()
                .zip(&owners)
                .filter(|(_, owner)| **owner == place);
            // What is in a bridge or a bond has no addresses of its own.
            let own = own.filter(|_| link.master.is_none());
            link.addresses = own.map(|(address, _)| address.parse().unwrap()).collect();
            if owners[0] == place && link.master.is_none() {
                let way = with(card("x"), &[], &[("0.0.0.0/0", "10.0.0.254")]);
                link.static_routes = way.static_routes;
            }
            link
        }))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_host_is_given_back_as_it_was_whatever_was_planned(
        plans in proptest::collection::vec(any_host_plan(), 1..4),
    ) {
        let mut seen = host();
        for want in &plans {
            let planned = plan(&owner(), want, &seen, &Scope::All);
            if planned.clashes.is_empty() {
                reach(want, &mut seen);
            }
        }
        clear(&mut seen);
        prop_assert_eq!(seen, host());
    }
    #[test]
    fn a_change_that_fails_at_any_step_is_given_back_whole(
        first in any_host_plan(),
        next in any_host_plan(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut seen = host();
        let is_free = |want: &NodePlan, seen: &Seen| {
            plan(&owner(), want, seen, &Scope::All).clashes.is_empty()
        };
        if !is_free(&first, &seen) {
            return Ok(());
        }
        reach(&first, &mut seen);
        let planned = plan(&owner(), &next, &seen, &Scope::All);
        if !planned.clashes.is_empty() {
            return Ok(());
        }
        for step in &planned.steps[..cut.index(planned.steps.len() + 1)] {
            let made = replay(&mut seen, step);
            prop_assert_eq!(made, Ok(()), "{}", step);
        }
        reach(&first, &mut seen);
        clear(&mut seen);
        prop_assert_eq!(seen, host());
    }
}
