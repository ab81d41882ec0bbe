//! Zones of type vlan and qinq between nodes whose own bridges filter VLANs, do not, or are Open
//! vSwitch's: what reaches whom, with which tags on the wire, to the byte, and nothing of the nodes' own touched.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use weft_tests::capture::{Capture, Tag};
use weft_tests::cluster::{Cluster, Etcd};
use weft_tests::guest::Guest;
use weft_tests::lab::Lab;
use weft_tests::namespace::Namespace;
use weft_tests::openvswitch::OpenVswitch;
use weft_tests::trunk::{Port, TRUNK, Trunk};
use weft_tests::underlay::Underlay;
use weft_tests::{exec, needs, ping, wait};

/// The bridge that every node had before Weft came, with the trunk as its port.
const BRIDGE: &str = "vmbr0";

/// How long a first packet may take on an emulated kernel.
const REACH_LIMIT: Duration = Duration::from_secs(30);

/// How a node's own bridge treats VLANs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Own {
    /// It does not look at tags.
    Plain,
    /// It tells VLANs apart by 802.1Q tags, and lets all of them through.
    Filtering,
    /// It is Open vSwitch's, on the kernel's data path.
    OpenVswitch,
}

/// A cluster with a trunk between the nodes' own bridges.
struct Stage {
    cluster: Cluster,
    trunk: Trunk,
    ports: Vec<Port>,
    own: [Own; 3],
    switches: Vec<OpenVswitch>,
    lab: Lab,
}

impl Stage {
    fn new(bridges: [Own; 3]) -> Result<Self> {
        let lab = Lab::new()?;
        let cluster = Cluster::start(&lab, Underlay::Ipv4, Etcd::Child)?;
        let mut trunk = Trunk::create(&lab, "trunk", 1500)?;
        let mut ports = Vec::new();
        let mut switches = Vec::new();
        for (node, own) in cluster.nodes().iter().zip(bridges) {
            let host = node.host();
            ports.push(trunk.join(host)?);
            let filtering = match own {
                Own::Plain => "",
                Own::Filtering => "vlan_filtering 1",
                Own::OpenVswitch => {
                    let switch = OpenVswitch::start(&lab, host)?;
                    switch.add_bridge(BRIDGE, &[TRUNK])?;
                    switches.push(switch);
                    continue;
                }
            };
            host.batch(&format!(
                "link add {BRIDGE} type bridge mcast_snooping 0 {filtering}\n\
                 link set {TRUNK} master {BRIDGE}\n\
                 link set {BRIDGE} up\n"
            ))?;
            if own == Own::Filtering {
                let vids = ["vlan", "add", "dev", TRUNK, "vid", "2-4094"];
                exec::run(host.command("bridge").args(vids))?;
            }
        }
        Ok(Self {
            cluster,
            trunk,
            ports,
            own: bridges,
            switches,
            lab,
        })
    }

    /// Captures at the cable of node 2.
    fn watch(&self) -> Result<Capture> {
        self.trunk.capture(self.ports[1])
    }

    /// A guest with an address of the one network that all vnets use, which must not matter.
    fn guest(&self, name: &str, node: usize, bridge: &str, last: u8) -> Result<Guest> {
        let guest = self.cluster.guest(name, node, bridge)?;
        guest.address(&format!("10.0.0.{last}/24"))
    }

    /// Rolls out; what nodes say of their bridges may take a moment to be known.
    fn roll_out(&self, name: &str, manifest: &str) -> Result<()> {
        wait::until("a rollout over the nodes' bridges", REACH_LIMIT, || {
            self.cluster.roll_out(name, manifest)
        })?;
        Ok(())
    }

    fn own(&self) -> Result<Vec<String>> {
        let nodes = self.cluster.nodes().iter();
        let kernels = nodes.map(|node| own_vlans(node.host()));
        let columns = "--columns=name,tag,trunks,vlan_mode,other_config,external_ids";
        let switches = self.switches.iter();
        let switches = switches.map(|it| it.vsctl(&format!("{columns} list port")));
        kernels.chain(switches).collect()
    }

