//! What is durable of a rollout, and how it may be changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use weft_model::clock::Span;
use weft_model::name::NodeName;
use weft_model::report::Fault;
use weft_model::revision::{ClusterId, Epoch, Incarnation, RevisionId, RolloutId, Timestamp};

use super::policy::Policy;

/// A leader: everything it writes and sends carries this.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leader {
    /// Its cluster.
    pub cluster: ClusterId,
    /// The store's incarnation.
    pub incarnation: Incarnation,
    /// The create revision of its election key.
    pub epoch: Epoch,
}

/// A rollout as it is stored under `rollout/<id>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// Its number.
    pub id: RolloutId,
    /// The revision that the cluster comes from: the head while the rollout is undecided.
    pub from: RevisionId,
    /// The revision that the cluster goes to.
    pub to: RevisionId,
    /// Every node whose plan changes, with its wave. Fixed for ever.
    pub participants: BTreeMap<NodeName, u32>,
    /// Nodes whose plan changes but that were not there; they catch up when they return.
    pub deferred: BTreeSet<NodeName>,
    /// How it is to go.
    pub policy: Policy,
    /// Who started it.
    pub author: String,
    /// Why.
    pub message: String,
    /// When.
    pub started: Timestamp,
    /// When it was decided.
    pub decided: Option<Timestamp>,
    /// What a person said of it, and how long it has waited for that.
    #[serde(default, skip_serializing_if = "Consent::is_empty")]
    pub consent: Consent,
    /// Where it stands.
    pub phase: Phase,
    /// The write that made it what it is.
    pub attempt: Attempt,
}

/// What a person said of a rollout that is theirs to confirm, and how long it has waited for that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Consent {
    /// Who confirmed. It outlives the leader that was told: the next one decides by it as soon as
    /// every node is verified again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Given>,
    /// How much of the person's time had surely passed when this was written. The next leader goes
    /// on from here, so that the time ends however often leaders change.
    #[serde(default)]
    pub waited: Span,
}

/// A person's word for a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Given {
    /// Who.
    pub author: String,
    /// When.
    pub at: Timestamp,
}

impl Consent {
    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Names one write for ever, so that one whose reply was lost can be found to have won or not.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attempt {
    /// The leader that wrote.
    pub epoch: Epoch,
    /// Counts this leader's writes.
    pub number: u64,
}

/// Where a rollout stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Phase {
    /// Nodes check and stage; nothing changes anywhere.
    Preparing,
    /// Nodes may change, unconfirmed.
    Applying {
        /// No further node is told to apply.
        paused: bool,
    },
    /// Decided: the change is kept. Nodes are being told.
    Committed,
    /// Decided: the change is off. Nodes are being told.
    Aborted(Reason),
    /// Over.
    Closed {
        /// How.
        decision: Decision,
        /// Participants that had not acknowledged the decision.
        unsettled: BTreeSet<NodeName>,
    },
}

/// How a rollout was decided.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Decision {
    /// The change is kept.
    Commit,
    /// The change is off.
    Abort(Reason),
}

/// Why a rollout was aborted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Reason {
    /// A person wanted it.
    User {
        /// Who.
        author: String,
    },
    /// A node cannot make the change; it was found before anything was changed.
    Refused {
        /// The node.
        node: NodeName,
        /// Why.
        faults: Vec<Fault>,
    },
    /// A node could not make the change, or could not keep it.
    Failed {
        /// The node.
        node: NodeName,
        /// Why.
        faults: Vec<Fault>,
    },
    /// A node was not heard of for so long that it may have gone back.
    Lost {
        /// The node.
        node: NodeName,
    },
    /// Not every node had prepared in time.
    Unprepared {
        /// One that had not.
        node: NodeName,
        /// How many had not.
        count: u32,
        /// The time that they had.
        within: Span,
    },
    /// Nobody confirmed in time.
    Unconfirmed {
        /// The time there was.
        within: Span,
    },
}

/// A change of the stored rollout: whole or not at all, only while the writer leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Transaction {
    /// What the rollout becomes.
    pub record: Record,
    /// The write that the stored record must be of; compare its mod revision.
    pub replaces: Attempt,
    /// What else changes with it.
    pub deed: Deed,
}

/// What changes together with a rollout's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deed {
    /// Nothing but the phase.
    Turn,
    /// `head` must be `from` and becomes `to`, of this rollout.
    MoveHead,
    /// `rollout/active` is deleted.
    Release,
}

impl Phase {
    /// What has been decided.
    pub fn decision(&self) -> Option<Decision> {
        match self {
            Self::Preparing | Self::Applying { .. } => None,
            Self::Committed => Some(Decision::Commit),
            Self::Aborted(reason) => Some(Decision::Abort(reason.clone())),
            Self::Closed { decision, .. } => Some(decision.clone()),
        }
    }
}

impl Record {
    /// Assigns waves in the order of the participants, which the caller may choose.
    pub fn assign(policy: &Policy, nodes: &[NodeName]) -> BTreeMap<NodeName, u32> {
        let count = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
        nodes.iter().cloned().zip(policy.assign(count)).collect()
    }

    /// How many waves there are.
    pub fn waves(&self) -> usize {
        let last = self.participants.values().max();
        last.map_or(0, |last| *last as usize + 1)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User { author } => write!(f, "aborted by {author}"),
            Self::Refused { node, faults } => {
                write!(f, "node {node} refuses: {}", Faults(faults))
            }
            Self::Failed { node, faults } => write!(f, "node {node} failed: {}", Faults(faults)),
            Self::Lost { node } => write!(f, "contact with node {node} was lost"),
            Self::Unprepared {
                node,
                count: 1,
                within,
            } => write!(f, "node {node} did not prepare within {within}"),
            Self::Unprepared {
                node,
                count,
                within,
            } => write!(
                f,
                "{count} nodes did not prepare within {within}, {node} among them"
            ),
            Self::Unconfirmed { within } => write!(f, "nobody confirmed within {within}"),
        }
    }
}

struct Faults<'a>(&'a [Fault]);

impl fmt::Display for Faults<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("it did not say why"),
            [fault] => fault.fmt(f),
            [fault, more @ ..] => write!(f, "{fault} (and {} more)", more.len()),
        }
    }
}
