//! How routing goes on a node, on the wire.

use weft_model::revision::Timestamp;
use weft_model::routing::{LISTED, Networks, Routing, Session, Way};

use super::fields::{Fields, Invalid};
use super::report::printable;
use crate::v1;

/// How long a name or a state may be: FRR's are a few dozen characters at most.
const LONGEST: usize = 200;

impl From<&Routing> for v1::Routing {
    fn from(routing: &Routing) -> Self {
        let session = |it: &Session| v1::RoutingSession {
            vrf: it.vrf.clone(),
            family: it.family.clone(),
            peer: it.peer.clone(),
            state: it.state.clone(),
            since: it.since.0,
            received: it.received,
            drops: it.drops,
        };
        let way = |it: &Way| v1::RoutingWay {
            vrf: it.vrf.clone(),
            peer: it.peer.to_string(),
            up: it.up,
        };
        let it = &routing.networks;
        let networks = v1::RoutingNetworks {
            layer2: it.layer2,
            layer3: it.layer3,
            remotes: it.remotes,
            macs: it.macs,
            neighbors: it.neighbors,
        };
        Self {
            answers: routing.answers,
            sessions: routing.sessions.iter().map(session).collect(),
            unlisted: routing.unlisted,
            ways: routing.ways.iter().map(way).collect(),
            networks: (routing.networks != Networks::default()).then_some(networks),
        }
    }
}

impl TryFrom<&v1::Routing> for Routing {
    type Error = Invalid;

    fn try_from(wire: &v1::Routing) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let too_long = |count: usize| format!("has {count} entries, and may have {LISTED}");
        if wire.sessions.len() > LISTED {
            fields.refuse("sessions", too_long(wire.sessions.len()));
        }
        if wire.ways.len() > LISTED {
            fields.refuse("ways", too_long(wire.ways.len()));
        }
        let mut ways = Vec::new();
        for (at, way) in wire.ways.iter().take(LISTED).enumerate() {
            let peer = fields.text(&format!("ways[{at}].peer"), &way.peer);
            ways.extend(peer.map(|peer| Way {
                vrf: word(&way.vrf),
                peer,
                up: way.up,
            }));
        }
        let session = |it: &v1::RoutingSession| Session {
            vrf: word(&it.vrf),
            family: word(&it.family),
            peer: word(&it.peer),
            state: word(&it.state),
            since: Timestamp(it.since),
            received: it.received,
            drops: it.drops,
        };
        let networks = wire.networks.as_ref().map(|it| Networks {
            layer2: it.layer2,
            layer3: it.layer3,
            remotes: it.remotes,
            macs: it.macs,
            neighbors: it.neighbors,
        });
        let routing = Self {
            answers: wire.answers,
            sessions: wire.sessions.iter().take(LISTED).map(session).collect(),
            unlisted: wire.unlisted,
            ways,
            networks: networks.unwrap_or_default(),
        };
        fields.finish(Some(routing))
    }
}

/// A word of FRR's that came by a node: it prints, and is not long.
fn word(text: &str) -> String {
    printable(text).chars().take(LONGEST).collect()
}
