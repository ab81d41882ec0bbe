//! Two nodes with a session between them, which changes must not end.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weft_agent::frr::state::{self, Session};
use weft_model::plan::NodePlan;
use weft_tests::frr::Release;
use weft_tests::lab::Lab;
use weft_tests::wait;

use super::LIMIT;
use super::node::{Node, plan};

/// Two nodes with an EVPN session between them.
pub fn pair(release: Release, lab: &Lab) -> [Node; 2] {
    let nodes = ["one", "two"].map(|role| Node::of(release, lab, role, &["bgpd", "bfdd"]));
    let [one, two] = &nodes;
    one.namespace
        .batch(&format!(
            "link add eth0 type veth peer name eth0 netns {}\n",
            two.namespace.name()
        ))
        .unwrap();
    for (number, node) in nodes.iter().enumerate() {
        let own = number + 1;
        node.namespace
            .batch(&format!(
                "link set eth0 up\naddr add 192.0.2.{own}/24 dev eth0\nlink add br0 type bridge\nlink \
                 add vx0 type vxlan id 1000 local 192.0.2.{own} dstport 4789 nolearning\nlink set vx0 \
                 master br0 up\nlink set br0 up\n"
            ))
            .unwrap();
    }
    nodes
}

/// What FRR has on one of the two, by the last byte of its address, and this besides.
pub fn evpn(own: u8, more: &[Value]) -> NodePlan {
    let at = json!({ "asn": 65000 });
    let far = format!("192.0.2.{}", 3 - own);
    let mut stanzas = vec![
        json!({ "bgp": { "at": at, "routerId": format!("192.0.2.{own}"),
            "switches": { "defaultIpv4Unicast": false },
            "evpn": { "switches": ["advertiseAllVni"] } } }),
        json!({ "neighbor": { "at": at, "peer": { "group": ["VTEP", "internal"] },
            "bfd": "on", "evpn": {} } }),
        json!({ "neighbor": { "at": at, "peer": { "address": [far, { "group": "VTEP" }] } } }),
    ];
    stanzas.extend_from_slice(more);
    plan(&stanzas)
}

/// A route target that the network between the two takes in beside its own.
pub fn target(target: &str) -> Value {
    json!({ "network": { "at": { "asn": 65000 }, "vni": 1000,
        "targets": { "import": [target, "65000:1000"], "export": ["65000:1000"] } } })
}

/// The session of a node with the other, where it knows of one.
pub async fn session(node: &Node) -> Option<Session> {
    let state = state::read(node.frr.run()).await;
    state
        .sessions
        .into_iter()
        .find(|(name, _)| name.family == "l2VpnEvpn")
        .map(|it| it.1)
}

/// The session once it is up.
pub async fn until_up(node: &Node) -> Session {
    let start = Instant::now();
    loop {
        match session(node).await {
            Some(session) if session.is_up() => return session,
            other => assert!(start.elapsed() < LIMIT * wait::patience(), "{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
