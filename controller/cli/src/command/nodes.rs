//! `weftctl nodes`: the nodes as they are now.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::SystemTime;

use clap::{Args, ValueEnum};
use serde::Serialize;
use weft_model::facts::Facts;
use weft_proto::v1;

use super::{columns, routing};
use crate::console::{self, safe};
use crate::failure::{Failure, Outcome};
use crate::manifest::write::{self, WrittenEvent};
use crate::moment;
use crate::server::call::{self, Server};
use crate::table::Columns;

/// Options of `nodes`.
#[derive(Debug, Args)]
pub struct Nodes {
    /// Only this node, with all that is known of it, such as each of its routing sessions
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// How to print
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
}

/// How nodes are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table
    Table,
    /// A table with more columns, such as how many routing sessions are up
    Wide,
    /// YAML
    Yaml,
    /// JSON: an object for one name, else a list
    Json,
    /// One name a line
    Name,
    /// What the nodes say of themselves, as weftctl plan --facts reads it
    Facts,
}

/// A node as it is printed for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    name: String,
    connected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<String>,
    confirmed_revision: u64,
    current: bool,
    state: String,
    version: String,
    plan_entries: u32,
    labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<Facts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<routing::WrittenCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    routing: Option<routing::WrittenRouting>,
    events: Vec<WrittenEvent>,
}

/// All nodes.
///
/// # Errors
/// When the controller is not there.
pub async fn list(server: &Server) -> Outcome<v1::ListNodesResponse> {
    let request = v1::ListNodesRequest {};
    let ask = |channel| async move { call::nodes(channel).list(request).await };
    server.call(ask).await
}

/// Shows the nodes.
///
/// # Errors
/// When one is not there, or the controller is not.
pub async fn run(server: &Server, options: &Nodes) -> Outcome {
    let nodes = match &options.name {
        None => list(server).await?.nodes,
        Some(name) => {
            let request = v1::GetNodeRequest { node: name.clone() };
            let ask = |channel| {
                let request = request.clone();
                async move { call::nodes(channel).get(request).await }
            };
            vec![server.call(ask).await?]
        }
    };
    let now = SystemTime::now();
    let text = match (options.output, nodes.as_slice()) {
        (Format::Table, [node]) if options.name.is_some() => page(node, now),
        (Format::Table, nodes) => table(nodes, now, false),
        (Format::Wide, nodes) => table(nodes, now, true),
        (Format::Yaml, nodes) => {
            write::yaml(&nodes.iter().map(written).collect::<Outcome<Vec<_>>>()?)?
        }
        (Format::Json, [node]) if options.name.is_some() => write::json(&written(node)?)?,
        (Format::Json, nodes) => {
            write::json(&nodes.iter().map(written).collect::<Outcome<Vec<_>>>()?)?
        }
        (Format::Name, nodes) => nodes.iter().map(|it| safe(&it.name) + "\n").collect(),
        (Format::Facts, nodes) => {
            let mut all = BTreeMap::new();
            for node in nodes {
                if let Some(facts) = facts(node)? {
                    all.insert(node.name.clone(), facts);
                }
            }
            write::yaml(&[all])?
        }
    };
    if nodes.is_empty() {
        console::note("there is no node yet; a node appears when its weft-agent first connects");
    }
    console::print(&text)
}

fn facts(node: &v1::NodeView) -> Outcome<Option<Facts>> {
    let facts = node.facts.as_ref().map(Facts::try_from).transpose();
    facts.map_err(|error| {
        Failure::failed(format!(
            "the facts of node {} cannot be read ({error}): use the weftctl of the controller's \
             version",
            node.name
        ))
    })
}

fn written(node: &v1::NodeView) -> Outcome<Written> {
    Ok(Written {
        name: node.name.clone(),
        connected: node.connected,
        last_seen: (node.last_seen > 0).then(|| moment::rfc3339(node.last_seen)),
        confirmed_revision: node.confirmed_revision,
        current: node.current,
        state: node.state.clone(),
        version: node.version.clone(),
        plan_entries: node.plan_entries,
        labels: node.labels.clone().into_iter().collect(),
        facts: facts(node)?,
        sessions: node.sessions.as_ref().map(Into::into),
        routing: node.routing.as_ref().map(Into::into),
        events: node.events.iter().map(write::event).collect(),
    })
}

fn yes_or_no(it: bool) -> String {
    if it { "yes" } else { "no" }.to_owned()
}

fn table(nodes: &[v1::NodeView], now: SystemTime, wide: bool) -> String {
    let narrow = ["NAME", "CONNECTED", "STATE", "REVISION", "CURRENT", "SEEN"];
    let more: &[&str] = if wide {
        &["SESSIONS", "ENTRIES", "VERSION", "KERNEL", "LABELS"]
    } else {
        &[]
    };
    let mut columns = Columns::new(&[&narrow[..], more].concat());
    for node in nodes {
        let mut cells = vec![
            safe(&node.name),
            yes_or_no(node.connected),
            safe(&node.state),
            node.confirmed_revision.to_string(),
            yes_or_no(node.current),
            moment::age(node.last_seen, now),
        ];
        if wide {
            let kernel = node.facts.as_ref().map(|it| safe(&it.kernel));
            cells.push(routing::count(node));
            cells.push(node.plan_entries.to_string());
            cells.push(safe(&node.version));
            cells.push(kernel.unwrap_or_default());
            cells.push(columns::pairs(&node.labels));
        }
        columns.row(cells);
    }
    columns.text()
}

