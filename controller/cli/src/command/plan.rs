//! `weftctl plan`: what a node must be, worked out from files, without a controller.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use weft_model::facts::Facts;
use weft_model::mtu::Mtu;
use weft_model::name::NodeName;
use weft_model::note::{Note, Severity};
use weft_model::object::Object;
use weft_model::object::zone::ZoneKind;
use weft_model::prefix::Family;

use super::import;
use super::source;
use crate::console;
use crate::failure::{Failure, Outcome};
use crate::manifest::read;
use crate::manifest::write;
use crate::offline;
use crate::pve::interfaces;
use crate::situation;

/// Options of `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// A folder with the files of Proxmox VE, and the node's own interfaces file
    #[arg(
        long,
        value_name = "DIR",
        required_unless_present = "files",
        conflicts_with = "files"
    )]
    from_pve: Option<PathBuf>,
    /// Manifests: a file, a folder of files, or - for the standard input
    #[arg(short, long = "file", value_name = "FILE", requires = "facts")]
    files: Vec<PathBuf>,
    /// What nodes say of themselves: a YAML map from node to facts, as weftctl nodes -o facts
    /// prints
    #[arg(long, value_name = "FILE", requires = "files")]
    facts: Option<PathBuf>,
    /// The node
    #[arg(long, value_name = "NAME")]
    node: NodeName,
    /// How to print
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

/// How a plan is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// As JSON; what every device has is left out
    Json,
    /// The plan itself, as agents get it
    Plan,
}

/// Prints the plan.
///
/// # Errors
/// When the files cannot be read, or what they declare is not valid.
pub fn run(options: &Plan) -> Outcome {
    let (objects, facts) = match (&options.from_pve, &options.facts) {
        (Some(folder), _) => peer(folder, &options.node)?,
        (None, Some(facts)) => ours(&options.files, facts)?,
        (None, None) => return Err(Failure::refused("give --from-pve, or -f with --facts")),
    };
    let own = facts
        .get(&options.node)
        .cloned()
        .ok_or_else(|| Failure::refused(format!("there are no facts of node {}", options.node)))?;
    let (plan, warnings) =
        offline::plan(objects, facts, &options.node).map_err(|notes| refused(&notes))?;
    for warning in warnings {
        console::note(&warning.to_string());
    }
    let situation = situation::describe(&options.node, &plan, &own);
    console::print(&match options.output {
        Format::Text => situation.text(),
        Format::Json => write::json(&situation)?,
        Format::Plan => write::json(&plan)?,
    })
}

/// What stops the objects from being used; the rest is told beside it.
fn refused(notes: &[Note]) -> Failure {
    let (errors, warnings): (Vec<&Note>, Vec<&Note>) = notes
        .iter()
        .partition(|note| note.severity == Severity::Error);
    for warning in warnings {
        console::note(&warning.to_string());
    }
    Failure::Refused(errors.iter().map(ToString::to_string).collect())
}

type Given = (Vec<Object>, BTreeMap<NodeName, Facts>);

fn ours(files: &[PathBuf], facts: &Path) -> Outcome<Given> {
    let manifests = source::manifests(files)?;
    let objects = manifests.into_iter().map(|it| it.object).collect();
    let name = facts.display();
    let text = std::fs::read_to_string(facts)
        .map_err(|error| Failure::refused(format!("cannot read {name}: {error}")))?;
    let facts = read::parse(&text)
        .map_err(|error| Failure::refused(format!("{name}: {}", error.without_snippet())))?;
    Ok((objects, facts))
}

fn peer(folder: &Path, node: &NodeName) -> Outcome<Given> {
    let carried = import::from_pve(folder)?;
    for note in &carried.notes {
        console::note(note);
    }
    let path = folder.join("interfaces");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        let name = path.display();
        Failure::refused(format!(
            "cannot read {name}: {error}: put the node's /etc/network/interfaces there"
        ))
    })?;
    let interfaces = interfaces::read(&text);
    for note in &interfaces.notes {
        console::note(note);
    }
    let facts = interfaces.facts(assumed_mtu(&carried.objects));
    Ok((carried.objects, BTreeMap::from([(node.clone(), facts)])))
}

/// What VXLAN costs.
fn overhead(family: Family) -> u32 {
    match family {
        Family::Ipv4 => 50,
        Family::Ipv6 => 70,
    }
}

/// The MTU of devices of which the file says nothing: Ethernet's, or what the zones' own MTUs show
/// that they must have.
fn assumed_mtu(objects: &[Object]) -> Mtu {
    let needed = objects.iter().filter_map(|object| {
        let Object::Zone(zone) = object else {
            return None;
        };
        let overhead = match &zone.spec.kind {
            ZoneKind::Simple => return None,
            ZoneKind::Vlan(_) => 0,
            ZoneKind::Qinq(_) => 4,
            ZoneKind::Vxlan(vxlan) => overhead(vxlan.peers.family()),
            ZoneKind::Evpn(evpn) => overhead(evpn.underlay),
        };
        let is_vlan_aware = |object: &Object| match object {
            Object::Vnet(vnet) => vnet.spec.vlan_aware && vnet.spec.zone == zone.metadata.name,
            _ => false,
        };
        let inside = if objects.iter().any(is_vlan_aware) {
            4
        } else {
            0
        };
        let overhead = overhead + inside;
        Mtu::try_from(zone.spec.mtu?.get() + overhead).ok()
    });
    needed.max().unwrap_or(Mtu::ETHERNET).max(Mtu::ETHERNET)
}
