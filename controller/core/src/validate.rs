//! The door through which a snapshot becomes an intent: every rule is checked here, and nowhere
//! else.
//!
//! # Guarantees
//! [`validate`] finds every fault, never only the first, and says of each which field of which
//! object it is in and what would be right. It never panics, whatever the snapshot. What it lets
//! pass compiles without a further question.

use std::collections::BTreeMap;
use std::sync::Arc;

use weft_model::name::{HostNetworkName, NodeName, VnetName};
use weft_model::note::{Note, Severity};
use weft_model::object::zone::ZoneKind;

use crate::intent::{HostNetwork, Intent, Vnet, Zone};
use crate::snapshot::Snapshot;

mod finding;
mod reading;
mod text;

mod choice;

mod fabric;
mod policy;

mod routing;

mod bundle;
mod mtu;
mod node;
mod overlap;
mod subnet;
mod trunk;
mod tunnel;
mod unique;
mod vnet;
mod zone;

mod host;

mod evpn;

use finding::Findings;
use reading::Reading;

/// The intent of a snapshot and warnings about it; or, where there is an error, every finding.
///
/// # Errors
/// When there is at least one error among the findings. They are in the order of severity, then of
/// objects.
pub fn validate(snapshot: &Snapshot) -> Result<(Intent, Vec<Note>), Vec<Note>> {
    let mut findings = Findings::default();
    let mut reading = Reading::of(snapshot);
    let hosts = host::choose_nodes(&reading, &mut findings);
    reading.grounds = host::ground::lay(&reading, &hosts);
    let joins = fabric::join(&reading, &mut findings);
    let said = |node: &NodeName| snapshot.facts().get(node).map(|facts| (**facts).clone());
    fabric::lay(&joins, said, &mut reading.grounds);

    let carriers = zone::choose_nodes(&reading, &mut findings);
    vnet::check(&reading, &mut findings);
    subnet::check(&reading, &carriers, &mut findings);
    let runners = routing::choose_nodes(&reading, &mut findings);
    let routings = routing::resolve(&reading, &runners, joins, &mut findings);
    fabric::user::check_users(&reading, &carriers, &runners, &mut findings);
    policy::check(&reading, &mut findings);
    let snippets = policy::snippets(&reading, &routings, &mut findings);
    evpn::check(&reading, &carriers, &runners, &mut findings);
    let underlays = tunnel::resolve(&reading, &carriers, &routings, &mut findings);
    let trunks = trunk::resolve(&reading, &carriers, &mut findings);
    let mtus = mtu::resolve(&reading, &underlays, &trunks, &mut findings);
    let devices = unique::check(&reading, &mut findings);
    bundle::check(&reading, &carriers, &mut findings);
    trunk::check_tags(&reading, &carriers, &mut findings);
    node::check_devices(&reading, &carriers, &devices, &mut findings);
    overlap::check(&reading, &carriers, &mut findings);
    host::check(&reading, &hosts, &mut findings);
    host::ground::check(&reading, &hosts, &mut findings);
    host::check_names(
        &reading,
        (&hosts, &carriers),
        (&devices, &trunks),
        &mut findings,
    );
    let filtering = host::filtering(&reading, &hosts);

    let notes = findings.sorted();
    if notes.iter().any(|note| note.severity == Severity::Error) {
        return Err(notes);
    }
    let resolved = Resolved {
        hosts,
        filtering,
        carriers,
        underlays,
        trunks,
        mtus,
        devices,
        routings,
        snippets,
    };
    Ok((build(&reading, resolved), notes))
}

/// What the rules found out on their way.
struct Resolved {
    hosts: host::Hosts,
    filtering: host::Filtering,
    carriers: zone::Carriers,
    underlays: tunnel::Underlays,
    trunks: trunk::Trunks,
    mtus: mtu::Mtus,
    devices: unique::Devices,
    routings: routing::Routings,
    snippets: policy::Snippets,
}

/// Puts together what the rules found; nothing is decided here.
fn build(reading: &Reading<'_>, mut resolved: Resolved) -> Intent {
    let mut zones = BTreeMap::new();
    let mut vnets: BTreeMap<VnetName, Arc<Vnet>> = BTreeMap::new();
    let mut zones_by_node: BTreeMap<NodeName, Vec<Arc<Zone>>> = BTreeMap::new();
    for (name, declared) in reading.snapshot.zones().iter() {
        let members = reading.vnets_in(name).iter().filter_map(|vnet| {
            let name = &vnet.metadata.name;
            let devices = resolved.devices.remove(name)?;
            let mtu = mtu::of_vnet(declared, vnet, resolved.mtus.get(&declared.metadata.name));
            let subnets = reading.subnets_in(name).iter().map(|it| Arc::clone(it));
            Some(Arc::new(Vnet {
                declared: Arc::clone(vnet),
                devices,
                mtu,
                subnets: subnets.collect(),
            }))
        });
        let members: Vec<Arc<Vnet>> = members.collect();
        let is_qinq = matches!(declared.spec.kind, ZoneKind::Qinq(_));
        // Asked for by every node of the zone, so it is looked for once.
        let untagged = members
            .iter()
            .find(|vnet| is_qinq && vnet.declared.spec.tag.is_none());
        let zone = Arc::new(Zone {
            declared: Arc::clone(declared),
            nodes: resolved.carriers.remove(name).unwrap_or_default(),
            mtu: resolved.mtus.get(name).copied(),
            underlay: resolved.underlays.remove(name),
            trunks: resolved.trunks.remove(name).unwrap_or_default(),
            untagged: untagged.cloned(),
            vnets: members,
        });
        for vnet in &zone.vnets {
            vnets.insert(vnet.name().clone(), Arc::clone(vnet));
        }
        for node in &*zone.nodes {
            match zones_by_node.get_mut(node) {
                Some(zones) => zones.push(Arc::clone(&zone)),
                None => {
                    zones_by_node.insert(node.clone(), vec![Arc::clone(&zone)]);
                }
            }
        }
        zones.insert(name.clone(), zone);
    }
    let (hosts, hosts_by_node) = build_hosts(reading, resolved.hosts, resolved.filtering);
    Intent {
        snapshot: reading.snapshot.clone(),
        zones,
        vnets,
        zones_by_node,
        hosts,
        hosts_by_node,
        routings: resolved.routings,
        snippets: resolved.snippets,
    }
}

/// The host networks, and those of every node.
type BuiltHosts = (
    BTreeMap<HostNetworkName, Arc<HostNetwork>>,
    BTreeMap<NodeName, Vec<Arc<HostNetwork>>>,
);

fn build_hosts(
    reading: &Reading<'_>,
    mut chosen: host::Hosts,
    mut filtering: host::Filtering,
) -> BuiltHosts {
    let mut hosts = BTreeMap::new();
    let mut by_node: BTreeMap<NodeName, Vec<Arc<HostNetwork>>> = BTreeMap::new();
    for (name, declared) in reading.snapshot.host_networks().iter() {
        let host = Arc::new(HostNetwork {
            declared: Arc::clone(declared),
            nodes: chosen.remove(name).unwrap_or_default(),
            filtering: filtering.remove(name).unwrap_or_default(),
        });
        for node in &*host.nodes {
            let hosts = by_node.entry(node.clone()).or_default();
            hosts.push(Arc::clone(&host));
        }
        hosts.insert(name.clone(), host);
    }
    (hosts, by_node)
}

#[cfg(test)]
mod tests;
