//! What happens to the store when its etcd does not do what it should.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use weft_controller::store::error::{Retry, StoreError};

use crate::fixtures::{batch, child, connect, key, lead, put, vnet};

fn is_unavailable<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> bool {
    let error = result.as_ref().err();
    error.is_some_and(|error| error.retry() == Retry::Later)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_etcd_ends_watches_and_comes_back_with_its_data() {
    let directory = tempfile::tempdir().unwrap();
    let etcd = child(&directory, None).await;
    let port = etcd.endpoint().rsplit(':').next().unwrap().parse().unwrap();
    let store = connect(&etcd).await;
    let leader = lead(&store, "one").await;
    let applied = store
        .apply(&leader.fence, batch([put(vnet("web", 1))]))
        .await;
    let version = applied.unwrap().version;
    let mut watch = store.watch_draft(version).await.unwrap();
    let pid = etcd.pid();
    drop(etcd);
    let before = Instant::now();
    let ended = watch.next().await;
    assert!(is_unavailable(&ended), "{ended:?}");
    assert!(is_unavailable(&store.draft().await));
    assert!(before.elapsed() < Duration::from_secs(8));
    let gone = || kill(Pid::from_raw(pid.cast_signed()), None).is_err();
    while !gone() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let _again = child(&directory, Some(port)).await;
    let draft = loop {
        match store.draft().await {
            Ok(draft) => break draft,
            Err(error) => assert_eq!(error.retry(), Retry::Later, "{error:?}"),
        }
    };
    assert_eq!(draft.objects[&key("web")].version, version);
    let mut watch = store.watch_draft(watch.version()).await.unwrap();
    // It is a candidate again as soon as etcd is back, and may well be the first.
    leader.election.resign().await;
    let leader = lead(&store, "two").await;
    let applied = store
        .apply(&leader.fence, batch([put(vnet("web", 2))]))
        .await;
    let event = super::suite::draft::next(&mut watch).await;
    assert_eq!(event.version, applied.unwrap().version);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_etcd_makes_the_leader_stand_down_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let etcd = child(&directory, None).await;
    let store = connect(&etcd).await;
    let leader = lead(&store, "one").await;
    let mut leadership = leader.election.leadership();
    let pid = Pid::from_raw(etcd.pid().cast_signed());
    kill(pid, Signal::SIGSTOP).unwrap();
    let before = Instant::now();
    leadership
        .wait_for(|now| now.fence().is_none())
        .await
        .unwrap();
    let waited = before.elapsed();
    let read = store.draft().await;
    kill(pid, Signal::SIGCONT).unwrap();
    assert!(
        waited <= crate::fixtures::LEASE / 2 + Duration::from_millis(500),
        "{waited:?}"
    );
    assert!(is_unavailable(&read), "{read:?}");
    leadership
        .wait_for(|now| now.fence().is_some())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_program_that_is_missing_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let options = weft_controller::etcd::ChildOptions {
        program: "/nowhere/etcd".into(),
        ..weft_controller::etcd::ChildOptions::new(directory.path())
    };
    let error = weft_controller::etcd::ChildEtcd::start(options)
        .await
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "cannot find the program /nowhere/etcd: install it (apt install etcd-server), or name a \
         running etcd with --etcd"
    );
}
