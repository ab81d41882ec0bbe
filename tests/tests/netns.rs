//! The data plane against a real kernel, each test in network namespaces of its own.
//!
//! Needs root. A missing kernel feature is an error here: a host that cannot run these tests proves
//! nothing about the data plane.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test are as much test as the test"
)]

#[path = "netns/host.rs"]
mod host;
#[path = "netns/kinds.rs"]
mod kinds;
#[path = "netns/plans.rs"]
mod plans;

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
fn what_someone_deletes_or_changes_is_back_within_a_second_and_is_told() {
    let host = Host::new("heal");
    host.run(async |host| {
        let mut opened = host.open().await;
        let want = plan_of(vnet(1));
        opened.dataplane.apply(Arc::new(want)).await.unwrap();
        let before = host.in_use();
        for (meddling, told) in [
            (
                "link del v1",
                "device v1 was deleted by someone else and is back",
            ),
            (
                "link del vx1",
                "device vx1 was deleted by someone else and is back",
            ),
            ("link set v1 down", "put right: set device v1: up"),
            ("link set vx1 nomaster", "put right: set device vx1: master"),
            (
                "link set vx1 mtu 1300",
                "put right: set device vx1: mtu 1450",
            ),
            (
                "address del 10.1.0.1/24 dev v1",
                "put right: add address 10.1.0.1/24",
            ),
            (
                "address add 10.77.0.1/24 dev v1",
                "put right: remove address 10.77.0.1/24",
            ),
            (
                "link set v1 alias changed",
                "put right: set device v1: alias",
            ),
        ] {
            let start = Instant::now();
            host.batch(meddling);
            let event = tokio::time::timeout(HEALED, opened.events.recv())
                .await
                .unwrap_or_else(|_| panic!("{meddling}: nothing within {HEALED:?}"))
                .unwrap();
            let took = start.elapsed();
            assert_eq!(event.kind, EventKind::DriftHealed, "{meddling}: {event:?}");
            assert!(
                event.message.contains(told),
                "{meddling}: {}",
                event.message
            );
            assert!(took < HEALED, "{meddling}: {took:?}");
            host.settled(&mut opened).await;
            assert_eq!(host.in_use(), before, "{meddling}");
        }
    });
}

