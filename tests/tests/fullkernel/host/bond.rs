//! Bonds: made in every mode, taken over, and going on when a link is lost under traffic.

use anyhow::{Result, ensure};
use weft_model::bond::{BondMode, LacpRate, XmitHashPolicy};
use weft_model::plan::NodePlan;
use weft_model::plan::link::{Bond, Bridge, Link, LinkKind, Vlan, Vlans};
use weft_model::vlan::VlanProtocol;
use weft_tests::lab::Lab;
use weft_tests::namespace::Namespace;
use weft_tests::{exec, needs, ping, wait};

use super::{LIMIT, all_of, apply, at, bond, bridge, link, plan_of, port, reaches, wire};

/// Two hosts, the first with two cables to a switch on which the second is.
struct Pair {
    host: Namespace,
    switch: Namespace,
    peer: Namespace,
    state: tempfile::TempDir,
    lab: Lab,
}

impl Pair {
    fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let space = |role| Namespace::create(&lab, role);
        let (host, switch, peer) = (space("host")?, space("switch")?, space("peer")?);
        switch.batch("link add br0 type bridge mcast_snooping 0\nlink set br0 up\n")?;
        for (from, device, end) in [
            (&host, "e0", "a0"),
            (&host, "e1", "a1"),
            (&peer, "e0", "b0"),
        ] {
            wire(from, device, &switch, end)?;
            switch.ip(&format!("link set {end} master br0"))?;
        }
        peer.ip("address add 10.0.0.2/24 dev e0")?;
        Ok(Self {
            host,
            switch,
            peer,
            state: tempfile::tempdir()?,
            lab,
        })
    }
}

/// What the kernel says of a bond.
fn told(space: &Namespace, bond: &str) -> Result<String> {
    exec::run(
        space
            .command("cat")
            .arg(format!("/proc/net/bonding/{bond}")),
    )
}

#[test]
fn a_bond_with_one_active_link_goes_on_by_the_other_when_that_is_lost() -> Result<()> {
    needs!(Bond, VlanFiltering);
    let stage = Pair::new()?;
    let before = all_of(&stage.host)?;
    let bond0 = Link {
        kind: LinkKind::Bond(Bond {
            mode: BondMode::ActiveBackup,
            primary: Some("e1".parse()?),
            ..Bond::default()
        }),
        master: Some("vmbr0".parse()?),
        ..bond("bond0", BondMode::ActiveBackup)
    };
    let vmbr0 = Link {
        kind: LinkKind::Bridge(Bridge {
            vlan_aware: true,
            ..Bridge::default()
        }),
        ..at(bridge("vmbr0"), &["10.0.0.1/24"], &[])
    };
    let want = plan_of([bond0, vmbr0, port("e0", "bond0"), port("e1", "bond0")]);
    apply(&stage.host, stage.state.path(), &want);
    reaches(&stage.host, "10.0.0.2")?;
    wait::until("the preferred link to be used", LIMIT, || {
        let told = told(&stage.host, "bond0")?;
        ensure!(told.contains("Currently Active Slave: e1"), "{told}");
        Ok(())
    })?;
    let pings = ping::Series::start(&stage.peer, "10.0.0.1")?;
    stage.switch.ip("link set a1 down")?;
    wait::until("the other link to take over", LIMIT, || {
        let told = told(&stage.host, "bond0")?;
        ensure!(told.contains("Currently Active Slave: e0"), "{told}");
        Ok(())
    })?;
    reaches(&stage.peer, "10.0.0.1")?;
    let tally = pings.stop()?;
    ensure!(tally.sent > u32::try_from(tally.lost.len())?, "{tally:?}");
    stage.switch.ip("link set a1 up")?;
    apply(&stage.host, stage.state.path(), &NodePlan::default());
    assert_eq!(all_of(&stage.host)?, before);
    stage.lab.pass();
    Ok(())
}

