//! Devices of every kind, on a kernel that has them all.

use std::sync::Arc;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use weft_agent::kernel::Kernel;
use weft_model::plan::NodePlan;
use weft_node::driver::Driver;
use weft_node::plan::plan;
use weft_node::scope::Scope;
use weft_tests::dump::network;
use weft_tests::{exec, needs};

use super::host::Host;
use super::plans::{any_plan_of_every_kind, empty};

/// How many random plans one namespace goes through; an emulated kernel is slow.
const PLANS: usize = 40;

fn random_plans() -> Vec<NodePlan> {
    let mut runner = TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(21),
        ..Config::default()
    });
    let mut one = || any_plan_of_every_kind().new_tree(&mut runner).unwrap();
    (0..PLANS).map(|_| one().current()).collect()
}

/// A host with a bridge of its own that filters VLANs, and devices that look like some of ours.
fn host(role: &str) -> Host {
    let host = Host::new(role);
    host.batch(
        "link add vmbr0 type bridge vlan_filtering 1 mcast_snooping 0\n\
         link add by-hand type vxlan id 9 dstport 4799 local 127.0.0.1\n\
         link add many type vxlan external vnifilter dstport 4798 local 127.0.0.1\n\
         link add veth-a type veth peer name veth-b\n\
         link add mgmt type vrf table 9\n\
         link set veth-a master vmbr0 up\n\
         link set many master vmbr0 up\n\
         link set many type bridge_slave vlan_tunnel on\n\
         link set vmbr0 up alias uplink\n\
         link set veth-b up\n\
         address add 192.0.2.1/24 dev vmbr0",
    );
    for words in [
        "vlan add dev veth-a vid 5-7",
        "vlan add dev vmbr0 vid 6 self",
        "vlan add dev many vid 9",
        "vlan add dev many vid 9 tunnel_info id 90",
        "vni add dev many vni 90",
    ] {
        bridge(&host, words);
    }
    host.wait_for_addresses();
    host
}

fn bridge(host: &Host, words: &str) -> String {
    exec::run(host.namespace.command("bridge").args(words.split(' '))).unwrap()
}

/// All that a host has, VLANs and networks of bridges included.
fn all(host: &Host) -> Vec<String> {
    let mut all = vec![format!("{:?}", network(&host.namespace).unwrap())];
    for words in ["vlan show", "vlan tunnelshow", "vni show"] {
        all.push(bridge(host, words));
    }
    all
}

#[test]
fn random_plans_of_every_kind_of_device_are_each_reached_and_read_back() {
    needs!(Vlan, VlanFiltering, VniFilter, Vrf);
    let host = host("kinds");
    let before = all(&host);
    host.run(async |host| {
        let opened = host.open().await;
        for (number, want) in random_plans().into_iter().enumerate() {
            let applied = opened.dataplane.apply(Arc::new(want.clone())).await;
            assert!(applied.is_ok(), "plan {number}: {applied:?}: {want:#?}");
            // A second pair of eyes, that has seen nothing of how it came to be.
            let kernel = Kernel::open().await.unwrap();
            let left = plan(&host.owner(), &want, kernel.seen(), &Scope::All);
            assert_eq!(left.steps, [], "plan {number}: {want:#?}");
            let again = opened.dataplane.apply(Arc::new(want)).await.unwrap();
            assert_eq!(again.steps, 0, "plan {number} is already there");
            if number % 7 == 0 {
                opened.dataplane.collect().await.unwrap();
            }
        }
        opened.dataplane.apply(empty()).await.unwrap();
        opened.dataplane.collect().await.unwrap();
    });
    assert_eq!(all(&host), before);
}
