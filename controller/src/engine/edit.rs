//! What changes of the draft would do to it, and why they may not be made.
//!
//! # Never
//! Nothing here writes.

use std::collections::BTreeSet;
use std::sync::Arc;

use weft_core::diff::{self, Pending};
use weft_core::snapshot::Snapshot;
use weft_model::name::{FabricName, PolicyName};
use weft_model::note::Note;
use weft_model::object::controller::{ControllerKind, EvpnPeers};
use weft_model::object::zone::{VxlanPeers, ZoneKind};
use weft_model::object::{Kind, Object, ObjectKey};

use super::draft::Draft;
use super::judge::{Judge, Verdict};
use super::refusal::{Refusal, Violation, violation};
use crate::store::draft::{Action, Applied, Change};

/// What an edit did, or would do.
#[derive(Clone, Debug)]
pub struct Edited {
    /// One for each change, in their order, and the version of the draft with them.
    pub applied: Applied,
    /// Findings that did not stop it.
    pub notes: Vec<Note>,
}

/// What an edit would do to this draft.
///
/// # Errors
/// As [`Writer::edit`].
pub fn rehearse(judge: &Judge, draft: &Draft, changes: &[Change]) -> Result<Edited, Refusal> {
    let notes = check(judge, draft, changes)?;
    let outcome = |change: &Change| match change {
        Change::Put { object, .. } => {
            let key = object.key();
            let action = match draft.stored().get(&key) {
                None => Action::Created,
                Some(stored) if stored.object == *object => Action::Unchanged,
                Some(_) => Action::Changed,
            };
            (key, action)
        }
        Change::Delete { key, .. } => (key.clone(), Action::Deleted),
    };
    Ok(Edited {
        applied: Applied {
            outcomes: changes.iter().map(outcome).collect(),
            version: draft.version(),
        },
        notes,
    })
}

/// The draft with these changes.
pub fn changed(draft: &Draft, changes: &[Change]) -> Snapshot {
    let mut snapshot = draft.snapshot().clone();
    for change in changes {
        match change {
            Change::Put { object, .. } => snapshot.put(object.clone()),
            Change::Delete { key, .. } => {
                snapshot.remove(key);
            }
        }
    }
    snapshot
}

/// The objects of an old revision among the nodes of today: which nodes there are is a fact, and
/// nothing that a return could undo.
pub fn returned(draft: &Draft, old: &Snapshot) -> Snapshot {
    let today = draft.snapshot();
    let nodes = today.nodes().iter().map(|(name, node)| {
        let before = old.nodes().get(name).unwrap_or(node);
        Object::Node((**before).clone())
    });
    let others = old.objects().filter(|object| object.kind() != Kind::Node);
    Snapshot::new(draft.version(), nodes.chain(others), []).with_facts_of(today)
}

/// The changes that make the draft hold the objects of `wanted`.
pub fn towards(draft: &Draft, wanted: &Snapshot) -> Vec<Change> {
    diff::diff(draft.snapshot(), wanted)
        .into_iter()
        .filter_map(|diff| {
            let expected = draft.stored().get(&diff.key).map(|stored| stored.version);
            match diff.pending {
                Pending::Deleted => Some(Change::Delete {
                    key: diff.key,
                    expected,
                }),
                Pending::New | Pending::Changed => Some(Change::Put {
                    object: wanted.get(&diff.key)?,
                    expected,
                }),
            }
        })
        .collect()
}

/// What is found in the draft with these changes that does not stop them.
pub(super) fn check(
    judge: &Judge,
    draft: &Draft,
    changes: &[Change],
) -> Result<Vec<Note>, Refusal> {
    check_versions(draft, changes)?;
    let mut violations = in_use(draft, changes);
    let now: Arc<Verdict> = judge.of(draft.snapshot());
    let then = judge.of_hypothesis(changed(draft, changes));
    let known: BTreeSet<&Note> = now.notes.iter().collect();
    let added = then.notes.iter().filter(|note| !known.contains(note));
    // The user of what is deleted is named already; that its reference leads nowhere is the same
    // finding once more.
    if violations.is_empty() {
        violations.extend(added.filter_map(violation));
    }
    if !violations.is_empty() {
        return Err(Refusal::Invalid(violations));
    }
    // What did not stop it is a warning here, whatever it is when it is published.
    let mut notes = then.notes.clone();
    notes.sort();
    Ok(notes)
}

fn check_versions(draft: &Draft, changes: &[Change]) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for change in changes {
        let (key, expected, deletes) = match change {
            Change::Put { object, expected } => (object.key(), *expected, false),
            Change::Delete { key, expected } => (key.clone(), *expected, true),
        };
        let present = draft.stored().get(&key).map(|stored| stored.version);
        if let Some(expected) = expected
            && present.unwrap_or_default() != expected
        {
            return Err(Refusal::Stale {
                key,
                expected,
                present: present.unwrap_or_default(),
            });
        }
        if deletes && present.is_none() {
            return Err(Refusal::Missing {
                what: key.to_string(),
            });
        }
        if let Some(twice) = (!seen.insert(key.clone())).then_some(key) {
            return Err(Refusal::Invalid(vec![Violation {
                field: format!("{twice}/metadata.name"),
                description: "the object is in the request twice: keep one of them".to_owned(),
            }]));
        }
    }
    Ok(())
}