#[test]
fn where_the_zone_says_to_observe_drift_is_only_told() {
    let host = Host::new("observe");
    host.run(async |host| {
        let mut opened = host.open().await;
        let mut links = vnet(1);
        for link in &mut links {
            link.drift = DriftPolicy::Observe;
        }
        opened
            .dataplane
            .apply(Arc::new(plan_of(links)))
            .await
            .unwrap();
        host.batch("link set v1 mtu 1300");
        let event = tokio::time::timeout(HEALED, opened.events.recv())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(event.kind, EventKind::DriftObserved);
        assert!(event.message.contains("mtu 1450"), "{}", event.message);
        host.settled(&mut opened).await;
        assert_eq!(host.namespace.mtu("v1").unwrap(), 1300);
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
                "cannot make device vx1 of type vxlan: bridge v1, which it is to be a port of, is \
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

#[test]
fn an_apply_that_nobody_waits_for_ends_soon_on_a_real_kernel_and_the_way_back_is_whole() {
    const MANY: usize = 3_000;
    let host = Host::new("giveup");
    host.run(async |host| {
        let opened = host.open().await;
        let web = Arc::new(plan_of([bridge("web")]));
        opened.dataplane.apply(Arc::clone(&web)).await.unwrap();
        let before = network(&host.namespace).unwrap();
        let many = (0..MANY).map(|number| bridge(&format!("v{number}")));
        let many = Arc::new(plan_of(many));
        let apply = opened.dataplane.apply(many);
        let limit = Duration::from_millis(150);
        tokio::time::timeout(limit, apply).await.unwrap_err();
        let start = Instant::now();
        // It is served after what is given up.
        opened.dataplane.set_target(None).await.unwrap();
        let took = start.elapsed();
        assert!(took <= Duration::from_millis(500), "{took:?}");
        let made = host.ip("-o link show type bridge").lines().count();
        assert!((2..MANY).contains(&made), "{made} devices in {limit:?}");
        opened.dataplane.apply(Arc::clone(&web)).await.unwrap();
        opened.dataplane.collect().await.unwrap();
        assert_eq!(network(&host.namespace).unwrap(), before);
    });
}

#[test]
fn events_that_the_kernel_had_to_drop_are_made_up_for_by_looking_at_all() {
    const OTHERS: u32 = 200;
    let host = Host::new("overrun");
    host.run(async |host| {
        let mut kernel = Kernel::open().await.unwrap();
        let want = plan_of([bridge("web")]);
        host.reach(&mut kernel, &want).await;
        let each = |what: &dyn Fn(u32) -> String| {
            let lines: Vec<String> = (0..OTHERS).map(what).collect();
            host.batch(&lines.join("\n"));
        };
        each(&|number| format!("link add o{number} type bridge"));
        // Much more than a receive buffer holds, while nobody listens.
        for round in 0..30 {
            each(&|number| format!("link set o{number} mtu {}", 1_300 + round));
        }
        host.ip("link set web mtu 1300");
        let changes = kernel.look().await.unwrap();
        assert!(changes.all, "nothing was dropped: it takes more events");
        let seen = kernel.seen();
        assert_eq!(seen.named("web").unwrap().mtu, 1300);
        let others = seen.links().filter(|link| link.name.starts_with('o'));
        assert_eq!(others.count(), OTHERS as usize);
        assert_eq!(seen, Kernel::open().await.unwrap().seen());
    });
}

/// The data plane on this host's kernel, with trouble to order.
async fn open_with_trouble() -> (dataplane::Dataplane, Trouble) {
    let (driver, trouble) = Faulty::new(Kernel::open().await.unwrap());
    let cluster = ClusterId::from_bytes([0xab; 16]);
    let opened = dataplane::open_with(driver, Some(cluster)).await;
    (opened.dataplane, trouble)
}

#[test]
fn a_change_that_fails_at_any_step_is_undone_to_what_was() {
    let host = Host::new("refuse");
    host.run(async |host| {
        let (dataplane, trouble) = open_with_trouble().await;
        let before = Arc::new(plan_of(vnet(1).into_iter().chain(vnet(3))));
        let mut changed = vnet(1);
        for link in &mut changed {
            link.mtu = Some(1400.try_into().unwrap());
        }
        let after = Arc::new(plan_of(changed.into_iter().chain(vnet(2))));
        dataplane.apply(Arc::clone(&before)).await.unwrap();
        let was = host.in_use();
        let mut refused = 0;
        for errno in [libc::EPERM, libc::ENOMEM, libc::EOPNOTSUPP] {
            for step in 0.. {
                trouble.refuse(step, errno, 1);
                let applied = dataplane.apply(Arc::clone(&after)).await;
                if trouble.end() {
                    applied.unwrap();
                    break;
                }
                refused += 1;
                let text = applied.unwrap_err()[0].to_string();
                assert!(text.starts_with("vnet v"), "{text}");
                let back = dataplane.apply(Arc::clone(&before)).await;
                back.unwrap_or_else(|faults| panic!("step {step}: {faults:?}"));
                assert_eq!(host.in_use(), was, "step {step}");
                dataplane.collect().await.unwrap();
            }
            dataplane.apply(Arc::clone(&before)).await.unwrap();
        }
        assert!(refused >= 30, "{refused}");
        dataplane.collect().await.unwrap();
        assert_eq!(host.in_use(), was);
    });
}

#[test]
fn what_comes_or_goes_between_looking_and_acting_is_refused_or_taken_over_or_made_again() {
    let host = Host::new("meanwhile");
    host.run(async |host| {
        let name = host.namespace.name().to_owned();
        let by_hand = |commands: &'static [&'static [&'static str]]| {
            let name = name.clone();
            move || {
                for words in commands {
                    let mut ip = Command::new("ip");
                    exec::run(ip.args(["-n", &name]).args(*words)).unwrap();
                }
            }
        };
        let (dataplane, trouble) = open_with_trouble().await;
        let web = Arc::new(plan_of([bridge("web")]));

        // Somebody's.
        trouble.meddle(0, by_hand(&[&["link", "add", "web", "type", "bridge"]]));
        let refused = dataplane.apply(Arc::clone(&web)).await.unwrap_err();
        let texts: Vec<String> = refused.iter().map(ToString::to_string).collect();
        let cause = "vnet web of zone prod: cannot make device web of type bridge: a device of \
                     that name is there and is not Weft's";
        assert!(texts[0].starts_with(cause), "{texts:?}");
        assert!(host.ip("-o link show dev web").contains("state DOWN"));
        host.ip("link del web");

        // Ours, of a life that nobody remembers.
        assert_eq!(weft_node::own::GROUP, 1_466_263_156);
        trouble.meddle(
            0,
            by_hand(&[
                &[
                    "link",
                    "add",
                    "web",
                    "group",
                    "1466263156",
                    "type",
                    "bridge",
                ],
                &["link", "set", "web", "alias", "weft abababab prod/web"],
                &["link", "set", "web", "up"],
            ]),
        );
        dataplane.apply(Arc::clone(&web)).await.unwrap();
        let line = host.ip("-o link show dev web");
        let number = line
            .split(':')
            .next()
            .and_then(|number| number.parse().ok());
        assert!(number.is_some_and(|number: u32| number < 1_000), "{line}");

        // Gone.
        let mut changed = bridge("web");
        changed.mtu = Some(1400.try_into().unwrap());
        trouble.meddle(0, by_hand(&[&["link", "del", "web"]]));
        dataplane.apply(Arc::new(plan_of([changed]))).await.unwrap();
        assert_eq!(host.namespace.mtu("web").unwrap(), 1400);
        assert!(!trouble.end());
    });
}

/// How long the foreign editor goes on; longer with this many seconds in the environment.
fn editing() -> Duration {
    let seconds = std::env::var("WEFT_DRIFT_SECONDS").ok();
    Duration::from_secs(seconds.and_then(|text| text.parse().ok()).unwrap_or(10))
}

/// What somebody may do to a vnet's bridge and tunnel by hand.
fn edits(number: u32) -> Vec<String> {
    let (outer, port) = (format!("v{number}"), format!("vx{number}"));
    let mut edits = Vec::new();
    for device in [&outer, &port] {
        edits.extend([
            format!("ip link del {device}"),
            format!("ip link set {device} down"),
            format!("ip link set {device} mtu 1333"),
            format!("ip link set {device} alias mine"),
            format!("ip link set {device} group 7"),
            format!("ip address add 10.99.{number}.1/24 dev {device}"),
        ]);
    }
    edits.extend([
        format!("ip link set {port} nomaster"),
        format!("ip address flush dev {outer}"),
        format!("ip link set {outer} address 02:00:00:00:99:99"),
        format!("bridge fdb append 00:00:00:00:00:00 dev {port} dst 127.0.0.9 self"),
        format!("bridge fdb del 00:00:00:00:00:00 dev {port} dst 127.0.0.2 self"),
    ]);
    edits
}

#[test]
fn a_host_that_somebody_edits_at_random_converges_and_only_what_drifted_costs() {
    const VNETS: u32 = 40;
    let host = Host::new("edits");
    host.run(async |host| {
        let (dataplane, trouble) = open_with_trouble().await;
        let want = plan_of((1..=VNETS).flat_map(vnet));
        dataplane.apply(Arc::new(want.clone())).await.unwrap();
        let before = trouble.steps();
        let mut runner = TestRunner::new(Config {
            rng_seed: RngSeed::Fixed(23),
            ..Config::default()
        });
        let (start, limit) = (Instant::now(), editing());
        let mut made: usize = 0;
        // In turn, so that nobody's few repairs a minute are used up.
        for number in (1..=VNETS).cycle() {
            if start.elapsed() >= limit {
                break;
            }
            let edit = proptest::sample::select(edits(number));
            let edit = edit.new_tree(&mut runner).unwrap().current();
            let mut words = edit.split(' ');
            let mut command = Command::new(words.next().unwrap());
            command.args(["-n", host.namespace.name()]).args(words);
            // One that finds nothing to edit is none.
            made += usize::from(command.output().unwrap().status.success());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(made >= 20, "only {made} edits");
        let last = Instant::now();
        loop {
            let kernel = Kernel::open().await.unwrap();
            let left = plan(&host.owner(), &want, kernel.seen(), &Scope::All).steps;
            if left.is_empty() {
                break;
            }
            assert!(last.elapsed() < Duration::from_secs(2), "{left:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // A vnet that is made anew from nothing, bridge and tunnel, takes no more than this.
        let each = 16;
        let steps = trouble.steps() - before;
        assert!(steps <= made * each, "{steps} steps for {made} edits");
        let again = dataplane.apply(Arc::new(want)).await.unwrap();
        assert_eq!(again.steps, 0);
    });
}

#[test]
fn an_editor_who_will_not_stop_costs_ten_repairs_a_minute_and_is_told_of() {
    let host = Host::new("flap");
    host.run(async |host| {
        let mut opened = host.open().await;
        opened
            .dataplane
            .apply(Arc::new(plan_of(vnet(1))))
            .await
            .unwrap();
        let given_up = "changed by someone else again and again";
        let mut told: Vec<(EventKind, String)> = Vec::new();
        let mut edits = 0;
        // The editor goes on for a second after the agent said that it gives way.
        let mut until = Instant::now() + Duration::from_secs(60);
        let mut gave_way = false;
        while Instant::now() < until {
            if host.namespace.mtu("v1").unwrap() != 1300 {
                host.ip("link set v1 mtu 1300");
                edits += 1;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            while let Ok(event) = opened.events.try_recv() {
                told.push((event.kind, event.message));
            }
            if !gave_way && told.iter().any(|(_, text)| text.contains(given_up)) {
                gave_way = true;
                until = Instant::now() + Duration::from_secs(1);
            }
        }
        let saying = |kind, text: &str| {
            let of = |(k, said): &&(EventKind, String)| *k == kind && said.contains(text);
            told.iter().filter(of).count()
        };
        // One that the editor undid while it was being made is no success, and counts all the same.
        let healed = saying(EventKind::DriftHealed, "v1");
        assert!((8..=10).contains(&healed), "{healed}: {told:#?}");
        assert_eq!(saying(EventKind::DriftFailed, given_up), 1, "{told:#?}");
        assert!(edits <= 11, "repaired {edits} times: {told:#?}");
        assert_eq!(host.namespace.mtu("v1").unwrap(), 1300);
    });
}
