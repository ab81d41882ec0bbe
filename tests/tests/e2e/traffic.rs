//! Packets go where the declared network says, and nowhere else.

use anyhow::{Result, ensure};
use weft_tests::cluster::{Cluster, Etcd};
use weft_tests::declared::{self, DB, LAN, LAN_GATEWAY};
use weft_tests::lab::Lab;
use weft_tests::ping;
use weft_tests::underlay::{FAR, Underlay};

use crate::stage::{Live, address, live, reaches, web_guest};

#[test]
fn guests_reach_each_other_over_ipv4_whole_to_the_byte_and_no_other_vnet() -> Result<()> {
    over(Underlay::Ipv4)
}

#[test]
fn guests_reach_each_other_over_ipv6_whole_to_the_byte_and_no_other_vnet() -> Result<()> {
    over(Underlay::Ipv6)
}

fn over(underlay: Underlay) -> Result<()> {
    let Live {
        cluster,
        first,
        third,
        lab,
    } = live(underlay, Etcd::Child)?;
    let second = web_guest(&cluster, "web2", 2)?;
    reaches(second.inside(), &address(1))?;
    reaches(third.inside(), &address(2))?;

    // Two guests of the other vnet reach each other, so it is not for want of a network that
    // nobody of `web` reaches them.
    let (db1, db3) = (address(101), address(103));
    let db_first = cluster.guest("db1", 1, DB)?.address(&format!("{db1}/24"))?;
    cluster.guest("db3", 3, DB)?.address(&format!("{db3}/24"))?;
    reaches(db_first.inside(), &db3)?;
    for other in [&db1, &db3] {
        ensure!(
            ping::once(first.inside(), other).is_err(),
            "a guest of web reaches {other} in db"
        );
    }

    let most = 1500 - underlay.overhead();
    ensure!(first.inside().mtu("eth0")? == most, "the vnet's MTU");
    ping::whole(first.inside(), &address(3), most)?;
    ensure!(
        ping::whole(first.inside(), &address(3), most + 1).is_err(),
        "{} bytes pass",
        most + 1
    );
    // A guest that thinks its network has 1500 bytes is stopped by the network itself.
    let wide = cluster
        .guest("wide", 1, "web")?
        .address(&format!("{}/24", address(9)))?
        .mtu(1500)?;
    reaches(wide.inside(), &address(3))?;
    ping::whole(wide.inside(), &address(3), most)?;
    ensure!(
        ping::whole(wide.inside(), &address(3), most + 1).is_err(),
        "{} bytes pass from a guest that does not know the MTU",
        most + 1
    );
    lab.pass();
    Ok(())
}

#[test]
fn guests_reach_the_outside_with_the_address_of_their_node() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::start(&lab, Underlay::Ipv4, Etcd::Child)?;
    let plain = "\
---
apiVersion: weft/v1
kind: Vnet
metadata:
  name: plain
spec:
  zone: inside
---
apiVersion: weft/v1
kind: Subnet
metadata:
  name: plain-v4
spec:
  vnet: plain
  cidr: 10.2.0.0/24
  gateway: 10.2.0.254
";
    cluster.roll_out("inside", &(declared::inside() + plain))?;
    let inside = cluster
        .guest("lan2", 2, LAN)?
        .address("10.1.0.2/24")?
        .gateway(LAN_GATEWAY)?;
    reaches(inside.inside(), LAN_GATEWAY)?;
    reaches(inside.inside(), FAR)?;

    // The outside knows no way back to guests, so without translation there is no answer.
    let untranslated = cluster
        .guest("plain2", 2, "plain")?
        .address("10.2.0.2/24")?
        .gateway("10.2.0.254")?;
    reaches(untranslated.inside(), "10.2.0.254")?;
    ensure!(
        ping::once(untranslated.inside(), FAR).is_err(),
        "the outside answers a guest whose address nobody translates"
    );
    lab.pass();
    Ok(())
}
