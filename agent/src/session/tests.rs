//! The whole loop: a scripted controller over real gRPC, a kernel in memory, a ledger on disk.

use weft_model::facts::Facts;
use weft_model::message::{Answer, Command, Confirmed, Gates, Progress, Standing, Target};
use weft_model::plan::NodePlan;
use weft_model::revision::{Epoch, Incarnation, RolloutId};
use weft_node::session::journal::{Fate, State};
use weft_proto::v1;

use super::*;

mod desk;
mod lab;
mod restart;
mod routing;
mod stream;

use desk::*;
use lab::*;

fn confirmed(rollout: u64, plan: &NodePlan) -> Confirmed {
    Confirmed {
        rollout: RolloutId(rollout),
        target: target(rollout, plan),
    }
}

fn unsettled(rollout: u64, plan: &NodePlan, progress: Progress) -> Standing {
    Standing::Unsettled {
        rollout: RolloutId(rollout),
        to: target(rollout, plan),
        progress,
    }
}

fn texts(answer: Answer) -> Vec<String> {
    match answer {
        Answer::Refused(faults) | Answer::Failed(faults) => {
            faults.iter().map(ToString::to_string).collect()
        }
        answer => panic!("{answer:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_goes_from_prepare_to_confirm_and_survives_a_restart_without_a_write() {
    let web = plan_of(&["web"]);
    let (mut desk, node, agent, stream) = settled(&web).await;
    assert!(node.has("web"));
    assert_eq!(node.journal().confirmed, confirmed(1, &web));
    until("the plans on disk", || {
        node.plans() == [node.plan_file(&web)]
    })
    .await;
    let made = node.fake.made();

    agent.stopped().await;
    drop(stream);
    let mut agent = node.start().await;
    let hello = desk.accept().await.hello();
    soon("ready", &mut agent.ready).await.unwrap();
    assert_eq!(hello.confirmed, confirmed(1, &web));
    assert_eq!(hello.standing, Standing::Settled);
    assert_eq!(hello.epoch, Epoch(1));
    assert_eq!(hello.pin.unwrap().incarnation, Incarnation(1));
    agent.stopped().await;
    assert_eq!(node.fake.made(), made);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_refuses_changes_nothing() {
    let (_desk, node, agent, mut stream) = meet().await;
    node.fake.set_facts(|facts| {
        facts.device_types.clear();
    });
    assert!(stream.hear_facts().await.device_types.is_empty());
    let (nothing, web) = (NodePlan::default(), plan_of(&["web"]));
    let refused = stream.prepare(1, (0, &nothing), (1, &web), LEASE).await;
    assert_eq!(
        texts(refused),
        [
            "vnet web of zone prod: cannot make device web of type bridge: the kernel cannot make \
             devices of type bridge: load the kernel module bridge, or keep the zone off this node"
        ]
    );
    assert_eq!(node.fake.made(), Vec::<String>::new());
    until("the plans on disk", || {
        node.plans() == Vec::<std::path::PathBuf>::new()
    })
    .await;
    assert_eq!(node.journal().state, State::Idle);
    agent.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_fails_is_undone_and_told() {
    let (web, more) = (plan_of(&["web"]), plan_of(&["db", "web"]));
    let (_desk, node, agent, mut stream) = settled(&web).await;
    let prepared = stream.prepare(2, (1, &web), (2, &more), LEASE).await;
    assert!(matches!(prepared, Answer::Prepared(_)), "{prepared:?}");
    node.fake.fail("create device db", nix::libc::EOPNOTSUPP, 1);
    let failed = texts(stream.ask(2, Command::Apply).await);
    assert!(failed[0].contains("device db"), "{failed:?}");
    until("the way back", || {
        matches!(node.journal().state, State::Reverted { .. })
    })
    .await;
    assert!(node.has("web") && !node.has("db"));
    assert_eq!(stream.ask(2, Command::Rollback).await, Answer::RolledBack);
    assert_eq!(node.journal().confirmed, confirmed(1, &web));
    // The answer does not wait for the disk to be tidied.
    until("the end of the plan that is off", || {
        node.plans() == [node.plan_file(&web)]
    })
    .await;
    let again = stream.prepare(2, (1, &web), (2, &more), LEASE).await;
    assert_eq!(again, Answer::RolledBack, "it never begins again");
    agent.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_loses_its_controller_goes_back_by_itself_and_says_so_on_return() {
    let (web, more) = (plan_of(&["web"]), plan_of(&["db", "web"]));
    let (mut desk, node, agent, mut stream) = settled(&web).await;
    stream.prepare(2, (1, &web), (2, &more), SHORT).await;
    let stream = apply(&mut desk, stream, 2).await;
    assert!(node.has("db"));
    let address = desk.close().await;
    drop(stream);
    let began = std::time::Instant::now();
    until("the way back", || {
        matches!(node.journal().state, State::Reverted { .. })
    })
    .await;
    assert!(began.elapsed() < Duration::from_millis(1_700));
    assert!(node.has("web") && !node.has("db"));

    let mut desk = Desk::open_at(address).await;
    let mut stream = desk.accept().await;
    assert_eq!(
        stream.hello().standing,
        unsettled(2, &more, Progress::Reverted)
    );
    stream.hear_events(1).await;
    assert_eq!(stream.events[0].kind, EventKind::Reverted);
    assert_eq!(
        stream.events[0].message,
        "revision 2 of rollout 2 was undone, the node is back at revision 1: cannot stay on the \
         unconfirmed change: no word from the controller for 700 ms: see whether the change cuts \
         the node off from the controller"
    );

    // The decision was to keep it: the node makes the change again, alone.
    let nonce = stream.command(2, Command::Confirm, None).await;
    let mut stream = desk.accept().await;
    assert_eq!(stream.answer_to(nonce).await, Answer::Verified);
    assert_eq!(stream.ask(2, Command::Confirm).await, Answer::Confirmed);
    assert!(node.has("db"));
    agent.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_alives_are_answered_while_a_change_is_being_made_and_prolong_it() {
    let (nothing, web) = (NodePlan::default(), plan_of(&["web"]));
    let (mut desk, node, agent, mut stream) = meet().await;
    stream.prepare(1, (0, &nothing), (1, &web), SHORT).await;
    node.gate.send_replace(false);
    let applied = stream.command(1, Command::Apply, None).await;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        assert_eq!(stream.ask(1, Command::KeepAlive).await, Answer::Alive);
    }
    assert!(matches!(node.journal().state, State::Armed { .. }));
    node.gate.send_replace(true);
    let mut stream = desk.accept().await;
    assert_eq!(stream.answer_to(applied).await, Answer::Verified);
    agent.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_comes_back_finds_the_change_verified() {
    let (nothing, web) = (NodePlan::default(), plan_of(&["web"]));
    let (mut desk, node, agent, mut stream) = meet().await;
    stream.prepare(1, (0, &nothing), (1, &web), LEASE).await;
    let stream = apply(&mut desk, stream, 1).await;
    let made = node.fake.made();
    let address = desk.close().await;
    drop(stream);

    let mut desk = Desk::open_at(address).await;
    let mut stream = desk.accept().await;
    assert_eq!(
        stream.hello().standing,
        unsettled(1, &web, Progress::Verified)
    );
    stream.epoch = 2;
    assert_eq!(stream.ask(1, Command::Apply).await, Answer::Verified);
    assert_eq!(node.fake.made(), made);
    stream.epoch = 1;
    stream.command(1, Command::Rollback, None).await;
    stream.epoch = 2;
    assert_eq!(
        stream.ask(1, Command::Confirm).await,
        Answer::Confirmed,
        "the deposed leader's order was not obeyed"
    );
    agent.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_comes_late_catches_up_alone() {
    let (web, more) = (plan_of(&["web"]), plan_of(&["db", "web"]));
    let (mut desk, node, agent, mut stream) = settled(&web).await;
    let catch_up = Command::CatchUp {
        to: target(5, &more),
        lease: LEASE,
    };
    let nonce = stream.command(5, catch_up, Some(delta(&web, &more))).await;
    let mut stream = desk.accept().await;
    assert_eq!(stream.answer_to(nonce).await, Answer::Verified);
    assert_eq!(stream.ask(5, Command::Confirm).await, Answer::Confirmed);
    assert!(node.has("db"));
    assert_eq!(node.journal().confirmed, confirmed(5, &more));
    agent.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_healed_without_a_controller_and_told_when_there_is_one() {
    let web = plan_of(&["web"]);
    let (desk, node, agent, stream) = settled(&web).await;
    let address = desk.close().await;
    drop(stream);
    node.fake.meddle(|seen| {
        let index = seen.named("web").unwrap().index;
        seen.remove(index);
    });
    until("the device", || node.has("web")).await;
    let mut desk = Desk::open_at(address).await;
    let mut stream = desk.accept().await;
    stream.hear_events(1).await;
    assert_eq!(stream.events[0].kind, EventKind::DriftHealed);
    agent.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_holds_no_more_when_a_new_stream_is_open_is_not_given() {
    let (web, more) = (plan_of(&["web"]), plan_of(&["db", "web"]));
    let (desk, node, agent, mut stream) = settled(&web).await;
    stream.prepare(2, (1, &web), (2, &more), SHORT).await;
    node.gate.send_replace(false);
    stream.command(2, Command::Apply, None).await;
    until("the change", || {
        matches!(node.journal().state, State::Armed { .. })
    })
    .await;
    let address = desk.close().await;
    drop(stream);
    node.gate.send_replace(true);
    until("the way back", || {
        matches!(node.journal().state, State::Reverted { .. })
    })
    .await;
    let mut desk = Desk::open_at(address).await;
    let mut stream = desk.accept().await;
    let failed = texts(stream.ask(2, Command::KeepAlive).await);
    assert!(failed[0].contains("cannot stay"), "{failed:?}");
    agent.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_begins_within_a_second_of_the_lease_though_an_apply_is_slow() {
    let web = plan_of(&["web"]);
    let names: Vec<String> = (0..100).map(|number| format!("v{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let more = plan_of(&names);
    let (_desk, node, agent, mut stream) = settled(&web).await;
    stream.prepare(2, (1, &web), (2, &more), SHORT).await;
    // It would take half a minute.
    node.fake.slow(Duration::from_millis(100));
    let start = std::time::Instant::now();
    stream.command(2, Command::Apply, None).await;
    until("the way back", || {
        let taken_down = |step: &String| step.starts_with("set device v") && step.contains("down");
        node.fake.made().iter().any(taken_down)
    })
    .await;
    let lease = SHORT.contact.duration();
    assert!(start.elapsed() <= lease + Duration::from_secs(1));
    node.fake.slow(Duration::ZERO);
    until("its end", || {
        matches!(node.journal().state, State::Reverted { .. })
    })
    .await;
    assert!(node.has("web"));
    agent.stopped().await;
}
