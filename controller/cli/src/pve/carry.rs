//! Proxmox VE's zones, vnets and subnets carried over as objects of ours.
//!
//! # Guarantees
//! Device names stay, so that a node can be taken over without touching its traffic. Whatever is
//! not carried over is named in a note; nothing is left out silently.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use weft_model::mtu::Mtu;
use weft_model::name::{LinkName, NodeName, SubnetName, VnetName, ZoneName};
use weft_model::object::drift::DriftPolicy;
use weft_model::object::selector::NodeSelector;
use weft_model::object::subnet::{Snat, SubnetSpec};
use weft_model::object::targets::RouteTargets;
use weft_model::object::vnet::{Tag, VnetSpec};
use weft_model::object::zone::{
    Layout, QinqZone, VlanZone, VxlanPeers, VxlanZone, ZoneKind, ZoneSpec,
};
use weft_model::object::{Declared, Labels, Metadata, Object};
use weft_model::port::UdpPort;
use weft_model::prefix::Prefix;
use weft_model::vlan::VlanProtocol;

use super::section::Section;
use super::{evpn, fabric, snippet};

/// The files that declare something, by what is in them.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// `zones.cfg`.
    pub zones: Vec<Section>,
    /// `vnets.cfg`.
    pub vnets: Vec<Section>,
    /// `subnets.cfg`.
    pub subnets: Vec<Section>,
    /// `controllers.cfg`.
    pub controllers: Vec<Section>,
    /// `fabrics.cfg`.
    pub fabrics: Vec<Section>,
    /// `frr.conf.local`.
    pub frr: Option<String>,
    /// The files that nothing is carried over from, by name.
    pub others: BTreeMap<String, Vec<Section>>,
}

/// What was carried over.
#[derive(Clone, Debug, Default)]
pub struct Carried {
    /// The objects, in the order in which they refer to each other.
    pub objects: Vec<Object>,
    /// What was not carried over, and why; one line each.
    pub notes: Vec<String>,
}

impl Carried {
    pub(super) fn note(&mut self, file: &str, section: &Section, text: impl Display) {
        let place = format!("{file}:{}: {section}", section.line);
        self.notes.push(format!("{place}: {text}"));
    }

    /// The value of a property in our form, or a note why there is none.
    pub(super) fn value<T>(&mut self, file: &str, section: &Section, name: &str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        let text = section.get(name)?;
        self.read(file, section, name, text.parse())
    }

    /// The number of a property in our form, or a note why there is none.
    pub(super) fn number<T>(&mut self, file: &str, section: &Section, name: &str) -> Option<T>
    where
        T: TryFrom<u32, Error: Display>,
    {
        let text = section.get(name)?;
        self.read(file, section, name, number_of(text))
    }

    pub(super) fn read<T, E: Display>(
        &mut self,
        file: &str,
        section: &Section,
        what: &str,
        result: Result<T, E>,
    ) -> Option<T> {
        result
            .map_err(|error| self.note(file, section, format!("{what}: {error}")))
            .ok()
    }

    /// Notes every property that is neither carried over nor without a meaning to us.
    pub(super) fn note_rest(&mut self, file: &str, section: &Section, known: &[&str]) {
        let rest: BTreeSet<&str> = section.names().filter(|it| !known.contains(it)).collect();
        for name in rest {
            let values: Vec<&str> = section.all(name).collect();
            let text = format!("{name} {}: not carried over", values.join(", "));
            self.note(file, section, text);
        }
    }
}

/// Carries over what this version has.
pub fn carry(files: &Files) -> Carried {
    let mut carried = Carried::default();
    let mut zones: BTreeMap<&str, ZoneName> = BTreeMap::new();
    let mut joined: BTreeSet<&str> = BTreeSet::new();
    let fabrics = fabric::fabrics(&files.fabrics, &mut carried);
    carried
        .objects
        .extend(fabrics.into_iter().map(Object::Fabric));
    for section in &files.controllers {
        if let Some(controller) = evpn::controller(section, &mut carried) {
            carried.objects.push(Object::Controller(controller));
        }
    }
    for section in &files.zones {
        if let Some(zone) = zone(files, section, &mut carried) {
            zones.insert(&section.id, zone.metadata.name.clone());
            if !matches!(zone.spec.kind, ZoneKind::Simple | ZoneKind::Evpn(_)) {
                joined.insert(&section.id);
            }
            carried.objects.push(Object::Zone(zone));
        }
    }
    let mut vnets: BTreeMap<&str, (VnetName, bool)> = BTreeMap::new();
    for section in &files.vnets {
        if let Some(vnet) = vnet(section, &zones, &mut carried) {
            let is_joined = section
                .get("zone")
                .is_some_and(|zone| joined.contains(zone));
            vnets.insert(&section.id, (vnet.metadata.name.clone(), is_joined));
            carried.objects.push(Object::Vnet(vnet));
        }
    }
    for section in &files.subnets {
        if let Some(subnet) = subnet(section, &vnets, &mut carried) {
            carried.objects.push(Object::Subnet(subnet));
        }
    }
    if let Some(text) = &files.frr {
        let snippet = snippet::snippet(text, &mut carried);
        carried.objects.extend(snippet.map(Object::FrrSnippet));
    }
    for (file, sections) in &files.others {
        for section in sections {
            carried.note(file, section, "not carried over");
        }
    }
    carried
}

