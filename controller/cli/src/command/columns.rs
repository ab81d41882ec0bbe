//! Objects as tables.

use std::collections::BTreeSet;
use std::time::SystemTime;

use weft_model::object::Kind;
use weft_proto::convert::object::kind as kind_of;
use weft_proto::v1;
use weft_proto::v1::object::Spec;

use crate::console::safe;
use crate::moment;
use crate::table::Columns;

/// How many columns there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// The most important.
    Narrow,
    /// All.
    Wide,
}

/// The kind of a received object, where it has one.
pub fn kind(object: &v1::Object) -> Option<Kind> {
    object.spec.as_ref().map(|spec| match spec {
        Spec::Zone(_) => Kind::Zone,
        Spec::Vnet(_) => Kind::Vnet,
        Spec::Subnet(_) => Kind::Subnet,
        Spec::Node(_) => Kind::Node,
        Spec::HostNetwork(_) => Kind::HostNetwork,
        Spec::Controller(_) => Kind::Controller,
        Spec::PrefixList(_) => Kind::PrefixList,
        Spec::RouteMap(_) => Kind::RouteMap,
        Spec::FrrSnippet(_) => Kind::FrrSnippet,
        Spec::Fabric(_) => Kind::Fabric,
    })
}

/// The name of a received object.
pub fn name(object: &v1::Object) -> &str {
    object.metadata.as_ref().map_or("", |it| it.name.as_str())
}

/// `vnet/web` for a received object.
pub fn key(object: &v1::Object) -> String {
    let kind = kind(object).map_or("object", Kind::lowercase);
    format!("{kind}/{}", safe(name(object)))
}

/// `vnet/web` for a received key.
pub fn key_text(key: Option<&v1::ObjectKey>) -> String {
    let Some(key) = key else {
        return "?".to_owned();
    };
    let kind = kind_of(key.kind).map_or("object", Kind::lowercase);
    format!("{kind}/{}", safe(&key.name))
}

/// A table of objects of one kind.
pub fn table(kind: Kind, objects: &[&v1::Object], width: Width, now: SystemTime) -> String {
    let (narrow, wide): (&[&str], &[&str]) = match kind {
        Kind::Zone => (&["TYPE", "NODES", "MTU"], &["DRIFT", "BY"]),
        Kind::Vnet => (&["ZONE", "TAG"], &["ALIAS", "MAC"]),
        Kind::Subnet => (&["VNET", "CIDR", "GATEWAY", "SNAT"], &[]),
        Kind::Node => (&["CONNECTED", "TUNNEL"], &[]),
        Kind::HostNetwork => (&["NODES", "INTERFACES"], &["DRIFT"]),
        Kind::PrefixList => (&["RULES", "FIRST"], &[]),
        Kind::RouteMap => (&["RULES", "CALLS"], &["PREFIX-LISTS"]),
        Kind::Fabric => (&["TYPE", "NODES", "PREFIX", "PREFIX6"], &["AREA"]),
        Kind::Controller => (&["TYPE", "NODES", "ASN"], &["PEERS"]),
        Kind::FrrSnippet => (&["NODES", "ORDER", "LINES"], &[]),
    };
    let (before, after): (&[&str], &[&str]) = match kind {
        Kind::Node => (&["NAME"], &["PENDING", "AGE"]),
        Kind::Zone
        | Kind::Vnet
        | Kind::Subnet
        | Kind::HostNetwork
        | Kind::PrefixList
        | Kind::RouteMap
        | Kind::Fabric
        | Kind::Controller
        | Kind::FrrSnippet => (&["NAME"], &["PENDING", "LIVE", "AGE"]),
    };
    let wide: &[&str] = match width {
        Width::Narrow => &[],
        Width::Wide => &[wide, &["VERSION", "LABELS"]].concat(),
    };
    let mut columns = Columns::new(&[before, narrow, after, wide].concat());
    for object in objects {
        let absent = v1::Metadata::default();
        let metadata = object.metadata.as_ref().unwrap_or(&absent);
        let mut cells = vec![safe(&metadata.name)];
        cells.extend(narrow_cells(object));
        cells.push(pending(object));
        if kind != Kind::Node {
            cells.push(live(object));
        }
        cells.push(moment::age(metadata.created, now));
        if width == Width::Wide {
            cells.extend(wide_cells(object));
            cells.push(metadata.version.to_string());
            cells.push(pairs(&metadata.labels));
        }
        columns.row(cells);
    }
    columns.text()
}

