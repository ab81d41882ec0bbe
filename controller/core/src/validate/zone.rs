//! Which nodes carry which zone, and what a zone says of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use weft_model::name::{NodeName, ZoneName};
use weft_model::object::zone::{VxlanPeers, ZoneKind};
use weft_model::object::{Kind, Zone};

use super::choice::choose_all;
use super::finding::{Findings, at};
use super::reading::Reading;

/// The nodes that carry a zone, by zone. Zones that choose alike share one set.
pub(super) type Carriers = BTreeMap<ZoneName, Arc<BTreeSet<NodeName>>>;

/// Finds the nodes of every zone: those that its selector chooses and that have said what they are.
pub(super) fn choose_nodes(reading: &Reading<'_>, findings: &mut Findings) -> Carriers {
    let zones = reading.snapshot.zones();
    for zone in zones.values() {
        check_peers(zone, findings);
    }
    let selectors = zones.iter().map(|(name, zone)| (name, &zone.spec.nodes));
    choose_all(
        reading,
        Kind::Zone,
        selectors,
        "no node carries the zone",
        findings,
    )
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
