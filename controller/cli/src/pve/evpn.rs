//! Proxmox VE's zones of type evpn and its controllers carried over.

use std::collections::BTreeSet;
use std::net::IpAddr;

use weft_model::name::{ControllerName, NodeName, PolicyName};
use weft_model::object::Declared;
use weft_model::object::controller::{
    BgpController, ControllerKind, ControllerSpec, EvpnController, EvpnPeers, IsisController, Mode,
    Sessions,
};
use weft_model::object::selector::NodeSelector;
use weft_model::object::targets::RouteTargets;
use weft_model::object::zone::{EvpnZone, Exits, Layout};
use weft_model::port::UdpPort;
use weft_model::prefix::Family;
use weft_model::route_target::RouteTarget;

use super::carry::{Carried, declared, is_on, list};
use super::section::Section;

/// The properties of a zone of type evpn that are carried over.
pub(super) const ZONE: [&str; 11] = [
    "vrf-vxlan",
    "controller",
    "secondary-controllers",
    "mac",
    "exitnodes",
    "exitnodes-primary",
    "exitnodes-local-routing",
    "advertise-subnets",
    "disable-arp-nd-suppression",
    "rt-import",
    "vxlan-port",
];

/// What a zone of type evpn says.
pub(super) fn zone(section: &Section, family: Family, carried: &mut Carried) -> Option<EvpnZone> {
    const FILE: &str = "zones.cfg";
    let first = section.get("controller").unwrap_or_default();
    let others = section.all("secondary-controllers").flat_map(list);
    let controllers: Option<Vec<ControllerName>> = [first]
        .into_iter()
        .chain(others)
        .map(|name| carried.read(FILE, section, "controller", name.parse()))
        .collect();
    let controllers = EvpnZone::controllers(controllers?);
    let exits = section.get("exitnodes").unwrap_or_default();
    let exits: Option<BTreeSet<NodeName>> = list(exits)
        .map(|node| carried.read(FILE, section, "exitnodes", node.parse()))
        .collect();
    let exits = exits.filter(|nodes| !nodes.is_empty());
    let primary = carried.value(FILE, section, "exitnodes-primary");
    let is_local = is_on(section, "exitnodes-local-routing");
    let exits = match exits.map(|nodes| Exits::new(nodes, primary, is_local)) {
        None => None,
        Some(exits) => Some(carried.read(FILE, section, "exitnodes", exits)?),
    };
    let import = section.get("rt-import").unwrap_or_default();
    let import: Option<BTreeSet<RouteTarget>> = list(import)
        .map(|target| carried.read(FILE, section, "rt-import", target.parse()))
        .collect();
    Some(EvpnZone {
        vrf_vni: carried.number(FILE, section, "vrf-vxlan")?,
        controllers: carried.read(FILE, section, "controller", controllers)?,
        mac: carried.value(FILE, section, "mac"),
        exits,
        advertise_subnets: is_on(section, "advertise-subnets"),
        suppression: !is_on(section, "disable-arp-nd-suppression"),
        mac_learning: !is_on(section, "bridge-disable-mac-learning"),
        distinguisher: None,
        targets: RouteTargets {
            import: import?,
            export: BTreeSet::new(),
        },
        port: carried
            .number(FILE, section, "vxlan-port")
            .unwrap_or(UdpPort::VXLAN),
        underlay: family,
        layout: Layout::Separate,
    })
}

/// The family of the tunnels of a zone: that of the neighbors of its controller.
pub(super) fn family(controllers: &[Section], zone: &Section) -> Family {
    let name = zone.get("controller").unwrap_or_default();
    let controller = controllers.iter().find(|it| it.id == name);
    let peers = controller
        .and_then(|it| it.get("peers"))
        .unwrap_or_default();
    let first = list(peers).find_map(|peer| peer.parse::<IpAddr>().ok());
    first.map_or(Family::Ipv4, Family::of)
}

