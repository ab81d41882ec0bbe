//! Bringing single nodes to the head: those that were away, were deferred, or went back of
//! themselves after the decision.
//!
//! # Guarantees
//! A node that holds an unsettled change first hears what was decided of it; then it is driven to
//! the head, and never to anything between. A node that failed is tried again with the head as it
//! is then, and at once when the head moves: that may be what mends it. What fails on one node
//! concerns that node only.
//!
//! # Assumes
//! The caller gives no participant of the rollout that runs, and with each event the head as it is
//! then: what the node should have, and the rollout that set the head.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::clock::{Moment, Span};
use weft_model::message::{Answer, Command, Confirmed, Fence, Hello, Lease, Standing, Target};
use weft_model::name::NodeName;
use weft_model::report::Fault;
use weft_model::revision::{Nonce, RolloutId};

use super::record::Leader;
use super::welcome::{Held, Strangeness, Welcome, is_of_before, settled, welcome};

/// How long a node that failed is left alone at first; each failure more doubles it.
const FIRST_REST: Span = Span::from_secs(10);

/// A node is never left alone for longer: whoever mends it wants to see it work.
const LONGEST_REST: Span = Span::from_secs(300);

/// After so many failures the longest rest is reached, and no more need be counted.
const DOUBLINGS: u32 = 5;

/// Every node that is on its way to the head, under one leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CatchUps {
    leader: Leader,
    lease: Lease,
    keep_alive: Span,
    commands: u64,
    courses: BTreeMap<NodeName, Course>,
    due: BTreeSet<(Moment, NodeName)>,
}

/// One node on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Course {
    confirmed: Confirmed,
    rollout: RolloutId,
    to: Target,
    command: Command,
    /// The number of the command; saying it again, or what follows of it, is not another command.
    nonce: Nonce,
    turn: Turn,
    failures: u32,
    due: Moment,
}

/// What is done when a course is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Turn {
    /// A word, so that the node does not go back.
    KeepAlive,
    /// The command once more, after a failure.
    Again,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A node connected.
    Hello {
        /// What it said.
        hello: Hello,
        /// What is known of the rollout that it holds an unsettled change of.
        held: Held,
    },
    /// A node that is connected, and is settled with this, may have to move.
    Compare(Confirmed),
    /// A node answered.
    Answer(Fence, Answer),
    /// A node's stream ended.
    Lost,
}

/// One thing to do or to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send the command, with the plan where it names one.
    Send(NodeName, Fence, Command),
    /// The node has what it should have; this is what it confirmed last.
    Current(NodeName, Confirmed),
    /// The node could not be brought to the head; it is tried again later.
    Failed(NodeName, Vec<Fault>),
    /// The node must not be touched before the operator has looked.
    Quarantine(NodeName, Strangeness),
}

impl CatchUps {
    /// No node on its way.
    pub fn new(leader: Leader, lease: Lease, keep_alive: Span) -> Self {
        Self {
            leader,
            lease,
            keep_alive,
            commands: 0,
            courses: BTreeMap::new(),
            due: BTreeSet::new(),
        }
    }

