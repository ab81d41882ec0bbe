//! Proxmox VE's fabrics carried over.
//!
//! # Guarantees
//! The addresses of nodes stay, and the device that they are on. What an interface was given there
//! is the host's to give it: it is named in a note.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::name::{FabricName, LinkName, NodeName};
use weft_model::object::Declared;
use weft_model::object::fabric::{
    BgpOptions, FabricInterface, FabricKind, FabricNode, FabricSpec, Multiplier, OpenFabricOptions,
    OspfOptions,
};

use super::carry::{Carried, declared, is_on, number_of};
use super::section::Section;

const FILE: &str = "fabrics.cfg";

/// The fabrics, each with those of its nodes that can be carried over.
pub(super) fn fabrics(
    sections: &[Section],
    carried: &mut Carried,
) -> Vec<Declared<FabricName, FabricSpec>> {
    let mut fabrics = Vec::new();
    let mut members: BTreeSet<usize> = BTreeSet::new();
    for section in sections {
        let Some(protocol) = section.kind.strip_suffix("_fabric") else {
            continue;
        };
        let prefix = format!("{}_", section.id);
        let kind = format!("{protocol}_node");
        let of_it: Vec<(&Section, &str)> = sections
            .iter()
            .filter(|it| it.kind == kind)
            .filter_map(|it| Some((it, it.id.strip_prefix(&prefix)?)))
            .collect();
        members.extend(of_it.iter().map(|(it, _)| it.line));
        fabrics.extend(fabric(protocol, section, &of_it, carried));
    }
    for section in sections {
        if !section.kind.ends_with("_fabric") && !members.contains(&section.line) {
            carried.note(FILE, section, "it is of no fabric: not carried over");
        }
    }
    fabrics
}

fn fabric(
    protocol: &str,
    section: &Section,
    members: &[(&Section, &str)],
    carried: &mut Carried,
) -> Option<Declared<FabricName, FabricSpec>> {
    if !["openfabric", "ospf", "bgp"].contains(&protocol) {
        let text = format!("fabrics of type {protocol} are not carried over, nor its nodes");
        carried.note(FILE, section, text);
        return None;
    }
    let name: FabricName = carried.read(FILE, section, "name", section.id.parse())?;
    let mut multipliers = BTreeSet::new();
    let mut nodes = BTreeMap::new();
    for (member, node) in members {
        let Some(node) = carried.read(FILE, member, "name", node.parse::<NodeName>()) else {
            continue;
        };
        if let Some(part) = part(protocol, member, &mut multipliers, carried) {
            nodes.insert(node, part);
        }
    }
    let (kind, known): (FabricKind, &[&str]) = match protocol {
        "openfabric" => (
            FabricKind::OpenFabric(OpenFabricOptions {
                hello_interval: carried.number(FILE, section, "hello_interval"),
                hello_multiplier: the_one(section, multipliers, carried),
                csnp_interval: carried.number(FILE, section, "csnp_interval"),
            }),
            &["hello_interval", "csnp_interval"],
        ),
        "ospf" => (
            FabricKind::Ospf(OspfOptions {
                area: carried.value(FILE, section, "area")?,
                hello_interval: None,
                dead_interval: None,
            }),
            &["area"],
        ),
        _ => {
            let bfd = is_on(section, "bfd");
            (FabricKind::Bgp(BgpOptions { bfd }), &["bfd"])
        }
    };
    carried.note_rest(
        FILE,
        section,
        &[&["ip_prefix", "ip6_prefix"], known].concat(),
    );
    let spec = FabricSpec {
        prefix: carried.value(FILE, section, "ip_prefix"),
        prefix6: carried.value(FILE, section, "ip6_prefix"),
        kind,
        nodes,
    };
    let spec = carried.read(FILE, section, "fabric", spec.checked())?;
    Some(declared(name, spec))
}

