//! A fabric that is someone else's: a leaf that is plain FRR, which nodes peer with and nothing else;
//! who ends tunnels is found by BGP alone.

use anyhow::{Result, ensure};
use weft_tests::frr::{Frr, Release};
use weft_tests::namespace::Namespace;
use weft_tests::{needs, wait};

use super::stage::{DAEMONS, LIMIT, Stage, does_not_reach, reaches};

/// The leaf's address towards nodes, and that of its tunnels.
const LEAF: &str = "192.168.0.254";
const LOOPBACK: &str = "172.16.1.1";

/// How the leaf and the nodes number themselves.
#[derive(Clone, Copy)]
pub enum Systems {
    /// All are one.
    One,
    /// The leaf is another.
    Two,
}

impl Systems {
    fn leaf(self) -> u32 {
        match self {
            Self::One => 65051,
            Self::Two => 65100,
        }
    }
}

/// A leaf with a host behind it, and all that its own administrator says to it.
pub struct Leaf {
    frr: Frr,
    /// The host behind it.
    pub host: Namespace,
}

impl Leaf {
    fn new(stage: &mut Stage, systems: Systems) -> Result<Self> {
        let lab = stage.lab().clone();
        let leaf = stage.cluster.switch.host(&lab, "leaf", LEAF)?;
        let host = Namespace::create(&lab, "behind")?;
        leaf.sysctl("net.ipv4.ip_forward", "1")?;
        leaf.batch(&format!(
            "address add {LOOPBACK}/32 dev lo\n\
             link add br1000 type bridge\n\
             link set br1000 up\n\
             link add vx1000 type vxlan id 1000 local {LOOPBACK} dstport 4789 nolearning\n\
             link set vx1000 master br1000 up\n\
             link add p0 mtu 1450 type veth peer name eth0 mtu 1450 netns {}\n\
             link set p0 master br1000 up\n",
            host.name()
        ))?;
        host.batch("link set eth0 up\naddress add 10.0.0.2/24 dev eth0\n")?;
        let frr = Frr::start(&lab, &leaf, &["bgpd"])?;
        let own = systems.leaf();
        let bgp = format!("router bgp {own}");
        let mut lines = vec![
            "configure terminal".to_owned(),
            bgp,
            "bgp router-id 172.16.1.1".to_owned(),
            "no bgp default ipv4-unicast".to_owned(),
            "no bgp ebgp-requires-policy".to_owned(),
        ];
        for node in [1, 2] {
            lines.push(format!("neighbor 192.168.0.{node} remote-as 65051"));
        }
        let family = |name: &str, own: &[&str], lines: &mut Vec<String>| {
            lines.push(format!("address-family {name}"));
            lines.extend(own.iter().map(|&it| it.to_owned()));
            for node in [1, 2] {
                lines.push(format!("neighbor 192.168.0.{node} activate"));
                if matches!(systems, Systems::One) {
                    lines.push(format!("neighbor 192.168.0.{node} route-reflector-client"));
                }
            }
        };
        family("ipv4 unicast", &["redistribute connected"], &mut lines);
        lines.push("exit-address-family".to_owned());
        family("l2vpn evpn", &["advertise-all-vni"], &mut lines);
        let own_target = format!("{own}:1000");
        lines.extend(["vni 1000".to_owned(), format!("rd {own}:1000")]);
        for target in ["1:1", &own_target] {
            lines.push(format!("route-target import {target}"));
            lines.push(format!("route-target export {target}"));
        }
        let words: Vec<&str> = lines.iter().map(String::as_str).collect();
        frr.vtysh(&words)?;
        Ok(Self { frr, host })
    }

    /// Has the leaf mark its routes with this alone.
    fn mark_with(&self, systems: Systems, target: &str, not: &[&str]) -> Result<()> {
        let mut lines = vec![
            "configure terminal".to_owned(),
            format!("router bgp {}", systems.leaf()),
            "address-family l2vpn evpn".to_owned(),
            "vni 1000".to_owned(),
        ];
        for way in ["import", "export"] {
            lines.push(format!("route-target {way} {target}"));
            lines.extend(not.iter().map(|it| format!("no route-target {way} {it}")));
        }
        let words: Vec<&str> = lines.iter().map(String::as_str).collect();
        self.frr.vtysh(&words).map(|_| ())
    }
}

