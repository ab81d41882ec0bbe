//! Zones of layout bundle: on each node one bridge and one tunnel device for all vnets of a zone, and
//! what packets between vnets travel in is one of its networks too. Debian 12's FRR knows no such
//! device; these tests need a newer one.

use anyhow::{Context, Result, ensure};
use weft_tests::frr::Release;
use weft_tests::guest::Guest;
use weft_tests::namespace::Namespace;
use weft_tests::process::Process;
use weft_tests::{exec, needs, ping, wait};

use super::leaf::{self, Systems};
use super::stage::{
    DAEMONS, LIMIT, Stage, controller, does_not_reach, reaches, shows, subnet, vnet,
};

/// A zone, its bridge, and the VLAN that its vnet is.
type Plug<'a> = (&'a str, u32);

fn zone(name: &str, vni: u32) -> String {
    format!(
        "apiVersion: weft/v1\nkind: Zone\nmetadata: {{name: {name}}}\n\
         spec: {{type: evpn, layout: bundle, evpn: {{vrfVni: {vni}, controllers: [ctl]}}}}\n---\n"
    )
}

/// Two zones. The first has two vnets with both families; the one of the second is the same VLAN as
/// the first vnet of the first zone, and has the same network.
fn declared() -> String {
    [
        controller(2),
        zone("prod", 1000),
        vnet("web", "prod", 100),
        subnet("web", "10.0.0.0/24", "10.0.0.1", ""),
        subnet("web", "fd00:1::/64", "fd00:1::1", ""),
        vnet("db", "prod", 5000),
        subnet("db", "10.0.1.0/24", "10.0.1.1", ""),
        subnet("db", "fd00:2::/64", "fd00:2::1", ""),
        zone("test", 2000),
        vnet("lab", "test", 4194),
        subnet("lab", "10.0.0.0/24", "10.0.0.1", ""),
    ]
    .concat()
}

const WEB: Plug<'_> = ("z_prod", 100);
const DB: Plug<'_> = ("z_prod", 906);
const LAB: Plug<'_> = ("z_test", 100);

/// A guest in a VLAN of a zone's bridge, as whoever runs guests puts it there.
fn plug(stage: &Stage, name: &str, node: usize, (bridge, vlan): Plug<'_>) -> Result<Guest> {
    let guest = stage.cluster.guest(name, node, bridge)?;
    let (port, vlan) = (guest.port(), vlan.to_string());
    let words = [
        "vlan", "add", "dev", &port, "vid", &vlan, "pvid", "untagged",
    ];
    exec::run(stage.cluster.host(node)?.command("bridge").args(words))?;
    Ok(guest)
}

/// The same, with an address and a gateway.
fn guest(
    stage: &Stage,
    name: &str,
    node: usize,
    at: Plug<'_>,
    [address, gateway]: [&str; 2],
) -> Result<Guest> {
    plug(stage, name, node, at)?
        .address(address)?
        .gateway(gateway)
}

/// The networks that FRR knows on a node, and of which kind each is.
fn known(stage: &Stage, node: usize) -> Result<Vec<(String, String)>> {
    let told = stage.cluster.vtysh(node, "show evpn vni json")?;
    let told: serde_json::Value = serde_json::from_str(&told).context("no JSON")?;
    let all = told.as_object().context("no object")?.iter();
    let mut all: Vec<(String, String)> = all
        .map(|(vni, it)| (vni.clone(), it["type"].as_str().unwrap_or("?").to_owned()))
        .collect();
    all.sort();
    Ok(all)
}

/// What a node has of a zone's networks, in the words of the kernel's own program.
fn networks(host: &Namespace, device: &str) -> Result<String> {
    let tell = |words: &[&str]| exec::run(host.command("bridge").args(words));
    let vnis = tell(&["vni", "show", "dev", device])?;
    let vlans = tell(&["vlan", "tunnelshow", "dev", device])?;
    Ok(format!("{vnis}{vlans}"))
}