    /// Moves one node by one event. Pure: no IO, no clock, no randomness.
    pub fn step(
        &mut self,
        node: &NodeName,
        event: Event,
        head: Confirmed,
        now: Moment,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Hello { hello, held } => {
                self.forget(node);
                let next = welcome(&self.leader, head, self.lease, &hello, held);
                let mut confirmed = hello.confirmed;
                if is_of_before(&self.leader, &hello) {
                    confirmed.rollout = RolloutId::default();
                }
                self.follow(node, confirmed, hello.standing, next, now, &mut effects);
            }
            Event::Compare(confirmed) => {
                if let Some(course) = self.courses.get(node).cloned() {
                    if course.turn == Turn::Again && course.rollout < head.rollout {
                        let failures = 0;
                        self.again(node, Course { failures, ..course }, head, now, &mut effects);
                    }
                } else {
                    let next = settled(head, self.lease, confirmed);
                    self.follow(node, confirmed, Standing::Settled, next, now, &mut effects);
                }
            }
            Event::Answer(fence, answer) => {
                self.answer(node, &fence, answer, head, now, &mut effects);
            }
            Event::Lost => self.forget(node),
        }
        effects
    }

    /// Does what the time has come for. `head` is asked for what a node should have.
    pub fn tick(&mut self, head: impl Fn(&NodeName) -> Confirmed, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        while self.due.first().is_some_and(|(due, _)| *due <= now) {
            let Some((_, node)) = self.due.pop_first() else {
                break;
            };
            let Some(course) = self.courses.remove(&node) else {
                continue;
            };
            match course.turn {
                Turn::KeepAlive => {
                    self.send(&node, course, Command::KeepAlive, now, &mut effects);
                }
                Turn::Again => self.again(&node, course, head(&node), now, &mut effects),
            }
        }
        effects
    }

    /// When to call [`tick`](Self::tick) next.
    pub fn next_wake(&self) -> Option<Moment> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Whether a node is on its way.
    pub fn is_underway(&self, node: &NodeName) -> bool {
        self.courses.contains_key(node)
    }

    fn answer(
        &mut self,
        node: &NodeName,
        fence: &Fence,
        answer: Answer,
        head: Confirmed,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let mine = fence.cluster == self.leader.cluster
            && fence.incarnation == self.leader.incarnation
            && fence.epoch == self.leader.epoch;
        let Some(course) = self.courses.get(node).cloned() else {
            return;
        };
        if !mine || fence.rollout != course.rollout {
            return;
        }
        match answer {
            Answer::Prepared(_) | Answer::Alive => {}
            // It was on its way when the node was told to go back, and must not keep the change.
            Answer::Verified if course.command == Command::Rollback => {}
            Answer::Verified => {
                self.send(node, course, Command::Confirm, now, effects);
            }
            Answer::Confirmed => {
                let confirmed = Confirmed {
                    rollout: course.rollout,
                    target: course.to,
                };
                self.arrive(node, confirmed, head, now, effects);
            }
            Answer::RolledBack => self.arrive(node, course.confirmed, head, now, effects),
            Answer::Refused(faults) | Answer::Failed(faults) => {
                effects.push(Effect::Failed(node.clone(), faults));
                self.rest(node, course, now);
            }
        }
    }

    /// Tries once more after a failure. The node may hold what is left of its last try, so it is
    /// sent on its way even where it has confirmed what the head asks of it.
    fn again(
        &mut self,
        node: &NodeName,
        course: Course,
        head: Confirmed,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let course = match course.command {
            Command::CatchUp { to, lease }
                if (course.rollout, to) != (head.rollout, head.target) =>
            {
                let to = head.target;
                Course {
                    rollout: head.rollout,
                    to,
                    command: Command::CatchUp { to, lease },
                    nonce: self.next_nonce(),
                    ..course
                }
            }
            Command::CatchUp { .. }
            | Command::Prepare { .. }
            | Command::Apply
            | Command::KeepAlive
            | Command::Check
            | Command::Confirm
            | Command::Rollback => course,
        };
        let command = course.command.clone();
        self.send(node, course, command, now, effects);
    }

    fn next_nonce(&mut self) -> Nonce {
        self.commands += 1;
        Nonce(self.commands)
    }

    /// A node is settled with `confirmed`: it has arrived, or goes on.
    fn arrive(
        &mut self,
        node: &NodeName,
        confirmed: Confirmed,
        head: Confirmed,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let next = settled(head, self.lease, confirmed);
        let course = self.courses.get(node).cloned();
        self.forget(node);
        match (course, next) {
            (Some(course), Welcome::Say(rollout, command))
                if (course.rollout, &course.command) == (rollout, &command) =>
            {
                self.send(node, course, command, now, effects);
            }
            (_, next) => self.follow(node, confirmed, Standing::Settled, next, now, effects),
        }
    }

    fn follow(
        &mut self,
        node: &NodeName,
        confirmed: Confirmed,
        standing: Standing,
        next: Welcome,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        match next {
            Welcome::Current => effects.push(Effect::Current(node.clone(), confirmed)),
            Welcome::Wait => {}
            Welcome::Quarantine(why) => effects.push(Effect::Quarantine(node.clone(), why)),
            Welcome::Say(rollout, command) => {
                let to = match (&command, standing) {
                    (Command::CatchUp { to, .. }, _) => *to,
                    (_, Standing::Unsettled { to, .. }) => to,
                    (_, Standing::Settled) => confirmed.target,
                };
                let course = Course {
                    confirmed,
                    rollout,
                    to,
                    command: command.clone(),
                    nonce: self.next_nonce(),
                    turn: Turn::KeepAlive,
                    failures: 0,
                    due: now,
                };
                self.send(node, course, command, now, effects);
            }
        }
    }

    /// Sends a command, and has a word follow while the node works on it.
    fn send(
        &mut self,
        node: &NodeName,
        course: Course,
        command: Command,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        self.forget(node);
        let fence = Fence {
            cluster: self.leader.cluster.clone(),
            incarnation: self.leader.incarnation,
            epoch: self.leader.epoch,
            rollout: course.rollout,
            nonce: course.nonce,
        };
        effects.push(Effect::Send(node.clone(), fence, command));
        let due = now.after(self.keep_alive);
        let turn = Turn::KeepAlive;
        self.set(
            node,
            Course {
                turn,
                due,
                ..course
            },
        );
    }

    /// Leaves a node alone for a while after a failure.
    fn rest(&mut self, node: &NodeName, course: Course, now: Moment) {
        if course.turn == Turn::Again {
            return;
        }
        let doubled = FIRST_REST.0.saturating_mul(1 << course.failures);
        let due = now.after(Span(doubled.min(LONGEST_REST.0)));
        self.forget(node);
        let failures = (course.failures + 1).min(DOUBLINGS);
        let turn = Turn::Again;
        self.set(
            node,
            Course {
                turn,
                failures,
                due,
                ..course
            },
        );
    }

    fn set(&mut self, node: &NodeName, course: Course) {
        self.due.insert((course.due, node.clone()));
        self.courses.insert(node.clone(), course);
    }

    fn forget(&mut self, node: &NodeName) {
        if let Some(course) = self.courses.remove(node) {
            self.due.remove(&(course.due, node.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use weft_model::message::{Pin, Progress};
    use weft_model::plan::digest::Digest;
    use weft_model::revision::{ClusterId, Epoch, Incarnation, RevisionId};

    use super::*;

    const LEASE: Lease = Lease {
        contact: Span(30_000),
        cap: Span(600_000),
    };

    fn node() -> NodeName {
        "n1".parse().unwrap()
    }

    fn at(rollout: u64, revision: u8) -> Confirmed {
        Confirmed {
            rollout: RolloutId(rollout),
            target: Target {
                revision: RevisionId(revision.into()),
                digest: Digest::from_bytes([revision; 32]),
            },
        }
    }

    fn new() -> CatchUps {
        let leader = Leader {
            cluster: ClusterId::from_bytes([1; 16]),
            incarnation: Incarnation(1),
            epoch: Epoch(5),
        };
        CatchUps::new(leader, LEASE, Span(5_000))
    }

    fn hello(confirmed: Confirmed, standing: Standing) -> Hello {
        Hello {
            pin: Some(Pin {
                cluster: ClusterId::from_bytes([1; 16]),
                incarnation: Incarnation(1),
            }),
            epoch: Epoch(4),
            confirmed,
            standing,
        }
    }

    fn holds(rollout: u64, revision: u8, progress: Progress) -> Standing {
        Standing::Unsettled {
            rollout: RolloutId(rollout),
            to: at(rollout, revision).target,
            progress,
        }
    }

    fn words(effects: &[Effect]) -> Vec<String> {
        let words = effects.iter().map(|effect| match effect {
            Effect::Send(_, fence, Command::CatchUp { to, .. }) => {
                format!("CatchUp({}) of {}", to.revision, fence.rollout)
            }
            Effect::Send(_, fence, command) => format!("{command:?} of {}", fence.rollout),
            Effect::Current(_, confirmed) => format!("has {}", confirmed.target.revision),
            Effect::Failed(_, faults) => format!("failed with {} faults", faults.len()),
            Effect::Quarantine(_, why) => format!("{why:?}"),
        });
        words.collect()
    }

    /// What is said to a node that connects, and whether it is then on its way.
    fn greeting(hello: Hello, held: Held, head: Confirmed) -> (Vec<String>, bool) {
        let mut courses = new();
        let effects = courses.step(&node(), Event::Hello { hello, held }, head, Moment(0));
        (words(&effects), courses.is_underway(&node()))
    }

    fn answer(
        courses: &mut CatchUps,
        rollout: u64,
        answer: Answer,
        head: Confirmed,
    ) -> Vec<String> {
        let fence = Fence {
            cluster: ClusterId::from_bytes([1; 16]),
            incarnation: Incarnation(1),
            epoch: Epoch(5),
            rollout: RolloutId(rollout),
            nonce: Nonce(1),
        };
        words(&courses.step(&node(), Event::Answer(fence, answer), head, Moment(0)))
    }

    #[test]
    fn each_node_hears_what_it_must_hear_first() {
        let idle = |confirmed| hello(confirmed, Standing::Settled);
        let with = |progress| hello(at(3, 1), holds(4, 2, progress));
        let head = at(6, 3);
        let say = |text: &str| (vec![text.to_owned()], true);
        let only = |text: &str| (vec![text.to_owned()], false);
        let nothing = (Vec::new(), false);
        let unknown = Held::Unknown;
        let mut foreign = idle(at(3, 1));
        foreign.pin = Some(Pin {
            cluster: ClusterId::from_bytes([2; 16]),
            incarnation: Incarnation(1),
        });
        let mut restored = idle(at(3, 1));
        restored.pin = Some(Pin {
            cluster: ClusterId::from_bytes([1; 16]),
            incarnation: Incarnation(0),
        });
        let mut outdated = idle(at(3, 1));
        outdated.pin = Some(Pin {
            cluster: ClusterId::from_bytes([1; 16]),
            incarnation: Incarnation(2),
        });
        let mut obeys_another = idle(at(3, 1));
        obeys_another.epoch = Epoch(6);
        let newcomer = Hello {
            pin: None,
            ..idle(Confirmed::default())
        };
        for (hello, held, expected) in [
            (newcomer, unknown, say("CatchUp(3) of 6")),
            (idle(at(6, 3)), unknown, only("has 3")),
            // A rollout that did not touch the node left its number as it was.
            (idle(at(3, 3)), unknown, only("has 3")),
            (idle(at(3, 1)), unknown, say("CatchUp(3) of 6")),
            (idle(at(7, 4)), unknown, only("Ahead")),
            (foreign, unknown, only("OtherCluster")),
            (restored, unknown, say("CatchUp(3) of 6")),
            (outdated, unknown, only("StoreOutdated")),
            (obeys_another, unknown, nothing.clone()),
            (with(Progress::Verified), Held::Undecided, nothing.clone()),
            (with(Progress::Stuck), Held::Aborted, nothing.clone()),
            (
                with(Progress::Verified),
                Held::Unknown,
                say("Rollback of 4"),
            ),
            (
                with(Progress::Verified),
                Held::Aborted,
                say("Rollback of 4"),
            ),
            (
                with(Progress::Prepared),
                Held::Aborted,
                say("Rollback of 4"),
            ),
            (
                with(Progress::Verified),
                Held::Committed,
                say("Confirm of 4"),
            ),
            (
                with(Progress::Reverted),
                Held::Committed,
                say("CatchUp(3) of 6"),
            ),
        ] {
            assert_eq!(
                greeting(hello.clone(), held, head),
                expected,
                "{hello:?} {held:?}"
            );
        }
        let same = greeting(with(Progress::Reverted), Held::Committed, at(4, 2));
        assert_eq!(same, say("Confirm of 4"));
    }

    #[test]
    fn a_node_that_holds_an_aborted_change_goes_back_and_then_to_the_head() {
        let mut courses = new();
        let head = at(6, 3);
        let hello = hello(at(3, 1), holds(4, 2, Progress::Verified));
        let held = Held::Aborted;
        let first = courses.step(&node(), Event::Hello { hello, held }, head, Moment(0));
        assert_eq!(words(&first), ["Rollback of 4"]);
        assert_eq!(
            answer(&mut courses, 4, Answer::RolledBack, head),
            ["CatchUp(3) of 6"]
        );
        assert_eq!(
            answer(&mut courses, 6, Answer::Verified, head),
            ["Confirm of 6"]
        );
        assert_eq!(answer(&mut courses, 6, Answer::Confirmed, head), ["has 3"]);
        assert_eq!(
            courses,
            CatchUps {
                commands: courses.commands,
                ..new()
            }
        );
    }

    #[test]
    fn a_node_that_is_to_go_back_is_not_confirmed_for_saying_that_its_change_is_true() {
        let mut courses = new();
        let head = at(6, 3);
        let hello = hello(at(6, 3), holds(7, 4, Progress::Verified));
        let held = Held::Aborted;
        courses.step(&node(), Event::Hello { hello, held }, head, Moment(0));
        let before = courses.clone();
        assert_eq!(answer(&mut courses, 7, Answer::Verified, head), [""; 0]);
        assert_eq!(courses, before);
        assert_eq!(answer(&mut courses, 7, Answer::RolledBack, head), ["has 3"]);
    }

    #[test]
    fn a_head_that_moves_meanwhile_is_followed() {
        let mut courses = new();
        courses.step(&node(), Event::Compare(at(3, 1)), at(6, 3), Moment(0));
        answer(&mut courses, 6, Answer::Verified, at(7, 4));
        let next = answer(&mut courses, 6, Answer::Confirmed, at(7, 4));
        assert_eq!(next, ["CatchUp(4) of 7"]);
    }

    #[test]
    fn a_node_that_works_hears_words_and_one_that_failed_is_left_alone_for_longer_each_time() {
        let mut courses = new();
        let head = at(6, 3);
        courses.step(&node(), Event::Compare(at(3, 1)), head, Moment(0));
        assert_eq!(words(&courses.tick(|_| head, Moment(4_999))), [""; 0]);
        assert_eq!(
            words(&courses.tick(|_| head, Moment(5_000))),
            ["KeepAlive of 6"]
        );
        let mut rests = Vec::new();
        for _ in 0..7 {
            let failed = answer(&mut courses, 6, Answer::Failed(Vec::new()), head);
            assert_eq!(failed, ["failed with 0 faults"]);
            let wake = courses.next_wake().unwrap();
            rests.push(wake.0);
            assert_eq!(words(&courses.tick(|_| head, wake)), ["CatchUp(3) of 6"]);
        }
        assert_eq!(
            rests,
            [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]
        );
    }

    #[test]
    fn a_node_that_failed_is_tried_again_with_the_head_as_it_is_then() {
        let mut courses = new();
        courses.step(&node(), Event::Compare(at(3, 1)), at(6, 3), Moment(0));
        // The head moves while the node is at work: it goes on with what it was told.
        let compare = Event::Compare(at(3, 1));
        let told = courses.step(&node(), compare.clone(), at(7, 4), Moment(0));
        assert_eq!(words(&told), [""; 0]);
        let failed = answer(&mut courses, 6, Answer::Failed(Vec::new()), at(7, 4));
        assert_eq!(failed, ["failed with 0 faults"]);
        let wake = courses.next_wake().unwrap();
        assert_eq!(
            words(&courses.tick(|_| at(7, 4), wake)),
            ["CatchUp(4) of 7"]
        );
        // And while it rests: it is tried at once, even back to what it has.
        answer(&mut courses, 7, Answer::Failed(Vec::new()), at(7, 4));
        let told = courses.step(&node(), compare, at(8, 1), wake);
        assert_eq!(words(&told), ["CatchUp(1) of 8"]);
        let next = answer(&mut courses, 8, Answer::Confirmed, at(8, 1));
        assert_eq!(next, ["has 1"]);
    }

    #[test]
    fn what_a_node_says_twice_is_answered_under_the_same_number() {
        let mut courses = new();
        let head = at(6, 3);
        courses.step(&node(), Event::Compare(at(3, 1)), head, Moment(0));
        assert_eq!(
            answer(&mut courses, 6, Answer::Verified, head),
            ["Confirm of 6"]
        );
        let before = courses.clone();
        assert_eq!(
            answer(&mut courses, 6, Answer::Verified, head),
            ["Confirm of 6"]
        );
        assert_eq!(
            answer(&mut courses, 6, Answer::RolledBack, head),
            ["CatchUp(3) of 6"]
        );
        assert_eq!(courses, before);
    }

    #[test]
    fn answers_to_others_and_of_lost_nodes_change_nothing() {
        let mut courses = new();
        let head = at(6, 3);
        courses.step(&node(), Event::Compare(at(3, 1)), head, Moment(0));
        let before = courses.clone();
        assert_eq!(answer(&mut courses, 5, Answer::Verified, head), [""; 0]);
        assert_eq!(courses, before);
        courses.step(&node(), Event::Lost, head, Moment(0));
        assert_eq!(answer(&mut courses, 6, Answer::Verified, head), [""; 0]);
        assert_eq!(courses.next_wake(), None);
    }
}
