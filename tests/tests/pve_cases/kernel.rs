//! A plan made true in a network namespace, and what the kernel says of it, in the words of the
//! situations.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use weft_agent::kernel::Places;
use weft_agent::{dataplane, frr};
use weft_model::plan::NodePlan;
use weft_model::report::Fault;
use weft_model::revision::ClusterId;
use weft_model::vlan::{VlanId, VlanSet};
use weft_node::frr::config::Config;
use weft_tests::exec;
use weft_tests::frr::Frr;
use weft_tests::lab::Lab;
use weft_tests::namespace::Namespace;
use weft_tests::openvswitch::{self, OpenVswitch};

use super::case::Case;
use super::host::Host;

/// The port that tunnels use when nobody says otherwise.
const VXLAN_PORT: u64 = 4789;

/// The daemons of FRR that the situations speak to, besides zebra.
const DAEMONS: [&str; 5] = ["bgpd", "bfdd", "staticd", "isisd", "fabricd"];

/// Applies the plan on a host like the situation's, and reads everything back; `None` where FRR here
/// is too old for it, and it is refused for that.
pub fn apply_and_read(case: &Case, plan: NodePlan) -> Option<Value> {
    let lab = Lab::new().unwrap();
    // Sockets are in a folder of that name, and a kernel takes only so long a path.
    let role = if case.is_routed() {
        "pve".to_owned()
    } else {
        format!("wp-{}", case.name)
    };
    let own = Host::create(case, &lab, &role);
    let host = &own.namespace;
    let frr = case
        .is_routed()
        .then(|| Frr::start(&lab, host, &DAEMONS).unwrap());
    let places = Places {
        switch: openvswitch::socket(&lab, host),
        frr: frr.as_ref().map(|frr| frr::Settings {
            run: frr.run().to_owned(),
            file: frr.file(),
            kept: lab.folder().join("pve.frr.json"),
            vtysh: frr.shell().to_owned(),
        }),
        ..Places::default()
    };
    let seen = host.inside(async || {
        let cluster = ClusterId::from_bytes([0xcd; 16]);
        let opened = dataplane::open_at(Some(cluster), places).await.unwrap();
        let plan = Arc::new(plan);
        if let Err(faults) = opened.dataplane.apply(Arc::clone(&plan)).await {
            let is_old = |fault: &Fault| fault.cause.contains("of IPv6, which FRR");
            assert!(faults.iter().all(is_old), "{}: {faults:?}", case.name);
            return None;
        }
        let again = opened.dataplane.apply(plan).await.unwrap();
        assert_eq!(again.steps, 0, "{}: it is there already", case.name);
        let mut situation = read(&own);
        if let Some(frr) = &frr {
            situation["frr"] = running(frr);
        }
        Some(situation)
    });
    lab.pass();
    seen.unwrap()
}

fn list(host: &Namespace, words: &str) -> Vec<Value> {
    let text = host.ip(words).unwrap();
    let value: Value = serde_json::from_str(text.trim()).unwrap_or_else(|_| json!([]));
    value.as_array().cloned().unwrap_or_default()
}