fn page(node: &v1::NodeView, now: SystemTime) -> String {
    let mut page = String::new();
    let mut field = |title: &str, value: String| {
        let value = if value.is_empty() { "-" } else { &value };
        // Writing to a String cannot fail.
        let _ = writeln!(page, "{title:<12}{}", safe(value));
    };
    field("Name:", node.name.clone());
    field("Labels:", columns::pairs(&node.labels));
    field("Connected:", yes_or_no(node.connected));
    let seen = match node.last_seen {
        0 => String::new(),
        seen => format!("{} ({} ago)", moment::rfc3339(seen), moment::age(seen, now)),
    };
    field("Seen:", seen);
    field("State:", node.state.clone());
    let current = if node.current { "" } else { ", not current" };
    field("Revision:", format!("{}{current}", node.confirmed_revision));
    field("Entries:", node.plan_entries.to_string());
    field("Agent:", node.version.clone());
    if let Some(facts) = &node.facts {
        field("Kernel:", facts.kernel.clone());
        field("nft:", facts.nft.clone());
        if let Some(frr) = &facts.frr {
            field(
                "FRR:",
                format!("{}: {}", frr.version, frr.daemons.join(", ")),
            );
        }
        for (title, line) in routing::lines(node) {
            field(title, line);
        }
        field("Can make:", facts.device_types.join(", "));
        let defaults = [&facts.default_ipv4, &facts.default_ipv6];
        let defaults: Vec<&str> = defaults.iter().map(|it| it.as_str()).collect();
        let defaults = format!(
            "IPv4 {}, IPv6 {}",
            or_none(defaults[0]),
            or_none(defaults[1])
        );
        field("Defaults:", defaults);
        let mut devices = Columns::new(&["DEVICE", "MTU", "ADDRESSES"]);
        for link in &facts.links {
            devices.row([
                safe(&link.name),
                link.mtu.map(|it| it.to_string()).unwrap_or_default(),
                safe(&link.addresses.join(" ")),
            ]);
        }
        section(&mut page, "Devices of the host", &devices);
    }
    if let Some(table) = routing::table(node, now) {
        section(&mut page, "Routing sessions", &table);
    }
    if !node.events.is_empty() {
        let mut events = Columns::new(&["TIME", "REASON", "MESSAGE"]);
        for event in &node.events {
            events.row([
                moment::rfc3339(event.at),
                safe(&event.reason),
                safe(&event.message),
            ]);
        }
        section(&mut page, "Events", &events);
    }
    page
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn section(page: &mut String, title: &str, table: &Columns) {
    let _ = write!(page, "\n{title}:\n");
    for line in table.text().lines() {
        let _ = writeln!(page, "  {line}");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn routing() -> v1::Routing {
        let session = |vrf: &str, peer: &str, state: &str| v1::RoutingSession {
            vrf: vrf.to_owned(),
            family: "l2VpnEvpn".to_owned(),
            peer: peer.to_owned(),
            state: state.to_owned(),
            since: 1_699_999_940_000,
            received: 7,
            drops: 1,
        };
        let way = |peer: &str, up| v1::RoutingWay {
            vrf: "default".to_owned(),
            peer: peer.to_owned(),
            up,
        };
        v1::Routing {
            answers: true,
            sessions: vec![
                session("default", "192.0.2.2", "Established"),
                session("default", "192.0.2.3", "Connect"),
                session("vrf_red", "eth0", "Active"),
            ],
            unlisted: 1,
            ways: vec![way("192.0.2.2", true), way("192.0.2.3", false)],
            networks: Some(v1::RoutingNetworks {
                layer2: 12,
                layer3: 1,
                remotes: 3,
                macs: 40,
                neighbors: 44,
            }),
        }
    }

    fn node() -> v1::NodeView {
        v1::NodeView {
            name: "n1".to_owned(),
            connected: true,
            last_seen: 1_700_000_000_000,
            confirmed_revision: 4,
            current: true,
            state: "idle".to_owned(),
            version: "0.1.0".to_owned(),
            facts: Some(v1::Facts {
                kernel: "6.1.0-18-amd64".to_owned(),
                agent: "0.1.0".to_owned(),
                device_types: vec!["bridge".to_owned(), "vxlan".to_owned()],
                links: vec![v1::LinkFacts {
                    name: "eth0".to_owned(),
                    mtu: Some(1500),
                    addresses: vec!["192.0.2.1/24".to_owned()],
                }],
                default_ipv4: "eth0".to_owned(),
                forwarding_ipv4: true,
                nft: "1.0.6".to_owned(),
                frr: Some(v1::FrrFacts {
                    version: "8.4.4".to_owned(),
                    daemons: vec!["bgpd".to_owned(), "zebra".to_owned()],
                }),
                ..v1::Facts::default()
            }),
            plan_entries: 7,
            events: vec![v1::NodeEvent {
                node: "n1".to_owned(),
                at: 1_700_000_000_000,
                reason: "Started".to_owned(),
                message: "the agent started".to_owned(),
                origin: None,
            }],
            labels: [("rack".to_owned(), "1".to_owned())].into(),
            routing: Some(routing()),
            sessions: Some(v1::SessionCount { up: 1, total: 4 }),
        }
    }

    #[test]
    fn nodes_as_tables_a_page_and_yaml() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_005);
        let node = node();
        let nodes = std::slice::from_ref(&node);
        insta::assert_snapshot!(
            [
                table(nodes, now, false),
                table(nodes, now, true),
                page(&node, now),
                write::yaml(&[written(&node).unwrap()]).unwrap(),
            ]
            .join("\n")
        );
    }
}
