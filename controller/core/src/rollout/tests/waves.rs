//! A rollout in waves, with nodes that take their time: who is told when, and what comes of it.

use std::num::NonZeroU32;

use proptest::prelude::*;

use super::super::record::{Decision, Reason};
use super::*;

/// Nodes that do what they are told, each after a while of its own.
struct Field {
    rollout: Rollout,
    clock: u64,
    /// What nodes say, and when.
    due: BTreeSet<(u64, NodeName, u64, &'static str)>,
    writing: bool,
    verified: BTreeMap<NodeName, u64>,
    /// When each node was last asked once more and said that all is well.
    well: BTreeMap<NodeName, u64>,
    applying: BTreeSet<NodeName>,
    /// When the first node of each wave was told.
    begun: BTreeMap<u32, u64>,
    told: BTreeSet<NodeName>,
    returned: BTreeSet<NodeName>,
    /// How long each node takes.
    pace: Vec<u64>,
    /// A node that cannot, and whether it is at the look that it cannot.
    broken: Option<(usize, bool)>,
}

impl Field {
    fn new(policy: Policy, pace: Vec<u64>, broken: Option<(usize, bool)>) -> Self {
        let (rollout, _) = load(record(pace.len(), policy), 5);
        Self {
            rollout,
            clock: 0,
            due: BTreeSet::new(),
            writing: false,
            verified: BTreeMap::new(),
            well: BTreeMap::new(),
            applying: BTreeSet::new(),
            begun: BTreeMap::new(),
            told: BTreeSet::new(),
            returned: BTreeSet::new(),
            pace,
            broken,
        }
    }

    fn run(&mut self) {
        for node in 0..self.pace.len() {
            self.step(Event::Hello(name(node), hello(Standing::Settled)));
        }
        for _ in 0..50_000 {
            if matches!(self.rollout.record().phase, Phase::Closed { .. }) {
                return;
            }
            if std::mem::take(&mut self.writing) {
                self.step(WON);
                continue;
            }
            let wake = self.rollout.next_wake().map(|wake| wake.0);
            let said = self.due.first().map(|(at, ..)| *at);
            let next = wake
                .into_iter()
                .chain(said)
                .min()
                .expect("something is due");
            self.clock = self.clock.max(next);
            if said.is_some_and(|at| at <= self.clock) {
                let (_, node, nonce, what) = self.due.pop_first().unwrap();
                self.hear(node, nonce, what);
            } else {
                self.step(Event::Tick);
            }
        }
        panic!("it does not close: {}", words(&self.rollout));
    }

    fn hear(&mut self, node: NodeName, nonce: u64, what: &str) {
        let answer = match what {
            "prepared" => Answer::Prepared(Found::steps(4)),
            "verified" => {
                self.applying.remove(&node);
                self.verified.insert(node.clone(), self.clock);
                Answer::Verified
            }
            "well" => {
                self.well.insert(node.clone(), self.clock);
                Answer::Verified
            }
            "alive" => Answer::Alive,
            "confirmed" => Answer::Confirmed,
            "rolled back" => {
                self.returned.insert(node.clone());
                Answer::RolledBack
            }
            _ => Answer::Failed(vec![fault()]),
        };
        let fence = fence(5, nonce);
        self.step(Event::Answer(node, fence, answer));
    }

    fn step(&mut self, event: Event) {
        for effect in self.rollout.step(event, now(self.clock)) {
            match effect {
                Effect::Write(write) => {
                    if write.record.phase == Phase::Committed {
                        self.check_commit();
                    }
                    self.writing = true;
                }
                Effect::Send(node, fence, command) => self.take(node, fence.nonce.0, &command),
                Effect::Read | Effect::Progress(_) | Effect::Finished | Effect::Deposed => {}
            }
        }
    }

