//! The way to the controller is part of the host's network: a change moves it without losing it, and
//! one that cuts it is taken back by the node alone, on every node.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use weft_tests::cluster::{Cluster, Etcd};
use weft_tests::declared::{self, NETWORK, WEB};
use weft_tests::guest::Guest;
use weft_tests::lab::Lab;
use weft_tests::namespace::Namespace;
use weft_tests::underlay::Underlay;
use weft_tests::wires::UPLINK;
use weft_tests::{dump, ping, wait};

use super::reaches;

/// How long nodes stand by an unconfirmed change without a word, in seconds.
const LEASE: u64 = 20;

/// The times of the protocol, for kernels that are emulated too.
const FLAGS: [&str; 2] = ["--keep-alive=5", "--contact-lease=20"];

/// How much later than the lease an emulated kernel may be done.
const SLACK: Duration = Duration::from_secs(10);

/// How long a rollout, or a node that returns, may take at most.
const LIMIT: Duration = Duration::from_secs(120);

/// What a node's bridge has for a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    /// The way outside.
    Uplink,
    /// None, so that what is on the bridge reaches nobody.
    Nothing,
}

/// A bridge of a node that has the node's own address, and the way out.
fn moved(number: usize, port: Port) -> String {
    let ports = match port {
        Port::Uplink => UPLINK,
        Port::Nothing => "",
    };
    let (address, router) = (Underlay::Ipv4.node(number), Underlay::Ipv4.router());
    format!(
        "\
apiVersion: weft/v1
kind: HostNetwork
metadata:
  name: node{number}
spec:
  nodes:
    names: [node{number}]
  interfaces:
    - name: {UPLINK}
    - name: vmbr0
      bridge:
        ports: [{ports}]
      addresses: [{address}/24]
      gateways: [{router}]
"
    )
}

fn manifest(second: Port) -> String {
    [(1, Port::Uplink), (2, second), (3, Port::Uplink)]
        .map(|(number, port)| moved(number, port))
        .join("---\n")
}

/// Which device has a node's own address.
fn holder(host: &Namespace, number: usize) -> Result<String> {
    let address = Underlay::Ipv4.node(number);
    let told = host.ip(&format!("-o -4 address show to {address}/32"))?;
    Ok(told
        .split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .to_owned())
}

/// A cluster whose nodes reach controller, outside and each other by one cable, with tunnels and
/// guests over it.
struct Stage {
    guests: [Guest; 2],
    cluster: Cluster,
    before: Vec<String>,
    lab: Lab,
}

impl Stage {
    fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let mut cluster = Cluster::wired(&lab, Underlay::Ipv4, 3)?;
        cluster.set_flags(&FLAGS);
        cluster.start_etcd_as(Etcd::Child)?;
        cluster.start_controller()?;
        cluster.start_agents()?;
        cluster.wait_for_nodes()?;
        cluster.roll_out("tunnels", &declared::tunnels(Underlay::Ipv4))?;
        let guest = |number: usize| {
            let guest = cluster.guest(&format!("web{number}"), number, WEB)?;
            let switch = format!("net.ipv6.conf.{}.disable_ipv6", guest.port());
            cluster.host(number)?.sysctl(&switch, "1")?;
            guest.address(&format!("{NETWORK}.{number}/24"))
        };
        let guests = [guest(2)?, guest(3)?];
        let stage = Self {
            before: cluster.dumps()?,
            guests,
            cluster,
            lab,
        };
        stage.guests_reach_each_other()?;
        Ok(stage)
    }

    fn guests_reach_each_other(&self) -> Result<()> {
        reaches(self.guests[0].inside(), &format!("{NETWORK}.3"))
    }

    /// Starts to bring host networks of which that of node 2 cuts it off, and waits until it did.
    fn cut_node_2_off(&self) -> Result<Instant> {
        let file = self.cluster.manifest("hosts", &manifest(Port::Nothing))?;
        self.cluster
            .client(&["apply", "-f", &file.to_string_lossy()])?;
        self.cluster.client(&["rollout", "start"])?;
        let host = self.cluster.host(2)?;
        wait::until("node 2 to be cut off", LIMIT, || {
            let holder = holder(host, 2)?;
            ensure!(holder == "vmbr0", "its address is on {holder:?}");
            Ok(())
        })?;
        let since = Instant::now();
        ensure!(
            ping::once(host, &Underlay::Ipv4.controller()).is_err(),
            "node 2 still reaches the controller"
        );
        Ok(since)
    }

    /// Waits until node 2 has its way back, and sees that it had it in time.
    fn node_2_returns(&self, since: Instant) -> Result<()> {
        let host = self.cluster.host(2)?;
        wait::until("node 2 to return", LIMIT, || {
            let holder = holder(host, 2)?;
            ensure!(holder == UPLINK, "its address is on {holder:?}");
            ping::once(host, &Underlay::Ipv4.controller())
        })?;
        let took = since.elapsed();
        let most = Duration::from_secs(LEASE) + SLACK;
        ensure!(took <= most, "it took {took:?}, and {most:?} is the most");
        Ok(())
    }

    /// The rollout is over and no node has anything of it.
    fn all_are_as_before(&mut self) -> Result<()> {
        wait::until("the rollout to be aborted", LIMIT, || {
            let history = self
                .cluster
                .client(&["rollout", "history", "--limit", "1"])?;
            ensure!(
                history.contains("Closed") && history.contains("abort"),
                "{history}"
            );
            Ok(())
        })?;
        wait::until("agents to be back", LIMIT, || self.cluster.wait_for_nodes())?;
        wait::until("every node to be as before", LIMIT, || {
            let changes = dump::differences(&self.before, &self.cluster.dumps()?);
            ensure!(changes.is_empty(), "left behind: {changes:#?}");
            Ok(())
        })?;
        self.guests_reach_each_other()
    }
}

#[test]
fn a_host_network_that_cuts_a_node_off_is_taken_back_by_every_node() -> Result<()> {
    let mut stage = Stage::new()?;
    let since = stage.cut_node_2_off()?;
    stage.node_2_returns(since)?;
    stage.all_are_as_before()?;

    // The same without the mistake moves every node's way to the controller, and keeps it.
    stage.cluster.roll_out("hosts", &manifest(Port::Uplink))?;
    for number in 1..=3 {
        let holder = holder(stage.cluster.host(number)?, number)?;
        ensure!(holder == "vmbr0", "node {number}: it is on {holder:?}");
    }
    stage.guests_reach_each_other()?;

    let keys: Vec<String> = (1..=3).map(|it| format!("hostnetwork/node{it}")).collect();
    let mut words = vec!["delete"];
    words.extend(keys.iter().map(String::as_str));
    stage.cluster.client(&words)?;
    stage
        .cluster
        .client(&["rollout", "start", "--accept=destructive", "--wait"])?;
    let changes = dump::differences(&stage.before, &stage.cluster.dumps()?);
    ensure!(changes.is_empty(), "not given back: {changes:#?}");
    stage.guests_reach_each_other()?;
    stage.lab.pass();
    Ok(())
}

#[test]
fn a_node_that_is_cut_off_and_loses_its_agent_is_given_back_by_its_watchdog() -> Result<()> {
    let mut stage = Stage::new()?;
    stage.cluster.node(2)?.start_watchdog()?;
    let since = stage.cut_node_2_off()?;
    stage.cluster.node(2)?.kill_agent()?;
    stage.node_2_returns(since)?;
    stage.cluster.node(2)?.start_agent()?;
    stage.all_are_as_before()?;
    stage.lab.pass();
    Ok(())
}
