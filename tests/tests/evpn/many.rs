//! A zone of two hundred vnets grows by one: no session is dropped and no packet lost; and where
//! nothing changes nothing is said to FRR.

use anyhow::{Result, ensure};
use weft_tests::{needs, ping};

use super::stage::{Stage, controller, reaches, subnet, vnet, zone};

/// How many vnets there are before.
const MANY: u32 = 200;

#[test]
fn one_vnet_more_among_two_hundred_drops_no_session_and_loses_no_packet() -> Result<()> {
    needs!(Vrf, Frr);
    let mut stage = Stage::new(2)?;
    let vnets = (0..MANY).map(|number| vnet(&format!("n{number}"), "prod", 5000 + number));
    let manifest: String = [
        controller(2),
        zone("prod", 1000, ""),
        subnet("n0", "10.0.0.0/24", "10.0.0.1", ""),
    ]
    .into_iter()
    .chain(vnets)
    .collect();
    stage.cluster.roll_out("prod", &manifest)?;
    let one = stage.guest("one", 1, "n0", "10.0.0.11/24", "10.0.0.1")?;
    let two = stage.guest("two", 2, "n0", "10.0.0.12/24", "10.0.0.1")?;
    stage.until_up(1, 1)?;
    reaches(one.inside(), "10.0.0.12")?;

    let sessions = stage.sessions(1)?;
    let series = ping::Series::start(one.inside(), "10.0.0.12")?;
    let more = [
        vnet("more", "prod", 6000),
        subnet("more", "10.0.9.0/24", "10.0.9.1", ""),
    ]
    .concat();
    stage.cluster.roll_out("more", &more)?;
    let new = stage.guest("new", 2, "more", "10.0.9.12/24", "10.0.9.1")?;
    reaches(new.inside(), "10.0.9.1")?;
    reaches(one.inside(), "10.0.9.12")?;
    let tally = series.stop()?;
    ensure!(tally.lost.is_empty(), "lost: {tally:?}");
    let after = stage.sessions(1)?;
    ensure!(sessions == after, "sessions: {sessions:?}, then {after:?}");

    // An agent that begins anew compares everything, and says nothing.
    let before = stage.frr_file(1)?;
    stage.cluster.node(1)?.stop_agent()?;
    stage.cluster.node(1)?.start_agent()?;
    stage.cluster.wait_for_nodes()?;
    reaches(one.inside(), "10.0.9.12")?;
    ensure!(stage.frr_file(1)? == before, "FRR's file was written");
    let after = stage.sessions(1)?;
    ensure!(sessions == after, "sessions: {sessions:?}, then {after:?}");
    drop(two);
    stage.pass();
    Ok(())
}
