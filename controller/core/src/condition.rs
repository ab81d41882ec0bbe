//! How things stand with an object: what holds of it, and how far each node is with it.
//!
//! # Guarantees
//! An object is said to be live on a node only if the node has confirmed the very plan that the
//! cluster's head has for it, and the object is in the head as it is in the draft. A node that is
//! not connected is never said to be anything but offline.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weft_model::name::{NodeName, VnetName, ZoneName};
use weft_model::note::Note;
use weft_model::object::{Kind, ObjectKey};
use weft_model::report::Fault;
use weft_model::revision::{RevisionId, Timestamp};
use weft_model::routing::Tally;

use crate::diff::Pending;

mod node;
mod topic;

mod sessions;

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Whether validation finds no error in the object.
    Valid,
    /// Whether the object is in the confirmed revision as it is in the draft.
    Published,
    /// Whether every node that should carry the object does.
    Live,
    /// Of a node: whether its agent is connected.
    Connected,
    /// Of what routing sessions carry: whether those of its nodes are up.
    SessionsUp,
}

impl Topic {
    /// The word that clients show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "Valid",
            Self::Published => "Published",
            Self::Live => "Live",
            Self::Connected => "Connected",
            Self::SessionsUp => "SessionsUp",
        }
    }
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Nobody can tell at present.
    Unknown,
}

impl Truth {
    /// The word that clients show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// Something that holds of an object, does not hold, or is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What it is about.
    pub topic: Topic,
    /// Whether it holds.
    pub status: Truth,
    /// One word why.
    pub reason: &'static str,
    /// The same for people.
    pub message: String,
    /// The confirmed revision at which it was found so.
    pub observed: RevisionId,
    /// When the status last changed.
    pub last_transition: Timestamp,
}

/// How far one node is with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeState {
    /// The node has confirmed it.
    Live,
    /// Nothing has begun, or the node has yet to catch up.
    Pending,
    /// The node checks the change; nothing is changed.
    Preparing,
    /// The change is made and waits to be confirmed.
    Applied,
    /// The node would not make the change.
    Refused,
    /// The node could not make the change.
    Failed,
    /// The node went back to what it had confirmed.
    Reverted,
    /// The node's agent is not connected.
    Offline,
}

impl NodeState {
    /// The word that clients show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "Live",
            Self::Pending => "Pending",
            Self::Preparing => "Preparing",
            Self::Applied => "Applied",
            Self::Refused => "Refused",
            Self::Failed => "Failed",
            Self::Reverted => "Reverted",
            Self::Offline => "Offline",
        }
    }
}

/// What is known of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeView {
    /// Whether its agent is connected.
    pub connected: bool,
    /// The revision that it last confirmed.
    pub confirmed: RevisionId,
    /// Whether the plan that it confirmed is, by digest, the one that the head has for it.
    pub at_head: bool,
    /// How far it is, or was, with the rollout that is active or was the last.
    pub stage: Stage,
    /// What its routing sessions come to, as its agent said on the present stream.
    pub sessions: Option<Arc<Tally>>,
}

/// How far a node is with a rollout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// It takes part in none, or is through with it.
    #[default]
    None,
    /// It checks, or has checked, the change.
    Preparing,
    /// It makes, or has made, the change.
    Applied,
    /// It would not.
    Refused(Vec<Fault>),
    /// It could not.
    Failed(Vec<Fault>),
    /// It went back by itself or because it was told to.
    Reverted,
}

/// All that is known of one object.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The object.
    pub key: &'a ObjectKey,
    /// The zone and vnet that it belongs to, as far as it does: what faults are told apart by.
    pub zone: Option<&'a ZoneName>,
    /// See `zone`.
    pub vnet: Option<&'a VnetName>,
    /// How the draft differs from the head.
    pub pending: Option<Pending>,
    /// What validation found in the draft; of all objects.
    pub notes: &'a [Note],
    /// The confirmed revision.
    pub head: RevisionId,
    /// The nodes that should carry the object.
    pub carriers: &'a BTreeSet<NodeName>,
    /// What is known of nodes.
    pub nodes: &'a BTreeMap<NodeName, NodeView>,
    /// Whether routing sessions carry the object.
    pub is_routed: bool,
}

/// How things stand with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// How the draft differs from the head.
    pub pending: Option<Pending>,
    /// What holds and what does not.
    pub conditions: Vec<Condition>,
    /// The nodes that should carry the object, in the order of their names.
    pub nodes: Vec<NodeStatus>,
}

/// How things stand with an object on one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// The node.
    pub node: NodeName,
    /// How far it is.
    pub state: NodeState,
    /// Why, where there is a reason.
    pub message: String,
    /// The revision that it last confirmed.
    pub confirmed: RevisionId,
}

impl Status {
    /// How many nodes should carry the object.
    pub fn wanted(&self) -> usize {
        self.nodes.len()
    }

    /// On how many of them it is live.
    pub fn live(&self) -> usize {
        let live = self.nodes.iter().filter(|it| it.state == NodeState::Live);
        live.count()
    }
}

/// How things stand with an object now. `before` are its conditions when last asked: what has not
/// changed since keeps the time of its transition.
pub fn status(view: &View<'_>, before: &[Condition], now: Timestamp) -> Status {
    let nodes: Vec<_> = view
        .carriers
        .iter()
        .map(|node| node::status(view, node))
        .collect();
    let mut conditions = vec![
        topic::valid(view),
        topic::published(view),
        topic::live(view, &nodes),
    ];
    if view.key.kind == Kind::Node {
        conditions.push(topic::connected(view));
    }
    conditions.extend(sessions::up(view));
    let conditions = conditions
        .into_iter()
        .map(|found| {
            let same = |it: &&Condition| it.topic == found.topic && it.status == found.status;
            let last_transition = before
                .iter()
                .find(same)
                .map_or(now, |it| it.last_transition);
            Condition {
                topic: found.topic,
                status: found.status,
                reason: found.reason,
                message: found.message,
                observed: view.head,
                last_transition,
            }
        })
        .collect();
    Status {
        pending: view.pending,
        conditions,
        nodes,
    }
}

#[cfg(test)]
mod tests;
