//! What a leader knows of one participant. It dies with the leader.

use std::collections::VecDeque;

use weft_model::clock::Moment;
use weft_model::message::{Found, Target};
use weft_model::name::NodeName;
use weft_model::report::Fault;
use weft_model::revision::Nonce;

/// One participant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Node {
    pub name: NodeName,
    pub wave: usize,
    pub from: Target,
    pub to: Target,
    pub connected: bool,
    pub seen: Seen,
    pub found: Found,
    pub look: Look,
    pub faults: Vec<Fault>,
    /// When this leader first told the node to apply.
    pub applied: Option<Moment>,
    /// Words that make the lease longer once the node acknowledges them, oldest first.
    pub sent: VecDeque<(Nonce, Moment)>,
    /// Until when the node surely stands by its change.
    pub lease: Option<Moment>,
    /// When something must be done about the node.
    pub due: Option<Moment>,
    /// How many commands this leader gave the node; repeating a decision is not another command.
    pub commands: u64,
    /// The command that told the node the decision.
    pub decree: Option<Nonce>,
}

/// Whether a participant that stands by its change was asked about it once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Look {
    /// It was not.
    None,
    /// It was, by the command with this nonce.
    Asked(Nonce),
    /// It was, and all is well.
    Well,
}

/// What a participant last said to this leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Seen {
    /// Nothing.
    Silent,
    /// Nothing; it was asked to prepare.
    Asked,
    /// That it will not.
    Refused,
    /// That it could.
    Prepared,
    /// Nothing; it was told to apply.
    Told,
    /// That the change is true.
    Verified,
    /// That it could not.
    Failed,
    /// That it keeps the change.
    Confirmed,
    /// That it has gone back.
    RolledBack,
}

/// More unacknowledged words than this are only kept by a node that is as good as lost.
const SENT_LIMIT: usize = 16;

impl Node {
    pub fn new(name: NodeName, wave: usize, from: Target, to: Target) -> Self {
        Self {
            name,
            wave,
            from,
            to,
            connected: false,
            seen: Seen::Silent,
            found: Found::default(),
            look: Look::None,
            faults: Vec::new(),
            applied: None,
            sent: VecDeque::new(),
            lease: None,
            due: None,
            commands: 0,
            decree: None,
        }
    }

    /// The nonce of the next command. Nodes need not agree on the order of their commands.
    pub fn next_nonce(&mut self) -> Nonce {
        self.commands += 1;
        Nonce(self.commands)
    }

    /// Remembers a word that makes the lease longer.
    pub fn remember(&mut self, nonce: Nonce, now: Moment) {
        if self.sent.len() == SENT_LIMIT {
            self.sent.pop_front();
        }
        self.sent.push_back((nonce, now));
    }

    /// When the word with this nonce was sent; forgets it and all earlier ones.
    pub fn acknowledged(&mut self, nonce: Nonce) -> Option<Moment> {
        let place = self.sent.iter().position(|(sent, _)| *sent == nonce)?;
        self.sent.drain(..=place).next_back().map(|(_, at)| at)
    }

    /// Whether the node has heard the decision.
    pub fn is_settled(&self) -> bool {
        match self.seen {
            Seen::Confirmed | Seen::RolledBack => true,
            Seen::Silent
            | Seen::Asked
            | Seen::Refused
            | Seen::Prepared
            | Seen::Told
            | Seen::Verified
            | Seen::Failed => false,
        }
    }
}
