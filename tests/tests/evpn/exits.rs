//! How guests leave a zone: by the preferred exit and by the other when it is lost, with their own
//! address or the exit's; and how an exit itself reaches them.

use anyhow::{Result, ensure};
use weft_tests::needs;
use weft_tests::underlay::FAR;
use weft_tests::wait;
use weft_tests::wires::Cable;

use super::stage::{LIMIT, Stage, controller, does_not_reach, reaches, shows, subnet, vnet, zone};

/// The network of the guests.
const NETWORK: &str = "10.0.0.0/24";

/// The place of node 1 among the hosts of the switch: the outside and the controller come first.
const CABLE_OF_NODE_1: usize = 2;

fn declared(exits: &str, options: &str) -> String {
    [
        controller(3),
        zone("prod", 1000, &format!(", exits: {{{exits}}}")),
        vnet("web", "prod", 100),
        subnet("web", NETWORK, "10.0.0.1", options),
    ]
    .concat()
}

/// Waits until node 3 leaves the zone by this address and no other.
fn leaves_by(stage: &Stage, exit: &str, not: &str) -> Result<()> {
    let third = stage.cluster.host(3)?;
    wait::until(&format!("the way out by {exit}"), LIMIT, || {
        let told = third.ip("route show vrf vrf_prod default")?;
        ensure!(told.contains(exit) && !told.contains(not), "{told}");
        Ok(())
    })?;
    Ok(())
}

#[test]
fn guests_leave_by_the_preferred_exit_and_by_the_other_when_it_is_lost() -> Result<()> {
    needs!(Vrf, Frr);
    let stage = Stage::new(3)?;
    let exits = "nodes: [node1, node2], primary: node1";
    stage.cluster.roll_out("prod", &declared(exits, ""))?;
    let guest = stage.guest("one", 3, "web", "10.0.0.13/24", "10.0.0.1")?;
    leaves_by(&stage, "192.168.0.1", "192.168.0.2")?;
    stage.route_back(NETWORK, 1)?;
    reaches(guest.inside(), FAR)?;

    stage
        .cluster
        .switch
        .set_cable(CABLE_OF_NODE_1, Cable::Cut)?;
    leaves_by(&stage, "192.168.0.2", "192.168.0.1")?;
    stage.route_back(NETWORK, 2)?;
    reaches(guest.inside(), FAR)?;

    stage
        .cluster
        .switch
        .set_cable(CABLE_OF_NODE_1, Cable::Joined)?;
    leaves_by(&stage, "192.168.0.1", "192.168.0.2")?;
    stage.route_back(NETWORK, 1)?;
    reaches(guest.inside(), FAR)?;
    stage.pass();
    Ok(())
}

#[test]
fn sources_are_translated_at_the_exit_where_the_subnet_says_so() -> Result<()> {
    needs!(Vrf, Frr);
    let stage = Stage::new(3)?;
    let exits = "nodes: [node1]";
    let translated = declared(exits, ", snat: masquerade");
    stage.cluster.roll_out("prod", &translated)?;
    let far = stage.guest("far", 3, "web", "10.0.0.13/24", "10.0.0.1")?;
    let near = stage.guest("near", 1, "web", "10.0.0.11/24", "10.0.0.1")?;
    // The outside knows no way back to the guests.
    reaches(far.inside(), FAR)?;
    reaches(near.inside(), FAR)?;
    reaches(far.inside(), "10.0.0.11")?;

    stage.cluster.roll_out("prod", &declared(exits, ""))?;
    does_not_reach(far.inside(), FAR)?;
    stage.route_back(NETWORK, 1)?;
    reaches(far.inside(), FAR)?;
    reaches(near.inside(), FAR)?;
    // Guests are reached from outside by their own address.
    reaches(&stage.cluster.outside, "10.0.0.13")?;
    stage.pass();
    Ok(())
}

#[test]
fn an_exit_with_local_routing_reaches_guests_itself() -> Result<()> {
    needs!(Vrf, Frr);
    let stage = Stage::new(3)?;
    // A kernel looks for its own addresses first, in whatever domain: an answer to the node, which
    // comes by the zone's, would be taken as a stranger's. `ifupdown2` moves that rule on every host
    // that has routing domains.
    stage.cluster.host(1)?.batch(
        "rule add pref 32765 from all lookup local\nrule del pref 0 from all lookup local\n",
    )?;
    let exits = "nodes: [node1], localRouting: true";
    stage.cluster.roll_out("prod", &declared(exits, ""))?;
    let guest = stage.guest("one", 3, "web", "10.0.0.13/24", "10.0.0.1")?;
    reaches(guest.inside(), "10.0.0.1")?;
    let first = stage.cluster.host(1)?;
    shows(first, "route show 10.0.0.0/24", "10.255.255.2")?;
    reaches(first, "10.0.0.13")?;
    stage.pass();
    Ok(())
}

#[test]
fn what_leaves_a_zone_does_not_come_into_another_by_the_exit() -> Result<()> {
    needs!(Vrf, Frr);
    let stage = Stage::new(2)?;
    let exits = ", exits: {nodes: [node1]}";
    let manifest = [
        controller(2),
        zone("prod", 1000, exits),
        vnet("web", "prod", 100),
        subnet("web", "10.0.0.0/24", "10.0.0.1", ""),
        zone("other", 2000, exits),
        vnet("db", "other", 200),
        subnet("db", "10.1.1.0/25", "10.1.1.1", ""),
    ]
    .concat();
    stage.cluster.roll_out("zones", &manifest)?;
    let web = stage.guest("web1", 2, "web", "10.0.0.12/24", "10.0.0.1")?;
    let db = stage.guest("db1", 2, "db", "10.1.1.12/25", "10.1.1.1")?;
    stage.route_back("10.0.0.0/24", 1)?;
    stage.route_back("10.1.1.0/25", 1)?;
    reaches(web.inside(), FAR)?;
    reaches(db.inside(), FAR)?;
    shows(
        stage.cluster.host(1)?,
        "route show vrf vrf_prod",
        "blackhole 10.1.1.0/25",
    )?;
    does_not_reach(web.inside(), "10.1.1.12")?;
    does_not_reach(db.inside(), "10.0.0.12")?;
    stage.pass();
    Ok(())
}
