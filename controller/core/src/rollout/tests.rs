//! The rollout as one table, and its laws under any sequence of events.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use proptest::prelude::*;
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

#[derive(Clone, Debug)]
enum Happening {
    Hello(usize, Standing),
    Lost(usize),
    /// A node does the last thing that it was told, and says so.
    Obey(usize),
    /// An answer to one of the last commands of this leader.
    Answer(usize, u64, Answer),
    Stale(usize, u64, Answer),
    Time(u64),
    /// Time passes, and the leader sees something else before it sees the clock.
    Stall(u64),
    Land {
        known: bool,
    },
    Wish(Wish),
}

fn any_happening() -> impl Strategy<Value = Happening> {
    let standing = prop_oneof![
        8 => Just(standing(7, Progress::Armed)),
        8 => Just(standing(7, Progress::Verified)),
        2 => Just(standing(7, Progress::Prepared)),
        1 => Just(standing(7, Progress::Reverted)),
        1 => Just(Standing::Settled),
    ];
    let answer = prop_oneof![
        20 => Just(Answer::Prepared(Found::steps(4))),
        1 => Just(Answer::Refused(vec![fault()])),
        40 => Just(Answer::Alive),
        40 => Just(Answer::Verified),
        1 => Just(Answer::Failed(vec![fault()])),
        6 => Just(Answer::Confirmed),
        1 => Just(Answer::RolledBack),
    ];
    let wish = prop_oneof![
        4 => Just(Wish::Pause),
        4 => Just(Wish::Resume),
        4 => Just(confirm()),
        1 => Just(Wish::Abort { author: "ada".to_owned() }),
    ];
    let node = 0..3usize;
    prop_oneof![
        24 => node.clone().prop_map(Happening::Obey),
        4 => (node.clone(), standing).prop_map(|(node, standing)| Happening::Hello(node, standing)),
        2 => node.clone().prop_map(Happening::Lost),
        6 => (node.clone(), 0..4u64, answer.clone())
            .prop_map(|(node, back, answer)| Happening::Answer(node, back, answer)),
        6 => (node, 0..6u64, answer).prop_map(|(node, nonce, answer)| Happening::Stale(node, nonce, answer)),
        4 => (0..4_000u64).prop_map(Happening::Time),
        1 => (0..60_000u64).prop_map(Happening::Stall),
        12 => (0..4).prop_map(|draw| Happening::Land { known: draw > 0 }),
        1 => wish.prop_map(Happening::Wish),
    ]
}

/// A store and a clock around the machine, and what is known without asking it.
struct Desk {
    rollout: Rollout,
    stored: Record,
    writing: Option<Transaction>,
    clock: u64,
    applied: bool,
    committed: bool,
    aborted: bool,
    /// The words that make a lease longer, by node and nonce.
    words: BTreeMap<(NodeName, Nonce), u64>,
    last: BTreeMap<NodeName, Nonce>,
    verified: BTreeSet<NodeName>,
    heard: BTreeMap<NodeName, u64>,
    /// When a node was asked once more, by node and nonce, and the latest that it answered well.
    asked: BTreeMap<(NodeName, Nonce), u64>,
    well: BTreeMap<NodeName, u64>,
    inbox: Vec<(NodeName, Fence, Command)>,
}

impl Desk {
    fn new(policy: Policy) -> Self {
        let (rollout, effects) = load(record(3, policy.clone()), 5);
        assert_eq!(effects, Vec::new());
        Self {
            rollout,
            stored: record(3, policy),
            writing: None,
            clock: 0,
            applied: false,
            committed: false,
            aborted: false,
            words: BTreeMap::new(),
            last: BTreeMap::new(),
            verified: BTreeSet::new(),
            heard: BTreeMap::new(),
            asked: BTreeMap::new(),
            well: BTreeMap::new(),
            inbox: Vec::new(),
        }
    }

