//! The data plane against a real kernel, each test in network namespaces of its own.
//!
//! Needs root. A missing kernel feature is an error here: a host that cannot run these tests proves
//! nothing about the data plane.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test are as much test as the test"
)]

#[path = "netns/drift.rs"]
mod drift;
#[path = "netns/host.rs"]
mod host;
#[path = "netns/kinds.rs"]
mod kinds;
#[path = "netns/plans.rs"]
mod plans;
#[path = "netns/trouble.rs"]
mod trouble;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use host::Host;
use nix::libc;
use plans::{bridge, empty, plan_of, vnet};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use weft_agent::dataplane;
use weft_agent::faulty::{Faulty, Trouble};
use weft_agent::kernel::Kernel;
use weft_model::facts::DeviceType;
use weft_model::object::drift::DriftPolicy;
use weft_model::object::subnet::Snat;
use weft_model::plan::nat::Nat;
use weft_model::plan::{Entry, NodePlan};
use weft_model::prefix::Family;
use weft_model::report::EventKind;
use weft_model::revision::ClusterId;
use weft_node::driver::Driver;
use weft_node::plan::plan;
use weft_node::scope::Scope;
use weft_tests::dump::network;
use weft_tests::exec;

/// How many random plans one namespace goes through.
const PLANS: usize = 60;

/// How long a healed device may take: the promise is a second.
const HEALED: Duration = Duration::from_secs(1);

fn random_plans(count: usize) -> Vec<NodePlan> {
    let mut runner = TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(20),
        ..Config::default()
    });
    (0..count)
        .map(|_| plans::any_plan().new_tree(&mut runner).unwrap().current())
        .collect()
}

#[test]
fn random_plans_one_after_the_other_are_each_reached_and_read_back() {
    let host = Host::new("random");
    host.run(async |host| {
        let opened = host.open().await;
        for (number, want) in random_plans(PLANS).into_iter().enumerate() {
            let applied = opened.dataplane.apply(Arc::new(want.clone())).await;
            assert!(applied.is_ok(), "plan {number}: {applied:?}: {want:#?}");
            // A second pair of eyes, that has seen nothing of how it came to be.
            let mut kernel = Kernel::open().await.unwrap();
            let left = plan(&host.owner(), &want, kernel.seen(), &Scope::All);
            assert_eq!(left.steps, [], "plan {number}: {want:#?}");
            kernel.look_again().await.unwrap();
            let again = opened.dataplane.apply(Arc::new(want)).await.unwrap();
            assert_eq!(again.steps, 0, "plan {number} is already there");
            if number % 7 == 0 {
                opened.dataplane.collect().await.unwrap();
            }
        }
    });
}

#[test]
fn an_empty_plan_takes_all_of_ours_away_and_nothing_else() {
    let host = Host::new("foreign");
    host.batch(
        "link add vmbr0 type bridge\n\
         link add by-hand type vxlan id 9 dstport 4790 local 127.0.0.1\n\
         link add veth-a type veth peer name veth-b\n\
         link set veth-a master vmbr0 up\n\
         link set vmbr0 up alias uplink\n\
         link set veth-b up\n\
         address add 192.0.2.1/24 dev vmbr0\n\
         address add 2001:db8::1/64 dev vmbr0 nodad\n\
         route add 198.51.100.0/24 via 192.0.2.2",
    );
    host.nft("add table inet mine; add chain inet mine c { type filter hook input priority 0; }");
    host.wait_for_addresses();
    let before = network(&host.namespace).unwrap();
    host.run(async |host| {
        let opened = host.open().await;
        for want in random_plans(20) {
            opened.dataplane.apply(Arc::new(want)).await.unwrap();
        }
        opened.dataplane.apply(empty()).await.unwrap();
        opened.dataplane.collect().await.unwrap();
    });
    assert_eq!(network(&host.namespace).unwrap(), before);
}

#[test]
fn going_back_gives_back_what_was() {
    let host = Host::new("back");
    host.run(async |host| {
        let opened = host.open().await;
        let all = random_plans(30);
        for pair in all.chunks(2) {
            opened
                .dataplane
                .apply(Arc::new(pair[0].clone()))
                .await
                .unwrap();
            let before = host.in_use();
            opened
                .dataplane
                .apply(Arc::new(pair[1].clone()))
                .await
                .unwrap();
            opened
                .dataplane
                .apply(Arc::new(pair[0].clone()))
                .await
                .unwrap();
            assert_eq!(host.in_use(), before, "{pair:#?}");
            opened.dataplane.collect().await.unwrap();
        }
    });
}

