//! The schema of objects, as it was compiled into the wire with its comments.

use std::collections::BTreeMap;

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};
use weft_model::object::Kind;

/// The numbers of fields in descriptors, of which paths to comments are made.
const MESSAGE_IN_FILE: i32 = 4;
const FIELD_IN_MESSAGE: i32 = 2;

/// Fields that the wire counts in milliseconds and manifests write as RFC 3339.
const TIMES: [&str; 3] = ["created", "lastTransition", "at"];

/// What must be written. The schema cannot say so; a test holds this against the model.
const REQUIRED: [&str; 26] = [
    "metadata",
    "metadata.name",
    "spec",
    "hostnetwork/spec.interfaces",
    "hostnetwork/spec.interfaces.name",
    "hostnetwork/spec.interfaces.bond.mode",
    "hostnetwork/spec.interfaces.vlan.device",
    "hostnetwork/spec.interfaces.vlan.tag",
    "hostnetwork/spec.interfaces.routes.to",
    "hostnetwork/spec.interfaces.masquerade.source",
    "prefixlist/spec.rules",
    "prefixlist/spec.rules.action",
    "prefixlist/spec.rules.prefix",
    "routemap/spec.rules",
    "routemap/spec.rules.action",
    "fabric/spec.type",
    "fabric/spec.nodes",
    "fabric/spec.nodes.name",
    "fabric/spec.nodes.interfaces.name",
    "fabric/spec.ospf.area",
    "controller/spec.type",
    "frrsnippet/spec.text",
    "zone/spec.type",
    "vnet/spec.zone",
    "subnet/spec.vnet",
    "subnet/spec.cidr",
];

/// What the system sets; what clients send of it is ignored.
const READ_ONLY: [&str; 4] = [
    "metadata.generation",
    "metadata.uid",
    "metadata.created",
    "status",
];

/// One field of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name as manifests write it, `lastTransition`.
    pub name: String,
    /// What can be written there: `string`, `list of strings`, `object`.
    pub form: String,
    /// What it means.
    pub comment: String,
    /// Who writes it.
    pub duty: Duty,
    /// The message that its fields are in, where it has fields.
    inside: Option<String>,
}

/// Who writes a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// The user, always.
    Required,
    /// The user, who may leave it out.
    Optional,
    /// The system.
    ReadOnly,
}

/// The schema of every kind.
pub struct Schema {
    messages: BTreeMap<String, Message>,
}

struct Message {
    comment: String,
    fields: Vec<Wire>,
}

/// A field as the wire has it.
struct Wire {
    name: String,
    form: String,
    comment: String,
    inside: Option<String>,
}

impl Schema {
    /// The schema that this client was built with.
    ///
    /// # Errors
    /// When it is damaged, which no build leaves behind.
    pub fn compiled() -> Result<Self, prost::DecodeError> {
        let set = FileDescriptorSet::decode(weft_proto::DESCRIPTORS)?;
        let files = set.file.iter();
        let messages = files.flat_map(messages).collect();
        Ok(Self { messages })
    }

    /// What a kind is.
    pub fn kind(&self, kind: Kind) -> &str {
        let message = self.messages.get(&spec(kind));
        message.map_or("", |message| &message.comment)
    }

    /// The field of a kind at a path such as `spec.vxlan.peers`.
    pub fn field(&self, kind: Kind, path: &str) -> Option<Field> {
        let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
        let fields = self.fields(kind, parent);
        fields.into_iter().find(|field| field.name == name)
    }

    /// The fields below a path; of the whole object below the empty one.
    pub fn fields(&self, kind: Kind, path: &str) -> Vec<Field> {
        if path.is_empty() {
            return self.roots(kind);
        }
        let inside = self.field(kind, path).and_then(|field| field.inside);
        let message = inside.and_then(|inside| self.messages.get(&inside));
        let fields = message.map_or(&[][..], |message| message.fields.as_slice());
        let field = |wire: &Wire| Field {
            name: wire.name.clone(),
            form: wire.form.clone(),
            comment: wire.comment.clone(),
            duty: duty(kind, &format!("{path}.{}", wire.name)),
            inside: wire.inside.clone(),
        };
        fields.iter().map(field).collect()
    }

