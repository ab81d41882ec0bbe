//! A node that cannot do what a plan needs says so before anything is changed anywhere.

use anyhow::{Result, ensure};
use weft_model::facts::DeviceType;
use weft_tests::cluster::Cluster;
use weft_tests::declared;
use weft_tests::dump;
use weft_tests::lab::Lab;
use weft_tests::underlay::Underlay;

use crate::poor::Poor;

#[test]
fn a_kernel_without_vxlan_refuses_and_no_node_is_changed() -> Result<()> {
    let lab = Lab::new()?;
    let mut cluster = Cluster::wired(&lab, Underlay::Ipv4, 3)?;
    cluster.start_controller()?;
    cluster.node(1)?.start_agent()?;
    cluster.node(2)?.start_agent()?;
    let poor = Poor::start(&cluster, 3, |facts| {
        facts.device_types.remove(&DeviceType::Vxlan);
    })?;
    cluster.wait_for_nodes()?;
    // What it can do, it does.
    cluster.roll_out("inside", &declared::inside())?;
    let (before, made) = (cluster.dumps()?, poor.kernel.made());

    let file = cluster.manifest("tunnels", &declared::tunnels(Underlay::Ipv4))?;
    let refused = cluster.weftctl(&[
        "apply",
        "-f",
        &file.to_string_lossy(),
        "--rollout",
        "--wait",
    ])?;
    let said = format!("{}{}", refused.stdout, refused.stderr);
    ensure!(refused.code == Some(1), "{refused:?}");
    for word in ["node3", "vnet web", "vnet db", "devices of type vxlan"] {
        ensure!(said.contains(word), "{word} is not in: {said}");
    }
    let changes = dump::differences(&before, &cluster.dumps()?);
    assert_eq!(changes, Vec::<String>::new());
    assert_eq!(poor.kernel.made(), made);
    poor.stop()?;
    lab.pass();
    Ok(())
}

#[test]
fn a_node_without_nft_refuses_source_translation_and_no_node_is_changed() -> Result<()> {
    let lab = Lab::new()?;
    let mut cluster = Cluster::wired(&lab, Underlay::Ipv4, 2)?;
    cluster.start_controller()?;
    cluster.node(1)?.start_agent()?;
    let poor = Poor::start(&cluster, 2, |facts| facts.nft = None)?;
    cluster.wait_for_nodes()?;
    let before = cluster.dumps()?;

    let file = cluster.manifest("inside", &declared::inside())?;
    let refused = cluster.weftctl(&[
        "apply",
        "-f",
        &file.to_string_lossy(),
        "--rollout",
        "--wait",
    ])?;
    let said = format!("{}{}", refused.stdout, refused.stderr);
    ensure!(refused.code == Some(1), "{refused:?}");
    for word in ["node2", "vnet lan", "nft"] {
        ensure!(said.contains(word), "{word} is not in: {said}");
    }
    let changes = dump::differences(&before, &cluster.dumps()?);
    assert_eq!(changes, Vec::<String>::new());
    assert_eq!(poor.kernel.made(), Vec::<String>::new());
    poor.stop()?;
    lab.pass();
    Ok(())
}
