//! The agent's data plane on hosts whose bridges are Open vSwitch's: real databases and switches,
//! on the data path that needs no kernel module.

// Clippy takes only the test functions themselves for tests.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use weft_agent::dataplane::{self, Dataplane, Opened};
use weft_agent::kernel::Places;
use weft_model::facts::{BridgeFacts, DeviceType};
use weft_model::mtu::Mtu;
use weft_model::plan::link::{Bridge, Link, LinkKind, SwitchPort};
use weft_model::plan::{Entry, NodePlan, Origin};
use weft_model::report::{EventKind, Fault};
use weft_model::revision::ClusterId;
use weft_model::vlan::{BridgeVlans, VlanProtocol};
use weft_tests::lab::Lab;
use weft_tests::namespace::Namespace;
use weft_tests::needs;
use weft_tests::openvswitch::{self, DataPath, OpenVswitch};

/// How long healing may take on a machine that has other things to do.
const LIMIT: Duration = Duration::from_secs(60);

const CLUSTER: [u8; 16] = [0xab; 16];

/// A host with a bridge of Open vSwitch that has a port of someone else's.
struct Host {
    namespace: Namespace,
    switch: OpenVswitch,
    lab: Lab,
}

impl Host {
    fn new(role: &str) -> Self {
        let lab = Lab::new().unwrap();
        let namespace = Namespace::create(&lab, role).unwrap();
        namespace
            .ip("link add eth0 type veth peer name far")
            .unwrap();
        namespace
            .batch("link set eth0 up\nlink set far up\n")
            .unwrap();
        let switch = OpenVswitch::start_on(DataPath::Process, &lab, &namespace).unwrap();
        switch.add_bridge("vmbr0", &["eth0"]).unwrap();
        let theirs = "add-port vmbr0 theirs tag=7 -- set interface theirs type=internal";
        switch.vsctl(theirs).unwrap();
        Self {
            namespace,
            switch,
            lab,
        }
    }

    /// Runs `work` inside, with a data plane that was opened there.
    fn run(&mut self, work: impl AsyncFnOnce(&mut Self, Opened) + Send) {
        let namespace = self.namespace.clone();
        let places = Places {
            switch: openvswitch::socket(&self.lab, &self.namespace),
            ..Places::default()
        };
        let ran = namespace.inside(async || {
            let cluster = ClusterId::from_bytes(CLUSTER);
            let opened = dataplane::open_at(Some(cluster), places).await;
            work(self, opened.unwrap()).await;
        });
        ran.unwrap();
        self.lab.pass();
    }

    /// What the switch has of a port, without what differs from run to run.
    fn port(&self, name: &str) -> Option<String> {
        let columns = "--columns=tag,trunks,vlan_mode,other_config,external_ids";
        let words = format!("--if-exists --no-headings --format=csv {columns} list port {name}");
        let text = self.switch.vsctl(&words).unwrap();
        Some(text.trim().replace('"', "")).filter(|text| !text.is_empty())
    }

    fn ip(&self, words: &str) -> String {
        self.namespace.ip(words).unwrap()
    }

    /// The ports of the bridge that are not ours.
    fn theirs(&self) -> [Option<String>; 2] {
        ["theirs", "eth0"].map(|port| self.port(port))
    }

    fn is_in(&self, port: &str, bridge: &str) -> bool {
        let link = format!("-o link show dev {port}");
        let told = self.namespace.ip(&link).unwrap_or_default();
        told.contains(&format!("master {bridge} ")) && told.contains("UP")
    }
}

fn link(name: &str, kind: LinkKind, master: Option<&str>) -> Link {
    let origin = Origin::Zone {
        zone: "campus".parse().unwrap(),
        vnet: Some("web".parse().unwrap()),
    };
    Link {
        master: master.map(|master| master.parse().unwrap()),
        ..Link::plain(name.parse().unwrap(), origin, kind)
    }
}

fn bridge(name: &str) -> Link {
    link(name, LinkKind::Bridge(Bridge::default()), None)
}

fn port(name: &str, switch: &str, id: u32, tunnel: Option<VlanProtocol>) -> Link {
    let kind = LinkKind::Switched(SwitchPort {
        switch: switch.parse().unwrap(),
        id: id.try_into().unwrap(),
        tunnel,
    });
    link(name, kind, Some("web"))
}

