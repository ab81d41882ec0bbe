//! Whether the routing sessions of an object's nodes are up.
//!
//! # Guarantees
//! What a node's sessions come to was counted when its agent said it; here nodes are looked at, and
//! never sessions.

use weft_model::name::NodeName;
use weft_model::object::Kind;
use weft_model::routing::Count;

use super::topic::Found;
use super::{Topic, Truth, View};

/// How many nodes or neighbors are named.
const NAMED: usize = 3;

/// Whether the sessions that are in no VRF are up on every node that should carry the object; of a
/// node, on itself, where it has any. `None` where no sessions carry the object.
pub(super) fn up(view: &View<'_>) -> Option<Found> {
    let (name, node) = match view.key.kind {
        Kind::Node => view.nodes.get_key_value(view.key.name.as_str()).unzip(),
        _ => (None, None),
    };
    let own = node.is_some_and(|node| node.sessions.is_some());
    if !view.is_routed && !own {
        return None;
    }
    let nodes = view.carriers.iter().filter(|_| !own);
    let nodes: Vec<&NodeName> = nodes.chain(name.filter(|_| own)).collect();
    Some(judged(view, &nodes))
}

fn judged(view: &View<'_>, nodes: &[&NodeName]) -> Found {
    let mut count = Count::default();
    let mut lacking = Names::default();
    let mut unheard = Names::default();
    for name in nodes {
        let node = view.nodes.get(*name);
        let Some(tally) = node.and_then(|node| node.sessions.as_ref()) else {
            unheard.add(1, [name.to_string()]);
            continue;
        };
        if !tally.answers {
            lacking.add(1, [format!("{name}: bgpd does not answer")]);
            continue;
        }
        let Count { up, total } = tally.default;
        count.up = count.up.saturating_add(up);
        count.total = count.total.saturating_add(total);
        let down = tally.down.iter().map(|it| format!("{name}: {it}"));
        lacking.add(total.saturating_sub(up), down);
    }
    let Count { up, total } = count;
    let (status, reason, message) = if !lacking.is_empty() {
        (
            Truth::False,
            "SessionsDown",
            format!("{up} of {total} are up: {}", lacking.text()),
        )
    } else if !unheard.is_empty() {
        (
            Truth::Unknown,
            "NotReported",
            format!("nothing is known of those of {}", unheard.text()),
        )
    } else if total == 0 {
        (
            Truth::True,
            "NoSessions",
            "there is none to be up".to_owned(),
        )
    } else {
        (Truth::True, "SessionsUp", format!("{up} of {total} are up"))
    };
    Found {
        topic: Topic::SessionsUp,
        status,
        reason,
        message,
    }
}

/// The first few names of many.
#[derive(Default)]
struct Names {
    first: Vec<String>,
    count: u32,
}

impl Names {
    /// Adds so many, of which at least the first few are named.
    fn add(&mut self, count: u32, names: impl IntoIterator<Item = String>) {
        let room = NAMED.saturating_sub(self.first.len());
        self.first.extend(names.into_iter().take(room));
        self.count = self.count.saturating_add(count);
    }

    fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn text(&self) -> String {
        let named = u32::try_from(self.first.len()).unwrap_or(u32::MAX);
        match self.count.saturating_sub(named) {
            0 => self.first.join(", "),
            more => format!("{}, and {more} more", self.first.join(", ")),
        }
    }
}
