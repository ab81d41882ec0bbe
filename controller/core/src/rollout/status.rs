//! What a rollout can say of itself, for people.

use weft_model::clock::{Moment, Span};
use weft_model::name::NodeName;
use weft_model::report::Fault;

use super::machine::Rollout;
use super::node::{Node, Seen};
use super::policy::Confirm;
use super::record::{Phase, Record};

/// How far one participant is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStatus<'a> {
    /// The node.
    pub node: &'a NodeName,
    /// How far it is.
    pub progress: NodeProgress,
    /// How many changes it makes; zero before it has prepared under this leader.
    pub steps: u32,
    /// What it would not or could not do.
    pub faults: &'a [Fault],
    /// Its wave, from 1.
    pub wave: u32,
    /// Probes that failed before anything was changed, which are not counted.
    pub failing: Vec<&'a Fault>,
    /// What the user agreed to take away from guests that are plugged in.
    pub disruptive: &'a [Fault],
}

/// How far a participant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeProgress {
    /// Its turn has not come, or this leader has not heard of it yet.
    Waiting,
    /// It checks and stages.
    Preparing,
    /// It could make the change.
    Prepared,
    /// It will not make the change.
    Refused,
    /// It makes the change.
    Applying,
    /// It was told to make the change and its stream is closed: the agent opens another one to
    /// say how it went, so that a node that cut itself off cannot say that all is well.
    Reconnecting,
    /// The change is true, unconfirmed.
    Verified,
    /// It could not make or keep the change.
    Failed,
    /// It keeps the change.
    Confirmed,
    /// It is back.
    RolledBack,
    /// It has not acknowledged the decision.
    Converging,
    /// It is not connected.
    Offline,
}

impl NodeProgress {
    /// The word that clients show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting",
            Self::Preparing => "Preparing",
            Self::Prepared => "Prepared",
            Self::Refused => "Refused",
            Self::Applying => "Applying",
            Self::Reconnecting => "Reconnecting",
            Self::Verified => "Verified",
            Self::Failed => "Failed",
            Self::Confirmed => "Confirmed",
            Self::RolledBack => "RolledBack",
            Self::Converging => "Converging",
            Self::Offline => "Offline",
        }
    }
}

/// How many participants are how far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All.
    pub nodes: u32,
    /// Those connected to this leader.
    pub connected: u32,
    /// Those that could make the change and have not begun.
    pub prepared: u32,
    /// Those that make it.
    pub applying: u32,
    /// Those where it is true, unconfirmed.
    pub verified: u32,
    /// Those that have acknowledged the decision.
    pub settled: u32,
}

impl Rollout {
    /// How many participants are how far, without looking at each.
    pub fn counts(&self) -> Counts {
        Counts {
            nodes: self.tally.nodes,
            connected: self.tally.connected,
            prepared: self.tally.prepared,
            applying: self.tally.in_flight,
            verified: self.tally.verified,
            settled: self.tally.settled,
        }
    }

