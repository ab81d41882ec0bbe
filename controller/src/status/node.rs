//! Nodes as clients see them.

use std::collections::BTreeSet;

use weft_model::name::NodeName;
use weft_proto::convert::report::event_to_wire;
use weft_proto::v1;

use super::Statuses;
use crate::engine::board::State;

/// Above so many entries in all, how many each plan has is told only when one node is asked for:
/// plans are compiled to be counted.
const COUNTED: usize = 50_000;

/// Above so many routing sessions in all, they are listed only when one node is asked for.
const LISTED: u32 = 20_000;

/// How much is told of a node.
#[derive(Clone, Copy, Debug)]
struct Detail {
    /// How many entries its plan has.
    entries: bool,
    /// Each of its routing sessions.
    sessions: bool,
}

pub(super) fn all(statuses: &Statuses) -> Vec<v1::NodeView> {
    let mut names: BTreeSet<NodeName> = statuses
        .draft
        .snapshot()
        .nodes()
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    names.extend(statuses.head.intent.nodes().cloned());
    statuses
        .board
        .read(|state| names.extend(state.roster.known().cloned()));
    let sessions = statuses.board.read(|state| {
        let places = names.iter().filter_map(|name| state.roster.get(name));
        let counts = places.filter_map(|place| Some(place.sessions()?.all.total));
        counts.fold(0, u32::saturating_add)
    });
    let detail = Detail {
        entries: names.len() * statuses.head.intent.vnets().len() <= COUNTED,
        sessions: sessions <= LISTED,
    };
    names
        .iter()
        .map(|name| view(statuses, name, detail))
        .collect()
}

pub(super) fn one(statuses: &Statuses, name: &NodeName) -> Option<v1::NodeView> {
    let known = statuses.draft.snapshot().nodes().contains(name)
        || statuses
            .board
            .read(|state| state.roster.get(name).is_some());
    let detail = Detail {
        entries: true,
        sessions: true,
    };
    known.then(|| view(statuses, name, detail))
}

fn view(statuses: &Statuses, name: &NodeName, detail: Detail) -> v1::NodeView {
    let snapshot = statuses.draft.snapshot();
    let labels = snapshot.nodes().get(name).map(|node| &node.metadata.labels);
    let mut view = v1::NodeView {
        name: name.to_string(),
        facts: snapshot.facts().get(name).map(|facts| (&**facts).into()),
        labels: labels
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect(),
        ..v1::NodeView::default()
    };
    if detail.entries {
        let entries = statuses.head.plan(name).len();
        view.plan_entries = u32::try_from(entries).unwrap_or(u32::MAX);
    }
    statuses
        .board
        .read(|state| fill(&mut view, state, name, detail));
    view
}

fn fill(view: &mut v1::NodeView, state: &State, name: &NodeName, detail: Detail) {
    let Some(place) = state.roster.get(name) else {
        view.state = "offline".to_owned();
        return;
    };
    view.connected = place.is_connected();
    view.last_seen = place.last_seen.0;
    view.confirmed_revision = place.confirmed().target.revision.0;
    view.current = place.confirmed().target.digest == state.head.digest(name);
    view.state = if place.is_connected() {
        place.standing_word()
    } else {
        "offline"
    }
    .to_owned();
    view.version.clone_from(&place.version);
    view.sessions = place.sessions().map(|tally| v1::SessionCount {
        up: tally.all.up,
        total: tally.all.total,
    });
    view.routing = place.routing().filter(|_| detail.sessions).map(Into::into);
    view.events = place
        .events()
        .map(|event| event_to_wire(name, event))
        .collect();
}
