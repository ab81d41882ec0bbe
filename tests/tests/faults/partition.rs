//! A node loses its way to the controller just after it applied.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use weft_tests::exec;
use weft_tests::namespace::Namespace;
use weft_tests::wait;

use crate::stage::{Contact, End, LEASE, Stage};

fn cut(host: &Namespace) -> Result<()> {
    let rules = "table inet partition {
        chain in { type filter hook input priority -10; tcp sport 7443-7444 drop; }
        chain out { type filter hook output priority -10; tcp dport 7443-7444 drop; }
    }";
    exec::run(host.command("nft").arg(rules)).map(|_| ())
}

fn join(host: &Namespace) -> Result<()> {
    exec::run(host.command("nft").arg("delete table inet partition")).map(|_| ())
}

#[test]
fn a_node_cut_off_with_its_change_unconfirmed_returns_alone_within_the_lease() -> Result<()> {
    let mut stage = Stage::open(Contact::Short)?;
    let change = stage.propose("more", 2_000)?;
    stage.ask_a_person(Some(60))?;
    let host = stage.cluster.host(2)?.clone();
    cut(&host)?;
    let start = Instant::now();
    // The devices are taken apart first and destroyed right after.
    wait::until("the node to return", Duration::from_secs(30), || {
        ensure!(!host.has_device("more"), "it is there");
        Ok(())
    })?;
    let took = start.elapsed();
    ensure!(
        took <= Duration::from_secs(LEASE) + Duration::from_secs(1),
        "it took {took:?}"
    );
    let (_, end) = stage.wait_for_end()?;
    assert_eq!(end, End::Abort);
    assert_eq!(stage.have("more")?, [false; 3]);
    join(&host)?;
    stage.cluster.wait_for_nodes()?;
    stage.is_everywhere(&change, End::Abort)?;
    stage.goes_on(&change)?;
    stage.finish()
}