    /// Rolls out that everything of a zone goes, and sees that the nodes' own is as it was.
    fn clear(&self, keys: &[&str], before: &[String]) -> Result<()> {
        let words = [&["delete"], keys].concat();
        self.cluster.client(&words)?;
        let start = ["rollout", "start", "--wait"];
        self.cluster.client(&start)?;
        ensure!(
            self.own()? == before,
            "the nodes' own bridges are not as they were"
        );
        Ok(())
    }
}

/// The VLANs of a host's own bridge and its ports, as `bridge` tells them.
fn own_vlans(host: &Namespace) -> Result<String> {
    let told = exec::run(host.command("bridge").args(["-json", "vlan", "show"]))?;
    let all: Vec<serde_json::Value> = serde_json::from_str(&told).context("bridge vlan show")?;
    let is_own = |it: &&serde_json::Value| {
        [BRIDGE, TRUNK].contains(&it["ifname"].as_str().unwrap_or_default())
    };
    let own: serde_json::Value = all.iter().filter(is_own).cloned().collect();
    Ok(own.to_string())
}

/// The tags of every ping from one guest to another as they pass the cable of node 2, each once.
fn tags(stage: &Stage, from: &Guest, last: u8) -> Result<Vec<Vec<Tag>>> {
    reaches(from, last)?;
    // A capture that ends may not have come to what passed; then it passes again.
    let (tags, _) = wait::until("a ping to be captured", REACH_LIMIT, || {
        let watch = stage.watch()?;
        ping::once(from.inside(), &format!("10.0.0.{last}"))?;
        let tags = captured(watch, last)?;
        ensure!(!tags.is_empty(), "none was");
        anyhow::Ok(tags)
    })?;
    Ok(tags)
}

/// The tags of every ping to a guest that was captured, each once.
fn captured(capture: Capture, last: u8) -> Result<Vec<Vec<Tag>>> {
    let to = Ipv4Addr::new(10, 0, 0, last);
    let frames = capture.stop()?;
    let asking = frames.into_iter().filter(|frame| frame.asks(to));
    let mut tags: Vec<_> = asking.map(|frame| frame.tags).collect();
    tags.sort();
    tags.dedup();
    Ok(tags)
}

fn reaches(from: &Guest, last: u8) -> Result<()> {
    let to = format!("10.0.0.{last}");
    wait::until(&format!("10.0.0.{last} to answer"), REACH_LIMIT, || {
        ping::once(from.inside(), &to)
    })?;
    Ok(())
}

/// Sees that a packet of this size passes in one piece.
fn passes_whole(from: &Guest, last: u8, bytes: u32) -> Result<()> {
    let to = format!("10.0.0.{last}");
    wait::until("a large ping to be answered", REACH_LIMIT, || {
        ping::whole(from.inside(), &to, bytes)
    })?;
    Ok(())
}

fn does_not_reach(from: &Guest, last: u8) -> Result<()> {
    let answered = ping::once(from.inside(), &format!("10.0.0.{last}")).is_ok();
    ensure!(
        !answered,
        "10.0.0.{last} answers, and is in another network"
    );
    Ok(())
}

const CAMPUS: &str = "\
apiVersion: weft/v1
kind: Zone
metadata: {name: campus}
spec:
  type: vlan
  vlan: {bridge: vmbr0, uplinks: [trunk0]}
---
apiVersion: weft/v1
kind: Vnet
metadata: {name: web}
spec: {zone: campus, tag: 100}
---
apiVersion: weft/v1
kind: Vnet
metadata: {name: db}
spec: {zone: campus, tag: 200, isolatePorts: true}
---
apiVersion: weft/v1
kind: Vnet
metadata: {name: school}
spec: {zone: campus, tag: 300, vlanAware: true}
";

#[test]
fn vlan_zones_join_nodes_whatever_their_own_bridges_are() -> Result<()> {
    needs!(Vlan, VlanFiltering);
    vlan([Own::Filtering, Own::Plain, Own::Filtering])
}

