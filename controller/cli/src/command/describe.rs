//! `weftctl describe`: everything about one object, for people.

use std::fmt::Write;
use std::time::SystemTime;

use clap::Args;
use weft_core::device::ZoneDeviceNames;
use weft_model::object::{Kind, Object, ObjectKey};
use weft_proto::v1;

use super::columns;
use super::get;
use super::select::{self, Selection};
use crate::console::{self, safe};
use crate::failure::{Failure, Outcome};
use crate::manifest::write;
use crate::moment;
use crate::server::call::Server;
use crate::table::Columns;

/// Options of `describe`.
#[derive(Debug, Args)]
pub struct Describe {
    /// A kind and a name, or KIND/NAME
    #[arg(required = true, value_name = "KIND NAME")]
    what: Vec<String>,
}

/// Describes the objects.
///
/// # Errors
/// When one is not there, or the controller is not.
pub async fn run(server: &Server, options: &Describe) -> Outcome {
    let Selection::Named(keys) = select::selection(&options.what).map_err(Failure::refused)? else {
        return Err(Failure::refused(
            "say which by name: weftctl get lists the names",
        ));
    };
    let now = SystemTime::now();
    let mut pages = Vec::new();
    for key in keys {
        let object = get::named(server, &key).await?;
        let zone = match &object.spec {
            Some(v1::object::Spec::Vnet(vnet)) => {
                let key = ObjectKey::new(Kind::Zone, &vnet.zone);
                get::named(server, &key).await.ok()
            }
            _ => None,
        };
        pages.push(page(&object, zone.as_ref(), now)?);
    }
    console::print(&pages.join("\n"))
}

/// Where guests of the vnet are plugged in, where that is not a bridge of the vnet's name.
fn plug(vnet: &v1::Object, zone: &v1::Object) -> Option<String> {
    let (Ok(Object::Vnet(vnet)), Ok(Object::Zone(zone))) = (vnet.try_into(), zone.try_into())
    else {
        return None;
    };
    let vlan = vnet.spec.bundle_vlan()?;
    let bridge = ZoneDeviceNames::of(&zone.metadata.name).bridge;
    let is_bundle = zone.spec.kind.is_bundle();
    is_bundle.then(|| format!("bridge {bridge}, VLAN {vlan}: give it to the guest's port"))
}

fn page(object: &v1::Object, zone: Option<&v1::Object>, now: SystemTime) -> Outcome<String> {
    let mut page = String::new();
    let absent = v1::Metadata::default();
    let metadata = object.metadata.as_ref().unwrap_or(&absent);
    let kind = columns::kind(object).map_or("?", |kind| kind.as_str());
    let status = object.status.as_ref();
    let mut field = |title: &str, value: String| {
        let value = if value.is_empty() { "-" } else { &value };
        // Writing to a String cannot fail.
        let _ = writeln!(page, "{title:<12}{value}");
    };
    field("Kind:", kind.to_owned());
    field("Name:", safe(&metadata.name));
    field("Labels:", columns::pairs(&metadata.labels));
    field(
        "Created:",
        format!(
            "{} ({} ago)",
            moment::rfc3339(metadata.created),
            moment::age(metadata.created, now)
        ),
    );
    field("Version:", metadata.version.to_string());
    field("Generation:", metadata.generation.to_string());
    field("Pending:", columns::pending(object));
    field(
        "Live:",
        match columns::live(object) {
            live if live.is_empty() => live,
            live => format!("{live} nodes"),
        },
    );
    if let Some(plug) = zone.and_then(|zone| plug(object, zone)) {
        field("Plug into:", plug);
    }
    let spec = write::yaml(&[write::spec(&write::object(object)?)])?;
    let _ = write!(page, "\n{spec}");
    let Some(status) = status else {
        return Ok(page);
    };
    if !status.conditions.is_empty() {
        let mut table = Columns::new(&["TYPE", "STATUS", "REASON", "REVISION", "SINCE", "MESSAGE"]);
        for it in &status.conditions {
            table.row([
                safe(&it.r#type),
                safe(&it.status),
                safe(&it.reason),
                it.observed_revision.to_string(),
                moment::age(it.last_transition, now),
                safe(&it.message),
            ]);
        }
        section(&mut page, "Conditions", &table);
    }
    if !status.nodes.is_empty() {
        let mut table = Columns::new(&["NODE", "STATE", "REVISION", "MESSAGE"]);
        for it in &status.nodes {
            table.row([
                safe(&it.node),
                safe(&it.state),
                it.confirmed_revision.to_string(),
                safe(&it.message),
            ]);
        }
        section(&mut page, "Nodes", &table);
    }
    if !status.events.is_empty() {
        let mut table = Columns::new(&["TIME", "NODE", "REASON", "MESSAGE"]);
        for it in &status.events {
            table.row([
                moment::rfc3339(it.at),
                safe(&it.node),
                safe(&it.reason),
                safe(&it.message),
            ]);
        }
        section(&mut page, "Events", &table);
    }
    Ok(page)
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

    #[test]
    fn a_page_has_the_spec_the_conditions_the_nodes_and_the_events() {
        let object = v1::Object {
            metadata: Some(v1::Metadata {
                name: "web".to_owned(),
                version: 12,
                generation: 2,
                created: 1_700_000_000_000,
                ..v1::Metadata::default()
            }),
            spec: Some(v1::object::Spec::Vnet(v1::VnetSpec {
                zone: "blue".to_owned(),
                tag: Some(100),
                ..v1::VnetSpec::default()
            })),
            status: Some(v1::Status {
                pending: String::new(),
                conditions: vec![v1::Condition {
                    r#type: "Live".to_owned(),
                    status: "False".to_owned(),
                    reason: "Offline".to_owned(),
                    message: "1 of 2 nodes is offline".to_owned(),
                    observed_revision: 4,
                    last_transition: 1_700_000_000_000,
                }],
                nodes: vec![v1::NodeState {
                    node: "n1".to_owned(),
                    state: "Live".to_owned(),
                    message: String::new(),
                    confirmed_revision: 4,
                }],
                wanted: 2,
                live: 1,
                events: vec![v1::NodeEvent {
                    node: "n1".to_owned(),
                    at: 1_700_000_000_000,
                    reason: "DriftHealed".to_owned(),
                    message: "device web is back".to_owned(),
                    origin: None,
                }],
            }),
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_090);
        insta::assert_snapshot!(page(&object, None, now).unwrap());
    }

    #[test]
    fn a_vnet_in_a_bundle_says_where_its_guests_are_plugged_in() {
        let object = |spec| v1::Object {
            metadata: Some(v1::Metadata {
                name: "blue".to_owned(),
                ..v1::Metadata::default()
            }),
            spec: Some(spec),
            status: None,
        };
        let vnet = object(v1::object::Spec::Vnet(v1::VnetSpec {
            zone: "blue".to_owned(),
            tag: Some(5000),
            ..v1::VnetSpec::default()
        }));
        let zone = |layout: &str| {
            object(v1::object::Spec::Zone(v1::ZoneSpec {
                r#type: "vxlan".to_owned(),
                layout: layout.to_owned(),
                ..v1::ZoneSpec::default()
            }))
        };
        assert_eq!(
            plug(&vnet, &zone("bundle")).as_deref(),
            Some("bridge z_blue, VLAN 906: give it to the guest's port")
        );
        assert_eq!(plug(&vnet, &zone("separate")), None);
    }
}
