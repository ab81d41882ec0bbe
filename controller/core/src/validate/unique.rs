//! What no two vnets of the cluster may share: a VNI, or the name of a device.

use std::collections::BTreeMap;

use weft_model::name::{LinkName, VnetName};
use weft_model::object::vnet::Tag;
use weft_model::object::zone::{VlanZone, ZoneKind};
use weft_model::object::{Kind, Zone};

use super::finding::{Findings, at};
use super::reading::Reading;
use crate::device::{self, DeviceNames, ZoneDeviceNames};

/// The names of the devices of every vnet.
pub(super) type Devices = BTreeMap<VnetName, DeviceNames>;

/// Checks the whole cluster, whatever nodes the vnets are on: a vnet may come to a node that
/// another is on already, and must then be told apart.
pub(super) fn check(reading: &Reading<'_>, findings: &mut Findings) -> Devices {
    let mut vnis: BTreeMap<Tag, &VnetName> = BTreeMap::new();
    let mut owners: BTreeMap<LinkName, (Kind, &str)> = BTreeMap::new();
    let mut helpers: BTreeMap<LinkName, &VnetName> = BTreeMap::new();
    let mut devices = Devices::new();
    for (name, vnet) in reading.snapshot.vnets().iter() {
        let zone = reading.snapshot.zones().get(&vnet.spec.zone);
        let in_vxlan = zone
            .is_some_and(|zone| matches!(zone.spec.kind, ZoneKind::Vxlan(_) | ZoneKind::Evpn(_)));
        if let Some(tag) = vnet.spec.tag.filter(|_| in_vxlan) {
            if let Some(first) = vnis.get(&tag) {
                findings.error(
                    at(Kind::Vnet, name, "spec.tag"),
                    format!("vnets {first} and {name} both have VNI {tag}"),
                    "use a VNI that no other vnet of the cluster has",
                );
            } else {
                vnis.insert(tag, name);
            }
        }
        let names = DeviceNames::of(name);
        let kind = zone.map(|zone| &zone.spec.kind);
        // Tunnels are named after bridges, so that one of the two names tells.
        if kind.is_none_or(ZoneKind::names_vnet_devices) {
            claim(
                &mut owners,
                &names.bridge,
                (Kind::Vnet, name.as_str()),
                findings,
            );
        }
        if let Some(vlan) = zone.and_then(|zone| vlan_of(zone)) {
            for device in [&names.near, &names.far] {
                claim(&mut owners, device, (Kind::Vnet, name.as_str()), findings);
            }
            let id = vnet.spec.tag.and_then(Tag::vlan);
            helpers.extend(id.map(|id| (device::helper_bridge(&vlan.bridge, id), name)));
        }
        devices.insert(name.clone(), names);
    }
    for (name, zone) in reading.snapshot.zones().iter() {
        let names = ZoneDeviceNames::of(name);
        let used: &[&LinkName] = match zone.spec.kind {
            ZoneKind::Qinq(_) => &[&names.bridge, &names.service, &names.near, &names.far],
            ZoneKind::Evpn(_) => &[
                &names.vrf,
                &names.vrf_bridge,
                &names.vrf_tunnel,
                &names.exit_outside,
                &names.exit_inside,
            ],
            ZoneKind::Simple | ZoneKind::Vlan(_) | ZoneKind::Vxlan(_) => &[],
        };
        for device in used {
            claim(&mut owners, device, (Kind::Zone, name.as_str()), findings);
        }
        if zone.spec.kind.is_bundle() {
            let names = ZoneDeviceNames::of(name);
            for device in [&names.bridge, &names.tunnel] {
                claim(&mut owners, device, (Kind::Zone, name.as_str()), findings);
            }
        }
    }
    // Vnets on different nodes may have one helper bridge each of the same name.
    for (helper, name) in helpers {
        let another = |owner: &&(Kind, &str)| owner.1 != name.as_str();
        if owners.get(&helper).filter(another).is_some() {
            claim(&mut owners, &helper, (Kind::Vnet, name.as_str()), findings);
        }
    }
    devices
}

fn vlan_of(zone: &Zone) -> Option<&VlanZone> {
    match &zone.spec.kind {
        ZoneKind::Vlan(vlan) => Some(vlan),
        ZoneKind::Simple | ZoneKind::Qinq(_) | ZoneKind::Vxlan(_) | ZoneKind::Evpn(_) => None,
    }
}

/// Gives a device to an object, unless another has it.
fn claim<'a>(
    owners: &mut BTreeMap<LinkName, (Kind, &'a str)>,
    device: &LinkName,
    owner: (Kind, &'a str),
    findings: &mut Findings,
) {
    let (kind, name) = owner;
    let Some((other_kind, other)) = owners.get(device) else {
        owners.insert(device.clone(), owner);
        return;
    };
    let [word, other_word] = [kind, *other_kind].map(|kind| kind.as_str().to_lowercase());
    let both = if word == other_word {
        format!("{word}s {other} and {name}")
    } else {
        format!("{other_word} {other} and {word} {name}")
    };
    findings.error(
        at(kind, name, "metadata.name"),
        format!("{both} would both have the device {device}"),
        "rename one of them",
    );
}
