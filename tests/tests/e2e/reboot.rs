//! A node that boots alone gets its network back.

use std::time::Duration;

use anyhow::{Result, ensure};
use weft_tests::cluster::Etcd;
use weft_tests::declared::{DB, DB_TUNNEL, WEB, WEB_TUNNEL};
use weft_tests::dump;
use weft_tests::underlay::Underlay;
use weft_tests::wait;

use crate::stage::{Live, address, live, reaches};

#[test]
fn a_node_that_boots_without_a_controller_has_its_network() -> Result<()> {
    let Live {
        mut cluster,
        first,
        lab,
        ..
    } = live(Underlay::Ipv4, Etcd::Child)?;
    let before = dump::network(cluster.host(1)?)?;
    cluster.kill_controller()?;
    cluster.node(1)?.stop_agent()?;
    cluster.node(1)?.reboot(&[WEB_TUNNEL, DB_TUNNEL, WEB, DB])?;
    ensure!(!cluster.host(1)?.has_device(WEB), "the node did not reboot");

    cluster.node(1)?.start_agent()?;
    let host = cluster.host(1)?;
    wait::until("the network to be back", Duration::from_secs(5), || {
        for device in [WEB, WEB_TUNNEL, DB, DB_TUNNEL] {
            ensure!(host.has_device(device), "{device} is not");
        }
        Ok(())
    })?;
    first.plug_again(WEB)?;
    reaches(first.inside(), &address(3))?;
    ensure!(
        before.contains(WEB_TUNNEL),
        "the node had its network before"
    );
    lab.pass();
    Ok(())
}
