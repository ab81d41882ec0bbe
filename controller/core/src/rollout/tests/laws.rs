//! What holds whatever happens, and in whichever order.

use proptest::prelude::*;

use super::*;

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
