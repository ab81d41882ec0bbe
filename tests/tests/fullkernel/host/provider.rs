//! The set-ups of hosts whose provider lets them have one Ethernet address: guests are behind a bridge
//! of the host's own, and it answers for them, or they have its address outside.

use std::sync::Arc;

use anyhow::{Result, ensure};
use weft_model::object::subnet::Snat;
use weft_model::plan::link::Link;
use weft_model::plan::nat::Nat;
use weft_model::plan::{Entry, NodePlan, Origin};
use weft_model::prefix::Family;
use weft_tests::lab::Lab;
use weft_tests::namespace::Namespace;
use weft_tests::ping;

use super::{all_of, apply, at, bridge, card, plan_of, reaches, wire};

/// A host on a router's link, and a guest on a bridge of the host's own.
struct Provider {
    host: Namespace,
    router: Namespace,
    guest: Namespace,
    state: tempfile::TempDir,
    lab: Lab,
}

impl Provider {
    fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let space = |role| Namespace::create(&lab, role);
        let (host, router, guest) = (space("host")?, space("router")?, space("guest")?);
        wire(&host, "eth0", &router, "lan")?;
        router.batch("address add 192.168.10.1/24 dev lan\n")?;
        Ok(Self {
            host,
            router,
            guest,
            state: tempfile::tempdir()?,
            lab,
        })
    }

    /// The host's network of the chapter, with what else is on the card.
    fn links(&self, eth0: impl FnOnce(Link) -> Link) -> [Link; 2] {
        let forward: std::collections::BTreeSet<Family> = [Family::Ipv4].into();
        let way = [("0.0.0.0/0", "192.168.10.1")];
        let card = Link {
            forward: forward.clone(),
            ..at(card("eth0"), &["192.168.10.2/24"], &way)
        };
        let vmbr0 = Link {
            forward,
            ..at(bridge("vmbr0"), &["10.10.10.1/24"], &[])
        };
        [eth0(card), vmbr0]
    }

    fn plug_guest(&self) -> Result<()> {
        self.host.batch(&format!(
            "link add tap0 type veth peer name eth0 netns {}\nlink set tap0 master vmbr0 up\n",
            self.guest.name()
        ))?;
        self.guest.batch(
            "link set eth0 up\naddress add 10.10.10.5/24 dev eth0\n\
             route add default via 10.10.10.1\n",
        )
    }
}

#[test]
fn routed_guests_are_reached_because_the_host_answers_for_them() -> Result<()> {
    let stage = Provider::new()?;
    let before = all_of(&stage.host)?;
    // The provider takes the guests' network to be on the link.
    stage.router.batch("route add 10.10.10.0/24 dev lan\n")?;
    let plan = |proxy_arp| plan_of(stage.links(|eth0| Link { proxy_arp, ..eth0 }));
    apply(&stage.host, stage.state.path(), &plan(false));
    stage.plug_guest()?;
    ensure!(
        ping::once(&stage.router, "10.10.10.5").is_err(),
        "nobody answers for the guest"
    );
    stage.router.ip("neigh flush dev lan")?;
    apply(&stage.host, stage.state.path(), &plan(true));
    reaches(&stage.router, "10.10.10.5")?;
    reaches(&stage.guest, "192.168.10.1")?;
    stage.host.ip("link del tap0")?;
    apply(&stage.host, stage.state.path(), &NodePlan::default());
    assert_eq!(all_of(&stage.host)?, before);
    stage.lab.pass();
    Ok(())
}

#[test]
fn masqueraded_guests_reach_the_outside_with_the_address_of_the_host() -> Result<()> {
    let stage = Provider::new()?;
    let mut plan = plan_of(stage.links(|eth0| eth0));
    apply(&stage.host, stage.state.path(), &plan);
    stage.plug_guest()?;
    // The router knows no way back to the guest.
    ensure!(
        ping::once(&stage.guest, "192.168.10.1").is_err(),
        "it is not translated yet"
    );
    plan.put(Arc::new(Entry::Nat(Nat {
        origin: Origin::Host {
            host: "rack1".parse()?,
        },
        source: "10.10.10.0/24".parse()?,
        inside: "vmbr0".parse()?,
        outside: ["eth0".parse()?].into(),
        to: Snat::Masquerade,
    })));
    apply(&stage.host, stage.state.path(), &plan);
    reaches(&stage.guest, "192.168.10.1")?;
    stage.host.ip("link del tap0")?;
    apply(&stage.host, stage.state.path(), &NodePlan::default());
    stage.lab.pass();
    Ok(())
}
