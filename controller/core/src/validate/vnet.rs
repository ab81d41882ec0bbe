//! Vnets: in a zone that exists, with what the zone's type asks for and nothing else.

use weft_model::object::zone::{ZoneKind, ZoneType};
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
        match &zone.spec.kind {
            ZoneKind::Simple => check_simple(vnet, findings),
            ZoneKind::Vlan(_) => check_vlan(vnet, findings),
            ZoneKind::Qinq(_) => check_qinq(vnet, findings),
            ZoneKind::Vxlan(_) => check_vxlan(vnet, ZoneType::Vxlan, findings),
            ZoneKind::Evpn(_) => check_evpn(vnet, findings),
        }
        if !matches!(zone.spec.kind, ZoneKind::Simple | ZoneKind::Evpn(_)) {
            check_mac(vnet, zone.spec.kind.zone_type(), findings);
        }
        if vnet.spec.vlan_aware
            && let Some(subnet) = reading.subnets_in(name).first()
        {
            findings.error(
                at(Kind::Vnet, name, "spec.vlanAware"),
                format!(
                    "subnet {} is in the vnet, and a vnet whose guests use VLANs of their own has no \
                     addresses",
                    subnet.metadata.name
                ),
                "leave vlanAware out, or delete the vnet's subnets",
            );
        }
    }
}

fn check_vlan(vnet: &Vnet, findings: &mut Findings) {
    let name = &vnet.metadata.name;
    match vnet.spec.tag {
        None => findings.error(
            at(Kind::Vnet, name, "spec.tag"),
            format!(
                "zone {} is of type vlan and needs a tag, the VLAN",
                vnet.spec.zone
            ),
            "set a number from 1 to 4094 that no other vnet of the bridge has",
        ),
        Some(tag) if tag.vlan().is_none() => findings.error(
            at(Kind::Vnet, name, "spec.tag"),
            format!("{tag} is not a VLAN id, which the tag of a vnet in a zone of type vlan is"),
            "use 1 to 4094",
        ),
        Some(_) => {}
    }
}

fn check_qinq(vnet: &Vnet, findings: &mut Findings) {
    let name = &vnet.metadata.name;
    match vnet.spec.tag.map(|tag| (tag, tag.vlan())) {
        None => {}
        Some((tag, None)) => findings.error(
            at(Kind::Vnet, name, "spec.tag"),
            format!("{tag} is not a VLAN id, which the tag of a vnet in a zone of type qinq is"),
            "use 2 to 4094, or leave it out for the packets without inner tag",
        ),
        Some((_, Some(id))) if id.get() == 1 => findings.error(
            at(Kind::Vnet, name, "spec.tag"),
            "VLAN 1 of a zone of type qinq is that of the packets without inner tag".to_owned(),
            "use 2 to 4094, or leave it out for the packets without inner tag",
        ),
        Some(_) => {}
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

/// One network whose nodes route for it has no room for networks inside.
fn check_evpn(vnet: &Vnet, findings: &mut Findings) {
    check_vxlan(vnet, ZoneType::Evpn, findings);
    if vnet.spec.vlan_aware {
        findings.error(
            at(Kind::Vnet, &vnet.metadata.name, "spec.vlanAware"),
            format!(
                "zone {} is of type evpn, where guests cannot use VLANs of their own",
                vnet.spec.zone
            ),
            "leave vlanAware out, or use a zone of type vxlan",
        );
    }
}

fn check_vxlan(vnet: &Vnet, zone: ZoneType, findings: &mut Findings) {
    let name = &vnet.metadata.name;
    if vnet.spec.tag.is_none() {
        findings.error(
            at(Kind::Vnet, name, "spec.tag"),
            format!(
                "zone {} is of type {} and needs a tag, the VNI",
                vnet.spec.zone,
                zone.as_str()
            ),
            "set a number from 1 to 16777215 that no other vnet has",
        );
    }
}

/// In a zone whose nodes are in one network the nodes' bridges must not share an address.
fn check_mac(vnet: &Vnet, kind: ZoneType, findings: &mut Findings) {
    if vnet.spec.mac.is_some() {
        findings.error(
            at(Kind::Vnet, &vnet.metadata.name, "spec.mac"),
            format!(
                "zone {} is of type {}: its nodes are in one network, where one address on \
                 several of them would flap",
                vnet.spec.zone,
                kind.as_str()
            ),
            "leave the address out",
        );
    }
}
