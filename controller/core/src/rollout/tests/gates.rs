//! What nodes must show, and what follows when they do not.

use super::*;

fn probing() -> Policy {
    Policy {
        soak: Span(10_000),
        gates: Gates {
            probes: ["road".parse().unwrap()].into(),
            limit: Span(5_000),
            sessions_may_fall: false,
        },
        ..Policy::default()
    }
}

/// Two nodes that are verified, at 0.
fn verified(policy: Policy) -> Rollout {
    let connect = |node| Event::Hello(name(node), hello(Standing::Settled));
    let prepared = |node| says(node, 1, Answer::Prepared(Found::steps(4)));
    after(
        policy,
        [
            connect(0),
            connect(1),
            prepared(0),
            prepared(1),
            WON,
            says(0, 2, Answer::Verified),
            says(1, 2, Answer::Verified),
        ],
    )
}

fn step(rollout: &mut Rollout, event: Event, at: u64) -> Vec<String> {
    rollout
        .step(event, now(at))
        .iter()
        .map(effect_words)
        .collect()
}

#[test]
fn nodes_are_told_what_to_show() {
    let (mut rollout, _) = load(record(1, probing()), 5);
    let effects = rollout.step(Event::Hello(name(0), hello(Standing::Settled)), now(0));
    let gates = effects.iter().find_map(|effect| match effect {
        Effect::Send(_, _, Command::Prepare { gates, .. }) => Some(gates.clone()),
        _ => None,
    });
    assert_eq!(gates, Some(probing().gates));
}

#[test]
fn the_decision_waits_for_the_soak_and_for_a_last_word_of_every_node() {
    let mut rollout = verified(probing());
    assert_eq!(rollout.phase_word(), "Soaking");
    assert_eq!(rollout.soak_until(), Some(Moment(10_000)));
    let why: Vec<_> = rollout
        .explained(Moment(2_500))
        .map(|(_, why)| why)
        .collect();
    assert_eq!(why, ["must stand by it for 8 s more"; 2]);
    // The words that keep the leases, and nothing else.
    let words = step(&mut rollout, Event::Tick, 5_000);
    assert_eq!(words, ["tell n0 KeepAlive as 3", "tell n1 KeepAlive as 3"]);
    step(&mut rollout, says(0, 3, Answer::Alive), 5_001);
    step(&mut rollout, says(1, 3, Answer::Alive), 5_001);
    let words = step(&mut rollout, Event::Tick, 10_000);
    let checks = ["tell n0 Check as 5", "tell n1 Check as 5"];
    assert_eq!(words[2..], checks);
    let words = step(&mut rollout, says(0, 5, Answer::Verified), 10_100);
    assert_eq!(words, Vec::<String>::new());
    // A word for an earlier question is no answer to this one.
    let words = step(&mut rollout, says(1, 2, Answer::Verified), 10_100);
    assert_eq!(words, Vec::<String>::new());
    let words = step(&mut rollout, says(1, 5, Answer::Verified), 10_200);
    assert_eq!(words, ["write Committed as 2 over 1 MoveHead"]);
}

#[test]
fn a_node_that_fails_at_the_end_of_the_soak_returns_all() {
    let mut rollout = verified(probing());
    step(&mut rollout, Event::Tick, 10_000);
    step(&mut rollout, says(0, 4, Answer::Verified), 10_100);
    let failed = says(1, 4, Answer::Failed(vec![fault()]));
    let words = step(&mut rollout, failed, 10_200);
    assert_eq!(words, ["progress n1", "write Aborted as 2 over 1 Turn"]);
    let words = step(&mut rollout, WON, 10_300);
    assert_eq!(words, ["tell n0 Rollback as 5", "tell n1 Rollback as 5"]);
    let reason = "node n1 failed: cannot create device web: file exists; 0 of 2 nodes are back";
    assert_eq!(rollout.reason(), reason);
}

#[test]
fn a_node_whose_stream_broke_is_asked_again() {
    let mut rollout = verified(probing());
    step(&mut rollout, Event::Tick, 10_000);
    step(&mut rollout, says(0, 4, Answer::Verified), 10_100);
    step(&mut rollout, Event::Lost(name(1)), 10_200);
    let back = Event::Hello(name(1), hello(standing(7, Progress::Verified)));
    let words = step(&mut rollout, back, 10_300);
    let asked = [
        "progress n1",
        "tell n1 KeepAlive as 5",
        "tell n1 Check as 6",
    ];
    assert_eq!(words, asked);
    let words = step(&mut rollout, says(1, 6, Answer::Verified), 10_400);
    assert_eq!(words, ["write Committed as 2 over 1 MoveHead"]);
}

#[test]
fn a_person_who_confirms_is_followed_by_a_last_look() {
    let within = Span::from_secs(60);
    let mut rollout = verified(Policy {
        confirm: Confirm::Manual { within },
        ..probing()
    });
    assert_eq!(rollout.phase_word(), "WaitingForConfirm");
    let words = step(&mut rollout, Event::Tick, 10_000);
    assert_eq!(words, ["tell n0 KeepAlive as 3", "tell n1 KeepAlive as 3"]);
    let words = step(
        &mut rollout,
        Event::User(Wish::Confirm {
            author: "ada".to_owned(),
        }),
        11_000,
    );
    let (asked, written) = words.split_at(2);
    assert_eq!(asked, ["tell n0 Check as 4", "tell n1 Check as 4"]);
    assert_eq!(written, ["write Applying as 2 over 1 Turn"]);
    step(&mut rollout, WON, 11_050);
    step(&mut rollout, says(0, 4, Answer::Verified), 11_100);
    let words = step(&mut rollout, says(1, 4, Answer::Verified), 11_100);
    assert_eq!(words, ["write Committed as 3 over 2 MoveHead"]);
}

#[test]
fn without_a_soak_nobody_is_asked_again() {
    let rollout = verified(Policy {
        soak: Span(0),
        ..probing()
    });
    assert!(rollout.writing.is_some());
}

#[test]
fn guests_that_are_plugged_in_are_only_cut_off_with_consent() {
    let prepared = |policy| {
        let connect = |node| Event::Hello(name(node), hello(Standing::Settled));
        after(
            policy,
            [
                connect(0),
                connect(1),
                says(0, 1, Answer::Prepared(Found::steps(4))),
                says(1, 1, Answer::Prepared(disruptive())),
                WON,
            ],
        )
    };
    let refused = prepared(Policy::default());
    let reason = "node n1 refuses: cannot remove bridge web: guests are plugged in; \
                  0 of 2 nodes are back";
    assert_eq!(refused.reason(), reason);
    let goes = prepared(Policy {
        accept: [Agreement::Destructive].into(),
        ..Policy::default()
    });
    assert_eq!(goes.phase_word(), "Applying");
}

#[test]
fn what_the_user_wants_waited_for_does_not_end_the_nodes_time() {
    let policy = Policy {
        waves: vec![Wave::Count(1), Wave::Percent(10)],
        pause: Span::from_secs(300),
        confirm: Confirm::Manual {
            within: Span::from_secs(60),
        },
        ..probing()
    };
    let seconds = 600 + 60 + 10 + 2 * 300 + 3 * 5;
    assert_eq!(policy.lease().cap, Span::from_secs(seconds));
}
