//! Zones of layout bundle: two hundred vnets on two devices a node; what reaches whom, to the byte,
//! while vnets come and go, and after someone meddled.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use weft_tests::cluster::{Cluster, Etcd};
use weft_tests::guest::Guest;
use weft_tests::lab::Lab;
use weft_tests::namespace::Namespace;
use weft_tests::underlay::Underlay;
use weft_tests::{exec, needs, ping, wait};

/// The bridge of the zone, and its tunnel device.
const BRIDGE: &str = "z_prod";
const TUNNEL: &str = "vx_prod";

/// How long a first packet may take on an emulated kernel.
const REACH_LIMIT: Duration = Duration::from_secs(30);

/// The tag of the first vnet: far beyond what a VLAN can be.
const FIRST: u32 = 5001;

/// The VLAN that a tag stands for.
fn vlan_of(tag: u32) -> u32 {
    (tag - 1) % 4094 + 1
}

fn zone(options: &str) -> String {
    format!(
        "apiVersion: weft/v1\nkind: Zone\nmetadata: {{name: prod}}\n\
         spec: {{type: vxlan, layout: bundle{options}}}\n---\n"
    )
}

fn vnet(tag: u32) -> String {
    format!(
        "apiVersion: weft/v1\nkind: Vnet\nmetadata: {{name: net-{tag}}}\n\
         spec: {{zone: prod, tag: {tag}}}\n---\n"
    )
}

/// A guest in a VLAN of the zone's bridge, as whoever runs guests puts it there, with an address of
/// the one network that all vnets use, which must not matter.
fn guest(cluster: &Cluster, name: &str, node: usize, vlan: u32, last: u8) -> Result<Guest> {
    let guest = cluster.guest(name, node, BRIDGE)?;
    let (port, vlan) = (guest.port(), vlan.to_string());
    let words = [
        "vlan", "add", "dev", &port, "vid", &vlan, "pvid", "untagged",
    ];
    exec::run(cluster.host(node)?.command("bridge").args(words))?;
    guest.address(&format!("10.0.0.{last}/24"))
}

fn reaches(from: &Guest, last: u8) -> Result<()> {
    let to = format!("10.0.0.{last}");
    wait::until(&format!("10.0.0.{last} to answer"), REACH_LIMIT, || {
        ping::once(from.inside(), &to)
    })?;
    Ok(())
}

fn does_not_reach(from: &Guest, last: u8) -> Result<()> {
    let answered = ping::once(from.inside(), &format!("10.0.0.{last}")).is_ok();
    ensure!(
        !answered,
        "10.0.0.{last} answers, and is in another network"
    );
    Ok(())
}

fn bridge(host: &Namespace, words: &str) -> Result<String> {
    exec::run(host.command("bridge").args(words.split(' ')))
}

/// Waits until the tunnel device has something again.
fn heals(host: &Namespace, words: &str, part: &str) -> Result<()> {
    wait::until(&format!("{part} in `bridge {words}`"), REACH_LIMIT, || {
        let told = bridge(host, words)?;
        told.contains(part).then_some(()).context("not there")
    })?;
    Ok(())
}

