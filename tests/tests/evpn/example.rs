//! The example of the peer's documentation, with those very names and addresses.

use anyhow::{Result, ensure};
use weft_tests::underlay::FAR;
use weft_tests::{needs, ping};

use super::stage::{PATIENT, Stage, reaches, shows};

/// What a person would apply.
const EXAMPLE: &str = include_str!("../../../deploy/examples/evpn.yaml");

#[test]
fn the_peers_example_works_from_its_manifest_to_the_last_ping() -> Result<()> {
    needs!(Vrf, Frr);
    let stage = Stage::new(3)?;
    let example = EXAMPLE.replace("asn: 65000", &format!("asn: 65000\n    {PATIENT}"));
    stage.cluster.roll_out("example", &example)?;
    for node in 1..=3 {
        stage.until_up(node, 2)?;
    }
    let vm1 = stage.guest("vm1", 1, "myvnet1", "10.0.1.100/24", "10.0.1.1")?;
    let vm2 = stage.guest("vm2", 3, "myvnet2", "10.0.2.100/24", "10.0.2.1")?;
    reaches(vm1.inside(), "10.0.1.1")?;
    reaches(vm2.inside(), "10.0.2.1")?;
    reaches(vm1.inside(), "10.0.2.100")?;
    reaches(vm2.inside(), "10.0.1.100")?;
    ping::whole(vm1.inside(), "10.0.2.100", 1450)?;

    // Outside, from a node that is no exit.
    for network in ["10.0.1.0/24", "10.0.2.0/24"] {
        stage.route_back(network, 1)?;
    }
    reaches(vm2.inside(), FAR)?;
    reaches(vm1.inside(), FAR)?;
    let third = stage.cluster.host(3)?;
    let vrf = "vrf_wdtrelmk";
    for exit in ["192.168.0.1", "192.168.0.2"] {
        shows(third, &format!("route show vrf {vrf} default"), exit)?;
    }
    // The other exit leads back as well.
    for network in ["10.0.1.0/24", "10.0.2.0/24"] {
        stage.route_back(network, 2)?;
    }
    reaches(vm2.inside(), FAR)?;
    reaches(vm1.inside(), FAR)?;

    // A second look finds nothing to do, on any node.
    let before: Vec<_> = (1..=3)
        .map(|node| stage.sessions(node))
        .collect::<Result<_>>()?;
    let told = stage.cluster.weftctl(&["rollout", "start", "--wait"])?;
    ensure!(
        told.stderr.contains("nothing to roll out"),
        "a rollout of nothing: {told:?}"
    );
    let after: Vec<_> = (1..=3)
        .map(|node| stage.sessions(node))
        .collect::<Result<_>>()?;
    ensure!(before == after, "sessions: {before:?}, then {after:?}");

    // Guests of a zone that is gone reach nobody, and nothing is left in FRR.
    let keys = [
        "subnet/myvnet1-v4",
        "subnet/myvnet2-v4",
        "vnet/myvnet1",
        "vnet/myvnet2",
    ];
    drop((vm1, vm2));
    let mut words = vec!["delete"];
    words.extend(keys);
    words.extend(["zone/myevpnzone", "controller/myevpnctl"]);
    stage.cluster.client(&words)?;
    let start = ["rollout", "start", "--accept=destructive", "--wait"];
    stage.cluster.client(&start)?;
    for node in 1..=3 {
        let running = stage.cluster.vtysh(node, "show running-config")?;
        ensure!(!running.contains("router bgp"), "node {node}: {running}");
        ensure!(!stage.cluster.host(node)?.has_device(vrf), "{vrf} is left");
    }
    stage.pass();
    Ok(())
}
