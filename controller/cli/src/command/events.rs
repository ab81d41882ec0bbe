//! `weftctl events`: what happened on nodes, and what happens.

use clap::Args;
use weft_proto::v1;

use super::nodes;
use super::rolling::may_pass;
use crate::console::{self, safe};
use crate::failure::Outcome;
use crate::manifest::write;
use crate::moment;
use crate::server::call::{self, Server};

/// How long to wait before watching again when the connection broke.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// Options of `events`.
#[derive(Debug, Args)]
pub struct Events {
    /// Only of this node
    #[arg(value_name = "NODE", default_value = "", hide_default_value = true)]
    node: String,
    /// Go on with what happens from now on
    #[arg(short, long)]
    watch: bool,
    /// How to print
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

/// How events are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One line each
    Text,
    /// One JSON object a line
    Json,
}

/// Shows events.
///
/// # Errors
/// When the controller is not there.
pub async fn run(server: &Server, options: &Events) -> Outcome {
    let listed = nodes::list(server).await?;
    let of_node = |it: &&v1::NodeEvent| options.node.is_empty() || it.node == options.node;
    let mut events: Vec<&v1::NodeEvent> = listed
        .nodes
        .iter()
        .flat_map(|node| &node.events)
        .filter(of_node)
        .collect();
    events.sort_by_key(|event| event.at);
    for event in &events {
        print(event, options.output)?;
    }
    if !options.watch {
        if events.is_empty() {
            console::note("nothing has happened");
        }
        return Ok(());
    }
    loop {
        let request = v1::WatchEventsRequest {
            node: options.node.clone(),
        };
        let ask = |channel| {
            let request = request.clone();
            async move { call::nodes(channel).watch_events(request).await }
        };
        let mut stream = server.call(ask).await?;
        loop {
            match stream.message().await {
                Ok(Some(event)) => print(&event, options.output)?,
                Ok(None) => break,
                Err(status) if may_pass(status.code()) => break,
                Err(status) => return Err(server.failure(&status, &[])),
            }
        }
        console::note("the connection broke; what happened meanwhile is in weftctl events");
        tokio::time::sleep(PAUSE).await;
    }
}

fn print(event: &v1::NodeEvent, format: Format) -> Outcome {
    match format {
        Format::Json => console::print(&write::json_line(&write::event(event))?),
        Format::Text => {
            let origin = match &event.origin {
                Some(origin) if !origin.host.is_empty() => format!(" hostnetwork/{}:", origin.host),
                Some(origin) if !origin.controller.is_empty() => {
                    format!(" controller/{}:", origin.controller)
                }
                Some(origin) if !origin.fabric.is_empty() => format!(" fabric/{}:", origin.fabric),
                Some(origin) if !origin.snippet.is_empty() => {
                    format!(" frrsnippet/{}:", origin.snippet)
                }
                Some(origin) if origin.vnet.is_empty() => format!(" zone/{}:", origin.zone),
                Some(origin) => format!(" vnet/{}:", origin.vnet),
                None => String::new(),
            };
            console::line(&safe(&format!(
                "{}  {}  {}{origin} {}",
                moment::rfc3339(event.at),
                event.node,
                event.reason,
                event.message
            )))
        }
    }
}