    fn roots(&self, kind: Kind) -> Vec<Field> {
        let text = |name: &str, comment: String| Field {
            name: name.to_owned(),
            form: "string".to_owned(),
            comment,
            duty: Duty::Required,
            inside: None,
        };
        let object = |name: &str, message: String| Field {
            name: name.to_owned(),
            form: "object".to_owned(),
            comment: self.comment(&message),
            duty: duty(kind, name),
            inside: Some(message),
        };
        vec![
            text(
                "apiVersion",
                "The version of the format: weft/v1.".to_owned(),
            ),
            text("kind", format!("The kind of object: {kind}.")),
            object("metadata", "Metadata".to_owned()),
            object("spec", spec(kind)),
            object("status", "Status".to_owned()),
        ]
    }

    fn comment(&self, message: &str) -> String {
        let message = self.messages.get(message);
        message.map(|it| it.comment.clone()).unwrap_or_default()
    }
}

fn spec(kind: Kind) -> String {
    format!("{kind}Spec")
}

fn duty(kind: Kind, path: &str) -> Duty {
    let of_kind = format!("{}/{path}", kind.lowercase());
    let is_at_or_below = |root: &str| {
        path.strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    if READ_ONLY.into_iter().any(is_at_or_below) {
        Duty::ReadOnly
    } else if REQUIRED.contains(&path) || REQUIRED.contains(&of_kind.as_str()) {
        Duty::Required
    } else {
        Duty::Optional
    }
}

/// Every message of a file. Those inside others are the entries of maps and have no comments.
fn messages(file: &FileDescriptorProto) -> impl Iterator<Item = (String, Message)> {
    let comments = comments(file);
    let messages = file.message_type.iter().enumerate();
    messages.map(move |(index, message)| {
        let path = vec![MESSAGE_IN_FILE, position(index)];
        let fields = message.field.iter().enumerate().map(|(index, field)| {
            let mut path = path.clone();
            path.extend([FIELD_IN_MESSAGE, position(index)]);
            let comment = comments.get(&path).cloned().unwrap_or_default();
            wire(message, field, &comment)
        });
        let described = Message {
            fields: fields.collect(),
            comment: comments.get(&path).cloned().unwrap_or_default(),
        };
        (message.name().to_owned(), described)
    })
}

fn position(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}

/// The comments of a file by the path of what they are about, each on one line.
fn comments(file: &FileDescriptorProto) -> BTreeMap<Vec<i32>, String> {
    let locations = file.source_code_info.iter().flat_map(|it| &it.location);
    let said = locations.filter_map(|location| {
        let comment = location.leading_comments.as_deref()?;
        let words: Vec<&str> = comment.split_whitespace().collect();
        Some((location.path.clone(), words.join(" ")))
    });
    said.collect()
}

fn wire(message: &DescriptorProto, field: &FieldDescriptorProto, comment: &str) -> Wire {
    let name = field.json_name().to_owned();
    let target = field.type_name().rsplit('.').next().unwrap_or_default();
    let is_map = message
        .nested_type
        .iter()
        .any(|it| it.name() == target && it.options.as_ref().is_some_and(|it| it.map_entry()));
    let is_list = field.label() == Label::Repeated && !is_map;
    let is_message = field.r#type() == Type::Message && !is_map;
    let is_time = TIMES.contains(&name.as_str());
    let one = match field.r#type() {
        _ if is_time => "time",
        Type::Message => "object",
        Type::Bool => "boolean",
        Type::String | Type::Bytes | Type::Enum | Type::Group => "string",
        Type::Float | Type::Double => "number",
        Type::Int32
        | Type::Int64
        | Type::Uint32
        | Type::Uint64
        | Type::Sint32
        | Type::Sint64
        | Type::Fixed32
        | Type::Fixed64
        | Type::Sfixed32
        | Type::Sfixed64 => "integer",
    };
    let form = if is_map {
        "map of strings".to_owned()
    } else if is_list {
        format!("list of {one}s")
    } else {
        one.to_owned()
    };
    let comment = if is_time {
        comment.replace(", in milliseconds since 1970 UTC", "")
    } else {
        comment.to_owned()
    };
    Wire {
        name,
        form,
        comment,
        inside: is_message.then(|| target.to_owned()),
    }
}

#[cfg(test)]
mod tests {
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

    use super::*;

    fn paths(schema: &Schema, kind: Kind, path: &str) -> Vec<(String, Field)> {
        let mut all = Vec::new();
        for field in schema.fields(kind, path) {
            let below = match path {
                "" => field.name.clone(),
                path => format!("{path}.{}", field.name),
            };
            all.push((below.clone(), field));
            all.extend(paths(schema, kind, &below));
        }
        all
    }

