//! A cluster whose nodes run FRR, and what is looked at in it again and again.

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use weft_tests::cluster::{Cluster, Etcd};
use weft_tests::frr::Release;
use weft_tests::guest::Guest;
use weft_tests::lab::Lab;
use weft_tests::namespace::Namespace;
use weft_tests::underlay::Underlay;
use weft_tests::wires::UPLINK;
use weft_tests::{exec, ping, wait};

/// How long routers may take to tell each other something.
pub const LIMIT: Duration = Duration::from_secs(30);

/// The daemons that every node runs besides zebra.
pub const DAEMONS: [&str; 3] = ["bgpd", "bfdd", "staticd"];

/// What FRR is asked where something failed.
const SHOWN: [&str; 4] = [
    "show running-config",
    "show bgp summary",
    "show bgp l2vpn evpn",
    "show evpn vni",
];

/// A cluster whose nodes have, beside their addresses, those of the peer's example: 192.168.0.1 and on.
pub struct Stage {
    pub cluster: Cluster,
    lab: Lab,
    passed: Cell<bool>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !self.passed.get() {
            self.explain();
        }
    }
}

impl Stage {
    /// A cluster of `count` nodes that nothing is declared in.
    pub fn new(count: usize) -> Result<Self> {
        Self::with(count, &DAEMONS)
    }

    /// As [`Self::new`], with these daemons of FRR.
    pub fn with(count: usize, daemons: &[&str]) -> Result<Self> {
        Self::of(Release::Machine, count, daemons)
    }

    /// As [`Self::with`], of this FRR.
    pub fn of(release: Release, count: usize, daemons: &[&str]) -> Result<Self> {
        Self::over(Underlay::Ipv4, release, count, daemons)
    }

    /// As [`Self::of`]; over IPv6 nodes have no other address than those of the cluster.
    pub fn over(
        underlay: Underlay,
        release: Release,
        count: usize,
        daemons: &[&str],
    ) -> Result<Self> {
        let lab = Lab::new()?;
        let mut cluster = Cluster::wired(&lab, underlay, count)?;
        for number in (1..=count).filter(|_| underlay == Underlay::Ipv4) {
            let address = format!("address add 192.168.0.{number}/24 dev {UPLINK}");
            cluster.host(number)?.ip(&address)?;
        }
        cluster.start_frr_of(release, daemons)?;
        cluster.start_etcd_as(Etcd::Child)?;
        cluster.start_controller()?;
        cluster.start_agents()?;
        cluster.wait_for_nodes()?;
        Ok(Self {
            cluster,
            lab,
            passed: Cell::new(false),
        })
    }

    /// A guest on a node, with its address and gateway.
    pub fn guest(
        &self,
        name: &str,
        node: usize,
        bridge: &str,
        address: &str,
        gateway: &str,
    ) -> Result<Guest> {
        let guest = self.cluster.guest(name, node, bridge)?;
        guest.address(address)?.gateway(gateway)
    }

    /// Waits until the sessions of a node that carry zones are up.
    pub fn until_up(&self, node: usize, count: usize) -> Result<()> {
        wait::until(&format!("{count} sessions of node {node}"), LIMIT, || {
            let up = self.sessions(node)?;
            ensure!(up.len() == count, "up: {up:?}");
            Ok(())
        })?;
        Ok(())
    }

    /// The sessions of a node that carry zones and are up: the neighbor, and how often it came up.
    pub fn sessions(&self, node: usize) -> Result<Vec<(String, u64)>> {
        let told = self
            .cluster
            .vtysh(node, "show bgp l2vpn evpn summary json")?;
        let told: serde_json::Value = serde_json::from_str(&told).context("no JSON")?;
        let peers = told.get("peers").and_then(|it| it.as_object());
        let up = peers
            .into_iter()
            .flatten()
            .filter(|(_, it)| it["state"] == "Established");
        Ok(up
            .map(|(name, it)| {
                (
                    name.clone(),
                    it["connectionsEstablished"].as_u64().unwrap_or(0),
                )
            })
            .collect())
    }

    /// Gives every node a loopback of the administrator's own, 172.16.1.51 and on, and waits until the
    /// controller knows of them.
    pub fn loopbacks(&self) -> Result<()> {
        let nodes = self.cluster.nodes();
        let addresses: Vec<String> = (1..=nodes.len())
            .map(|it| format!("172.16.1.5{it}"))
            .collect();
        for (node, address) in nodes.iter().zip(&addresses) {
            node.host().batch(&format!(
                "link add lo1 type dummy\nlink set lo1 up\naddress add {address}/32 dev lo1\n"
            ))?;
        }
        wait::until("the loopbacks to be told", LIMIT, || {
            let told = self.cluster.client(&["nodes", "-o", "json"])?;
            ensure!(addresses.iter().all(|it| told.contains(it)), "{told}");
            Ok(())
        })?;
        Ok(())
    }

