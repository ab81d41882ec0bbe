//! Nodes that are joined by cables from node to node, and whose fabrics find the ways.

use anyhow::{Result, ensure};
use weft_tests::guest::Guest;
use weft_tests::{needs, ping, wait};

use super::stage::{DAEMONS, LIMIT, PATIENT, Stage, reaches, shows, vnet, zone};

/// What a person would apply.
const UNNUMBERED: &str = include_str!("../../../deploy/examples/fabric-bgp.yaml");
const RING: &str = include_str!("../../../deploy/examples/fabric-openfabric.yaml");

/// Three nodes in a ring: `eth2` of each leads to `eth1` of the next.
fn ring(more: &[&str]) -> Result<Stage> {
    let daemons = [&DAEMONS[..], more].concat();
    let stage = Stage::with(3, &daemons)?;
    for (node, next) in [(1, 2), (2, 3), (3, 1)] {
        let far = stage.cluster.host(next)?.name().to_owned();
        let host = stage.cluster.host(node)?;
        host.ip(&format!(
            "link add eth2 type veth peer name eth1 netns {far}"
        ))?;
    }
    for node in 1..=3 {
        let host = stage.cluster.host(node)?;
        host.batch("link set eth1 up\nlink set eth2 up\n")?;
    }
    Ok(stage)
}

/// Gives every cable of a ring a network of its own: 10.9.N.0/30 begins at node N.
fn number(stage: &Stage) -> Result<()> {
    for (node, next) in [(1, 2), (2, 3), (3, 1)] {
        let far = stage.cluster.host(next)?;
        let host = stage.cluster.host(node)?;
        host.ip(&format!("address add 10.9.{node}.1/30 dev eth2"))?;
        far.ip(&format!("address add 10.9.{node}.2/30 dev eth1"))?;
    }
    Ok(())
}

/// Guests on the first node and on the last, between which the cable is that is cut.
fn ends(stage: &Stage, vnet: &str, [one, three]: [&str; 2]) -> Result<[Guest; 2]> {
    let guest = |name, node| stage.cluster.guest(name, node, vnet);
    Ok([
        guest("one", 1)?.address(one)?,
        guest("three", 3)?.address(three)?,
    ])
}

/// Waits until what FRR of a node answers has a text in it.
fn says(stage: &Stage, node: usize, command: &str, part: &str) -> Result<()> {
    wait::until(&format!("{part:?} in `{command}`"), LIMIT, || {
        let told = stage.cluster.vtysh(node, command)?;
        ensure!(told.contains(part), "{told}");
        Ok(())
    })?;
    Ok(())
}

#[test]
fn guests_reach_each_other_over_links_that_have_no_address() -> Result<()> {
    needs!(Vrf, Frr, Dummy);
    let stage = ring(&[])?;
    // BFD finds a way closed where an emulated kernel is only slow.
    let text = UNNUMBERED.replace("bfd: true", "bfd: false");
    let text = text.replace("asn: 65000", &format!("asn: 65000\n    {PATIENT}"));
    stage.cluster.roll_out("fabric", &text)?;
    for node in 1..=3 {
        stage.until_up(node, 2)?;
    }
    let one = stage.guest("one", 1, "web", "10.0.1.11/24", "10.0.1.1")?;
    let three = stage.guest("three", 3, "web", "10.0.1.13/24", "10.0.1.1")?;
    reaches(one.inside(), "10.0.1.13")?;
    ping::whole(one.inside(), "10.0.1.13", 1450)?;

    // The hosts themselves speak from the addresses that all others know.
    let first = stage.cluster.host(1)?;
    let way = first.ip("route get 10.255.0.33")?;
    ensure!(
        way.contains("via inet6 fe80") && way.contains("src 10.255.0.1"),
        "{way}"
    );

    // The cable between the two is cut: the other way round is left.
    stage.cluster.host(3)?.ip("link set eth2 down")?;
    reaches(one.inside(), "10.0.1.13")?;
    reaches(three.inside(), "10.0.1.11")?;
    stage.pass();
    Ok(())
}

