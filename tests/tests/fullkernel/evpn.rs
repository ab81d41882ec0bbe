//! The devices of an evpn zone on a complete kernel: made, seen, put right and taken away; what a
//! routing daemon enters on them and in their table stays; what is somebody else's is not touched.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use weft_model::plan::link::{Bridge, GuestPorts, Link, LinkKind, Vrf, Vxlan};
use weft_model::plan::{NodePlan, Origin};
use weft_model::port::UdpPort;
use weft_model::prefix::Family;
use weft_tests::lab::Lab;
use weft_tests::namespace::Namespace;
use weft_tests::{exec, needs};

use crate::host::{LIMIT, all_of, open, plan_of};

/// The table of the zone: one that does not fit into a byte, as the product gives them out.
const TABLE: u32 = 1_000_001_000;

fn link(name: &str, kind: LinkKind) -> Link {
    let origin = Origin::Zone {
        zone: "prod".parse().unwrap(),
        vnet: Some(name.replace('_', "-").parse().unwrap()),
    };
    Link {
        mtu: Some(1450.try_into().unwrap()),
        ..Link::plain(name.parse().unwrap(), origin, kind)
    }
}

fn domain(table: u32, has_unreachable_default: bool) -> Link {
    let kind = LinkKind::Vrf(Vrf {
        table,
        has_unreachable_default,
    });
    Link {
        mtu: None,
        ..link("vrf_prod", kind)
    }
}

fn gateway() -> Link {
    Link {
        mac: Some([0xbc, 0x24, 0x11, 0, 0, 1].try_into().unwrap()),
        master: Some("vrf_prod".parse().unwrap()),
        addresses: [
            "10.0.1.1/24".parse().unwrap(),
            "2001:db8:1::1/64".parse().unwrap(),
        ]
        .into(),
        routes: [
            "10.9.0.1/32".parse().unwrap(),
            "2001:db8:9::1/128".parse().unwrap(),
        ]
        .into(),
        forward: [Family::Ipv4, Family::Ipv6].into(),
        hears_announcements: true,
        any_source: true,
        ..link("web", LinkKind::Bridge(Bridge::default()))
    }
}

fn between_nodes() -> Link {
    let bridge = Bridge {
        guests: GuestPorts {
            learning: false,
            ..GuestPorts::default()
        },
        ..Bridge::default()
    };
    Link {
        mac: Some([2, 0, 0, 0, 0, 7].try_into().unwrap()),
        master: Some("vrf_prod".parse().unwrap()),
        forward: [Family::Ipv4, Family::Ipv6].into(),
        any_source: true,
        ..link("vrfbr_prod", LinkKind::Bridge(bridge))
    }
}

fn tunnel(name: &str, vni: u32, master: &str) -> Link {
    let kind = LinkKind::Vxlan(Vxlan {
        vni: vni.try_into().unwrap(),
        local: [127, 0, 0, 1].into(),
        port: UdpPort::VXLAN,
        learning: false,
        flood: Arc::default(),
        suppression: true,
        told_by_bgp: true,
    });
    Link {
        master: Some(master.parse().unwrap()),
        ..link(name, kind)
    }
}

/// The two ends by which an exit node itself reaches guests.
fn way_in() -> [Link; 2] {
    let end = |name: &str, peer: &str, addresses: [&str; 2], master: Option<&str>| Link {
        mtu: Some(1500.try_into().unwrap()),
        addresses: addresses.map(|it| it.parse().unwrap()).into(),
        forward: [Family::Ipv4, Family::Ipv6].into(),
        any_source: true,
        master: master.map(|it| it.parse().unwrap()),
        ..link(
            name,
            LinkKind::Veth {
                peer: peer.parse().unwrap(),
            },
        )
    };
    let (outside, inside) = (
        ["10.255.255.1/30", "fe80::1/126"],
        ["10.255.255.2/30", "fe80::2/126"],
    );
    [
        end("xvrf_prod", "xvrfp_prod", outside, None),
        end("xvrfp_prod", "xvrf_prod", inside, Some("vrf_prod")),
    ]
}

