//! The bridge of every node that the packets of a vlan or qinq zone leave by.
//!
//! # Guarantees
//! Every node of such a zone has the bridge, and knows which way leads to the others. No two vnets
//! share a VLAN of one bridge of one node, whatever zones they are in.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::facts::{BridgeFacts, Facts};
use weft_model::name::{LinkName, NodeName, ZoneName};
use weft_model::object::zone::ZoneKind;
use weft_model::object::{Kind, Zone};
use weft_model::vlan::{BridgeVlans, VlanId, VlanProtocol};

use super::finding::{Findings, at};
use super::reading::Reading;
use super::text::list;
use super::zone::Carriers;
use crate::intent::Trunk;

/// The bridges of every vlan and qinq zone, by node.
pub(super) type Trunks = BTreeMap<ZoneName, BTreeMap<NodeName, Trunk>>;

/// What a zone says of the bridge that it uses.
pub(super) struct Wanted<'a> {
    pub(super) bridge: &'a LinkName,
    uplinks: &'a BTreeSet<LinkName>,
    /// The service VLAN, in a qinq zone.
    service: Option<(VlanId, VlanProtocol)>,
    /// Where the options stand.
    field: &'static str,
}

/// What the zone says of its bridge; `None` in zones of other types.
pub(super) fn wanted(zone: &Zone) -> Option<Wanted<'_>> {
    match &zone.spec.kind {
        ZoneKind::Vlan(vlan) => Some(Wanted {
            bridge: &vlan.bridge,
            uplinks: &vlan.uplinks,
            service: None,
            field: "spec.vlan",
        }),
        ZoneKind::Qinq(qinq) => Some(Wanted {
            bridge: &qinq.bridge,
            uplinks: &qinq.uplinks,
            service: Some((qinq.tag, qinq.protocol)),
            field: "spec.qinq",
        }),
        ZoneKind::Simple | ZoneKind::Vxlan(_) | ZoneKind::Evpn(_) => None,
    }
}

/// Finds the bridge of every node of every zone that uses one.
pub(super) fn resolve(
    reading: &Reading<'_>,
    carriers: &Carriers,
    findings: &mut Findings,
) -> Trunks {
    let mut trunks = Trunks::new();
    for (name, zone) in reading.snapshot.zones().iter() {
        let Some(wanted) = wanted(zone) else {
            continue;
        };
        let mut missing: Vec<&NodeName> = Vec::new();
        let mut found = BTreeMap::new();
        for node in carriers.get(name).into_iter().flat_map(|nodes| &**nodes) {
            let Some(facts) = reading.facts(node) else {
                continue;
            };
            match facts.bridges.get(wanted.bridge) {
                None => missing.push(node),
                Some(bridge) => {
                    let trunk = choose(zone, &wanted, node, bridge, findings);
                    found.extend(trunk.map(|trunk| (node.clone(), trunk)));
                }
            }
        }
        if !missing.is_empty() {
            findings.error(
                at(Kind::Zone, name, &format!("{}.bridge", wanted.field)),
                format!("there is no bridge {} on {}", wanted.bridge, list(&missing)),
                "make the bridge there, or choose other nodes for the zone",
            );
        }
        trunks.insert(name.clone(), found);
    }
    trunks
}

fn choose(
    zone: &Zone,
    wanted: &Wanted<'_>,
    node: &NodeName,
    bridge: &BridgeFacts,
    findings: &mut Findings,
) -> Option<Trunk> {
    let name = &zone.metadata.name;
    let uplinks = if bridge.vlans != BridgeVlans::Ignored {
        BTreeSet::new()
    } else if wanted.uplinks.is_empty() {
        bridge.uplinks.clone()
    } else {
        wanted.uplinks.clone()
    };
    match (bridge.vlans, wanted.service) {
        (BridgeVlans::Ignored, _) if uplinks.is_empty() => {
            let field = format!("{}.uplinks", wanted.field);
            findings.error(
                at(Kind::Zone, name, &field),
                format!(
                    "bridge {} of node {node} has no physical port and no bond that would lead to \
                     other nodes",
                    wanted.bridge
                ),
                "name its ports that lead there, or plug one in",
            );
            None
        }
        (BridgeVlans::Filtered(has), Some((_, protocol))) if has != protocol => {
            findings.error(
                at(Kind::Zone, name, "spec.qinq.protocol"),
                format!(
                    "bridge {} of node {node} tells VLANs apart by {has} tags, not by {protocol}",
                    wanted.bridge
                ),
                format!("use {has}, or change the bridge's vlan_protocol"),
            );
            None
        }
        (vlans, _) => Some(Trunk {
            bridge: wanted.bridge.clone(),
            vlans,
            uplinks,
        }),
    }
}

