//! What holds whatever happens, and in whichever order.

use proptest::prelude::*;

use super::*;

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
