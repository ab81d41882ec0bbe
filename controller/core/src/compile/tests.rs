//! A plan follows from the intent alone, and an update from what changed.

use proptest::prelude::*;
use serde_json::json;
use weft_model::object::Kind;
use weft_model::plan::PlanDelta;
use weft_model::revision::Version;

use super::*;
use crate::fixtures::{self, object};
use crate::snapshot::Snapshot;
use crate::validate::validate;

fn intent(snapshot: &Snapshot) -> Intent {
    validate(snapshot).unwrap().0
}

#[test]
fn a_node_outside_the_zone_carries_nothing_of_it() {
    let mut snapshot = fixtures::snapshot();
    snapshot.put(object(
        Kind::Zone,
        "lab",
        json!({ "type": "simple", "nodes": { "names": ["n1"] } }),
    ));
    let intent = intent(&snapshot);
    let web = "web".parse().unwrap();
    assert_eq!(vnet(&intent, &"n0".parse().unwrap(), &web), []);
    assert_eq!(vnet(&intent, &"n1".parse().unwrap(), &web).len(), 2);
}

#[test]
fn the_vnets_of_a_zone_share_one_flood_list_on_a_node() {
    let mut snapshot = fixtures::snapshot();
    snapshot.put(object(
        Kind::Vnet,
        "db2",
        json!({ "zone": "prod", "tag": 101 }),
    ));
    let plan = node(&intent(&snapshot), &"n0".parse().unwrap());
    let floods: Vec<_> = plan
        .links()
        .filter_map(|link| match &link.kind {
            weft_model::plan::link::LinkKind::Vxlan(vxlan) => Some(&vxlan.flood),
            _ => None,
        })
        .collect();
    assert_eq!(floods.len(), 2);
    assert!(Arc::ptr_eq(floods[0], floods[1]));
}

#[test]
fn one_changed_vnet_costs_one_visit_however_large_the_cluster() {
    for (zones, vnets) in [(2, 5), (20, 50), (20, 500)] {
        let old = fixtures::cluster(zones, vnets);
        let mut new = old.clone();
        new.put(object(
            Kind::Vnet,
            "v1-3",
            json!({ "zone": "zone1", "tag": 1_000_000 }),
        ));
        let (old, new) = (intent(&old), intent(&new));
        let affected = affected(&old, &new);
        assert_eq!(affected.visited, 1, "{zones} zones of {vnets} vnets");
        assert_eq!(affected.vnets.len(), 10);
        let deltas = update(&old, &new);
        assert_eq!(deltas.len(), 10);
        for delta in deltas.into_values() {
            assert_eq!(delta.remove, []);
            assert_eq!(delta.put.len(), 1, "the tunnel and nothing else");
        }
    }
}

#[test]
fn facts_of_no_account_change_no_plan() {
    let old = fixtures::snapshot();
    let mut new = old.clone();
    let (name, mut facts) = fixtures::node_facts(1);
    facts.kernel = "6.1.0".parse().unwrap();
    new.put_facts(name, facts);
    let (old, new) = (intent(&old), intent(&new));
    let expected = Affected {
        visited: 1,
        ..Affected::default()
    };
    assert_eq!(affected(&old, &new), expected);
    assert_eq!(update(&old, &new), BTreeMap::new());
}

#[test]
fn a_host_network_changes_the_plans_of_its_nodes_only() {
    let host = |mtu: u32| {
        let spec = json!({
            "nodes": { "names": ["n1"] },
            "interfaces": [
                { "name": "eth1", "mtu": mtu },
                { "name": "vmbr0", "bridge": { "ports": ["eth1"] } },
            ],
        });
        object(Kind::HostNetwork, "n1", spec)
    };
    let old = fixtures::snapshot();
    let mut new = old.clone();
    new.put(host(1500));
    let mut next = new.clone();
    next.put(host(9000));
    let (old, new, next) = (intent(&old), intent(&new), intent(&next));
    let names = |deltas: &BTreeMap<NodeName, PlanDelta>| {
        let puts = deltas
            .iter()
            .map(|(node, delta)| (node.to_string(), delta.put.len()));
        puts.collect::<Vec<_>>()
    };
    assert_eq!(names(&update(&old, &new)), [("n1".to_owned(), 2)]);
    assert_eq!(names(&update(&new, &next)), [("n1".to_owned(), 1)]);
    assert_eq!(affected(&new, &next).visited, 1);
}

#[test]
fn deleting_everything_empties_every_node() {
    let old = intent(&fixtures::snapshot());
    for (node, delta) in update(&old, &Intent::empty()) {
        let mut plan = super::node(&old, &node);
        assert!(!plan.is_empty());
        plan.apply(&delta);
        assert!(plan.is_empty());
    }
    assert_eq!(update(&old, &Intent::empty()).len(), 3);
}

#[test]
fn a_name_that_moves_to_another_vnet_is_put_and_not_removed() {
    let long = "a-name-that-is-hashed".parse().unwrap();
    let stem = crate::device::DeviceNames::of(&long).bridge.to_string();
    let mut old = fixtures::snapshot();
    let mut new = old.clone();
    old.put(object(Kind::Vnet, long.as_str(), json!({ "zone": "lab" })));
    new.put(object(Kind::Vnet, &stem, json!({ "zone": "lab" })));
    let deltas = update(&intent(&old), &intent(&new));
    assert_eq!(deltas.len(), 3);
    for delta in deltas.into_values() {
        assert_eq!((delta.remove.len(), delta.put.len()), (0, 1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_update_turns_the_old_plans_into_the_new(
        steps in prop::collection::vec(prop::collection::vec(fixtures::any_edit(), 1..4), 1..8),
    ) {
        let mut snapshot = fixtures::snapshot();
        let mut before = intent(&snapshot);
        for edits in steps {
            let mut next = snapshot.clone();
            edits.into_iter().for_each(|edit| fixtures::edit(&mut next, edit));
            let Ok((after, _)) = validate(&next) else { continue };
            let deltas = update(&before, &after);
            for index in 0..4 {
                let name = fixtures::node_facts(index).0;
                let mut plan = node(&before, &name);
                let nothing = PlanDelta::default();
                plan.apply(deltas.get(&name).unwrap_or(&nothing));
                prop_assert_eq!(plan, node(&after, &name));
            }
            prop_assert!(deltas.values().all(|delta| !delta.is_empty()));
            (snapshot, before) = (next, after);
        }
    }

    #[test]
    fn a_plan_does_not_depend_on_order_or_memory(snapshot in fixtures::grown()) {
        let mut objects: Vec<_> = snapshot.objects().collect();
        objects.reverse();
        let facts = snapshot.facts().iter().map(|(name, facts)| (name.clone(), (**facts).clone()));
        let mut again = Snapshot::default();
        again.set_version(Version(1));
        objects.into_iter().for_each(|object| again.put(object));
        facts.for_each(|(name, facts)| again.put_facts(name, facts));
        match (validate(&snapshot), validate(&again)) {
            (Ok((one, notes)), Ok((two, more))) => {
                prop_assert_eq!(notes, more);
                prop_assert_eq!(all(&one), all(&two));
                prop_assert_eq!(update(&one, &two), BTreeMap::new());
            }
            (one, two) => prop_assert_eq!(one.map(|_| ()), two.map(|_| ())),
        }
    }
}
