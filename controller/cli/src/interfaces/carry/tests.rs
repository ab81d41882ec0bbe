//! The set-ups of the peer's manual, and what ifupdown and ifupdown2 know beside them.

use super::*;
use crate::interfaces::stanza::{self, Library};
use crate::manifest::document::Source;
use crate::manifest::{read, write};

/// One file, which others name as `more`.
struct Shelf(&'static str);

impl Library for Shelf {
    fn files(&self, _: &str, _: &str, pattern: &str) -> Result<Vec<(String, String)>, String> {
        match pattern {
            "more" => Ok(vec![("more".to_owned(), self.0.to_owned())]),
            _ => Err("there is none".to_owned()),
        }
    }
}

/// The manifest that comes of a file, and what is told beside it.
fn told(text: &str, more: &'static str) -> String {
    let stanzas = stanza::read("interfaces", text, &Shelf(more));
    let node = "n1".parse().unwrap();
    let carried = carry(stanzas, &node, "n1".parse().unwrap());
    let objects: Vec<_> = carried
        .host
        .into_iter()
        .map(weft_model::object::Object::HostNetwork)
        .collect();
    let written: Vec<_> = objects.iter().map(write::declared).collect();
    let yaml = write::yaml(&written).unwrap();
    let source = Source {
        name: "a".into(),
        text: yaml.clone(),
    };
    let again = read::read(&[source]).unwrap();
    let again: Vec<_> = again.into_iter().map(|it| it.object).collect();
    assert_eq!(again, objects);
    format!("{yaml}\n{}\n", carried.notes.join("\n"))
}

#[test]
fn the_default_bridge() {
    insta::assert_snapshot!(told(
        "auto lo\niface lo inet loopback\niface eth0 inet manual\nauto vmbr0\niface vmbr0 inet static\naddress 192.168.10.2\nnetmask 255.255.255.0\ngateway 192.168.10.1\nbridge_ports eth0\nbridge_stp off\nbridge_fd 0\n",
        ""
    ));
}

#[test]
fn the_routed_set_up() {
    insta::assert_snapshot!(told(
        "auto lo\niface lo inet loopback\nauto eth0\niface eth0 inet static\naddress 192.168.10.2\nnetmask 255.255.255.0\ngateway 192.168.10.1\npost-up echo 1 > /proc/sys/net/ipv4/conf/eth0/proxy_arp\nauto vmbr0\niface vmbr0 inet static\naddress 10.10.10.1\nnetmask 255.255.255.0\nbridge_ports none\nbridge_stp off\nbridge_fd 0\n",
        ""
    ));
}

#[test]
fn the_masquerade_set_up() {
    insta::assert_snapshot!(told(
        "auto lo\niface lo inet loopback\nauto eth0\n#real IP adress\niface eth0 inet static\naddress 192.168.10.2\nnetmask 255.255.255.0\ngateway 192.168.10.1\nauto vmbr0\n#private sub network\niface vmbr0 inet static\naddress 10.10.10.1\nnetmask 255.255.255.0\nbridge_ports none\nbridge_stp off\nbridge_fd 0\npost-up echo 1 > /proc/sys/net/ipv4/ip_forward\npost-up iptables -t nat -A POSTROUTING -s '10.10.10.0/24' -o eth0 -j MASQUERADE\npost-down iptables -t nat -D POSTROUTING -s '10.10.10.0/24' -o eth0 -j MASQUERADE\n",
        ""
    ));
}

#[test]
fn the_bond_with_a_fixed_address() {
    insta::assert_snapshot!(told(
        "auto lo\niface lo inet loopback\niface eth1 inet manual\niface eth2 inet manual\nauto bond0\niface bond0 inet static\nslaves eth1 eth2\naddress 192.168.1.2\nnetmask 255.255.255.0\nbond_miimon 100\nbond_mode 802.3ad\nbond_xmit_hash_policy layer2+3\nauto vmbr0\niface vmbr0 inet static\naddress 10.10.10.2\nnetmask 255.255.255.0\ngateway 10.10.10.1\nbridge_ports eth0\nbridge_stp off\nbridge_fd 0\n",
        ""
    ));
}

#[test]
fn the_bond_as_a_port() {
    insta::assert_snapshot!(told(
        "auto lo\niface lo inet loopback\niface eth1 inet manual\niface eth2 inet manual\nauto bond0\niface bond0 inet maunal\nslaves eth1 eth2\nbond_miimon 100\nbond_mode 802.3ad\nbond_xmit_hash_policy layer2+3\nauto vmbr0\niface vmbr0 inet static\naddress 10.10.10.2\nnetmask 255.255.255.0\ngateway 10.10.10.1\nbridge_ports bond0\nbridge_stp off\nbridge_fd 0\n",
        ""
    ));
}

#[test]
fn vlans_in_every_spelling_of_ifupdown2() {
    insta::assert_snapshot!(told(
        "\
auto eno1
iface eno1
    mtu 9000

auto bond1
iface bond1
    bond-slaves eno1 eno2
    bond-mode 1
    bond-primary eno1
    bond-lacp-rate 1

auto vmbr1
iface vmbr1
    bridge-ports bond1
    bridge-vlan-aware yes
    bridge-vids 2-100 200
    bridge-pvid 1
    bridge-stp on
    bridge-fd 4

auto vmbr1.50
iface vmbr1.50
    address 10.50.0.1/24
    address 2001:db8:50::1/64

auto vlan60
iface vlan60
    vlan-raw-device vmbr1
    address 10.60.0.1/24
    up ip route add 10.61.0.0/16 via 10.60.0.254 metric 10
    down ip route del 10.61.0.0/16 via 10.60.0.254 metric 10

auto storage
iface storage
    vlan-raw-device bond1
    vlan-id 70
    vlan-protocol 802.1ad
    address 10.70.0.1/24
",
        ""
    ));
}

#[test]
fn files_that_are_named_and_stanzas_that_come_twice() {
    insta::assert_snapshot!(told(
        "\
source more
source-directory interfaces.d
allow-hotplug eth0
iface eth0 inet static
    address 192.0.2.10/24
    gateway 192.0.2.1
    mtu 1400
iface eth0 inet6 static
    address 2001:db8::10
    netmask 64
    gateway fe80::1
    accept_ra 0
iface eth0:1 inet static
    address 192.0.2.11/32
",
        "auto eth1\niface eth1 inet static\n    address 10.1.0.1 \n    netmask 255.255.255.252\n    broadcast 10.1.0.3\n    \\\n    pointopoint 10.9.9.9\niface eth2 inet manual\n    up ip link set eth2 up\n"
    ));
}

#[test]
fn what_is_not_carried_over_is_told_line_by_line_with_the_reason() {
    insta::assert_snapshot!(told(
        "\
auto eth0
iface eth0 inet dhcp
    hwaddress ether 02:00:00:00:00:01
iface eth1 inet static
    address 10.1.0.300/24
    address 10.1.0.1/24
    dns-nameservers 192.0.2.53
    up ethtool -K eth1 tso off
    down ip route del 10.9.0.0/16 via 10.1.0.9
    post-up echo 1 > /proc/sys/net/ipv4/conf/eth9/proxy_arp
iface vmbr0 inet dhcp
    bridge-ports regex eth.*
    bridge-ageing 300
    bridge_waitport 0
iface tap0 inet tunnel
    endpoint 192.0.2.9
iface a-name-that-is-too-long inet manual
    mtu 1500
mapping eth5
    script /bin/true
allow-ovs vmbr9
iface vmbr9 inet manual
    ovs_type OVSBridge
source /etc/elsewhere/*
no-auto-down eth0
",
        ""
    ));
}