#[test]
fn one_vnet_more_costs_at_most_twelve_messages_and_no_dump_and_none_costs_none() {
    let host = Host::new("count");
    host.run(async |host| {
        let mut kernel = Kernel::open().await.unwrap();
        let owner = host.owner();
        let mut want = plan_of((1..=100).flat_map(vnet));
        let opened = kernel.counters();
        host.reach(&mut kernel, &want).await;
        assert_eq!(kernel.counters().dumps, opened.dumps);
        for link in vnet(101) {
            want.put(Arc::new(Entry::Link(link)));
        }
        let scope = Scope::Some {
            names: vnet(101).map(|link| link.name.as_str().to_owned()).into(),
            nat: false,
            frr: false,
        };
        let before = kernel.counters();
        let steps = plan(&owner, &want, kernel.seen(), &scope).steps;
        assert_eq!(kernel.perform(&steps).await, []);
        kernel.look().await.unwrap();
        assert_eq!(plan(&owner, &want, kernel.seen(), &Scope::All).steps, []);
        let after = kernel.counters();
        assert_eq!(
            (
                after.changes - before.changes,
                after.dumps - before.dumps,
                after.questions - before.questions
            ),
            (6, 0, 0)
        );
        assert!(steps.len() <= 12, "{}", steps.len());
    });
}

#[test]
fn a_guest_stays_plugged_in_through_everything() {
    let host = Host::new("guest");
    host.run(async |host| {
        let opened = host.open().await;
        let with = Arc::new(plan_of([bridge("web")]));
        opened.dataplane.apply(Arc::clone(&with)).await.unwrap();
        host.batch(
            "link add tap0 type veth peer name guest0\n\
             link set tap0 master web up mtu 1300\n\
             link set guest0 up",
        );
        let checked = opened.dataplane.check(empty()).await.unwrap();
        let texts: Vec<String> = checked.disruptive.iter().map(ToString::to_string).collect();
        let told =
            "vnet web of zone prod: cannot take bridge web away: guests are plugged in: tap0";
        assert!(texts.len() == 1 && texts[0].starts_with(told), "{texts:?}");
        // Going back to before the bridge was there must work all the same.
        opened.dataplane.apply(empty()).await.unwrap();
        opened.dataplane.collect().await.unwrap();
        assert!(host.ip("-o link show dev tap0").contains("master web"));
        opened.dataplane.apply(with).await.unwrap();
        assert_eq!(host.namespace.mtu("web").unwrap(), 1450);
        assert!(host.ip("-o link show dev tap0").contains("master web"));
        opened.dataplane.apply(empty()).await.unwrap();
        host.batch("link del tap0");
        tokio::time::sleep(HEALED / 2).await;
        opened.dataplane.collect().await.unwrap();
        assert!(!host.namespace.has_device("web"));
    });
}

#[test]
fn a_name_or_network_that_is_taken_is_refused_before_anything_is_changed() {
    let host = Host::new("clash");
    host.batch(
        "link add v1 type bridge\n\
         link add theirs type vxlan id 2 dstport 4789 local 127.0.0.1",
    );
    let before = network(&host.namespace).unwrap();
    host.run(async |host| {
        let opened = host.open().await;
        let want = Arc::new(plan_of(vnet(1).into_iter().chain(vnet(2))));
        let refused = opened.dataplane.check(Arc::clone(&want)).await.unwrap_err();
        let texts: Vec<String> = refused
            .iter()
            .map(|fault| format!("{}: {}", fault.attempt, fault.cause))
            .collect();
        assert_eq!(
            texts,
            [
                "cannot make device v1 of type bridge: a device of that name is there and is not \
                 Weft's (number 2)",
                "cannot make device vx1 of type vxlan: v1, which it is to be a port of, is \
                 not there",
                "cannot make device vx2 of type vxlan: device theirs has VXLAN network 2 on UDP \
                 port 4789 already",
            ]
        );
        assert!(opened.dataplane.apply(want).await.is_err());
    });
    assert_eq!(network(&host.namespace).unwrap(), before);
}

