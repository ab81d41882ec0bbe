//! What nodes have that is not ours and bears a name that we would use.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::name::{LinkName, NodeName, VnetName};
use weft_model::object::Kind;
use weft_model::object::zone::ZoneKind;

use super::finding::{Findings, at};
use super::reading::Reading;
use super::text::list;
use super::unique::Devices;
use super::zone::Carriers;

/// Warns of devices that bear the name of a vnet's and are not known to be ours. The agent decides
/// at prepare, against the kernel as it then is; it refuses what it cannot prove to be its own.
pub(super) fn check_devices(
    reading: &Reading<'_>,
    carriers: &Carriers,
    devices: &Devices,
    findings: &mut Findings,
) {
    let mut owners: BTreeMap<&LinkName, &VnetName> = BTreeMap::new();
    for (vnet, names) in devices {
        let declared = reading.snapshot.vnets().get(vnet);
        let zone = declared.and_then(|vnet| reading.snapshot.zones().get(&vnet.spec.zone));
        let kind = zone.map(|zone| &zone.spec.kind);
        if kind.is_none_or(ZoneKind::names_vnet_devices) {
            owners.insert(&names.bridge, vnet);
        }
        if kind.is_none_or(|kind| !kind.is_bundle()) {
            owners.insert(&names.tunnel, vnet);
        }
    }
    let mut taken: BTreeMap<(&VnetName, &LinkName), BTreeSet<&NodeName>> = BTreeMap::new();
    for (node, facts) in reading.snapshot.facts().iter() {
        for link in facts.links.keys() {
            let Some(vnet) = owners.get(link) else {
                continue;
            };
            let zone = reading
                .snapshot
                .vnets()
                .get(*vnet)
                .map(|vnet| &vnet.spec.zone);
            if zone
                .and_then(|zone| carriers.get(zone))
                .is_some_and(|nodes| nodes.contains(node))
            {
                taken.entry((vnet, link)).or_default().insert(node);
            }
        }
    }
    for ((vnet, link), nodes) in taken {
        findings.warn(
            at(Kind::Vnet, vnet, "metadata.name"),
            format!(
                "device {link} is there already on {} and is not Weft's",
                list(nodes)
            ),
            "rename the vnet or that device: a node refuses what it cannot prove to be its own",
        );
    }
}