    /// The text of the file that a node's FRR starts with, and when it was written.
    pub fn frr_file(&mut self, node: usize) -> Result<(SystemTime, String)> {
        let file = self.cluster.node(node)?.frr()?.file();
        let when = std::fs::metadata(&file)?.modified()?;
        Ok((when, std::fs::read_to_string(&file)?))
    }

    /// The outside knows the way to a network by a node.
    pub fn route_back(&self, network: &str, node: usize) -> Result<()> {
        let by = Underlay::Ipv4.node(node);
        let route = format!("route replace {network} via {by}");
        self.cluster.outside.ip(&route).map(|_| ())
    }

    /// Says that the run proved what it was for.
    pub fn pass(&self) {
        self.passed.set(true);
        self.lab.pass();
    }

    /// What routes and neighbors every node has, for whoever wants to know why.
    fn explain(&self) {
        for (place, node) in self.cluster.nodes().iter().enumerate() {
            let host = node.host();
            let told = [
                "route show table all",
                "-6 route show table all",
                "neighbor",
                "rule",
            ];
            for words in told {
                let text = host.ip(words).unwrap_or_else(|error| format!("{error:#}"));
                eprintln!("--- node {}: ip {words}\n{text}", place + 1);
            }
            let fdb = exec::run(host.command("bridge").args(["fdb", "show"]));
            eprintln!("--- bridge fdb\n{}", fdb.unwrap_or_default());
            for words in SHOWN {
                let text = node
                    .vtysh(words)
                    .unwrap_or_else(|error| format!("{error:#}"));
                eprintln!("--- node {}: {words}\n{text}", place + 1);
            }
        }
    }

    /// The lab that the cluster is in.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }
}

/// Waits until `to` answers.
pub fn reaches(from: &Namespace, to: &str) -> Result<()> {
    wait::until(&format!("{to} to answer"), LIMIT, || ping::once(from, to))?;
    Ok(())
}

/// Fails when `to` answers; it is asked more than once.
pub fn does_not_reach(from: &Namespace, to: &str) -> Result<()> {
    for _ in 0..3 {
        ensure!(ping::once(from, to).is_err(), "{to} answers");
    }
    Ok(())
}

/// Waits until what `ip` prints of a host has a text in it.
pub fn shows(host: &Namespace, words: &str, part: &str) -> Result<()> {
    wait::until(&format!("{part:?} in `ip {words}`"), LIMIT, || {
        let told = host.ip(words)?;
        ensure!(told.contains(part), "{told}");
        Ok(())
    })?;
    Ok(())
}

/// How sessions are kept where all share an emulated kernel: BFD finds a way closed there that is
/// only slow.
pub const PATIENT: &str = "sessions: {bfd: off, timers: {keepalive: 3, hold: 9}}";

/// The manifest of a controller whose neighbors are the nodes.
pub fn controller(nodes: usize) -> String {
    let peers: Vec<String> = (1..=nodes).map(|it| format!("192.168.0.{it}")).collect();
    format!(
        "apiVersion: weft/v1\nkind: Controller\nmetadata: {{name: ctl}}\n\
         spec: {{type: evpn, evpn: {{asn: 65000, {PATIENT}, peers: [{}]}}}}\n---\n",
        peers.join(", ")
    )
}

/// The manifest of a zone; `options` follow its layer-3 VNI and its controller.
pub fn zone(name: &str, vni: u32, options: &str) -> String {
    format!(
        "apiVersion: weft/v1\nkind: Zone\nmetadata: {{name: {name}}}\n\
         spec: {{type: evpn, evpn: {{vrfVni: {vni}, controllers: [ctl]{options}}}}}\n---\n"
    )
}

/// The manifest of a vnet.
pub fn vnet(name: &str, zone: &str, tag: u32) -> String {
    format!(
        "apiVersion: weft/v1\nkind: Vnet\nmetadata: {{name: {name}}}\n\
         spec: {{zone: {zone}, tag: {tag}}}\n---\n"
    )
}

/// The manifest of a subnet; `options` follow its gateway.
pub fn subnet(vnet: &str, cidr: &str, gateway: &str, options: &str) -> String {
    let family = if cidr.contains(':') { 6 } else { 4 };
    format!(
        "apiVersion: weft/v1\nkind: Subnet\nmetadata: {{name: {vnet}-v{family}}}\n\
         spec: {{vnet: {vnet}, cidr: \"{cidr}\", gateway: \"{gateway}\"{options}}}\n---\n"
    )
}