fn narrow_cells(object: &v1::Object) -> Vec<String> {
    let number = |it: Option<u32>| it.map(|it| it.to_string()).unwrap_or_default();
    match &object.spec {
        Some(Spec::Zone(zone)) => vec![
            safe(&zone.r#type),
            selector(zone.nodes.as_ref()),
            number(zone.mtu),
        ],
        Some(Spec::Vnet(vnet)) => vec![safe(&vnet.zone), number(vnet.tag)],
        Some(Spec::Subnet(subnet)) => [&subnet.vnet, &subnet.cidr, &subnet.gateway, &subnet.snat]
            .map(|it| safe(it))
            .to_vec(),
        Some(Spec::PrefixList(list)) => {
            let first = list.rules.first();
            let first = first.map(|it| format!("{} {}", it.action, it.prefix));
            vec![
                list.rules.len().to_string(),
                safe(&first.unwrap_or_default()),
            ]
        }
        Some(Spec::RouteMap(map)) => {
            let calls = map.rules.iter().map(|it| it.call.as_str());
            vec![map.rules.len().to_string(), names(calls)]
        }
        Some(Spec::Fabric(it)) => vec![
            safe(&it.r#type),
            it.nodes.len().to_string(),
            safe(&it.prefix),
            safe(&it.prefix6),
        ],
        Some(Spec::FrrSnippet(it)) => vec![
            selector(it.nodes.as_ref()),
            it.order.to_string(),
            it.text.lines().count().to_string(),
        ],
        Some(Spec::Controller(it)) => {
            let asn = it.evpn.as_ref().map(|it| it.asn);
            vec![
                safe(&it.r#type),
                selector(it.nodes.as_ref()),
                number(asn.or(it.bgp.as_ref().map(|it| it.asn))),
            ]
        }
        Some(Spec::Node(node)) => {
            let connected = condition(object, "Connected");
            vec![
                connected.map(|it| it.status.clone()).unwrap_or_default(),
                tunnel(node),
            ]
        }
        Some(Spec::HostNetwork(host)) => {
            let names: Vec<&str> = host.interfaces.iter().map(|it| it.name.as_str()).collect();
            vec![selector(host.nodes.as_ref()), safe(&names.join(","))]
        }
        None => Vec::new(),
    }
}

fn wide_cells(object: &v1::Object) -> Vec<String> {
    match &object.spec {
        Some(Spec::Zone(zone)) => {
            let drift = drift(&zone.drift);
            let tunnels = zone.vxlan.as_ref().map(|vxlan| {
                let underlay = match vxlan.underlay.as_str() {
                    "" => "ipv4",
                    family => family,
                };
                match vxlan.peers.as_slice() {
                    [] => format!("nodes, {underlay}"),
                    peers => peers.join(","),
                }
            });
            let vlan = zone.vlan.as_ref().map(|vlan| vlan.bridge.clone());
            let qinq = zone
                .qinq
                .as_ref()
                .map(|qinq| format!("{}.{}", qinq.bridge, qinq.tag));
            let by = tunnels.or(vlan).or(qinq).map(|it| safe(&it));
            vec![drift, by.unwrap_or_default()]
        }
        Some(Spec::Vnet(vnet)) => vec![safe(&vnet.alias), safe(&vnet.mac)],
        Some(Spec::HostNetwork(host)) => vec![drift(&host.drift)],
        Some(Spec::Controller(it)) => vec![safe(&neighbors(it))],
        Some(Spec::RouteMap(map)) => {
            let matches = map.rules.iter().filter_map(|rule| rule.r#match.as_ref());
            let lists = matches.flat_map(|it| [&it.prefix_list, &it.next_hop_prefix_list]);
            vec![names(lists.map(String::as_str))]
        }
        Some(Spec::Fabric(it)) => {
            let area = it.ospf.as_ref().map(|it| safe(&it.area));
            vec![area.unwrap_or_default()]
        }
        Some(Spec::Subnet(_) | Spec::Node(_) | Spec::PrefixList(_) | Spec::FrrSnippet(_))
        | None => Vec::new(),
    }
}

/// Every name once, in order.
fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: BTreeSet<&str> = names.filter(|it| !it.is_empty()).collect();
    safe(&names.into_iter().collect::<Vec<_>>().join(","))
}

fn drift(policy: &str) -> String {
    match policy {
        "" => "heal".to_owned(),
        policy => safe(policy),
    }
}

/// Who a controller speaks with.
fn neighbors(controller: &v1::ControllerSpec) -> String {
    let evpn = controller.evpn.as_ref().map(|it| match it.fabric.as_str() {
        "" => [it.peers.as_slice(), it.listen_ranges.as_slice()].concat(),
        fabric => vec![format!("fabric {fabric}")],
    });
    let bgp = controller.bgp.as_ref().map(|it| it.peers.clone());
    let isis = controller.isis.as_ref().map(|it| it.interfaces.clone());
    evpn.or(bgp).or(isis).unwrap_or_default().join(",")
}

fn tunnel(node: &v1::NodeSpec) -> String {
    let Some(tunnel) = &node.tunnel else {
        return String::new();
    };
    let said = [&tunnel.ipv4, &tunnel.ipv6].into_iter();
    let said = said.filter(|it| !it.is_empty()).map(|it| safe(it));
    said.collect::<Vec<_>>().join(",")
}

fn selector(nodes: Option<&v1::NodeSelector>) -> String {
    match nodes {
        Some(nodes) if !nodes.names.is_empty() => safe(&nodes.names.join(",")),
        Some(nodes) if !nodes.labels.is_empty() => pairs(&nodes.labels),
        Some(_) | None => "all".to_owned(),
    }
}

/// Labels as they are written in selectors.
pub fn pairs(labels: &std::collections::HashMap<String, String>) -> String {
    let mut pairs: Vec<String> = labels
        .iter()
        .map(|(key, value)| safe(&format!("{key}={value}")))
        .collect();
    pairs.sort();
    pairs.join(",")
}

/// A condition by its type.
pub fn condition<'a>(object: &'a v1::Object, name: &str) -> Option<&'a v1::Condition> {
    let conditions = object.status.iter().flat_map(|it| &it.conditions);
    conditions.into_iter().find(|it| it.r#type == name)
}

/// How the object differs from the confirmed revision.
pub fn pending(object: &v1::Object) -> String {
    let status = object.status.as_ref();
    status.map(|it| it.pending.clone()).unwrap_or_default()
}

/// On how many of the nodes that should carry it the object is live.
pub fn live(object: &v1::Object) -> String {
    match &object.status {
        Some(status) if status.wanted > 0 || status.live > 0 => {
            format!("{}/{}", status.live, status.wanted)
        }
        Some(_) | None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use super::*;

    fn object(name: &str, spec: Spec) -> v1::Object {
        v1::Object {
            metadata: Some(v1::Metadata {
                name: name.to_owned(),
                labels: HashMap::from([
                    ("b".to_owned(), "2".to_owned()),
                    ("a".to_owned(), "1".to_owned()),
                ]),
                version: 12,
                created: 1_000_000,
                ..v1::Metadata::default()
            }),
            spec: Some(spec),
            status: Some(v1::Status {
                pending: "changed".to_owned(),
                wanted: 3,
                live: 2,
                conditions: vec![v1::Condition {
                    r#type: "Connected".to_owned(),
                    status: "True".to_owned(),
                    ..v1::Condition::default()
                }],
                ..v1::Status::default()
            }),
        }
    }

    #[test]
    fn a_table_for_every_kind_and_width() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_300);
        let objects = [
            object(
                "n1",
                Spec::Node(v1::NodeSpec {
                    tunnel: Some(v1::TunnelAddresses {
                        ipv4: "192.0.2.1".to_owned(),
                        ipv6: String::new(),
                    }),
                }),
            ),
            object(
                "blue",
                Spec::Zone(v1::ZoneSpec {
                    r#type: "vxlan".to_owned(),
                    mtu: Some(1400),
                    nodes: Some(v1::NodeSelector {
                        names: vec!["n1".to_owned(), "n2".to_owned()],
                        labels: HashMap::new(),
                    }),
                    vxlan: Some(v1::VxlanZone::default()),
                    ..v1::ZoneSpec::default()
                }),
            ),
            object(
                "web",
                Spec::Vnet(v1::VnetSpec {
                    zone: "blue".to_owned(),
                    tag: Some(100),
                    alias: "the web".to_owned(),
                    mac: String::new(),
                    ..v1::VnetSpec::default()
                }),
            ),
            object(
                "web-1",
                Spec::Subnet(v1::SubnetSpec {
                    vnet: "web".to_owned(),
                    cidr: "10.0.0.0/24".to_owned(),
                    gateway: "10.0.0.1".to_owned(),
                    snat: String::new(),
                }),
            ),
            object(
                "customers",
                Spec::PrefixList(v1::PrefixListSpec {
                    rules: vec![v1::PrefixRule {
                        action: "permit".to_owned(),
                        prefix: "10.0.0.0/8".to_owned(),
                        ..v1::PrefixRule::default()
                    }],
                }),
            ),
            object(
                "IN",
                Spec::RouteMap(v1::RouteMapSpec {
                    rules: vec![v1::MapRule {
                        r#match: Some(v1::MapMatch {
                            prefix_list: "customers".to_owned(),
                            ..v1::MapMatch::default()
                        }),
                        call: "MORE".to_owned(),
                        ..v1::MapRule::default()
                    }],
                }),
            ),
            object(
                "core",
                Spec::Fabric(v1::FabricSpec {
                    r#type: "ospf".to_owned(),
                    prefix: "10.255.0.0/24".to_owned(),
                    nodes: vec![v1::FabricNode::default()],
                    ospf: Some(v1::OspfOptions {
                        area: "0.0.0.0".to_owned(),
                        ..v1::OspfOptions::default()
                    }),
                    ..v1::FabricSpec::default()
                }),
            ),
            object(
                "own-lines",
                Spec::FrrSnippet(v1::FrrSnippetSpec {
                    order: 20,
                    text: "router bgp 65000\n coalesce-time 7\n".to_owned(),
                    ..v1::FrrSnippetSpec::default()
                }),
            ),
        ];
        let mut text = String::new();
        for object in &objects {
            for width in [Width::Narrow, Width::Wide] {
                text += &table(kind(object).unwrap(), &[object], width, now);
            }
        }
        insta::assert_snapshot!(text);
    }
}
