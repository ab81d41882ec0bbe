//! The pages that `weftctl explain` prints.

use std::fmt::Write;

use weft_model::object::Kind;

use super::schema::{Duty, Field, Schema};

/// How wide the text is.
const WIDTH: usize = 80;

/// A topic that does not exist, with what does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// The kind is not one.
    #[error("{0}")]
    Kind(String),
    /// The kind has no such field.
    #[error("{kind} has no field {path}: {around} has {known}")]
    Field {
        /// The kind.
        kind: Kind,
        /// What was asked for.
        path: String,
        /// The field that was found on the way there.
        around: String,
        /// What can be asked for instead.
        known: String,
    },
    /// The field has none below it.
    #[error("{around} of {kind} has no fields: its type is {form}")]
    Leaf {
        /// The kind.
        kind: Kind,
        /// The field that was found.
        around: String,
        /// What it is.
        form: String,
    },
}

/// The list of kinds.
pub fn kinds(schema: &Schema) -> String {
    let mut page = String::new();
    for kind in Kind::ALL {
        let first = schema.kind(kind).split(". ").next().unwrap_or_default();
        let _ = writeln!(
            page,
            "{:<12} {}",
            kind.as_str(),
            first.trim_end_matches('.')
        );
    }
    page.push_str("\nweftctl explain KIND tells more, and KIND.FIELD of one field.\n");
    page
}

/// How deep a page goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The fields of the topic.
    Next,
    /// All below it.
    All,
}

/// The page of a topic, `zone` or `zone.spec.vxlan`. The `spec.` may be left out.
///
/// # Errors
/// When there is no such kind or field.
pub fn topic(schema: &Schema, topic: &str, depth: Depth) -> Result<String, TopicError> {
    let (kind, path) = topic.split_once('.').unwrap_or((topic, ""));
    let kind: Kind = kind
        .parse()
        .map_err(|error: weft_model::object::KindError| TopicError::Kind(error.to_string()))?;
    let mut page = format!("KIND      {kind}\nVERSION   weft/v1\n");
    if path.is_empty() {
        let _ = write!(page, "\n{}", wrapped(schema.kind(kind), 0));
    } else {
        let (path, field) = find(schema, kind, path)?;
        let _ = writeln!(page, "FIELD     {path}");
        let _ = writeln!(page, "TYPE      {}", field.form);
        let duty = match field.duty {
            Duty::Required => "required",
            Duty::Optional => "optional",
            Duty::ReadOnly => "set by the system",
        };
        let _ = writeln!(page, "          {duty}");
        let _ = write!(page, "\n{}", wrapped(&field.comment, 0));
        return Ok(with_fields(page, schema, kind, &path, depth));
    }
    Ok(with_fields(page, schema, kind, "", depth))
}

fn with_fields(mut page: String, schema: &Schema, kind: Kind, path: &str, depth: Depth) -> String {
    if !schema.fields(kind, path).is_empty() {
        page.push_str("\nFIELDS\n");
        list(&mut page, schema, kind, path, depth, 2);
    }
    page
}

fn list(page: &mut String, schema: &Schema, kind: Kind, path: &str, depth: Depth, indent: usize) {
    for field in schema.fields(kind, path) {
        let mark = match field.duty {
            Duty::Required => ", required",
            Duty::Optional => "",
            Duty::ReadOnly => ", set by the system",
        };
        let _ = writeln!(page, "{:indent$}{} ({}{mark})", "", field.name, field.form);
        page.push_str(&wrapped(&field.comment, indent + 4));
        // The spec is what people write: it is shown with the object.
        if depth == Depth::All || (path.is_empty() && field.name == "spec") {
            let below = match path {
                "" => field.name.clone(),
                path => format!("{path}.{}", field.name),
            };
            list(page, schema, kind, &below, depth, indent + 2);
        }
    }
}

/// The field that a path names, with the whole path.
fn find(schema: &Schema, kind: Kind, path: &str) -> Result<(String, Field), TopicError> {
    for whole in [path.to_owned(), format!("spec.{path}")] {
        if let Some(field) = schema.field(kind, &whole) {
            return Ok((whole, field));
        }
    }
    // The longest beginning of the path that exists tells what could have been meant.
    let mut around = path;
    let found = loop {
        around = around.rsplit_once('.').map_or("", |(parent, _)| parent);
        let whole = format!("spec.{around}");
        match (schema.field(kind, around), schema.field(kind, &whole)) {
            (Some(field), _) => break Some((around.to_owned(), field)),
            (None, Some(field)) => break Some((whole, field)),
            (None, None) if around.is_empty() => break None,
            (None, None) => {}
        }
    };
    let whole = found.as_ref().map_or("spec", |(whole, _)| whole.as_str());
    let fields = schema.fields(kind, whole);
    match found {
        Some((around, field)) if fields.is_empty() => Err(TopicError::Leaf {
            kind,
            around,
            form: field.form,
        }),
        _ => Err(TopicError::Field {
            kind,
            path: path.to_owned(),
            around: whole.to_owned(),
            known: fields
                .into_iter()
                .map(|field| field.name)
                .collect::<Vec<_>>()
                .join(", "),
        }),
    }
}

/// The text in lines of at most [`WIDTH`] columns, indented.
fn wrapped(text: &str, indent: usize) -> String {
    let mut lines = String::new();
    let mut line = " ".repeat(indent);
    for word in text.split_whitespace() {
        let is_started = line.len() > indent;
        if is_started && line.len() + 1 + word.len() > WIDTH {
            lines.push_str(&line);
            lines.push('\n');
            line = " ".repeat(indent);
        } else if is_started {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(name: &str) -> Result<String, String> {
        let schema = Schema::compiled().unwrap();
        topic(&schema, name, Depth::Next).map_err(|error| error.to_string())
    }

    #[test]
    fn pages_of_kinds_and_fields() {
        let schema = Schema::compiled().unwrap();
        let pages = [
            kinds(&schema),
            page("zone").unwrap(),
            page("zone.spec.vxlan").unwrap(),
            page("vnets.tag").unwrap(),
            topic(&schema, "subnet.spec", Depth::All).unwrap(),
        ];
        insta::assert_snapshot!(pages.join("\n--------\n"));
    }

    #[test]
    fn the_spec_may_be_left_out() {
        assert_eq!(page("zone.vxlan.peers"), page("zone.spec.vxlan.peers"));
    }

    #[test]
    fn a_topic_that_does_not_exist_is_told_what_does() {
        assert_eq!(
            page("pod").unwrap_err(),
            "\"pod\" is not a kind of object: use Node, HostNetwork, PrefixList, RouteMap, Fabric, \
             Controller, FrrSnippet, Zone, Vnet or Subnet"
        );
        assert_eq!(
            page("zone.vxlan.vni").unwrap_err(),
            "Zone has no field vxlan.vni: spec.vxlan has peers, underlay, port, learning, fabric"
        );
        assert_eq!(
            page("vnet.color").unwrap_err(),
            "Vnet has no field color: spec has zone, tag, vlan, alias, mac, vlanAware, \
             isolatePorts, distinguisher, targets"
        );
        assert_eq!(
            page("vnet.tag.x").unwrap_err(),
            "spec.tag of Vnet has no fields: its type is integer"
        );
    }
}
