//! Routes that a zone takes from a zone of another cluster, by their mark, and that one from ours.

use anyhow::{Result, ensure};
use weft_tests::frr::Frr;
use weft_tests::namespace::Namespace;
use weft_tests::{needs, wait};

use super::stage::{LIMIT, PATIENT, Stage, does_not_reach, reaches, subnet, vnet, zone};

/// The other cluster's only node.
const FAR: &str = "192.168.0.254";

/// The mark of the other cluster's zone, which does not end in the VNI: where nothing is said FRR
/// takes in whatever does, of whichever system. That of ours follows from its numbers.
const MARK: &str = "65001:7";
const OURS: &str = "65000:1000";

/// A guest of the other cluster: a zone with the layer-3 VNI of ours and a mark of its own, all of
/// it said by that cluster's own administrator.
fn other(stage: &mut Stage) -> Result<(Frr, Namespace)> {
    let lab = stage.lab().clone();
    let host = stage.cluster.switch.host(&lab, "far", FAR)?;
    let guest = Namespace::create(&lab, "foreign")?;
    host.sysctl("net.ipv4.ip_forward", "1")?;
    host.batch(&format!(
        "link add other type vrf table 1000\n\
         link set other up\n\
         link add br1000 type bridge\n\
         link set br1000 master other up\n\
         link add vx1000 type vxlan id 1000 local {FAR} dstport 4789 nolearning\n\
         link set vx1000 master br1000 up\n\
         link add p0 mtu 1450 type veth peer name eth0 mtu 1450 netns {}\n\
         link set p0 master other up\n\
         address add 10.1.0.1/24 dev p0\n",
        guest.name()
    ))?;
    guest.batch(
        "link set eth0 up\naddress add 10.1.0.2/24 dev eth0\nroute add default via 10.1.0.1\n",
    )?;
    let frr = Frr::start(&lab, &host, &["bgpd"])?;
    let lines = format!(
        "configure terminal\n\
         vrf other\n\
         vni 1000\n\
         exit-vrf\n\
         router bgp 65000\n\
         bgp router-id {FAR}\n\
         no bgp default ipv4-unicast\n\
         neighbor 192.168.0.1 remote-as 65000\n\
         neighbor 192.168.0.2 remote-as 65000\n\
         address-family l2vpn evpn\n\
         neighbor 192.168.0.1 activate\n\
         neighbor 192.168.0.2 activate\n\
         advertise-all-vni\n\
         router bgp 65000 vrf other\n\
         address-family ipv4 unicast\n\
         redistribute connected\n\
         exit-address-family\n\
         address-family l2vpn evpn\n\
         advertise ipv4 unicast\n\
         route-target export {MARK}\n\
         route-target import {MARK}\n\
         route-target import {OURS}"
    );
    let words: Vec<&str> = lines.lines().collect();
    frr.vtysh(&words)?;
    Ok((frr, guest))
}

fn declared(options: &str) -> String {
    [
        &format!(
            "apiVersion: weft/v1\nkind: Controller\nmetadata: {{name: ctl}}\n\
             spec: {{type: evpn, evpn: {{asn: 65000, {PATIENT}, \
             peers: [192.168.0.1, 192.168.0.2, {FAR}]}}}}\n---\n"
        ),
        &zone("prod", 1000, options),
        &vnet("web", "prod", 100),
        &subnet("web", "10.0.0.0/24", "10.0.0.1", ""),
    ]
    .map(String::as_str)
    .concat()
}

#[test]
fn guests_reach_a_zone_of_another_cluster_whose_mark_is_taken_in_and_are_reached() -> Result<()> {
    needs!(Vrf, Frr);
    let mut stage = Stage::new(2)?;
    let (_frr, foreign) = other(&mut stage)?;
    stage.cluster.roll_out("prod", &declared(""))?;
    for node in 1..=2 {
        stage.until_up(node, 2)?;
    }
    let one = stage.guest("one", 1, "web", "10.0.0.11/24", "10.0.0.1")?;
    let two = stage.guest("two", 2, "web", "10.0.0.12/24", "10.0.0.1")?;
    reaches(one.inside(), "10.0.0.12")?;
    // It takes ours in already; we do not take in what is its.
    does_not_reach(one.inside(), "10.1.0.2")?;

    let taken = declared(&format!(", targets: {{import: [\"{MARK}\"]}}"));
    stage.cluster.roll_out("prod", &taken)?;
    reaches(one.inside(), "10.1.0.2")?;
    reaches(two.inside(), "10.1.0.2")?;
    reaches(&foreign, "10.0.0.11")?;
    reaches(&foreign, "10.0.0.12")?;
    // The zone's own mark is still one: FRR leaves it out as soon as another is said.
    for node in 1..=2 {
        let running = stage.cluster.vtysh(node, "show running-config")?;
        for mark in [MARK, OURS] {
            let line = format!("route-target import {mark}\n");
            ensure!(running.contains(&line), "node {node}: {running}");
        }
    }

    stage.cluster.roll_out("prod", &declared(""))?;
    wait::until("the way there to be gone", LIMIT, || {
        does_not_reach(one.inside(), "10.1.0.2")
    })?;
    reaches(one.inside(), "10.0.0.12")?;
    stage.pass();
    Ok(())
}
