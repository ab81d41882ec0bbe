//! The session as one table, and its laws under any sequence of events.

use std::collections::BTreeSet;
use std::fmt::Write;

use proptest::prelude::*;
use weft_model::clock::{Moment, Span};
use weft_model::message::{Answer, Command, Fence, Found, Gates, Lease, Target};
use weft_model::plan::digest::Digest;
use weft_model::report::Fault;
use weft_model::revision::{ClusterId, Epoch, Incarnation, Nonce, RevisionId, RolloutId};

use super::effect::Effect;
use super::event::Event;
use super::journal::{BootId, Journal, REVERT_LIMIT, REVERT_PAUSE, State};
use super::machine::{Session, Work};

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

fn words(session: &Session) -> String {
    let journal = session.journal();
    let state = match &journal.state {
        State::Idle => "Idle".to_owned(),
        State::Prepared { change, until } => {
            format!("Prepared({} until {})", change.rollout, until.0)
        }
        State::Armed { change, term } => {
            format!(
                "Armed({} until {})",
                change.rollout,
                term.until(change.lease).0
            )
        }
        State::Verified { change, term } => {
            format!(
                "Verified({} until {})",
                change.rollout,
                term.until(change.lease).0
            )
        }
        State::Reverting {
            change,
            fate,
            attempts,
            ..
        } => format!("Reverting({} {fate:?} {attempts})", change.rollout),
        State::Reverted { change, .. } => format!("Reverted({})", change.rollout),
        State::Stuck { change, fate, .. } => format!("Stuck({} {fate:?})", change.rollout),
    };
    let work = match session.work {
        Work::Free => "",
        Work::Staging { .. } => " staging",
        Work::Applying => " applying",
        Work::Checking { .. } => " checking",
        Work::Reverting => " reverting",
    };
    format!(
        "{state}{work}, has {}, buried {}, epoch {}",
        journal.confirmed.target.revision, journal.tombstone, journal.epoch
    )
}

fn effect_words(effect: &Effect) -> String {
    let said = |fence: &Fence, answer: &Answer| {
        let answer = match answer {
            Answer::Prepared(found) => format!("Prepared({})", found.steps),
            Answer::Refused(faults) => format!("Refused({})", faults[0]),
            Answer::Failed(faults) if faults.is_empty() => "Failed".to_owned(),
            Answer::Failed(faults) => format!("Failed({})", faults[0]),
            Answer::Alive | Answer::Verified | Answer::Confirmed | Answer::RolledBack => {
                format!("{answer:?}")
            }
        };
        format!("{answer} to {}.{}", fence.epoch, fence.nonce)
    };
    match effect {
        Effect::Persist(_) => "persist".to_owned(),
        Effect::Stage { to, .. } => format!("stage {}", to.revision),
        Effect::Apply { to, gates, .. } => {
            format!("apply {} and probe{}", to.revision, probes(gates))
        }
        Effect::Check { gates, .. } => format!("probe{}", probes(gates)),
        Effect::Revert { to } => format!("revert to {}", to.revision),
        Effect::Send(fence, answer) => format!("say {}", said(fence, answer)),
        Effect::SendAfresh(fence, answer) => format!("say afresh {}", said(fence, answer)),
        Effect::Wake(at) => format!("wake {}", at.0),
        Effect::Sleep => "sleep".to_owned(),
        Effect::Forget(plan) => format!("forget {}", plan.revision),
        Effect::Collect => "collect".to_owned(),
    }
}

fn probes(gates: &Gates) -> String {
    let names = gates.probes.iter().map(|probe| format!(" {probe}"));
    names.collect()
}

fn line(table: &mut String, name: &str, before: &Session, next: &Session, effects: &[Effect]) {
    let state = if before == next {
        "=".to_owned()
    } else {
        words(next)
    };
    let effects: Vec<_> = effects.iter().map(effect_words).collect();
    let effects = if effects.is_empty() {
        "-".to_owned()
    } else {
        effects.join(", ")
    };
    writeln!(table, "  {name:<32} {state}\n  {:<32}   {effects}", "").unwrap();
}

