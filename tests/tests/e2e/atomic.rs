//! Everywhere or nowhere: one node that cannot take a change keeps it from all.

use anyhow::{Result, ensure};
use weft_tests::cluster::{Cluster, Etcd};
use weft_tests::declared::{self, WEB};
use weft_tests::dump;
use weft_tests::lab::Lab;
use weft_tests::underlay::Underlay;

#[test]
fn a_node_that_refuses_leaves_every_node_as_it_was() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::start(&lab, Underlay::Ipv4, Etcd::Child)?;
    cluster.roll_out("inside", &declared::inside())?;
    // Someone's own bridge has the name that the vnet's would have.
    cluster
        .host(2)?
        .ip(&format!("link add {WEB} type bridge"))?;
    let before = cluster.dumps()?;

    let file = cluster.manifest("tunnels", &declared::tunnels(Underlay::Ipv4))?;
    let file = file.to_string_lossy();
    let refused = cluster.weftctl(&["apply", "-f", &file, "--rollout", "--wait"])?;
    let said = format!("{}{}", refused.stdout, refused.stderr);
    ensure!(refused.code != Some(0), "it went well: {said}");
    for word in ["node2", "vnet web"] {
        ensure!(said.contains(word), "{word} is not in: {said}");
    }
    let changes = dump::differences(&before, &cluster.dumps()?);
    assert_eq!(changes, Vec::<String>::new());

    // With the cause away the same change goes everywhere.
    cluster.host(2)?.ip(&format!("link del {WEB}"))?;
    cluster.client(&["rollout", "start", "--wait"])?;
    for number in 1..=3 {
        ensure!(cluster.host(number)?.has_device(WEB), "node{number}");
    }
    lab.pass();
    Ok(())
}
