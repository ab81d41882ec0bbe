//! Revisions are kept, and any of them can be had again.

use anyhow::{Result, ensure};
use weft_tests::cluster::{Cluster, Etcd};
use weft_tests::declared::{self, DB, LAN, WEB};
use weft_tests::lab::Lab;
use weft_tests::underlay::Underlay;

#[test]
fn a_rollback_brings_a_revision_back_on_every_node() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::start(&lab, Underlay::Ipv4, Etcd::Child)?;
    cluster.roll_out("inside", &declared::inside())?;
    cluster.roll_out("tunnels", &declared::tunnels(Underlay::Ipv4))?;
    let has = |device: &str| -> Result<Vec<bool>> {
        (1..=3)
            .map(|number| Ok(cluster.host(number)?.has_device(device)))
            .collect()
    };
    assert_eq!(has(WEB)?, [true; 3]);

    cluster.client(&["rollback", "1", "--wait"])?;
    // What goes is taken apart at once, and destroyed a moment later.
    weft_tests::wait::until("the vnets to be gone", crate::stage::REACH_LIMIT, || {
        for device in [WEB, DB] {
            ensure!(has(device)? == [false; 3], "{device} is there");
        }
        Ok(())
    })?;
    assert_eq!(has(LAN)?, [true; 3]);

    cluster.client(&["rollback", "2", "--wait"])?;
    assert_eq!(has(WEB)?, [true; 3]);
    lab.pass();
    Ok(())
}
