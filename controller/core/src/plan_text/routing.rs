//! What changes in a node's FRR: the lines that come and go, as FRR shows them.
//!
//! A node leaves out what its own FRR does not know; that it tells by itself.

use std::collections::BTreeSet;

use weft_model::plan::frr::Stanza;
use weft_model::plan::frr::text;

/// The lines of a stanza that goes.
pub(super) fn gone(stanza: &Stanza, lines: &mut Vec<String>) {
    difference(&shown(stanza), &BTreeSet::new(), lines);
}

/// The lines of a stanza that comes.
pub(super) fn come(stanza: &Stanza, lines: &mut Vec<String>) {
    difference(&BTreeSet::new(), &shown(stanza), lines);
}

/// What differs between two stanzas of the same key.
pub(super) fn change(old: &Stanza, new: &Stanza, lines: &mut Vec<String>) {
    if let (Stanza::Snippet(old), Stanza::Snippet(new)) = (old, new)
        && old.order != new.order
    {
        lines.push(format!(
            "set order of snippet {} {} -> {}",
            new.name, old.order, new.order
        ));
    }
    difference(&shown(old), &shown(new), lines);
}

fn difference(old: &BTreeSet<String>, new: &BTreeSet<String>, lines: &mut Vec<String>) {
    lines.extend(old.difference(new).map(|line| format!("FRR - {line}")));
    lines.extend(new.difference(old).map(|line| format!("FRR + {line}")));
}

/// A stanza's lines, each behind the sections that it stands in. A section is a line only where
/// nothing stands in it.
fn shown(stanza: &Stanza) -> BTreeSet<String> {
    let all = text::stanza(stanza);
    let has_more = |place: &text::Place| {
        let inside = |(other, line): &(text::Place, Option<String>)| {
            other.is_in(place) && (line.is_some() || other != place)
        };
        all.iter().any(inside)
    };
    all.iter()
        .filter_map(|(place, line)| match line {
            Some(line) if *place == text::Place::TOP => Some(text::without_secret(line)),
            Some(line) => Some(format!("{place} / {}", text::without_secret(line))),
            None if has_more(place) => None,
            None => Some(place.to_string()),
        })
        .collect()
}
