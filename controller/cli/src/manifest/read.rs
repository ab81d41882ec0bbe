//! Manifests read: every document checked, every problem named with its file and line.
//!
//! # Guarantees
//! Everything is read before anything is used: either all objects of all files come back, or all
//! problems. Unknown fields, duplicate keys and duplicate objects are problems.
//!
//! Each document is parsed twice, first for its kind and then as that kind, because a parser that
//! must look at the kind while it reads the rest loses the lines and guesses at types.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_saphyr::Spanned;
use weft_model::object::controller::ControllerSpec;
use weft_model::object::fabric::FabricSpec;
use weft_model::object::frr_snippet::FrrSnippetSpec;
use weft_model::object::host_network::HostNetworkSpec;
use weft_model::object::node::NodeSpec;
use weft_model::object::prefix_list::PrefixListSpec;
use weft_model::object::route_map::RouteMapSpec;
use weft_model::object::subnet::SubnetSpec;
use weft_model::object::vnet::VnetSpec;
use weft_model::object::zone::ZoneSpec;
use weft_model::object::{API_VERSION, Declared, Kind, Labels, Metadata, Object, ObjectKey};

use super::complaint::{complaint, first_line};
use super::document::{Document, Source};
use super::place::{self, Place, Spot};

/// How many YAML nodes one document may have: far more than any object needs, few enough that a
/// file made to exhaust memory is refused.
const MOST_NODES: usize = 2_000_000;

/// An object with the place that it was read from.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The object.
    pub object: Object,
    /// The version that it must still have; zero where the manifest does not say.
    pub version: u64,
    /// Its document's first line.
    pub place: Place,
    text: Arc<str>,
    start: usize,
}

impl Manifest {
    /// Where a field of the object is written, or would be.
    pub fn place_of(&self, field: &str) -> Place {
        let line = place::line_of(&self.text, field);
        line.map_or_else(|| self.place.clone(), |line| self.at(line))
    }

    fn at(&self, line: usize) -> Place {
        Place {
            file: Arc::clone(&self.place.file),
            line: self.start + line - 1,
        }
    }
}

/// Something that makes a manifest unusable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What is wrong, and what would be right.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// Reads every object in the sources, in their order.
///
/// # Errors
/// Every problem found, when there is one.
pub fn read(sources: &[Source]) -> Result<Vec<Manifest>, Vec<Problem>> {
    let mut manifests: Vec<Manifest> = Vec::new();
    let mut problems = Vec::new();
    let mut seen: BTreeMap<ObjectKey, Place> = BTreeMap::new();
    for source in sources {
        for document in source.documents() {
            match read_document(source, document) {
                Ok(manifest) => {
                    let key = manifest.object.key();
                    if let Some(first) = seen.get(&key) {
                        problems.push(Problem {
                            place: manifest.place.clone(),
                            text: format!("{key} is also at {first}: keep one of them"),
                        });
                        continue;
                    }
                    seen.insert(key, manifest.place.clone());
                    manifests.push(manifest);
                }
                Err(problem) => problems.push(problem),
            }
        }
    }
    if problems.is_empty() {
        Ok(manifests)
    } else {
        Err(problems)
    }
}

/// What tells the kind of a document; everything else in it is left for the second reading.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    api_version: Option<Spanned<String>>,
    kind: Option<Spanned<String>>,
}

/// A document whose kind is known.
#[derive(Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    bound = "Name: Deserialize<'de>, Spec: Deserialize<'de>"
)]
struct Typed<Name, Spec> {
    #[serde(rename = "apiVersion")]
    _api_version: IgnoredAny,
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    metadata: TypedMetadata<Name>,
    spec: Spec,
    #[serde(default, rename = "status")]
    _status: Option<IgnoredAny>,
}

/// Name and labels, and what the system wrote there when the manifest was its own output.
#[derive(Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    bound = "Name: Deserialize<'de>"
)]
struct TypedMetadata<Name> {
    name: Name,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    version: Option<u64>,
    #[serde(default, rename = "generation")]
    _generation: Option<IgnoredAny>,
    #[serde(default, rename = "uid")]
    _uid: Option<IgnoredAny>,
    #[serde(default, rename = "created")]
    _created: Option<IgnoredAny>,
}

