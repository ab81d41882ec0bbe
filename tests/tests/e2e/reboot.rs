//! A node that boots alone gets its network back.

use std::time::Duration;

use anyhow::{Result, ensure};
use weft_tests::cluster::Etcd;
use weft_tests::declared::{self, DB, DB_TUNNEL, LAN, LAN_GATEWAY, WEB, WEB_TUNNEL};
use weft_tests::dump;
use weft_tests::underlay::{FAR, Underlay};
use weft_tests::wait;

use crate::stage::{Live, address, live, reaches};

#[test]
fn a_node_that_boots_without_a_controller_has_its_network() -> Result<()> {
    let Live {
        mut cluster,
        first,
        lab,
        ..
    } = live(Underlay::Ipv4, Etcd::Child)?;
    cluster.roll_out("inside", &declared::inside())?;
    let before = cluster.dumps()?;
    cluster.kill_controller()?;
    cluster.node(1)?.stop_agent()?;
    cluster.node(1)?.reboot(&[WEB_TUNNEL, DB_TUNNEL, WEB, DB])?;
    ensure!(!cluster.host(1)?.has_device(WEB), "the node did not reboot");

    cluster.node(1)?.start_agent()?;
    let host = cluster.host(1)?;
    wait::until("the network to be back", Duration::from_secs(5), || {
        for device in [WEB, WEB_TUNNEL, DB, DB_TUNNEL, LAN] {
            ensure!(host.has_device(device), "{device} is not");
        }
        Ok(())
    })?;
    first.plug_again(WEB)?;
    reaches(first.inside(), &address(3))?;
    let inside = cluster
        .guest("lan1", 1, LAN)?
        .address("10.1.0.1/24")?
        .gateway(LAN_GATEWAY)?;
    reaches(inside.inside(), FAR)?;

    // With the guest gone the node is what it was, to the last address and rule. Numbers of devices
    // and Ethernet addresses that nobody asked for are drawn anew, and guests' ports are not ours.
    inside.unplug()?;
    let masked = |dumps: Vec<String>| -> Vec<String> {
        dumps.iter().map(|dump| without_drawn(dump)).collect()
    };
    let changes = dump::differences(&masked(before), &masked(cluster.dumps()?));
    assert_eq!(changes, Vec::<String>::new());
    lab.pass();
    Ok(())
}

/// The dump without lines of guests' ports, Ethernet addresses and the numbers of devices and of
/// bridge ports, which count in the order of plugging.
fn without_drawn(dump: &str) -> String {
    dump.lines()
        .filter(|line| !line.contains("t-web1"))
        .map(|line| {
            let mut before = "";
            let words = line.split_whitespace().map(|word| {
                let is_port = matches!(before, "port_id" | "port_no" | "designated_port");
                before = word;
                let is_mac = word.matches(':').count() == 5 && !word.contains("::");
                let is_index = word
                    .strip_suffix(':')
                    .is_some_and(|number| number.parse::<u32>().is_ok());
                match (is_mac, is_index, is_port) {
                    (true, _, _) => "MAC",
                    (_, true, _) => "INDEX",
                    (_, _, true) => "PORT",
                    (false, false, false) => word,
                }
            });
            words.collect::<Vec<_>>().join(" ") + "\n"
        })
        .collect()
}
