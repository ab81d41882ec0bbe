//! What validation says of a draft, remembered for as long as the draft stays the same.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weft_core::intent::Intent;
use weft_core::snapshot::Snapshot;
use weft_core::validate::validate;
use weft_model::note::Note;

/// What validation found.
#[derive(Debug)]
pub struct Verdict {
    /// What users want; nothing when there is an error.
    pub intent: Option<Arc<Intent>>,
    /// Every finding.
    pub notes: Vec<Note>,
}

/// Asks validation, and remembers the answers on the present draft and on the last change of it
/// that was thought of, which mostly is the next draft.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    slots: Arc<Mutex<Slots>>,
}

#[derive(Debug, Default)]
struct Slots {
    present: Option<(Snapshot, Arc<Verdict>)>,
    thought_of: Option<(Snapshot, Arc<Verdict>)>,
}

impl Judge {
    /// What there is to say of the draft.
    pub fn of(&self, snapshot: &Snapshot) -> Arc<Verdict> {
        let mut slots = self.lock();
        if let Some((known, verdict)) = &slots.present
            && same(known, snapshot)
        {
            return Arc::clone(verdict);
        }
        if let Some((known, verdict)) = &slots.thought_of
            && same(known, snapshot)
        {
            let verdict = Arc::clone(verdict);
            slots.present = slots.thought_of.take();
            return verdict;
        }
        drop(slots);
        let verdict = judge(snapshot);
        self.lock().present = Some((snapshot.clone(), Arc::clone(&verdict)));
        verdict
    }

    /// What there would be to say of a draft that is not stored yet.
    pub fn of_hypothesis(&self, snapshot: Snapshot) -> Arc<Verdict> {
        let verdict = judge(&snapshot);
        self.lock().thought_of = Some((snapshot, Arc::clone(&verdict)));
        verdict
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        // No code that could stop half-way runs under the lock.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn judge(snapshot: &Snapshot) -> Arc<Verdict> {
    let verdict = match validate(snapshot) {
        Ok((intent, notes)) => Verdict {
            intent: Some(Arc::new(intent)),
            notes,
        },
        Err(notes) => Verdict {
            intent: None,
            notes,
        },
    };
    Arc::new(verdict)
}

/// Whether two snapshots hold the same objects and facts. What they share in memory is not looked
/// at, so that a draft and its own past are compared at the cost of what changed.
pub fn same(one: &Snapshot, other: &Snapshot) -> bool {
    one.nodes().differences(other.nodes()).found.is_empty()
        && hosts_are_same(one, other)
        && routing_is_same(one, other)
        && one.zones().differences(other.zones()).found.is_empty()
        && one.vnets().differences(other.vnets()).found.is_empty()
        && one.subnets().differences(other.subnets()).found.is_empty()
        && one.facts().differences(other.facts()).found.is_empty()
}

fn hosts_are_same(one: &Snapshot, other: &Snapshot) -> bool {
    let (one, other) = (one.host_networks(), other.host_networks());
    one.differences(other).found.is_empty()
}

fn routing_is_same(one: &Snapshot, other: &Snapshot) -> bool {
    let lists = one.prefix_lists().differences(other.prefix_lists());
    let maps = one.route_maps().differences(other.route_maps());
    let fabrics = one.fabrics().differences(other.fabrics());
    let controllers = one.controllers().differences(other.controllers());
    let snippets = one.snippets().differences(other.snippets());
    lists.found.is_empty()
        && maps.found.is_empty()
        && fabrics.found.is_empty()
        && controllers.found.is_empty()
        && snippets.found.is_empty()
}

/// Whether two snapshots hold the same objects, whatever nodes say of themselves.
pub fn same_objects(one: &Snapshot, other: &Snapshot) -> bool {
    same(one, &other.with_facts_of(one))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use weft_model::object::{Kind, Object};

    use super::*;

    fn object(kind: Kind) -> Object {
        let written = |spec: serde_json::Value| {
            json!({ "metadata": { "name": "it" }, "spec": spec }).to_string()
        };
        match kind {
            Kind::Node => Object::Node(serde_json::from_str(&written(json!({}))).unwrap()),
            Kind::HostNetwork => {
                let spec = json!({ "interfaces": [{ "name": "eth0" }] });
                Object::HostNetwork(serde_json::from_str(&written(spec)).unwrap())
            }
            Kind::PrefixList => {
                let spec = json!({ "rules": [{ "action": "permit", "prefix": "10.0.0.0/8" }] });
                Object::PrefixList(serde_json::from_str(&written(spec)).unwrap())
            }
            Kind::RouteMap => {
                let spec = json!({ "rules": [{ "action": "permit" }] });
                Object::RouteMap(serde_json::from_str(&written(spec)).unwrap())
            }
            Kind::Fabric => {
                let spec = json!({ "type": "bgp", "prefix": "10.255.0.0/24", "nodes": [] });
                Object::Fabric(serde_json::from_str(&written(spec)).unwrap())
            }
            Kind::FrrSnippet => {
                let spec = json!({ "text": "ip nht resolve-via-default" });
                Object::FrrSnippet(serde_json::from_str(&written(spec)).unwrap())
            }
            Kind::Controller => {
                let bgp = json!({ "asn": 65000, "peers": ["192.0.2.1"] });
                let spec = json!({ "type": "bgp", "bgp": bgp });
                Object::Controller(serde_json::from_str(&written(spec)).unwrap())
            }
            Kind::Zone => {
                Object::Zone(serde_json::from_str(&written(json!({ "type": "simple" }))).unwrap())
            }
            Kind::Vnet => {
                Object::Vnet(serde_json::from_str(&written(json!({ "zone": "prod" }))).unwrap())
            }
            Kind::Subnet => {
                let spec = json!({ "vnet": "web", "cidr": "10.0.0.0/24" });
                Object::Subnet(serde_json::from_str(&written(spec)).unwrap())
            }
        }
    }

    #[test]
    fn one_object_more_of_any_kind_is_a_difference() {
        for kind in Kind::ALL {
            let mut more = Snapshot::default();
            more.put(object(kind));
            assert!(!same_objects(&Snapshot::default(), &more), "{kind}");
            assert!(same_objects(&more, &more.clone()), "{kind}");
        }
    }
}
