//! Keys, values, and their history.

use std::time::Duration;

use weft_controller::store::kv::entry::{Compare, Entry, Event, Op, Order, Range, Txn, Want};
use weft_controller::store::kv::{Kv, KvError};

use crate::fixtures::World;

async fn put(kv: &Kv, ops: &[(&str, &str)]) -> u64 {
    let put = |(key, value): &(&str, &str)| Op::put(*key, (*value).to_owned());
    let txn = Txn {
        then: ops.iter().map(put).collect(),
        ..Txn::default()
    };
    kv.txn(txn).await.unwrap().revision
}

fn entry(key: &str, value: &str, created: u64, modified: u64, version: u64) -> Entry {
    Entry {
        key: key.to_owned(),
        value: value.to_owned().into(),
        created,
        modified,
        version,
    }
}

pub async fn a_transaction_happens_only_if_all_holds(world: World) {
    let kv = world.store.kv();
    let first = put(kv, &[("a", "1")]).await;
    let second = put(kv, &[("a", "2"), ("b", "1")]).await;
    let attempt = |when: Vec<Compare>| Txn {
        when,
        then: vec![Op::put("c", "1"), Op::Get("a".to_owned())],
        otherwise: vec![Op::Get("b".to_owned()), Op::Get("none".to_owned())],
    };
    let holding = vec![
        Compare::Created("a".to_owned(), first),
        Compare::Modified("a".to_owned(), second),
        Compare::Absent("c".to_owned()),
    ];
    let done = kv.txn(attempt(holding.clone())).await.unwrap();
    assert!(done.succeeded);
    assert_eq!(done.revision, second + 1);
    assert_eq!(done.found, [Some(entry("a", "2", first, second, 2))]);
    let again = kv.txn(attempt(holding)).await.unwrap();
    assert!(!again.succeeded);
    assert_eq!(again.revision, second + 1);
    assert_eq!(
        again.found,
        [Some(entry("b", "1", second, second, 1)), None]
    );
}

pub async fn a_range_is_read_as_of_a_revision_page_by_page(world: World) {
    let kv = world.store.kv();
    for n in 0..250 {
        put(kv, &[(&format!("list/{n:03}"), "old")]).await;
    }
    let then = put(kv, &[("other/1", "x")]).await;
    put(kv, &[("list/100", "new")]).await;
    let txn = Txn {
        then: vec![Op::Delete("list/200".to_owned())],
        ..Txn::default()
    };
    kv.txn(txn).await.unwrap();
    let old = kv.all("list/", Want::Values, Some(then)).await.unwrap();
    assert_eq!((old.entries.len(), old.revision), (250, then));
    assert!(old.entries.iter().all(|entry| entry.value == "old"));
    let now = kv.all("list/", Want::Keys, None).await.unwrap();
    assert_eq!((now.entries.len(), now.revision), (249, then + 2));
    assert!(now.entries.iter().all(|entry| entry.value.is_empty()));
    assert_eq!(kv.count("list/").await.unwrap(), 249);
    let newest = Range {
        prefix: "list/".to_owned(),
        limit: 2,
        order: Order::Descending,
        ..Range::default()
    };
    let newest = kv.range(newest).await.unwrap();
    let keys: Vec<&str> = newest
        .entries
        .iter()
        .map(|entry| entry.key.as_str())
        .collect();
    assert_eq!((keys, newest.more), (vec!["list/249", "list/248"], true));
}

pub async fn a_transaction_too_large_is_refused_as_that(world: World) {
    let kv = world.store.kv();
    let txn = Txn {
        then: (0..129).map(|n| Op::put(format!("k{n}"), "x")).collect(),
        ..Txn::default()
    };
    assert!(matches!(kv.txn(txn).await, Err(KvError::TooLarge)));
    assert_eq!(kv.count("k").await.unwrap(), 0);
}

pub async fn keys_vanish_with_their_lease(world: World) {
    let kv = world.store.kv();
    let kept = kv.grant(Duration::from_secs(2)).await.unwrap();
    let lost = kv.grant(Duration::from_secs(2)).await.unwrap();
    let put = |key: &str, lease| Op::Put {
        key: key.to_owned(),
        value: "x".into(),
        lease: Some(lease),
    };
    let txn = Txn {
        then: vec![put("kept", kept), put("lost", lost)],
        ..Txn::default()
    };
    let revision = kv.txn(txn.clone()).await.unwrap().revision;
    let mut watch = kv.watch("lost", revision + 1).await.unwrap();
    let renewing = async {
        loop {
            kv.keep_alive(kept).await.unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    let vanished = async {
        loop {
            if let Some(event) = watch.next().await.unwrap().events.pop() {
                return event;
            }
        }
    };
    tokio::select! {
        () = renewing => unreachable!("it goes on for ever"),
        event = vanished => assert!(matches!(event, Event::Delete { .. }), "{event:?}"),
    }
    assert!(kv.get_one("kept").await.unwrap().is_some());
    assert!(kv.get_one("lost").await.unwrap().is_none());
    assert!(matches!(kv.keep_alive(lost).await, Err(KvError::LeaseLost)));
    assert!(matches!(kv.txn(txn).await, Err(KvError::LeaseLost)));
    kv.revoke(kept).await.unwrap();
    assert!(kv.get_one("kept").await.unwrap().is_none());
}

pub async fn a_watch_tells_each_transaction_whole_and_in_order(world: World) {
    let kv = world.store.kv();
    let first = put(kv, &[("w/a", "1")]).await;
    let mut watch = kv.watch("w/", first).await.unwrap();
    let second = put(kv, &[("w/a", "2"), ("w/b", "1"), ("x", "1")]).await;
    let txn = Txn {
        then: vec![
            Op::Delete("w/a".to_owned()),
            Op::Delete("w/none".to_owned()),
        ],
        ..Txn::default()
    };
    let third = kv.txn(txn).await.unwrap().revision;
    let mut seen = Vec::new();
    while seen.len() < 4 {
        seen.extend(watch.next().await.unwrap().events);
    }
    let expected = [
        Event::Put(entry("w/a", "1", first, first, 1)),
        Event::Put(entry("w/a", "2", first, second, 2)),
        Event::Put(entry("w/b", "1", second, second, 1)),
        Event::Delete {
            key: "w/a".to_owned(),
            modified: third,
        },
    ];
    assert_eq!(seen, expected);
}

pub async fn a_watch_from_before_a_compaction_fails_as_that(world: World) {
    let kv = world.store.kv();
    let first = put(kv, &[("w/a", "1")]).await;
    put(kv, &[("w/a", "2")]).await;
    let last = put(kv, &[("w/a", "3")]).await;
    kv.compact(last).await.unwrap();
    let early = match kv.watch("w/", first).await {
        Ok(mut watch) => watch.next().await.map(|_| ()),
        Err(error) => Err(error),
    };
    assert!(matches!(early, Err(KvError::Compacted)), "{early:?}");
    let old = kv.all("w/", Want::Values, Some(first)).await;
    assert!(matches!(old, Err(KvError::Compacted)));
    let future = kv.all("w/", Want::Values, Some(last + 100)).await;
    assert!(matches!(future, Err(KvError::Compacted)));
    let mut watch = kv.watch("w/", last + 1).await.unwrap();
    let next = put(kv, &[("w/a", "4")]).await;
    let events = loop {
        let events = watch.next().await.unwrap().events;
        if !events.is_empty() {
            break events;
        }
    };
    assert_eq!(events, [Event::Put(entry("w/a", "4", first, next, 4))]);
}