fn zone(domain: Link) -> NodePlan {
    let [outside, inside] = way_in();
    plan_of([
        domain,
        gateway(),
        between_nodes(),
        tunnel("vxlan_web", 100, "web"),
        tunnel("vrfvx_prod", 1000, "vrfbr_prod"),
        outside,
        inside,
    ])
}

fn bridge(host: &Namespace, words: &str) -> Result<String> {
    exec::run(host.command("bridge").args(words.split(' ')))
}

fn switch(host: &Namespace, path: &str) -> Result<String> {
    let text = exec::run(host.command("cat").arg(format!("/proc/sys/net/{path}")))?;
    Ok(text.trim().to_owned())
}

/// A host that forwards, as an evpn zone asks, with something of its own.
fn host(lab: &Lab) -> Result<Namespace> {
    let host = Namespace::create(lab, "evpn")?;
    host.sysctl("net.ipv4.ip_forward", "1")?;
    host.sysctl("net.ipv6.conf.all.forwarding", "1")?;
    host.batch(
        "link set lo up\n\
         link add mgmt type vrf table 77\n\
         link set mgmt up\n\
         route add vrf mgmt unreachable default metric 4278198272\n\
         link add port0 type veth peer name port1\n\
         link set port0 master mgmt up\n\
         link set port1 up\n\
         address add 192.0.2.1/24 dev port0\n",
    )?;
    Ok(host)
}

/// What an evpn zone asks of the kernel, in the words of its own programs.
fn is_right(host: &Namespace) -> Result<()> {
    let has = |told: String, parts: &[&str]| {
        for part in parts {
            ensure!(told.contains(part), "no {part:?} in {told}");
        }
        Ok(())
    };
    has(
        host.ip("-d link show vrf_prod")?,
        &["vrf table 1000001000", "UP"],
    )?;
    has(
        host.ip("-4 route show table 1000001000")?,
        &[
            "unreachable default proto 87 metric 4278198272",
            "10.0.1.0/24 dev web proto kernel",
            "10.9.0.1 dev web proto 87",
        ],
    )?;
    has(
        host.ip("-6 route show table 1000001000")?,
        &[
            "unreachable default dev lo proto 87 metric 4278198272",
            "2001:db8:1::/64 dev web proto kernel",
            "2001:db8:9::1 dev web proto 87",
        ],
    )?;
    has(
        host.ip("address show web")?,
        &["master vrf_prod", "10.0.1.1/24", "2001:db8:1::1/64"],
    )?;
    for tunnel in ["vxlan_web", "vrfvx_prod"] {
        has(
            bridge(host, &format!("-d link show dev {tunnel}"))?,
            &["learning off", "neigh_suppress on", "state forwarding"],
        )?;
        has(host.ip(&format!("-d link show {tunnel}"))?, &["nolearning"])?;
    }
    for end in ["xvrf_prod", "xvrfp_prod"] {
        has(
            host.ip(&format!("address show {end}"))?,
            &["10.255.255.", "fe80::"],
        )?;
    }
    for (path, value) in [
        ("ipv4/conf/web/arp_accept", "1"),
        ("ipv4/conf/web/rp_filter", "0"),
        ("ipv4/conf/web/forwarding", "1"),
        ("ipv4/conf/vrfbr_prod/rp_filter", "0"),
        ("ipv6/conf/web/accept_untracked_na", "1"),
        ("ipv6/conf/web/forwarding", "1"),
        ("ipv6/conf/web/accept_ra", "0"),
        ("ipv6/conf/vrfbr_prod/disable_ipv6", "0"),
        ("ipv6/conf/vrfbr_prod/forwarding", "1"),
        ("ipv6/conf/vrfbr_prod/accept_ra", "0"),
        ("ipv6/conf/vxlan_web/disable_ipv6", "1"),
    ] {
        let has = switch(host, path)?;
        ensure!(has == value, "{path} is {has} and not {value}");
    }
    Ok(())
}