/// A number in our form.
pub(super) fn number_of<T>(text: &str) -> Result<T, String>
where
    T: TryFrom<u32, Error: Display>,
{
    let number = text.parse::<u32>().map_err(|error| error.to_string())?;
    T::try_from(number).map_err(|error| error.to_string())
}

pub(super) fn declared<Name, Spec>(name: Name, spec: Spec) -> Declared<Name, Spec> {
    Declared {
        metadata: Metadata {
            name,
            labels: Labels::new(),
        },
        spec,
    }
}

/// The words of a list as the peer writes them: with commas, semicolons or spaces.
pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';', ' ', '\t'])
        .filter(|it| !it.is_empty())
}

fn zone(
    files: &Files,
    section: &Section,
    carried: &mut Carried,
) -> Option<Declared<ZoneName, ZoneSpec>> {
    const FILE: &str = "zones.cfg";
    let name = carried.read(FILE, section, "name", section.id.parse())?;
    let kind = match section.kind.as_str() {
        "simple" => ZoneKind::Simple,
        "vxlan" => ZoneKind::Vxlan(VxlanZone {
            peers: peers(section, carried)?,
            port: carried
                .number(FILE, section, "vxlan-port")
                .unwrap_or(UdpPort::VXLAN),
            learning: true,
            layout: Layout::Separate,
        }),
        "vlan" => ZoneKind::Vlan(VlanZone {
            bridge: bridge(FILE, section, carried)?,
            uplinks: BTreeSet::new(),
            mac_learning: !is_on(section, "bridge-disable-mac-learning"),
        }),
        "qinq" => ZoneKind::Qinq(QinqZone {
            bridge: bridge(FILE, section, carried)?,
            uplinks: BTreeSet::new(),
            tag: carried.number(FILE, section, "tag")?,
            protocol: match section.get("vlan-protocol") {
                None => VlanProtocol::default(),
                Some(_) => carried.value(FILE, section, "vlan-protocol")?,
            },
            mac_learning: !is_on(section, "bridge-disable-mac-learning"),
        }),
        "evpn" => {
            let family = evpn::family(&files.controllers, section);
            ZoneKind::Evpn(evpn::zone(section, family, carried)?)
        }
        other => {
            let text = format!("zones of type {other} are not available in this version");
            carried.note(FILE, section, text);
            return None;
        }
    };
    let names = section.get("nodes").unwrap_or_default();
    let nodes: Option<BTreeSet<NodeName>> = list(names)
        .map(|node| carried.read(FILE, section, "nodes", node.parse()))
        .collect();
    let nodes = nodes?;
    let mtu = carried.number::<Mtu>(FILE, section, "mtu");
    let known = [
        "nodes",
        "mtu",
        "peers",
        "fabric",
        "bridge",
        "tag",
        "vlan-protocol",
        "bridge-disable-mac-learning",
    ];
    carried.note_rest(FILE, section, &[&known[..], &evpn::ZONE].concat());
    let spec = ZoneSpec {
        nodes: if nodes.is_empty() {
            NodeSelector::All
        } else {
            NodeSelector::Names(nodes)
        },
        mtu,
        drift: DriftPolicy::default(),
        kind,
    };
    Some(declared(name, spec))
}

fn bridge(file: &str, section: &Section, carried: &mut Carried) -> Option<LinkName> {
    let name = section.get("bridge").unwrap_or_default();
    carried.read(file, section, "bridge", name.parse())
}

/// Whether a switch is on, as the peer writes it.
pub(super) fn is_on(section: &Section, name: &str) -> bool {
    matches!(section.get(name), Some("1" | "yes" | "on" | "true"))
}

/// The tunnel end points: those listed, or the nodes of a fabric.
fn peers(section: &Section, carried: &mut Carried) -> Option<VxlanPeers> {
    const FILE: &str = "zones.cfg";
    let listed = section.get("peers").unwrap_or_default();
    let peers: BTreeSet<IpAddr> = list(listed)
        .map(|peer| carried.read(FILE, section, "peers", peer.parse()))
        .collect::<Option<_>>()?;
    let fabric = carried.value(FILE, section, "fabric");
    if peers.is_empty() && fabric.is_none() {
        let text = "no peers: the zone's own nodes are taken, by their addresses";
        carried.note(FILE, section, text);
    }
    carried.read(
        FILE,
        section,
        "peers",
        VxlanPeers::listing(peers, None, fabric),
    )
}

