//! The host's own network under a data plane: taken over without a lost packet, changed, and given
//! back as it was; bonds that lose a link; routed and masqueraded guests.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test are as much test as the test"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use weft_agent::dataplane::{self, Opened};
use weft_agent::kernel::Places;
use weft_model::bond::BondMode;
use weft_model::plan::link::{Bond, Bridge, Link, LinkKind};
use weft_model::plan::route::Route;
use weft_model::plan::{Entry, NodePlan, Origin};
use weft_model::revision::ClusterId;
use weft_tests::dump;
use weft_tests::namespace::Namespace;
use weft_tests::{ping, wait};

mod bond;
mod management;
mod provider;
mod takeover;

/// How long what takes a moment may take on an emulated kernel.
pub const LIMIT: Duration = Duration::from_secs(30);

pub async fn open(state: &Path) -> Opened {
    let cluster = ClusterId::from_bytes([0xab; 16]);
    let places = Places {
        state: Some(state.to_owned()),
        ..Places::default()
    };
    dataplane::open_at(Some(cluster), places).await.unwrap()
}

/// Makes a plan true on a host, and sees that there is nothing left to do.
pub fn apply(space: &Namespace, state: &Path, want: &NodePlan) {
    let applied = space.inside(async || {
        let opened = open(state).await;
        let want = Arc::new(want.clone());
        opened.dataplane.apply(Arc::clone(&want)).await.unwrap();
        let again = opened.dataplane.apply(want).await.unwrap();
        assert_eq!(again.steps, 0, "it is there already");
        opened.dataplane.collect().await.unwrap();
    });
    applied.unwrap();
}

pub fn link(name: &str, kind: LinkKind) -> Link {
    let origin = Origin::Host {
        host: "rack1".parse().unwrap(),
    };
    Link::plain(name.parse().unwrap(), origin, kind)
}

pub fn bridge(name: &str) -> Link {
    link(name, LinkKind::Bridge(Bridge::default()))
}

pub fn card(name: &str) -> Link {
    link(name, LinkKind::Physical)
}

pub fn port(name: &str, master: &str) -> Link {
    Link {
        master: Some(master.parse().unwrap()),
        ..card(name)
    }
}

pub fn bond(name: &str, mode: BondMode) -> Link {
    let bond = Bond {
        mode,
        ..Bond::default()
    };
    link(name, LinkKind::Bond(bond))
}

pub fn at(link: Link, addresses: &[&str], routes: &[(&str, &str)]) -> Link {
    let route = |(to, via): &(&str, &str)| Route {
        to: to.parse().unwrap(),
        via: Some(via.parse().unwrap()),
        metric: None,
    };
    Link {
        addresses: addresses.iter().map(|it| it.parse().unwrap()).collect(),
        static_routes: routes.iter().map(route).collect(),
        ..link
    }
}

pub fn plan_of(links: impl IntoIterator<Item = Link>) -> NodePlan {
    links.into_iter().map(Entry::Link).collect()
}

/// Joins two hosts by a cable, with these devices.
pub fn wire(one: &Namespace, device: &str, other: &Namespace, end: &str) -> Result<()> {
    one.batch(&format!(
        "link add {device} type veth peer name {end} netns {}\nlink set {device} up\n",
        other.name()
    ))?;
    other.ip(&format!("link set {end} up")).map(|_| ())
}

pub fn reaches(from: &Namespace, to: &str) -> Result<()> {
    wait::until(&format!("{to} to answer"), LIMIT, || ping::once(from, to))?;
    Ok(())
}

/// All that a host's network is, once it does not change by itself any more.
pub fn all_of(space: &Namespace) -> Result<String> {
    let spaces = [space];
    let texts = dump::settled(&spaces)?;
    Ok(texts.concat())
}
