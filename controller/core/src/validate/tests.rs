//! Every fault is found, and what is let through can be compiled. The notes are in the cases.

use proptest::prelude::*;
use serde_json::json;
use weft_model::object::{Kind, ObjectKey};
use weft_model::plan::Origin;

use super::*;
use crate::fixtures::{self, object};

/// Every note about a snapshot, as users read it.
fn notes(snapshot: &Snapshot) -> Vec<String> {
    let notes = match validate(snapshot) {
        Ok((_, notes)) | Err(notes) => notes,
    };
    notes.iter().map(ToString::to_string).collect()
}

/// The notes about the valid snapshot with these objects put into it.
fn with(objects: impl IntoIterator<Item = weft_model::object::Object>) -> Vec<String> {
    let mut snapshot = fixtures::snapshot();
    objects.into_iter().for_each(|object| snapshot.put(object));
    notes(&snapshot)
}

#[test]
fn a_valid_snapshot_passes_without_a_note() {
    assert_eq!(notes(&fixtures::snapshot()), Vec::<String>::new());
}

#[test]
fn every_fault_is_found_at_once() {
    let found = with([
        object(Kind::Vnet, "aa", json!({ "zone": "none" })),
        object(Kind::Vnet, "bb", json!({ "zone": "prod" })),
        object(Kind::Vnet, "cc", json!({ "zone": "prod", "tag": 100 })),
        object(
            Kind::Subnet,
            "s1",
            json!({ "vnet": "zz", "cidr": "10.9.0.0/24" }),
        ),
    ]);
    assert_eq!(
        found,
        [
            "vnet/aa: spec.zone: zone none does not exist: create the zone, or delete the vnet \
             with it",
            "vnet/bb: spec.tag: zone prod is of type vxlan and needs a tag, the VNI: set a number \
             from 1 to 16777215 that no other vnet has",
            "vnet/db: spec.tag: vnets cc and db both have VNI 100: use a VNI that no other vnet \
             of the cluster has",
            "subnet/s1: spec.vnet: vnet zz does not exist: create the vnet, or delete the subnet \
             with it",
        ]
    );
}

#[test]
fn thousands_of_equal_networks_are_told_of_once_each() {
    let objects = (0..3_000).map(|index| {
        let spec = json!({ "vnet": "web", "cidr": "10.9.0.0/24", "gateway": "10.9.0.1" });
        object(Kind::Subnet, &format!("s{index:04}"), spec)
    });
    assert_eq!(with(objects).len(), 2_999);
}

#[test]
fn the_intent_knows_who_carries_what() {
    let mut snapshot = fixtures::snapshot();
    let spec = json!({ "type": "simple", "nodes": { "names": ["n1", "n2"] } });
    snapshot.put(object(Kind::Zone, "lab", spec));
    let (intent, _) = validate(&snapshot).unwrap();
    let carriers = |kind, name: &str| {
        let key = weft_model::object::ObjectKey::new(kind, name);
        let nodes = intent.carriers(&key);
        nodes
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(carriers(Kind::Zone, "lab"), "n1 n2");
    assert_eq!(carriers(Kind::Vnet, "web"), "n1 n2");
    assert_eq!(carriers(Kind::Subnet, "web4"), "n1 n2");
    assert_eq!(carriers(Kind::Vnet, "db"), "n0 n1 n2");
    assert_eq!(carriers(Kind::Node, "n0"), "n0");
    assert_eq!(carriers(Kind::Node, "n9"), "");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn validation_never_panics_and_what_passes_compiles(
        snapshot in prop_oneof![fixtures::any_snapshot(), fixtures::grown()],
    ) {
        match validate(&snapshot) {
            Ok((intent, notes)) => {
                prop_assert!(notes.iter().all(|note| note.severity == Severity::Warning));
                let plans = crate::compile::all(&intent);
                for (node, plan) in &plans {
                    for (_, entry) in plan.entries() {
                        let key = match entry.origin() {
                            Origin::Zone { zone, .. } => ObjectKey::new(Kind::Zone, zone.as_str()),
                            Origin::Controller { controller } => {
                                ObjectKey::new(Kind::Controller, controller.as_str())
                            }
                            Origin::Fabric { fabric } => {
                                ObjectKey::new(Kind::Fabric, fabric.as_str())
                            }
                            Origin::Snippet { snippet } => {
                                ObjectKey::new(Kind::FrrSnippet, snippet.as_str())
                            }
                            Origin::Host { host } => ObjectKey::new(Kind::HostNetwork, host.as_str()),
                        };
                        prop_assert!(intent.carriers(&key).contains(node));
                    }
                }
            }
            Err(notes) => {
                prop_assert!(notes.iter().any(|note| note.severity == Severity::Error));
                for note in notes {
                    prop_assert!(!note.field.is_empty());
                    prop_assert!(!note.problem.is_empty() && !note.advice.is_empty());
                    prop_assert!(snapshot.get(&note.object).is_some(), "{}", note);
                }
            }
        }
    }
}
