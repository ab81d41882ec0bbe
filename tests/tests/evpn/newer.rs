//! What a newer FRR can do, tunnels over IPv6; and zebra alone of the oldest, which is away while no
//! packet is lost.

use anyhow::{Result, ensure};
use weft_tests::frr::Release;
use weft_tests::ping::Series;
use weft_tests::underlay::Underlay;
use weft_tests::{needs, wait};

use super::stage::{DAEMONS, LIMIT, PATIENT, Stage, controller, reaches, subnet, vnet, zone};

/// How long zebra waits for what it is told before it takes away what nobody told it.
const KEEPING: [&str; 2] = ["-K", "60"];

fn two_vnets() -> String {
    [
        zone("prod", 1000, ""),
        vnet("web", "prod", 100),
        subnet("web", "10.0.0.0/24", "10.0.0.1", ""),
        vnet("db", "prod", 200),
        subnet("db", "10.0.1.0/24", "10.0.1.1", ""),
    ]
    .concat()
}

#[test]
fn tunnels_over_ipv6_carry_zones_with_a_newer_frr() -> Result<()> {
    needs!(Vrf, NewFrr);
    let stage = Stage::over(Underlay::Ipv6, Release::New, 2, &DAEMONS)?;
    let peers = [1, 2].map(|number| format!("\"{}\"", Underlay::Ipv6.node(number)));
    let controller = format!(
        "apiVersion: weft/v1\nkind: Controller\nmetadata: {{name: ctl}}\n\
         spec: {{type: evpn, evpn: {{asn: 65000, {PATIENT}, peers: [{}]}}}}\n---\n",
        peers.join(", ")
    );
    let zone = zone("prod", 1000, ", underlay: ipv6");
    let rest = two_vnets();
    let (_, vnets) = rest.split_once("---\n").unwrap_or_default();
    let manifest = [controller, zone, vnets.to_owned()].concat();
    stage.cluster.roll_out("prod", &manifest)?;
    let web = stage.guest("web1", 1, "web", "10.0.0.11/24", "10.0.0.1")?;
    let other = stage.guest("web2", 2, "web", "10.0.0.12/24", "10.0.0.1")?;
    let db = stage.guest("db1", 2, "db", "10.0.1.12/24", "10.0.1.1")?;
    stage.until_up(1, 1)?;
    reaches(db.inside(), "10.0.1.1")?;
    reaches(web.inside(), "10.0.0.12")?;
    reaches(other.inside(), "10.0.0.11")?;
    reaches(web.inside(), "10.0.1.12")?;
    stage.pass();
    Ok(())
}

#[test]
fn a_zebra_that_dies_and_is_back_loses_no_packet() -> Result<()> {
    needs!(Vrf, Frr);
    let mut stage = Stage::new(2)?;
    let manifest = [controller(2), two_vnets()].concat();
    stage.cluster.roll_out("prod", &manifest)?;
    let web = stage.guest("web1", 1, "web", "10.0.0.11/24", "10.0.0.1")?;
    let db = stage.guest("db1", 2, "db", "10.0.1.12/24", "10.0.1.1")?;
    stage.until_up(1, 1)?;
    reaches(db.inside(), "10.0.1.1")?;
    reaches(web.inside(), "10.0.1.12")?;
    reaches(db.inside(), "10.0.0.11")?;
    let series = Series::start(web.inside(), "10.0.1.12")?;
    let frr = stage.cluster.node(1)?.frr()?;
    frr.kill("zebra")?;
    frr.start_one_with("zebra", &KEEPING)?;
    stage.until_up(1, 1)?;
    wait::until("the node to be well", LIMIT, || {
        let told = stage.cluster.client(&["get", "nodes"])?;
        ensure!(!told.contains("Degraded"), "{told}");
        reaches(web.inside(), "10.0.1.12")
    })?;
    let running = stage.cluster.vtysh(1, "show running-config")?;
    ensure!(
        running.contains("router bgp 65000 vrf vrf_prod"),
        "{running}"
    );
    let tally = series.stop()?;
    ensure!(tally.lost.is_empty(), "lost: {tally:?}");
    stage.pass();
    Ok(())
}
