//! What FRR says of how it goes: sessions, networks, and the way to neighbors.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};
use weft_model::vni::Vni;
use weft_node::frr::daemon::Daemon;

use super::socket;
use super::vty::Vty;

/// How it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// BGP's sessions: by routing domain, family and neighbor.
    pub sessions: BTreeMap<SessionName, Session>,
    /// The VXLAN networks that zebra knows.
    pub networks: BTreeMap<Vni, Network>,
    /// What BFD watches: whether the way is open, by routing domain and address.
    pub ways: BTreeMap<(String, IpAddr), bool>,
}

/// Names a session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionName {
    /// The routing domain, `default` for the default one.
    pub vrf: String,
    /// The family, `l2VpnEvpn`.
    pub family: String,
    /// The neighbor.
    pub peer: String,
}

/// A BGP session in one family.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// `Established`, or how far it is.
    pub state: String,
    /// How long it has been so, in milliseconds.
    #[serde(default, rename = "peerUptimeMsec")]
    pub since_ms: u64,
    /// How many routes came by it.
    #[serde(default, rename = "pfxRcd")]
    pub received: u64,
    /// How often it was lost since the neighbor was configured.
    #[serde(default, rename = "connectionsDropped")]
    pub drops: u64,
}

impl Session {
    /// Whether it is up.
    pub fn is_up(&self) -> bool {
        self.state == "Established"
    }
}

/// A VXLAN network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Whether routing domains are joined by it, and not guests.
    pub joins_domains: bool,
    /// Its device.
    pub device: String,
    /// The routing domain.
    pub vrf: String,
    /// The far end points.
    pub remotes: Vec<IpAddr>,
    /// How many Ethernet addresses are known in it.
    pub macs: u64,
    /// How many neighbors are known in it.
    pub neighbors: u64,
}

#[derive(Deserialize)]
struct WireSummary {
    #[serde(default)]
    peers: BTreeMap<String, Session>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireNetwork {
    vni: u32,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    vxlan_if: String,
    #[serde(default)]
    tenant_vrf: String,
    #[serde(default)]
    remote_vteps: Vec<IpAddr>,
    #[serde(default)]
    num_macs: u64,
    #[serde(default)]
    num_arp_nd: u64,
}

#[derive(Deserialize)]
struct WireWay {
    peer: IpAddr,
    #[serde(default)]
    vrf: String,
    status: String,
}

/// Asks the daemons of the FRR whose sockets are in `run`. A daemon that does not answer has nothing.
pub async fn read(run: &Path) -> State {
    let mut state = State::default();
    state.sessions = sessions(run).await.unwrap_or_default();
    if let Some(text) = ask(run, Daemon::Zebra, "show evpn vni json").await {
        state.networks = networks(&text);
    }
    if let Some(text) = ask(run, Daemon::Bfdd, "show bfd peers json").await {
        state.ways = ways(&text);
    }
    state
}

/// BGP's sessions; `None` where bgpd does not answer.
pub async fn sessions(run: &Path) -> Option<BTreeMap<SessionName, Session>> {
    let text = ask(run, Daemon::Bgpd, "show bgp vrf all summary json").await?;
    Some(listed(&text))
}

async fn ask(run: &Path, daemon: Daemon, command: &str) -> Option<String> {
    let mut vty = Vty::open(&socket(run, daemon)).await.ok()?;
    let answer = vty.ask(command).await.ok()?;
    answer.is_done().then_some(answer.text)
}

fn listed(text: &str) -> BTreeMap<SessionName, Session> {
    // Whatever is no family of a routing domain is passed over.
    let all: BTreeMap<String, BTreeMap<String, serde_json::Value>> =
        serde_json::from_str(text).unwrap_or_default();
    let mut sessions = BTreeMap::new();
    for (vrf, families) in all {
        for (family, summary) in families {
            let Ok(WireSummary { peers }) = serde_json::from_value(summary) else {
                continue;
            };
            for (peer, session) in peers {
                let (vrf, family) = (vrf.clone(), family.clone());
                sessions.insert(SessionName { vrf, family, peer }, session);
            }
        }
    }
    sessions
}

fn networks(text: &str) -> BTreeMap<Vni, Network> {
    let all: BTreeMap<String, serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
    let read = |value| {
        let wire: WireNetwork = serde_json::from_value(value).ok()?;
        let network = Network {
            joins_domains: wire.kind == "L3",
            device: wire.vxlan_if,
            vrf: wire.tenant_vrf,
            remotes: wire.remote_vteps,
            macs: wire.num_macs,
            neighbors: wire.num_arp_nd,
        };
        Some((Vni::try_from(wire.vni).ok()?, network))
    };
    all.into_values().filter_map(read).collect()
}

fn ways(text: &str) -> BTreeMap<(String, IpAddr), bool> {
    let all: Vec<WireWay> = serde_json::from_str(text).unwrap_or_default();
    let read = |way: WireWay| ((way.vrf, way.peer), way.status == "up");
    all.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_frr_8_4_says_is_read() {
        let text = r#"{"default":{"l2VpnEvpn":{"routerId":"10.99.0.1","as":65000,"peers":{
            "10.99.0.2":{"hostname":"n2","remoteAs":65000,"peerUptimeMsec":5000,"pfxRcd":1,
            "state":"Established","connectionsDropped":0},
            "10.99.0.3":{"remoteAs":65000,"state":"Connect"}},"failedPeers":1}},"z":{}}"#;
        let sessions = listed(text);
        let shown: Vec<_> = sessions
            .iter()
            .map(|(name, session)| (name.peer.as_str(), session.is_up(), session.since_ms))
            .collect();
        assert_eq!(shown, [("10.99.0.2", true, 5000), ("10.99.0.3", false, 0)]);
        let text = r#"{"1000":{"vni":1000,"type":"L2","vxlanIf":"vx1","numMacs":2,"numArpNd":3,
            "numRemoteVteps":1,"tenantVrf":"default","remoteVteps":["10.99.0.2"]}}"#;
        let network = Network {
            joins_domains: false,
            device: "vx1".to_owned(),
            vrf: "default".to_owned(),
            remotes: vec!["10.99.0.2".parse().unwrap()],
            macs: 2,
            neighbors: 3,
        };
        let vni = Vni::try_from(1000).unwrap();
        assert_eq!(networks(text), [(vni, network)].into());
        let text = r#"[{"multihop":false,"peer":"10.99.0.2","vrf":"default","status":"up"}]"#;
        let way = ("default".to_owned(), "10.99.0.2".parse().unwrap());
        assert_eq!(ways(text), [(way, true)].into());
    }
}