/// Everything on the host that is not its own.
fn read(own: &Host) -> Value {
    let (host, switch) = (&own.namespace, own.switch.as_ref());
    let links = list(host, "-j -d link show");
    let addresses = list(host, "-j address show");
    let mut routes = list(host, "-j -4 route show");
    routes.extend(list(host, "-j -6 route show"));
    let mut of_domains = list(host, "-j -4 route show table all");
    of_domains.extend(list(host, "-j -6 route show table all"));
    let domains: Vec<Value> = links
        .iter()
        .filter(|link| link["linkinfo"]["info_kind"] == "vrf")
        .map(|link| link["ifname"].clone())
        .collect();
    let as_ports = exec::run(host.command("bridge").args(["-j", "-d", "link", "show"])).unwrap();
    let as_ports: Vec<Value> = serde_json::from_str(as_ports.trim()).unwrap_or_default();
    let fdb = exec::run(host.command("bridge").args(["-j", "fdb", "show"])).unwrap();
    let fdb: Vec<Value> = serde_json::from_str(fdb.trim()).unwrap_or_default();
    let vlans = exec::run(host.command("bridge").args(["-c", "-j", "vlan", "show"])).unwrap();
    let vlans: Vec<Value> = serde_json::from_str(vlans.trim()).unwrap_or_default();
    let mut ports: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for link in &links {
        if let Some(master) = link["master"].as_str() {
            let name = link["ifname"].clone();
            ports.entry(master.to_owned()).or_default().push(name);
        }
    }
    let mut devices = Map::new();
    for link in &links {
        let name = link["ifname"].as_str().unwrap();
        if own.has(name) {
            continue;
        }
        let mut device = Map::new();
        let kind = link["linkinfo"]["info_kind"].as_str().unwrap();
        device.insert("kind".to_owned(), json!(kind));
        if kind == "tun" {
            device.insert("ovs".to_owned(), switched(switch.unwrap(), name));
        }
        if kind == "vlan" {
            vlan(&mut device, link);
        }
        if kind == "veth" {
            device.insert("peer".to_owned(), link["link"].clone());
        }
        if domains.contains(&link["master"]) {
            device.insert("vrf".to_owned(), link["master"].clone());
        }
        if kind == "vrf" {
            domain(
                &mut device,
                name,
                &link["linkinfo"]["info_data"],
                &of_domains,
            );
        }
        device.insert("mtu".to_owned(), link["mtu"].clone());
        device.insert("mac".to_owned(), link["address"].clone());
        if kind == "bridge" {
            let ports = ports.remove(name).unwrap_or_default();
            if link["linkinfo"]["info_data"]["vlan_filtering"] == json!(1) {
                device.insert("vlan_aware".to_owned(), json!(true));
                device.insert("vids".to_owned(), json!(vids(&vlans, &ports)));
            }
            device.insert("ports".to_owned(), json!(ports));
        }
        if kind == "vxlan" {
            tunnel(&mut device, name, &link["linkinfo"]["info_data"], &fdb);
            let mut as_port = as_ports.iter().filter(|it| it["ifname"] == name);
            if as_port.any(|it| it["neigh_suppress"] == json!(true)) {
                device.insert("neigh_suppress".to_owned(), json!(true));
            }
        }
        let own: Vec<Value> = global(&addresses, name)
            .map(|(address, length)| json!(format!("{address}/{length}")))
            .collect();
        if !own.is_empty() {
            device.insert("addresses".to_owned(), json!(own));
        }
        let direct: Vec<Value> = routes
            .iter()
            .filter(|route| route["dev"] == name && route["protocol"] != "kernel")
            .map(|route| json!(with_length(route["dst"].as_str().unwrap())))
            .collect();
        if !direct.is_empty() {
            device.insert("routes".to_owned(), json!(direct));
        }
        for (key, family, switch) in [
            ("ip_forward", "ipv4", "forwarding"),
            ("ip6_forward", "ipv6", "forwarding"),
            ("arp_accept", "ipv4", "arp_accept"),
        ] {
            let path = format!("/proc/sys/net/{family}/conf/{name}/{switch}");
            let switch = exec::run(host.command("cat").arg(path)).unwrap();
            if switch.trim() == "1" {
                device.insert(key.to_owned(), json!(true));
            }
        }
        devices.insert(name.to_owned(), Value::Object(device));
    }
    let snat = translations(host, &addresses, &routes);
    json!({"links": devices, "node": "localhost", "snat": snat})
}

/// A routing domain: its table, and whether it drops what no route is for, in both families.
fn domain(device: &mut Map<String, Value>, name: &str, data: &Value, routes: &[Value]) {
    device.insert("table".to_owned(), data["table"].clone());
    let number = data["table"].to_string();
    let is_in = |table: &Value| table == name || table.as_str() == Some(&number);
    let drops = routes.iter().filter(|route| {
        route["type"] == "unreachable" && route["dst"] == "default" && is_in(&route["table"])
    });
    let count = drops.count();
    assert!(count == 0 || count == 2, "one family only: {routes:?}");
    device.insert("unreachable_default".to_owned(), json!(count == 2));
}

/// What runs in FRR, by the sections that it stands in.
fn running(frr: &Frr) -> Value {
    let text = frr.vtysh(&["show running-config"]).unwrap();
    let config = Config::parse(&text);
    let mut sections = Map::new();
    for (place, lines) in config.sections() {
        let section = match place.to_string() {
            outside if outside.is_empty() => "global".to_owned(),
            section => section,
        };
        sections.insert(section, json!(lines));
    }
    Value::Object(sections)
}

/// The VLANs that these ports carry with their tag.
fn vids(vlans: &[Value], ports: &[Value]) -> String {
    let of_ports = vlans.iter().filter(|it| ports.contains(&it["ifname"]));
    let entries = of_ports.flat_map(|it| it["vlans"].as_array().into_iter().flatten());
    let tagged = entries.filter(|it| it["flags"].as_array().is_none_or(Vec::is_empty));
    let id = |value: &Value| VlanId::try_from(u32::try_from(value.as_u64()?).ok()?).ok();
    let range = |it: &Value| Some((id(&it["vlan"])?, id(&it["vlanEnd"]).or(id(&it["vlan"]))?));
    tagged.filter_map(range).collect::<VlanSet>().to_string()
}

fn vlan(device: &mut Map<String, Value>, link: &Value) {
    let data = &link["linkinfo"]["info_data"];
    device.insert("parent".to_owned(), link["link"].clone());
    device.insert("vlan_id".to_owned(), data["id"].clone());
    if data["protocol"] != json!("802.1Q") {
        let protocol = data["protocol"].as_str().unwrap().to_lowercase();
        device.insert("protocol".to_owned(), json!(protocol));
    }
}

