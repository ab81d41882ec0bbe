//! What a kernel refuses, what others do meanwhile, and what nobody waits for.

use super::*;

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
pub async fn open_with_trouble() -> (dataplane::Dataplane, Trouble) {
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
