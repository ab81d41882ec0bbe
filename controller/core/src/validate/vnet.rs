//! Vnets: in a zone that exists, with what the zone's type asks for and nothing else.

use weft_model::object::zone::ZoneKind;
use weft_model::object::{Kind, Vnet};

use super::finding::{Findings, at};
use super::reading::Reading;

/// Checks every vnet against its zone.
pub(super) fn check(reading: &Reading<'_>, findings: &mut Findings) {
    for (name, vnet) in reading.snapshot.vnets().iter() {
        let Some(zone) = reading.snapshot.zones().get(&vnet.spec.zone) else {
            findings.error(
                at(Kind::Vnet, name, "spec.zone"),
                format!("zone {} does not exist", vnet.spec.zone),
                "create the zone, or delete the vnet with it",
            );
            continue;
        };
        match zone.spec.kind {
            ZoneKind::Simple => check_simple(vnet, findings),
            ZoneKind::Vxlan(_) => check_vxlan(vnet, findings),
        }
    }
}

fn check_simple(vnet: &Vnet, findings: &mut Findings) {
    if vnet.spec.tag.is_some() {
        findings.error(
            at(Kind::Vnet, &vnet.metadata.name, "spec.tag"),
            format!("zone {} is of type simple and takes no tag", vnet.spec.zone),
            "leave the tag out, or use a zone of type vxlan",
        );
    }
}

fn check_vxlan(vnet: &Vnet, findings: &mut Findings) {
    let name = &vnet.metadata.name;
    if vnet.spec.tag.is_none() {
        findings.error(
            at(Kind::Vnet, name, "spec.tag"),
            format!(
                "zone {} is of type vxlan and needs a tag, the VNI",
                vnet.spec.zone
            ),
            "set a number from 1 to 16777215 that no other vnet has",
        );
    }
    if vnet.spec.mac.is_some() {
        findings.error(
            at(Kind::Vnet, name, "spec.mac"),
            format!(
                "zone {} is of type vxlan: its nodes are in one network, where one address on \
                 several of them would flap",
                vnet.spec.zone
            ),
            "leave the address out",
        );
    }
}