/// What of a node's devices is written while `act` runs.
fn written(stage: &mut Stage, act: impl FnOnce(&mut Stage) -> Result<()>) -> Result<String> {
    let host = stage.cluster.host(1)?.clone();
    let mut command = host.command("ip");
    command.args(["-o", "monitor", "link", "address"]);
    let mut monitor = Process::start(stage.lab(), "monitor", &command)?;
    // It listens when it tells of the first mark, and has told of everything when of the second.
    let mark = |name: &str| -> Result<()> {
        host.ip(&format!("link add {name} type dummy"))?;
        wait::until(&format!("the monitor to tell of {name}"), LIMIT, || {
            // The first time may have been before it listened.
            host.ip(&format!("link set {name} txqueuelen 500"))?;
            host.ip(&format!("link set {name} txqueuelen 501"))?;
            let told = std::fs::read_to_string(monitor.log())?;
            ensure!(told.contains(name), "{told}");
            Ok(())
        })?;
        Ok(())
    };
    mark("mark0")?;
    act(stage)?;
    mark("mark1")?;
    monitor.kill()?;
    let told = std::fs::read_to_string(monitor.log())?;
    let of_ours = told.lines().filter(|line| !line.contains("mark"));
    Ok(of_ours.collect::<Vec<_>>().join("\n"))
}

#[test]
fn guests_of_two_vnets_in_one_bundle_reach_each_other_and_no_other_zone() -> Result<()> {
    needs!(Vrf, NewFrr, VlanFiltering, VniFilter);
    let mut stage = Stage::of(Release::New, 2, &DAEMONS)?;
    stage.cluster.roll_out("all", &declared())?;
    for node in stage.cluster.nodes() {
        let tunnels = node.host().ip("-o link show type vxlan")?;
        ensure!(tunnels.lines().count() == 2, "tunnel devices: {tunnels}");
        let bridges = node.host().ip("-o link show type bridge")?;
        ensure!(bridges.lines().count() == 2, "bridges: {bridges}");
    }

    let web = guest(&stage, "web1", 1, WEB, ["10.0.0.11/24", "10.0.0.1"])?
        .address("fd00:1::11/64")?
        .gateway("fd00:1::1")?;
    let same = guest(&stage, "web2", 2, WEB, ["10.0.0.12/24", "10.0.0.1"])?;
    let db = guest(&stage, "db2", 2, DB, ["10.0.1.12/24", "10.0.1.1"])?
        .address("fd00:2::12/64")?
        .gateway("fd00:2::1")?;
    // In the other zone: the network, the gateway and the VLAN of the first vnet.
    let apart = guest(&stage, "lab1", 1, LAB, ["10.0.0.21/24", "10.0.0.1"])?;
    let far = guest(&stage, "lab2", 2, LAB, ["10.0.0.22/24", "10.0.0.1"])?;
    stage.until_up(1, 1)?;
    let of = |kind: &str, vni: &str| (vni.to_owned(), kind.to_owned());
    let all = [
        of("L2", "100"),
        of("L3", "1000"),
        of("L3", "2000"),
        of("L2", "4194"),
        of("L2", "5000"),
    ];
    wait::until("FRR to know every network", LIMIT, || {
        let known = known(&stage, 1)?;
        ensure!(known == all, "{known:?}");
        Ok(())
    })?;

    reaches(web.inside(), "10.0.0.1")?;
    reaches(web.inside(), "10.0.0.12")?;
    reaches(same.inside(), "10.0.0.1")?;
    reaches(db.inside(), "10.0.1.1")?;
    reaches(web.inside(), "10.0.1.12")?;
    reaches(db.inside(), "10.0.0.11")?;
    reaches(db.inside(), "fd00:2::1")?;
    reaches(web.inside(), "fd00:2::12")?;
    reaches(apart.inside(), "10.0.0.22")?;
    reaches(far.inside(), "10.0.0.1")?;
    for (from, to) in [
        (&web, "10.0.0.21"),
        (&web, "10.0.0.22"),
        (&apart, "10.0.0.12"),
        (&apart, "10.0.1.12"),
    ] {
        does_not_reach(from.inside(), to)?;
    }
    // To the byte, within a vnet and between two.
    ping::whole(web.inside(), "10.0.0.12", 1450)?;
    ping::whole(web.inside(), "10.0.1.12", 1450)?;

    // An agent that begins anew compares everything, and writes nothing.
    let before = (stage.frr_file(1)?, stage.sessions(1)?);
    let host = stage.cluster.host(1)?.clone();
    let had = networks(&host, "vx_prod")?;
    let told = written(&mut stage, |stage| {
        stage.cluster.node(1)?.stop_agent()?;
        stage.cluster.node(1)?.start_agent()?;
        stage.cluster.wait_for_nodes()?;
        // It has looked at everything when it carries out the next change.
        stage
            .cluster
            .roll_out("note", &vnet("note", "test", 4195))
            .map(|_| ())
    })?;
    let of_others: Vec<&str> = told.lines().filter(|it| !it.contains("vx_test")).collect();
    ensure!(of_others.is_empty(), "written: {of_others:#?}");
    let after = (stage.frr_file(1)?, stage.sessions(1)?);
    ensure!(before == after, "FRR: {before:?}, then {after:?}");
    let has = networks(&host, "vx_prod")?;
    ensure!(had == has, "{had}, then {has}");
    stage.pass();
    Ok(())
}