#[test]
fn every_state_meets_every_event() {
    let mut table = String::new();
    for (name, session) in states() {
        writeln!(table, "{name}: {}", words(&session)).unwrap();
        for (event_name, event, at) in events() {
            let mut next = session.clone();
            let effects = next.step(event, Moment(at));
            line(&mut table, event_name, &session, &next, &effects);
        }
        for (start, boot) in [
            ("agent restarts", boot()),
            ("host restarts", BootId("second".to_owned())),
        ] {
            let (next, effects) = Session::start(session.journal().clone(), boot, Moment(1_000));
            line(&mut table, start, &session, &next, &effects);
        }
        table.push('\n');
    }
    insta::assert_snapshot!(table);
}

/// Any event: of few rollouts, epochs and plans, so that they meet.
fn any_event() -> impl Strategy<Value = Event> {
    let plan = prop_oneof![Just(1), Just(2), Just(4)];
    let command = prop_oneof![
        plan.clone().prop_map(prepare),
        Just(Command::Apply),
        Just(Command::KeepAlive),
        Just(Command::Check),
        Just(Command::Confirm),
        Just(Command::Rollback),
        plan.prop_map(catch_up),
    ];
    let commands =
        (2..10u64, 4..8u64, 0..6u64, command).prop_map(|(rollout, epoch, nonce, command)| {
            Event::Command(fence(rollout, epoch, nonce), command)
        });
    prop_oneof![8 => commands, 1 => Just(Event::Timer), 1 => Just(Event::Forsaken), 1 => Just(Event::Retry)]
}

#[derive(Clone, Debug)]
enum Happening {
    Event(Event),
    /// The shell's work ends.
    End {
        well: bool,
    },
    Time(u64),
    Crash,
    Reboot,
}

fn any_happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        8 => any_event().prop_map(Happening::Event),
        6 => (0..4).prop_map(|draw| Happening::End { well: draw > 0 }),
        2 => (0..50_000u64).prop_map(Happening::Time),
        1 => Just(Happening::Crash),
        1 => Just(Happening::Reboot),
    ]
}

/// A disk, a kernel and a clock around the session.
struct Host {
    session: Session,
    disk: Journal,
    kernel: Option<Target>,
    running: Option<Effect>,
    plans: BTreeSet<Digest>,
    wake: Option<Moment>,
    now: Moment,
    boots: u32,
}

impl Host {
    fn new() -> Self {
        let session = idle();
        Self {
            disk: session.journal().clone(),
            kernel: Some(target(1)),
            session,
            running: None,
            plans: BTreeSet::from([target(1).digest]),
            wake: None,
            now: Moment(0),
            boots: 0,
        }
    }

    fn meet(&mut self, happening: Happening) {
        match happening {
            Happening::Event(event) => self.step(event),
            Happening::End { well } => self.end(well),
            Happening::Time(span) => {
                self.now = self.now.after(Span(span));
                if self.wake.is_some_and(|wake| wake <= self.now) {
                    self.step(Event::Timer);
                }
            }
            Happening::Crash => self.start(),
            Happening::Reboot => {
                self.boots += 1;
                self.kernel = None;
                self.start();
            }
        }
    }

    fn start(&mut self) {
        self.running = None;
        self.wake = None;
        let boot = BootId(format!("boot {}", self.boots));
        let (session, effects) = Session::start(self.disk.clone(), boot, self.now);
        self.session = session;
        self.carry_out(effects);
        if self.kernel.is_none() {
            self.kernel = self.session.upkeep();
        }
        // The timer that ran out while the agent was down.
        if self.wake.is_some_and(|wake| wake <= self.now) {
            self.step(Event::Timer);
        }
    }

    fn end(&mut self, well: bool) {
        let faults = || vec![fault()];
        match self.running.take() {
            Some(Effect::Stage { rollout, to, .. }) => {
                if well {
                    self.plans.insert(to.digest);
                }
                let result = if well { Ok(found(4)) } else { Err(faults()) };
                self.step(Event::Staged {
                    rollout,
                    to,
                    result,
                });
            }
            Some(Effect::Check { rollout, .. }) => {
                let result = if well { Ok(()) } else { Err(faults()) };
                self.step(Event::Checked { rollout, result });
            }
            Some(Effect::Apply { rollout, to, .. }) => {
                self.kernel = well.then_some(to);
                let result = if well { Ok(()) } else { Err(faults()) };
                self.step(Event::Applied { rollout, result });
            }
            Some(Effect::Revert { to }) => {
                self.kernel = well.then_some(to);
                let result = if well { Ok(()) } else { Err(faults()) };
                self.step(Event::Reverted { result });
            }
            _ => {}
        }
    }

