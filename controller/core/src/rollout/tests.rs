//! The rollout, step by step: what its tests are made of, and what a leader leaves to the next.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::clock::{Moment, Span};
use weft_model::message::{
    Answer, Command, Confirmed, Fence, Found, Gates, Hello, Pin, Progress, Standing, Target,
};
use weft_model::name::NodeName;
use weft_model::plan::digest::Digest;
use weft_model::report::Fault;
use weft_model::revision::{
    ClusterId, Epoch, Incarnation, Nonce, RevisionId, RolloutId, Timestamp,
};

use super::effect::Effect;
use super::event::{Event, Now, Outcome, Wish};
use super::machine::{Change, Rollout};
use super::policy::{Agreement, Confirm, Policy, Wave};
use super::record::{Attempt, Consent, Deed, Leader, Phase, Reason, Record, Transaction};
use super::tally::Tally;

mod gates;
mod laws;
mod table;
mod waves;

fn target(revision: u8) -> Target {
    Target {
        revision: RevisionId(revision.into()),
        digest: Digest::from_bytes([revision; 32]),
    }
}

fn leader(epoch: u64) -> Leader {
    Leader {
        cluster: ClusterId::from_bytes([1; 16]),
        incarnation: Incarnation(1),
        epoch: Epoch(epoch),
    }
}

fn name(node: usize) -> NodeName {
    format!("n{node}").parse().unwrap()
}

fn now(steady: u64) -> Now {
    Now {
        steady: Moment(steady),
        wall: Timestamp(1),
    }
}

fn confirm() -> Wish {
    Wish::Confirm {
        author: "bob".to_owned(),
    }
}

fn fault() -> Fault {
    Fault {
        origin: None,
        attempt: "cannot create device web".to_owned(),
        cause: "file exists".to_owned(),
        advice: String::new(),
    }
}

/// What a node finds that takes a bridge away from a guest.
fn disruptive() -> Found {
    Found {
        disruptive: vec![Fault {
            attempt: "cannot remove bridge web".to_owned(),
            cause: "guests are plugged in".to_owned(),
            ..fault()
        }],
        ..Found::steps(4)
    }
}

fn record(nodes: usize, policy: Policy) -> Record {
    let names: Vec<_> = (0..nodes).map(name).collect();
    Record {
        id: RolloutId(7),
        from: RevisionId(1),
        to: RevisionId(2),
        participants: Record::assign(&policy, &names),
        deferred: BTreeSet::new(),
        policy,
        author: "ada".to_owned(),
        message: "more vnets".to_owned(),
        started: Timestamp(1),
        decided: None,
        consent: Consent::default(),
        phase: Phase::Preparing,
        attempt: Attempt {
            epoch: Epoch(5),
            number: 0,
        },
    }
}

fn load(record: Record, epoch: u64) -> (Rollout, Vec<Effect>) {
    let change = Change {
        from: target(1),
        to: target(2),
    };
    let changes: BTreeMap<_, _> = record
        .participants
        .keys()
        .map(|node| (node.clone(), change))
        .collect();
    Rollout::load(leader(epoch), record, &changes, now(0))
}

fn hello(standing: Standing) -> Hello {
    Hello {
        pin: Some(Pin {
            cluster: ClusterId::from_bytes([1; 16]),
            incarnation: Incarnation(1),
        }),
        epoch: Epoch(5),
        confirmed: Confirmed {
            rollout: RolloutId(3),
            target: target(1),
        },
        standing,
    }
}

fn standing(rollout: u64, progress: Progress) -> Standing {
    Standing::Unsettled {
        rollout: RolloutId(rollout),
        to: target(2),
        progress,
    }
}

fn fence(epoch: u64, nonce: u64) -> Fence {
    Fence {
        cluster: ClusterId::from_bytes([1; 16]),
        incarnation: Incarnation(1),
        epoch: Epoch(epoch),
        rollout: RolloutId(7),
        nonce: Nonce(nonce),
    }
}

fn says(node: usize, nonce: u64, answer: Answer) -> Event {
    Event::Answer(name(node), fence(5, nonce), answer)
}

const WON: Event = Event::Written(Outcome::Won);

fn after(policy: Policy, events: impl IntoIterator<Item = Event>) -> Rollout {
    let (mut rollout, _) = load(record(2, policy), 5);
    for event in events {
        rollout.step(event, now(0));
    }
    rollout
}

fn words(rollout: &Rollout) -> String {
    let nodes: Vec<_> = rollout
        .statuses()
        .map(|status| status.progress.as_str())
        .collect();
    let wake = match rollout.next_wake() {
        Some(wake) => format!("wake {}", wake.0),
        None => "no wake".to_owned(),
    };
    let write = match (&rollout.writing, rollout.reading) {
        (Some(_), true) => ", reading",
        (Some(_), false) => ", writing",
        (None, _) => "",
    };
    format!(
        "{}{write} [{}] {wake}: {}",
        rollout.phase_word(),
        nodes.join(" "),
        rollout.reason(),
    )
}

fn effect_words(effect: &Effect) -> String {
    match effect {
        Effect::Write(write) => {
            let Transaction {
                record,
                replaces,
                deed,
            } = &**write;
            let phase = super::status::phase_word(record);
            format!(
                "write {phase} as {} over {} {deed:?}",
                record.attempt.number, replaces.number
            )
        }
        Effect::Read => "read".to_owned(),
        Effect::Send(node, fence, command) => {
            let command = match command {
                Command::Prepare { to, .. } => format!("Prepare({})", to.revision),
                Command::Apply
                | Command::KeepAlive
                | Command::Check
                | Command::Confirm
                | Command::Rollback
                | Command::CatchUp { .. } => format!("{command:?}"),
            };
            format!("tell {node} {command} as {}", fence.nonce)
        }
        Effect::Progress(node) => format!("progress {node}"),
        Effect::Finished => "finished".to_owned(),
        Effect::Deposed => "deposed".to_owned(),
    }
}