#[test]
fn a_vnet_that_comes_to_a_bundle_drops_no_session_and_loses_no_packet() -> Result<()> {
    needs!(Vrf, NewFrr, VlanFiltering, VniFilter);
    let stage = Stage::of(Release::New, 2, &DAEMONS)?;
    stage.cluster.roll_out("all", &declared())?;
    let web = guest(&stage, "web1", 1, WEB, ["10.0.0.11/24", "10.0.0.1"])?;
    let same = guest(&stage, "web2", 2, WEB, ["10.0.0.12/24", "10.0.0.1"])?;
    let db = guest(&stage, "db2", 2, DB, ["10.0.1.12/24", "10.0.1.1"])?;
    stage.until_up(1, 1)?;
    reaches(db.inside(), "10.0.1.1")?;
    reaches(web.inside(), "10.0.0.12")?;
    reaches(web.inside(), "10.0.1.12")?;

    let sessions = stage.sessions(1)?;
    let start = |to: &str| ping::Series::start(web.inside(), to);
    let series = [start("10.0.0.12")?, start("10.0.1.12")?];
    let more = [
        vnet("more", "prod", 6000),
        subnet("more", "10.0.9.0/24", "10.0.9.1", ""),
    ]
    .concat();
    stage.cluster.roll_out("more", &more)?;
    let at = ("z_prod", 1906);
    let new = guest(&stage, "new2", 2, at, ["10.0.9.12/24", "10.0.9.1"])?;
    reaches(new.inside(), "10.0.9.1")?;
    reaches(web.inside(), "10.0.9.12")?;

    // And goes, with the VLAN that the bridge let up to its gateway.
    new.unplug()?;
    let words = ["delete", "subnet/more-v4", "vnet/more"];
    stage.cluster.client(&words)?;
    stage.cluster.client(&["rollout", "start", "--wait"])?;
    let host = stage.cluster.host(1)?;
    wait::until("nothing of the vnet to be left", LIMIT, || {
        let vlans = exec::run(
            host.command("bridge")
                .args(["vlan", "show", "dev", "z_prod"]),
        )?;
        let left = networks(host, "vx_prod")?;
        let is_left = vlans.contains("1906") || left.contains("6000");
        ensure!(!is_left && !host.has_device("more"), "{vlans}{left}");
        Ok(())
    })?;
    for (series, to) in series.into_iter().zip(["its vnet", "another vnet"]) {
        let tally = series.stop()?;
        let (sent, lost) = (tally.sent, tally.lost.len());
        println!("a vnet came and went: {lost} of {sent} packets to {to} lost");
        ensure!(tally.lost.is_empty(), "to {to}: {tally:?}");
    }
    let after = stage.sessions(1)?;
    ensure!(sessions == after, "sessions: {sessions:?}, then {after:?}");
    drop(same);
    stage.pass();
    Ok(())
}

#[test]
fn a_bundle_and_a_leaf_with_a_device_for_each_vnet_reach_each_other() -> Result<()> {
    needs!(Vrf, NewFrr, Dummy, VlanFiltering, VniFilter);
    let (stage, leaf) = leaf::stage(Release::New, Systems::One)?;
    let manifest = leaf::declared(Systems::One, "1:1", ", layout: bundle");
    stage.cluster.roll_out("prod", &manifest)?;
    let at = ("z_prod", 1000);
    let one = plug(&stage, "one", 1, at)?.address("10.0.0.11/24")?;
    let two = plug(&stage, "two", 2, at)?.address("10.0.0.12/24")?;
    reaches(one.inside(), "10.0.0.2")?;
    reaches(&leaf.host, "10.0.0.12")?;
    reaches(one.inside(), "10.0.0.12")?;
    shows(stage.cluster.host(1)?, "-d link show vx_prod", "vnifilter")?;
    drop(two);
    stage.pass();
    Ok(())
}
