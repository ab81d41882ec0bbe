//! FRR dies and is back: it is told everything again, and guests reach each other as before.

use anyhow::{Result, ensure};
use weft_tests::{needs, ping, wait};

use super::stage::{DAEMONS, LIMIT, Stage, controller, reaches, subnet, vnet, zone};

#[test]
fn an_frr_that_dies_and_comes_back_empty_is_told_everything_again() -> Result<()> {
    needs!(Vrf, Frr);
    let mut stage = Stage::new(2)?;
    let manifest = [
        controller(2),
        zone("prod", 1000, ""),
        vnet("web", "prod", 100),
        subnet("web", "10.0.0.0/24", "10.0.0.1", ""),
        vnet("db", "prod", 200),
        subnet("db", "10.0.1.0/24", "10.0.1.1", ""),
    ]
    .concat();
    stage.cluster.roll_out("prod", &manifest)?;
    let web = stage.guest("web1", 1, "web", "10.0.0.11/24", "10.0.0.1")?;
    let db = stage.guest("db1", 2, "db", "10.0.1.12/24", "10.0.1.1")?;
    reaches(db.inside(), "10.0.1.1")?;
    reaches(web.inside(), "10.0.1.12")?;

    let series = ping::Series::start(web.inside(), "10.0.1.12")?;
    for daemon in ["zebra"].into_iter().chain(DAEMONS) {
        stage.cluster.node(1)?.frr()?.kill(daemon)?;
    }
    for daemon in ["zebra"].into_iter().chain(DAEMONS) {
        stage.cluster.node(1)?.frr()?.start_one(daemon)?;
    }
    stage.until_up(1, 1)?;
    reaches(web.inside(), "10.0.1.12")?;
    let tally = series.stop()?;
    println!(
        "FRR was away: {} of {} packets lost",
        tally.lost.len(),
        tally.sent
    );
    let running = stage.cluster.vtysh(1, "show running-config")?;
    ensure!(
        running.contains("router bgp 65000 vrf vrf_prod"),
        "{running}"
    );
    wait::until("the node to be well", LIMIT, || {
        let told = stage.cluster.client(&["get", "nodes"])?;
        ensure!(!told.contains("Degraded"), "{told}");
        Ok(())
    })?;
    stage.pass();
    Ok(())
}