fn vnet(
    section: &Section,
    zones: &BTreeMap<&str, ZoneName>,
    carried: &mut Carried,
) -> Option<Declared<VnetName, VnetSpec>> {
    const FILE: &str = "vnets.cfg";
    let zone = section.get("zone").unwrap_or_default();
    let Some(zone) = zones.get(zone) else {
        let text = format!("its zone {zone:?} is not carried over");
        carried.note(FILE, section, text);
        return None;
    };
    let name = carried.read(FILE, section, "name", section.id.parse())?;
    let spec = VnetSpec {
        zone: zone.clone(),
        tag: carried.number::<Tag>(FILE, section, "tag"),
        vlan: None,
        alias: carried.value(FILE, section, "alias"),
        mac: carried.value(FILE, section, "mac"),
        vlan_aware: is_on(section, "vlanaware"),
        isolate_ports: is_on(section, "isolate-ports"),
        distinguisher: None,
        targets: RouteTargets::default(),
    };
    let known = [
        "zone",
        "tag",
        "alias",
        "mac",
        "type",
        "vlanaware",
        "isolate-ports",
    ];
    carried.note_rest(FILE, section, &known);
    Some(declared(name, spec))
}

fn subnet(
    section: &Section,
    vnets: &BTreeMap<&str, (VnetName, bool)>,
    carried: &mut Carried,
) -> Option<Declared<SubnetName, SubnetSpec>> {
    const FILE: &str = "subnets.cfg";
    let vnet = section.get("vnet").unwrap_or_default();
    let Some((vnet, is_joined)) = vnets.get(vnet) else {
        let text = format!("its vnet {vnet:?} is not carried over");
        carried.note(FILE, section, text);
        return None;
    };
    // The name is the zone, the network and its length, with hyphens between them.
    let network = section.id.split_once('-').and_then(|(_, rest)| {
        let (address, length) = rest.rsplit_once('-')?;
        format!("{address}/{length}").parse::<IpNet>().ok()
    });
    let Some(network) = network else {
        let text = "the name has no network: it is not carried over";
        carried.note(FILE, section, text);
        return None;
    };
    if network.trunc() != network {
        let text = format!("{network} has host bits set: {} is taken", network.trunc());
        carried.note(FILE, section, text);
    }
    let cidr = carried.read(FILE, section, "network", Prefix::try_from(network.trunc()))?;
    let name = section.id.replace(':', "-");
    let name = carried.read(FILE, section, "name", name.parse())?;
    let mut snat = section.is_on("snat").then_some(Snat::Masquerade);
    if *is_joined && snat.take().is_some() {
        let text = "snat: has no effect in a vxlan zone, not carried over";
        carried.note(FILE, section, text);
    }
    let spec = SubnetSpec {
        vnet: vnet.clone(),
        cidr,
        gateway: carried.value(FILE, section, "gateway"),
        snat,
    };
    carried.note_rest(FILE, section, &["vnet", "gateway", "snat", "type"]);
    Some(declared(name, spec))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::write;
    use crate::pve::section;

    fn files(zones: &str, vnets: &str, subnets: &str) -> Files {
        Files {
            zones: section::read(zones).unwrap(),
            vnets: section::read(vnets).unwrap(),
            subnets: section::read(subnets).unwrap(),
            ..Files::default()
        }
    }

    fn told(carried: &Carried) -> String {
        let written: Vec<_> = carried.objects.iter().map(write::declared).collect();
        format!(
            "{}\n{}",
            write::yaml(&written).unwrap(),
            carried.notes.join("\n")
        )
    }

    #[test]
    fn what_we_have_is_carried_over_and_the_rest_is_named() {
        let mut files = files(
            "simple: inner\n\tipam pve\n\tdhcp dnsmasq\n\nvxlan: wide\n\tpeers 10.0.0.1,10.0.0.2\n\tnodes a,b\n\tmtu 8950\n\tvxlan-port 6000\n\nevpn: routed\n\tcontroller c\n",
            "vnet: web\n\tzone inner\n\talias My (web) net\n\tmac BC:24:11:00:00:01\n\nvnet: far\n\tzone wide\n\ttag 100\n\tvlanaware 1\n\nvnet: gone\n\tzone routed\n",
            "subnet: inner-10.1.0.0-24\n\tvnet web\n\tgateway 10.1.0.1\n\tsnat 1\n\tdhcp-range start-address=10.1.0.5,end-address=10.1.0.9\n\nsubnet: inner-fd00:1::-64\n\tvnet web\n\tsnat 1\n\nsubnet: wide-10.2.0.7-24\n\tvnet far\n\tsnat 1\n\nsubnet: routed-10.3.0.0-24\n\tvnet gone\n",
        );
        let controllers = section::read("evpn: c\n\tasn 65000\n").unwrap();
        files
            .others
            .insert("controllers.cfg".to_owned(), controllers);
        insta::assert_snapshot!(told(&carry(&files)));
    }

    #[test]
    fn a_fabric_stays_that_of_the_zone() {
        let mut files = files("vxlan: wide\n\tfabric core\n", "", "");
        files.fabrics = section::read(
            "openfabric_fabric: core\n\tip_prefix 10.9.0.0/24\n\nopenfabric_node: core_n1\n\tip 10.9.0.1\n",
        )
        .unwrap();
        let told = told(&carry(&files));
        assert!(told.contains("kind: Fabric"), "{told}");
        assert!(told.contains("fabric: core"), "{told}");
        assert!(!told.contains("not carried over"), "{told}");
    }
}
