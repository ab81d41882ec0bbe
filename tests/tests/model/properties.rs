//! What must always be so, and what must be possible.

use stateright::Property;
use weft_core::rollout::record::{Decision, Phase, Reason};
use weft_model::message::Progress;
use weft_model::name::NodeName;
use weft_model::revision::Epoch;
use weft_node::session::journal::State;

use super::setup::{SECOND, Setup, name, new};
use super::world::{Job, Kernel, Node, Saga, World};

pub const S1: &str = "S1 there are never both decisions";
pub const S2: &str = "S2 no node is touched before applying is durable";
pub const S3: &str = "S3 the head moves with the commit and only then";
pub const S4: &str = "S4 closed means final everywhere, or named";
pub const S5: &str = "S5 no node ends against the decision";
pub const S6: &str = "S6 a mixed kernel has an armed journal";
pub const S7: &str = "S7 what runs is armed or confirmed";
pub const S8: &str = "S8 every participant runs the new revision when it is committed";
pub const S9: &str = "S9 the plans that a journal names are on disk";
pub const ALONE: &str = "S10 a node left out holds nothing of a rollout that is not committed";
pub const TO_HEAD: &str = "S11 a node that is alone is told to go to the head";
pub const OWN_FAULT: &str = "S12 only a participant's failure aborts a rollout";
pub const STUCK_STAYS: &str = "S13 a node that cannot go back is left as it is";
pub const PERSON: &str = "S14 where a person decides, no commit is without";
pub const PAUSED: &str = "S15 a paused rollout tells no further node to apply";

pub const WORD: &str = "S17 what a person confirmed does not end for want of it";
pub const KNOWN: &str = "S16 no node is strange to its leader";

pub const ALWAYS: [&str; 17] = [
    S1,
    S2,
    S3,
    S4,
    S5,
    S6,
    S7,
    S8,
    S9,
    ALONE,
    TO_HEAD,
    OWN_FAULT,
    STUCK_STAYS,
    PERSON,
    PAUSED,
    KNOWN,
    WORD,
];

pub const COMMIT: &str = "a rollout is committed and closed";
pub const ABORT: &str = "a rollout is aborted and closed";
pub const RETURN: &str = "a node that went back catches up with the commit";
pub const SUCCESSOR: &str = "the second leader commits";
pub const NAMED: &str = "a rollout closes without a node, which then ends as decided";
pub const DEFERRED: &str = "a node left out follows the commit";
pub const DEGRADED: &str = "a node that could not catch up does so later";
pub const UNDISTURBED: &str = "a second rollout commits while a node cannot catch up";
pub const TWO: &str = "a second rollout commits after a first that did";
pub const ANEW: &str = "a second rollout commits after a first that did not";
pub const STUCK: &str = "a rollout closes and names a node that is stuck";
pub const RESCUED: &str = "a node that was stuck ends as decided after a person had it try again";
pub const NOBODY: &str = "nobody confirms in time, and all is undone";
pub const PAUSE: &str = "a rollout that was paused under another leader goes on and commits";

pub fn all() -> Vec<Property<Setup>> {
    let mut all = always();
    all.extend(reached());
    all
}

