//! What someone else changes is put right within a second, or only told of where a zone says so.

use std::time::Duration;

use anyhow::{Result, ensure};
use weft_tests::cluster::{Cluster, Etcd};
use weft_tests::declared::{self, LAN, LAN_GATEWAY, WEB, WEB_TUNNEL};
use weft_tests::lab::Lab;
use weft_tests::underlay::Underlay;
use weft_tests::wait;

use crate::stage::{Live, address, live, reaches};

/// What the product promises.
const HEAL_LIMIT: Duration = Duration::from_secs(1);
/// How long a report may take to be seen by a client.
const REPORT_LIMIT: Duration = Duration::from_secs(5);

#[test]
fn a_deleted_device_is_back_within_a_second_and_the_event_is_reported() -> Result<()> {
    let Live {
        cluster,
        first,
        lab,
        ..
    } = live(Underlay::Ipv4, Etcd::Child)?;
    let host = cluster.host(1)?;

    host.ip(&format!("link del {WEB_TUNNEL}"))?;
    heals(&cluster, 1, WEB_TUNNEL)?;
    // The guests' own packets find their way again: the tunnel has its flood list.
    reaches(first.inside(), &address(3))?;
    reported(&cluster, "node1", "DriftHealed", WEB_TUNNEL)?;

    host.ip(&format!("link del {WEB}"))?;
    heals(&cluster, 1, WEB)?;
    // A guest's port is its owner's to plug in again.
    first.plug_again(WEB)?;
    reaches(first.inside(), &address(3))?;
    lab.pass();
    Ok(())
}

#[test]
fn a_deleted_address_and_a_changed_mtu_are_put_right() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::start(&lab, Underlay::Ipv4, Etcd::Child)?;
    cluster.roll_out("inside", &declared::inside())?;
    cluster.roll_out("tunnels", &declared::tunnels(Underlay::Ipv4))?;
    let host = cluster.host(2)?;

    host.ip(&format!("address del {LAN_GATEWAY}/24 dev {LAN}"))?;
    wait::until("the gateway to be back", HEAL_LIMIT, || {
        let addresses = host.ip(&format!("-o address show dev {LAN}"))?;
        ensure!(addresses.contains(LAN_GATEWAY), "only {addresses}");
        Ok(())
    })?;
    host.ip(&format!("link set {WEB} mtu 1400"))?;
    wait::until("the MTU to be back", HEAL_LIMIT, || {
        let mtu = host.mtu(WEB)?;
        ensure!(mtu == 1450, "it is {mtu}");
        Ok(())
    })?;
    host.ip(&format!("link set {WEB_TUNNEL} down"))?;
    wait::until("the tunnel to be up", HEAL_LIMIT, || {
        let line = host.ip(&format!("-o link show dev {WEB_TUNNEL} up"))?;
        ensure!(!line.is_empty(), "it is down");
        Ok(())
    })?;
    lab.pass();
    Ok(())
}

#[test]
fn a_zone_that_observes_is_told_of_drift_and_not_touched() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::start(&lab, Underlay::Ipv4, Etcd::Child)?;
    let observing = declared::tunnels(Underlay::Ipv4)
        .replace("  type: vxlan\n", "  type: vxlan\n  drift: observe\n");
    cluster.roll_out("observing", &observing)?;
    let host = cluster.host(1)?;

    host.ip(&format!("link del {WEB_TUNNEL}"))?;
    reported(&cluster, "node1", "DriftObserved", WEB_TUNNEL)?;
    ensure!(!host.has_device(WEB_TUNNEL), "the device is back");
    lab.pass();
    Ok(())
}

fn heals(cluster: &Cluster, number: usize, device: &str) -> Result<()> {
    let host = cluster.host(number)?;
    let what = format!("{device} to be back");
    wait::until(&what, HEAL_LIMIT, || {
        ensure!(host.has_device(device), "it is gone");
        Ok(())
    })?;
    Ok(())
}

/// Waits until the node's events have this reason, about this device.
fn reported(cluster: &Cluster, node: &str, reason: &str, device: &str) -> Result<()> {
    let what = format!("an event {reason} of {device}");
    wait::until(&what, REPORT_LIMIT, || {
        let seen = cluster.client(&["events", node])?;
        ensure!(
            seen.lines()
                .any(|line| line.contains(reason) && line.contains(device)),
            "only {seen}"
        );
        Ok(())
    })?;
    Ok(())
}
