//! The lab itself, without the product: its cables carry packets, and it leaves nothing behind.

use weft_tests::cluster::Cluster;
use weft_tests::lab::Lab;
use weft_tests::ping;
use weft_tests::underlay::{FAR, Underlay};

#[test]
fn every_host_of_a_lab_reaches_every_other_and_only_the_outside_is_far() {
    let lab = Lab::new().unwrap();
    let cluster = Cluster::wired(&lab, Underlay::Ipv4, 2).unwrap();
    let first = cluster.host(1).unwrap();
    for to in [
        Underlay::Ipv4.node(2),
        Underlay::Ipv4.controller(),
        FAR.to_owned(),
    ] {
        ping::once(first, &to).unwrap();
    }
    assert!(ping::once(first, "203.0.113.1").is_err());
    lab.pass();
}

#[test]
fn a_lab_of_ipv6_has_no_ipv4_between_its_hosts() {
    let lab = Lab::new().unwrap();
    let cluster = Cluster::wired(&lab, Underlay::Ipv6, 2).unwrap();
    let first = cluster.host(1).unwrap();
    ping::once(first, &Underlay::Ipv6.node(2)).unwrap();
    assert_eq!(first.ip("-4 route show table main").unwrap(), "");
    lab.pass();
}

#[test]
fn a_packet_is_whole_up_to_the_mtu_and_not_a_byte_more() {
    let lab = Lab::new().unwrap();
    let cluster = Cluster::wired(&lab, Underlay::Ipv4, 2).unwrap();
    let first = cluster.host(1).unwrap();
    ping::whole(first, &Underlay::Ipv4.node(2), 1500).unwrap();
    assert!(ping::whole(first, &Underlay::Ipv4.node(2), 1501).is_err());
    lab.pass();
}

#[test]
fn a_cut_cable_loses_packets_and_the_series_counts_them() {
    let lab = Lab::new().unwrap();
    let cluster = Cluster::wired(&lab, Underlay::Ipv4, 1).unwrap();
    let first = cluster.host(1).unwrap();
    ping::once(first, FAR).unwrap();
    let series = ping::Series::start(first, FAR).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(200));
    cluster
        .switch
        .set_cable(0, weft_tests::wires::Cable::Cut)
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(200));
    let tally = series.stop().unwrap();
    assert!(!tally.lost.is_empty(), "{tally:?}");
    lab.pass();
}

#[test]
fn nothing_of_a_lab_is_left() {
    let lab = Lab::new().unwrap();
    let name = lab.add_namespace("only").unwrap();
    let file = std::path::Path::new("/run/netns").join(name);
    assert!(file.exists());
    lab.pass();
    let folder = lab.folder().to_owned();
    drop(lab);
    assert!(!file.exists());
    assert!(!folder.exists());
}
