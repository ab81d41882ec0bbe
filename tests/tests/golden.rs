//! The cases: objects and facts, and everything that follows from them, kept as files.
//!
//! `tests/cases/<case>/` holds `objects.yaml`, `facts.json` (by node), and in `expected/` the notes
//! and, for every node, the plan (`<node>.json`) and the same in words (`<node>.txt`). A case named
//! A case named `change-<kind>-<name>` has `before.yaml` too, and what is expected is `change.txt`:
//! what kind of change each object makes, and what each node would do. A case named
//! `example-<name>` takes its objects from `deploy/examples/<name>.yaml`. As a node's agent makes the
//! node with its first hello, a node with facts need not be among the objects.
//!
//! `WEFT_GOLDEN=update` writes what comes out now; look at the difference before you commit it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use weft_core::class::{self, Class};
use weft_core::compile;
use weft_core::intent::Intent;
use weft_core::plan_text;
use weft_core::snapshot::Snapshot;
use weft_core::validate::validate;
use weft_model::facts::Facts;
use weft_model::name::NodeName;
use weft_model::object::node::NodeSpec;
use weft_model::object::{API_VERSION, Kind, Labels, Metadata, Node, Object};
use weft_model::plan::NodePlan;
use weft_model::revision::Version;

/// What a cluster comes from, in the cases of changes.
const BEFORE: &str = "before.yaml";

