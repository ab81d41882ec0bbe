//! What gives way to what, and what ends when nobody waits for it.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_apply_that_nobody_waits_for_ends_between_two_steps_and_the_way_back_begins() {
    let fake = Fake::new();
    let opened = open(&fake).await;
    opened.dataplane.apply(plan_of(&["web"])).await.unwrap();
    let before = fake.seen();
    let names: Vec<String> = (0..100).map(|number| format!("v{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let all = opened
        .dataplane
        .check(plan_of(&names))
        .await
        .unwrap()
        .steps
        .len();
    fake.slow(Duration::from_millis(100));
    let made = fake.made().len();
    let whole = opened.dataplane.apply(plan_of(&names));
    timeout(Duration::from_millis(2_050), whole)
        .await
        .unwrap_err();
    let start = Instant::now();
    assert_eq!(fake.made().len(), made + 20);
    assert!(all > 200, "{all}");
    let back = tokio::spawn({
        let dataplane = opened.dataplane.clone();
        async move { dataplane.apply(plan_of(&["web"])).await }
    });
    while fake.made().len() == made + 20 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let took = start.elapsed();
    assert!(took <= Duration::from_millis(120), "{took:?}");
    back.await.unwrap().unwrap();
    fake.slow(Duration::ZERO);
    opened.dataplane.collect().await.unwrap();
    assert_eq!(fake.seen(), before);
}

#[tokio::test(start_paused = true)]
async fn an_apply_that_waits_for_a_busy_kernel_ends_at_once_when_nobody_waits_for_it() {
    let fake = Fake::new();
    let opened = open(&fake).await;
    fake.fail("create device web", libc::EBUSY, 3);
    let apply = opened.dataplane.apply(plan_of(&["web"]));
    // In the middle of its second wait.
    timeout(Duration::from_millis(200), apply)
        .await
        .unwrap_err();
    let start = Instant::now();
    opened.dataplane.apply(plan_of(&["db"])).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(fake.seen().named("web").is_none());
}

#[tokio::test(start_paused = true)]
async fn healing_gives_way_to_a_plan_and_goes_on_after_a_question() {
    let fake = Fake::new();
    let mut opened = open(&fake).await;
    let both = plan_of(&["db", "web"]);
    opened.dataplane.apply(Arc::clone(&both)).await.unwrap();
    fake.slow(Duration::from_millis(500));
    delete(&fake, "web");
    tokio::time::sleep(Duration::from_millis(600)).await;
    // A question waits until it is healed, which is told.
    opened.dataplane.check(Arc::clone(&both)).await.unwrap();
    assert!(fake.seen().named("web").is_some());
    let kinds: Vec<EventKind> = told(&mut opened)
        .await
        .into_iter()
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(kinds, [EventKind::DriftHealed]);
    delete(&fake, "web");
    tokio::time::sleep(Duration::from_millis(600)).await;
    let start = Instant::now();
    fake.slow(Duration::ZERO);
    opened.dataplane.apply(plan_of(&["db"])).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    // And what was given up is not forgotten, whatever the plan is now.
    delete(&fake, "db");
    let healed = "device db was deleted by someone else and is back".to_owned();
    assert_eq!(told(&mut opened).await, [(EventKind::DriftHealed, healed)]);
}

#[tokio::test(start_paused = true)]
async fn collecting_gives_way_to_a_plan_and_goes_on_after_it() {
    let fake = Fake::new();
    let opened = open(&fake).await;
    opened.dataplane.apply(plan_of(&["web"])).await.unwrap();
    opened.dataplane.apply(plan_of(&[])).await.unwrap();
    fake.fail("destroy", libc::EBUSY, 2);
    let collecting = tokio::spawn({
        let dataplane = opened.dataplane.clone();
        async move { dataplane.collect().await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let start = Instant::now();
    opened.dataplane.apply(plan_of(&["db"])).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(collecting.await.unwrap(), Ok(1));
}