    fn take(&mut self, node: NodeName, nonce: u64, command: &Command) {
        let place = (0..self.pace.len())
            .find(|place| name(*place) == node)
            .unwrap();
        let is_broken = self.broken;
        let broken = |look| is_broken == Some((place, look));
        let what = match command {
            Command::Prepare { .. } => "prepared",
            Command::Apply => {
                self.check_turn(&node);
                if broken(false) { "failed" } else { "verified" }
            }
            Command::Check => {
                if broken(true) {
                    "failed"
                } else {
                    "well"
                }
            }
            Command::KeepAlive => "alive",
            Command::Confirm => "confirmed",
            Command::Rollback => "rolled back",
            Command::CatchUp { .. } => panic!("a rollout sends no catch-up"),
        };
        let at = self.clock + self.pace[place];
        self.due.insert((at, node, nonce, what));
    }

    fn check_turn(&mut self, node: &NodeName) {
        let record = self.rollout.record();
        let policy = &record.policy;
        self.applying.insert(node.clone());
        let bound = policy
            .max_in_flight
            .map_or(usize::MAX, |it| it.get() as usize);
        assert!(
            self.applying.len() <= bound,
            "no more at a time than wanted"
        );
        assert!(self.told.insert(node.clone()), "{node} is told once");
        let wave = record.participants[node];
        let begun = *self.begun.entry(wave).or_insert(self.clock);
        let looks = policy.looks_again() && policy.pause > Span(0);
        for (other, earlier) in &record.participants {
            if *earlier < wave {
                let since = self
                    .verified
                    .get(other)
                    .expect("earlier waves are verified");
                assert!(since + policy.pause.0 <= begun, "and rested");
                let well = self.well.get(other).copied();
                assert!(!looks || well > Some(*since), "and said that all is well");
            }
        }
    }

    fn check_commit(&self) {
        let record = self.rollout.record();
        let soak = record.policy.soak;
        assert_eq!(self.verified.len(), record.participants.len());
        let last = self.verified.values().max().copied().unwrap_or(0);
        assert!(
            last + soak.0 <= self.clock,
            "all stood by it for as long as wanted"
        );
        for node in record.participants.keys().filter(|_| soak > Span(0)) {
            assert!(
                self.well[node] >= last + soak.0,
                "{node} said so at the end"
            );
        }
    }
}

fn any_manner() -> impl Strategy<Value = Policy> {
    let wave = prop_oneof![
        (1..5u32).prop_map(Wave::Count),
        (1..=100u8).prop_map(Wave::Percent)
    ];
    let times = prop_oneof![Just(0u64), 1..20_000u64];
    let bound = prop_oneof![Just(0u32), 1..6u32];
    (
        prop::collection::vec(wave, 0..4),
        bound,
        times.clone(),
        times,
    )
        .prop_map(|(waves, bound, pause, soak)| Policy {
            waves,
            max_in_flight: NonZeroU32::new(bound),
            pause: Span(pause),
            soak: Span(soak),
            ..Policy::default()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn waves_come_in_order_within_bounds_and_rested_and_a_failure_returns_all_of_them(
        policy in any_manner(),
        pace in prop::collection::vec(1..2_000u64, 1..24),
        broken in prop::option::of((0..24usize, any::<bool>())),
    ) {
        let broken = broken.filter(|(place, _)| *place < pace.len());
        let nodes = pace.len();
        let looks = policy.soak > Span(0);
        let mut field = Field::new(policy, pace, broken);
        field.run();
        let fails = broken.is_some_and(|(_, look)| !look || looks);
        let Phase::Closed { decision, unsettled } = &field.rollout.record().phase else {
            panic!("it is closed");
        };
        prop_assert!(unsettled.is_empty());
        if fails {
            let is_failure = matches!(decision, Decision::Abort(Reason::Failed { node, .. })
                if Some(node) == broken.map(|(place, _)| name(place)).as_ref());
            prop_assert!(is_failure, "{:?}", decision);
            prop_assert_eq!(field.returned.len(), nodes);
        } else {
            prop_assert_eq!(decision, &Decision::Commit);
            prop_assert_eq!(field.verified.len(), nodes);
        }
    }
}
