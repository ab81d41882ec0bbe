//! Agents that come, speak and go.

use std::sync::Arc;

use tokio::sync::oneshot;
use tracing::{error, info, warn};
use weft_core::rollout::catchup::{Effect, Event as CatchUpEvent};
use weft_core::rollout::event::Event;
use weft_core::rollout::welcome::Held;
use weft_model::message::{Answer, Confirmed, Fence, Standing};
use weft_model::name::NodeName;
use weft_model::report::Fault;
use weft_proto::v1;

use super::Term;
use crate::engine::clock::wall_clock;
use crate::engine::port::{Arrival, Outbox, Session, SessionId, Word};
use crate::engine::refusal::Refusal;

impl Term {
    pub(super) fn arrive(
        &mut self,
        arrival: Arrival,
        outbox: Outbox,
        reply: oneshot::Sender<Result<Session, Refusal>>,
    ) {
        let node = arrival.node.clone();
        let welcome = v1::Welcome {
            cluster: self.leader.cluster.to_string(),
            incarnation: self.leader.incarnation.0,
            epoch: self.leader.epoch.0,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let now = wall_clock();
        let session = self.parts.board.write(|state| {
            let replaced = state.roster.is_connected(&node);
            let session = state.roster.arrive(&arrival, outbox, now);
            let message = v1::down::Message::Welcome(welcome);
            state.roster.send(
                &node,
                v1::Down {
                    message: Some(message),
                },
            );
            (session, replaced)
        });
        let (session, replaced) = session;
        let id = session.id;
        info!(node = %node, version = arrival.version, revision = %arrival.hello.confirmed.target.revision,
            "agent connected");
        if reply.send(Ok(session)).is_err() {
            self.leave(&node, id);
            return;
        }
        if replaced {
            self.lost(&node);
        }
        if self.leaves_alone(&node, &arrival.hello) {
            return;
        }
        if self.takes_part(&node) {
            self.step(Event::Hello(node, arrival.hello));
            return;
        }
        match arrival.hello.standing {
            Standing::Settled => self.greet(&node, id, Held::Unknown),
            Standing::Unsettled { rollout, .. } => self.secretary.look_up(node, id, rollout),
        }
    }

    /// Says to a node that is no participant what it should do, once it is known what was decided
    /// of the change that it may hold.
    pub(super) fn greet(&mut self, node: &NodeName, session: SessionId, held: Held) {
        let hello = self.parts.board.read(|state| {
            let place = state.roster.get(node)?;
            place.is_on(session).then(|| place.hello())
        });
        // A rollout may have begun with the node while the store was asked.
        if let Some(hello) = hello
            && !self.takes_part(node)
        {
            self.catch_up(node, CatchUpEvent::Hello { hello, held });
        }
    }

    pub(super) fn hear(&mut self, node: &NodeName, session: SessionId, word: Word) {
        let now = wall_clock();
        if !self
            .parts
            .board
            .write(|state| state.roster.hear(node, session, now))
        {
            return;
        }
        match word {
            Word::Answer(fence, answer) => self.heard(node, fence, answer),
            Word::Event(event) => {
                info!(node = %node, reason = event.kind.as_str(), message = event.message, "event");
                let event = Arc::new(event);
                self.parts
                    .board
                    .write(|state| state.roster.note(node, &event));
                self.parts.board.tell(node, &event);
            }
            Word::WantPlan(nonce) => self.send_whole(node, nonce),
            Word::Routing(routing) => self
                .parts
                .board
                .write(|state| state.roster.route(node, *routing)),
        }
    }

    fn heard(&mut self, node: &NodeName, fence: Fence, answer: Answer) {
        self.chronicle(node, fence.rollout, &answer);
        self.note_settled(node, &fence, &answer);
        if self.takes_part(node) {
            self.step(Event::Answer(node.clone(), fence, answer));
        } else {
            self.catch_up(node, CatchUpEvent::Answer(fence, answer));
        }
    }

    /// Keeps in mind what a node confirmed in the rollout, for the next one, and for people.
    fn note_settled(&mut self, node: &NodeName, fence: &Fence, answer: &Answer) {
        let confirmed = self.parts.board.read(|state| {
            let course = state.course.as_ref()?;
            if course.record().id != fence.rollout || !course.has(node) {
                return None;
            }
            match answer {
                Answer::Confirmed if course.is_committed() => Some(Confirmed {
                    rollout: fence.rollout,
                    target: course.target(node),
                }),
                Answer::RolledBack => state.roster.get(node).map(|place| place.confirmed()),
                Answer::Confirmed
                | Answer::Prepared(_)
                | Answer::Refused(_)
                | Answer::Alive
                | Answer::Verified
                | Answer::Failed(_) => None,
            }
        });
        if let Some(confirmed) = confirmed {
            self.note_confirmed(node, confirmed);
        }
    }

    pub(super) fn leave(&mut self, node: &NodeName, session: SessionId) {
        if self
            .parts
            .board
            .write(|state| state.roster.leave(node, session))
        {
            info!(node = %node, "agent gone");
            self.lost(node);
        }
    }

    pub(super) fn lost(&mut self, node: &NodeName) {
        if self.takes_part(node) {
            self.step(Event::Lost(node.clone()));
        } else {
            self.catch_up(node, CatchUpEvent::Lost);
        }
    }

    pub(super) fn catch_up(&mut self, node: &NodeName, event: CatchUpEvent) {
        let head = self.head();
        let wanted = Confirmed {
            rollout: head.rollout,
            target: head.target(node),
        };
        let effects = self.catchups.step(node, event, wanted, self.clock.now());
        self.carry_out_catchups(effects);
    }

    pub(super) fn tick_catchups(&mut self) {
        let head = self.head();
        let wanted = |node: &NodeName| Confirmed {
            rollout: head.rollout,
            target: head.target(node),
        };
        let effects = self.catchups.tick(wanted, self.clock.now());
        self.carry_out_catchups(effects);
    }

    fn carry_out_catchups(&mut self, effects: Vec<Effect>) {
        let mut sent = Vec::new();
        for effect in effects {
            match effect {
                Effect::Send(node, fence, command) => sent.push((node, fence, command)),
                Effect::Current(node, confirmed) => {
                    info!(node = %node, revision = %confirmed.target.revision, "node is current");
                    self.came_back(&node, confirmed.target.revision);
                    self.note_confirmed(&node, confirmed);
                }
                Effect::Failed(node, faults) => {
                    warn!(node = %node, fault = faults.first().map(ToString::to_string),
                        "node could not be brought to the confirmed revision");
                    self.parts
                        .board
                        .write(|state| state.roster.blame(&node, faults));
                }
                Effect::Quarantine(node, why) => {
                    error!(node = %node, reason = why.words(), "node is left alone");
                    let fault = Fault {
                        origin: None,
                        attempt: format!("cannot take node {node} in"),
                        cause: why.words().to_owned(),
                        advice: String::new(),
                    };
                    self.parts
                        .board
                        .write(|state| state.roster.blame(&node, vec![fault]));
                }
            }
        }
        self.send_all(sent);
    }

    /// Whether a node is a participant of the rollout that runs.
    fn takes_part(&self, node: &NodeName) -> bool {
        self.parts.board.read(|state| {
            let course = state.course.as_ref();
            course.is_some_and(|course| !course.is_closed() && course.has(node))
        })
    }
}