fn plan(links: impl IntoIterator<Item = Link>) -> Arc<NodePlan> {
    Arc::new(links.into_iter().map(Entry::Link).collect())
}

fn web(id: u32, tunnel: Option<VlanProtocol>) -> Arc<NodePlan> {
    plan([bridge("web"), port("ln_web", "vmbr0", id, tunnel)])
}

/// A port of ours as the switch lists it.
fn ours(id: u32, mode: &str, options: &str) -> Option<String> {
    let cluster = ClusterId::from_bytes(CLUSTER);
    Some(format!(
        "{id},[],{mode},{options},{{weft-cluster={cluster}}}"
    ))
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let give_up = tokio::time::Instant::now() + LIMIT;
    while !is_so() {
        assert!(tokio::time::Instant::now() < give_up, "waited for {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn words(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}

async fn steps(dataplane: &Dataplane, plan: &Arc<NodePlan>) -> u32 {
    dataplane.apply(Arc::clone(plan)).await.unwrap().steps
}

#[test]
fn a_node_says_which_of_its_bridges_are_open_vswitchs() {
    needs!(SwitchPrograms);
    Host::new("facts").run(async |host, opened| {
        let facts = opened.dataplane.facts().borrow().clone();
        assert!(facts.device_types.contains(&DeviceType::OpenVswitch));
        let bridge = BridgeFacts {
            vlans: BridgeVlans::OpenVswitch,
            mtu: Some(Mtu::ETHERNET),
            uplinks: BTreeSet::new(),
        };
        let expected = [("vmbr0".parse().unwrap(), bridge.clone())];
        assert_eq!(facts.bridges, expected.into());
        // One that comes later is told too.
        let mut told = opened.dataplane.facts();
        host.switch.add_bridge("vmbr1", &[]).unwrap();
        let has_both = |facts: &Arc<weft_model::facts::Facts>| facts.bridges.len() == 2;
        let told = tokio::time::timeout(LIMIT, told.wait_for(has_both));
        let bridges = told.await.unwrap().unwrap().bridges.clone();
        let both = ["vmbr0", "vmbr1"].map(|name| (name.parse().unwrap(), bridge.clone()));
        assert_eq!(bridges, both.into());
    });
}

#[test]
fn ports_of_a_switch_are_made_changed_and_taken_away_and_those_of_others_stay() {
    needs!(SwitchPrograms);
    Host::new("life").run(async |host, opened| {
        let theirs = host.theirs();
        let dataplane = opened.dataplane;
        steps(&dataplane, &web(100, None)).await;
        assert_eq!(host.port("ln_web"), ours(100, "[]", "{}"));
        assert!(host.is_in("ln_web", "web"));
        // Again it is nothing, and other VLANs and tags are set in place.
        let index = host.ip("-o link show dev ln_web");
        assert_eq!(steps(&dataplane, &web(100, None)).await, 0);
        let service = Some(VlanProtocol::Dot1ad);
        assert_eq!(steps(&dataplane, &web(200, service)).await, 1);
        let tunnel = ours(200, "dot1q-tunnel", "{qinq-ethtype=802.1ad}");
        assert_eq!(host.port("ln_web"), tunnel);
        assert_eq!(steps(&dataplane, &web(100, None)).await, 1);
        assert_eq!(host.port("ln_web"), ours(100, "[]", "{}"));
        let number = |text: &str| text.split(':').next().map(str::to_owned);
        assert_eq!(number(&host.ip("-o link show dev ln_web")), number(&index));
        // What goes carries nothing any more, comes back as it was, and is destroyed at the end.
        steps(&dataplane, &plan([])).await;
        assert!(!host.is_in("ln_web", "web"));
        steps(&dataplane, &web(100, None)).await;
        assert!(host.is_in("ln_web", "web"));
        steps(&dataplane, &plan([])).await;
        dataplane.collect().await.unwrap();
        assert_eq!(host.port("ln_web"), None);
        assert!(!host.ip("-o link").contains("web"));
        assert_eq!(host.theirs(), theirs);
    });
}

#[test]
fn a_port_moves_to_another_switch_and_gives_its_name_to_another_kind_of_device() {
    needs!(SwitchPrograms);
    Host::new("move").run(async |host, opened| {
        host.switch.add_bridge("vmbr1", &[]).unwrap();
        let dataplane = opened.dataplane;
        let veth = |name: &str, peer: &str| {
            let peer = peer.parse().unwrap();
            link(name, LinkKind::Veth { peer }, Some("web"))
        };
        let pair = plan([
            bridge("web"),
            veth("ln_web", "pr_web"),
            veth("pr_web", "ln_web"),
        ]);
        let moved = plan([bridge("web"), port("ln_web", "vmbr1", 100, None)]);
        for next in [
            &web(100, None),
            &moved,
            &pair,
            &moved,
            &pair,
            &web(100, None),
        ] {
            steps(&dataplane, next).await;
            assert!(host.is_in("ln_web", "web"));
            assert_eq!(steps(&dataplane, next).await, 0);
        }
        assert_eq!(host.port("ln_web"), ours(100, "[]", "{}"));
        let ports = host.switch.vsctl("list-ports vmbr1").unwrap();
        assert_eq!(ports.trim(), "");
    });
}

#[test]
fn what_others_do_to_our_ports_of_a_switch_is_put_right() {
    needs!(SwitchPrograms);
    Host::new("heal").run(async |host, mut opened| {
        steps(&opened.dataplane, &web(100, None)).await;
        for meddling in [
            "set port ln_web tag=9",
            "set port ln_web vlan_mode=trunk trunks=3,4",
            "set port ln_web other_config:qinq-ethtype=802.1q",
        ] {
            host.switch.vsctl(meddling).unwrap();
            until(meddling, || host.port("ln_web") == ours(100, "[]", "{}")).await;
        }
        host.switch.vsctl("del-port vmbr0 ln_web").unwrap();
        let is_back = || host.port("ln_web").is_some() && host.is_in("ln_web", "web");
        until("the port to be back", is_back).await;
        let told = tokio::time::timeout(LIMIT, opened.events.recv()).await;
        let told = told.unwrap().unwrap();
        assert_eq!(
            (told.kind, told.message.as_str()),
            (
                EventKind::DriftHealed,
                "device ln_web was changed by someone else and is put right: set device ln_web: \
                 VLAN 100"
            )
        );
    });
}

#[test]
fn a_switch_that_restarts_keeps_our_ports_and_changes_go_on_after_it() {
    needs!(SwitchPrograms);
    Host::new("restart").run(async |host, opened| {
        steps(&opened.dataplane, &web(100, None)).await;
        // This data path takes its devices along, and they are put where they were.
        host.switch.kill_switch().unwrap();
        host.switch.start_switch().unwrap();
        until("the port to be back", || host.is_in("ln_web", "web")).await;
        host.switch.kill_database().unwrap();
        host.switch.start_database().unwrap();
        steps(&opened.dataplane, &web(200, None)).await;
        assert_eq!(host.port("ln_web"), ours(200, "[]", "{}"));
        assert_eq!(steps(&opened.dataplane, &web(200, None)).await, 0);
        // What happens while nobody listens is found when it is heard again.
        host.switch.kill_database().unwrap();
        host.switch.start_database().unwrap();
        host.switch.vsctl("set port ln_web tag=9").unwrap();
        let is_right = || host.port("ln_web") == ours(200, "[]", "{}");
        until("the VLAN to be put right", is_right).await;
    });
}

#[test]
fn a_switch_or_database_that_does_not_run_is_named_and_nothing_is_left_of_the_try() {
    needs!(SwitchPrograms);
    Host::new("dead").run(async |host, opened| {
        let dataplane = opened.dataplane;
        host.switch.kill_switch().unwrap();
        let failed = dataplane.apply(web(100, None)).await.unwrap_err();
        assert_eq!(
            words(&failed),
            [
                "vnet web of zone campus: cannot create device ln_web as VLAN 100 of Open vSwitch \
                 bridge vmbr0: ovs-vswitchd did not take the change over within 20 s: see that it \
                 runs"
            ]
        );
        // The way back needs no switch.
        steps(&dataplane, &plan([])).await;
        dataplane.collect().await.unwrap();
        assert_eq!(host.port("ln_web"), None);
        host.switch.kill_database().unwrap();
        let failed = dataplane.apply(web(100, None)).await.unwrap_err();
        let told = &words(&failed)[0];
        let attempt = "vnet web of zone campus: cannot create device ln_web as VLAN 100 of Open \
                       vSwitch bridge vmbr0: cannot reach the database of Open vSwitch at ";
        assert!(told.starts_with(attempt), "{told}");
        host.switch.start_database().unwrap();
        host.switch.start_switch().unwrap();
        steps(&dataplane, &web(100, None)).await;
        assert!(host.is_in("ln_web", "web"));
    });
}

#[test]
fn a_port_that_is_not_ours_is_in_the_way_and_stays_as_it_is() {
    needs!(SwitchPrograms);
    Host::new("foreign").run(async |host, opened| {
        let another = "add-port vmbr0 ln_web tag=9 -- set interface ln_web type=internal -- set \
                       port ln_web external_ids:weft-cluster=";
        let another = format!("{another}{}", "cd".repeat(16));
        host.switch.vsctl(&another).unwrap();
        let was = host.port("ln_web");
        let failed = opened.dataplane.check(web(100, None)).await.unwrap_err();
        let told = words(&failed);
        let attempt = "vnet web of zone campus: cannot make device ln_web of type openvswitch: a \
                       device of that name is there and is not Weft's";
        assert!(told.len() == 1 && told[0].starts_with(attempt), "{told:?}");
        steps(&opened.dataplane, &plan([])).await;
        opened.dataplane.collect().await.unwrap();
        assert_eq!(host.port("ln_web"), was);
        // A bridge that is not there is named before anything is done.
        let other = plan([bridge("web"), port("ln_app", "vmbr9", 100, None)]);
        let failed = opened.dataplane.check(other).await.unwrap_err();
        assert_eq!(
            words(&failed),
            [
                "vnet web of zone campus: cannot make device ln_app of type openvswitch: Open \
                 vSwitch has no bridge vmbr9: see that Open vSwitch runs and that ovs-vsctl \
                 list-br names vmbr9, or keep the zone off this node"
            ]
        );
    });
}

#[test]
fn a_new_agent_knows_its_ports_and_removes_what_is_left_over() {
    needs!(SwitchPrograms);
    let mut host = Host::new("again");
    let two = plan([
        bridge("web"),
        port("ln_web", "vmbr0", 100, None),
        port("ln_app", "vmbr0", 200, None),
    ]);
    host.run(async |_, opened| {
        steps(&opened.dataplane, &two).await;
    });
    host.run(async |_, opened| {
        assert_eq!(steps(&opened.dataplane, &two).await, 0);
    });
    // Both devices go, and the switch is not there to make them again.
    host.switch.kill_switch().unwrap();
    for device in ["ln_web", "ln_app"] {
        let _ = host.namespace.ip(&format!("link del {device}"));
    }
    host.run(async |host, opened| {
        steps(&opened.dataplane, &plan([bridge("web")])).await;
        assert_eq!([host.port("ln_web"), host.port("ln_app")], [None, None]);
        assert!(host.port("theirs").is_some());
    });
}

#[test]
fn a_hundred_ports_come_and_go_at_once() {
    needs!(SwitchPrograms);
    Host::new("many").run(async |host, opened| {
        let links =
            (1..=100_u32).map(|number| port(&format!("ln_{number}"), "vmbr0", number, None));
        let many = plan(std::iter::once(bridge("web")).chain(links));
        steps(&opened.dataplane, &many).await;
        let ports = host.switch.vsctl("list-ports vmbr0").unwrap();
        assert_eq!(ports.lines().count(), 102);
        assert_eq!(steps(&opened.dataplane, &many).await, 0);
        steps(&opened.dataplane, &plan([])).await;
        opened.dataplane.collect().await.unwrap();
        let ports = host.switch.vsctl("list-ports vmbr0").unwrap();
        assert_eq!(ports.lines().collect::<Vec<_>>(), ["eth0", "theirs"]);
    });
}
