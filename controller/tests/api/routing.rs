//! How routing goes on nodes: what clients see of it, and what objects say of their sessions.

use std::time::Duration;

use weft_proto::v1;

use crate::agent::Script;
use crate::cluster::{Cluster, evpn_controller, evpn_zone, vnet, zone};

fn session(vrf: &str, peer: &str, state: &str) -> v1::RoutingSession {
    v1::RoutingSession {
        vrf: vrf.to_owned(),
        family: "l2VpnEvpn".to_owned(),
        peer: peer.to_owned(),
        state: state.to_owned(),
        since: 1_700_000_000_000,
        received: 5,
        drops: 1,
    }
}

fn routing(sessions: Vec<v1::RoutingSession>) -> v1::Routing {
    v1::Routing {
        answers: true,
        sessions,
        networks: Some(v1::RoutingNetworks {
            layer2: 1,
            layer3: 1,
            remotes: 1,
            macs: 2,
            neighbors: 3,
        }),
        ..v1::Routing::default()
    }
}

/// What an object says of the sessions that carry it, once it does.
async fn says(cluster: &Cluster, kind: v1::Kind, name: &str, expected: &str) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let object = cluster.get(kind, name).await.unwrap();
        let conditions = object.status.unwrap().conditions;
        let it = conditions.iter().find(|it| it.r#type == "SessionsUp");
        let text = it.map(|it| format!("{} {} {}", it.status, it.reason, it.message));
        if text.as_deref().unwrap_or("nothing") == expected {
            return;
        }
        let now = tokio::time::Instant::now();
        assert!(now < deadline, "{text:?} instead of {expected}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_a_node_says_of_routing_is_shown_as_long_as_its_agent_is_there() {
    let cluster = Cluster::start().await;
    let mut agent = cluster.agent("n1", 1, Script::Obey).await;
    let node = cluster.connected("n1").await;
    assert_eq!((node.routing, node.sessions), (None, None));
    let told = routing(vec![
        session("default", "10.9.0.2", "Established"),
        session("vrf_red", "10.8.0.1", "Connect"),
    ]);
    agent.route(told.clone()).await;
    let node = cluster.node_when("n1", |it| it.routing.is_some()).await;
    assert_eq!(node.routing, Some(told.clone()));
    assert_eq!(node.sessions, Some(v1::SessionCount { up: 1, total: 2 }));
    let all = cluster.nodes().await.list(v1::ListNodesRequest {}).await;
    assert_eq!(all.unwrap().into_inner().nodes[0].routing, Some(told));

    // What cannot be read changes nothing, and the stream goes on.
    let mut long = routing(vec![session("default", "10.9.0.2", "Idle"); 4_097]);
    agent.route(long.clone()).await;
    long.sessions.truncate(1);
    long.sessions[0].peer = "10.9.0.2\u{1b}[2J".to_owned();
    agent.route(long).await;
    let is_down = |it: &v1::NodeView| it.sessions == Some(v1::SessionCount { up: 0, total: 1 });
    let node = cluster.node_when("n1", is_down).await;
    let shown = node.routing.unwrap().sessions;
    assert_eq!(shown[0].peer, "10.9.0.2\\u{1b}[2J");

    agent.disconnect();
    let node = cluster.node_when("n1", |it| !it.connected).await;
    assert_eq!((node.routing, node.sessions), (None, None));
}

#[tokio::test]
async fn sessions_that_carry_a_zone_are_a_condition_of_it_and_of_its_controller() {
    let cluster = Cluster::start().await;
    let one = cluster.agent("n1", 1, Script::Obey).await;
    let two = cluster.agent("n2", 2, Script::Obey).await;
    cluster
        .put([
            evpn_controller("rr", &["10.9.0.1", "10.9.0.2"]),
            evpn_zone("prod", "rr"),
            vnet("web", "prod", 100),
            zone("plain"),
        ])
        .await
        .unwrap();
    let both = [(v1::Kind::Zone, "prod"), (v1::Kind::Controller, "rr")];
    let up = |peer| routing(vec![session("default", peer, "Established")]);
    for (kind, name) in both {
        let expected = "Unknown NotReported nothing is known of those of n1, n2";
        says(&cluster, kind, name, expected).await;
    }
    one.route(up("10.9.0.2")).await;
    two.route(up("10.9.0.1")).await;
    for (kind, name) in both {
        says(&cluster, kind, name, "True SessionsUp 2 of 2 are up").await;
    }
    // Those with the routers of a customer are not the zone's.
    let customer = session("vrf_prod", "10.8.0.1", "Connect");
    let own = session("default", "10.9.0.1", "Active");
    two.route(routing(vec![own, customer])).await;
    for (kind, name) in both {
        let expected = "False SessionsDown 1 of 2 are up: n2: 10.9.0.1 (Active)";
        says(&cluster, kind, name, expected).await;
    }
    says(&cluster, v1::Kind::Zone, "plain", "nothing").await;
    two.route(v1::Routing::default()).await;
    for (kind, name) in both {
        let expected = "False SessionsDown 1 of 1 are up: n2: bgpd does not answer";
        says(&cluster, kind, name, expected).await;
    }
}
