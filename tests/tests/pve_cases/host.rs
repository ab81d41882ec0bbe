//! The host of a situation, with all that is its own before anything is applied.

use weft_tests::lab::Lab;
use weft_tests::namespace::Namespace;
use weft_tests::openvswitch::{DataPath, OpenVswitch};

use super::case::Case;

/// The host's own bridge in every situation.
const HOST: &str = "vmbr0";

/// The port of the host's own bridge, in the situations that have one.
const UPLINK: &str = "eth0";

/// Enough for every situation.
const LARGE: u32 = 9216;

/// What the names of cables' far ends begin with.
const FAR_END: &str = "far-";

/// A host like the situation's.
pub struct Host {
    /// The network that it has.
    pub namespace: Namespace,
    /// Its Open vSwitch, where its own bridge is one of that.
    pub switch: Option<OpenVswitch>,
    cables: Vec<String>,
}

impl Host {
    /// Makes one.
    pub fn create(case: &Case, lab: &Lab, role: &str) -> Self {
        let host = Namespace::create(lab, role).unwrap();
        let switch = own_bridge(case, lab, &host);
        let cables = case.cables();
        for cable in &cables {
            let far = format!("{FAR_END}{cable}");
            host.ip(&format!("link add {cable} type veth peer name {far}"))
                .unwrap();
            for device in [cable, &far] {
                host.ip(&format!("link set {device} up")).unwrap();
            }
        }
        for address in case.host_lines("address") {
            let words = format!("address add {address} dev {HOST} nodad");
            let words = if address.contains(':') {
                words
            } else {
                words.replace(" nodad", "")
            };
            host.ip(&words).unwrap();
        }
        for gateway in case.host_lines("gateway") {
            let family = if gateway.contains(':') { "-6 " } else { "" };
            let words = format!("{family}route add default via {gateway} dev {HOST} onlink");
            host.ip(&words).unwrap();
        }
        Self {
            namespace: host,
            switch,
            cables,
        }
    }

    /// Whether a device is its own.
    pub fn has(&self, device: &str) -> bool {
        let is_cable = |it: &String| device.trim_start_matches(FAR_END) == it;
        ["lo", HOST, UPLINK, "far", "ovs-netdev"].contains(&device)
            || self.cables.iter().any(is_cable)
    }
}

/// Makes the host's own bridge as its file has it, with its one port.
fn own_bridge(case: &Case, lab: &Lab, host: &Namespace) -> Option<OpenVswitch> {
    let ports = case.host_lines("bridge-ports");
    let is_switched = case
        .host_lines("ovs_type")
        .contains(&"OVSBridge".to_owned());
    if is_switched || ports.contains(&UPLINK.to_owned()) {
        host.ip(&format!("link add {UPLINK} type veth peer name far"))
            .unwrap();
        // The situations with a large MTU do not say that the port has it, and must have it.
        for device in [UPLINK, "far"] {
            host.ip(&format!("link set {device} up mtu {LARGE}"))
                .unwrap();
        }
    }
    if is_switched {
        let switch = OpenVswitch::start_on(DataPath::Process, lab, host).unwrap();
        switch.add_bridge(HOST, &[UPLINK]).unwrap();
        return Some(switch);
    }
    let aware = case.host_lines("bridge-vlan-aware");
    let is_aware = aware.iter().any(|it| ["yes", "1"].contains(&it.as_str()));
    let filtering = if is_aware { " vlan_filtering 1" } else { "" };
    host.ip(&format!("link add {HOST} type bridge{filtering}"))
        .unwrap();
    if ports.contains(&UPLINK.to_owned()) {
        host.ip(&format!("link set {UPLINK} master {HOST}"))
            .unwrap();
    }
    host.ip(&format!("link set {HOST} up")).unwrap();
    None
}
