//! A plan made true in a network namespace, and what the kernel says of it, in the words of the
//! situations.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use nix::sched::{CloneFlags, setns};
use serde_json::{Map, Value, json};
use weft_agent::dataplane;
use weft_model::plan::NodePlan;
use weft_model::revision::ClusterId;
use weft_tests::exec;
use weft_tests::lab::Lab;
use weft_tests::namespace::Namespace;

use super::case::Case;

/// The host's own bridge in every situation.
const HOST: &str = "vmbr0";

/// The port that tunnels use when nobody says otherwise.
const VXLAN_PORT: u64 = 4789;

/// Applies the plan on a host like the situation's, and reads everything back.
pub fn apply_and_read(case: &Case, plan: NodePlan) -> Value {
    let lab = Lab::new().unwrap();
    let role = format!("wp-{}", case.name);
    let host = Namespace::create(&lab, &role).unwrap();
    host.ip(&format!("link add {HOST} type bridge")).unwrap();
    host.ip(&format!("link set {HOST} up")).unwrap();
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
    let path = format!("/run/netns/{}", host.name());
    let seen = std::thread::scope(|scope| {
        let inside = scope.spawn(|| {
            let file = std::fs::File::open(path).unwrap();
            setns(file, CloneFlags::CLONE_NEWNET).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let cluster = ClusterId::from_bytes([0xcd; 16]);
                let opened = dataplane::open(Some(cluster)).await.unwrap();
                opened.dataplane.apply(Arc::new(plan)).await.unwrap();
                read(&host)
            })
        });
        inside.join().unwrap()
    });
    lab.pass();
    seen
}

fn list(host: &Namespace, words: &str) -> Vec<Value> {
    let text = host.ip(words).unwrap();
    let value: Value = serde_json::from_str(text.trim()).unwrap_or_else(|_| json!([]));
    value.as_array().cloned().unwrap_or_default()
}

/// Everything on the host that is not its own.
fn read(host: &Namespace) -> Value {
    let links = list(host, "-j -d link show");
    let addresses = list(host, "-j address show");
    let mut routes = list(host, "-j -4 route show");
    routes.extend(list(host, "-j -6 route show"));
    let fdb = exec::run(host.command("bridge").args(["-j", "fdb", "show"])).unwrap();
    let fdb: Vec<Value> = serde_json::from_str(fdb.trim()).unwrap_or_default();
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
        if name == "lo" || name == HOST {
            continue;
        }
        let mut device = Map::new();
        let kind = link["linkinfo"]["info_kind"].as_str().unwrap();
        device.insert("kind".to_owned(), json!(kind));
        device.insert("mtu".to_owned(), link["mtu"].clone());
        device.insert("mac".to_owned(), link["address"].clone());
        if kind == "bridge" {
            let ports = ports.remove(name).unwrap_or_default();
            device.insert("ports".to_owned(), json!(ports));
        }
        if kind == "vxlan" {
            tunnel(&mut device, name, &link["linkinfo"]["info_data"], &fdb);
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
        for (key, family) in [("ip_forward", "ipv4"), ("ip6_forward", "ipv6")] {
            let path = format!("/proc/sys/net/{family}/conf/{name}/forwarding");
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
    device.insert("remotes".to_owned(), json!(remotes));
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
