//! Bringing single nodes to the head: those that were away, were deferred, or went back of
//! themselves after the decision.
//!
//! # Guarantees
//! A node that holds an unsettled change first hears what was decided of it; then it is driven to
//! the head, and never to anything between. What fails on one node concerns that node only.
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
use super::welcome::{Held, Strangeness, Welcome, settled, welcome};

/// How long a node that failed is left alone at first; each failure more doubles it.
const FIRST_REST: Span = Span::from_secs(10);

/// A node is never left alone for longer: whoever mends it wants to see it work.
const LONGEST_REST: Span = Span::from_secs(300);

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
                self.follow(
                    node,
                    hello.confirmed,
                    hello.standing,
                    next,
                    now,
                    &mut effects,
                );
            }
            Event::Compare(confirmed) => {
                if !self.courses.contains_key(node) {
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

    /// Does what the time has come for.
    pub fn tick(&mut self, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        while self.due.first().is_some_and(|(due, _)| *due <= now) {
            let Some((_, node)) = self.due.pop_first() else {
                break;
            };
            let Some(course) = self.courses.remove(&node) else {
                continue;
            };
            let command = match course.turn {
                Turn::KeepAlive => Command::KeepAlive,
                Turn::Again => course.command.clone(),
            };
            self.send(&node, course, command, now, &mut effects);
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
            Answer::Prepared { .. } | Answer::Alive => {}
            Answer::Verified => {
                self.forget(node);
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

    /// A node is settled with `confirmed`: it has arrived, or goes on.
    fn arrive(
        &mut self,
        node: &NodeName,
        confirmed: Confirmed,
        head: Confirmed,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        self.forget(node);
        let next = settled(head, self.lease, confirmed);
        self.follow(node, confirmed, Standing::Settled, next, now, effects);
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
        self.commands += 1;
        let fence = Fence {
            cluster: self.leader.cluster.clone(),
            incarnation: self.leader.incarnation,
            epoch: self.leader.epoch,
            rollout: course.rollout,
            nonce: Nonce(self.commands),
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
        let doubled = FIRST_REST.0.saturating_mul(1 << course.failures.min(16));
        let due = now.after(Span(doubled.min(LONGEST_REST.0)));
        self.forget(node);
        let failures = course.failures + 1;
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
