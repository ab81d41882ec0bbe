//! What an agent and its controllers tell each other besides the changes.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_hello_says_who_the_node_is_and_what_it_has() {
    let (_desk, _node, agent, stream) = meet().await;
    assert_eq!(stream.wire.node, "node1");
    assert_eq!(stream.wire.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(stream.wire.boot_id, "first");
    assert_eq!(stream.wire.facts.as_ref().unwrap().nft, "1.0.6");
    assert_eq!(stream.hello().confirmed, Confirmed::default());
    agent.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_does_not_fit_is_asked_for_whole() {
    let (web, more) = (plan_of(&["web"]), plan_of(&["db", "web"]));
    let (_desk, node, agent, mut stream) = settled(&web).await;
    let prepare = Command::Prepare {
        from: target(1, &web),
        to: target(2, &more),
        lease: LEASE,
        gates: Gates::default(),
    };
    // The difference lost an entry on the way.
    let wrong = delta(&web, &plan_of(&["web"]));
    let nonce = stream
        .command(2, prepare.clone(), Some(wrong.clone()))
        .await;
    let want = v1::up::Message::WantPlan(v1::WantPlan { nonce });
    assert_eq!(stream.heard().await, want);
    let whole = weft_proto::convert::plan::whole_to_wire(&more);
    let sent = v1::Plan {
        nonce,
        plan: Some(whole),
    };
    stream.tell(v1::down::Message::Plan(sent)).await;
    let answer = stream.answer_to(nonce).await;
    assert!(matches!(answer, Answer::Prepared(found) if found.steps > 0));
    assert_eq!(stream.ask(2, Command::Rollback).await, Answer::RolledBack);

    // And once more, with a whole plan that is another one.
    let nonce = stream.command(3, prepare, Some(wrong.clone())).await;
    let want = v1::up::Message::WantPlan(v1::WantPlan { nonce });
    assert_eq!(stream.heard().await, want);
    let sent = v1::Plan {
        nonce,
        plan: Some(wrong),
    };
    stream.tell(v1::down::Message::Plan(sent)).await;
    let refused = texts(stream.answer_to(nonce).await);
    assert!(refused[0].contains("has the digest"), "{refused:?}");
    until("the plans on disk", || {
        node.plans() == [node.plan_file(&web)]
    })
    .await;
    agent.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_while_a_whole_plan_is_awaited_is_made_up_for() {
    let (nothing, web) = (NodePlan::default(), plan_of(&["web"]));
    let (mut desk, _node, agent, mut stream) = meet().await;
    let prepare = Command::Prepare {
        from: Target::EMPTY,
        to: target(1, &web),
        lease: LEASE,
        gates: Gates::default(),
    };
    let nonce = stream.command(1, prepare, None).await;
    let want = v1::up::Message::WantPlan(v1::WantPlan { nonce });
    assert_eq!(stream.heard().await, want);
    drop(stream);
    let mut stream = desk.accept().await;
    // Numbers are not used twice by one leader.
    stream.command(9, Command::KeepAlive, None).await;
    let prepared = stream.prepare(1, (0, &nothing), (1, &web), LEASE).await;
    assert!(matches!(prepared, Answer::Prepared(_)), "{prepared:?}");
    agent.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_facts_are_told_again() {
    let (_desk, node, agent, mut stream) = meet().await;
    let told = stream.wire.facts.clone().unwrap();
    node.fake.set_facts(|facts| facts.forwarding.clear());
    let facts = Facts::try_from(&stream.hear_facts().await).unwrap();
    let before = Facts::try_from(&told).unwrap();
    assert_eq!(
        facts,
        Facts {
            forwarding: [].into(),
            ..before
        }
    );
    agent.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_that_change_between_hello_and_welcome_are_told_after_it() {
    let mut desk = Desk::open().await;
    let node = Node::new(&[desk.address]);
    let agent = node.start().await;
    let mut stream = desk.knock().await;
    node.fake.set_facts(|facts| facts.nft = None);
    tokio::time::sleep(Duration::from_millis(800)).await;
    stream.welcome(&cluster()).await;
    assert_eq!(stream.hear_facts().await.nft, "");
    agent.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn controllers_are_tried_in_turn_and_one_of_another_cluster_is_left() {
    let web = plan_of(&["web"]);
    let (desk, mut node, agent, stream) = settled(&web).await;
    agent.stopped().await;
    let dead = desk.close().await;
    drop(stream);
    let (mut strange, mut right) = (Desk::open().await, Desk::open().await);
    node.know(&[dead, strange.address, right.address]);
    let agent = node.start().await;
    let stream = strange.knock().await;
    stream.welcome(&ClusterId::from_bytes([2; 16])).await;
    stream.end().await;
    let mut stream = right.accept().await;
    assert_eq!(stream.hello().confirmed, confirmed(1, &web));
    let prepared = stream
        .prepare(2, (1, &web), (2, &plan_of(&["db"])), LEASE)
        .await;
    assert!(matches!(prepared, Answer::Prepared(_)), "{prepared:?}");
    agent.stopped().await;
}
