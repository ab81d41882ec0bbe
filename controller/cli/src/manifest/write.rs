//! Objects written as manifests, with what the system knows of them.
//!
//! # Guarantees
//! What is written can be applied again: it reads as the same object.

use std::collections::BTreeMap;

use serde::Serialize;
use weft_model::object::controller::ControllerSpec;
use weft_model::object::fabric::FabricSpec;
use weft_model::object::frr_snippet::FrrSnippetSpec;
use weft_model::object::host_network::HostNetworkSpec;
use weft_model::object::node::NodeSpec;
use weft_model::object::prefix_list::PrefixListSpec;
use weft_model::object::route_map::RouteMapSpec;
use weft_model::object::subnet::SubnetSpec;
use weft_model::object::vnet::VnetSpec;
use weft_model::object::zone::ZoneSpec;
use weft_model::object::{API_VERSION, Labels, Object};
use weft_proto::v1;

use crate::failure::{Failure, Outcome};
use crate::moment;

/// An object in the form of a manifest.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    api_version: &'static str,
    kind: &'static str,
    metadata: WrittenMetadata,
    spec: WrittenSpec,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<WrittenStatus>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenMetadata {
    name: String,
    #[serde(skip_serializing_if = "Labels::is_empty")]
    labels: Labels,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum WrittenSpec {
    Zone(ZoneSpec),
    Vnet(VnetSpec),
    Subnet(SubnetSpec),
    Node(NodeSpec),
    HostNetwork(HostNetworkSpec),
    Controller(ControllerSpec),
    PrefixList(PrefixListSpec),
    RouteMap(RouteMapSpec),
    FrrSnippet(FrrSnippetSpec),
    Fabric(FabricSpec),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenStatus {
    pending: String,
    conditions: Vec<WrittenCondition>,
    nodes: Vec<WrittenNode>,
    wanted: u32,
    live: u32,
    events: Vec<WrittenEvent>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenCondition {
    r#type: String,
    status: String,
    reason: String,
    message: String,
    observed_revision: u64,
    last_transition: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenNode {
    node: String,
    state: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
    confirmed_revision: u64,
}

/// An event of a node in the form of a manifest's status.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WrittenEvent {
    node: String,
    at: String,
    reason: String,
    message: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    origin: BTreeMap<&'static str, String>,
}

/// The spec of an object alone.
#[derive(Debug, Serialize)]
pub struct WrittenAlone {
    spec: WrittenSpec,
}

/// The spec of an object alone.
pub fn spec(object: &Object) -> WrittenAlone {
    WrittenAlone {
        spec: match object {
            Object::Zone(zone) => WrittenSpec::Zone(zone.spec.clone()),
            Object::Vnet(vnet) => WrittenSpec::Vnet(vnet.spec.clone()),
            Object::Subnet(subnet) => WrittenSpec::Subnet(subnet.spec.clone()),
            Object::Node(node) => WrittenSpec::Node(node.spec.clone()),
            Object::HostNetwork(host) => WrittenSpec::HostNetwork(host.spec.clone()),
            Object::Controller(it) => WrittenSpec::Controller(it.spec.clone()),
            Object::PrefixList(list) => WrittenSpec::PrefixList(list.spec.clone()),
            Object::RouteMap(map) => WrittenSpec::RouteMap(map.spec.clone()),
            Object::Fabric(it) => WrittenSpec::Fabric(it.spec.clone()),
            Object::FrrSnippet(it) => WrittenSpec::FrrSnippet(it.spec.clone()),
        },
    }
}

/// An object that was made here, without anything that the system would know of it.
pub fn declared(object: &Object) -> Written {
    Written {
        api_version: API_VERSION,
        kind: object.kind().as_str(),
        metadata: WrittenMetadata {
            name: object.name().to_owned(),
            labels: object.labels().clone(),
            version: None,
            generation: None,
            uid: None,
            created: None,
        },
        spec: spec(object).spec,
        status: None,
    }
}

/// An object as a controller sent it.
///
/// # Errors
/// When it has something that this client does not know.
pub fn received(wire: &v1::Object) -> Outcome<Written> {
    let object = object(wire)?;
    let mut written = declared(&object);
    if let Some(metadata) = &wire.metadata {
        let said = |number: u64| (number > 0).then_some(number);
        written.metadata.version = said(metadata.version);
        written.metadata.generation = said(metadata.generation);
        written.metadata.uid = Some(metadata.uid.clone()).filter(|uid| !uid.is_empty());
        written.metadata.created = said(metadata.created).map(moment::rfc3339);
    }
    written.status = wire.status.as_ref().map(status);
    Ok(written)
}

/// The model's object of one that a controller sent.
///
/// # Errors
/// When it has something that this client does not know.
pub fn object(wire: &v1::Object) -> Outcome<Object> {
    Object::try_from(wire).map_err(|error| {
        let name = wire.metadata.as_ref().map_or("", |it| it.name.as_str());
        Failure::failed(format!(
            "the controller sent {name:?} in a form that this weftctl cannot read ({error}): \
             use the weftctl of the controller's version"
        ))
    })
}

fn status(wire: &v1::Status) -> WrittenStatus {
    WrittenStatus {
        pending: wire.pending.clone(),
        conditions: wire.conditions.iter().map(condition).collect(),
        nodes: wire.nodes.iter().map(node).collect(),
        wanted: wire.wanted,
        live: wire.live,
        events: wire.events.iter().map(event).collect(),
    }
}

fn condition(wire: &v1::Condition) -> WrittenCondition {
    WrittenCondition {
        r#type: wire.r#type.clone(),
        status: wire.status.clone(),
        reason: wire.reason.clone(),
        message: wire.message.clone(),
        observed_revision: wire.observed_revision,
        last_transition: moment::rfc3339(wire.last_transition),
    }
}

fn node(wire: &v1::NodeState) -> WrittenNode {
    WrittenNode {
        node: wire.node.clone(),
        state: wire.state.clone(),
        message: wire.message.clone(),
        confirmed_revision: wire.confirmed_revision,
    }
}

/// An event as a controller sent it.
pub fn event(wire: &v1::NodeEvent) -> WrittenEvent {
    let origin = wire.origin.as_ref().map(|origin| {
        let parts = [
            ("zone", &origin.zone),
            ("vnet", &origin.vnet),
            ("hostNetwork", &origin.host),
            ("controller", &origin.controller),
            ("frrSnippet", &origin.snippet),
            ("fabric", &origin.fabric),
        ]
        .into_iter();
        let said = parts.filter(|(_, name)| !name.is_empty());
        said.map(|(kind, name)| (kind, name.clone())).collect()
    });
    WrittenEvent {
        node: wire.node.clone(),
        at: moment::rfc3339(wire.at),
        reason: wire.reason.clone(),
        message: wire.message.clone(),
        origin: origin.unwrap_or_default(),
    }
}

/// Anything as YAML; several as documents of one file.
///
/// # Errors
/// When a value has no form in YAML, which no value of ours is without.
pub fn yaml<T: Serialize>(values: &[T]) -> Outcome<String> {
    serde_saphyr::to_string_multiple(values)
        .map_err(|error| Failure::failed(format!("cannot write YAML: {error}")))
}

/// Anything as indented JSON.
///
/// # Errors
/// When a value has no form in JSON, which no value of ours is without.
pub fn json<T: Serialize + ?Sized>(value: &T) -> Outcome<String> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|error| Failure::failed(format!("cannot write JSON: {error}")))
}

/// Anything as JSON on one line.
///
/// # Errors
/// As for [`json`].
pub fn json_line<T: Serialize + ?Sized>(value: &T) -> Outcome<String> {
    serde_json::to_string(value)
        .map(|text| text + "\n")
        .map_err(|error| Failure::failed(format!("cannot write JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::document::Source;
    use crate::manifest::read::read;

    const FILE: &str = "\
apiVersion: weft/v1
kind: Node
metadata:
  name: n1
  labels:
    rack: '1'
spec:
  tunnel:
    ipv4: 192.0.2.1
---
apiVersion: weft/v1
kind: HostNetwork
metadata:
  name: n1
spec:
  nodes:
    names:
    - n1
  interfaces:
  - name: bond0
    mtu: 9000
    bond:
      mode: 802.3ad
      members:
      - eth1
      - eth2
      xmitHashPolicy: layer2+3
  - name: vmbr0
    bridge:
      ports:
      - bond0
      vlanAware: true
      vids: 2-100,200
    addresses:
    - 192.0.2.1/24
    gateways:
    - 192.0.2.254
    masquerade:
    - source: 10.0.0.0/8
      out:
      - bond0
---
apiVersion: weft/v1
kind: Zone
metadata:
  name: blue
spec:
  type: vxlan
  nodes:
    labels:
      rack: '1'
  mtu: 1400
  drift: observe
  vxlan:
    peers:
    - fd00::1
    - fd00::2
    port: 4790
    learning: false
---
apiVersion: weft/v1
kind: Vnet
metadata:
  name: web
spec:
  zone: blue
  tag: 100
  alias: 'yes: no # maybe'
  mac: bc:24:11:00:00:01
---
apiVersion: weft/v1
kind: Subnet
metadata:
  name: web-1
spec:
  vnet: web
  cidr: 10.0.0.0/24
  gateway: 10.0.0.1
  snat: masquerade
";

    fn objects(text: &str) -> Vec<Object> {
        let source = Source {
            name: "a.yaml".into(),
            text: text.to_owned(),
        };
        let manifests = read(&[source]).unwrap();
        manifests.into_iter().map(|it| it.object).collect()
    }

    #[test]
    fn objects_of_every_kind_are_written_as_they_are_read() {
        let read = objects(FILE);
        let written: Vec<Written> = read.iter().map(declared).collect();
        assert_eq!(objects(&yaml(&written).unwrap()), read);
        for (object, written) in read.iter().zip(&written) {
            assert_eq!(
                objects(&json(written).unwrap()),
                std::slice::from_ref(object)
            );
        }
    }

    #[test]
    fn what_the_system_knows_is_written_and_ignored_when_read_again() {
        let read = objects(FILE);
        let mut wire = v1::Object::from(&read[3]);
        let metadata = wire.metadata.as_mut().unwrap();
        metadata.version = 17;
        metadata.generation = 2;
        metadata.uid = "aa".to_owned();
        metadata.created = 1_700_000_000_000;
        wire.status = Some(v1::Status {
            pending: "changed".to_owned(),
            wanted: 3,
            live: 2,
            conditions: vec![v1::Condition {
                r#type: "Live".to_owned(),
                status: "False".to_owned(),
                reason: "Pending".to_owned(),
                message: "n3: offline".to_owned(),
                observed_revision: 4,
                last_transition: 1_700_000_000_000,
            }],
            nodes: vec![v1::NodeState {
                node: "n3".to_owned(),
                state: "Offline".to_owned(),
                ..v1::NodeState::default()
            }],
            events: vec![v1::NodeEvent {
                node: "n1".to_owned(),
                at: 1_700_000_000_000,
                reason: "DriftHealed".to_owned(),
                message: "device web is back".to_owned(),
                origin: Some(v1::Origin {
                    zone: "blue".to_owned(),
                    vnet: "web".to_owned(),
                    ..v1::Origin::default()
                }),
            }],
        });
        let text = yaml(&[received(&wire).unwrap()]).unwrap();
        insta::assert_snapshot!(text);
        assert_eq!(objects(&text), [read[3].clone()]);
    }
}