fn always() -> Vec<Property<Setup>> {
    vec![
        Property::always(S1, |_, world: &World| {
            sagas(world, |saga| !(saga.committed && saga.aborted))
        }),
        Property::always(S2, |_, world: &World| {
            sagas(world, |saga| {
                let preparing = matches!(saga.record.phase, Phase::Preparing);
                !preparing || !world.nodes.iter().any(|node| is_touched(node, saga))
            })
        }),
        Property::always(S3, |_, world: &World| {
            let committed = world.store.sagas.iter().rfind(|saga| saga.committed);
            match committed {
                None => world.store.head.rollout.0 == 0,
                Some(saga) => {
                    let head = world.store.head;
                    (head.rollout, head.target) == (saga.id(), saga.to)
                }
            }
        }),
        Property::always(S4, |_, world: &World| {
            sagas(world, |saga| match &saga.record.phase {
                Phase::Closed {
                    decision,
                    unsettled,
                } => nodes(world).all(|(name, node)| {
                    !saga.takes_part(&name)
                        || unsettled.contains(&name)
                        || is_final(node, saga, *decision == Decision::Commit)
                }),
                Phase::Preparing
                | Phase::Applying { .. }
                | Phase::Committed
                | Phase::Aborted(_) => true,
            })
        }),
        Property::always(S5, |_, world: &World| {
            sagas(world, |saga| {
                nodes(world).all(|(name, node)| match ending(node, saga) {
                    Some(true) => saga.committed,
                    Some(false) => !saga.committed || !saga.takes_part(&name),
                    None => true,
                })
            })
        }),
        Property::always(S6, |_, world: &World| {
            let mut nodes = world.nodes.iter();
            nodes.all(|node| node.kernel != Kernel::Mixed || is_armed(node))
        }),
        Property::always(S7, |_, world: &World| {
            world.nodes.iter().all(|node| match node.kernel {
                Kernel::Empty | Kernel::Mixed => true,
                Kernel::Runs(plan) => plan == node.disk.confirmed.target.digest || is_armed(node),
            })
        }),
        Property::always(S8, |_, world: &World| world.store.sound),
        Property::always(S9, |_, world: &World| {
            world.nodes.iter().all(|node| {
                let change = node.disk.state.change();
                let in_hand = change.map(|change| change.to.digest);
                let confirmed = node.disk.confirmed.target.digest;
                let mut named = in_hand.into_iter().chain([confirmed]);
                named.all(|plan| node.plans.contains(&plan))
            })
        }),
        Property::always(ALONE, |_, world: &World| {
            sagas(world, |saga| {
                saga.committed
                    || nodes(world).all(|(name, node)| {
                        saga.takes_part(&name) || node.holds() != Some(saga.id())
                    })
            })
        }),
        Property::always(TO_HEAD, |_, world: &World| !world.store.strayed),
        Property::always(OWN_FAULT, |_, world: &World| {
            sagas(world, |saga| match saga.record.phase.decision() {
                Some(Decision::Abort(
                    Reason::Refused { node, .. }
                    | Reason::Failed { node, .. }
                    | Reason::Lost { node }
                    | Reason::Unprepared { node, .. },
                )) => saga.takes_part(&node),
                Some(
                    Decision::Commit
                    | Decision::Abort(Reason::User { .. } | Reason::Unconfirmed { .. }),
                )
                | None => true,
            })
        }),
        Property::always(STUCK_STAYS, |_, world: &World| {
            let stuck = |node: &Node| matches!(node.disk.state, State::Stuck { .. });
            world.nodes.iter().all(|node| {
                let upkeep = node.session.as_ref().and_then(|session| session.upkeep());
                !stuck(node) || (node.job == Job::None && upkeep.is_none())
            })
        }),
        Property::always(PERSON, |setup: &Setup, world: &World| {
            let said = |saga: &Saga| saga.confirmed && saga.word;
            !setup.manual || sagas(world, |saga| said(saga) || !saga.committed)
        }),
        Property::always(WORD, |_, world: &World| {
            sagas(world, |saga| !(saga.word && is_unconfirmed(saga)))
        }),
        Property::always(PAUSED, |_, world: &World| !world.store.rushed),
        Property::always(KNOWN, |_, world: &World| !world.store.strange),
    ]
}

