//! Which nodes carry which zone, and what a zone says of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use weft_model::name::{NodeName, ZoneName};
use weft_model::object::zone::{VxlanPeers, ZoneKind};
use weft_model::object::{Kind, Zone};

use super::choice::Choices;
use super::finding::{Findings, at};
use super::reading::Reading;

/// The nodes that carry a zone, by zone. Zones that choose alike share one set.
pub(super) type Carriers = BTreeMap<ZoneName, Arc<BTreeSet<NodeName>>>;

/// Finds the nodes of every zone: those that its selector chooses and that have said what they are.
pub(super) fn choose_nodes(reading: &Reading<'_>, findings: &mut Findings) -> Carriers {
    let mut choices = Choices::default();
    let mut carriers = Carriers::new();
    for (name, zone) in reading.snapshot.zones().iter() {
        check_peers(zone, findings);
        let chooser = (Kind::Zone, name.as_str());
        let nodes = choices.choose(reading, chooser, &zone.spec.nodes, findings);
        if nodes.is_empty() {
            findings.warn(
                at(Kind::Zone, name, "spec.nodes"),
                "no node carries the zone".to_owned(),
                "start weft-agent on the nodes that should, or choose others",
            );
        }
        carriers.insert(name.clone(), nodes);
    }
    choices.tell_of_silent(findings);
    carriers
}

/// An address that needs a device beside it to be of use is no end point of a tunnel.
fn check_peers(zone: &Zone, findings: &mut Findings) {
    let ZoneKind::Vxlan(vxlan) = &zone.spec.kind else {
        return;
    };
    let VxlanPeers::Static(peers) = &vxlan.peers else {
        return;
    };
    for peer in peers {
        let unusable = match peer {
            IpAddr::V4(peer) => peer.is_broadcast() || peer.is_link_local(),
            IpAddr::V6(peer) => peer.is_unicast_link_local(),
        };
        if unusable {
            findings.error(
                at(Kind::Zone, &zone.metadata.name, "spec.vxlan.peers"),
                format!("{peer} is valid on one link only and cannot be a tunnel end point"),
                "use an address that can be routed to",
            );
        }
    }
}