/// A node's part; notes the multipliers of its interfaces.
fn part(
    protocol: &str,
    section: &Section,
    multipliers: &mut BTreeSet<Option<String>>,
    carried: &mut Carried,
) -> Option<FabricNode> {
    if section.get("role") == Some("external") {
        let text = "it is no node of the cluster: not carried over, name it as a neighbor";
        carried.note(FILE, section, text);
        return None;
    }
    let mut interfaces = BTreeMap::new();
    for text in section.all("interfaces") {
        let options: BTreeMap<&str, &str> = text
            .split(',')
            .filter_map(|it| it.split_once('='))
            .collect();
        let name = options.get("name").copied().unwrap_or_default();
        let name: LinkName = carried.read(FILE, section, "interfaces", name.parse())?;
        for option in ["ip", "ip6"] {
            if let Some(address) = options.get(option) {
                let text = format!(
                    "{option} {address} of {name}: not carried over, the host gives it to the interface"
                );
                carried.note(FILE, section, text);
            }
        }
        multipliers.insert(options.get("hello_multiplier").map(|it| (*it).to_owned()));
        let network = match options.get("network_type") {
            None => None,
            Some(kind) => Some(carried.read(FILE, section, "network_type", kind.parse())?),
        };
        interfaces.insert(name, FabricInterface { network });
    }
    let known = ["ip", "ip6", "interfaces", "role"];
    let of_type: &[&str] = if protocol == "bgp" { &["asn"] } else { &[] };
    carried.note_rest(FILE, section, &[&known, of_type].concat());
    Some(FabricNode {
        ip: carried.value(FILE, section, "ip"),
        ip6: carried.value(FILE, section, "ip6"),
        index: None,
        asn: match protocol {
            "bgp" => carried.number(FILE, section, "asn"),
            _ => None,
        },
        interfaces,
    })
}

/// The multiplier that all interfaces have: here it is the fabric's.
fn the_one(
    section: &Section,
    multipliers: BTreeSet<Option<String>>,
    carried: &mut Carried,
) -> Option<Multiplier> {
    let mut each = multipliers.into_iter();
    match (each.next(), each.next()) {
        (None | Some(None), None) => None,
        (Some(Some(text)), None) => {
            let value = number_of::<Multiplier>(&text);
            carried.read(FILE, section, "hello_multiplier", value)
        }
        _ => {
            let text =
                "hello_multiplier: interfaces differ, and a fabric has one: not carried over";
            carried.note(FILE, section, text);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use weft_model::object::Object;

    use super::*;
    use crate::manifest::write;
    use crate::pve::section;

    #[test]
    fn fabrics_are_carried_over_with_their_nodes_and_the_rest_is_named() {
        let text = "\
openfabric_fabric: core
\tip_prefix 10.9.0.0/24
\tip6_prefix fd00:9::/64
\thello_interval 1
\troute_filter PL

openfabric_node: core_n1
\tip 10.9.0.1
\tip6 fd00:9::1
\tinterfaces name=ens20,hello_multiplier=5
\tinterfaces name=ens21,hello_multiplier=5

ospf_fabric: old
\tip_prefix 10.8.0.0/24
\tarea 0

ospf_node: old_n1
\tip 10.8.0.1
\tinterfaces name=ens19,ip=172.16.3.10/31,network_type=broadcast

ospf_node: other_n1
\tip 10.8.0.9

bgp_fabric: leaf
\tip_prefix 10.7.0.0/24
\tbfd 1

bgp_node: leaf_n1
\tasn 65001
\tip 10.7.0.1
\tinterfaces name=ens22

bgp_node: leaf_spine
\trole external
\tpeer_ip 10.7.0.254

wireguard_fabric: wg
";
        let mut carried = Carried::default();
        let fabrics = fabrics(&section::read(text).unwrap(), &mut carried);
        let objects = fabrics.into_iter().map(Object::Fabric);
        let written: Vec<_> = objects.map(|it| write::declared(&it)).collect();
        insta::assert_snapshot!(format!(
            "{}\n{}",
            write::yaml(&written).unwrap(),
            carried.notes.join("\n")
        ));
    }
}
