//! What every event does in every phase.

use std::fmt::Write;

use super::*;

/// The events that bring two nodes to each phase.
fn phases() -> Vec<(&'static str, Rollout)> {
    let connect = |node| Event::Hello(name(node), hello(Standing::Settled));
    let prepared = |node| says(node, 1, Answer::Prepared(Found::steps(4)));
    let asked = || vec![connect(0), connect(1)];
    let with = |mut events: Vec<Event>, more: Vec<Event>| {
        events.extend(more);
        events
    };
    let told = || with(asked(), vec![prepared(0), prepared(1), WON]);
    let half = || with(told(), vec![says(0, 2, Answer::Verified)]);
    let whole = || with(half(), vec![says(1, 2, Answer::Verified)]);
    let user = || {
        let author = "ada".to_owned();
        Event::User(Wish::Abort { author })
    };
    let auto = Policy::default;
    let manual = Policy {
        confirm: Confirm::Manual {
            within: Span::from_secs(60),
        },
        ..auto()
    };
    let waves = Policy {
        waves: vec![Wave::Count(1)],
        ..auto()
    };
    let soak = Policy {
        soak: Span(1_000),
        ..auto()
    };
    let look = || {
        let mut rollout = after(soak.clone(), whole());
        rollout.step(Event::Tick, now(1_000));
        rollout
    };
    let taken_over = |phase| {
        let mut record = record(2, auto());
        record.phase = phase;
        load(record, 5).0
    };
    vec![
        ("preparing, nobody there", after(auto(), [])),
        ("preparing", after(auto(), asked())),
        (
            "preparing, one prepared",
            after(auto(), with(asked(), vec![prepared(0)])),
        ),
        (
            "preparing, to apply",
            after(auto(), with(asked(), vec![prepared(0), prepared(1)])),
        ),
        ("applying", after(auto(), told())),
        (
            "applying, taken over",
            taken_over(Phase::Applying { paused: false }),
        ),
        ("applying the first wave", after(waves, told())),
        (
            "applying, paused",
            after(auto(), with(told(), vec![Event::User(Wish::Pause), WON])),
        ),
        ("applying, one verified", after(auto(), half())),
        ("applying, to commit", after(auto(), whole())),
        (
            "applying, to commit, unknown",
            after(
                auto(),
                with(whole(), vec![Event::Written(Outcome::Unknown)]),
            ),
        ),
        ("applying, a person decides", after(manual, whole())),
        ("applying, soaking", after(soak.clone(), whole())),
        ("applying, asked once more", look()),
        (
            "applying, to abort",
            after(auto(), with(half(), vec![user()])),
        ),
        ("committed", after(auto(), with(whole(), vec![WON]))),
        (
            "committed, one confirmed",
            after(
                auto(),
                with(whole(), vec![WON, says(0, 3, Answer::Confirmed)]),
            ),
        ),
        ("aborted", after(auto(), with(half(), vec![user(), WON]))),
        (
            "aborted, to close",
            after(
                auto(),
                with(
                    half(),
                    vec![
                        user(),
                        WON,
                        says(0, 3, Answer::RolledBack),
                        says(1, 3, Answer::RolledBack),
                    ],
                ),
            ),
        ),
        (
            "deposed",
            after(
                auto(),
                with(whole(), vec![Event::Written(Outcome::Deposed)]),
            ),
        ),
    ]
}