/// Waits until everything is right, and says what was done before.
async fn heals(host: &Namespace, edit: &str) {
    let limit = tokio::time::Instant::now() + LIMIT;
    while let Err(error) = is_right(host) {
        assert!(tokio::time::Instant::now() < limit, "{edit}: {error:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn the_devices_of_an_evpn_zone_are_made_put_right_and_taken_away() -> Result<()> {
    needs!(Vrf);
    let lab = Lab::new()?;
    let state = tempfile::tempdir()?;
    let host = host(&lab)?;
    let before = all_of(&host)?;
    let want = Arc::new(zone(domain(TABLE, true)));
    host.inside(async || {
        let opened = open(state.path()).await;
        let plane = &opened.dataplane;
        plane.apply(Arc::clone(&want)).await.unwrap();
        is_right(&host).unwrap();
        let again = plane.apply(Arc::clone(&want)).await.unwrap();
        assert_eq!(again.steps, 0, "it is there already");
        // A second pair of eyes.
        let other = open(state.path()).await;
        let again = other.dataplane.apply(Arc::clone(&want)).await.unwrap();
        assert_eq!(again.steps, 0, "whoever comes next sees it so too");
        drop(other);

        for edit in [
            "ip -4 route del table 1000001000 unreachable default metric 4278198272",
            "ip -6 route del table 1000001000 unreachable default metric 4278198272",
            "ip link del vrf_prod",
            "ip link set web nomaster",
            "ip link del vxlan_web",
            "bridge link set dev vrfvx_prod learning on",
            "bridge link set dev vrfvx_prod neigh_suppress off",
            "ip address del 2001:db8:1::1/64 dev web",
            "ip route del table 1000001000 10.9.0.1/32",
            "ip address del fe80::1/126 dev xvrf_prod",
            "sysctl -qw net.ipv4.conf.vrfbr_prod.rp_filter=1",
            "sysctl -qw net.ipv6.conf.vrfbr_prod.forwarding=0",
        ] {
            let mut words = edit.split(' ');
            let program = words.next().unwrap();
            exec::run(host.command(program).args(words)).unwrap();
            heals(&host, edit).await;
        }

        // An exit lets the node's own routes lead on, and drops again when it is none any more.
        let exit = Arc::new(zone(domain(TABLE, false)));
        plane.apply(exit).await.unwrap();
        for family in ["-4", "-6"] {
            let routes = host
                .ip(&format!("{family} route show table 1000001000"))
                .unwrap();
            assert!(!routes.contains("unreachable"), "{routes}");
        }
        plane.apply(Arc::clone(&want)).await.unwrap();
        is_right(&host).unwrap();

        // Another table, with all that is in the domain, and back.
        let moved = Arc::new(zone(domain(1500, true)));
        plane.apply(Arc::clone(&moved)).await.unwrap();
        let routes = host.ip("-4 route show table 1500").unwrap();
        for part in [
            "unreachable default",
            "10.0.1.0/24 dev web",
            "10.9.0.1 dev web",
        ] {
            assert!(routes.contains(part), "no {part:?} in {routes}");
        }
        let left = host
            .ip("-4 route show table 1000001000")
            .unwrap_or_default();
        assert_eq!(left, "");
        assert_eq!(plane.apply(moved).await.unwrap().steps, 0);
        plane.apply(Arc::clone(&want)).await.unwrap();
        is_right(&host).unwrap();

        plane.apply(Arc::default()).await.unwrap();
        plane.collect().await.unwrap();
    })?;
    assert_eq!(all_of(&host)?, before);
    lab.pass();
    Ok(())
}

#[test]
fn what_a_routing_daemon_enters_stays_whatever_is_put_right_beside_it() -> Result<()> {
    needs!(Vrf);
    let lab = Lab::new()?;
    let state = tempfile::tempdir()?;
    let host = host(&lab)?;
    let want = Arc::new(zone(domain(TABLE, true)));
    host.inside(async || {
        let opened = open(state.path()).await;
        let plane = &opened.dataplane;
        plane.apply(Arc::clone(&want)).await.unwrap();
        for words in [
            "fdb append 00:00:00:00:00:00 dev vxlan_web dst 127.0.0.2 self permanent",
            "fdb append 00:00:00:00:00:00 dev vxlan_web dst 127.0.0.3 self permanent",
            "fdb add 02:00:00:00:00:09 dev vxlan_web dst 127.0.0.2 self extern_learn",
            "fdb add 02:00:00:00:00:09 dev vxlan_web master extern_learn",
        ] {
            bridge(&host, words).unwrap();
        }
        host.batch(
            "route add table 1000001000 10.5.0.0/16 dev vrfbr_prod proto bgp\n\
             route add table 1000001000 10.6.0.0/16 dev vrfbr_prod proto zebra\n\
             route add table 1000001000 default dev vrfbr_prod proto bgp metric 20\n\
             route add table 1000001000 2001:db8:5::/48 dev vrfbr_prod proto bgp\n\
             route add table 1000001000 unreachable 10.7.0.0/16 proto static\n",
        )
        .unwrap();
        let entered = || {
            let tables = ["-4", "-6"].map(|family| {
                let told = host.ip(&format!("{family} route show table 1000001000"));
                let told = told.unwrap();
                let of_daemon =
                    |line: &&str| !line.contains("proto 87") && !line.contains("kernel");
                let lines: Vec<String> =
                    told.lines().filter(of_daemon).map(str::to_owned).collect();
                lines
            });
            let told = bridge(&host, "fdb show dev vxlan_web").unwrap();
            let mut entries: Vec<String> = told
                .lines()
                .filter(|line| line.contains("dst") || line.contains("extern_learn"))
                .map(|line| line.trim().to_owned())
                .collect();
            entries.sort();
            (tables, entries)
        };
        let before = entered();
        assert!(before.0[0].len() >= 4 && before.1.len() >= 4, "{before:?}");
        assert_eq!(plane.apply(Arc::clone(&want)).await.unwrap().steps, 0);
        for edit in [
            "ip link set vxlan_web alias changed",
            "bridge link set dev vxlan_web learning on",
            "ip -4 route del table 1000001000 unreachable default metric 4278198272",
            "sysctl -qw net.ipv4.conf.web.rp_filter=1",
        ] {
            let mut words = edit.split(' ');
            let program = words.next().unwrap();
            exec::run(host.command(program).args(words)).unwrap();
            heals(&host, edit).await;
            assert_eq!(entered(), before, "{edit}");
        }
        // Whoever starts later leaves it too.
        let other = open(state.path()).await;
        assert_eq!(other.dataplane.apply(want).await.unwrap().steps, 0);
        assert_eq!(entered(), before);
    })?;
    lab.pass();
    Ok(())
}

#[test]
fn a_table_that_somebody_elses_domain_has_is_refused_and_nothing_is_changed() -> Result<()> {
    needs!(Vrf);
    let lab = Lab::new()?;
    let state = tempfile::tempdir()?;
    let host = host(&lab)?;
    let before = all_of(&host)?;
    host.inside(async || {
        let opened = open(state.path()).await;
        let want = Arc::new(plan_of([domain(77, true)]));
        let faults = opened.dataplane.check(want).await.unwrap_err();
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "vnet vrf-prod of zone prod: cannot make device vrf_prod of type vrf: device mgmt \
                 has routing table 77 already: remove device mgmt, or give the zone another L3 \
                 VNI, of which the table's number is made"
            ]
        );
    })?;
    assert_eq!(all_of(&host)?, before);
    lab.pass();
    Ok(())
}
