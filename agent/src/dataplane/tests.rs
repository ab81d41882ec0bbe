//! The data plane's loop over a kernel in memory, with the clock standing still until it is waited
//! for.

use std::time::Duration;

use nix::libc;
use tokio::time::{Instant, timeout};
use weft_model::object::drift::DriftPolicy;
use weft_model::plan::link::{Bridge, Link, LinkKind};
use weft_model::plan::{Entry, Origin};
use weft_model::report::EventKind;
use weft_node::seen::{Seen, SeenLink};

use super::pace::{REPAIRS, WINDOW};
use super::*;
use crate::fake::{Fake, FakeDriver};
use crate::faulty::Faulty;

mod giving_way;

fn bridge(name: &str) -> Link {
    Link {
        mtu: Some(1450.try_into().unwrap()),
        ..Link::plain(
            name.parse().unwrap(),
            Origin::Zone {
                zone: "prod".parse().unwrap(),
                vnet: Some(name.parse().unwrap()),
            },
            LinkKind::Bridge(Bridge::default()),
        )
    }
}

fn plan_of(names: &[&str]) -> Arc<NodePlan> {
    let links = names.iter().map(|name| Entry::Link(bridge(name)));
    Arc::new(links.collect())
}

async fn open(fake: &Fake) -> Opened {
    let cluster = ClusterId::from_bytes([1; 16]);
    open_with(FakeDriver::new(fake.clone()), Some(cluster)).await
}

fn texts(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}

/// The events that come before nothing happens for a while.
async fn told(opened: &mut Opened) -> Vec<(EventKind, String)> {
    let mut told = Vec::new();
    while let Ok(Some(event)) = timeout(Duration::from_secs(2), opened.events.recv()).await {
        told.push((event.kind, event.message));
    }
    told
}

fn delete(fake: &Fake, name: &str) {
    fake.meddle(|seen| {
        let index = seen.named(name).unwrap().index;
        seen.remove(index);
    });
}

#[tokio::test(start_paused = true)]
async fn a_busy_kernel_is_asked_again() {
    let fake = Fake::new();
    let opened = open(&fake).await;
    fake.fail("create device web", libc::EBUSY, 3);
    let applied = opened.dataplane.apply(plan_of(&["web"])).await.unwrap();
    assert_eq!(applied.passes, 4);
    assert!(fake.seen().named("web").is_some());
}

#[tokio::test(start_paused = true)]
async fn what_the_kernel_will_not_do_is_told_at_once_and_going_back_works() {
    let fake = Fake::new();
    let opened = open(&fake).await;
    opened.dataplane.apply(plan_of(&["web"])).await.unwrap();
    let before = fake.seen();
    fake.fail("set device db", libc::EPERM, 1);
    let start = Instant::now();
    let faults = opened.dataplane.apply(plan_of(&["db"])).await.unwrap_err();
    assert_eq!(
        texts(&faults),
        ["vnet db of zone prod: cannot set device db: mtu 1450, \
             alias \"weft 01010101 prod/db\", IPv4 forwarding off, up: Operation not permitted \
             (os error 1): give the agent CAP_NET_ADMIN and let it write below /proc/sys/net"]
    );
    assert_eq!(start.elapsed(), Duration::ZERO);
    opened.dataplane.apply(plan_of(&["web"])).await.unwrap();
    opened.dataplane.collect().await.unwrap();
    assert_eq!(fake.seen(), before);
}

