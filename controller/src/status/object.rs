//! Objects with their status.

use std::collections::BTreeSet;

use weft_core::condition::{self, Condition, View};
use weft_core::diff::{self, Pending};
use weft_core::shelf::Shelf;
use weft_core::snapshot::Snapshot;
use weft_model::name::{NodeName, VnetName, ZoneName};
use weft_model::object::controller::ControllerKind;
use weft_model::object::zone::ZoneKind;
use weft_model::object::{Kind, Object, ObjectKey, Stored};
use weft_proto::convert::report::event_to_wire;
use weft_proto::v1;

use super::Statuses;
use crate::engine::clock::wall_clock;

pub(super) fn dressed(statuses: &Statuses, stored: &Stored) -> v1::Object {
    let status = status(statuses, &stored.object);
    v1::Object {
        status: Some(status),
        ..v1::Object::from(stored)
    }
}

pub(super) fn leaving(statuses: &Statuses, object: &Object) -> v1::Object {
    let status = status(statuses, object);
    v1::Object {
        status: Some(status),
        ..v1::Object::from(object)
    }
}

/// The objects of `old` that are not in `new`, at the cost of what is different.
pub(super) fn gone(old: &Snapshot, new: &Snapshot) -> Vec<ObjectKey> {
    fn of<K: Ord + Clone + AsRef<str>, V: PartialEq>(
        kind: Kind,
        old: &Shelf<K, V>,
        new: &Shelf<K, V>,
    ) -> Vec<ObjectKey> {
        old.differences(new)
            .found
            .iter()
            .filter(|difference| difference.new.is_none())
            .map(|difference| ObjectKey::new(kind, difference.key.as_ref()))
            .collect()
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

fn status(statuses: &Statuses, object: &Object) -> v1::Status {
    let key = object.key();
    let (zone, vnet) = place(statuses, object);
    let pending = diff::pending(
        statuses.head.intent.snapshot(),
        statuses.draft.snapshot(),
        &key,
    );
    let carriers = carriers(statuses, &key, pending);
    let view = View {
        key: &key,
        zone: zone.as_ref(),
        vnet: vnet.as_ref(),
        pending,
        notes: &statuses.verdict.notes,
        head: statuses.head.revision,
        carriers: &carriers,
        nodes: statuses.node_views(),
        is_routed: is_routed(object),
    };
    let status = statuses.board.transition(&key, |before| {
        condition::status(&view, before, wall_clock())
    });
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    v1::Status {
        pending: pending.map_or("", Pending::as_str).to_owned(),
        wanted: count(status.wanted()),
        live: count(status.live()),
        conditions: status.conditions.iter().map(condition_to_wire).collect(),
        nodes: status
            .nodes
            .into_iter()
            .map(|node| v1::NodeState {
                node: node.node.to_string(),
                state: node.state.as_str().to_owned(),
                message: node.message,
                confirmed_revision: node.confirmed.0,
            })
            .collect(),
        events: events(statuses, &key, zone.as_ref(), vnet.as_ref()),
    }
}

/// Whether BGP's sessions carry the object.
fn is_routed(object: &Object) -> bool {
    match object {
        Object::Zone(zone) => matches!(zone.spec.kind, ZoneKind::Evpn(_)),
        Object::Controller(controller) => match controller.spec.kind {
            ControllerKind::Evpn(_) | ControllerKind::Bgp(_) => true,
            ControllerKind::Isis(_) => false,
        },
        _ => false,
    }
}

/// The nodes that should carry the object: as the draft has it while it is pending, and where the
/// draft says nothing that could be carried out, as it is confirmed.
fn carriers(statuses: &Statuses, key: &ObjectKey, pending: Option<Pending>) -> BTreeSet<NodeName> {
    let head = &statuses.head.intent;
    match (pending, &statuses.verdict.intent) {
        (Some(Pending::New | Pending::Changed), Some(draft)) => draft.carriers(key),
        (None | Some(Pending::New | Pending::Changed | Pending::Deleted), _) => head.carriers(key),
    }
}

/// The zone and the vnet that an object belongs to.
fn place(statuses: &Statuses, object: &Object) -> (Option<ZoneName>, Option<VnetName>) {
    match object {
        Object::Node(_)
        | Object::HostNetwork(_)
        | Object::PrefixList(_)
        | Object::RouteMap(_)
        | Object::Fabric(_)
        | Object::Controller(_)
        | Object::FrrSnippet(_) => (None, None),
        Object::Zone(zone) => (Some(zone.metadata.name.clone()), None),
        Object::Vnet(vnet) => (
            Some(vnet.spec.zone.clone()),
            Some(vnet.metadata.name.clone()),
        ),
        Object::Subnet(subnet) => {
            let vnet = &subnet.spec.vnet;
            let declared = statuses.draft.snapshot().vnets().get(vnet);
            (declared.map(|it| it.spec.zone.clone()), Some(vnet.clone()))
        }
    }
}

/// What agents reported lately of an object, oldest first.
fn events(
    statuses: &Statuses,
    key: &ObjectKey,
    zone: Option<&ZoneName>,
    vnet: Option<&VnetName>,
) -> Vec<v1::NodeEvent> {
    statuses.board.read(|state| {
        state
            .roster
            .recent()
            .filter(|(node, event)| match (&event.origin, vnet, zone) {
                (Some(origin), Some(vnet), _) => origin.vnet() == Some(vnet),
                (Some(origin), None, Some(zone)) => origin.zone() == Some(zone),
                (Some(origin), None, None) if key.kind != Kind::Node => origin.key() == *key,
                (_, None, None) => key.kind == Kind::Node && node.as_str() == key.name,
                (None, _, _) => false,
            })
            .map(|(node, event)| event_to_wire(node, event))
            .collect()
    })
}

fn condition_to_wire(condition: &Condition) -> v1::Condition {
    v1::Condition {
        r#type: condition.topic.as_str().to_owned(),
        status: condition.status.as_str().to_owned(),
        reason: condition.reason.to_owned(),
        message: condition.message.clone(),
        observed_revision: condition.observed.0,
        last_transition: condition.last_transition.0,
    }
}
