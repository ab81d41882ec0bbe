//! What holds of an object, judged topic by topic.

use weft_model::note::Severity;

use super::{NodeState, NodeStatus, Topic, Truth, View};
use crate::diff::Pending;

/// A condition without its history.
pub(super) struct Found {
    pub(super) topic: Topic,
    pub(super) status: Truth,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// Whether validation finds no error in the object.
pub(super) fn valid(view: &View<'_>) -> Found {
    let text = |severity: Severity| {
        let own = view.notes.iter().filter(|note| note.object == *view.key);
        let own = own.filter(|note| note.severity == severity);
        let lines: Vec<_> = own
            .map(|note| format!("{}: {}: {}", note.field, note.problem, note.advice))
            .collect();
        lines.join("; ")
    };
    let (errors, warnings) = (text(Severity::Error), text(Severity::Warning));
    let (status, reason, message) = match (errors.is_empty(), warnings.is_empty()) {
        (false, _) => (Truth::False, "Invalid", errors),
        (true, false) => (Truth::True, "Warnings", warnings),
        (true, true) => (Truth::True, "Valid", String::new()),
    };
    Found {
        topic: Topic::Valid,
        status,
        reason,
        message,
    }
}

/// Whether the head has the object as the draft has it.
pub(super) fn published(view: &View<'_>) -> Found {
    let head = view.head;
    let (status, reason, message) = match view.pending {
        None => (Truth::True, "Published", format!("in revision {head}")),
        Some(Pending::New) => (Truth::False, "New", format!("not in revision {head}")),
        Some(Pending::Changed) => (
            Truth::False,
            "Changed",
            format!("revision {head} has it as it was before"),
        ),
        Some(Pending::Deleted) => (
            Truth::False,
            "Deleted",
            format!("deleted, and still in revision {head}"),
        ),
    };
    Found {
        topic: Topic::Published,
        status,
        reason,
        message,
    }
}

/// Whether every node that should carry the object does.
pub(super) fn live(view: &View<'_>, nodes: &[NodeStatus]) -> Found {
    let lacking: Vec<&NodeStatus> = nodes
        .iter()
        .filter(|it| it.state != NodeState::Live)
        .collect();
    let count = format!("live on {} of {}", nodes.len() - lacking.len(), nodes.len());
    // What an unconnected node confirmed it still has, as far as anybody knows.
    let unseen = |it: &&NodeStatus| {
        let at_head = view.nodes.get(&it.node).is_some_and(|node| node.at_head);
        it.state == NodeState::Offline && at_head
    };
    let published = match view.pending {
        None | Some(Pending::Deleted) => true,
        Some(Pending::New | Pending::Changed) => false,
    };
    let (status, reason) = if !published {
        (Truth::False, "NotPublished")
    } else if nodes.is_empty() {
        (Truth::True, "NoNodes")
    } else if lacking.is_empty() {
        (Truth::True, "Live")
    } else if lacking.iter().all(unseen) {
        (Truth::Unknown, "Offline")
    } else {
        (Truth::False, "NotEverywhere")
    };
    let names: Vec<_> = lacking
        .iter()
        .map(|it| format!("{} is {}", it.node, it.state.as_str()))
        .collect();
    let message = match names.as_slice() {
        [] => count,
        _ => format!("{count}: {}", names.join(", ")),
    };
    Found {
        topic: Topic::Live,
        status,
        reason,
        message,
    }
}

/// Whether a node's agent is connected.
pub(super) fn connected(view: &View<'_>) -> Found {
    let node = view.nodes.get(view.key.name.as_str());
    let (status, reason, message) = match node {
        Some(node) if node.connected => (Truth::True, "Connected", String::new()),
        Some(node) => (
            Truth::False,
            "Offline",
            format!("last confirmed revision {}", node.confirmed),
        ),
        None => (
            Truth::False,
            "NeverSeen",
            "its agent has never connected".to_owned(),
        ),
    };
    Found {
        topic: Topic::Connected,
        status,
        reason,
        message,
    }
}
