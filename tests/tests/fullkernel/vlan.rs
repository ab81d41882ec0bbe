//! Zones of type vlan and qinq between nodes whose own bridges filter VLANs and whose do not: what
//! reaches whom, with which tags on the wire, to the byte, and nothing of the nodes' own touched.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use weft_tests::capture::{Capture, Tag};
use weft_tests::cluster::{Cluster, Etcd};
use weft_tests::guest::Guest;
use weft_tests::lab::Lab;
use weft_tests::namespace::Namespace;
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
}

/// A cluster with a trunk between the nodes' own bridges.
struct Stage {
    cluster: Cluster,
    trunk: Trunk,
    ports: Vec<Port>,
    lab: Lab,
}

impl Stage {
    fn new(bridges: [Own; 3]) -> Result<Self> {
        let lab = Lab::new()?;
        let cluster = Cluster::start(&lab, Underlay::Ipv4, Etcd::Child)?;
        let mut trunk = Trunk::create(&lab, "trunk", 1500)?;
        let mut ports = Vec::new();
        for (node, own) in cluster.nodes().iter().zip(bridges) {
            let host = node.host();
            ports.push(trunk.join(host)?);
            let filtering = match own {
                Own::Plain => "",
                Own::Filtering => "vlan_filtering 1",
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

    fn own(&self) -> Result<Vec<String>> {
        let nodes = self.cluster.nodes().iter();
        nodes.map(|node| own_vlans(node.host())).collect()
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

/// The tags of every ping to a guest, each once.
fn tags(capture: Capture, last: u8) -> Result<Vec<Vec<Tag>>> {
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
    let stage = Stage::new([Own::Filtering, Own::Plain, Own::Filtering])?;
    let before = stage.own()?;
    stage.cluster.roll_out("campus", CAMPUS)?;
    let web1 = stage.guest("web1", 1, "web", 1)?;
    let web2 = stage.guest("web2", 2, "web", 2)?;
    stage.guest("web3", 3, "web", 3)?;
    let watch = stage.watch()?;
    reaches(&web1, 2)?;
    reaches(&web1, 3)?;
    reaches(&web2, 3)?;
    ensure!(
        tags(watch, 2)? == [[Tag::Customer(100)]],
        "the tag on the wire"
    );

    // Another vnet is another network, and so is the bridge itself.
    stage.guest("db2", 2, "db", 22)?;
    let plain1 = stage.guest("plain1", 1, BRIDGE, 31)?;
    stage.guest("plain2", 2, BRIDGE, 32)?;
    reaches(&plain1, 32)?;
    for other in [22, 31, 32] {
        does_not_reach(&web1, other)?;
    }

    // Isolated guests reach those on other nodes, and not their neighbours.
    let db1 = stage.guest("db1", 1, "db", 21)?;
    stage.guest("db1b", 1, "db", 23)?;
    reaches(&db1, 22)?;
    does_not_reach(&db1, 23)?;

    // To the byte.
    ping::whole(web1.inside(), "10.0.0.2", 1500)?;

    // A guest's own tag, inside the vnet's.
    let pupils = [1, 2].map(|number| -> Result<Guest> {
        let guest = stage
            .cluster
            .guest(&format!("pupil{number}"), number, "school")?;
        guest.inside().batch(&format!(
            "link add link eth0 name eth0.5 type vlan id 5\n\
             link set eth0.5 up\n\
             address add 10.0.0.{}/24 dev eth0.5\n",
            50 + number
        ))?;
        Ok(guest)
    });
    let [first, _second] = pupils;
    let first = first?;
    ensure!(
        first.inside().mtu("eth0")? == 1496,
        "the inner tag has room"
    );
    let watch = stage.watch()?;
    reaches(&first, 52)?;
    let both = [Tag::Customer(300), Tag::Customer(5)];
    ensure!(tags(watch, 52)? == [both], "the tags on the wire");
    let keys = ["vnet/web", "vnet/db", "vnet/school", "zone/campus"];
    unplug_all(&stage)?;
    stage.clear(&keys, &before)?;
    stage.lab.pass();
    Ok(())
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
        zone("tenant2", 20),
        vnet("web2", "tenant2", ", tag: 100"),
    ]
    .concat()
}

fn qinq(protocol: &str, bridges: [Own; 3], outer: fn(u16) -> Tag) -> Result<()> {
    let stage = Stage::new(bridges)?;
    let before = stage.own()?;
    stage.cluster.roll_out("tenants", &tenants(protocol))?;
    let one = stage.guest("one1", 1, "web1", 1)?;
    stage.guest("one2", 2, "web1", 2)?;
    let plain = stage.guest("plain1", 1, "plain1", 11)?;
    stage.guest("plain2", 2, "plain1", 12)?;
    let other = stage.guest("two1", 1, "web2", 21)?;
    stage.guest("two2", 2, "web2", 22)?;
    let watch = stage.watch()?;
    reaches(&one, 2)?;
    let both = [outer(10), Tag::Customer(100)];
    ensure!(tags(watch, 2)? == [both], "the tags of the first tenant");
    let watch = stage.watch()?;
    reaches(&plain, 12)?;
    ensure!(
        tags(watch, 12)? == [[outer(10)]],
        "the tag of the vnet without"
    );
    let watch = stage.watch()?;
    reaches(&other, 22)?;
    let both = [outer(20), Tag::Customer(100)];
    ensure!(tags(watch, 22)? == [both], "the tags of the second tenant");
    // Two zones with one inner tag stay apart, and so do tag and no tag.
    does_not_reach(&one, 22)?;
    does_not_reach(&one, 12)?;
    does_not_reach(&plain, 2)?;
    ensure!(one.inside().mtu("eth0")? == 1496, "the inner tag has room");
    ping::whole(one.inside(), "10.0.0.2", 1496)?;
    unplug_all(&stage)?;
    let keys = [
        "vnet/web1",
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
