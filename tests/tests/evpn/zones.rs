//! What happens inside of a zone: both families, silent guests, questions that are answered in place,
//! and routes that one zone takes from another.

use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use weft_tests::capture::Capture;
use weft_tests::{exec, needs, ping, wait};

use super::stage::{LIMIT, Stage, controller, reaches, subnet, vnet, zone};

fn declared(options: &str) -> String {
    [
        controller(2),
        zone("prod", 1000, options),
        vnet("web", "prod", 100),
        subnet("web", "10.0.0.0/24", "10.0.0.1", ""),
        subnet("web", "fd00:1::/64", "fd00:1::1", ""),
        vnet("db", "prod", 200),
        subnet("db", "10.0.1.0/24", "10.0.1.1", ""),
        subnet("db", "fd00:2::/64", "fd00:2::1", ""),
    ]
    .concat()
}

#[test]
fn guests_of_two_vnets_reach_each_other_by_both_families() -> Result<()> {
    needs!(Vrf, Frr);
    let stage = Stage::new(2)?;
    stage.cluster.roll_out("prod", &declared(""))?;
    let web = stage.guest("web1", 1, "web", "fd00:1::11/64", "fd00:1::1")?;
    let web = web.address("10.0.0.11/24")?.gateway("10.0.0.1")?;
    let db = stage.guest("db1", 2, "db", "fd00:2::12/64", "fd00:2::1")?;
    let db = db.address("10.0.1.12/24")?.gateway("10.0.1.1")?;
    let other = stage.guest("web2", 2, "web", "fd00:1::12/64", "fd00:1::1")?;
    reaches(other.inside(), "fd00:1::1")?;
    reaches(db.inside(), "fd00:2::1")?;
    reaches(web.inside(), "fd00:1::12")?;
    reaches(web.inside(), "fd00:2::12")?;
    reaches(db.inside(), "fd00:1::11")?;
    reaches(db.inside(), "10.0.0.11")?;
    reaches(web.inside(), "10.0.1.12")?;
    stage.pass();
    Ok(())
}

#[test]
fn a_silent_guest_is_reached_where_subnets_are_announced() -> Result<()> {
    needs!(Vrf, Frr);
    let stage = Stage::new(2)?;
    stage
        .cluster
        .roll_out("prod", &declared(", advertiseSubnets: true"))?;
    let silent = stage.guest("quiet", 2, "db", "10.0.1.12/24", "10.0.1.1")?;
    let web = stage.guest("web1", 1, "web", "10.0.0.11/24", "10.0.0.1")?;
    wait::until("the networks to be announced", LIMIT, || {
        let told = stage
            .cluster
            .vtysh(1, "show bgp l2vpn evpn route type prefix")?;
        for network in ["[24]:[10.0.0.0]", "[24]:[10.0.1.0]", "[64]:[fd00:2::]"] {
            ensure!(told.contains(network), "{told}");
        }
        Ok(())
    })?;
    reaches(web.inside(), "10.0.1.12")?;
    drop(silent);
    stage.pass();
    Ok(())
}

/// How many questions for `address` a guest is asked while another one pings it.
fn questions(stage: &Stage, suppression: bool) -> Result<usize> {
    let manifest = declared(&format!(", suppression: {suppression}"));
    stage.cluster.roll_out("prod", &manifest)?;
    let name = |role: &str| format!("{role}{}", u8::from(suppression));
    let asking = stage.guest(&name("a"), 1, "web", "10.0.0.11/24", "10.0.0.1")?;
    let asked = stage.guest(&name("b"), 2, "web", "10.0.0.12/24", "10.0.0.1")?;
    // Both become known, to their node and to the other.
    reaches(asking.inside(), "10.0.0.1")?;
    reaches(asked.inside(), "10.0.0.1")?;
    for (node, address) in [(1, "10.0.0.12"), (2, "10.0.0.11")] {
        wait::until("the other guest to be known", LIMIT, || {
            let told = stage.cluster.vtysh(node, "show evpn arp-cache vni 100")?;
            let is_known = |line: &str| line.contains(address) && line.contains("remote");
            ensure!(told.lines().any(is_known), "{told}");
            Ok(())
        })?;
    }
    let capture = Capture::start(asked.inside(), "eth0")?;
    thread::sleep(Duration::from_millis(500));
    asking.inside().ip("neighbor flush dev eth0")?;
    let reached = wait::until("10.0.0.12 to answer", LIMIT, || {
        ping::once(asking.inside(), "10.0.0.12")
    });
    reached?;
    thread::sleep(Duration::from_millis(500));
    let frames = capture.stop()?;
    asking.unplug()?;
    asked.unplug()?;
    // What a guest's own gateway asks does not count.
    let [who, whom] = [11, 12].map(|last| Ipv4Addr::new(10, 0, 0, last));
    Ok(frames.iter().filter(|it| it.looks_for(who, whom)).count())
}

#[test]
fn questions_for_known_guests_are_answered_in_place_unless_that_is_off() -> Result<()> {
    needs!(Vrf, Frr);
    let stage = Stage::new(2)?;
    let on = questions(&stage, true)?;
    ensure!(on == 0, "{on} questions crossed the tunnel");
    let off = questions(&stage, false)?;
    ensure!(off > 0, "no question crossed the tunnel");
    let told = exec::run(stage.cluster.host(1)?.command("bridge").args([
        "-d",
        "link",
        "show",
        "dev",
        "vxlan_web",
    ]))?;
    ensure!(told.contains("neigh_suppress off"), "{told}");
    stage.pass();
    Ok(())
}
