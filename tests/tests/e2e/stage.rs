//! What scenarios begin with, and what they look for more than once.

use std::time::Duration;

use anyhow::Result;
use weft_tests::cluster::{Cluster, Etcd};
use weft_tests::declared::{self, NETWORK, WEB};
use weft_tests::guest::Guest;
use weft_tests::lab::Lab;
use weft_tests::namespace::Namespace;
use weft_tests::underlay::Underlay;
use weft_tests::{ping, wait};

/// How long a first packet may take: neighbours are found and a busy machine gets its turn.
pub const REACH_LIMIT: Duration = Duration::from_secs(5);

/// A cluster where the two vnets over VXLAN are live, and a guest of `web` on node 1 and node 3.
pub struct Live {
    pub cluster: Cluster,
    pub first: Guest,
    pub third: Guest,
    pub lab: Lab,
}

/// A cluster with `web` live and two guests that reach each other.
pub fn live(underlay: Underlay, etcd: Etcd) -> Result<Live> {
    let lab = Lab::new()?;
    let cluster = Cluster::start(&lab, underlay, etcd)?;
    cluster.roll_out("tunnels", &declared::tunnels(underlay))?;
    let first = web_guest(&cluster, "web1", 1)?;
    let third = web_guest(&cluster, "web3", 3)?;
    reaches(first.inside(), &address(3))?;
    Ok(Live {
        cluster,
        first,
        third,
        lab,
    })
}

/// A guest of `web` on node `number`, with that number as its address.
pub fn web_guest(cluster: &Cluster, name: &str, number: usize) -> Result<Guest> {
    cluster
        .guest(name, number, WEB)?
        .address(&format!("{}/24", address(number)))
}

/// The address of the guest with this number.
pub fn address(number: usize) -> String {
    format!("{NETWORK}.{number}")
}

/// Waits until a ping is answered.
pub fn reaches(from: &Namespace, to: &str) -> Result<Duration> {
    let what = format!("{} to reach {to}", from.name());
    let ((), took) = wait::until(&what, REACH_LIMIT, || ping::once(from, to))?;
    Ok(took)
}
