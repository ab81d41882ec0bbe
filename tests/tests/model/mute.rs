//! Messages that can never again have an effect, and parts of messages that never had one. Taking
//! them out leaves fewer states to visit and the same things to find.

use weft_core::rollout::record::Phase;
use weft_model::message::{Answer, Fence};
use weft_model::report::Fault;
use weft_model::revision::Nonce;

use super::act::index;
use super::setup::{Bug, Setup};
use super::world::{Message, World};

impl Setup {
    /// Takes out what can never again have an effect: answers that a leader is past, since its
    /// phase never goes back, and commands of a leader that a node has seen deposed.
    pub(super) fn forget_the_mute(&self, world: &mut World) {
        if self.bug != Bug::None {
            return;
        }
        let World {
            net,
            leaders,
            nodes,
            ..
        } = world;
        let alone = self.has_catch_ups();
        let counts = |message: &Message| match message {
            Message::Up(_, fence, answer) => index(fence.epoch)
                .and_then(|leader| leaders.get(leader))
                .is_some_and(|leader| {
                    let record = leader.rollout.record();
                    let past = record.id > fence.rollout;
                    (alone && is_heard_alone(answer)) || (!past && is_heard(&record.phase, answer))
                }),
            Message::Down(node, fence, _) => fence.epoch >= nodes[*node].disk.epoch,
        };
        if !net.iter().all(|message| counts(message)) {
            net.retain(|message| counts(message));
        }
    }
}

/// An answer, without what the leader's machine does not look at: the nonce of an answer that is
/// no acknowledgement, and the words of a fault.
pub(super) fn up(node: usize, fence: Fence, answer: Answer) -> Message {
    let unnumbered = Fence {
        nonce: Nonce(0),
        ..fence.clone()
    };
    let plain = |faults: Vec<Fault>| faults.first().map(|_| fault()).into_iter().collect();
    match answer {
        Answer::Alive | Answer::Verified => Message::Up(node, fence, answer),
        Answer::Prepared(_) | Answer::Confirmed | Answer::RolledBack => {
            Message::Up(node, unnumbered, answer)
        }
        Answer::Refused(faults) => Message::Up(node, unnumbered, Answer::Refused(plain(faults))),
        Answer::Failed(faults) => Message::Up(node, unnumbered, Answer::Failed(plain(faults))),
    }
}

/// Whether a leader in this phase, or a later one, may still make something of an answer.
pub(super) fn is_heard(phase: &Phase, answer: &Answer) -> bool {
    match (phase, answer) {
        (Phase::Preparing, _)
        | (
            Phase::Applying { .. },
            Answer::Refused(_)
            | Answer::Alive
            | Answer::Verified
            | Answer::Failed(_)
            | Answer::Confirmed
            | Answer::RolledBack,
        )
        | (Phase::Committed, Answer::Verified | Answer::Failed(_) | Answer::Confirmed)
        | (Phase::Aborted(_), Answer::Failed(_) | Answer::RolledBack) => true,
        (
            Phase::Applying { .. } | Phase::Committed | Phase::Aborted(_) | Phase::Closed { .. },
            _,
        ) => false,
    }
}

/// Whether a leader may ever make something of an answer of a node that follows the head alone.
fn is_heard_alone(answer: &Answer) -> bool {
    match answer {
        Answer::Prepared(_) | Answer::Alive => false,
        Answer::Refused(_)
        | Answer::Verified
        | Answer::Failed(_)
        | Answer::Confirmed
        | Answer::RolledBack => true,
    }
}

pub(super) fn fault() -> Fault {
    Fault {
        origin: None,
        attempt: String::new(),
        cause: String::new(),
        advice: String::new(),
    }
}