/// A port of Open vSwitch, as its database has it, in the words of the situations.
fn switched(switch: &OpenVswitch, name: &str) -> Value {
    let asked = |words: &str| {
        switch
            .vsctl(words)
            .unwrap()
            .trim()
            .trim_matches('"')
            .to_owned()
    };
    let is_internal = asked(&format!("get interface {name} type")) == "internal";
    let mut options = vec![format!("tag={}", asked(&format!("get port {name} tag")))];
    let mode = asked(&format!("get port {name} vlan_mode"));
    if mode != "[]" {
        options.push(format!("vlan_mode={mode}"));
    }
    let tag = asked(&format!(
        "--if-exists get port {name} other_config:qinq-ethtype"
    ));
    if !tag.is_empty() {
        options.push(format!("other_config:qinq-ethtype={tag}"));
    }
    json!({
        "ovs-bridge": asked(&format!("port-to-br {name}")),
        "ovs-options": options.join(" "),
        "ovs-type": if is_internal { "OVSIntPort" } else { "OVSPort" },
    })
}

fn tunnel(device: &mut Map<String, Value>, name: &str, data: &Value, fdb: &[Value]) {
    device.insert("vni".to_owned(), data["id"].clone());
    let local = if data["local"].is_null() {
        &data["local6"]
    } else {
        &data["local"]
    };
    device.insert("local".to_owned(), local.clone());
    if data["port"] != json!(VXLAN_PORT) {
        device.insert("port".to_owned(), data["port"].clone());
    }
    if data["learning"] == json!(false) {
        device.insert("learning".to_owned(), json!(false));
    }
    let remotes: Vec<Value> = fdb
        .iter()
        .filter(|entry| entry["ifname"] == name && entry["mac"] == "00:00:00:00:00:00")
        .map(|entry| entry["dst"].clone())
        .collect();
    // Nothing is listed where BGP tells.
    if data["learning"] != json!(false) || !remotes.is_empty() {
        device.insert("remotes".to_owned(), json!(remotes));
    }
}

/// The addresses of a device that are seen from outside it.
fn global<'a>(addresses: &'a [Value], name: &'a str) -> impl Iterator<Item = (IpAddr, u64)> {
    let of_device = addresses.iter().filter(move |it| it["ifname"] == name);
    let all = of_device.flat_map(|it| it["addr_info"].as_array().into_iter().flatten());
    all.filter(|it| it["scope"] == "global").map(|it| {
        let address = it["local"].as_str().unwrap().parse().unwrap();
        (address, it["prefixlen"].as_u64().unwrap())
    })
}

fn with_length(destination: &str) -> String {
    match destination.parse::<IpAddr>() {
        Ok(IpAddr::V4(it)) => format!("{it}/32"),
        Ok(IpAddr::V6(it)) => format!("{it}/128"),
        Err(_) => destination.to_owned(),
    }
}

/// The source translations, as they come out with the host's default routes.
fn translations(host: &Namespace, addresses: &[Value], routes: &[Value]) -> Vec<Value> {
    let text = exec::run(host.command("nft").args(["-j", "list", "ruleset"])).unwrap();
    let ruleset: Value = serde_json::from_str(&text).unwrap();
    let rules = ruleset["nftables"].as_array().unwrap().iter();
    let expressions = rules.filter_map(|it| it["rule"]["expr"].as_array());
    let defaults: Vec<&Value> = routes.iter().filter(|it| it["dst"] == "default").collect();
    let mut all = Vec::new();
    for expression in expressions {
        let part = |key: &str| expression.iter().find(|it| it.get(key).is_some());
        let source = expression.iter().find_map(|it| {
            let it = &it["match"];
            let is_source = it["left"]["payload"]["field"] == "saddr";
            is_source.then(|| match &it["right"]["prefix"] {
                Value::Null => with_length(it["right"].as_str().unwrap()),
                prefix => format!("{}/{}", prefix["addr"].as_str().unwrap(), prefix["len"]),
            })
        });
        let Some(source) = source else { continue };
        let is_ipv6 = source.contains(':');
        let of_family = defaults.iter().find(|it| {
            let via = it["gateway"].as_str().unwrap_or_default();
            via.contains(':') == is_ipv6
        });
        let out = of_family.or(defaults.first()).map(|it| it["dev"].clone());
        let to = match (part("snat"), part("masquerade")) {
            (Some(it), _) => it["snat"]["addr"].clone(),
            (None, Some(_)) => {
                let device = of_family
                    .and_then(|it| it["dev"].as_str())
                    .unwrap_or_default();
                let own = global(addresses, device).find(|(it, _)| it.is_ipv6() == is_ipv6);
                own.map_or_else(|| json!("masquerade"), |(it, _)| json!(it.to_string()))
            }
            (None, None) => continue,
        };
        let mut translation = json!({
            "family": if is_ipv6 { 6 } else { 4 }, "source": source, "to": to,
        });
        if let Some(out) = out {
            translation["out"] = out;
        }
        all.push(translation);
    }
    all
}