/// A controller of any type; `None`, with a note, where it cannot be carried over.
pub(super) fn controller(
    section: &Section,
    carried: &mut Carried,
) -> Option<Declared<ControllerName, ControllerSpec>> {
    const FILE: &str = "controllers.cfg";
    let name: ControllerName = carried.read(FILE, section, "name", section.id.parse())?;
    let (kind, known): (ControllerKind, &[&str]) = match section.kind.as_str() {
        "evpn" => (
            ControllerKind::Evpn(evpn(section, carried)?),
            &["peer-group-name", "bgp-mode"],
        ),
        "bgp" => (
            ControllerKind::Bgp(bgp(section, carried)?),
            &[
                "ebgp",
                "bgp-multipath-as-path-relax",
                "bgp-multipath-as-relax",
            ],
        ),
        "isis" => (
            ControllerKind::Isis(isis(section, carried)?),
            &["isis-domain", "isis-net", "isis-ifaces"],
        ),
        other => {
            let text = format!("controllers of type {other} are not carried over");
            carried.note(FILE, section, text);
            return None;
        }
    };
    let common = [
        "asn",
        "peers",
        "node",
        "nodes",
        "loopback",
        "ebgp-multihop",
        "route-map-in",
        "route-map-out",
        "fabric",
    ];
    carried.note_rest(FILE, section, &[&common, known].concat());
    let names = ["node", "nodes"]
        .into_iter()
        .filter_map(|it| section.get(it));
    let nodes: Option<BTreeSet<NodeName>> = names
        .flat_map(list)
        .map(|node| carried.read(FILE, section, "node", node.parse()))
        .collect();
    let nodes = nodes?;
    let spec = ControllerSpec {
        nodes: if nodes.is_empty() {
            NodeSelector::All
        } else {
            NodeSelector::Names(nodes)
        },
        kind,
    };
    Some(declared(name, spec))
}

fn peers(section: &Section, carried: &mut Carried) -> Option<BTreeSet<IpAddr>> {
    let listed = section.get("peers").unwrap_or_default();
    list(listed)
        .map(|peer| carried.read("controllers.cfg", section, "peers", peer.parse()))
        .collect()
}

fn sessions(section: &Section, carried: &mut Carried) -> Sessions {
    const FILE: &str = "controllers.cfg";
    Sessions {
        multihop: carried.number(FILE, section, "ebgp-multihop"),
        source: carried.value(FILE, section, "loopback"),
        route_map_in: carried.value(FILE, section, "route-map-in"),
        route_map_out: carried.value(FILE, section, "route-map-out"),
        ..Sessions::default()
    }
}

fn evpn(section: &Section, carried: &mut Carried) -> Option<EvpnController> {
    const FILE: &str = "controllers.cfg";
    let peers = peers(section, carried)?;
    let fabric = carried.value(FILE, section, "fabric");
    let peers = EvpnPeers::listing(peers, BTreeSet::new(), fabric);
    let group: Option<PolicyName> = carried.value(FILE, section, "peer-group-name");
    Some(EvpnController {
        asn: carried.number(FILE, section, "asn")?,
        peers: carried.read(FILE, section, "peers", peers)?,
        group: group.unwrap_or_else(EvpnController::default_group),
        mode: match section.get("bgp-mode") {
            None => Mode::default(),
            Some(_) => carried.value(FILE, section, "bgp-mode")?,
        },
        sessions: sessions(section, carried),
    })
}

fn bgp(section: &Section, carried: &mut Carried) -> Option<BgpController> {
    const FILE: &str = "controllers.cfg";
    let relax = ["bgp-multipath-as-path-relax", "bgp-multipath-as-relax"];
    let mut sessions = sessions(section, carried);
    let external = is_on(section, "ebgp");
    if !external && sessions.multihop.take().is_some() {
        let text = "ebgp-multihop: has no effect without ebgp, not carried over";
        carried.note(FILE, section, text);
    }
    let bgp = BgpController {
        asn: carried.number(FILE, section, "asn")?,
        peers: peers(section, carried)?,
        external,
        multipath_relax: relax.into_iter().any(|it| is_on(section, it)),
        sessions,
    };
    carried.read(FILE, section, "peers", bgp.checked())
}

fn isis(section: &Section, carried: &mut Carried) -> Option<IsisController> {
    const FILE: &str = "controllers.cfg";
    let interfaces = section.get("isis-ifaces").unwrap_or_default();
    let interfaces: Option<BTreeSet<_>> = list(interfaces)
        .map(|it| carried.read(FILE, section, "isis-ifaces", it.parse()))
        .collect();
    let isis = IsisController {
        domain: carried.value(FILE, section, "isis-domain")?,
        net: carried.value(FILE, section, "isis-net")?,
        interfaces: interfaces?,
        source: carried.value(FILE, section, "loopback"),
    };
    carried.read(FILE, section, "isis-ifaces", isis.checked())
}
