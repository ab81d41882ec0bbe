//! Agents and hosts that stop, crash and start again.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_starts_again_takes_up_a_stage() {
    let (nothing, web) = (NodePlan::default(), plan_of(&["web"]));
    let (mut desk, node, agent, mut stream) = meet().await;
    stream.prepare(1, (0, &nothing), (1, &web), LEASE).await;
    agent.crash().await;
    drop(stream);
    let agent = node.start().await;
    let stream = desk.accept().await;
    assert_eq!(
        stream.hello().standing,
        unsettled(1, &web, Progress::Prepared)
    );
    assert_eq!(node.fake.made(), Vec::<String>::new());
    let mut stream = apply(&mut desk, stream, 1).await;
    assert_eq!(stream.ask(1, Command::Confirm).await, Answer::Confirmed);
    agent.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_starts_again_goes_on_with_a_change_when_the_controller_says_so() {
    let (nothing, web) = (NodePlan::default(), plan_of(&["web"]));
    let (mut desk, node, agent, mut stream) = meet().await;
    stream.prepare(1, (0, &nothing), (1, &web), LEASE).await;
    node.gate.send_replace(false);
    stream.command(1, Command::Apply, None).await;
    until("the change", || {
        matches!(node.journal().state, State::Armed { .. })
    })
    .await;
    agent.crash().await;
    drop(stream);
    node.gate.send_replace(true);
    let agent = node.start().await;
    let stream = desk.accept().await;
    assert_eq!(stream.hello().standing, unsettled(1, &web, Progress::Armed));
    assert!(matches!(node.journal().state, State::Armed { .. }));
    let mut stream = apply(&mut desk, stream, 1).await;
    assert_eq!(stream.ask(1, Command::Confirm).await, Answer::Confirmed);
    assert!(node.has("web"));
    agent.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_starts_again_with_nobody_there_undoes_a_change_at_its_deadline() {
    let (web, more) = (plan_of(&["web"]), plan_of(&["db", "web"]));
    let (mut desk, node, agent, mut stream) = settled(&web).await;
    stream.prepare(2, (1, &web), (2, &more), SHORT).await;
    let stream = apply(&mut desk, stream, 2).await;
    agent.crash().await;
    desk.close().await;
    drop(stream);
    let agent = node.start().await;
    until("the way back", || {
        matches!(node.journal().state, State::Reverted { .. })
    })
    .await;
    assert!(node.has("web") && !node.has("db"));
    until("the end of what is not wanted", || {
        node.fake.seen().named("db").is_none()
    })
    .await;
    agent.crash().await;

    let made = node.fake.made();
    let mut agent = node.start().await;
    soon("ready", &mut agent.ready).await.unwrap();
    assert!(matches!(node.journal().state, State::Reverted { .. }));
    agent.stopped().await;
    assert_eq!(node.fake.made(), made);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_starts_again_within_the_lease_keeps_a_verified_change() {
    let (nothing, web) = (NodePlan::default(), plan_of(&["web"]));
    let (mut desk, node, agent, mut stream) = meet().await;
    stream.prepare(1, (0, &nothing), (1, &web), LEASE).await;
    let stream = apply(&mut desk, stream, 1).await;
    agent.crash().await;
    drop(stream);
    let made = node.fake.made();
    let agent = node.start().await;
    let mut stream = desk.accept().await;
    assert_eq!(
        stream.hello().standing,
        unsettled(1, &web, Progress::Verified)
    );
    assert_eq!(stream.ask(1, Command::Confirm).await, Answer::Confirmed);
    agent.stopped().await;
    assert_eq!(node.fake.made(), made);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_starts_again_is_what_it_confirmed_without_a_controller() {
    let web = plan_of(&["web"]);
    let (desk, mut node, agent, stream) = settled(&web).await;
    agent.crash().await;
    desk.close().await;
    drop(stream);
    node.reboot();
    assert!(!node.has("web"));
    let mut agent = node.start().await;
    soon("ready", &mut agent.ready).await.unwrap();
    assert!(node.has("web"));
    agent.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_starts_again_drops_an_unconfirmed_change() {
    let (web, more) = (plan_of(&["web"]), plan_of(&["db", "web"]));
    let (mut desk, mut node, agent, mut stream) = settled(&web).await;
    stream.prepare(2, (1, &web), (2, &more), LEASE).await;
    let stream = apply(&mut desk, stream, 2).await;
    agent.crash().await;
    drop(stream);
    node.reboot();
    let mut agent = node.start().await;
    soon("ready", &mut agent.ready).await.unwrap();
    assert!(node.has("web") && !node.has("db"));
    let mut stream = desk.accept().await;
    let standing = stream.hello().standing;
    assert!(matches!(
        standing,
        Standing::Unsettled {
            progress: Progress::Reverting | Progress::Reverted,
            ..
        }
    ));
    assert_eq!(stream.ask(2, Command::Rollback).await, Answer::RolledBack);
    agent.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_a_change_that_is_being_made_and_keeps_it_unconfirmed() {
    let (nothing, web) = (NodePlan::default(), plan_of(&["web"]));
    let (_desk, node, agent, mut stream) = meet().await;
    stream.prepare(1, (0, &nothing), (1, &web), LEASE).await;
    node.gate.send_replace(false);
    stream.command(1, Command::Apply, None).await;
    until("the change", || {
        matches!(node.journal().state, State::Armed { .. })
    })
    .await;
    agent.stop.cancel();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(matches!(node.journal().state, State::Armed { .. }));
    node.gate.send_replace(true);
    agent.stopped().await;
    assert!(matches!(node.journal().state, State::Verified { .. }));
    assert!(node.has("web"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_plan_that_is_damaged_keeps_the_agent_from_touching_anything() {
    let web = plan_of(&["web"]);
    let (_desk, node, agent, _stream) = settled(&web).await;
    agent.stopped().await;
    std::fs::write(node.plan_file(&web), b"not what was written").unwrap();
    let refused = Memory::open(node.directory.path()).unwrap_err();
    assert!(
        matches!(refused, LedgerError::PlanDamaged { .. }),
        "{refused}"
    );
    assert!(refused.to_string().contains("the network stays as it is"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_stuck_is_left_alone_until_it_is_told_to_try_again() {
    let (web, more) = (plan_of(&["web"]), plan_of(&["db", "web"]));
    let (mut desk, node, agent, mut stream) = settled(&web).await;
    stream.prepare(2, (1, &web), (2, &more), LEASE).await;
    let stream = apply(&mut desk, stream, 2).await;
    agent.stopped().await;
    drop(stream);
    let mut journal = node.journal();
    let State::Verified { change, .. } = journal.state else {
        panic!("{journal:?}");
    };
    journal.state = State::Stuck {
        change,
        fate: Fate::RolledBack,
        faults: Vec::new(),
    };
    let mut ledger = Ledger::open(node.directory.path()).unwrap().ledger;
    ledger.persist(&journal).unwrap();
    drop(ledger);

    let made = node.fake.made();
    let mut agent = node.start().await;
    soon("ready", &mut agent.ready).await.unwrap();
    assert_eq!(node.journal(), journal);
    assert_eq!(node.fake.made(), made);
    agent.retry.notify_one();
    until("the way back", || node.journal().state == State::Idle).await;
    assert!(node.has("web") && !node.has("db"));
    agent.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_the_way_back() {
    let (web, more) = (plan_of(&["web"]), plan_of(&["db", "web"]));
    let (mut desk, node, agent, mut stream) = settled(&web).await;
    stream.prepare(2, (1, &web), (2, &more), LEASE).await;
    let mut stream = apply(&mut desk, stream, 2).await;
    node.gate.send_replace(false);
    stream.command(2, Command::Rollback, None).await;
    until("the way back", || {
        matches!(node.journal().state, State::Reverting { .. })
    })
    .await;
    agent.stop.cancel();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(node.has("db"));
    node.gate.send_replace(true);
    agent.stopped().await;
    assert_eq!(node.journal().state, State::Idle);
    assert!(node.has("web") && !node.has("db"));
}
