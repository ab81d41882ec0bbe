//! What names a fabric, or speaks on its devices too.

use weft_model::name::{LinkName, NodeName};
use weft_model::object::controller::{ControllerKind, EvpnPeers, IsisController, Mode};
use weft_model::object::fabric::FabricKind;
use weft_model::object::zone::{VxlanPeers, ZoneKind};
use weft_model::object::{Controller, Kind};

use crate::intent::Joined;
use crate::validate::finding::{Findings, at};
use crate::validate::reading::Reading;
use crate::validate::routing::Runners;
use crate::validate::text::list;
use crate::validate::zone::Carriers;

/// Checks that zones and controllers name fabrics that their nodes are in.
pub(in crate::validate) fn check_users(
    reading: &Reading<'_>,
    carriers: &Carriers,
    runners: &Runners,
    findings: &mut Findings,
) {
    for (name, zone) in reading.snapshot.zones().iter() {
        let ZoneKind::Vxlan(vxlan) = &zone.spec.kind else {
            continue;
        };
        let VxlanPeers::Fabric(fabric, family) = &vxlan.peers else {
            continue;
        };
        let place = || at(Kind::Zone, name, "spec.vxlan.fabric");
        let Some(declared) = reading.snapshot.fabrics().get(fabric) else {
            findings.error(
                place(),
                format!("fabric {fabric} does not exist"),
                "create it, or leave the field out",
            );
            continue;
        };
        if declared.spec.prefix(*family).is_none() {
            findings.error(
                at(Kind::Zone, name, "spec.vxlan.underlay"),
                format!("fabric {fabric} has no {family} network"),
                "choose the other family, or give the fabric a network of this one",
            );
        }
        let nodes = carriers.get(name).into_iter().flat_map(|nodes| &**nodes);
        let outside: Vec<_> = nodes
            .filter(|it| !declared.spec.nodes.contains_key(*it))
            .collect();
        if !outside.is_empty() {
            findings.error(
                place(),
                format!("{} of the zone is not in fabric {fabric}", list(outside)),
                "add it to the fabric, or leave it out of the zone's nodes",
            );
        }
    }
    for (name, controller) in reading.snapshot.controllers().iter() {
        let ControllerKind::Evpn(evpn) = &controller.spec.kind else {
            continue;
        };
        let EvpnPeers::Fabric(fabric) = &evpn.peers else {
            continue;
        };
        let place = || at(Kind::Controller, name, "spec.evpn.fabric");
        let Some(declared) = reading.snapshot.fabrics().get(fabric) else {
            findings.error(
                place(),
                format!("fabric {fabric} does not exist"),
                "create it, or list the neighbors' addresses in `peers`",
            );
            continue;
        };
        if evpn.sessions.source.is_some() {
            findings.error(
                at(Kind::Controller, name, "spec.evpn.sessions.source"),
                format!("sessions are made from the nodes' addresses in fabric {fabric}"),
                "leave the field out",
            );
        }
        let is_bgp = matches!(declared.spec.kind, FabricKind::Bgp(_));
        if is_bgp && evpn.mode == Mode::Internal {
            findings.error(
                at(Kind::Controller, name, "spec.evpn.mode"),
                format!("every node of fabric {fabric} is another system"),
                "leave the field out",
            );
        }
        let running = runners.get(name).into_iter().flatten();
        let outside: Vec<_> = running
            .filter(|it| !declared.spec.nodes.contains_key(*it))
            .collect();
        if !outside.is_empty() {
            findings.error(
                place(),
                format!(
                    "the controller runs on {}, which is not in fabric {fabric}",
                    list(outside)
                ),
                "add it to the fabric, or choose other nodes",
            );
        }
    }
}

/// What IS-IS and a fabric say of one device would be two things.
pub(in crate::validate) fn check_isis(
    node: &NodeName,
    joins: &[Joined],
    (controller, isis): (&Controller, &IsisController),
    findings: &mut Findings,
) {
    for joined in joins {
        let is_its =
            |name: &&LinkName| **name == joined.device || joined.interfaces.contains_key(*name);
        for (field, names) in [
            ("spec.isis.interfaces", isis.interfaces.iter().find(is_its)),
            ("spec.isis.source", isis.source.iter().find(is_its)),
        ] {
            if let Some(name) = names {
                findings.error(
                    at(Kind::Controller, &controller.metadata.name, field),
                    format!(
                        "{name} of node {node} is a device of fabric {}",
                        joined.name
                    ),
                    "speak one of the two protocols on a device",
                );
            }
        }
    }
}
