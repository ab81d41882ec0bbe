//! What a draft would change, over gRPC: objects, then what each node would do.

use weft_core::diff::{self, FieldDiff, ObjectDiff, Pending};
use weft_core::plan_text;
use weft_core::snapshot::Snapshot;
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
    v1::DiffResponse {
        objects: objects(head.intent.snapshot(), next),
        nodes,
        notes: verdict.notes.iter().map(Into::into).collect(),
        revision: head.revision.0,
    }
}

/// The objects that differ.
pub(super) fn objects(old: &Snapshot, new: &Snapshot) -> Vec<v1::ObjectDiff> {
    diff::diff(old, new).iter().map(object).collect()
}

fn object(diff: &ObjectDiff) -> v1::ObjectDiff {
    v1::ObjectDiff {
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