#[test]
fn tunnels_that_end_in_a_fabric_survive_a_cut_cable() -> Result<()> {
    needs!(Frr, Dummy);
    let stage = ring(&["fabricd"])?;
    stage.cluster.roll_out("ring", RING)?;
    for node in 1..=3 {
        says(&stage, node, "show openfabric neighbor", "Up")?;
    }
    let [one, three] = ends(&stage, "app", ["10.7.0.1/24", "10.7.0.3/24"])?;
    reaches(one.inside(), "10.7.0.3")?;
    stage.cluster.host(3)?.ip("link set eth2 down")?;
    reaches(one.inside(), "10.7.0.3")?;
    reaches(three.inside(), "10.7.0.1")?;
    // Of both families.
    reaches(stage.cluster.host(1)?, "fd00:ff::3")?;

    // A fabric that is gone leaves nothing behind.
    drop([one, three]);
    let mut words = vec!["delete", "vnet/app", "zone/blue", "fabric/ring"];
    words.extend([
        "hostnetwork/ring-node1",
        "hostnetwork/ring-node2",
        "hostnetwork/ring-node3",
    ]);
    stage.cluster.client(&words)?;
    let start = ["rollout", "start", "--accept=destructive", "--wait"];
    stage.cluster.client(&start)?;
    for node in 1..=3 {
        let running = stage.cluster.vtysh(node, "show running-config")?;
        ensure!(!running.contains("openfabric"), "node {node}: {running}");
        let host = stage.cluster.host(node)?;
        ensure!(
            !host.has_device("dummy_ring"),
            "dummy_ring is left on node {node}"
        );
        let left = host.ip("address show dev eth1")?;
        ensure!(!left.contains("10.255.0."), "node {node}: {left}");
    }
    stage.pass();
    Ok(())
}

#[test]
fn an_ospf_fabric_carries_what_evpn_tells() -> Result<()> {
    needs!(Vrf, Frr, Dummy);
    let stage = ring(&["ospfd"])?;
    number(&stage)?;
    let nodes: Vec<String> = (1..=3)
        .map(|it| {
            format!("{{name: node{it}, index: {it}, interfaces: [{{name: eth1}}, {{name: eth2}}]}}")
        })
        .collect();
    let text = format!(
        "apiVersion: weft/v1\nkind: Fabric\nmetadata: {{name: core}}\n\
         spec: {{type: ospf, prefix: 10.255.0.0/24, nodes: [{}], \
         ospf: {{area: 0, helloInterval: 1, deadInterval: 3}}}}\n---\n\
         apiVersion: weft/v1\nkind: Controller\nmetadata: {{name: ctl}}\n\
         spec: {{type: evpn, evpn: {{asn: 65000, {PATIENT}, fabric: core}}}}\n---\n{}{}",
        nodes.join(", "),
        zone("prod", 5000, ""),
        vnet("web", "prod", 1000),
    );
    stage.cluster.roll_out("fabric", &text)?;
    for node in 1..=3 {
        stage.until_up(node, 2)?;
    }
    let [one, three] = ends(&stage, "web", ["10.0.1.11/24", "10.0.1.13/24"])?;
    reaches(one.inside(), "10.0.1.13")?;
    stage.cluster.host(3)?.ip("link set eth2 down")?;
    reaches(three.inside(), "10.0.1.11")?;
    stage.pass();
    Ok(())
}

/// Loopbacks of the administrator's own, told of by IS-IS, one controller a node.
fn by_isis() -> String {
    let each = |node| {
        format!(
            "apiVersion: weft/v1\nkind: Controller\nmetadata: {{name: isis{node}}}\n\
             spec: {{type: isis, nodes: {{names: [node{node}]}}, isis: {{domain: core, \
             net: 49.0001.0000.0000.000{node}.00, interfaces: [eth1, eth2], source: lo1}}}}\n---\n"
        )
    };
    let nodes: String = (1..=3).map(each).collect();
    let sessions = PATIENT.replace("sessions: {", "sessions: {source: lo1, ");
    format!(
        "{nodes}apiVersion: weft/v1\nkind: Controller\nmetadata: {{name: ctl}}\n\
         spec: {{type: evpn, evpn: {{asn: 65000, {sessions}, \
         peers: [172.16.1.51, 172.16.1.52, 172.16.1.53]}}}}\n---\n{}{}",
        zone("prod", 5000, ""),
        vnet("web", "prod", 1000),
    )
}

#[test]
fn tunnels_between_loopbacks_that_isis_tells_of_survive_a_cut_cable() -> Result<()> {
    needs!(Vrf, Frr, Dummy);
    let stage = ring(&["isisd"])?;
    number(&stage)?;
    stage.loopbacks()?;
    stage.cluster.roll_out("isis", &by_isis())?;
    for node in 1..=3 {
        stage.until_up(node, 2)?;
    }
    let [one, three] = ends(&stage, "web", ["10.0.1.11/24", "10.0.1.13/24"])?;
    reaches(one.inside(), "10.0.1.13")?;
    // By the cable between the two, and then by the other way round.
    let first = stage.cluster.host(1)?;
    shows(first, "route show 172.16.1.53", "via 10.9.3.1 dev eth1")?;
    stage.cluster.host(3)?.ip("link set eth2 down")?;
    shows(first, "route show 172.16.1.53", "via 10.9.1.2 dev eth2")?;
    reaches(one.inside(), "10.0.1.13")?;
    reaches(three.inside(), "10.0.1.11")?;
    stage.pass();
    Ok(())
}
