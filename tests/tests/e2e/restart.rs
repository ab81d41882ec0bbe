//! Programs come and go; packets do not notice.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use weft_tests::cluster::Etcd;
use weft_tests::declared::{self, WEB_TUNNEL};
use weft_tests::ping::Series;
use weft_tests::underlay::Underlay;
use weft_tests::wait;

use crate::stage::{Live, address, live, reaches};

/// Long enough for a program that breaks something when it starts to do so.
const SETTLE: Duration = Duration::from_millis(500);

#[test]
fn a_restarted_or_killed_agent_loses_no_packet() -> Result<()> {
    let Live {
        mut cluster,
        first,
        lab,
        ..
    } = live(Underlay::Ipv4, Etcd::Child)?;
    let series = Series::start(first.inside(), &address(3))?;

    cluster.node(1)?.stop_agent()?;
    thread::sleep(SETTLE);
    cluster.node(1)?.start_agent()?;
    cluster.wait_for_nodes()?;
    thread::sleep(SETTLE);

    cluster.node(1)?.kill_agent()?;
    thread::sleep(SETTLE);
    cluster.node(1)?.start_agent()?;
    cluster.wait_for_nodes()?;
    thread::sleep(SETTLE);

    let tally = series.stop()?;
    ensure!(tally.lost.is_empty(), "{tally:?}");
    lab.pass();
    Ok(())
}

#[test]
fn no_packet_of_a_thousand_a_second_is_lost_over_a_restart_and_rollouts_of_other_vnets()
-> Result<()> {
    let Live {
        mut cluster,
        first,
        lab,
        ..
    } = live(Underlay::Ipv4, Etcd::Child)?;
    let series = Series::start_dense(first.inside(), &address(3))?;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2) {
        cluster.node(1)?.stop_agent()?;
        cluster.node(1)?.start_agent()?;
        cluster.wait_for_nodes()?;
        cluster.roll_out("other", &declared::vnet("other", "tunnels", 4_001))?;
        cluster.client(&["rollback", "1", "--wait"])?;
    }
    let other = cluster.host(1)?.has_device("other");
    let tally = series.stop()?;
    ensure!(!other, "the vnet that was rolled back is there");
    // A machine that is busy sends less than a thousand a second.
    ensure!(tally.sent > 200, "{} packets", tally.sent);
    ensure!(tally.lost.is_empty(), "{tally:?}");
    lab.pass();
    Ok(())
}

#[test]
fn a_restarted_or_killed_controller_loses_no_packet_and_agents_go_on_healing() -> Result<()> {
    let Live {
        mut cluster,
        first,
        lab,
        ..
    } = live(Underlay::Ipv4, Etcd::External)?;
    let series = Series::start(first.inside(), &address(3))?;

    cluster.stop_controller()?;
    thread::sleep(SETTLE);
    cluster.start_controller()?;
    cluster.wait_for_nodes()?;

    cluster.kill_controller()?;
    thread::sleep(SETTLE);
    let tally = series.stop()?;
    ensure!(tally.lost.is_empty(), "{tally:?}");

    // Nobody is there to ask, and still what is deleted comes back.
    let host = cluster.host(1)?;
    host.ip(&format!("link del {WEB_TUNNEL}"))?;
    wait::until("the tunnel to be back", Duration::from_secs(1), || {
        ensure!(host.has_device(WEB_TUNNEL), "it is gone");
        Ok(())
    })?;
    reaches(first.inside(), &address(3))?;

    cluster.start_controller()?;
    cluster.wait_for_nodes()?;
    lab.pass();
    Ok(())
}
