//! What a node's kernel must offer to be driven: to be looked at, and to take steps.

use std::collections::BTreeSet;
use std::future::Future;

use weft_model::facts::Facts;

use crate::refusal::Abilities;
use crate::seen::Seen;
use crate::step::Step;

/// What changed since the last look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The names of devices that changed, or on which something changed.
    pub names: BTreeSet<String>,
    /// Whether our table of source translations may have changed.
    pub nat: bool,
    /// Whether FRR's configuration may have changed.
    pub frr: bool,
    /// Whether what a node says of itself may have changed.
    pub facts: bool,
    /// Whether anything at all may have changed, because word of it was lost.
    pub all: bool,
}

/// A step that was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The step's place in what was asked for.
    pub step: usize,
    /// The kernel's error number, where a kernel was asked.
    pub errno: Option<i32>,
    /// What was said about it.
    pub cause: String,
}

/// A node's kernel, or what stands for one.
pub trait Driver {
    /// Why it could not be looked at.
    type Error: std::error::Error + Send + Sync + 'static;

    /// What is there, as of the last look. Costs nothing.
    fn seen(&self) -> &Seen;

    /// Takes in what happened up to now, without waiting. May be dropped: the next look tells.
    ///
    /// # Errors
    /// When the kernel cannot be read.
    fn look(&mut self) -> impl Future<Output = Result<Changes, Self::Error>> + Send;

    /// Forgets what it knows and reads everything again.
    ///
    /// # Errors
    /// When the kernel cannot be read.
    fn look_again(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Waits until there is something to look at. May be dropped while it waits.
    fn changed(&mut self) -> impl Future<Output = ()> + Send;

    /// Makes the steps, in order. Makes no decision. Gives what failed; what came after a failure
    /// may or may not have been tried, and is then among the failures too. May be dropped while it
    /// waits, which it does between steps at least every moment or so: what was made stays made,
    /// and the next look tells of it.
    fn perform(&mut self, steps: &[Step]) -> impl Future<Output = Vec<Failure>> + Send;

    /// Says whether something is wanted of FRR. Where nothing is, and nothing of it is ours, it is not
    /// looked at.
    fn mind_frr(&mut self, _is_wanted: bool) {}

    /// Has what FRR would be told checked against its language; says what is wrong with it.
    fn try_frr(&mut self, _steps: &[Step]) -> impl Future<Output = Option<String>> + Send {
        std::future::ready(None)
    }

    /// What the node is and has.
    fn facts(&mut self) -> impl Future<Output = Facts> + Send;

    /// Whether the agent may turn the IPv6 switches of devices.
    fn may_switch(&self) -> bool;

    /// What a plan may depend on, out of the facts.
    fn abilities(&self, facts: &Facts) -> Abilities {
        Abilities {
            device_types: facts.device_types.clone(),
            forwarding: facts.forwarding.clone(),
            nft: facts.nft.is_some(),
            switches: self.may_switch(),
        }
    }
}
