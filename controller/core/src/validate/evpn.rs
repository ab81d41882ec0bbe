//! Zones of type evpn: who carries their routes, by which nodes they are left, and what tells them
//! apart.

use std::collections::BTreeMap;

use weft_model::object::controller::ControllerKind;
use weft_model::object::vnet::Tag;
use weft_model::object::zone::{EvpnZone, ZoneKind};
use weft_model::object::{Kind, Zone};

use super::finding::{Findings, at};
use super::reading::Reading;
use super::routing::Runners;
use super::text::list;
use super::zone::Carriers;

/// Checks every zone of type evpn, and that no vnet elsewhere asks for what only such have.
pub(super) fn check(
    reading: &Reading<'_>,
    carriers: &Carriers,
    runners: &Runners,
    findings: &mut Findings,
) {
    let mut vnis: BTreeMap<u32, String> = BTreeMap::new();
    for (name, vnet) in reading.snapshot.vnets().iter() {
        let zone = reading.snapshot.zones().get(&vnet.spec.zone);
        let has_vni = zone
            .is_some_and(|zone| matches!(zone.spec.kind, ZoneKind::Vxlan(_) | ZoneKind::Evpn(_)));
        if let Some(tag) = vnet.spec.tag.filter(|_| has_vni) {
            vnis.insert(Tag::into(tag), format!("vnet {name}"));
        }
        let is_evpn = zone.is_none_or(|zone| matches!(zone.spec.kind, ZoneKind::Evpn(_)));
        let fields = [
            ("spec.distinguisher", vnet.spec.distinguisher.is_some()),
            ("spec.targets", !vnet.spec.targets.is_empty()),
        ];
        for (field, _) in fields.into_iter().filter(|(_, given)| *given && !is_evpn) {
            findings.error(
                at(Kind::Vnet, name, field),
                format!(
                    "zone {} is not of type evpn and has no routes",
                    vnet.spec.zone
                ),
                "leave it out, or use a zone of type evpn",
            );
        }
    }
    for (name, zone) in reading.snapshot.zones().iter() {
        let ZoneKind::Evpn(evpn) = &zone.spec.kind else {
            continue;
        };
        let vni = evpn.vrf_vni.into();
        if let Some(other) = vnis.get(&vni) {
            findings.error(
                at(Kind::Zone, name, "spec.evpn.vrfVni"),
                format!("{other} has VNI {vni} too"),
                "use a VNI that no vnet and no other zone of the cluster has",
            );
        }
        vnis.insert(vni, format!("zone {name}"));
        check_controllers(reading, zone, evpn, carriers, runners, findings);
        check_exits(zone, evpn, carriers, findings);
    }
}

fn check_controllers(
    reading: &Reading<'_>,
    zone: &Zone,
    evpn: &EvpnZone,
    carriers: &Carriers,
    runners: &Runners,
    findings: &mut Findings,
) {
    let name = &zone.metadata.name;
    let place = || at(Kind::Zone, name, "spec.evpn.controllers");
    for controller in &evpn.controllers {
        let Some(declared) = reading.snapshot.controllers().get(controller) else {
            findings.error(
                place(),
                format!("controller {controller} does not exist"),
                "create it, or take the name out",
            );
            continue;
        };
        if !matches!(declared.spec.kind, ControllerKind::Evpn(_)) {
            findings.error(
                place(),
                format!(
                    "controller {controller} is of type {} and carries no routes of zones",
                    declared.spec.kind.as_str()
                ),
                "name a controller of type evpn",
            );
            continue;
        }
        let runs = runners.get(controller);
        let nodes = carriers.get(name).into_iter().flat_map(|nodes| &**nodes);
        let without: Vec<_> = nodes
            .filter(|node| !runs.is_some_and(|runs| runs.contains(*node)))
            .collect();
        if !without.is_empty() {
            findings.error(
                place(),
                format!("controller {controller} does not run on {}", list(without)),
                "choose these nodes in the controller too, or take them out of the zone",
            );
        }
    }
}

fn check_exits(zone: &Zone, evpn: &EvpnZone, carriers: &Carriers, findings: &mut Findings) {
    let Some(exits) = &evpn.exits else {
        return;
    };
    let name = &zone.metadata.name;
    let nodes = carriers.get(name);
    let outside: Vec<_> = exits
        .nodes
        .iter()
        .filter(|exit| !nodes.is_some_and(|nodes| nodes.contains(*exit)))
        .collect();
    if !outside.is_empty() {
        findings.error(
            at(Kind::Zone, name, "spec.evpn.exits.nodes"),
            format!("the zone is not on {}", list(outside)),
            "name nodes of the zone, whose agents have connected once",
        );
    }
}
