//! The trunk that VLAN zones are tested over does what a cable with a switch does, and the kernel's
//! own VLANs cross it: what a zone's test finds wrong is the zone's fault.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Result, ensure};
use weft_tests::capture::{Frame, Tag};
use weft_tests::lab::Lab;
use weft_tests::namespace::Namespace;
use weft_tests::openvswitch::OpenVswitch;
use weft_tests::trunk::{TRUNK, Trunk};
use weft_tests::{needs, ping, wait};

/// How long a first packet may take on an emulated kernel.
const REACH_LIMIT: Duration = Duration::from_secs(15);

fn reaches(from: &Namespace, to: &str) -> Result<()> {
    let what = format!("{} to reach {to}", from.name());
    wait::until(&what, REACH_LIMIT, || ping::once(from, to)).map(|_| ())
}

/// The tags of every ping to an address, each once.
fn tags(frames: &[Frame], to: [u8; 4]) -> Vec<Vec<Tag>> {
    let mut tags: Vec<_> = frames
        .iter()
        .filter(|frame| frame.asks(Ipv4Addr::from(to)))
        .map(|frame| frame.tags.clone())
        .collect();
    tags.sort();
    tags.dedup();
    tags
}

#[test]
fn tags_cross_the_trunk_as_they_were_sent_and_only_where_a_port_has_them() -> Result<()> {
    needs!(Vlan, ServiceVlan, VlanFiltering);
    let lab = Lab::new()?;
    // Room for one tag behind the first.
    let mut trunk = Trunk::create(&lab, "trunk", 1504)?;
    let hosts = [
        Namespace::create(&lab, "host1")?,
        Namespace::create(&lab, "host2")?,
    ];
    let ports = [trunk.join(&hosts[0])?, trunk.join(&hosts[1])?];
    for (host, last) in hosts.iter().zip(1..) {
        host.batch(&format!(
            "link add link {TRUNK} name one mtu 1500 type vlan id 100\n\
             address add 10.0.1.{last}/24 dev one\n\
             link set one up\n\
             link add link {TRUNK} name other mtu 1500 type vlan id 200\n\
             address add 10.0.2.{last}/24 dev other\n\
             link set other up\n\
             link add link {TRUNK} name service type vlan protocol 802.1ad id 20\n\
             link set service up\n\
             link add link service name two mtu 1500 type vlan id 100\n\
             address add 10.0.3.{last}/24 dev two\n\
             link set two up\n"
        ))?;
    }
    trunk.allow(ports[1], "100")?;
    let capture = trunk.capture(ports[1])?;
    reaches(&hosts[0], "10.0.1.2")?;
    reaches(&hosts[0], "10.0.3.2")?;
    // To the byte: the outer tag is free, the inner one takes of the trunk's room.
    ping::whole(&hosts[0], "10.0.1.2", 1500)?;
    ping::whole(&hosts[0], "10.0.3.2", 1500)?;
    ensure!(
        ping::once(&hosts[0], "10.0.2.2").is_err(),
        "a VLAN passes that the port has not"
    );
    let frames = capture.stop()?;
    assert_eq!(tags(&frames, [10, 0, 1, 2]), [[Tag::Customer(100)]]);
    assert_eq!(
        tags(&frames, [10, 0, 3, 2]),
        [[Tag::Service(20), Tag::Customer(100)]]
    );
    assert_eq!(tags(&frames, [10, 0, 2, 2]), Vec::<Vec<Tag>>::new());
    trunk.allow(ports[1], "100-200")?;
    reaches(&hosts[0], "10.0.2.2")?;
    lab.pass();
    Ok(())
}

#[test]
fn open_vswitch_tags_what_it_sends_over_the_trunk() -> Result<()> {
    needs!(VlanFiltering, OpenVswitch);
    let lab = Lab::new()?;
    let mut trunk = Trunk::create(&lab, "trunk", 1500)?;
    let mut switches = Vec::new();
    let mut ports = Vec::new();
    for number in 1..=2 {
        let host = Namespace::create(&lab, &format!("host{number}"))?;
        ports.push(trunk.join(&host)?);
        let switch = OpenVswitch::start(&lab, &host)?;
        switch.vsctl(&format!(
            "add-br vmbr1 -- add-port vmbr1 {TRUNK} trunks=100,200 \
             -- add-port vmbr1 one tag=100 -- set interface one type=internal \
             -- add-port vmbr1 other tag=200 -- set interface other type=internal"
        ))?;
        host.batch(&format!(
            "address add 10.0.1.{number}/24 dev one\n\
             link set one up\n\
             address add 10.0.2.{number}/24 dev other\n\
             link set other up\n"
        ))?;
        switches.push((switch, host));
    }
    trunk.allow(ports[1], "100")?;
    let capture = trunk.capture(ports[0])?;
    let first = &switches[0].1;
    reaches(first, "10.0.1.2")?;
    ensure!(
        ping::once(first, "10.0.2.2").is_err(),
        "a VLAN passes that the port has not"
    );
    let frames = capture.stop()?;
    assert_eq!(tags(&frames, [10, 0, 1, 2]), [[Tag::Customer(100)]]);
    lab.pass();
    Ok(())
}