fn reached() -> Vec<Property<Setup>> {
    vec![
        Property::sometimes(COMMIT, |_, world: &World| {
            any(world, |saga| saga.is_closed() && saga.committed)
        }),
        Property::sometimes(ABORT, |_, world: &World| {
            any(world, |saga| saga.is_closed() && saga.aborted)
        }),
        Property::sometimes(RETURN, |_, world: &World| {
            let late = |node: &Node| node.went_back && node.disk.confirmed.target == new();
            world.nodes.iter().any(|node| late(node))
        }),
        Property::sometimes(SUCCESSOR, |_, world: &World| {
            any(world, |saga| saga.committed_by == Epoch(2))
        }),
        Property::sometimes(NAMED, |_, world: &World| {
            any(world, |saga| {
                nodes(world).any(|(name, node)| is_named(saga, &name) && ended(node, saga))
            })
        }),
        Property::sometimes(DEFERRED, |_, world: &World| {
            any(world, |saga| {
                nodes(world).any(|(name, node)| {
                    !saga.takes_part(&name) && node.disk.confirmed.rollout == saga.id()
                })
            })
        }),
        Property::sometimes(DEGRADED, |_, world: &World| {
            let head = world.store.head;
            let mut nodes = world.nodes.iter();
            nodes.any(|node| node.degraded && node.disk.confirmed == head)
        }),
        Property::sometimes(UNDISTURBED, |_, world: &World| {
            any(world, |saga| {
                saga.id() == SECOND
                    && saga.committed
                    && nodes(world).any(|(name, node)| node.degraded && !saga.takes_part(&name))
            })
        }),
        Property::sometimes(TWO, |_, world: &World| {
            world.store.sagas.len() == 2
                && sagas(world, |saga| saga.committed && saga.is_closed())
                && nodes(world).all(|(_, node)| node.disk.confirmed == world.store.head)
        }),
        Property::sometimes(ANEW, |_, world: &World| {
            world.store.last().committed && any(world, |saga| saga.aborted)
        }),
        Property::sometimes(STUCK, |_, world: &World| {
            let stuck = |node: &Node| node.progress() == Some(Progress::Stuck);
            any(world, |saga| {
                nodes(world).any(|(name, node)| is_named(saga, &name) && stuck(node))
            })
        }),
        Property::sometimes(RESCUED, |_, world: &World| {
            any(world, |saga| {
                world
                    .nodes
                    .iter()
                    .any(|node| node.retried && ended(node, saga))
            })
        }),
        Property::sometimes(NOBODY, |_, world: &World| {
            any(world, |saga| saga.is_closed() && is_unconfirmed(saga))
        }),
        Property::sometimes(PAUSE, |_, world: &World| {
            let paused = world
                .leaders
                .first()
                .is_some_and(|leader| leader.pauses > 0);
            let resumed = world.leaders.len() > 1;
            let late = any(world, |saga| saga.committed_by == Epoch(2));
            paused && resumed && late
        }),
    ]
}

fn sagas(world: &World, holds: impl Fn(&Saga) -> bool) -> bool {
    world.store.sagas.iter().all(holds)
}

fn any(world: &World, is: impl Fn(&Saga) -> bool) -> bool {
    world.store.sagas.iter().any(is)
}

fn nodes(world: &World) -> impl Iterator<Item = (NodeName, &Node)> {
    let nodes = world.nodes.iter().enumerate();
    nodes.map(|(place, node)| (name(place), &**node))
}

/// The node's kernel has something of the rollout, or may have.
fn is_touched(node: &Node, saga: &Saga) -> bool {
    let own = node.holds() == Some(saga.id());
    let plain = node.disk.confirmed.target.digest != saga.to.digest;
    match node.kernel {
        Kernel::Empty => false,
        Kernel::Mixed => own || node.holds().is_none(),
        Kernel::Runs(plan) => plan == saga.to.digest && plain && (own || node.holds().is_none()),
    }
}

/// How the rollout ended on the node, as far as the node can know: kept, or not.
fn ending(node: &Node, saga: &Saga) -> Option<bool> {
    let confirmed = node.disk.confirmed.rollout;
    if confirmed == saga.id() {
        Some(true)
    } else {
        let over = node.is_settled() && node.disk.tombstone == saga.id();
        (over && confirmed < saga.id()).then_some(false)
    }
}

/// The node has nothing of the rollout in hand, and what was decided.
fn is_final(node: &Node, saga: &Saga, on_new: bool) -> bool {
    let confirmed = node.disk.confirmed.rollout;
    let as_decided = if on_new {
        confirmed >= saga.id()
    } else {
        confirmed != saga.id()
    };
    node.holds() != Some(saga.id()) && as_decided
}

fn ended(node: &Node, saga: &Saga) -> bool {
    saga.is_closed() && node.is_settled() && ending(node, saga) == Some(saga.committed)
}

/// The rollout was aborted because nobody confirmed it.
fn is_unconfirmed(saga: &Saga) -> bool {
    let decision = saga.record.phase.decision();
    matches!(decision, Some(Decision::Abort(Reason::Unconfirmed { .. })))
}

fn is_named(saga: &Saga, node: &NodeName) -> bool {
    match &saga.record.phase {
        Phase::Closed { unsettled, .. } => unsettled.contains(node),
        Phase::Preparing | Phase::Applying { .. } | Phase::Committed | Phase::Aborted(_) => false,
    }
}

fn is_armed(node: &Node) -> bool {
    match node.progress() {
        None | Some(Progress::Prepared | Progress::Reverted) => false,
        Some(Progress::Armed | Progress::Verified | Progress::Reverting | Progress::Stuck) => true,
    }
}
