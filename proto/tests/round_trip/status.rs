//! How routing goes on a node.

use proptest::collection::vec;
use proptest::prelude::*;
use weft_model::revision::Timestamp;
use weft_model::routing::{LISTED, Networks, Routing, Session, Way};
use weft_proto::convert::fields::FieldError;
use weft_proto::v1;

use super::address;

fn word() -> impl Strategy<Value = String> {
    "[A-Za-z0-9.:%_-]{1,20}"
}

fn session() -> impl Strategy<Value = Session> {
    ((word(), word(), word(), word()), any::<(u64, u64, u64)>()).prop_map(
        |((vrf, family, peer, state), (since, received, drops))| Session {
            vrf,
            family,
            peer,
            state,
            since: Timestamp(since),
            received,
            drops,
        },
    )
}

fn routing() -> impl Strategy<Value = Routing> {
    let way = (word(), address(), any::<bool>()).prop_map(|(vrf, peer, up)| Way { vrf, peer, up });
    let networks = any::<(u32, u32, u32, u64, u64)>().prop_map(
        |(layer2, layer3, remotes, macs, neighbors)| Networks {
            layer2,
            layer3,
            remotes,
            macs,
            neighbors,
        },
    );
    (
        any::<(bool, u32)>(),
        vec(session(), 0..4),
        vec(way, 0..4),
        networks,
    )
        .prop_map(|((answers, unlisted), sessions, ways, networks)| Routing {
            answers,
            sessions,
            unlisted,
            ways,
            networks,
        })
}

proptest! {
    #[test]
    fn how_routing_goes_comes_back_as_it_went(routing in routing()) {
        let wire = v1::Routing::from(&routing);
        prop_assert_eq!(Routing::try_from(&wire), Ok(routing));
    }
}

#[test]
fn what_a_node_says_of_routing_prints_and_is_bounded() {
    let session = |state: String| v1::RoutingSession {
        peer: "192.0.2.2\u{1b}[2J".to_owned(),
        state,
        ..v1::RoutingSession::default()
    };
    let wire = v1::Routing {
        sessions: vec![session("x".repeat(1_000))],
        ..v1::Routing::default()
    };
    let read = Routing::try_from(&wire).unwrap();
    assert_eq!(read.sessions[0].peer, "192.0.2.2\\u{1b}[2J");
    assert_eq!(read.sessions[0].state, "x".repeat(200));

    let wrong = v1::RoutingWay {
        peer: "nobody".to_owned(),
        ..v1::RoutingWay::default()
    };
    let wire = v1::Routing {
        sessions: vec![session(String::new()); LISTED + 1],
        ways: vec![wrong],
        ..v1::Routing::default()
    };
    let refused = Routing::try_from(&wire).unwrap_err();
    assert_eq!(
        refused.0,
        [
            FieldError {
                field: "sessions".to_owned(),
                problem: "has 4097 entries, and may have 4096".to_owned(),
            },
            FieldError {
                field: "ways[0].peer".to_owned(),
                problem: "invalid IP address syntax".to_owned(),
            },
        ]
    );
}
