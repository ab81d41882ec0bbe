//! What the scenarios declare: a network small enough to hold in the head.

use crate::underlay::Underlay;

/// The vnet whose guests talk from node to node, and its device.
pub const WEB: &str = "web";
/// The vnet whose guests must not be reached from `web`, and its device.
pub const DB: &str = "db";
/// The vnet whose guests reach the outside, and its device.
pub const LAN: &str = "lan";
/// The gateway of `lan`.
pub const LAN_GATEWAY: &str = "10.1.0.254";
/// The tunnel device of `web`.
pub const WEB_TUNNEL: &str = "vxlan_web";
/// The tunnel device of `db`.
pub const DB_TUNNEL: &str = "vxlan_db";
/// The network of `web` and of `db`: the same one, which must not matter.
pub const NETWORK: &str = "10.0.0";

/// A zone over VXLAN with two vnets that use the same addresses.
pub fn tunnels(underlay: Underlay) -> String {
    format!(
        "\
apiVersion: weft/v1
kind: Zone
metadata:
  name: tunnels
spec:
  type: vxlan
  vxlan:
    underlay: {}
---
apiVersion: weft/v1
kind: Vnet
metadata:
  name: {WEB}
spec:
  zone: tunnels
  tag: 1001
---
apiVersion: weft/v1
kind: Vnet
metadata:
  name: {DB}
spec:
  zone: tunnels
  tag: 1002
",
        underlay.word()
    )
}

/// A simple zone with one vnet whose guests reach the outside by source translation.
pub fn inside() -> String {
    format!(
        "\
apiVersion: weft/v1
kind: Zone
metadata:
  name: inside
spec:
  type: simple
---
apiVersion: weft/v1
kind: Vnet
metadata:
  name: {LAN}
spec:
  zone: inside
---
apiVersion: weft/v1
kind: Subnet
metadata:
  name: lan-v4
spec:
  vnet: {LAN}
  cidr: 10.1.0.0/24
  gateway: {LAN_GATEWAY}
  snat: masquerade
"
    )
}

/// One more vnet of a zone.
pub fn vnet(name: &str, zone: &str, tag: u32) -> String {
    format!(
        "\
apiVersion: weft/v1
kind: Vnet
metadata:
  name: {name}
spec:
  zone: {zone}
  tag: {tag}
"
    )
}