#[test]
fn a_rollout_without_participants_closes_by_itself() {
    let (mut rollout, effects) = load(record(0, Policy::default()), 5);
    let mut writes = vec![effects];
    for _ in 0..3 {
        writes.push(rollout.step(WON, now(0)));
    }
    let words: Vec<Vec<_>> = writes
        .iter()
        .map(|effects| effects.iter().map(effect_words).collect())
        .collect();
    assert_eq!(
        words,
        [
            vec!["write Applying as 1 over 0 Turn"],
            vec!["write Committed as 2 over 1 MoveHead"],
            vec!["write Closed as 3 over 2 Release"],
            vec!["finished"],
        ]
    );
}

#[test]
fn a_rollout_without_participants_that_nobody_confirms_ends() {
    let within = Span::from_secs(60);
    let policy = Policy {
        confirm: Confirm::Manual { within },
        ..Policy::default()
    };
    let (mut rollout, _) = load(record(0, policy), 5);
    rollout.step(WON, now(1_000));
    assert_eq!(rollout.confirm_until(), Some(Moment(61_000)));
    // A quarter of the time is written down when it has passed.
    assert_eq!(rollout.next_wake(), Some(Moment(16_000)));
    let effects = rollout.step(Event::Tick, now(61_000));
    let words: Vec<_> = effects.iter().map(effect_words).collect();
    assert_eq!(words, ["write Aborted as 2 over 1 Turn"]);
}

#[test]
fn the_belief_in_a_lease_ends_before_the_lease() {
    let policy = Policy::default();
    let until = policy.stands_until(Moment(0), Moment(1_000));
    assert_eq!(until, Moment(1_000 + 30_000 - 300 - 500));
    let capped = policy.stands_until(Moment(0), Moment(590_000));
    assert_eq!(capped, Moment(600_000 - 6_000 - 500));
}

#[test]
fn a_record_is_read_as_it_is_written() {
    let mut record = record(2, Policy::default());
    record.phase = Phase::Aborted(super::record::Reason::Refused {
        node: name(1),
        faults: vec![fault()],
    });
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
}

#[test]
fn a_record_of_ten_thousand_nodes_fits_a_request() {
    let record = record(10_000, Policy::default());
    let text = serde_json::to_string(&record).unwrap();
    assert!(text.len() < 512 << 10, "{} bytes", text.len());
}

#[test]
fn a_confirm_that_was_taken_outlives_its_leader() {
    let manual = Policy {
        confirm: Confirm::Manual {
            within: Span::from_secs(60),
        },
        ..Policy::default()
    };
    let verify = |rollout: &mut Rollout, epoch: u64| {
        for node in 0..2 {
            let hello = hello(standing(7, Progress::Verified));
            rollout.step(Event::Hello(name(node), hello), now(0));
        }
        for node in 0..2 {
            let answer = Event::Answer(name(node), fence(epoch, 1), Answer::Verified);
            rollout.step(answer, now(10));
        }
    };
    let paused = Record {
        phase: Phase::Applying { paused: true },
        ..record(2, manual)
    };
    let (mut first, _) = load(paused, 5);
    verify(&mut first, 5);
    let effects = first.step(Event::User(confirm()), now(20));
    let [Effect::Write(write)] = effects.as_slice() else {
        panic!("it is written down: {effects:?}");
    };
    let given = write.record.consent.given.clone();
    assert_eq!(given.map(|given| given.author), Some("bob".to_owned()));
    assert_eq!(write.record.phase, Phase::Applying { paused: true });
    first.step(Event::Written(Outcome::Won), now(30));
    assert_eq!(
        first.permits(&confirm()),
        Err(super::advance::Refusal::Confirmed)
    );

    // The next leader finds it resumed, and asks nobody again; but every node.
    let resumed = Record {
        phase: Phase::Applying { paused: false },
        ..first.record().clone()
    };
    let (mut second, effects) = load(resumed, 6);
    assert_eq!(effects, []);
    verify(&mut second, 6);
    let writing = second.writing.as_ref().unwrap();
    assert_eq!(writing.phase, Phase::Committed);
}

#[test]
fn the_time_to_confirm_goes_on_under_the_next_leader() {
    let within = Span::from_secs(60);
    let manual = Policy {
        confirm: Confirm::Manual { within },
        contact: Span::from_secs(600),
        cap: Span::from_secs(6_000),
        ..Policy::default()
    };
    let mut stored = Record {
        phase: Phase::Applying { paused: false },
        ..record(1, manual)
    };
    // Each leader is there for 50 seconds of its own clock.
    let mut lived = 0;
    for epoch in 5.. {
        let (mut rollout, _) = load(stored.clone(), epoch);
        let hello = hello(standing(7, Progress::Verified));
        rollout.step(Event::Hello(name(0), hello), now(0));
        let verified = Event::Answer(name(0), fence(epoch, 1), Answer::Verified);
        rollout.step(verified, now(0));
        for second in 1..=50 {
            rollout.step(Event::Tick, now(second * 1_000));
            lived += 1;
            if let Some(writing) = rollout.writing.clone() {
                stored = *writing;
                rollout.step(Event::Written(Outcome::Won), now(second * 1_000));
            }
            if stored.phase != (Phase::Applying { paused: false }) {
                assert_eq!(stored.phase, Phase::Aborted(Reason::Unconfirmed { within }));
                // A quarter more for the one leader that was lost.
                assert_eq!((epoch, lived), (6, 65));
                return;
            }
        }
    }
}