#[test]
fn links_that_speak_lacp_carry_vlans_of_a_bridge_and_one_is_enough() -> Result<()> {
    needs!(Bond, Vlan, VlanFiltering);
    let lab = Lab::new()?;
    let state = [tempfile::tempdir()?, tempfile::tempdir()?];
    let hosts = [
        Namespace::create(&lab, "l1")?,
        Namespace::create(&lab, "l2")?,
    ];
    wire(&hosts[0], "e0", &hosts[1], "e0")?;
    wire(&hosts[0], "e1", &hosts[1], "e1")?;
    for (number, (host, state)) in (1..).zip(hosts.iter().zip(&state)) {
        let all: weft_model::vlan::VlanSet =
            [(2.try_into()?, 4094.try_into()?)].into_iter().collect();
        let bond0 = Link {
            kind: LinkKind::Bond(Bond {
                mode: BondMode::Lacp,
                lacp_rate: Some(LacpRate::Fast),
                xmit_hash_policy: Some(XmitHashPolicy::Layer34),
                ..Bond::default()
            }),
            master: Some("vmbr0".parse()?),
            vlans: Vlans {
                tagged: all,
                untagged: Some(1.try_into()?),
            },
            ..bond("bond0", BondMode::Lacp)
        };
        let vmbr0 = LinkKind::Bridge(Bridge {
            vlan_aware: true,
            ..Bridge::default()
        });
        let vlan = LinkKind::Vlan(Vlan {
            parent: "vmbr0".parse()?,
            id: 100.try_into()?,
            protocol: VlanProtocol::Dot1q,
            join: true,
        });
        let address = format!("10.0.0.{number}/24");
        let want = plan_of([
            bond0,
            link("vmbr0", vmbr0),
            at(link("vmbr0.100", vlan), &[&address], &[]),
            port("e0", "bond0"),
            port("e1", "bond0"),
        ]);
        apply(host, state.path(), &want);
    }
    wait::until(
        "both links to be of one group with a partner",
        LIMIT,
        || {
            let told = told(&hosts[0], "bond0")?;
            ensure!(told.contains("Number of ports: 2"), "{told}");
            ensure!(told.contains("LACP rate: fast"), "{told}");
            ensure!(
                told.contains("Transmit Hash Policy: layer3+4 (1)"),
                "{told}"
            );
            Ok(())
        },
    )?;
    reaches(&hosts[0], "10.0.0.2")?;
    hosts[1].ip("link set e1 down")?;
    wait::until("one link to be left", LIMIT, || {
        let told = told(&hosts[0], "bond0")?;
        ensure!(told.contains("Number of ports: 1"), "{told}");
        Ok(())
    })?;
    reaches(&hosts[0], "10.0.0.2")?;
    lab.pass();
    Ok(())
}

#[test]
fn a_bond_is_taken_over_changed_and_given_back_without_a_lost_packet() -> Result<()> {
    needs!(Bond);
    let stage = Pair::new()?;
    let host = &stage.host;
    host.batch(
        "link set e0 down\nlink set e1 down\n\
         link add bond0 type bond mode active-backup miimon 100\n\
         link set e0 master bond0\nlink set e1 master bond0\nlink set bond0 up\n\
         address add 10.0.0.1/24 dev bond0\n",
    )?;
    reaches(&stage.peer, "10.0.0.1")?;
    let before = all_of(host)?;
    let pings = ping::Series::start(&stage.peer, "10.0.0.1")?;
    let bond0 = at(bond("bond0", BondMode::ActiveBackup), &["10.0.0.1/24"], &[]);
    let want = |bond0| plan_of([bond0, port("e0", "bond0"), port("e1", "bond0")]);
    apply(host, stage.state.path(), &want(bond0.clone()));
    let changed = Link {
        kind: LinkKind::Bond(Bond {
            mode: BondMode::ActiveBackup,
            miimon: 50.try_into()?,
            ..Bond::default()
        }),
        ..bond0
    };
    apply(host, stage.state.path(), &want(changed));
    ensure!(
        told(host, "bond0")?.contains("MII Polling Interval (ms): 50"),
        "changed in place"
    );
    apply(host, stage.state.path(), &NodePlan::default());
    let tally = pings.stop()?;
    ensure!(
        tally.lost.is_empty(),
        "lost {:?} of {}",
        tally.lost,
        tally.sent
    );
    assert_eq!(all_of(host)?, before);
    stage.lab.pass();
    Ok(())
}

#[test]
fn a_bond_is_made_and_changed_in_every_mode() -> Result<()> {
    needs!(Bond);
    let stage = Pair::new()?;
    let before = all_of(&stage.host)?;
    for mode in BondMode::ALL {
        let want = plan_of([
            bond("bond0", *mode),
            port("e0", "bond0"),
            port("e1", "bond0"),
        ]);
        apply(&stage.host, stage.state.path(), &want);
        let told = told(&stage.host, "bond0")?;
        let links = told.matches("Slave Interface: ").count();
        ensure!(links == 2, "{mode}: {told}");
        let shown = stage.host.ip("-d link show bond0")?;
        ensure!(
            shown.contains(&format!("bond mode {mode} ")),
            "{mode}: {shown}"
        );
    }
    apply(&stage.host, stage.state.path(), &NodePlan::default());
    assert_eq!(all_of(&stage.host)?, before);
    stage.lab.pass();
    Ok(())
}
