//! Where in a file a field of an object stands.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// A line in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's path, or `stdin`.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The line, within the document, of a field such as `spec.vxlan.peers`, `spec.nodes.names[2]` or
/// `spec.interfaces[vmbr0].mtu`; where the field is not written, that of the nearest field around it.
pub fn line_of(document: &str, field: &str) -> Option<usize> {
    let tree: Tree = serde_saphyr::from_str(document).ok()?;
    let mut here = &tree;
    let mut line = None;
    for step in steps(field) {
        let Some((found, below)) = here.step(step) else {
            break;
        };
        line = Some(found);
        here = below;
    }
    line
}

/// The steps of a path. What is in brackets is one, whatever is in it: `interfaces[vmbr0.5]`; keys
/// of labels are in quotes too: `labels["a"]`.
fn steps(field: &str) -> Vec<&str> {
    let mut steps = Vec::new();
    let mut rest = field;
    while let Some((plain, after)) = rest.split_once('[') {
        let (inside, after) = after.split_once(']').unwrap_or((after, ""));
        steps.extend(plain.split('.'));
        steps.push(inside.trim_matches('"'));
        rest = after;
    }
    steps.extend(rest.split('.'));
    steps.retain(|step| !step.is_empty());
    steps
}

/// Where something starts: line and column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The line.
    pub line: usize,
    /// The column, which tells the fields of a line apart where several share one.
    pub column: usize,
}

impl From<&serde_saphyr::Location> for Spot {
    fn from(location: &serde_saphyr::Location) -> Self {
        // A number beyond this machine's range does not exist in its memory.
        let number = |it: u64| usize::try_from(it).unwrap_or(usize::MAX);
        Self {
            line: number(location.line()),
            column: number(location.column()),
        }
    }
}

/// The innermost field of the spot's line that has begun there, `spec.vxlan.learning`.
pub fn field_at(document: &str, spot: Spot) -> Option<String> {
    let tree: Tree = serde_saphyr::from_str(document).ok()?;
    let mut fields = Vec::new();
    tree.fields("", spot.line, &mut fields);
    let begun = fields.iter().rev().find(|(at, _)| *at <= spot);
    begun
        .or_else(|| fields.first())
        .map(|(_, field)| field.clone())
}

/// A document as nothing but keys and where they start.
enum Tree {
    Map(Vec<(String, Spot, Tree)>),
    List(Vec<(Spot, Tree)>),
    Text(String),
    Leaf,
}

impl Tree {
    fn step(&self, step: &str) -> Option<(usize, &Self)> {
        match self {
            Self::Map(entries) => entries
                .iter()
                .find(|(key, ..)| key == step)
                .map(|(_, at, below)| (at.line, below)),
            Self::List(items) => {
                let named = items.iter().find(|(_, it)| it.name() == Some(step));
                let numbered = || items.get(step.parse::<usize>().ok()?);
                let (at, below) = named.or_else(numbered)?;
                Some((at.line, below))
            }
            Self::Text(_) | Self::Leaf => None,
        }
    }

    /// What the field `name` says, where there is one.
    fn name(&self) -> Option<&str> {
        let Self::Map(entries) = self else {
            return None;
        };
        let name = entries.iter().find(|(key, ..)| key == "name");
        match name {
            Some((_, _, Self::Text(name))) => Some(name),
            Some(_) | None => None,
        }
    }

    /// The fields that start on a line, in the order of the document, outer before inner.
    fn fields(&self, around: &str, line: usize, found: &mut Vec<(Spot, String)>) {
        let mut see = |at: Spot, field: String, below: &Self| {
            if at.line == line {
                found.push((at, field.clone()));
            }
            below.fields(&field, line, found);
        };
        match self {
            Self::Map(entries) => {
                let dot = if around.is_empty() { "" } else { "." };
                for (key, at, below) in entries {
                    see(*at, format!("{around}{dot}{key}"), below);
                }
            }
            Self::List(items) => {
                for (index, (at, below)) in items.iter().enumerate() {
                    see(*at, format!("{around}[{index}]"), below);
                }
            }
            Self::Text(_) | Self::Leaf => {}
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Grow)
    }
}

struct Grow;

impl<'de> Visitor<'de> for Grow {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, below)) = map.next_entry::<Spanned<String>, Tree>()? {
            entries.push((key.value, Spot::from(&key.referenced), below));
        }
        Ok(Tree::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element::<Spanned<Tree>>()? {
            items.push((Spot::from(&item.referenced), item.value));
        }
        Ok(Tree::List(items))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_some<D: serde::Deserializer<'de>>(self, inner: D) -> Result<Tree, D::Error> {
        IgnoredAny::deserialize(inner).map(|_| Tree::Leaf)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: &str = "\
kind: Zone
metadata:
  name: z1
  labels:
    a: b
spec:
  type: vxlan
  vxlan:
    peers:
      - 10.0.0.1
      - 10.0.0.2
    learning: true
";

    #[test]
    fn a_field_is_found_by_its_path() {
        let lines = [
            ("kind", Some(1)),
            ("metadata.name", Some(3)),
            ("metadata.labels[\"a\"]", Some(5)),
            ("spec.vxlan.learning", Some(12)),
            ("spec.vxlan.peers[1]", Some(11)),
            ("spec.vxlan.peers.1", Some(11)),
        ];
        for (field, line) in lines {
            assert_eq!(line_of(ZONE, field), line, "{field}");
        }
    }

    #[test]
    fn what_has_a_name_in_a_list_is_found_by_it() {
        let host = "\
spec:
  interfaces:
    - name: eth0
      mtu: 9000
    - mtu: 1500
      name: vmbr0.5
      vlan: {device: vmbr0, tag: 5}
";
        let lines = [
            ("spec.interfaces[eth0].mtu", Some(4)),
            ("spec.interfaces[vmbr0.5].mtu", Some(5)),
            ("spec.interfaces[vmbr0.5].vlan.tag", Some(7)),
            ("spec.interfaces[1].name", Some(6)),
            ("spec.interfaces[eth9].mtu", Some(2)),
        ];
        for (field, line) in lines {
            assert_eq!(line_of(host, field), line, "{field}");
        }
    }

    #[test]
    fn a_line_is_known_by_its_innermost_field() {
        let fields = [
            (1, Some("kind")),
            (6, Some("spec")),
            (11, Some("spec.vxlan.peers[1]")),
            (12, Some("spec.vxlan.learning")),
            (99, None),
        ];
        for (line, field) in fields {
            let spot = Spot { line, column: 40 };
            assert_eq!(field_at(ZONE, spot).as_deref(), field, "{line}");
        }
    }

    #[test]
    fn fields_that_share_a_line_are_told_apart_by_the_column() {
        let flow = "kind: Vnet\nspec: {zone: z1, tag: 7, nodes: {names: [a, b]}}\n";
        let fields = [
            (1, "spec"),
            (7, "spec"),
            (8, "spec.zone"),
            (14, "spec.zone"),
            (18, "spec.tag"),
            (50, "spec.nodes.names[1]"),
        ];
        for (column, field) in fields {
            let spot = Spot { line: 2, column };
            assert_eq!(field_at(flow, spot).as_deref(), Some(field), "{column}");
        }
    }

    #[test]
    fn a_field_that_is_not_written_is_where_it_would_be() {
        assert_eq!(line_of(ZONE, "spec.mtu"), Some(6));
        assert_eq!(line_of(ZONE, "status.live"), None);
    }
}