#[test]
fn every_case_comes_out_as_expected() -> Result<()> {
    let update = std::env::var_os("WEFT_GOLDEN").is_some_and(|value| value == "update")
        || std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always");
    let mut wrong = Vec::new();
    let cases = cases()?;
    ensure!(cases.len() > 40, "only {} cases were found", cases.len());
    for case in &cases {
        let name = file_name(case);
        let found = outcome(case).with_context(|| format!("case {name}"))?;
        let expected = case.join("expected");
        if update {
            write(&expected, &found).with_context(|| format!("case {name}"))?;
        }
        for difference in differences(&read_all(&expected)?, &found) {
            wrong.push(format!("{name}/expected/{difference}"));
        }
    }
    ensure!(
        wrong.is_empty(),
        "{} of {} cases differ; WEFT_GOLDEN=update accepts what came out\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
    Ok(())
}

#[test]
fn every_example_is_a_case() -> Result<()> {
    let mut without = Vec::new();
    for example in entries(&examples())? {
        if let Some(name) = file_name(&example).strip_suffix(".yaml")
            && !cases_folder().join(format!("example-{name}")).is_dir()
        {
            without.push(name.to_owned());
        }
    }
    assert_eq!(without, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_case_is_refused_just_where_its_name_says_so() -> Result<()> {
    for case in cases()? {
        let name = file_name(&case);
        let refused = validate(&snapshot(&case)?).is_err();
        assert_eq!(refused, name.starts_with("refused-"), "{name}");
    }
    Ok(())
}

#[test]
fn a_change_is_of_the_kind_that_its_name_says() -> Result<()> {
    let mut kinds = BTreeSet::new();
    for case in cases()? {
        let name = file_name(&case);
        if let Some(rest) = name.strip_prefix("change-") {
            let class = class::gravest(&class::classify(&before(&case)?, &after(&case)?));
            let word = class.map_or("no change", Class::as_str);
            ensure!(rest.starts_with(word), "{name} is {word}");
            kinds.insert(word);
        }
    }
    assert_eq!(kinds.len(), 4, "{kinds:?}");
    Ok(())
}

/// The files that follow from a case, by name.
fn outcome(case: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    if case.join(BEFORE).exists() {
        files.insert(
            "change.txt".to_owned(),
            change(&before(case)?, &after(case)?),
        );
        return Ok(files);
    }
    match validate(&snapshot(case)?) {
        Err(notes) => {
            files.insert("notes.txt".to_owned(), lines(&notes));
        }
        Ok((intent, notes)) => {
            files.insert("notes.txt".to_owned(), lines(&notes));
            for (node, plan) in compile::all(&intent) {
                let words =
                    plan_text::changes(&NodePlan::default(), &NodePlan::default().delta(&plan));
                files.insert(format!("{node}.txt"), lines(&words));
                let json = serde_json::to_string_pretty(&plan)?;
                let again: NodePlan = serde_json::from_str(&json)?;
                ensure!(
                    again == plan,
                    "the plan of {node} is not read as it is written"
                );
                files.insert(format!("{node}.json"), json + "\n");
            }
        }
    }
    Ok(files)
}

/// What a change is, and what it does.
fn change(before: &Intent, after: &Intent) -> String {
    let mut text = String::new();
    let changes = class::classify(before, after);
    let overall = class::gravest(&changes).map_or("no change", Class::as_str);
    text += &format!("{overall}\n");
    for object in &changes {
        text += &format!("{}\n", object.key);
        for (class, what) in &object.changes {
            text += &format!("  {}: {what}\n", class.as_str());
        }
    }
    for (node, delta) in compile::update(before, after) {
        text += &format!("{node}\n");
        for line in plan_text::changes(&compile::node(before, &node), &delta) {
            text += &format!("  {line}\n");
        }
    }
    text
}

fn before(case: &Path) -> Result<Intent> {
    valid(&snapshot_of(case, &case.join(BEFORE))?)
}

fn after(case: &Path) -> Result<Intent> {
    valid(&snapshot(case)?)
}

fn valid(snapshot: &Snapshot) -> Result<Intent> {
    match validate(snapshot) {
        Ok((intent, _)) => Ok(intent),
        Err(notes) => bail!("it is not valid: {}", lines(&notes)),
    }
}

fn lines<T: ToString>(things: &[T]) -> String {
    things.iter().map(|it| it.to_string() + "\n").collect()
}

fn differences(
    expected: &BTreeMap<String, String>,
    found: &BTreeMap<String, String>,
) -> Vec<String> {
    let names: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    names
        .into_iter()
        .filter(|name| expected.get(*name) != found.get(*name))
        .map(|name| {
            let side = |files: &BTreeMap<String, String>| match files.get(name) {
                Some(text) => text.clone(),
                None => "(no such file)\n".to_owned(),
            };
            format!(
                "{name}\n--- expected\n{}+++ found\n{}",
                side(expected),
                side(found)
            )
        })
        .collect()
}

/// The objects and facts of a case.
fn snapshot(case: &Path) -> Result<Snapshot> {
    let name = file_name(case);
    let file = match name.strip_prefix("example-") {
        Some(example) => examples().join(format!("{example}.yaml")),
        None => case.join("objects.yaml"),
    };
    snapshot_of(case, &file)
}

/// These objects, and the facts of a case.
fn snapshot_of(case: &Path, file: &Path) -> Result<Snapshot> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {file:?}"))?;
    let mut objects = objects(&text).with_context(|| format!("in {file:?}"))?;
    let text = fs::read_to_string(case.join("facts.json")).context("cannot read facts.json")?;
    let facts: BTreeMap<NodeName, Facts> = serde_json::from_str(&text).context("in facts.json")?;
    for node in facts.keys() {
        let declared = objects
            .iter()
            .any(|object| object.kind() == Kind::Node && object.name() == node.as_str());
        if !declared {
            objects.push(Object::Node(Node {
                metadata: Metadata {
                    name: node.clone(),
                    labels: Labels::new(),
                },
                spec: NodeSpec::default(),
            }));
        }
    }
    Ok(Snapshot::new(Version(1), objects, facts))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Manifest {
    api_version: String,
    kind: String,
    metadata: Value,
    spec: Value,
}

fn objects(text: &str) -> Result<Vec<Object>> {
    let manifests: Vec<Manifest> = serde_saphyr::from_multiple(text)?;
    let mut objects = Vec::new();
    for manifest in manifests {
        ensure!(
            manifest.api_version == API_VERSION,
            "{}",
            manifest.api_version
        );
        objects.push(match manifest.kind.parse()? {
            Kind::Node => Object::Node(declared(manifest)?),
            Kind::HostNetwork => Object::HostNetwork(declared(manifest)?),
            Kind::PrefixList => Object::PrefixList(declared(manifest)?),
            Kind::RouteMap => Object::RouteMap(declared(manifest)?),
            Kind::Controller => Object::Controller(declared(manifest)?),
            Kind::Fabric => Object::Fabric(declared(manifest)?),
            Kind::FrrSnippet => Object::FrrSnippet(declared(manifest)?),
            Kind::Zone => Object::Zone(declared(manifest)?),
            Kind::Vnet => Object::Vnet(declared(manifest)?),
            Kind::Subnet => Object::Subnet(declared(manifest)?),
        });
    }
    Ok(objects)
}

fn declared<T: DeserializeOwned>(manifest: Manifest) -> Result<T> {
    let json = serde_json::json!({ "metadata": manifest.metadata, "spec": manifest.spec });
    serde_json::from_value(json).with_context(|| format!("{} {}", manifest.kind, manifest.metadata))
}

fn write(folder: &Path, files: &BTreeMap<String, String>) -> Result<()> {
    fs::create_dir_all(folder)?;
    for name in read_all(folder)?.keys() {
        fs::remove_file(folder.join(name))?;
    }
    for (name, text) in files {
        fs::write(folder.join(name), text)?;
    }
    Ok(())
}

fn read_all(folder: &Path) -> Result<BTreeMap<String, String>> {
    if !folder.exists() {
        return Ok(BTreeMap::new());
    }
    let read = |path: PathBuf| Ok((file_name(&path), fs::read_to_string(&path)?));
    entries(folder)?.into_iter().map(read).collect()
}

fn cases_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/examples")
}

fn cases() -> Result<Vec<PathBuf>> {
    let mut cases = entries(&cases_folder())?;
    cases.retain(|path| path.is_dir());
    ensure!(
        !cases.is_empty(),
        "there are no cases in {:?}",
        cases_folder()
    );
    Ok(cases)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listing = fs::read_dir(folder).with_context(|| format!("cannot list {folder:?}"))?;
    let mut paths = listing
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}