fn read_document(source: &Source, document: Document<'_>) -> Result<Manifest, Problem> {
    let at = |line: usize| Place {
        file: Arc::clone(&source.name),
        line: document.line + line - 1,
    };
    let first = first_line(document.text);
    let problem = |line: usize, text: String| Problem {
        place: at(line),
        text,
    };
    let unreadable = |error: serde_saphyr::Error| {
        let (line, text) = complaint(document.text, &error);
        problem(line, text)
    };
    let header: Header = parse(document.text).map_err(unreadable)?;
    let wanted = format!("write apiVersion: {API_VERSION}");
    match header.api_version {
        Some(version) if version.value == API_VERSION => {}
        Some(version) => {
            let line = Spot::from(&version.referenced).line;
            let text = format!("apiVersion {:?} is not known: {wanted}", version.value);
            return Err(problem(line, text));
        }
        None => return Err(problem(first, format!("apiVersion is missing: {wanted}"))),
    }
    let Some(kind) = header.kind else {
        let text = format!("kind is missing: write kind: {}", Kind::LIST);
        return Err(problem(first, text));
    };
    let named = Kind::ALL
        .into_iter()
        .find(|known| known.as_str() == kind.value)
        .ok_or_else(|| {
            let text = format!("kind {:?} is not known: write {}", kind.value, Kind::LIST);
            problem(Spot::from(&kind.referenced).line, text)
        })?;
    let read = match named {
        Kind::Node => typed::<_, NodeSpec>(document.text).map(|(it, v)| (Object::Node(it), v)),
        Kind::HostNetwork => {
            typed::<_, HostNetworkSpec>(document.text).map(|(it, v)| (Object::HostNetwork(it), v))
        }
        Kind::PrefixList => {
            typed::<_, PrefixListSpec>(document.text).map(|(it, v)| (Object::PrefixList(it), v))
        }
        Kind::RouteMap => {
            typed::<_, RouteMapSpec>(document.text).map(|(it, v)| (Object::RouteMap(it), v))
        }
        Kind::FrrSnippet => {
            typed::<_, FrrSnippetSpec>(document.text).map(|(it, v)| (Object::FrrSnippet(it), v))
        }
        Kind::Fabric => {
            typed::<_, FabricSpec>(document.text).map(|(it, v)| (Object::Fabric(it), v))
        }
        Kind::Controller => {
            typed::<_, ControllerSpec>(document.text).map(|(it, v)| (Object::Controller(it), v))
        }
        Kind::Zone => typed::<_, ZoneSpec>(document.text).map(|(it, v)| (Object::Zone(it), v)),
        Kind::Vnet => typed::<_, VnetSpec>(document.text).map(|(it, v)| (Object::Vnet(it), v)),
        Kind::Subnet => {
            typed::<_, SubnetSpec>(document.text).map(|(it, v)| (Object::Subnet(it), v))
        }
    };
    let (object, version) = read.map_err(unreadable)?;
    Ok(Manifest {
        object,
        version,
        place: at(first),
        text: document.text.into(),
        start: document.line,
    })
}

fn typed<Name, Spec>(text: &str) -> Result<(Declared<Name, Spec>, u64), serde_saphyr::Error>
where
    Name: DeserializeOwned,
    Spec: DeserializeOwned,
{
    let read: Typed<Name, Spec> = parse(text)?;
    let declared = Declared {
        metadata: Metadata {
            name: read.metadata.name,
            labels: read.metadata.labels,
        },
        spec: read.spec,
    };
    Ok((declared, read.metadata.version.unwrap_or_default()))
}