#[test]
fn two_hundred_vnets_are_two_devices_a_node_and_networks_of_their_own() -> Result<()> {
    needs!(VlanFiltering, VniFilter);
    let lab = Lab::new()?;
    let cluster = Cluster::start(&lab, Underlay::Ipv4, Etcd::Child)?;
    let tags: Vec<u32> = (FIRST..FIRST + 200).collect();
    let all: String = tags.iter().map(|tag| vnet(*tag)).collect();
    cluster.roll_out("prod", &format!("{}{all}", zone("")))?;
    for node in cluster.nodes() {
        let links = node.host().ip("-o link show type vxlan")?;
        ensure!(links.lines().count() == 1, "tunnel devices: {links}");
        let links = node.host().ip("-o link show type bridge")?;
        ensure!(links.lines().count() == 1, "bridges: {links}");
    }

    // Guests of the first, of one in the middle and of the last.
    let chosen = [tags[0], tags[99], tags[199]].map(vlan_of);
    let mut inside = Vec::new();
    for (at, vlan) in (0..).zip(chosen) {
        let mut guests = Vec::new();
        for node in [1_u8, 2, 3] {
            let name = format!("g{at}{node}");
            let last = 10 * at + node;
            guests.push(guest(&cluster, &name, node.into(), vlan, last)?);
        }
        inside.push(guests);
    }
    let lost = guest(&cluster, "lost", 1, vlan_of(tags[0]), 91)?;
    bridge(
        cluster.host(1)?,
        &format!("vlan del dev {} vid {}", lost.port(), vlan_of(tags[0])),
    )?;
    for (at, guests) in (0_u8..).zip(&inside) {
        reaches(&guests[0], 10 * at + 2)?;
        reaches(&guests[0], 10 * at + 3)?;
        reaches(&guests[1], 10 * at + 3)?;
        for other in (0..3).filter(|other| *other != at) {
            does_not_reach(&guests[0], 10 * other + 1)?;
            does_not_reach(&guests[0], 10 * other + 2)?;
        }
    }
    // A port that nobody gave a VLAN is in no network.
    does_not_reach(&lost, 1)?;
    does_not_reach(&lost, 2)?;
    ping::whole(inside[0][0].inside(), "10.0.0.2", 1450)?;

    // One vnet comes and goes, and nobody else notices.
    let series = ping::Series::start(inside[0][0].inside(), "10.0.0.2")?;
    let new = FIRST + 200;
    cluster.roll_out("more", &vnet(new))?;
    let one = guest(&cluster, "new1", 1, vlan_of(new), 81)?;
    let two = guest(&cluster, "new2", 2, vlan_of(new), 82)?;
    reaches(&one, 82)?;
    does_not_reach(&one, 1)?;
    one.unplug()?;
    two.unplug()?;
    cluster.client(&["delete", &format!("vnet/net-{new}")])?;
    cluster.client(&["rollout", "start", "--wait"])?;
    let tally = series.stop()?;
    ensure!(tally.lost.is_empty(), "lost packets: {:?}", tally.lost);
    let vnis = bridge(cluster.host(1)?, &format!("vni show dev {TUNNEL}"))?;
    ensure!(!vnis.contains(&new.to_string()), "{vnis}");

    // What someone takes away is put back.
    let host = cluster.host(1)?;
    let (tag, vlan) = (tags[99], vlan_of(tags[99]));
    let told = bridge(host, &format!("fdb show dev {TUNNEL}"))?;
    let entry = format!("src_vni {tag} ");
    let entry = told
        .lines()
        .find(|line| line.starts_with("00:00:00:00:00:00") && format!("{line} ").contains(&entry))
        .context("no peer of the vnet")?;
    let peer = entry
        .split(' ')
        .skip_while(|word| *word != "dst")
        .nth(1)
        .context("no address")?;
    bridge(
        host,
        &format!("fdb del 00:00:00:00:00:00 dev {TUNNEL} dst {peer} src_vni {tag} vni {tag} self"),
    )?;
    heals(host, &format!("fdb show dev {TUNNEL}"), entry.trim())?;
    bridge(host, &format!("vlan del dev {TUNNEL} vid {vlan}"))?;
    reaches(&inside[1][0], 12)?;
    bridge(host, &format!("vni delete dev {TUNNEL} vni {tag}"))?;
    reaches(&inside[1][0], 13)?;
    lab.pass();
    Ok(())
}

#[test]
fn a_bundle_over_ipv6_carries_packets_whole_to_the_byte() -> Result<()> {
    needs!(VlanFiltering, VniFilter);
    let lab = Lab::new()?;
    let cluster = Cluster::start(&lab, Underlay::Ipv6, Etcd::Child)?;
    let manifest = [zone(", vxlan: {underlay: ipv6}"), vnet(70), vnet(0xff_ffff)];
    cluster.roll_out("prod", &manifest.concat())?;
    let one = guest(&cluster, "one", 1, 70, 1)?;
    guest(&cluster, "two", 2, 70, 2)?;
    let far = guest(&cluster, "far1", 1, vlan_of(0xff_ffff), 11)?;
    guest(&cluster, "far2", 2, vlan_of(0xff_ffff), 12)?;
    reaches(&one, 2)?;
    reaches(&far, 12)?;
    does_not_reach(&one, 12)?;
    does_not_reach(&far, 2)?;
    ping::whole(one.inside(), "10.0.0.2", 1430)?;
    lab.pass();
    Ok(())
}