/// One VLAN of one bridge.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Lane<'a> {
    bridge: &'a LinkName,
    id: VlanId,
    protocol: VlanProtocol,
}

/// What uses a VLAN of a bridge: a vnet, or the service VLAN of a zone.
#[derive(Clone, Copy)]
struct User<'a> {
    kind: Kind,
    name: &'a str,
    field: &'static str,
    zone: &'a ZoneName,
}

/// Checks that no VLAN of a bridge is used twice on a node.
pub(super) fn check_tags(reading: &Reading<'_>, carriers: &Carriers, findings: &mut Findings) {
    let mut users: BTreeMap<Lane<'_>, Vec<User<'_>>> = BTreeMap::new();
    for (zone_name, zone) in reading.snapshot.zones().iter() {
        let Some(wanted) = wanted(zone) else {
            continue;
        };
        if let Some((id, protocol)) = wanted.service {
            let lane = Lane {
                bridge: wanted.bridge,
                id,
                protocol,
            };
            users.entry(lane).or_default().push(User {
                kind: Kind::Zone,
                name: zone_name.as_str(),
                field: "spec.qinq.tag",
                zone: zone_name,
            });
            check_inner(reading, zone_name, findings);
            continue;
        }
        for vnet in reading.vnets_in(zone_name) {
            let Some(id) = vnet.spec.tag.and_then(|tag| tag.vlan()) else {
                continue;
            };
            // A bridge that filters by service tags has no others.
            let lane = Lane {
                bridge: wanted.bridge,
                id,
                protocol: VlanProtocol::Dot1q,
            };
            users.entry(lane).or_default().push(User {
                kind: Kind::Vnet,
                name: vnet.metadata.name.as_str(),
                field: "spec.tag",
                zone: zone_name,
            });
        }
    }
    for (lane, users) in users {
        let shares = |one: &User<'_>, other: &User<'_>| {
            let nodes = |zone| carriers.get(zone);
            one.zone == other.zone
                || nodes(one.zone)
                    .zip(nodes(other.zone))
                    .is_some_and(|(one, other)| !one.is_disjoint(other))
        };
        for (at_user, user) in users.iter().enumerate() {
            let Some(first) = users[..at_user].iter().find(|first| shares(first, user)) else {
                continue;
            };
            findings.error(
                at(user.kind, user.name, user.field),
                format!(
                    "{} {} has VLAN {} of bridge {} already",
                    first.kind.as_str().to_lowercase(),
                    first.name,
                    lane.id,
                    lane.bridge
                ),
                "use a VLAN that nothing else on the bridge has",
            );
        }
    }
}

/// In a qinq zone the inner tags are the zone's own, and one vnet may be without.
fn check_inner(reading: &Reading<'_>, zone: &ZoneName, findings: &mut Findings) {
    let mut first = BTreeMap::new();
    for vnet in reading.vnets_in(zone) {
        let name = &vnet.metadata.name;
        let Some(other) = first.get(&vnet.spec.tag) else {
            first.insert(vnet.spec.tag, name);
            continue;
        };
        let problem = match vnet.spec.tag {
            Some(tag) => format!("vnets {other} and {name} of zone {zone} both have VLAN {tag}"),
            None => format!("vnets {other} and {name} of zone {zone} are both without tag"),
        };
        findings.error(
            at(Kind::Vnet, name, "spec.tag"),
            problem,
            "use a VLAN that no other vnet of the zone has",
        );
    }
}

/// What the zone's bridge on a node can carry; `None` where it does not say.
pub(super) fn bridge_of<'a>(zone: &Zone, facts: &'a Facts) -> Option<&'a BridgeFacts> {
    wanted(zone).and_then(|wanted| facts.bridges.get(wanted.bridge))
}
