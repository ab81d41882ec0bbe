//! Who may be told to apply, and in which order.

use std::collections::VecDeque;

use weft_model::clock::{Moment, Span};

use super::node::Node;

/// The waves of a rollout under one leader. They are not durable: a new leader finds those that
/// are done by what the nodes say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Waves {
    members: Vec<Vec<usize>>,
    /// How many waves have begun.
    begun: usize,
    /// How many participants of the waves that have begun are not verified.
    unverified: u32,
    /// When that last came to none.
    rested: Option<Moment>,
    /// Participants of the waves that have begun that could be told to apply.
    ready: VecDeque<usize>,
}

impl Waves {
    pub fn new(nodes: &[Node]) -> Self {
        let mut members = Vec::new();
        for (place, node) in nodes.iter().enumerate() {
            if members.len() <= node.wave {
                members.resize_with(node.wave + 1, Vec::new);
            }
            members[node.wave].push(place);
        }
        Self {
            members,
            ..Self::default()
        }
    }

    /// When the next wave may begin; none while one is under way, or after the last.
    pub fn next_begin(&self, pause: Span) -> Option<Moment> {
        let more = self.begun < self.members.len() && self.unverified == 0;
        let rested = self.rested.filter(|_| more)?;
        Some(rested.after(pause))
    }

    /// Whether the first wave has not begun.
    pub fn is_first(&self) -> bool {
        self.begun == 0 && !self.members.is_empty()
    }

    /// The last wave that has begun, from 0.
    pub fn last_begun(&self) -> Option<usize> {
        self.begun.checked_sub(1)
    }

    /// How many waves there are.
    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// How many participants of the waves that have begun are not verified.
    pub fn unverified(&self) -> u32 {
        self.unverified
    }

    /// Begins the next wave, which there must be; `is_verified` and `is_ready` are asked of its
    /// members only.
    pub fn begin(
        &mut self,
        now: Moment,
        nodes: &[Node],
        is_verified: impl Fn(&Node) -> bool,
        is_ready: impl Fn(&Node) -> bool,
    ) {
        for &place in &self.members[self.begun] {
            self.unverified += u32::from(!is_verified(&nodes[place]));
            if is_ready(&nodes[place]) {
                self.ready.push_back(place);
            }
        }
        self.begun += 1;
        self.rested = (self.unverified == 0).then_some(now);
    }

    /// A participant became verified.
    pub fn verified(&mut self, node: &Node, now: Moment) {
        if node.wave < self.begun {
            self.unverified -= 1;
            if self.unverified == 0 {
                self.rested = Some(now);
            }
        }
    }

    /// A participant could be told to apply. It may be here twice; who takes it must look.
    pub fn ready(&mut self, place: usize, node: &Node) {
        if node.wave < self.begun {
            self.ready.push_back(place);
        }
    }

    /// The next participant that could be told to apply.
    pub fn take(&mut self) -> Option<usize> {
        self.ready.pop_front()
    }
}
