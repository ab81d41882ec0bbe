//! What a draft would change, over gRPC: objects, then what each node would do.

use std::collections::BTreeMap;

use weft_core::class::{self, Classified};
use weft_core::diff::{self, FieldDiff, ObjectDiff, Pending};
use weft_core::plan_text;
use weft_core::snapshot::Snapshot;
use weft_core::validate::validate;
use weft_proto::v1;

use crate::engine::board::Board;
use crate::engine::judge::Verdict;

/// What turns the confirmed revision into `next`, of which validation says `verdict`.
pub(super) fn between(board: &Board, next: &Snapshot, verdict: &Verdict) -> v1::DiffResponse {
    let head = board.head();
    let nodes = verdict
        .intent
        .iter()
        .flat_map(|intent| head.changes(intent))
        .map(|(node, change)| v1::NodeDiff {
            connected: board.read(|state| state.roster.is_connected(&node)),
            changes: plan_text::changes(&change.before, &change.delta),
            node: node.to_string(),
        })
        .collect();
    let changes = verdict
        .intent
        .as_ref()
        .map(|intent| class::classify(&head.intent, intent))
        .unwrap_or_default();
    v1::DiffResponse {
        objects: objects(head.intent.snapshot(), next, &changes),
        class: word(&changes),
        nodes,
        notes: verdict.notes.iter().map(Into::into).collect(),
        revision: head.revision.0,
    }
}

/// The objects that differ between two revisions, and the gravest kind of change among them.
pub(super) fn classified(old: &Snapshot, new: &Snapshot) -> (Vec<v1::ObjectDiff>, String) {
    // What was valid once may not be so by the rules of this version.
    let changes = match (validate(old), validate(new)) {
        (Ok((old, _)), Ok((new, _))) => class::classify(&old, &new),
        (Err(_), _) | (_, Err(_)) => Vec::new(),
    };
    (objects(old, new, &changes), word(&changes))
}

fn word(changes: &[Classified]) -> String {
    let gravest = class::gravest(changes).map(class::Class::as_str);
    gravest.unwrap_or_default().to_owned()
}

fn objects(old: &Snapshot, new: &Snapshot, changes: &[Classified]) -> Vec<v1::ObjectDiff> {
    let by_key: BTreeMap<_, _> = changes.iter().map(|it| (&it.key, it)).collect();
    let object = |diff: &ObjectDiff| object(diff, by_key.get(&diff.key).copied());
    diff::diff(old, new).iter().map(object).collect()
}

fn object(diff: &ObjectDiff, change: Option<&Classified>) -> v1::ObjectDiff {
    let class = change.map(|change| change.class().as_str());
    let effects = change.map(|change| {
        let effects = change.changes.iter();
        effects.map(|(class, what)| format!("{}: {what}", class.as_str()))
    });
    v1::ObjectDiff {
        class: class.unwrap_or_default().to_owned(),
        effects: effects.into_iter().flatten().collect(),
        key: Some((&diff.key).into()),
        pending: Pending::as_str(diff.pending).to_owned(),
        fields: diff.fields.iter().map(field).collect(),
    }
}

fn field(diff: &FieldDiff) -> v1::FieldDiff {
    let text = |value: &Option<serde_json::Value>| {
        value.as_ref().map(ToString::to_string).unwrap_or_default()
    };
    v1::FieldDiff {
        field: diff.field.clone(),
        before: text(&diff.before),
        after: text(&diff.after),
    }
}