#[tokio::test(start_paused = true)]
async fn checking_changes_nothing_and_says_what_would_be_done() {
    let fake = Fake::new();
    let opened = open(&fake).await;
    let steps = opened
        .dataplane
        .check(plan_of(&["web"]))
        .await
        .unwrap()
        .steps;
    assert_eq!(steps.first().unwrap(), "create device web of type bridge");
    fake.set_facts(|facts| facts.device_types.clear());
    let faults = opened.dataplane.check(plan_of(&["web"])).await.unwrap_err();
    assert_eq!(
        texts(&faults),
        [
            "vnet web of zone prod: cannot make device web of type bridge: the kernel cannot make \
             devices of type bridge: load the kernel module bridge, or keep the zone off this node"
        ]
    );
    assert_eq!(fake.made(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_node_of_no_cluster_touches_nothing() {
    let fake = Fake::new();
    let opened = open_with(FakeDriver::new(fake.clone()), None).await;
    assert!(opened.dataplane.apply(plan_of(&["web"])).await.is_err());
    let cluster = ClusterId::from_bytes([1; 16]);
    opened.dataplane.join(cluster).await.unwrap();
    assert_eq!(fake.made(), [""; 0]);
    opened.dataplane.apply(plan_of(&["web"])).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_editor_who_will_not_stop_wins_for_a_while_and_that_is_told_once() {
    let fake = Fake::new();
    let mut opened = open(&fake).await;
    opened.dataplane.apply(plan_of(&["web"])).await.unwrap();
    let healed = (
        EventKind::DriftHealed,
        "device web was deleted by someone else and is back".to_owned(),
    );
    for _ in 0..REPAIRS {
        delete(&fake, "web");
        assert_eq!(told(&mut opened).await, std::slice::from_ref(&healed));
    }
    delete(&fake, "web");
    let given_up = told(&mut opened).await;
    assert_eq!(
        given_up,
        [(
            EventKind::DriftFailed,
            "device web is changed by someone else again and again and is left as it is for up to \
             60 s"
                .to_owned()
        )]
    );
    assert!(fake.seen().named("web").is_none());
    tokio::time::sleep(WINDOW).await;
    assert_eq!(told(&mut opened).await, [healed]);
}

#[tokio::test(start_paused = true)]
async fn a_repair_that_fails_once_is_made_again_and_one_that_goes_on_failing_is_told() {
    let fake = Fake::new();
    let mut opened = open(&fake).await;
    opened.dataplane.apply(plan_of(&["web"])).await.unwrap();
    fake.fail("create device web", libc::ENOMEM, 1);
    delete(&fake, "web");
    let kinds: Vec<EventKind> = told(&mut opened)
        .await
        .into_iter()
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(kinds, [EventKind::DriftHealed]);
    fake.fail("create device web", libc::ENOMEM, 2);
    delete(&fake, "web");
    assert_eq!(
        told(&mut opened).await,
        [(
            EventKind::DriftFailed,
            "cannot create device web of type bridge: Cannot allocate memory (os error 12): the \
             host is short of memory"
                .to_owned()
        )]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_only_observed_is_told_once_for_each_difference() {
    let fake = Fake::new();
    let mut opened = open(&fake).await;
    let mut web = bridge("web");
    web.drift = DriftPolicy::Observe;
    let want: NodePlan = [Entry::Link(web)].into_iter().collect();
    opened.dataplane.apply(Arc::new(want)).await.unwrap();
    let before = fake.made();
    for _ in 0..2 {
        delete(&fake, "eth0");
        fake.meddle(|seen| {
            let mut link = seen.named("web").unwrap().clone();
            link.mtu = 1300;
            seen.put(link);
            seen.put(weft_node::seen::SeenLink::new(
                2,
                "eth0",
                weft_node::seen::SeenKind::Other,
            ));
        });
    }
    assert_eq!(
        told(&mut opened).await,
        [(
            EventKind::DriftObserved,
            "device web was changed by someone else and is left; to do: set device web: mtu 1450"
                .to_owned()
        )]
    );
    delete(&fake, "web");
    assert_eq!(
        told(&mut opened).await,
        [(
            EventKind::DriftObserved,
            "device web was deleted by someone else and is not made again".to_owned()
        )]
    );
    assert_eq!(fake.made(), before);
}

#[tokio::test(start_paused = true)]
async fn collecting_destroys_what_was_set_aside_and_says_how_many() {
    let fake = Fake::new();
    let opened = open(&fake).await;
    let names: Vec<String> = (0..200).map(|number| format!("v{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    opened.dataplane.apply(plan_of(&names)).await.unwrap();
    opened.dataplane.apply(plan_of(&[])).await.unwrap();
    assert_eq!(fake.seen().links().count(), 202);
    assert_eq!(opened.dataplane.collect().await, Ok(200));
    assert_eq!(fake.seen().links().count(), 2);
    let destroyed: Vec<String> = fake
        .made()
        .into_iter()
        .filter(|step| step.starts_with("destroy"))
        .collect();
    assert_eq!(destroyed.len(), 4, "{destroyed:?}");
}

/// The error numbers after which a step is tried again, and those after which it is not.
const PASSING: [i32; 6] = [
    libc::EEXIST,
    libc::ENODEV,
    libc::ENOENT,
    libc::EBUSY,
    libc::EAGAIN,
    libc::EINTR,
];
const LASTING: [i32; 6] = [
    libc::EPERM,
    libc::EACCES,
    libc::EINVAL,
    libc::EOPNOTSUPP,
    libc::ENOMEM,
    libc::ENOBUFS,
];

/// A change that makes, changes and takes away.
fn before_and_after() -> (Arc<NodePlan>, Arc<NodePlan>) {
    let mut changed = bridge("web");
    changed.mtu = Some(1400.try_into().unwrap());
    changed.addresses = ["10.0.0.1/24".parse().unwrap()].into();
    let links = [changed, bridge("db"), bridge("new")];
    let after = links.into_iter().map(Entry::Link).collect();
    (plan_of(&["db", "old", "web"]), Arc::new(after))
}

#[tokio::test(start_paused = true)]
async fn whatever_the_kernel_says_to_whichever_step_the_change_is_made_or_undone_whole() {
    let (before, after) = before_and_after();
    let cases = |numbers: &[i32], times: u32| -> Vec<(i32, u32)> {
        numbers.iter().map(|errno| (*errno, times)).collect()
    };
    let passing = cases(&PASSING, 1);
    let lasting = [cases(&PASSING, u32::MAX), cases(&LASTING, 1)].concat();
    let mut refused = 0;
    for (is_lasting, errno, times) in passing
        .into_iter()
        .map(|(errno, times)| (false, errno, times))
        .chain(
            lasting
                .into_iter()
                .map(|(errno, times)| (true, errno, times)),
        )
    {
        for step in 0.. {
            let fake = Fake::new();
            let (driver, trouble) = Faulty::new(FakeDriver::new(fake.clone()));
            let cluster = ClusterId::from_bytes([1; 16]);
            let opened = open_with(driver, Some(cluster)).await;
            opened.dataplane.apply(Arc::clone(&before)).await.unwrap();
            let was = fake.seen();
            trouble.refuse(step, errno, times);
            let applied = opened.dataplane.apply(Arc::clone(&after)).await;
            let is_past_the_end = trouble.end() && applied.is_ok();
            if is_past_the_end {
                break;
            }
            refused += 1;
            let case = format!("error {errno} at step {step}");
            match applied {
                Ok(_) => assert!(!is_lasting, "{case} is overcome"),
                Err(faults) => {
                    assert!(is_lasting, "{case}: {faults:?}");
                    // The one that says what is the matter says where.
                    let text = faults[0].to_string();
                    let named = ["db", "new", "old", "web"]
                        .iter()
                        .any(|vnet| text.starts_with(&format!("vnet {vnet} of zone prod: cannot")));
                    assert!(named, "{case}: {text}");
                }
            }
            opened.dataplane.apply(Arc::clone(&before)).await.unwrap();
            opened.dataplane.collect().await.unwrap();
            let mut is = fake.seen();
            // A number is never given twice.
            renumber(&mut is);
            let mut was = was;
            renumber(&mut was);
            assert_eq!(is, was, "{case}");
            let again = opened.dataplane.apply(Arc::clone(&before)).await.unwrap();
            assert_eq!(again.steps, 0, "{case}");
        }
    }
    assert!(refused > 100, "{refused}");
}

/// Gives the devices of ours numbers in the order of their names.
fn renumber(seen: &mut Seen) {
    let mut links: Vec<SeenLink> = seen
        .links()
        .filter(|link| link.index > 2)
        .cloned()
        .collect();
    links.sort_by(|one, other| one.name.cmp(&other.name));
    for link in &links {
        seen.remove(link.index);
    }
    for (index, mut link) in (100..).zip(links) {
        link.index = index;
        seen.put(link);
    }
}

#[tokio::test(start_paused = true)]
async fn a_vnet_whose_healing_is_paused_is_told_of_and_left_until_then_and_no_other_is() {
    let fake = Fake::new();
    let mut opened = open(&fake).await;
    let plan = plan_of(&["db", "web"]);
    opened.dataplane.apply(plan).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let state_dir = folder.path().to_owned();
    opened.dataplane.heed(state_dir.clone()).await.unwrap();
    let web = ["web".parse().unwrap()];
    let hour = Duration::from_secs(3_600);
    crate::operator::pause_healing(&state_dir, &web, hour).unwrap();
    for name in ["db", "web"] {
        delete(&fake, name);
    }
    let told_meanwhile = told(&mut opened).await;
    assert!(fake.seen().named("db").is_some());
    assert!(fake.seen().named("web").is_none());
    let kinds: Vec<_> = told_meanwhile.iter().map(|(kind, _)| *kind).collect();
    assert!(kinds.contains(&EventKind::DriftHealed) && kinds.len() == 2);
    let (_, paused) = told_meanwhile
        .iter()
        .find(|(kind, _)| *kind == EventKind::DriftObserved)
        .unwrap();
    let begin = "device web was deleted by someone else and is not made again; its healing is \
                 paused until ";
    assert!(paused.starts_with(begin), "{paused}");
    // It is told once, however long it takes, and keeps nobody else waiting.
    assert_eq!(told(&mut opened).await, []);
    delete(&fake, "db");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(fake.seen().named("db").is_some());
    assert_eq!(told(&mut opened).await.len(), 1);
    assert!(fake.seen().named("web").is_none());

    crate::operator::resume_healing(&state_dir, &[]).unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(fake.seen().named("web").is_some());
    let healed = "device web was deleted by someone else and is back".to_owned();
    assert_eq!(told(&mut opened).await, [(EventKind::DriftHealed, healed)]);
}