#[test]
fn source_translations_are_written_read_back_healed_and_taken_away() {
    let host = Host::new("nat");
    host.run(async |host| {
        let mut opened = host.open().await;
        let mut want = plan_of([bridge("web")]);
        for (source, to) in [
            ("10.1.0.0/24", Snat::Masquerade),
            ("10.2.0.1/32", Snat::Address([192, 0, 2, 1].into())),
            ("fd00::/64", Snat::Masquerade),
        ] {
            want.put(Arc::new(Entry::Nat(Nat {
                origin: bridge("web").origin,
                source: source.parse().unwrap(),
                inside: "web".parse().unwrap(),
                outside: [].into(),
                to,
            })));
        }
        let want = Arc::new(want);
        let refused = opened.dataplane.check(Arc::clone(&want)).await.unwrap_err();
        let causes: BTreeSet<&str> = refused.iter().map(|fault| &*fault.cause).collect();
        assert_eq!(
            causes,
            [
                "the host does not forward IPv4",
                "the host does not forward IPv6"
            ]
            .into()
        );
        host.namespace.sysctl("net.ipv4.ip_forward", "1").unwrap();
        host.namespace
            .sysctl("net.ipv6.conf.all.forwarding", "1")
            .unwrap();
        opened.dataplane.check(Arc::clone(&want)).await.unwrap();
        opened.dataplane.apply(Arc::clone(&want)).await.unwrap();
        let written = host.nft("list table inet weft");
        for line in [
            "ip saddr 10.1.0.0/24 oifname != \"web\" masquerade",
            "ip saddr 10.2.0.1 oifname != \"web\" snat ip to 192.0.2.1",
            "ip6 saddr fd00::/64 oifname != \"web\" masquerade",
        ] {
            assert!(written.contains(line), "{line}: {written}");
        }
        assert_eq!(opened.dataplane.apply(want).await.unwrap().steps, 0);
        while opened.events.try_recv().is_ok() {}
        host.nft("flush table inet weft");
        let event = tokio::time::timeout(HEALED, opened.events.recv())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(event.kind, EventKind::DriftHealed);
        assert_eq!(host.nft("list table inet weft"), written);
        opened.dataplane.apply(empty()).await.unwrap();
        assert_eq!(host.nft("list ruleset"), "");
    });
}

#[test]
fn the_facts_are_what_the_host_has_and_follow_it() {
    let host = Host::new("facts");
    host.run(async |host| {
        let opened = host.open().await;
        let mut facts = opened.dataplane.facts();
        let first = facts.borrow_and_update().clone();
        for kind in [DeviceType::Bridge, DeviceType::Vxlan, DeviceType::Veth] {
            assert!(first.device_types.contains(&kind), "{kind}");
        }
        assert!(first.nft.is_some());
        assert!(first.links.is_empty(), "{:?}", first.links);
        let probed = host.ip("-o link");
        assert_eq!(probed.lines().count(), 1, "{probed}");
        host.batch(
            "link add up0 type veth peer name far0\n\
             link set up0 up mtu 1400\n\
             link set far0 up\n\
             address add 192.0.2.1/24 dev up0\n\
             route add default via 192.0.2.254",
        );
        host.namespace.sysctl("net.ipv4.ip_forward", "1").unwrap();
        let up0 = tokio::time::timeout(
            HEALED,
            facts.wait_for(|facts| {
                facts.default_ipv4.is_some() && facts.forwarding.contains(&Family::Ipv4)
            }),
        )
        .await
        .unwrap()
        .unwrap()
        .clone();
        assert_eq!(up0.default_ipv4, "up0".parse().ok());
        assert_eq!(
            up0.links
                .keys()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            ["up0"]
        );
        assert_eq!(up0.links["up0"].mtu.unwrap().get(), 1400);
        // Our own devices are no facts.
        opened
            .dataplane
            .apply(Arc::new(plan_of(vnet(1))))
            .await
            .unwrap();
        assert_eq!(facts.borrow().links.len(), 1);
    });
}

#[test]
fn the_capability_to_administer_networks_is_all_that_is_needed() {
    let host = Host::new("rights");
    host.namespace.sysctl("net.ipv4.ip_forward", "1").unwrap();
    let myself = std::env::current_exe().unwrap();
    let mut command = host.namespace.command("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args([
            "--inh-caps=-all,+net_admin",
            "--ambient-caps=-all,+net_admin",
        ])
        .args(["--bounding-set=-all,+net_admin", "--no-new-privs"])
        .arg(myself)
        .args(["--ignored", "--exact", "with_one_capability"]);
    let printed = exec::run(&mut command).unwrap();
    assert!(printed.contains("1 passed"), "{printed}");
}

#[test]
#[ignore = "run by the test above, with one capability and in a namespace"]
fn with_one_capability() {
    assert!(!nix::unistd::geteuid().is_root());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let cluster = ClusterId::from_bytes([1; 16]);
        let opened = dataplane::open(Some(cluster)).await.unwrap();
        let mut links = vnet(1);
        links[0].addresses.insert("10.8.0.1/24".parse().unwrap());
        links[0].alternative_name = "a-long-name".parse().ok();
        let mut want = plan_of(links);
        want.put(Arc::new(Entry::Nat(Nat {
            origin: bridge("v1").origin,
            source: "10.8.0.0/24".parse().unwrap(),
            inside: "v1".parse().unwrap(),
            outside: [].into(),
            to: Snat::Masquerade,
        })));
        let want = Arc::new(want);
        opened.dataplane.check(Arc::clone(&want)).await.unwrap();
        opened.dataplane.apply(want).await.unwrap();
        opened.dataplane.apply(empty()).await.unwrap();
        assert_eq!(opened.dataplane.collect().await, Ok(2));
    });
}