fn events() -> Vec<(&'static str, Event, u64)> {
    let connect = |standing| Event::Hello(name(0), hello(standing));
    let mut confirmed = hello(Standing::Settled);
    confirmed.confirmed = Confirmed {
        rollout: RolloutId(7),
        target: target(2),
    };
    let stored = |phase, attempt| {
        let mut record = record(2, Policy::default());
        record.phase = phase;
        record.attempt = attempt;
        Event::Read(Box::new(record))
    };
    let attempt = |epoch, number| Attempt {
        epoch: Epoch(epoch),
        number,
    };
    let author = "ada".to_owned();
    vec![
        ("hello", connect(Standing::Settled), 1_000),
        (
            "hello, prepared",
            connect(standing(7, Progress::Prepared)),
            1_000,
        ),
        ("hello, armed", connect(standing(7, Progress::Armed)), 1_000),
        (
            "hello, verified",
            connect(standing(7, Progress::Verified)),
            1_000,
        ),
        (
            "hello, reverted",
            connect(standing(7, Progress::Reverted)),
            1_000,
        ),
        (
            "hello, another rollout",
            connect(standing(6, Progress::Verified)),
            1_000,
        ),
        ("hello, confirmed", Event::Hello(name(0), confirmed), 1_000),
        (
            "hello of a stranger",
            Event::Hello(name(9), hello(Standing::Settled)),
            1_000,
        ),
        ("lost", Event::Lost(name(0)), 1_000),
        (
            "Prepared",
            says(1, 1, Answer::Prepared(Found::steps(4))),
            1_000,
        ),
        (
            "Prepared, with guests plugged in",
            says(1, 1, Answer::Prepared(disruptive())),
            1_000,
        ),
        ("Refused", says(1, 1, Answer::Refused(vec![fault()])), 1_000),
        ("Alive", says(1, 2, Answer::Alive), 1_000),
        ("Verified", says(1, 2, Answer::Verified), 1_000),
        ("Verified, to nothing", says(1, 99, Answer::Verified), 1_000),
        (
            "Verified, to an earlier leader",
            Event::Answer(name(1), fence(4, 2), Answer::Verified),
            1_000,
        ),
        ("Failed", says(1, 2, Answer::Failed(vec![fault()])), 1_000),
        ("Confirmed", says(1, 3, Answer::Confirmed), 1_000),
        ("RolledBack", says(1, 3, Answer::RolledBack), 1_000),
        ("tick", Event::Tick, 1_000),
        ("tick, time for a word", Event::Tick, 5_000),
        ("tick, no contact", Event::Tick, 30_000),
        ("tick, too long", Event::Tick, 120_000),
        ("write won", WON, 1_000),
        ("write lost", Event::Written(Outcome::Lost), 1_000),
        ("write unknown", Event::Written(Outcome::Unknown), 1_000),
        (
            "write by a deposed leader",
            Event::Written(Outcome::Deposed),
            1_000,
        ),
        (
            "read, as before",
            stored(Phase::Applying { paused: false }, attempt(5, 1)),
            1_000,
        ),
        (
            "read, committed",
            stored(Phase::Committed, attempt(5, 2)),
            1_000,
        ),
        (
            "read, of a later leader",
            stored(Phase::Committed, attempt(6, 1)),
            1_000,
        ),
        ("pause", Event::User(Wish::Pause), 1_000),
        ("resume", Event::User(Wish::Resume), 1_000),
        ("confirm", Event::User(confirm()), 1_000),
        ("abort", Event::User(Wish::Abort { author }), 1_000),
    ]
}

#[test]
fn every_phase_meets_every_event() {
    let mut table = String::new();
    for (phase_name, rollout) in phases() {
        writeln!(table, "{phase_name}: {}", words(&rollout)).unwrap();
        for (event_name, event, at) in events() {
            let mut next = rollout.clone();
            let effects = next.step(event, now(at));
            let state = if next == rollout {
                "=".to_owned()
            } else {
                words(&next)
            };
            let effects: Vec<_> = effects.iter().map(effect_words).collect();
            let effects = if effects.is_empty() {
                "-".to_owned()
            } else {
                effects.join(", ")
            };
            writeln!(
                table,
                "  {event_name:<32} {state}\n  {:<32}   {effects}",
                ""
            )
            .unwrap();
        }
        table.push('\n');
    }
    insta::assert_snapshot!(table);
}