    fn step(&mut self, event: Event) {
        let effects = self.session.step(event, self.now);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for (place, effect) in effects.into_iter().enumerate() {
            match effect {
                Effect::Persist(journal) => {
                    assert_eq!(place, 0, "the journal is written first");
                    self.disk = *journal;
                }
                Effect::Stage { .. } | Effect::Check { .. } => self.running = Some(effect),
                Effect::Apply { .. } | Effect::Revert { .. } => {
                    self.kernel = None;
                    self.running = Some(effect);
                }
                Effect::Wake(at) => self.wake = Some(at),
                Effect::Sleep => self.wake = None,
                Effect::Send(..) | Effect::SendAfresh(..) | Effect::Forget(_) | Effect::Collect => {
                }
            }
        }
        assert_eq!(
            &self.disk,
            self.session.journal(),
            "the disk has what the session knows"
        );
    }

    fn check(&self) {
        let journal = &self.disk;
        let confirmed = Some(journal.confirmed.target);
        match &journal.state {
            State::Idle | State::Prepared { .. } | State::Reverted { .. } => {
                assert_eq!(
                    self.kernel, confirmed,
                    "what is not in hand is as confirmed"
                );
            }
            State::Verified { change, term } => {
                assert_eq!(self.kernel, Some(change.to));
                let until = term.until(change.lease);
                assert_eq!(
                    self.wake,
                    Some(until),
                    "an unconfirmed change has its deadline"
                );
                assert!(self.now < until, "a change never outlives its deadline");
            }
            State::Armed { change, term } => {
                let until = term.until(change.lease);
                assert_eq!(
                    self.wake,
                    Some(until),
                    "an unconfirmed change has its deadline"
                );
                assert!(self.now < until, "a change never outlives its deadline");
            }
            State::Reverting { .. } => {
                let tries = matches!(self.running, Some(Effect::Revert { .. }));
                assert!(
                    tries || self.wake.is_some(),
                    "a node that goes back gets there"
                );
            }
            State::Stuck { .. } => {}
        }
        if let State::Prepared { change, .. } = &journal.state {
            assert!(
                change.rollout > journal.tombstone,
                "what is buried never begins again"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_change_is_confirmed_or_has_a_deadline_whatever_happens(
        happenings in prop::collection::vec(any_happening(), 1..60),
    ) {
        let mut host = Host::new();
        for happening in happenings {
            let before = host.disk.clone();
            host.meet(happening);
            host.check();
            prop_assert!(host.disk.epoch >= before.epoch);
            prop_assert!(host.disk.tombstone >= before.tombstone);
            prop_assert!(host.disk.confirmed.rollout >= before.confirmed.rollout);
        }
    }

    #[test]
    fn a_command_that_comes_twice_does_what_it_does_once(
        happenings in prop::collection::vec(any_happening(), 0..40),
        event in any_event(),
    ) {
        let mut host = Host::new();
        for happening in happenings {
            host.meet(happening);
        }
        host.step(event.clone());
        let once = host.session.clone();
        let effects = host.session.step(event, host.now);
        prop_assert_eq!(&host.session.journal, &once.journal);
        let again = |effect: &Effect| matches!(effect, Effect::Stage { .. } | Effect::Apply { .. } | Effect::Revert { .. });
        prop_assert!(!effects.iter().any(again), "{effects:?}");
    }

    #[test]
    fn a_foreign_or_outdated_command_changes_nothing(
        happenings in prop::collection::vec(any_happening(), 0..40),
        event in any_event(),
        kind in 0..3,
    ) {
        let mut host = Host::new();
        for happening in happenings {
            host.meet(happening);
        }
        let Event::Command(mut fence, command) = event else {
            return Ok(());
        };
        match kind {
            0 => fence.cluster = ClusterId::from_bytes([2; 16]),
            1 => fence.incarnation = Incarnation(0),
            _ => fence.epoch = Epoch(host.disk.epoch.0 - 1),
        }
        let before = host.session.clone();
        let effects = host.session.step(Event::Command(fence, command), host.now);
        prop_assert_eq!(effects, Vec::new());
        prop_assert_eq!(host.session, before);
    }
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
