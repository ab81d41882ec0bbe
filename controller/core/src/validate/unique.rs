//! What no two vnets of the cluster may share: a VNI, or the name of a device.

use std::collections::BTreeMap;

use weft_model::name::{LinkName, VnetName};
use weft_model::object::Kind;
use weft_model::object::vnet::Tag;
use weft_model::object::zone::ZoneKind;

use super::finding::{Findings, at};
use super::reading::Reading;
use crate::device::DeviceNames;

/// The names of the devices of every vnet.
pub(super) type Devices = BTreeMap<VnetName, DeviceNames>;

/// Checks the whole cluster, whatever nodes the vnets are on: a vnet may come to a node that
/// another is on already, and must then be told apart.
pub(super) fn check(reading: &Reading<'_>, findings: &mut Findings) -> Devices {
    let mut vnis: BTreeMap<Tag, &VnetName> = BTreeMap::new();
    let mut owners: BTreeMap<LinkName, VnetName> = BTreeMap::new();
    let mut devices = Devices::new();
    for (name, vnet) in reading.snapshot.vnets().iter() {
        let zone = reading.snapshot.zones().get(&vnet.spec.zone);
        let in_vxlan = zone.is_some_and(|zone| matches!(zone.spec.kind, ZoneKind::Vxlan(_)));
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
        // Tunnels are named after bridges, so that one of the two names tells.
        if let Some(first) = owners.get(&names.bridge) {
            findings.error(
                at(Kind::Vnet, name, "metadata.name"),
                format!(
                    "vnets {first} and {name} would both have the device {}",
                    names.bridge
                ),
                "rename one of them",
            );
        } else {
            owners.insert(names.bridge.clone(), name.clone());
        }
        devices.insert(name.clone(), names);
    }
    devices
}
