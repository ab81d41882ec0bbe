//! What differs between two sets of objects, field by field.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};
use weft_model::object::{Kind, ObjectKey};

use crate::shelf::Shelf;
use crate::snapshot::Snapshot;

/// How an object of the draft differs from what is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pending {
    /// It is in the draft only.
    New,
    /// It is in both, and not the same.
    Changed,
    /// It is published and no longer in the draft.
    Deleted,
}

impl Pending {
    /// The word that clients show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
        }
    }
}

/// One object that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectDiff {
    /// The object.
    pub key: ObjectKey,
    /// How it differs.
    pub pending: Pending,
    /// The fields that differ, in the order of their paths.
    pub fields: Vec<FieldDiff>,
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldDiff {
    /// The field, `spec.tag`.
    pub field: String,
    /// What it was; `None` where it was not there.
    pub before: Option<Value>,
    /// What it is; `None` where it is not there any more.
    pub after: Option<Value>,
}

/// Every object that differs, kind by kind in the order of [`Kind::ALL`]. Facts are no objects.
pub fn diff(old: &Snapshot, new: &Snapshot) -> Vec<ObjectDiff> {
    let mut diffs = Vec::new();
    differences(Kind::Node, old.nodes(), new.nodes(), &mut diffs);
    differences(
        Kind::HostNetwork,
        old.host_networks(),
        new.host_networks(),
        &mut diffs,
    );
    differences(
        Kind::PrefixList,
        old.prefix_lists(),
        new.prefix_lists(),
        &mut diffs,
    );
    differences(
        Kind::RouteMap,
        old.route_maps(),
        new.route_maps(),
        &mut diffs,
    );
    differences(Kind::Fabric, old.fabrics(), new.fabrics(), &mut diffs);
    differences(
        Kind::Controller,
        old.controllers(),
        new.controllers(),
        &mut diffs,
    );
    differences(Kind::FrrSnippet, old.snippets(), new.snippets(), &mut diffs);
    differences(Kind::Zone, old.zones(), new.zones(), &mut diffs);
    differences(Kind::Vnet, old.vnets(), new.vnets(), &mut diffs);
    differences(Kind::Subnet, old.subnets(), new.subnets(), &mut diffs);
    diffs
}

/// Every object that differs, and how, without its fields; as [`diff`] has them.
pub fn pending_all(old: &Snapshot, new: &Snapshot) -> Vec<(ObjectKey, Pending)> {
    fn of<K: Ord + Clone + AsRef<str>, V: PartialEq>(
        kind: Kind,
        old: &Shelf<K, V>,
        new: &Shelf<K, V>,
    ) -> Vec<(ObjectKey, Pending)> {
        let differences = old.differences(new).found;
        let pending = differences.into_iter().map(|it| {
            let pending = match (&it.old, &it.new) {
                (None, _) => Pending::New,
                (Some(_), None) => Pending::Deleted,
                (Some(_), Some(_)) => Pending::Changed,
            };
            (ObjectKey::new(kind, it.key.as_ref()), pending)
        });
        pending.collect()
    }
    [
        of(Kind::Node, old.nodes(), new.nodes()),
        of(Kind::HostNetwork, old.host_networks(), new.host_networks()),
        of(Kind::PrefixList, old.prefix_lists(), new.prefix_lists()),
        of(Kind::RouteMap, old.route_maps(), new.route_maps()),
        of(Kind::Fabric, old.fabrics(), new.fabrics()),
        of(Kind::Controller, old.controllers(), new.controllers()),
        of(Kind::FrrSnippet, old.snippets(), new.snippets()),
        of(Kind::Zone, old.zones(), new.zones()),
        of(Kind::Vnet, old.vnets(), new.vnets()),
        of(Kind::Subnet, old.subnets(), new.subnets()),
    ]
    .concat()
}

/// How one object differs; `None` where it is the same in both, or in neither.
pub fn pending(old: &Snapshot, new: &Snapshot, key: &ObjectKey) -> Option<Pending> {
    fn of<K: Ord + Clone + std::borrow::Borrow<str>, V: PartialEq>(
        old: &Shelf<K, V>,
        new: &Shelf<K, V>,
        name: &str,
    ) -> Option<Pending> {
        match (old.get(name), new.get(name)) {
            (None, None) => None,
            (None, Some(_)) => Some(Pending::New),
            (Some(_), None) => Some(Pending::Deleted),
            (Some(old), Some(new)) => (old != new).then_some(Pending::Changed),
        }
    }
    match key.kind {
        Kind::Node => of(old.nodes(), new.nodes(), &key.name),
        Kind::HostNetwork => of(old.host_networks(), new.host_networks(), &key.name),
        Kind::PrefixList => of(old.prefix_lists(), new.prefix_lists(), &key.name),
        Kind::RouteMap => of(old.route_maps(), new.route_maps(), &key.name),
        Kind::Fabric => of(old.fabrics(), new.fabrics(), &key.name),
        Kind::Controller => of(old.controllers(), new.controllers(), &key.name),
        Kind::FrrSnippet => of(old.snippets(), new.snippets(), &key.name),
        Kind::Zone => of(old.zones(), new.zones(), &key.name),
        Kind::Vnet => of(old.vnets(), new.vnets(), &key.name),
        Kind::Subnet => of(old.subnets(), new.subnets(), &key.name),
    }
}