/// Reads YAML strictly: only `true` and `false` are booleans, no key stands twice.
///
/// # Errors
/// When the text is no YAML, or not of the type.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, serde_saphyr::Error> {
    let mut budget = serde_saphyr::Budget::default();
    budget.max_nodes = MOST_NODES;
    budget.max_events = 4 * MOST_NODES;
    let options = serde_saphyr::options! {
        strict_booleans: true,
        budget: Some(budget),
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source {
            name: "net.yaml".into(),
            text: text.to_owned(),
        }
    }

    fn problems(text: &str) -> Vec<String> {
        let problems = read(&[source(text)]).unwrap_err();
        problems.iter().map(ToString::to_string).collect()
    }

    fn vnet(spec: &str) -> String {
        format!("apiVersion: weft/v1\nkind: Vnet\nmetadata:\n  name: web\nspec:\n{spec}")
    }

    #[test]
    fn several_documents_are_read_in_order() {
        let text = format!("# two\n---\n{}---\n{}", vnet("  zone: blue\n"), {
            vnet("  zone: blue\n").replace("web", "db")
        });
        let read = read(&[source(&text)]).unwrap();
        let keys: Vec<String> = read.iter().map(|it| it.object.key().to_string()).collect();
        assert_eq!(keys, ["vnet/web", "vnet/db"]);
        assert_eq!(read[1].place.to_string(), "net.yaml:10");
        assert_eq!(read[1].place_of("spec.zone").to_string(), "net.yaml:15");
        assert_eq!(read[1].place_of("spec.tag").to_string(), "net.yaml:14");
    }

    #[test]
    fn every_problem_is_named_with_its_line() {
        let cases = [
            (vnet("  zone: blue\n  colour: red\n"), "colour"),
            (vnet("  zone: blue\n  zone: red\n"), "zone"),
            (vnet("  zone: blue\n  tag: 16777216\n"), "1 to 16777215"),
            (vnet("  zone: blue\n  tag: many\n"), "tag"),
            (vnet("  tag: 5\n"), "zone"),
            (vnet("  zone: -x\n"), "zone name"),
            (vnet("  zone: blue\n  mac: 01:00:5e:00:00:01\n"), "unicast"),
            (vnet("  zone: [blue\n"), "bracket"),
            (vnet("  zone: blue\n\ttag: 5\n"), ""),
            ("kind: Vnet\n".to_owned(), "apiVersion is missing"),
            ("apiVersion: v1\nkind: Vnet\n".to_owned(), "write apiVersion: weft/v1"),
            ("apiVersion: weft/v1\n".to_owned(), "kind is missing"),
            ("apiVersion: weft/v1\nkind: Pod\n".to_owned(), "Zone, Vnet or Subnet"),
            ("- 1\n".to_owned(), ""),
            ("apiVersion: weft/v1\nkind: Zone\nmetadata:\n  name: z1\nspec:\n  type: evpn\n".to_owned(), "needs these options"),
            ("apiVersion: weft/v1\nkind: Zone\nmetadata:\n  name: z1\nspec:\n  type: vxlan\n  vxlan:\n    learning: yes\n".to_owned(), "true or false"),
            ("apiVersion: weft/v1\nkind: Zone\nmetadata:\n  name: z1\nspec:\n  type: simple\n  nodes:\n    names: []\n".to_owned(), "leave `nodes` out"),
        ];
        let mut found = Vec::new();
        for (text, part) in &cases {
            let problems = problems(text);
            assert_eq!(problems.len(), 1, "{text}");
            assert!(problems[0].contains(part), "{part}: {}", problems[0]);
            found.extend(problems);
        }
        insta::assert_snapshot!(found.join("\n"));
    }

    #[test]
    fn a_field_among_several_on_a_line_is_the_one_that_is_blamed() {
        let flow = |spec: &str| {
            format!("apiVersion: weft/v1\nkind: Vnet\nmetadata: {{name: web}}\nspec: {spec}\n")
        };
        let cases = [
            (
                "{zone: blue, tag: many}",
                "net.yaml:4: spec.tag: write a whole number",
            ),
            (
                "{zone: blue, tag: 0, mac: no}",
                "net.yaml:4: spec.tag: 0 is not a tag: use 1 to 16777215",
            ),
            ("{tag: 5}", "net.yaml:4: spec.zone is missing"),
            (
                "{zone: blue, colour: red}",
                "net.yaml:4: spec.colour: there is no such field: use zone, tag, vlan, alias, mac, vlanAware, isolatePorts, distinguisher, targets",
            ),
            (
                "{zone: blue, tag: 7, alias: \"a\\nb\"}",
                "net.yaml:4: spec.alias: \"a\\nb\" is not one line of printable text of at most 200 bytes",
            ),
        ];
        for (spec, expected) in cases {
            assert_eq!(problems(&flow(spec)), [expected]);
        }
    }

    #[test]
    fn one_broken_document_does_not_hide_the_next() {
        let text = format!("{}---\n{}", vnet("  zone: -x\n"), vnet("  zome: blue\n"));
        let problems = problems(&text);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("net.yaml:6: "), "{problems:?}");
        assert!(problems[1].starts_with("net.yaml:13: "), "{problems:?}");
    }

    #[test]
    fn an_object_that_stands_twice_is_refused() {
        let text = format!("{0}---\n{0}", vnet("  zone: blue\n"));
        assert_eq!(
            problems(&text),
            ["net.yaml:8: vnet/web is also at net.yaml:1: keep one of them"]
        );
    }

    #[test]
    fn a_file_of_many_objects_is_read() {
        let one =
            "apiVersion: weft/v1\nkind: Vnet\nmetadata:\n  name: vnNNN\nspec:\n  zone: blue\n";
        let documents = (0..5_000).map(|n| one.replace("NNN", &n.to_string()));
        let text = documents.collect::<Vec<_>>().join("---\n");
        assert_eq!(read(&[source(&text)]).unwrap().len(), 5_000);
    }
}
