//! What the YAML parser complains of, in words for people: the field, what is wrong, what is right.

use serde_saphyr::Error;

use super::place::{self, Spot};

/// A complaint about a document: the line in it, and the words.
pub fn complaint(document: &str, error: &Error) -> (usize, String) {
    let error = error.without_snippet();
    let first = first_line(document);
    let spot = error.location().map_or(
        Spot {
            line: first,
            column: 1,
        },
        |it| Spot::from(&it),
    );
    let line = spot.line.max(first);
    let spot = Spot { line, ..spot };
    match error {
        Error::SerdeUnknownField {
            field, expected, ..
        } => {
            let around = place::field_at(document, spot).and_then(|field| parent(&field));
            let field = join(around.as_deref(), field);
            let known = expected.join(", ");
            (
                line,
                format!("{field}: there is no such field: use {known}"),
            )
        }
        Error::SerdeMissingField { field, .. } => {
            let around = place::field_at(document, spot).and_then(|field| parent(&field));
            (
                line,
                format!("{} is missing", join(around.as_deref(), field)),
            )
        }
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("a key");
            (
                line,
                format!("{key} stands twice in one place: keep one of them"),
            )
        }
        Error::InvalidBooleanStrict { .. } => (line, at(document, spot, "write true or false")),
        Error::InvalidScalar { ty, .. } => (line, at(document, spot, scalar(ty))),
        Error::Unexpected { expected, .. } => {
            let text = match *expected {
                "mapping start" => "write fields here, one `name: value` a line",
                "sequence start" => "write a list here, one `- value` a line",
                other => {
                    return (
                        line,
                        at(document, spot, &format!("{other} is expected here")),
                    );
                }
            };
            (line, at(document, spot, text))
        }
        other => {
            let text = without_place(&other.to_string());
            // These are told by the object as a whole, which is found at its first field.
            let field = text.split(": ").next().unwrap_or_default();
            if ["type", "vlan", "qinq", "vxlan", "interfaces"]
                .contains(&field.split('.').next().unwrap_or(""))
            {
                let line = place::line_of(document, &format!("spec.{field}")).unwrap_or(line);
                return (line, format!("spec.{text}"));
            }
            (line, at(document, spot, &text))
        }
    }
}

/// The first line that says something.
pub fn first_line(text: &str) -> usize {
    let says_something = |line: &str| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with('#')
    };
    text.lines()
        .position(says_something)
        .map_or(1, |index| index + 1)
}

fn scalar(ty: &str) -> &str {
    if ty.starts_with(['u', 'i']) {
        "write a whole number"
    } else {
        "write a single value"
    }
}

/// The words with the field before them, where the document can be read well enough to know it.
fn at(document: &str, spot: Spot, text: &str) -> String {
    match place::field_at(document, spot) {
        Some(field) => format!("{field}: {text}"),
        None => text.to_owned(),
    }
}

fn parent(field: &str) -> Option<String> {
    field.rsplit_once('.').map(|(parent, _)| parent.to_owned())
}

fn join(around: Option<&str>, field: &str) -> String {
    around.map_or_else(|| field.to_owned(), |around| format!("{around}.{field}"))
}

/// The parser's message without the place, which the caller prints before it.
fn without_place(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    let end = first.find(" at line ").unwrap_or(first.len());
    let text = first[..end].trim_start_matches("error: ");
    if text.contains("found a tab") {
        "indent with spaces, not with tabs".to_owned()
    } else {
        text.to_owned()
    }
}
