//! How routing goes on a node, as it is shown.

use std::time::SystemTime;

use serde::Serialize;
use weft_proto::v1;

use crate::console::safe;
use crate::moment;
use crate::table::Columns;

/// How many sessions are up, as it is printed for programs.
#[derive(Serialize)]
pub struct WrittenCount {
    up: u32,
    total: u32,
}

/// How routing goes, as it is printed for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WrittenRouting {
    answers: bool,
    sessions: Vec<WrittenSession>,
    #[serde(skip_serializing_if = "is_zero")]
    unlisted: u32,
    ways: Vec<WrittenWay>,
    networks: WrittenNetworks,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenSession {
    vrf: String,
    family: String,
    peer: String,
    state: String,
    since: String,
    received: u64,
    drops: u64,
}

#[derive(Serialize)]
struct WrittenWay {
    vrf: String,
    peer: String,
    up: bool,
}

#[derive(Serialize)]
struct WrittenNetworks {
    layer2: u32,
    layer3: u32,
    remotes: u32,
    macs: u64,
    neighbors: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives it so")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl From<&v1::SessionCount> for WrittenCount {
    fn from(wire: &v1::SessionCount) -> Self {
        let v1::SessionCount { up, total } = *wire;
        Self { up, total }
    }
}

impl From<&v1::Routing> for WrittenRouting {
    fn from(wire: &v1::Routing) -> Self {
        let session = |it: &v1::RoutingSession| WrittenSession {
            vrf: it.vrf.clone(),
            family: it.family.clone(),
            peer: it.peer.clone(),
            state: it.state.clone(),
            since: moment::rfc3339(it.since),
            received: it.received,
            drops: it.drops,
        };
        let way = |it: &v1::RoutingWay| WrittenWay {
            vrf: it.vrf.clone(),
            peer: it.peer.clone(),
            up: it.up,
        };
        let it = networks(wire);
        Self {
            answers: wire.answers,
            sessions: wire.sessions.iter().map(session).collect(),
            unlisted: wire.unlisted,
            ways: wire.ways.iter().map(way).collect(),
            networks: WrittenNetworks {
                layer2: it.layer2,
                layer3: it.layer3,
                remotes: it.remotes,
                macs: it.macs,
                neighbors: it.neighbors,
            },
        }
    }
}

fn networks(routing: &v1::Routing) -> v1::RoutingNetworks {
    routing.networks.unwrap_or_default()
}

/// How many of a node's sessions are up, `2/2`.
pub fn count(node: &v1::NodeView) -> String {
    let count = node.sessions.as_ref();
    count.map_or_else(String::new, |it| format!("{}/{}", it.up, it.total))
}

/// What a page has to say in a line each.
pub fn lines(node: &v1::NodeView) -> Vec<(&'static str, String)> {
    let Some(routing) = &node.routing else {
        return Vec::new();
    };
    let sessions = match (routing.answers, routing.unlisted) {
        (false, _) => "bgpd does not answer".to_owned(),
        (true, 0) => format!("{} up", count(node)),
        (true, unlisted) => format!("{} up, {unlisted} not listed", count(node)),
    };
    let it = networks(routing);
    let networks = format!(
        "{} of layer 2, {} of layer 3, {} far end points, {} MACs, {} neighbors",
        it.layer2, it.layer3, it.remotes, it.macs, it.neighbors
    );
    vec![("Sessions:", sessions), ("Networks:", networks)]
}

/// The node's sessions, where it has any.
pub fn table(node: &v1::NodeView, now: SystemTime) -> Option<Columns> {
    let routing = node.routing.as_ref()?;
    if routing.sessions.is_empty() {
        return None;
    }
    let titles = [
        "VRF", "FAMILY", "NEIGHBOR", "STATE", "SINCE", "ROUTES", "DROPS", "BFD",
    ];
    let mut table = Columns::new(&titles);
    for it in &routing.sessions {
        table.row([
            safe(&it.vrf),
            safe(&it.family),
            safe(&it.peer),
            safe(&it.state),
            moment::age(it.since, now),
            it.received.to_string(),
            it.drops.to_string(),
            way(routing, it).to_owned(),
        ]);
    }
    Some(table)
}

/// What BFD finds of the way to a session's neighbor: several ways are all to be open.
fn way(routing: &v1::Routing, session: &v1::RoutingSession) -> &'static str {
    let ways = routing.ways.iter();
    let leads = |it: &&v1::RoutingWay| it.vrf == session.vrf && it.peer == session.peer;
    match ways.filter(leads).map(|it| it.up).reduce(|a, b| a && b) {
        None => "",
        Some(true) => "up",
        Some(false) => "down",
    }
}