/// Names the users of every object that goes while they stay.
fn in_use(draft: &Draft, changes: &[Change]) -> Vec<Violation> {
    let deleted: BTreeSet<&ObjectKey> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Delete { key, .. } => Some(key),
            Change::Put { .. } => None,
        })
        .collect();
    if deleted.iter().all(|key| !is_named_by_others(key.kind)) {
        return Vec::new();
    }
    let next = changed(draft, changes);
    deleted
        .into_iter()
        .filter_map(|key| {
            let users = users_of(&next, key);
            let first = users.first()?;
            let more = match users.len() - 1 {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Some(Violation {
                field: format!("{key}/metadata.name"),
                description: format!(
                    "it is in use by {first}{more}: delete what uses it first, or in the same \
                     request"
                ),
            })
        })
        .collect()
}

fn users_of(snapshot: &Snapshot, key: &ObjectKey) -> Vec<ObjectKey> {
    match key.kind {
        Kind::Zone => snapshot
            .vnets()
            .values()
            .filter(|vnet| vnet.spec.zone.as_str() == key.name)
            .map(|vnet| ObjectKey::new(Kind::Vnet, vnet.metadata.name.as_str()))
            .collect(),
        Kind::Vnet => snapshot
            .subnets()
            .values()
            .filter(|subnet| subnet.spec.vnet.as_str() == key.name)
            .map(|subnet| ObjectKey::new(Kind::Subnet, subnet.metadata.name.as_str()))
            .collect(),
        Kind::Controller => snapshot
            .zones()
            .values()
            .filter(|zone| match &zone.spec.kind {
                ZoneKind::Evpn(evpn) => evpn.controllers.iter().any(|it| it.as_str() == key.name),
                _ => false,
            })
            .map(|zone| ObjectKey::new(Kind::Zone, zone.metadata.name.as_str()))
            .collect(),
        Kind::PrefixList => snapshot
            .route_maps()
            .values()
            .filter(|map| {
                let lists = map.spec.prefix_lists();
                lists.into_iter().any(|list| list.as_str() == key.name)
            })
            .map(|map| ObjectKey::new(Kind::RouteMap, map.metadata.name.as_str()))
            .collect(),
        Kind::RouteMap => {
            let is_it = |map: &PolicyName| map.as_str() == key.name;
            let maps = snapshot.route_maps().values();
            let calling = maps.filter(|map| map.spec.calls().into_iter().any(is_it));
            let controllers = snapshot.controllers().values();
            let naming = controllers.filter(|it| it.spec.kind.route_maps().any(is_it));
            let calling =
                calling.map(|it| ObjectKey::new(Kind::RouteMap, it.metadata.name.as_str()));
            let naming =
                naming.map(|it| ObjectKey::new(Kind::Controller, it.metadata.name.as_str()));
            // A map that calls itself is refused elsewhere, and may go.
            calling.filter(|it| it != key).chain(naming).collect()
        }
        Kind::Fabric => {
            let is_it = |fabric: &FabricName| fabric.as_str() == key.name;
            let zones = snapshot.zones().values();
            let ending = zones.filter(|zone| match &zone.spec.kind {
                ZoneKind::Vxlan(vxlan) => match &vxlan.peers {
                    VxlanPeers::Fabric(fabric, _) => is_it(fabric),
                    VxlanPeers::Nodes(_) | VxlanPeers::Static(_) => false,
                },
                _ => false,
            });
            let controllers = snapshot.controllers().values();
            let naming = controllers.filter(|it| match &it.spec.kind {
                ControllerKind::Evpn(evpn) => match &evpn.peers {
                    EvpnPeers::Fabric(fabric) => is_it(fabric),
                    EvpnPeers::Listed { .. } => false,
                },
                ControllerKind::Bgp(_) | ControllerKind::Isis(_) => false,
            });
            let ending = ending.map(|it| ObjectKey::new(Kind::Zone, it.metadata.name.as_str()));
            let naming =
                naming.map(|it| ObjectKey::new(Kind::Controller, it.metadata.name.as_str()));
            naming.chain(ending).collect()
        }
        Kind::Subnet | Kind::Node | Kind::HostNetwork | Kind::FrrSnippet => Vec::new(),
    }
}

/// Whether there are objects that name objects of this kind.
fn is_named_by_others(kind: Kind) -> bool {
    match kind {
        Kind::Zone
        | Kind::Vnet
        | Kind::PrefixList
        | Kind::RouteMap
        | Kind::Fabric
        | Kind::Controller => true,
        Kind::Subnet | Kind::Node | Kind::HostNetwork | Kind::FrrSnippet => false,
    }
}
