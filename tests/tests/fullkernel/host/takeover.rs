//! What is there already is taken over, changed in place, put right and given back.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use weft_model::plan::NodePlan;
use weft_model::plan::link::Link;
use weft_tests::lab::Lab;
use weft_tests::namespace::Namespace;
use weft_tests::ping;

use super::{LIMIT, all_of, apply, at, bridge, card, open, plan_of, port, reaches, wire};

/// A host, and the router that its card leads to, which has an address behind it.
fn wired(lab: &Lab) -> Result<(Namespace, Namespace)> {
    let (host, router) = (
        Namespace::create(lab, "host")?,
        Namespace::create(lab, "router")?,
    );
    wire(&host, "eth0", &router, "lan")?;
    router.batch(
        "address add 10.0.0.254/24 dev lan\naddress add 10.99.0.1/32 dev lo\nlink set lo up\n",
    )?;
    Ok((host, router))
}

#[test]
fn a_bridge_is_taken_over_changed_and_given_back_without_a_lost_packet() -> Result<()> {
    let lab = Lab::new()?;
    let state = tempfile::tempdir()?;
    let (host, _) = wired(&lab)?;
    host.batch(
        "link add vmbr0 type bridge forward_delay 0\nlink set vmbr0 alias uplink\n\
         link set eth0 master vmbr0\nlink set vmbr0 up\n\
         address add 10.0.0.1/24 dev vmbr0\naddress add 10.0.0.77/24 dev vmbr0\n\
         route add default via 10.0.0.254\n",
    )?;
    reaches(&host, "10.99.0.1")?;
    let before = all_of(&host)?;
    let pings = ping::Series::start(&host, "10.99.0.1")?;
    let way = [("0.0.0.0/0", "10.0.0.254")];
    let vmbr0 = at(bridge("vmbr0"), &["10.0.0.1/24"], &way);
    let want = plan_of([vmbr0.clone(), port("eth0", "vmbr0")]);
    apply(&host, state.path(), &want);
    let marked = host.ip("-d link show vmbr0")?;
    ensure!(marked.contains("weft abababab @rack1 +lent"), "{marked}");
    let routes = host.ip("route show default")?;
    ensure!(routes.contains("proto 87"), "the route is ours: {routes}");
    // In place, and back.
    let changed = Link {
        mtu: Some(1400.try_into()?),
        ..at(vmbr0, &["10.0.0.1/24", "10.0.0.5/24"], &way)
    };
    apply(
        &host,
        state.path(),
        &plan_of([changed, port("eth0", "vmbr0")]),
    );
    ensure!(host.mtu("vmbr0")? == 1400, "the MTU is set in place");
    ensure!(
        host.ip("address show vmbr0")?.contains("10.0.0.77/24"),
        "another's address stays"
    );
    apply(&host, state.path(), &NodePlan::default());
    let tally = pings.stop()?;
    ensure!(
        tally.lost.is_empty(),
        "lost {:?} of {}",
        tally.lost,
        tally.sent
    );
    assert_eq!(all_of(&host)?, before);
    lab.pass();
    Ok(())
}

#[test]
fn an_address_that_moves_to_a_new_bridge_is_given_back_with_the_way_out() -> Result<()> {
    let lab = Lab::new()?;
    let state = tempfile::tempdir()?;
    let (host, router) = wired(&lab)?;
    wire(&host, "other0", &router, "spare")?;
    host.batch(
        "address add 10.0.0.1/24 dev eth0\nroute add default via 10.0.0.254\n\
         route add 10.98.0.0/16 via 10.0.0.254 metric 7\naddress add 192.0.2.1/24 dev other0\n\
         link set other0 mtu 1300\n",
    )?;
    reaches(&host, "10.99.0.1")?;
    let before = all_of(&host)?;
    let vmbr0 = at(
        bridge("vmbr0"),
        &["10.0.0.1/24"],
        &[("0.0.0.0/0", "10.0.0.254")],
    );
    apply(
        &host,
        state.path(),
        &plan_of([vmbr0, port("eth0", "vmbr0")]),
    );
    reaches(&host, "10.99.0.1")?;
    let addresses = host.ip("-o -4 address show dev eth0")?;
    ensure!(
        addresses.is_empty(),
        "the address is on the bridge alone: {addresses}"
    );
    // Another data plane, which knows from the disk alone what the card was.
    apply(&host, state.path(), &NodePlan::default());
    assert_eq!(all_of(&host)?, before);
    reaches(&host, "10.99.0.1")?;
    lab.pass();
    Ok(())
}

#[test]
fn what_others_change_on_a_device_of_a_host_network_is_put_right() -> Result<()> {
    let lab = Lab::new()?;
    let state = tempfile::tempdir()?;
    let (host, _) = wired(&lab)?;
    let eth0 = Link {
        mtu: Some(1400.try_into()?),
        proxy_arp: true,
        ..at(
            card("eth0"),
            &["10.0.0.1/24"],
            &[("0.0.0.0/0", "10.0.0.254")],
        )
    };
    let vmbr0 = at(bridge("vmbr0"), &["10.10.0.1/24"], &[]);
    let want = plan_of([eth0, vmbr0]);
    let healed = host.inside(async || {
        let opened = open(state.path()).await;
        opened.dataplane.apply(Arc::new(want)).await.unwrap();
        for edit in [
            "route del default",
            "route replace default via 10.0.0.253",
            "link set eth0 mtu 1500",
            "address del 10.0.0.1/24 dev eth0",
            "link set vmbr0 type bridge forward_delay 1500",
            "address del 10.10.0.1/24 dev vmbr0",
        ] {
            host.ip(edit).unwrap();
            let is_right = || {
                let routes = host.ip("route show default")?;
                let eth0 = host.ip("address show eth0")?;
                let vmbr0 = host.ip("-d address show vmbr0")?;
                ensure!(
                    routes.contains("via 10.0.0.254 dev eth0 proto 87"),
                    "{routes}"
                );
                ensure!(
                    eth0.contains("mtu 1400") && eth0.contains("10.0.0.1/24"),
                    "{eth0}"
                );
                ensure!(vmbr0.contains("forward_delay 0 "), "{vmbr0}");
                ensure!(vmbr0.contains("10.10.0.1/24"), "{vmbr0}");
                Ok(())
            };
            let limit = tokio::time::Instant::now() + LIMIT;
            while let Err(error) = is_right() {
                assert!(tokio::time::Instant::now() < limit, "{edit}: {error:#}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    healed?;
    lab.pass();
    Ok(())
}