    fn meet(&mut self, happening: Happening) {
        match happening {
            Happening::Hello(node, standing) => {
                self.step(Event::Hello(name(node), hello(standing)));
            }
            Happening::Lost(node) => self.step(Event::Lost(name(node))),
            Happening::Obey(node) => {
                let told = |(to, ..): &(NodeName, Fence, Command)| *to == name(node);
                if let Some(place) = self.inbox.iter().rposition(told) {
                    let (node, fence, command) = self.inbox.remove(place);
                    self.obey(node, fence, command);
                }
            }
            Happening::Answer(node, back, answer) => {
                let last = self.last.get(&name(node)).map_or(0, |nonce| nonce.0);
                self.hear(name(node), fence(5, last.saturating_sub(back)), answer);
            }
            Happening::Stale(node, nonce, answer) => {
                self.step(Event::Answer(name(node), fence(4, nonce), answer));
            }
            Happening::Time(span) => {
                self.clock += span;
                self.step(Event::Tick);
            }
            Happening::Stall(span) => self.clock += span,
            Happening::Land { known } => self.land(known),
            Happening::Wish(wish) => self.step(Event::User(wish)),
        }
    }

    fn hear(&mut self, node: NodeName, fence: Fence, answer: Answer) {
        let word = self.words.get(&(node.clone(), fence.nonce)).copied();
        match answer {
            Answer::Alive | Answer::Verified => {
                let heard = self.heard.get(&node).copied().max(word);
                self.heard.extend(heard.map(|at| (node.clone(), at)));
            }
            Answer::Prepared(_)
            | Answer::Refused(_)
            | Answer::Failed(_)
            | Answer::Confirmed
            | Answer::RolledBack => {}
        }
        if answer == Answer::Verified {
            self.verified.insert(node.clone());
            // An earlier question may be answered after a later one.
            let asked = self.asked.get(&(node.clone(), fence.nonce)).copied();
            let well = self.well.get(&node).copied().max(asked);
            self.well.extend(well.map(|at| (node.clone(), at)));
        }
        self.step(Event::Answer(node, fence, answer));
    }

    fn land(&mut self, known: bool) {
        let Some(write) = self.writing.take() else {
            return;
        };
        let won = write.replaces == self.stored.attempt;
        if won {
            self.applied |= matches!(write.record.phase, Phase::Applying { .. });
            self.committed |= matches!(write.record.phase, Phase::Committed);
            self.aborted |= matches!(write.record.phase, Phase::Aborted(_));
            self.stored = write.record;
        }
        let outcome = match (known, won) {
            (false, _) => Outcome::Unknown,
            (true, true) => Outcome::Won,
            (true, false) => Outcome::Lost,
        };
        self.step(Event::Written(outcome));
    }

    fn step(&mut self, event: Event) {
        let effects = self.rollout.step(event, now(self.clock));
        for effect in effects {
            match effect {
                Effect::Write(write) => {
                    assert!(self.writing.is_none(), "one write at a time");
                    self.check_write(&write);
                    self.writing = Some(*write);
                }
                Effect::Read => {
                    let stored = Box::new(self.stored.clone());
                    self.step(Event::Read(stored));
                }
                Effect::Send(node, fence, command) => {
                    self.check_command(&command);
                    if command == Command::Check {
                        self.asked.insert((node.clone(), fence.nonce), self.clock);
                    }
                    if matches!(
                        command,
                        Command::Apply | Command::KeepAlive | Command::Check
                    ) {
                        self.words.insert((node.clone(), fence.nonce), self.clock);
                    }
                    self.last.insert(node.clone(), fence.nonce);
                    self.inbox.push((node, fence, command));
                }
                Effect::Progress(_) | Effect::Finished => {}
                Effect::Deposed => panic!("nobody else leads"),
            }
        }
        self.check();
    }

    fn check_command(&self, command: &Command) {
        match command {
            Command::Prepare { .. } => assert!(!self.applied),
            Command::Apply | Command::KeepAlive | Command::Check => {
                assert!(self.applied, "applying is durable");
            }
            Command::Confirm => assert!(self.committed, "the commit is durable"),
            Command::Rollback => assert!(self.aborted, "the abort is durable"),
            Command::CatchUp { .. } => panic!("a rollout sends no catch-up"),
        }
    }

