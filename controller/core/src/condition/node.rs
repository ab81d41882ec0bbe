//! How far one node is with an object.

use weft_model::name::NodeName;
use weft_model::object::Kind;
use weft_model::report::Fault;

use super::{NodeState, NodeStatus, NodeView, Stage, View};
use crate::diff::Pending;

/// How things stand with an object on one node.
pub(super) fn status(view: &View<'_>, name: &NodeName) -> NodeStatus {
    let unknown = NodeView::default();
    let node = view.nodes.get(name).unwrap_or(&unknown);
    let (state, message) = state(view, node);
    NodeStatus {
        node: name.clone(),
        state,
        message,
        confirmed: node.confirmed,
    }
}

fn state(view: &View<'_>, node: &NodeView) -> (NodeState, String) {
    if !node.connected {
        return (NodeState::Offline, String::new());
    }
    // What the rollout does not change goes on as it was, whatever becomes of the rollout.
    let in_rollout = view.pending.is_some() || !node.at_head;
    match &node.stage {
        Stage::Refused(faults) if in_rollout || concerns(view, faults) => {
            (NodeState::Refused, reasons(view, faults))
        }
        Stage::Failed(faults) if in_rollout || concerns(view, faults) => {
            (NodeState::Failed, reasons(view, faults))
        }
        Stage::Reverted if in_rollout => (NodeState::Reverted, String::new()),
        Stage::Preparing if in_rollout => (NodeState::Preparing, String::new()),
        Stage::Applied if in_rollout => (NodeState::Applied, String::new()),
        Stage::None
        | Stage::Preparing
        | Stage::Applied
        | Stage::Refused(_)
        | Stage::Failed(_)
        | Stage::Reverted => match (view.pending, node.at_head) {
            (None | Some(Pending::Deleted), true) => (NodeState::Live, String::new()),
            (None | Some(Pending::Deleted), false) => (
                NodeState::Pending,
                format!("the node is at revision {}", node.confirmed),
            ),
            (Some(Pending::New | Pending::Changed), _) => (NodeState::Pending, String::new()),
        },
    }
}

/// Whether a fault is the object's own.
fn is_own(view: &View<'_>, fault: &Fault) -> bool {
    let Some(origin) = &fault.origin else {
        return false;
    };
    match (view.vnet, view.zone) {
        (Some(vnet), _) => origin.vnet() == Some(vnet),
        (None, Some(zone)) => origin.zone() == Some(zone),
        (None, None) => {
            let host = origin.host();
            view.key.kind == Kind::HostNetwork
                && host.is_some_and(|it| it.as_str() == view.key.name)
        }
    }
}

fn concerns(view: &View<'_>, faults: &[Fault]) -> bool {
    faults.iter().any(|fault| is_own(view, fault))
}

/// The object's own faults; where it has none, those of others, which hold it back.
fn reasons(view: &View<'_>, faults: &[Fault]) -> String {
    let own = concerns(view, faults);
    let shown = faults.iter().filter(|fault| !own || is_own(view, fault));
    shown
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
