//! The session, step by step: what its tests are made of, and what no table shows.

use std::collections::BTreeSet;

use weft_model::clock::{Moment, Span};
use weft_model::message::{Answer, Command, Fence, Found, Gates, Lease, Target};
use weft_model::plan::digest::Digest;
use weft_model::report::Fault;
use weft_model::revision::{ClusterId, Epoch, Incarnation, Nonce, RevisionId, RolloutId};

use super::effect::Effect;
use super::event::Event;
use super::journal::{BootId, Journal, REVERT_LIMIT, REVERT_PAUSE, State};
use super::machine::{Session, Work};

mod laws;
mod table;

const LEASE: Lease = Lease {
    contact: Span(30_000),
    cap: Span(600_000),
};

fn target(revision: u8) -> Target {
    Target {
        revision: RevisionId(revision.into()),
        digest: Digest::from_bytes([revision; 32]),
    }
}

fn fence(rollout: u64, epoch: u64, nonce: u64) -> Fence {
    Fence {
        cluster: ClusterId::from_bytes([1; 16]),
        incarnation: Incarnation(1),
        epoch: Epoch(epoch),
        rollout: RolloutId(rollout),
        nonce: Nonce(nonce),
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

fn prepare(to: u8) -> Command {
    Command::Prepare {
        from: target(1),
        to: target(to),
        lease: LEASE,
        gates: gates(&["road", "broken"]),
    }
}

fn gates(probes: &[&str]) -> Gates {
    Gates {
        probes: probes.iter().map(|probe| probe.parse().unwrap()).collect(),
        limit: Span(5_000),
        sessions_may_fall: false,
    }
}

/// What a node finds whose probe `broken` never worked.
fn found(steps: u32) -> Found {
    let mut found = Found::steps(steps);
    found.failing.insert("broken".parse().unwrap(), fault());
    found
}

fn catch_up(to: u8) -> Command {
    Command::CatchUp {
        to: target(to),
        lease: LEASE,
    }
}

fn command(command: Command) -> Event {
    Event::Command(fence(7, 5, 1), command)
}

fn staged(result: Result<Found, Vec<Fault>>) -> Event {
    Event::Staged {
        rollout: RolloutId(7),
        to: target(2),
        result,
    }
}

fn applied(result: Result<(), Vec<Fault>>) -> Event {
    Event::Applied {
        rollout: RolloutId(7),
        result,
    }
}

fn checked(result: Result<(), Vec<Fault>>) -> Event {
    Event::Checked {
        rollout: RolloutId(7),
        result,
    }
}

/// A node that rollout 3 brought to revision 1, under the leader of epoch 5.
fn idle() -> Session {
    let mut journal = Journal::default();
    journal.confirmed.rollout = RolloutId(3);
    journal.confirmed.target = target(1);
    journal.tombstone = RolloutId(3);
    let (mut session, _) = Session::start(journal, boot(), Moment(0));
    session.step(Event::Command(fence(3, 5, 0), catch_up(1)), Moment(0));
    session
}

fn boot() -> BootId {
    BootId("first".to_owned())
}

fn after(events: impl IntoIterator<Item = Event>) -> Session {
    let mut session = idle();
    for event in events {
        session.step(event, Moment(0));
    }
    session
}

/// Every state, and every kind of work in it.
fn states() -> Vec<(&'static str, Session)> {
    let prepared = || vec![command(prepare(2)), staged(Ok(found(4)))];
    let with = |mut events: Vec<Event>, more: Vec<Event>| {
        events.extend(more);
        events
    };
    let armed = || with(prepared(), vec![command(Command::Apply)]);
    let verified = || with(armed(), vec![applied(Ok(()))]);
    let failed = || with(armed(), vec![applied(Err(vec![fault()]))]);
    let reverted = || with(failed(), vec![Event::Reverted { result: Ok(()) }]);
    let in_vain = || Event::Reverted {
        result: Err(vec![fault()]),
    };
    let mut stuck = after(failed());
    for _ in 0..REVERT_LIMIT {
        stuck.step(in_vain(), Moment(0));
        stuck.step(Event::Timer, Moment(0).after(REVERT_PAUSE));
    }
    let restarted = after(armed()).journal().clone();
    vec![
        ("idle", idle()),
        ("idle, staging", after([command(prepare(2))])),
        ("idle, staging alone", after([command(catch_up(2))])),
        ("prepared", after(prepared())),
        ("armed", after(armed())),
        (
            "armed, restarted",
            Session::start(restarted, boot(), Moment(0)).0,
        ),
        ("verified", after(verified())),
        (
            "verified, checking",
            after(with(verified(), vec![command(Command::Check)])),
        ),
        ("reverting", after(failed())),
        (
            "reverting, rolled back",
            after(with(verified(), vec![command(Command::Rollback)])),
        ),
        ("reverting, waiting", after(with(failed(), vec![in_vain()]))),
        ("reverted", after(reverted())),
        (
            "reverted, staging alone",
            after(with(reverted(), vec![command(catch_up(2))])),
        ),
        ("stuck", stuck),
        (
            "confirmed",
            after(with(verified(), vec![command(Command::Confirm)])),
        ),
        (
            "rolled back",
            after(with(prepared(), vec![command(Command::Rollback)])),
        ),
    ]
}

fn events() -> Vec<(&'static str, Event, u64)> {
    let of = |rollout, epoch, command| Event::Command(fence(rollout, epoch, 9), command);
    let in_hand = |command| of(7, 5, command);
    vec![
        ("Prepare", in_hand(prepare(2)), 1_000),
        (
            "Prepare from elsewhere",
            in_hand(Command::Prepare {
                from: target(9),
                to: target(2),
                lease: LEASE,
                gates: Gates::default(),
            }),
            1_000,
        ),
        ("Prepare another plan", in_hand(prepare(4)), 1_000),
        ("Prepare of a later rollout", of(8, 5, prepare(2)), 1_000),
        ("Prepare of an earlier rollout", of(6, 5, prepare(2)), 1_000),
        ("Apply", in_hand(Command::Apply), 1_000),
        ("Apply of a later leader", of(7, 6, Command::Apply), 1_000),
        (
            "Apply of an earlier leader",
            of(7, 4, Command::Apply),
            1_000,
        ),
        ("Apply of another rollout", of(8, 5, Command::Apply), 1_000),
        ("KeepAlive", in_hand(Command::KeepAlive), 1_000),
        (
            "KeepAlive of another rollout",
            of(8, 5, Command::KeepAlive),
            1_000,
        ),
        ("Check", in_hand(Command::Check), 1_000),
        ("Check of another rollout", of(8, 5, Command::Check), 1_000),
        (
            "Check of an earlier leader",
            of(7, 4, Command::Check),
            1_000,
        ),
        ("Confirm", in_hand(Command::Confirm), 1_000),
        (
            "Confirm of another rollout",
            of(8, 5, Command::Confirm),
            1_000,
        ),
        (
            "Confirm of an earlier leader",
            of(7, 4, Command::Confirm),
            1_000,
        ),
        ("Rollback", in_hand(Command::Rollback), 1_000),
        (
            "Rollback of another rollout",
            of(8, 5, Command::Rollback),
            1_000,
        ),
        (
            "Rollback of an earlier leader",
            of(7, 4, Command::Rollback),
            1_000,
        ),
        ("CatchUp", in_hand(catch_up(2)), 1_000),
        ("CatchUp to what it has", in_hand(catch_up(1)), 1_000),
        ("CatchUp of a later rollout", of(8, 5, catch_up(4)), 1_000),
        (
            "CatchUp of an earlier rollout",
            of(2, 5, catch_up(4)),
            1_000,
        ),
        ("staged", staged(Ok(found(4))), 1_000),
        ("not staged", staged(Err(vec![fault()])), 1_000),
        ("applied", applied(Ok(())), 1_000),
        ("not applied", applied(Err(vec![fault()])), 1_000),
        ("checked", checked(Ok(())), 1_000),
        ("not passed", checked(Err(vec![fault()])), 1_000),
        ("reverted", Event::Reverted { result: Ok(()) }, 1_000),
        (
            "not reverted",
            Event::Reverted {
                result: Err(vec![fault()]),
            },
            1_000,
        ),
        ("timer, early", Event::Timer, 1_000),
        ("timer, no contact", Event::Timer, 30_000),
        ("timer, too long", Event::Timer, 600_000),
        ("forsaken, early", Event::Forsaken, 1_000),
        ("forsaken", Event::Forsaken, 30_000),
        ("retry", Event::Retry, 1_000),
    ]
}

#[test]
fn a_restored_store_is_followed_by_a_settled_node_only() {
    let restored = |rollout, command| {
        let mut fence = fence(rollout, 1, 1);
        fence.incarnation = Incarnation(2);
        Event::Command(fence, command)
    };
    let mut idle = idle();
    idle.step(restored(1, catch_up(4)), Moment(0));
    assert!(matches!(idle.work, Work::Staging { .. }));
    assert_eq!(idle.journal().epoch, Epoch(1));
    assert_eq!(idle.journal().tombstone, RolloutId(0));

    let verified = [
        command(prepare(2)),
        staged(Ok(Found::steps(1))),
        command(Command::Apply),
        applied(Ok(())),
    ];
    let mut verified = after(verified);
    let before = verified.clone();
    assert_eq!(
        verified.step(restored(7, Command::Confirm), Moment(0)),
        Vec::new()
    );
    assert_eq!(verified, before);
    verified.step(restored(7, Command::Rollback), Moment(0));
    assert!(matches!(verified.journal().state, State::Reverting { .. }));
}

/// Only what worked before may fail a rollout.
#[test]
fn a_probe_that_fails_already_is_told_and_not_run_again() {
    let mut session = after([command(prepare(2))]);
    let said = |effects: &[Effect]| {
        effects
            .iter()
            .filter(|effect| !matches!(effect, Effect::Persist(_) | Effect::Wake(_)))
            .cloned()
            .collect::<Vec<_>>()
    };
    let effects = session.step(staged(Ok(found(4))), Moment(0));
    let answer = Answer::Prepared(found(4));
    assert_eq!(said(&effects), [Effect::Send(fence(7, 5, 1), answer)]);
    // A later leader is told the same, from the disk.
    let (mut session, _) = Session::start(session.journal().clone(), boot(), Moment(0));
    let effects = session.step(Event::Command(fence(7, 6, 1), prepare(2)), Moment(0));
    let answer = Answer::Prepared(found(4));
    assert_eq!(said(&effects), [Effect::Send(fence(7, 6, 1), answer)]);

    let rollout = RolloutId(7);
    let to = target(2);
    let gates = gates(&["road"]);
    let effects = session.step(Event::Command(fence(7, 6, 2), Command::Apply), Moment(0));
    assert_eq!(
        said(&effects),
        [Effect::Apply {
            rollout,
            to,
            gates: gates.clone()
        }]
    );
    session.step(applied(Ok(())), Moment(0));
    let effects = session.step(Event::Command(fence(7, 6, 3), Command::Check), Moment(0));
    assert_eq!(said(&effects), [Effect::Check { rollout, gates }]);
    // It does not go back by itself: its lease is believed in.
    let effects = session.step(checked(Err(vec![fault()])), Moment(0));
    let answer = Answer::Failed(vec![fault()]);
    assert_eq!(effects, [Effect::Send(fence(7, 6, 3), answer)]);
    assert!(matches!(session.journal().state, State::Verified { .. }));
}

#[test]
fn the_journal_is_read_as_it_is_written() {
    for (_, session) in states() {
        let text = serde_json::to_string(session.journal()).unwrap();
        let read: Journal = serde_json::from_str(&text).unwrap();
        assert_eq!(&read, session.journal());
    }
}