/// What is declared on our side: one session a node with the leaf, that carries the way to the
/// tunnels' ends and the zones' routes; `options` follow the zone's type.
pub fn declared(systems: Systems, target: &str, options: &str) -> String {
    let (external, mode) = match systems {
        Systems::One => ("", "internal"),
        Systems::Two => (", external: true", "external"),
    };
    format!(
        "apiVersion: weft/v1\nkind: Controller\nmetadata: {{name: leaf}}\n\
         spec: {{type: bgp, bgp: {{asn: 65051, peers: [{LEAF}]{external}, \
         sessions: {{source: lo1, bfd: off}}}}}}\n---\n\
         apiVersion: weft/v1\nkind: Controller\nmetadata: {{name: ctl}}\n\
         spec: {{type: evpn, evpn: {{asn: 65051, mode: {mode}, peers: [{LEAF}], \
         sessions: {{bfd: off}}}}}}\n---\n\
         apiVersion: weft/v1\nkind: Zone\nmetadata: {{name: prod}}\n\
         spec: {{type: evpn{options}, evpn: {{vrfVni: 5000, controllers: [ctl]}}}}\n---\n\
         apiVersion: weft/v1\nkind: Vnet\nmetadata: {{name: web}}\n\
         spec: {{zone: prod, tag: 1000, distinguisher: \"65051:1000\", \
         targets: {{import: [\"{target}\"], export: [\"{target}\"]}}}}\n"
    )
}

/// Two nodes and a leaf that nothing is declared for yet.
pub fn stage(release: Release, systems: Systems) -> Result<(Stage, Leaf)> {
    let mut stage = Stage::of(release, 2, &DAEMONS)?;
    stage.loopbacks()?;
    let leaf = Leaf::new(&mut stage, systems)?;
    Ok((stage, leaf))
}

#[test]
fn nodes_join_a_leaf_that_knows_nothing_of_them_but_their_addresses() -> Result<()> {
    needs!(Vrf, Frr, Dummy);
    let (stage, leaf) = stage(Release::Machine, Systems::One)?;
    stage
        .cluster
        .roll_out("prod", &declared(Systems::One, "1:1", ""))?;
    let one = stage
        .cluster
        .guest("one", 1, "web")?
        .address("10.0.0.11/24")?;
    let two = stage
        .cluster
        .guest("two", 2, "web")?
        .address("10.0.0.12/24")?;
    reaches(one.inside(), "10.0.0.2")?;
    reaches(two.inside(), "10.0.0.2")?;
    reaches(&leaf.host, "10.0.0.11")?;
    // Found by BGP alone: neither node was told of the other.
    reaches(one.inside(), "10.0.0.12")?;

    // Marks decide, and are ours to set.
    leaf.mark_with(Systems::One, "9:9", &["1:1", "65051:1000"])?;
    wait::until("the leaf to be gone", LIMIT, || {
        let told = stage.cluster.vtysh(1, "show evpn vni 1000")?;
        ensure!(!told.contains(LOOPBACK), "{told}");
        Ok(())
    })?;
    does_not_reach(one.inside(), "10.0.0.2")?;
    stage
        .cluster
        .roll_out("prod", &declared(Systems::One, "9:9", ""))?;
    reaches(one.inside(), "10.0.0.2")?;
    stage.pass();
    Ok(())
}

#[test]
fn nodes_join_a_leaf_of_another_system() -> Result<()> {
    needs!(Vrf, Frr, Dummy);
    let (stage, leaf) = stage(Release::Machine, Systems::Two)?;
    stage
        .cluster
        .roll_out("prod", &declared(Systems::Two, "1:1", ""))?;
    let one = stage
        .cluster
        .guest("one", 1, "web")?
        .address("10.0.0.11/24")?;
    reaches(one.inside(), "10.0.0.2")?;
    reaches(&leaf.host, "10.0.0.11")?;
    stage.pass();
    Ok(())
}
