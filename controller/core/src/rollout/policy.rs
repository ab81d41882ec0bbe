//! How a rollout is to go: the user's wishes, and the protocol's times.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use weft_model::clock::{Moment, Span};
use weft_model::message::{Gates, Lease};

/// How fast one machine's clock may run against another's, in percent.
pub const DRIFT_PERCENT: u64 = 1;

/// What is taken off a lease besides drift: the time between reading a clock and acting on it.
const MARGIN: Span = Span(500);

/// How a rollout is to go.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// Who decides.
    pub confirm: Confirm,
    /// How many nodes apply in each wave; those left over make the last one. None is all at once.
    pub waves: Vec<Wave>,
    /// How many nodes may be applying at the same time; none is no bound.
    pub max_in_flight: Option<NonZeroU32>,
    /// How long to wait between a wave that is verified and the next.
    pub pause: Span,
    /// How long all nodes must stand by the change, once it is verified everywhere, before it may
    /// be kept.
    #[serde(default)]
    pub soak: Span,
    /// What every node must show before and after.
    #[serde(default, skip_serializing_if = "Gates::is_empty")]
    pub gates: Gates,
    /// What the user has agreed to.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub accept: BTreeSet<Agreement>,
    /// What to do about nodes that are not there at the start.
    pub offline: Offline,
    /// How long an unconfirmed change outlives the last word from the leader.
    pub contact: Span,
    /// How often the leader says a word.
    pub keep_alive: Span,
    /// How long a node may take at most, from its apply to the decision.
    pub cap: Span,
    /// How long all nodes together may take to prepare.
    pub prepare: Span,
    /// How long to wait for nodes to hear the decision before the rollout closes without them.
    pub settle: Span,
}

/// Who decides that a rollout that is verified everywhere is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Confirm {
    /// The leader, at once.
    Auto,
    /// A person, within this time after every node is verified; else all nodes go back.
    Manual {
        /// The time.
        within: Span,
    },
}

/// What only goes with a user's consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Agreement {
    /// Taking away what guests are plugged into.
    Destructive,
    /// Nodes that cannot reach each other while some have the change and others do not.
    Split,
    /// Routing sessions that are up and stay down.
    Sessions,
}

impl Agreement {
    /// Every consent.
    pub const ALL: [Self; 3] = [Self::Destructive, Self::Split, Self::Sessions];

    /// The word by which users give it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Destructive => "destructive",
            Self::Split => "split",
            Self::Sessions => "sessions",
        }
    }
}

/// The size of a wave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Wave {
    /// So many nodes.
    Count(u32),
    /// So many of a hundred of all participants, and at least one.
    Percent(u8),
}

/// What to do about nodes that are not there when a rollout starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Offline {
    /// Do not start.
    RequireAll,
    /// Go on without them; they catch up when they return.
    Defer,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            confirm: Confirm::Auto,
            waves: Vec::new(),
            max_in_flight: None,
            pause: Span(0),
            soak: Span(0),
            gates: Gates::default(),
            accept: BTreeSet::new(),
            offline: Offline::RequireAll,
            contact: Span::from_secs(30),
            keep_alive: Span::from_secs(5),
            cap: Span::from_secs(600),
            prepare: Span::from_secs(120),
            settle: Span::from_secs(60),
        }
    }
}

impl Policy {
    /// What the nodes are told of time. What the user wants waited for comes on top of the nodes'
    /// own time: the pauses between waves, of which the first wave sees all, the soak, and a
    /// person's time to decide.
    pub fn lease(&self) -> Lease {
        let thinking = match self.confirm {
            Confirm::Auto => Span(0),
            Confirm::Manual { within } => within,
        };
        let pauses = self.waves.len() as u64;
        let looks = if self.looks_again() { pauses + 1 } else { 0 };
        let waits = [
            self.cap,
            thinking,
            self.soak,
            Span(self.pause.0.saturating_mul(pauses)),
            Span(self.gates.limit.0.saturating_mul(looks)),
        ];
        let sum = |sum: u64, span: &Span| sum.saturating_add(span.0);
        Lease {
            contact: self.contact,
            cap: Span(waits.iter().fold(0, sum)),
        }
    }

    /// Whether nodes are asked once more, at the end of a time that they stood by the change,
    /// before anything follows from it.
    pub fn looks_again(&self) -> bool {
        self.soak > Span(0) || !self.gates.is_empty()
    }

    /// Until when a node surely stands by its change that had the first apply of this leader
    /// after `applied`, and a later word, which it acknowledged, after `sent`.
    pub fn stands_until(&self, applied: Moment, sent: Moment) -> Moment {
        let lease = self.lease();
        let sure = |span: Span| {
            let drift = span.0.div_ceil(100).saturating_mul(DRIFT_PERCENT);
            Span(span.0.saturating_sub(drift).saturating_sub(MARGIN.0))
        };
        let silence = sent.after(sure(lease.contact));
        silence.min(applied.after(sure(lease.cap)))
    }

    /// The wave of each of `count` nodes, in their order. Empty waves are left out.
    pub fn assign(&self, count: u32) -> Vec<u32> {
        let mut waves = Vec::new();
        let mut left = count;
        let mut next = 0;
        for size in self.waves.iter().map(|wave| wave.size(count)) {
            let size = size.min(left);
            if size > 0 {
                waves.extend((0..size).map(|_| next));
                left -= size;
                next += 1;
            }
        }
        waves.extend((0..left).map(|_| next));
        waves
    }
}

impl Wave {
    fn size(self, count: u32) -> u32 {
        match self {
            Self::Count(size) => size,
            Self::Percent(part) => {
                let share = (u64::from(count) * u64::from(part)).div_ceil(100);
                u32::try_from(share).unwrap_or(u32::MAX)
            }
        }
    }
}
