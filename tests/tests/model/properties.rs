//! What must always be so, and what must be possible.

use stateright::Property;
use weft_core::rollout::record::{Decision, Phase};
use weft_model::message::Progress;
use weft_model::revision::Epoch;

use super::setup::{Setup, name, new};
use super::world::{Kernel, Node, World};

pub const S1: &str = "S1 there are never both decisions";
pub const S2: &str = "S2 no node is touched before applying is durable";
pub const S3: &str = "S3 the head moves with the commit and only then";
pub const S4: &str = "S4 closed means final everywhere, or named";
pub const S5: &str = "S5 no node ends against the decision";
pub const S6: &str = "S6 a mixed kernel has an armed journal";
pub const S7: &str = "S7 the new revision runs armed or confirmed";
pub const S8: &str = "S8 every node runs the new revision when it is committed";
pub const S9: &str = "S9 the plans that a journal names are on disk";
pub const COMMIT: &str = "a rollout is committed and closed";
pub const ABORT: &str = "a rollout is aborted and closed";
pub const RETURN: &str = "a node that went back catches up with the commit";
pub const SECOND: &str = "the second leader commits";

pub fn all() -> Vec<Property<Setup>> {
    vec![
        Property::always(S1, |_, world: &World| {
            !(world.store.committed && world.store.aborted)
        }),
        Property::always(S2, |_, world: &World| {
            let touched = |node: &Node| matches!(node.kernel, Kernel::Mixed | Kernel::New);
            let preparing = matches!(world.store.record.phase, Phase::Preparing);
            !(preparing && world.nodes.iter().any(touched))
        }),
        Property::always(S3, |_, world: &World| {
            (world.store.head == new().revision) == world.store.committed
        }),
        Property::always(S4, |_, world: &World| match &world.store.record.phase {
            Phase::Closed {
                decision,
                unsettled,
            } => world.nodes.iter().enumerate().all(|(place, node)| {
                let on_new = node.is_final(new());
                on_new == Some(*decision == Decision::Commit) || unsettled.contains(&name(place))
            }),
            Phase::Preparing | Phase::Applying { .. } | Phase::Committed | Phase::Aborted(_) => {
                true
            }
        }),
        Property::always(S5, |_, world: &World| {
            world.nodes.iter().all(|node| match node.is_final(new()) {
                Some(true) => world.store.committed,
                Some(false) => !world.store.committed,
                None => true,
            })
        }),
        Property::always(S6, |_, world: &World| {
            world
                .nodes
                .iter()
                .all(|node| node.kernel != Kernel::Mixed || is_armed(node))
        }),
        Property::always(S7, |_, world: &World| {
            let confirmed = |node: &Node| node.disk.confirmed.target == new();
            world
                .nodes
                .iter()
                .all(|node| node.kernel != Kernel::New || is_armed(node) || confirmed(node))
        }),
        Property::always(S8, |_, world: &World| world.store.sound),
        Property::always(S9, |_, world: &World| {
            let named = |node: &Node| {
                let in_hand = node.disk.state.change();
                in_hand.is_some() || node.disk.confirmed.target == new()
            };
            world
                .nodes
                .iter()
                .all(|node| node.has_stage || !named(node))
        }),
        Property::sometimes(COMMIT, |_, world: &World| {
            world.is_closed() && world.store.committed
        }),
        Property::sometimes(ABORT, |_, world: &World| {
            world.is_closed() && world.store.aborted
        }),
        Property::sometimes(RETURN, |_, world: &World| {
            let late = |node: &Node| node.went_back && node.disk.confirmed.target == new();
            world.nodes.iter().any(late)
        }),
        Property::sometimes(SECOND, |setup: &Setup, world: &World| {
            // Where there is one leader, there is nothing to reach.
            setup.leaders < 2 || world.store.committed_by == Epoch(2)
        }),
    ]
}

fn is_armed(node: &Node) -> bool {
    match node.progress() {
        None | Some(Progress::Prepared | Progress::Reverted) => false,
        Some(Progress::Armed | Progress::Verified | Progress::Reverting | Progress::Stuck) => true,
    }
}
