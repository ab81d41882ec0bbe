//! Zones of layout bundle: every vnet is a VLAN of the zone's bridge that no other vnet is, nor what
//! packets between vnets of an evpn zone are in; and no node has both layouts on one port.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::name::{NodeName, VnetName, ZoneName};
use weft_model::object::vnet::VnetSpec;
use weft_model::object::zone::{EvpnZone, Layout, ZoneKind, ZoneType};
use weft_model::object::{Kind, Vnet, Zone};
use weft_model::port::UdpPort;
use weft_model::vlan::{VlanId, VlanSet};

use super::finding::{Findings, at};
use super::reading::Reading;
use super::zone::Carriers;

/// Checks every vnet against the layout of its zone, and zones against each other.
pub(super) fn check(reading: &Reading<'_>, carriers: &Carriers, findings: &mut Findings) {
    for (name, zone) in reading.snapshot.zones().iter() {
        let is_bundle = zone.spec.kind.is_bundle();
        let is_evpn = matches!(zone.spec.kind, ZoneKind::Evpn(_));
        for vnet in reading.vnets_in(name) {
            if is_bundle {
                check_bundled(vnet, findings);
                if is_evpn {
                    check_mac(vnet, findings);
                }
            } else if vnet.spec.vlan.is_some() {
                findings.error(
                    at(Kind::Vnet, &vnet.metadata.name, "spec.vlan"),
                    format!("zone {name} is not of layout bundle, where alone a vnet is a VLAN"),
                    "leave it out",
                );
            }
        }
        if is_bundle {
            check_vlans(reading, zone, findings);
        }
    }
    check_ports(reading, carriers, findings);
}

/// What a VLAN of a bridge cannot be.
fn check_bundled(vnet: &Vnet, findings: &mut Findings) {
    let VnetSpec {
        zone,
        vlan_aware,
        isolate_ports,
        ..
    } = &vnet.spec;
    for (is_asked, field, what) in [
        (
            *vlan_aware,
            "spec.vlanAware",
            "guests cannot use VLANs of their own",
        ),
        (
            *isolate_ports,
            "spec.isolatePorts",
            "guests of one vnet alone cannot be kept apart",
        ),
    ] {
        if is_asked {
            findings.error(
                at(Kind::Vnet, &vnet.metadata.name, field),
                format!("zone {zone} is of layout bundle, where the vnet is itself a VLAN: {what}"),
                "leave it out, or put the vnet into a zone of layout separate",
            );
        }
    }
}

/// A bridge knows its own address to be here in each of its VLANs, and no other: the node would flood
/// what is for a gateway with another one, to nodes that have the same gateway.
fn check_mac(vnet: &Vnet, findings: &mut Findings) {
    if vnet.spec.mac.is_some() {
        findings.error(
            at(Kind::Vnet, &vnet.metadata.name, "spec.mac"),
            format!(
                "zone {} is of layout bundle, where all gateways have the Ethernet address of the \
                 zone's one bridge",
                vnet.spec.zone
            ),
            "leave it out, and set spec.evpn.mac of the zone, or use a zone of layout separate",
        );
    }
}

/// One VLAN for each vnet.
fn check_vlans(reading: &Reading<'_>, declared: &Zone, findings: &mut Findings) {
    let zone = &declared.metadata.name;
    let [first, last] = VlanId::ENDS;
    let vnets = reading.vnets_in(zone);
    let between = match &declared.spec.kind {
        ZoneKind::Evpn(evpn) => Some(evpn),
        ZoneKind::Simple | ZoneKind::Vlan(_) | ZoneKind::Qinq(_) | ZoneKind::Vxlan(_) => None,
    };
    let most = usize::from(last.get()) - usize::from(between.is_some());
    if vnets.len() > most {
        findings.error(
            at(Kind::Zone, zone, "spec.layout"),
            format!(
                "zone {zone} has {} vnets, and a bridge has {most} VLANs for them",
                vnets.len()
            ),
            "put some of the vnets into another zone",
        );
        return;
    }
    let vlans = vnets.iter().filter_map(|vnet| vnet.spec.bundle_vlan());
    let of_zone = between.map(EvpnZone::vrf_vlan);
    let taken: VlanSet = vlans.chain(of_zone).collect();
    let free = VlanSet::range(first, last).without(&taken);
    let mut free = free.iter();
    let mut owners: BTreeMap<VlanId, &VnetName> = BTreeMap::new();
    // Who chose a VLAN keeps it, and who took the one of its tag is asked to choose.
    let chosen = vnets.iter().filter(|vnet| vnet.spec.vlan.is_some());
    let derived = vnets.iter().filter(|vnet| vnet.spec.vlan.is_none());
    for vnet in chosen.chain(derived) {
        let Some(vlan) = vnet.spec.bundle_vlan() else {
            continue;
        };
        let name = &vnet.metadata.name;
        let problem = match (owners.get(&vlan), between) {
            (_, Some(evpn)) if of_zone == Some(vlan) => format!(
                "vnet {name} is VLAN {vlan} of the bridge of zone {zone}, which packets between the \
                 zone's vnets are in: it follows from the zone's vrfVni, {}",
                evpn.vrf_vni
            ),
            (Some(other), _) => format!(
                "vnets {other} and {name} of zone {zone} are both VLAN {vlan} of its bridge"
            ),
            (None, _) => {
                owners.insert(vlan, name);
                continue;
            }
        };
        let advice = free.next().map_or_else(
            || "put one of them into another zone".to_owned(),
            |free| format!("set it to a VLAN that no other vnet of the zone is, such as {free}"),
        );
        findings.error(at(Kind::Vnet, name, "spec.vlan"), problem, advice);
    }
}

/// A kernel receives on a port either for one network a device or for many, of both families.
fn check_ports(reading: &Reading<'_>, carriers: &Carriers, findings: &mut Findings) {
    let mut bundles: Vec<(&ZoneName, UdpPort, ZoneType)> = Vec::new();
    let mut separate: Vec<(&ZoneName, UdpPort)> = Vec::new();
    for (name, zone) in reading.snapshot.zones().iter() {
        let (layout, port) = match &zone.spec.kind {
            ZoneKind::Vxlan(vxlan) => (vxlan.layout, vxlan.port),
            ZoneKind::Evpn(evpn) => (evpn.layout, evpn.port),
            ZoneKind::Simple | ZoneKind::Vlan(_) | ZoneKind::Qinq(_) => continue,
        };
        match layout {
            Layout::Bundle => bundles.push((name, port, zone.spec.kind.zone_type())),
            Layout::Separate => separate.push((name, port)),
        }
    }
    let ports: BTreeSet<UdpPort> = bundles.iter().map(|(_, port, _)| *port).collect();
    let mut users: BTreeMap<(UdpPort, &NodeName), &ZoneName> = BTreeMap::new();
    for (name, port) in separate.iter().filter(|(_, port)| ports.contains(port)) {
        for node in carriers.get(*name).into_iter().flat_map(|nodes| &**nodes) {
            users.entry((*port, node)).or_insert(name);
        }
    }
    for (name, port, kind) in bundles {
        let nodes = carriers.get(name).into_iter().flat_map(|nodes| &**nodes);
        let mut both = nodes.filter_map(|node| Some((node, users.get(&(port, node))?)));
        if let Some((node, other)) = both.next() {
            findings.error(
                at(Kind::Zone, name, &format!("spec.{}.port", kind.as_str())),
                format!(
                    "zone {other}, of layout separate, uses port {port} on node {node} too, and a \
                     port is of one layout"
                ),
                "give one of the zones another port, other nodes, or the other layout",
            );
        }
    }
}
