//! What others change on a host by hand.

use super::trouble::open_with_trouble;
use super::*;

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