    fn check_write(&self, write: &Transaction) {
        let deed = match &write.record.phase {
            Phase::Preparing => panic!("no phase leads back to preparing"),
            Phase::Applying { .. } | Phase::Aborted(_) => Deed::Turn,
            Phase::Committed => {
                for node in write.record.participants.keys() {
                    assert!(self.verified.contains(node), "{node} has verified");
                    let heard = self.heard.get(node).copied();
                    let stands = heard.is_some_and(|at| self.clock < at + 30_000);
                    assert!(stands, "{node} stands by its change");
                    let soak = write.record.policy.soak;
                    if soak > Span(0) {
                        let since = self.rollout.verified_at.unwrap().after(soak);
                        let well = self.well.get(node).copied();
                        assert!(well >= Some(since.0), "{node} said so again after the soak");
                    }
                }
                Deed::MoveHead
            }
            Phase::Closed { .. } => Deed::Release,
        };
        assert_eq!(write.deed, deed);
        assert_eq!(write.replaces, self.stored.attempt);
    }

    fn check(&self) {
        assert!(!(self.committed && self.aborted), "one decision");
        let mut tally = Tally::default();
        for (place, node) in self.rollout.nodes.iter().enumerate() {
            tally.add(place, node);
        }
        assert_eq!(tally, self.rollout.tally, "the sums are those of the nodes");
    }

    /// From now on every node does what it is told, and the store answers.
    fn calm(&mut self) {
        for node in 0..3 {
            self.step(Event::Lost(name(node)));
            let standing = if self.applied {
                standing(7, Progress::Armed)
            } else {
                Standing::Settled
            };
            self.inbox.clear();
            self.step(Event::Hello(name(node), hello(standing)));
            self.answer_all();
        }
        for _ in 0..200 {
            if matches!(self.stored.phase, Phase::Closed { .. }) && self.writing.is_none() {
                return;
            }
            self.land(true);
            self.answer_all();
            self.step(Event::User(Wish::Resume));
            self.step(Event::User(confirm()));
            let wake = self.rollout.next_wake().map_or(0, |wake| wake.0);
            self.clock = self.clock.max(wake.min(self.clock + 1_000));
            self.step(Event::Tick);
            self.answer_all();
        }
        panic!("it does not close: {}", words(&self.rollout));
    }

    fn answer_all(&mut self) {
        while let Some((node, fence, command)) = self.inbox.pop() {
            self.obey(node, fence, command);
        }
    }

    fn obey(&mut self, node: NodeName, fence: Fence, command: Command) {
        let answer = match command {
            Command::Prepare { .. } => Answer::Prepared(Found::steps(4)),
            Command::Apply | Command::Check => Answer::Verified,
            Command::KeepAlive => Answer::Alive,
            Command::Confirm => Answer::Confirmed,
            Command::Rollback => Answer::RolledBack,
            Command::CatchUp { .. } => return,
        };
        self.hear(node, fence, answer);
    }
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let manners = (any::<bool>(), any::<bool>(), any::<bool>(), 0..3u32);
    manners.prop_map(|(manual, waves, soak, bound)| Policy {
        confirm: if manual {
            let within = Span::from_secs(60);
            Confirm::Manual { within }
        } else {
            Confirm::Auto
        },
        waves: if waves {
            vec![Wave::Count(1), Wave::Percent(50)]
        } else {
            Vec::new()
        },
        pause: Span(if waves { 3_000 } else { 0 }),
        soak: Span(if soak { 2_000 } else { 0 }),
        max_in_flight: std::num::NonZeroU32::new(bound),
        ..Policy::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn one_decision_is_made_on_votes_that_stand_and_told_when_durable(
        policy in any_policy(),
        happenings in prop::collection::vec(any_happening(), 0..120),
    ) {
        let mut desk = Desk::new(policy);
        for node in 0..3 {
            desk.step(Event::Hello(name(node), hello(Standing::Settled)));
        }
        for happening in happenings {
            desk.meet(happening);
        }
        desk.calm();
    }

    #[test]
    fn every_node_has_a_wave_and_waves_have_no_holes(
        counts in prop::collection::vec((any::<bool>(), 0..120u8), 0..5),
        nodes in 0..300u32,
    ) {
        let waves = counts.into_iter().map(|(percent, size)| {
            if percent { Wave::Percent(size.min(100)) } else { Wave::Count(size.into()) }
        });
        let policy = Policy { waves: waves.collect(), ..Policy::default() };
        let assigned = policy.assign(nodes);
        prop_assert_eq!(assigned.len(), nodes as usize);
        let steps_up = |pair: &[u32]| pair[1] == pair[0] || pair[1] == pair[0] + 1;
        prop_assert!(assigned.windows(2).all(steps_up));
        prop_assert_eq!(assigned.first().copied().unwrap_or(0), 0);
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