#[test]
fn vlan_zones_join_open_vswitch_with_bridges_of_the_kernel() -> Result<()> {
    needs!(Vlan, VlanFiltering, OpenVswitch);
    vlan([Own::OpenVswitch, Own::Plain, Own::OpenVswitch])
}

fn vlan(bridges: [Own; 3]) -> Result<()> {
    let stage = Stage::new(bridges)?;
    let before = stage.own()?;
    stage.roll_out("campus", CAMPUS)?;
    let web1 = stage.guest("web1", 1, "web", 1)?;
    let web2 = stage.guest("web2", 2, "web", 2)?;
    stage.guest("web3", 3, "web", 3)?;
    reaches(&web1, 3)?;
    reaches(&web2, 3)?;
    ensure!(
        tags(&stage, &web1, 2)? == [[Tag::Customer(100)]],
        "the tag on the wire"
    );

    // Another vnet is another network, and so is the bridge itself.
    stage.guest("db2", 2, "db", 22)?;
    stage.guest("plain2", 2, BRIDGE, 32)?;
    if stage.own[0] != Own::OpenVswitch {
        let plain1 = stage.guest("plain1", 1, BRIDGE, 31)?;
        reaches(&plain1, 32)?;
    }
    for other in [22, 31, 32] {
        does_not_reach(&web1, other)?;
    }

    // Isolated guests reach those on other nodes, and not their neighbours.
    let db1 = stage.guest("db1", 1, "db", 21)?;
    stage.guest("db1b", 1, "db", 23)?;
    reaches(&db1, 22)?;
    does_not_reach(&db1, 23)?;
    // They are let together and kept apart again while they run.
    let together = CAMPUS.replace("isolatePorts: true", "isolatePorts: false");
    stage.roll_out("together", &together)?;
    reaches(&db1, 23)?;
    stage.roll_out("campus", CAMPUS)?;
    does_not_reach(&db1, 23)?;
    reaches(&db1, 22)?;

    // To the byte.
    passes_whole(&web1, 2, 1500)?;

    // A guest's own tag, inside the vnet's.
    let both = [Tag::Customer(300), Tag::Customer(5)];
    guests_own_tags(&stage, &both, 1496)?;
    let keys = ["vnet/web", "vnet/db", "vnet/school", "zone/campus"];
    unplug_all(&stage)?;
    stage.clear(&keys, &before)?;
    stage.lab.pass();
    Ok(())
}

/// Sees that guests of the vnet `school` reach each other by a tag of their own, which stands on the
/// wire behind these others, with packets of this size.
fn guests_own_tags(stage: &Stage, tags_on_wire: &[Tag], mtu: u32) -> Result<()> {
    let pupil = |number: usize| -> Result<Guest> {
        let name = format!("pupil{number}");
        let guest = stage.cluster.guest(&name, number, "school")?;
        guest.inside().batch(&format!(
            "link add link eth0 name eth0.5 type vlan id 5\n\
             link set eth0.5 up\n\
             address add 10.0.0.{}/24 dev eth0.5\n",
            50 + number
        ))?;
        Ok(guest)
    };
    let first = pupil(1)?;
    pupil(2)?;
    ensure!(first.inside().mtu("eth0")? == mtu, "the inner tag has room");
    ensure!(
        tags(stage, &first, 52)? == [tags_on_wire],
        "the tags on the wire"
    );
    passes_whole(&first, 52, mtu)
}

/// Takes every guest's cable out, so that bridges can go.
fn unplug_all(stage: &Stage) -> Result<()> {
    for node in stage.cluster.nodes() {
        let links = node.host().ip("-o link show")?;
        let names = links
            .lines()
            .filter_map(|line| line.split_whitespace().nth(1));
        let ports = names.filter_map(|name| name.split(['@', ':']).next());
        for port in ports.filter(|port| port.starts_with("t-")) {
            node.host().ip(&format!("link del {port}"))?;
        }
    }
    Ok(())
}

