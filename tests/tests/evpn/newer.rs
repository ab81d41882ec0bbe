//! What a newer FRR can do: tunnels over IPv6.

use anyhow::Result;
use weft_tests::frr::Release;
use weft_tests::needs;
use weft_tests::underlay::Underlay;

use super::stage::{DAEMONS, PATIENT, Stage, reaches, subnet, vnet, zone};

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
