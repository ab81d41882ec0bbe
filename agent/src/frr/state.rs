//! What FRR says of how it goes: sessions, networks, and the way to neighbors.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use weft_model::routing::Networks;
use weft_model::vni::Vni;
use weft_node::frr::daemon::Daemon;
pub use weft_node::routing::{Session, SessionName};

use super::vty::Vty;
use super::{number, socket};

/// A daemon that says nothing for so long is not one that can be asked how it goes.
const LIMIT: Duration = Duration::from_secs(10);

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
#[serde(bound = "T: DeserializeOwned")]
struct WireSummary<T> {
    #[serde(default = "BTreeMap::new")]
    peers: BTreeMap<String, T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireLoss {
    last_notification_reason: Option<String>,
    last_reset_due_to: Option<String>,
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
    let mut state = State {
        sessions: sessions(run).await.unwrap_or_default(),
        ..State::default()
    };
    if let Some(text) = ask(run, Daemon::Zebra, "show evpn vni json").await {
        state.networks = networks(&text);
    }
    state.ways = open_ways(run).await;
    state
}

/// BGP's sessions; `None` where bgpd does not answer.
pub async fn sessions(run: &Path) -> Option<BTreeMap<SessionName, Session>> {
    let text = ask(run, Daemon::Bgpd, "show bgp vrf all summary json").await?;
    Some(listed(&text))
}

/// Whether there is a daemon that has sessions, or was: one that ended leaves its socket.
pub fn is_there(run: &Path) -> bool {
    let daemons = [Daemon::Bgpd, Daemon::Bfdd];
    daemons.iter().any(|it| number(run, *it).is_some())
}

/// What BFD watches.
pub async fn open_ways(run: &Path) -> BTreeMap<(String, IpAddr), bool> {
    let text = ask(run, Daemon::Bfdd, "show bfd peers json").await;
    text.map(|text| ways(&text)).unwrap_or_default()
}

/// How much is known of networks, at the cost of hearing of each: a megabyte where there are
/// thousands. `None` where zebra does not answer.
pub async fn counts(run: &Path) -> Option<Networks> {
    let text = ask(run, Daemon::Zebra, "show evpn vni json").await?;
    Some(counted(&networks(&text)))
}

/// Why sessions that are down were lost, as far as bgpd says, by routing domain and neighbor.
pub async fn reasons(run: &Path) -> BTreeMap<(String, String), String> {
    let text = ask(run, Daemon::Bgpd, "show bgp vrf all summary failed json").await;
    text.map(|text| losses(&text)).unwrap_or_default()
}

async fn ask(run: &Path, daemon: Daemon, command: &str) -> Option<String> {
    let asked = async {
        let mut vty = Vty::open(&socket(run, daemon)).await.ok()?;
        let answer = vty.ask(command).await.ok()?;
        answer.is_done().then_some(answer.text)
    };
    timeout(LIMIT, asked).await.ok().flatten()
}

fn counted(networks: &BTreeMap<Vni, Network>) -> Networks {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let layer3 = networks.values().filter(|it| it.joins_domains).count();
    let remotes: BTreeSet<&IpAddr> = networks.values().flat_map(|it| &it.remotes).collect();
    let guests = || networks.values().filter(|it| !it.joins_domains);
    Networks {
        layer2: count(networks.len() - layer3),
        layer3: count(layer3),
        remotes: count(remotes.len()),
        macs: guests().map(|it| it.macs).sum(),
        neighbors: guests().map(|it| it.neighbors).sum(),
    }
}

fn listed(text: &str) -> BTreeMap<SessionName, Session> {
    summaries(text).collect()
}

fn losses(text: &str) -> BTreeMap<(String, String), String> {
    let all = summaries(text).filter_map(|(name, loss): (SessionName, WireLoss)| {
        let reason = loss.last_notification_reason.or(loss.last_reset_due_to)?;
        Some(((name.vrf, name.peer), reason))
    });
    all.collect()
}

fn summaries<T: DeserializeOwned>(text: &str) -> impl Iterator<Item = (SessionName, T)> {
    // Whatever is no family of a routing domain is passed over.
    let all: BTreeMap<String, BTreeMap<String, serde_json::Value>> =
        serde_json::from_str(text).unwrap_or_default();
    all.into_iter().flat_map(|(vrf, families)| {
        families.into_iter().flat_map(move |(family, summary)| {
            let vrf = vrf.clone();
            let summary = serde_json::from_value(summary).ok();
            let peers = summary.map(|it: WireSummary<T>| it.peers);
            let named = move |(peer, it)| {
                let (vrf, family) = (vrf.clone(), family.clone());
                (SessionName { vrf, family, peer }, it)
            };
            peers.into_iter().flatten().map(named)
        })
    })
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
            "numRemoteVteps":1,"tenantVrf":"default","remoteVteps":["10.99.0.2"]},
            "9000":{"vni":9000,"vxlanIf":"vx9","numMacs":7,"numArpNd":0,"numRemoteVteps":"n/a",
            "type":"L3","tenantVrf":"z"}}"#;
        let network = Network {
            joins_domains: false,
            device: "vx1".to_owned(),
            vrf: "default".to_owned(),
            remotes: vec!["10.99.0.2".parse().unwrap()],
            macs: 2,
            neighbors: 3,
        };
        let joins = Network {
            joins_domains: true,
            device: "vx9".to_owned(),
            vrf: "z".to_owned(),
            remotes: Vec::new(),
            macs: 7,
            neighbors: 0,
        };
        let vni = |vni: u32| Vni::try_from(vni).unwrap();
        let read = networks(text);
        let expected = [(vni(1000), network), (vni(9000), joins)].into();
        assert_eq!(read, expected);
        let counts = Networks {
            layer2: 1,
            layer3: 1,
            remotes: 1,
            macs: 2,
            neighbors: 3,
        };
        assert_eq!(counted(&read), counts);
        let text = r#"[{"multihop":false,"peer":"10.99.0.2","vrf":"default","status":"up"}]"#;
        let way = ("default".to_owned(), "10.99.0.2".parse().unwrap());
        assert_eq!(ways(text), [(way, true)].into());
    }

    #[test]
    fn why_a_session_was_lost_is_what_frr_8_4_says() {
        let text = r#"{"default":{"ipv4Unicast":{"routerId":"192.0.2.1","peers":{
            "192.0.2.2":{"connectionsDropped":1,"lastErrorCodeSubcode":"060A",
            "lastNotificationReason":"Cease/BFD Down","idType":"ipv4"},
            "192.0.2.9":{"lastResetDueTo":"Waiting for peer OPEN","lastResetCode":32},
            "192.0.2.8":{"peerUptime":"never"}},"failedPeers":1},
            "l2VpnEvpn":{"failedPeersCount":0,"dynamicPeers":0,"totalPeers":1}},"foo":{}}"#;
        let why = |peer: &str, reason: &str| {
            let name = ("default".to_owned(), peer.to_owned());
            (name, reason.to_owned())
        };
        let expected = [
            why("192.0.2.2", "Cease/BFD Down"),
            why("192.0.2.9", "Waiting for peer OPEN"),
        ];
        assert_eq!(losses(text), expected.into());
    }
}
