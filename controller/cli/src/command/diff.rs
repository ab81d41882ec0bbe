//! `weftctl diff`: what the draft, or a manifest, would change; objects first, then nodes.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use weft_proto::v1;

use super::apply;
use super::columns;
use super::source;
use crate::console::{self, Paint, Palette, safe};
use crate::failure::{Failure, Outcome};
use crate::server::call::{self, Server};

/// Options of `diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// Compare the draft with these manifests applied to it; store nothing
    #[arg(short, long = "file", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// End with code 3 when there are differences
    #[arg(long)]
    exit_code: bool,
}

/// Shows what would change. Changes nothing.
///
/// # Errors
/// When the objects could not be published as they are, or there are differences and that should
/// be an error.
pub async fn run(server: &Server, options: &Diff) -> Outcome {
    let manifests = if options.files.is_empty() {
        Vec::new()
    } else {
        source::manifests(&options.files)?
    };
    let request = v1::DiffRequest {
        changes: (!manifests.is_empty()).then(|| apply::request(&manifests, true)),
    };
    let ask = |channel| {
        let request = server.request(request.clone());
        async move { call::objects(channel).diff(request).await }
    };
    let answer = server.ask(ask).await;
    let answer = answer.map_err(|status| server.failure(&status, &manifests))?;
    console::print(&text(&answer, Palette::of_output()))?;
    let (errors, warnings): (Vec<_>, Vec<_>) =
        answer.notes.iter().partition(|it| it.severity == "error");
    for warning in warnings {
        console::note(&format!("warning: {}", apply::note_text(warning)));
    }
    if !errors.is_empty() {
        return Err(Failure::Refused(
            errors.into_iter().map(apply::note_text).collect(),
        ));
    }
    let differs = !answer.objects.is_empty() || !answer.nodes.is_empty();
    if options.exit_code && differs {
        return Err(Failure::Differences);
    }
    Ok(())
}

/// The differences, for people.
fn text(answer: &v1::DiffResponse, palette: Palette) -> String {
    if answer.objects.is_empty() && answer.nodes.is_empty() {
        return format!("no differences from revision {}\n", answer.revision);
    }
    let mut text = format!("compared with revision {}:\n", answer.revision);
    if !answer.class.is_empty() {
        let _ = writeln!(text, "{}", class_line(&answer.class));
    }
    for object in &answer.objects {
        describe(&mut text, object, palette, "");
    }
    if answer.nodes.is_empty() {
        if answer.notes.iter().all(|it| it.severity != "error") {
            text.push_str("\nno node would change\n");
        }
        return text;
    }
    let count = answer.nodes.len();
    let plural = if count == 1 { "" } else { "s" };
    let _ = write!(text, "\n{count} node{plural} would change:\n");
    for node in &answer.nodes {
        let offline = if node.connected { "" } else { " (offline)" };
        let _ = writeln!(text, "{}{offline}", safe(&node.node));
        for change in &node.changes {
            let _ = writeln!(text, "    {}", safe(change));
        }
    }
    text
}

/// What the kind of a change means for whoever brings it to nodes.
pub fn class_line(class: &str) -> String {
    let meaning = match class {
        "additive" => "nothing that is there is touched; waves do no harm",
        "compatible" => "nodes with and without it go on together; waves do no harm",
        "flag-day" => {
            "nodes with it and nodes without it cannot reach each other; bring it to all at once"
        }
        "destructive" => {
            "something goes; where guests are plugged in, it needs --accept destructive"
        }
        _ => "",
    };
    format!("this change is {}: {meaning}", safe(class))
}

/// One object's differences.
pub fn describe(text: &mut String, object: &v1::ObjectDiff, palette: Palette, indent: &str) {
    let key = columns::key_text(object.key.as_ref());
    let (mark, paint) = match object.pending.as_str() {
        "new" => ("+", Paint::Good),
        "deleted" => ("-", Paint::Bad),
        _ => ("~", Paint::Mind),
    };
    let class = match object.class.as_str() {
        "" => String::new(),
        class => format!(", {}", safe(class)),
    };
    let line = format!("{mark} {key} ({}{class})", safe(&object.pending));
    let _ = writeln!(text, "{indent}{}", palette.paint(paint, &line));
    // What is additive or compatible harms nobody, and the fields say it.
    let grave = |effect: &&String| {
        ["flag-day", "destructive"]
            .iter()
            .any(|it| effect.starts_with(it))
    };
    for effect in object.effects.iter().filter(grave) {
        let _ = writeln!(text, "{indent}    ! {}", safe(effect));
    }
    // Of what goes, everything goes: there is nothing to tell beyond the name.
    if object.pending == "deleted" {
        return;
    }
    for field in &object.fields {
        let name = safe(&field.field);
        let (before, after) = (safe(&field.before), safe(&field.after));
        let change = match (before.as_str(), after.as_str()) {
            ("", after) => after.to_owned(),
            (before, "") => format!("{before} -> nothing"),
            (before, after) => format!("{before} -> {after}"),
        };
        let _ = writeln!(text, "{indent}    {name}: {change}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str, pending: &str, class: &str, fields: &[[&str; 3]]) -> v1::ObjectDiff {
        let field = |[field, before, after]: &[&str; 3]| v1::FieldDiff {
            field: (*field).to_owned(),
            before: (*before).to_owned(),
            after: (*after).to_owned(),
        };
        v1::ObjectDiff {
            key: Some(v1::ObjectKey {
                kind: v1::Kind::Vnet.into(),
                name: name.to_owned(),
            }),
            pending: pending.to_owned(),
            class: class.to_owned(),
            effects: vec![format!("{class}: it is said why")],
            fields: fields.iter().map(field).collect(),
        }
    }

    #[test]
    fn objects_come_first_then_nodes() {
        let answer = v1::DiffResponse {
            revision: 4,
            objects: vec![
                object("web", "new", "additive", &[["spec.tag", "", "100"]]),
                object(
                    "db",
                    "changed",
                    "flag-day",
                    &[["spec.tag", "1", "2"], ["spec.alias", "\"x\"", ""]],
                ),
                object("old", "deleted", "destructive", &[["spec.tag", "3", ""]]),
            ],
            nodes: vec![
                v1::NodeDiff {
                    node: "n1".to_owned(),
                    changes: vec!["create bridge web".to_owned()],
                    connected: true,
                },
                v1::NodeDiff {
                    node: "n2".to_owned(),
                    changes: vec!["create bridge web".to_owned()],
                    connected: false,
                },
            ],
            notes: Vec::new(),
            class: "destructive".to_owned(),
        };
        insta::assert_snapshot!(text(&answer, Palette::Plain));
    }

    #[test]
    fn no_difference_is_one_line() {
        let answer = v1::DiffResponse {
            revision: 4,
            ..v1::DiffResponse::default()
        };
        assert_eq!(
            text(&answer, Palette::Plain),
            "no differences from revision 4\n"
        );
    }
}