fn tenants(protocol: &str) -> String {
    let zone = |name: &str, tag: u16| {
        format!(
            "apiVersion: weft/v1\nkind: Zone\nmetadata: {{name: {name}}}\nspec:\n  type: qinq\n  \
             qinq: {{bridge: vmbr0, uplinks: [trunk0], tag: {tag}, protocol: {protocol}}}\n---\n"
        )
    };
    let vnet = |name: &str, zone: &str, tag: &str| {
        format!(
            "apiVersion: weft/v1\nkind: Vnet\nmetadata: {{name: {name}}}\nspec: \
             {{zone: {zone}{tag}}}\n---\n"
        )
    };
    [
        zone("tenant1", 10),
        vnet("web1", "tenant1", ", tag: 100"),
        vnet("plain1", "tenant1", ""),
        vnet("school", "tenant1", ", tag: 300, vlanAware: true"),
        zone("tenant2", 20),
        vnet("web2", "tenant2", ", tag: 100"),
    ]
    .concat()
}

fn qinq(protocol: &str, bridges: [Own; 3], outer: fn(u16) -> Tag) -> Result<()> {
    let stage = Stage::new(bridges)?;
    let before = stage.own()?;
    stage.roll_out("tenants", &tenants(protocol))?;
    let one = stage.guest("one1", 1, "web1", 1)?;
    stage.guest("one2", 2, "web1", 2)?;
    let plain = stage.guest("plain1", 1, "plain1", 11)?;
    stage.guest("plain2", 2, "plain1", 12)?;
    let other = stage.guest("two1", 1, "web2", 21)?;
    stage.guest("two2", 2, "web2", 22)?;
    let both = [outer(10), Tag::Customer(100)];
    ensure!(
        tags(&stage, &one, 2)? == [both],
        "the tags of the first tenant"
    );
    ensure!(
        tags(&stage, &plain, 12)? == [[outer(10)]],
        "the tag of the vnet without"
    );
    let both = [outer(20), Tag::Customer(100)];
    ensure!(
        tags(&stage, &other, 22)? == [both],
        "the tags of the second tenant"
    );
    // Two zones with one inner tag stay apart, and so do tag and no tag.
    does_not_reach(&one, 22)?;
    does_not_reach(&one, 12)?;
    does_not_reach(&plain, 2)?;
    ensure!(one.inside().mtu("eth0")? == 1496, "the inner tag has room");
    passes_whole(&one, 2, 1496)?;
    // Three tags: the zone's, the vnet's and the guest's own.
    let all = [outer(10), Tag::Customer(300), Tag::Customer(5)];
    guests_own_tags(&stage, &all, 1492)?;
    unplug_all(&stage)?;
    let keys = [
        "vnet/web1",
        "vnet/school",
        "vnet/web2",
        "vnet/plain1",
        "zone/tenant1",
        "zone/tenant2",
    ];
    stage.clear(&keys, &before)?;
    stage.lab.pass();
    Ok(())
}

#[test]
fn qinq_zones_keep_tenants_apart_on_bridges_of_both_kinds() -> Result<()> {
    needs!(Vlan, VlanFiltering);
    let bridges = [Own::Filtering, Own::Plain, Own::Plain];
    qinq("802.1q", bridges, Tag::Customer)
}

#[test]
fn qinq_zones_use_service_tags_where_they_are_asked_to() -> Result<()> {
    needs!(Vlan, ServiceVlan, VlanFiltering);
    qinq("802.1ad", [Own::Plain; 3], Tag::Service)
}

#[test]
fn qinq_zones_keep_tenants_apart_where_bridges_are_open_vswitchs() -> Result<()> {
    needs!(Vlan, VlanFiltering, OpenVswitch);
    let bridges = [Own::OpenVswitch, Own::Plain, Own::OpenVswitch];
    qinq("802.1q", bridges, Tag::Customer)
}

#[test]
fn qinq_zones_use_service_tags_where_bridges_are_open_vswitchs() -> Result<()> {
    needs!(Vlan, ServiceVlan, VlanFiltering, OpenVswitch);
    let bridges = [Own::OpenVswitch, Own::Plain, Own::OpenVswitch];
    qinq("802.1ad", bridges, Tag::Service)
}