    /// How far one participant is.
    pub fn node_status(&self, name: &NodeName) -> Option<NodeStatus<'_>> {
        let place = self.nodes.binary_search_by(|node| node.name.cmp(name));
        Some(self.describe(&self.nodes[place.ok()?]))
    }

    /// Until when a participant surely stands by its change, for all that this leader knows.
    pub fn stands_until(&self, name: &NodeName) -> Option<Moment> {
        let place = self.nodes.binary_search_by(|node| node.name.cmp(name));
        self.nodes[place.ok()?].lease
    }

    /// How far every participant is, and why, in words.
    pub fn explained(&self, now: Moment) -> impl Iterator<Item = (NodeStatus<'_>, String)> {
        self.nodes.iter().map(move |node| {
            let status = self.describe(node);
            let words = self.explain(node, status.progress, now);
            (status, words)
        })
    }

    /// How many waves have begun, and how many there are.
    pub fn waves(&self) -> (usize, usize) {
        let begun = self.waves.last_begun().map_or(0, |last| last + 1);
        (begun, self.waves.count())
    }

    /// How far every participant is.
    pub fn statuses(&self) -> impl Iterator<Item = NodeStatus<'_>> {
        self.nodes.iter().map(|node| self.describe(node))
    }

    fn describe<'a>(&'a self, node: &'a Node) -> NodeStatus<'a> {
        NodeStatus {
            node: &node.name,
            progress: self.progress(node),
            steps: node.found.steps,
            faults: &node.faults,
            wave: u32::try_from(node.wave + 1).unwrap_or(u32::MAX),
            failing: node.found.failing.values().collect(),
            disruptive: &node.found.disruptive,
        }
    }

    fn progress(&self, node: &Node) -> NodeProgress {
        match (&self.record.phase, node.seen) {
            (_, Seen::Confirmed) => NodeProgress::Confirmed,
            (_, Seen::RolledBack) => NodeProgress::RolledBack,
            (_, Seen::Refused) => NodeProgress::Refused,
            (_, Seen::Failed) => NodeProgress::Failed,
            (Phase::Applying { .. }, Seen::Told) if !node.connected => NodeProgress::Reconnecting,
            (_, _) if !node.connected => NodeProgress::Offline,
            (Phase::Committed | Phase::Aborted(_) | Phase::Closed { .. }, _) => {
                NodeProgress::Converging
            }
            (_, Seen::Silent) => NodeProgress::Waiting,
            (_, Seen::Asked) => NodeProgress::Preparing,
            (_, Seen::Prepared) => NodeProgress::Prepared,
            (_, Seen::Told) => NodeProgress::Applying,
            (_, Seen::Verified) => NodeProgress::Verified,
        }
    }

    /// The word for where the rollout stands, as clients show it.
    pub fn phase_word(&self) -> &'static str {
        let waits = self.confirm_until().is_some() && !self.is_confirmed();
        let soaks = self.soak_until().is_some() && self.record.policy.soak > Span(0);
        match (&self.record.phase, self.record.policy.confirm) {
            (Phase::Applying { paused: false }, Confirm::Manual { .. }) if waits => {
                "WaitingForConfirm"
            }
            (Phase::Applying { paused: false }, _) if soaks => "Soaking",
            (_, Confirm::Manual { .. } | Confirm::Auto) => phase_word(&self.record),
        }
    }

    /// What the rollout waits for, or why it ended as it did.
    pub fn reason(&self) -> String {
        let Counts {
            nodes,
            prepared,
            applying,
            verified,
            settled,
            ..
        } = self.counts();
        match &self.record.phase {
            Phase::Preparing => format!("{prepared} of {nodes} nodes are prepared"),
            Phase::Applying { paused: true } => {
                format!("paused; {verified} of {nodes} nodes are verified, {applying} are applying")
            }
            Phase::Applying { paused: false } if self.looking => {
                let asked = self.tally.asked;
                let well = verified - asked.min(verified);
                format!("{well} of {verified} nodes say, asked once more, that all is well")
            }
            Phase::Applying { paused: false } if self.is_confirmed() => {
                let author = self.confirmed_by().unwrap_or_default();
                format!("confirmed by {author}; {verified} of {nodes} nodes stand by the change")
            }
            Phase::Applying { paused: false } if self.confirm_until().is_some() => {
                format!("all {nodes} nodes are verified and wait for a person to confirm")
            }
            Phase::Applying { paused: false }
                if self.soak_until().is_some() && self.record.policy.soak > Span(0) =>
            {
                let soak = self.record.policy.soak;
                format!("all {nodes} nodes are verified and must stand by it for {soak}")
            }
            Phase::Applying { paused: false } if self.waves.count() > 1 => {
                let (wave, waves) = self.waves();
                format!(
                    "wave {wave} of {waves}: {verified} of {nodes} nodes are verified, {applying} are applying"
                )
            }
            Phase::Applying { paused: false } => {
                format!("{verified} of {nodes} nodes are verified, {applying} are applying")
            }
            Phase::Committed => format!("{settled} of {nodes} nodes have confirmed"),
            Phase::Aborted(reason) => {
                format!("{reason}; {settled} of {nodes} nodes are back")
            }
            Phase::Closed { .. } => closing_words(&self.record).unwrap_or_default(),
        }
    }
}

/// The word for where a stored rollout stands, as clients show it.
pub fn phase_word(record: &Record) -> &'static str {
    match record.phase {
        Phase::Preparing => "Preparing",
        Phase::Applying { paused: false } => "Applying",
        Phase::Applying { paused: true } => "Paused",
        Phase::Committed => "Committed",
        Phase::Aborted(_) => "Aborted",
        Phase::Closed { .. } => "Closed",
    }
}

/// How a stored rollout that is over has ended.
pub fn closing_words(record: &Record) -> Option<String> {
    use super::record::Decision;
    let Phase::Closed {
        decision,
        unsettled,
    } = &record.phase
    else {
        return None;
    };
    let mut words = match decision {
        Decision::Commit => "confirmed".to_owned(),
        Decision::Abort(reason) => reason.to_string(),
    };
    if !unsettled.is_empty() {
        let names: Vec<_> = unsettled.iter().take(3).map(NodeName::as_str).collect();
        let more = unsettled.len().saturating_sub(names.len());
        words += &format!("; still to hear of it: {}", names.join(", "));
        if more > 0 {
            words += &format!(" and {more} more");
        }
    }
    Some(words)
}