    #[test]
    fn every_field_of_every_kind_is_explained() {
        let schema = Schema::compiled().unwrap();
        for kind in Kind::ALL {
            assert!(!schema.kind(kind).is_empty(), "{kind}");
            let all = paths(&schema, kind, "");
            assert!(all.len() > 20, "{kind}: {}", all.len());
            for (path, field) in all {
                assert!(
                    field.comment.len() > 8,
                    "{kind} {path}: {:?}",
                    field.comment
                );
                assert!(!field.form.is_empty(), "{kind} {path}");
            }
        }
    }

    /// Every field that the model reads is one that the schema has.
    #[test]
    fn the_fields_of_specs_are_those_that_manifests_may_have() {
        let schema = Schema::compiled().unwrap();
        let refusal = |kind: Kind| {
            let json = r#"{"-": 1}"#;
            let refused = match kind {
                Kind::Zone => serde_json::from_str::<ZoneSpec>(json).map(drop),
                Kind::Vnet => serde_json::from_str::<VnetSpec>(json).map(drop),
                Kind::Subnet => serde_json::from_str::<SubnetSpec>(json).map(drop),
                Kind::Node => serde_json::from_str::<NodeSpec>(json).map(drop),
                Kind::HostNetwork => serde_json::from_str::<HostNetworkSpec>(json).map(drop),
                Kind::PrefixList => serde_json::from_str::<PrefixListSpec>(json).map(drop),
                Kind::RouteMap => serde_json::from_str::<RouteMapSpec>(json).map(drop),
                Kind::Fabric => serde_json::from_str::<FabricSpec>(json).map(drop),
                Kind::Controller => serde_json::from_str::<ControllerSpec>(json).map(drop),
                Kind::FrrSnippet => serde_json::from_str::<FrrSnippetSpec>(json).map(drop),
            };
            refused.unwrap_err().to_string()
        };
        for kind in Kind::ALL {
            let known = refusal(kind);
            let names: Vec<String> = known
                .split('`')
                .skip(3)
                .step_by(2)
                .map(str::to_owned)
                .collect();
            let fields = schema.fields(kind, "spec");
            let explained: Vec<String> = fields.into_iter().map(|field| field.name).collect();
            assert_eq!(explained, names, "{kind}: {known}");
        }
    }

    #[test]
    fn what_is_called_required_is_what_manifests_cannot_leave_out() {
        let schema = Schema::compiled().unwrap();
        let samples = [
            (Kind::Zone, r#"{"type":"simple"}"#),
            (Kind::Vnet, r#"{"zone":"z1"}"#),
            (Kind::Subnet, r#"{"vnet":"v1","cidr":"10.0.0.0/24"}"#),
            (Kind::Node, "{}"),
            (Kind::HostNetwork, r#"{"interfaces":[]}"#),
            (
                Kind::PrefixList,
                r#"{"rules":[{"action":"permit","prefix":"10.0.0.0/8"}]}"#,
            ),
            (Kind::RouteMap, r#"{"rules":[{"action":"permit"}]}"#),
            (Kind::FrrSnippet, r#"{"text":"bfd"}"#),
        ];
        for (kind, sample) in samples {
            let whole: serde_json::Value = serde_json::from_str(sample).unwrap();
            let least: Vec<String> = whole.as_object().unwrap().keys().cloned().collect();
            let fields = schema.fields(kind, "spec").into_iter();
            let required = fields.filter(|field| field.duty == Duty::Required);
            let mut required: Vec<String> = required.map(|field| field.name).collect();
            required.sort();
            assert_eq!(required, least, "{kind}");
            let reads = |spec: &serde_json::Value| {
                let text = format!(
                    "apiVersion: weft/v1\nkind: {kind}\nmetadata: {{name: x1}}\nspec: {spec}\n"
                );
                let source = crate::manifest::document::Source {
                    name: "a".into(),
                    text,
                };
                crate::manifest::read::read(&[source]).is_ok()
            };
            assert!(reads(&whole), "{kind}");
            for name in &least {
                let mut without = whole.clone();
                without.as_object_mut().unwrap().remove(name);
                assert!(!reads(&without), "{kind} without {name}");
            }
        }
    }

    #[test]
    fn a_field_is_found_by_its_path() {
        let schema = Schema::compiled().unwrap();
        let peers = schema.field(Kind::Zone, "spec.vxlan.peers").unwrap();
        assert_eq!(peers.form, "list of strings");
        assert_eq!(peers.duty, Duty::Optional);
        let at = schema.field(Kind::Vnet, "status.events.at").unwrap();
        assert_eq!(at.form, "time");
        assert_eq!(at.comment, "When, by the node's clock.");
        assert_eq!(schema.field(Kind::Zone, "spec.color"), None);
    }
}