fn differences<K: Ord + Clone + AsRef<str>, V: PartialEq + Serialize>(
    kind: Kind,
    old: &Shelf<K, V>,
    new: &Shelf<K, V>,
    diffs: &mut Vec<ObjectDiff>,
) {
    for difference in old.differences(new).found {
        let before = difference.old.map(|object| value(&**object));
        let after = difference.new.map(|object| value(&**object));
        let pending = match (&before, &after) {
            (None, _) => Pending::New,
            (Some(_), None) => Pending::Deleted,
            (Some(_), Some(_)) => Pending::Changed,
        };
        let mut fields = Vec::new();
        compare(String::new(), before.as_ref(), after.as_ref(), &mut fields);
        fields.retain(|it| it.field != "metadata.name");
        diffs.push(ObjectDiff {
            key: ObjectKey::new(kind, difference.key.as_ref()),
            pending,
            fields,
        });
    }
}

fn value(object: &impl Serialize) -> Value {
    // Objects have text for keys and no numbers that JSON lacks, so that all of them can be written.
    serde_json::to_value(object).unwrap_or(Value::Null)
}

/// The elements of a list by their names, where all have one.
fn by_name(list: &[Value]) -> Option<Map<String, Value>> {
    let named = |it: &Value| {
        let mut parts = it.as_object()?.clone();
        let name = parts.remove("name")?;
        Some((format!("[{}]", name.as_str()?), Value::Object(parts)))
    };
    list.iter().map(named).collect()
}

/// Descends into what has fields, and into lists of what has names; any other list is one value,
/// because its places mean nothing to a user.
fn compare(path: String, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<FieldDiff>) {
    if old == new {
        return;
    }
    let parts = |value: Option<&Value>| -> Option<Map<String, Value>> {
        match value {
            None => Some(Map::new()),
            Some(Value::Object(parts)) => Some(parts.clone()),
            Some(Value::Array(list)) if !list.is_empty() => by_name(list),
            Some(_) => None,
        }
    };
    let (Some(before), Some(after)) = (parts(old), parts(new)) else {
        found.push(FieldDiff {
            field: path,
            before: old.cloned(),
            after: new.cloned(),
        });
        return;
    };
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let path = match path.as_str() {
            "" => name.clone(),
            outer if name.starts_with('[') => format!("{outer}{name}"),
            outer => format!("{outer}.{name}"),
        };
        compare(path, before.get(name), after.get(name), found);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{self, object};

    fn field(field: &str, before: Option<Value>, after: Option<Value>) -> FieldDiff {
        FieldDiff {
            field: field.to_owned(),
            before,
            after,
        }
    }

    #[test]
    fn each_object_is_told_of_with_its_fields() {
        let old = fixtures::snapshot();
        let mut new = old.clone();
        new.put(object(
            Kind::Vnet,
            "db",
            json!({ "zone": "prod", "tag": 200, "alias": "DB" }),
        ));
        new.put(object(Kind::Vnet, "new", json!({ "zone": "lab" })));
        new.remove(&ObjectKey::new(Kind::Subnet, "web6"));
        assert_eq!(
            diff(&old, &new),
            [
                ObjectDiff {
                    key: ObjectKey::new(Kind::Vnet, "db"),
                    pending: Pending::Changed,
                    fields: vec![
                        field("spec.alias", None, Some(json!("DB"))),
                        field("spec.tag", Some(json!(100)), Some(json!(200))),
                    ],
                },
                ObjectDiff {
                    key: ObjectKey::new(Kind::Vnet, "new"),
                    pending: Pending::New,
                    fields: vec![field("spec.zone", None, Some(json!("lab")))],
                },
                ObjectDiff {
                    key: ObjectKey::new(Kind::Subnet, "web6"),
                    pending: Pending::Deleted,
                    fields: vec![
                        field("spec.cidr", Some(json!("fd00:1::/64")), None),
                        field("spec.gateway", Some(json!("fd00:1::1")), None),
                        field("spec.vnet", Some(json!("web")), None),
                    ],
                },
            ]
        );
        for difference in diff(&old, &new) {
            assert_eq!(
                pending(&old, &new, &difference.key),
                Some(difference.pending)
            );
        }
        assert_eq!(
            pending(&old, &new, &ObjectKey::new(Kind::Vnet, "web")),
            None
        );
    }

    #[test]
    fn a_zone_of_another_type_differs_in_the_options_too() {
        let old = fixtures::snapshot();
        let mut new = old.clone();
        new.put(object(
            Kind::Zone,
            "lab",
            json!({ "type": "vxlan", "vxlan": { "peers": ["192.0.2.1", "192.0.2.2"] } }),
        ));
        assert_eq!(
            diff(&old, &new)[0].fields,
            [
                field("spec.type", Some(json!("simple")), Some(json!("vxlan"))),
                field("spec.vxlan.learning", None, Some(json!(true))),
                field(
                    "spec.vxlan.peers",
                    None,
                    Some(json!(["192.0.2.1", "192.0.2.2"]))
                ),
                field("spec.vxlan.port", None, Some(json!(4789))),
            ]
        );
    }

    #[test]
    fn facts_are_no_objects() {
        let old = fixtures::snapshot();
        let mut new = old.clone();
        new.put_facts("n0".parse().unwrap(), fixtures::node_facts(9).1);
        assert_eq!(diff(&old, &new), []);
    }
}
