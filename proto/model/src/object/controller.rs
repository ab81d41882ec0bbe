//! Controllers: who carries the routes of networks between nodes, and to the world outside.

use serde::{Deserialize, Serialize};

use crate::name::PolicyName;
use crate::object::selector::NodeSelector;

mod bgp;
mod evpn;
mod isis;
mod session;

pub use bgp::BgpController;
pub use evpn::{EvpnController, EvpnPeers};
pub use isis::{IsisController, Net, NetError};
pub use session::{
    Bfd, Hops, HopsError, Mode, ModeError, Password, PasswordError, Sessions, Timers, TimersError,
};

/// What a controller is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct ControllerSpec {
    /// The nodes that it runs on.
    pub nodes: NodeSelector,
    /// What it speaks.
    pub kind: ControllerKind,
}

/// What a controller speaks, with what only that needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControllerKind {
    /// BGP with the EVPN address family (RFC 8365): it carries the routes of evpn zones.
    Evpn(EvpnController),
    /// BGP with the routers around a node.
    Bgp(BgpController),
    /// IS-IS with the routers around a node.
    Isis(IsisController),
}

impl ControllerKind {
    /// The route maps that it names.
    pub fn route_maps(&self) -> impl Iterator<Item = &PolicyName> {
        let sessions = match self {
            Self::Evpn(evpn) => Some(&evpn.sessions),
            Self::Bgp(bgp) => Some(&bgp.sessions),
            Self::Isis(_) => None,
        };
        let maps = sessions.map(|it| it.route_map_in.iter().chain(&it.route_map_out));
        maps.into_iter().flatten()
    }

    /// The type as manifests write it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Evpn(_) => "evpn",
            Self::Bgp(_) => "bgp",
            Self::Isis(_) => "isis",
        }
    }
}

/// A controller that contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControllerError {
    /// The options of its type are not given.
    #[error("{0}: a controller of type {0} needs these options")]
    NoOptions(&'static str),
    /// Options of another type are given.
    #[error(
        "{options}: these options are for controllers of type {options}, and this one is {controller}"
    )]
    ForeignOptions {
        /// The type that the options are for.
        options: &'static str,
        /// The type of the controller.
        controller: &'static str,
    },
    /// The type is none.
    #[error("type: {0:?} is not a type of controller: use evpn, bgp or isis")]
    UnknownType(String),
    /// Nothing says who the others are, or two things do.
    #[error("evpn: say who the other side is, either by `peers` and `listenRanges` or by `fabric`")]
    Peers,
    /// A controller without neighbors.
    #[error("bgp.peers: name at least one neighbor")]
    NoPeers,
    /// More hops than one for neighbors that are in the same system.
    #[error("bgp.sessions.multihop: only sessions with another system count hops: set `external`")]
    HopsInside,
    /// No interface to speak on.
    #[error("isis.interfaces: name at least one interface")]
    NoInterface,
}

/// How manifests write a controller.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Form {
    r#type: String,
    #[serde(default, skip_serializing_if = "NodeSelector::is_all")]
    nodes: NodeSelector,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evpn: Option<EvpnController>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bgp: Option<BgpController>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    isis: Option<IsisController>,
}

/// The kind that a type and the options beside it make.
///
/// # Errors
/// When the type is none, or the options are not those of the type.
pub fn kind_of(
    r#type: &str,
    evpn: Option<EvpnController>,
    bgp: Option<BgpController>,
    isis: Option<IsisController>,
) -> Result<ControllerKind, ControllerError> {
    let Some(controller) = ["evpn", "bgp", "isis"].into_iter().find(|it| *it == r#type) else {
        return Err(ControllerError::UnknownType(
            r#type.chars().take(80).collect(),
        ));
    };
    let given = [
        ("evpn", evpn.is_some()),
        ("bgp", bgp.is_some()),
        ("isis", isis.is_some()),
    ];
    if let Some((options, _)) = given.iter().find(|(of, given)| *given && *of != controller) {
        return Err(ControllerError::ForeignOptions {
            options,
            controller,
        });
    }
    evpn.map(ControllerKind::Evpn)
        .or(bgp.map(ControllerKind::Bgp))
        .or(isis.map(ControllerKind::Isis))
        .ok_or(ControllerError::NoOptions(controller))
}

impl TryFrom<Form> for ControllerSpec {
    type Error = ControllerError;

    fn try_from(form: Form) -> Result<Self, ControllerError> {
        Ok(Self {
            nodes: form.nodes,
            kind: kind_of(&form.r#type, form.evpn, form.bgp, form.isis)?,
        })
    }
}

impl From<ControllerSpec> for Form {
    fn from(spec: ControllerSpec) -> Self {
        let mut form = Self {
            r#type: spec.kind.as_str().to_owned(),
            nodes: spec.nodes,
            evpn: None,
            bgp: None,
            isis: None,
        };
        match spec.kind {
            ControllerKind::Evpn(evpn) => form.evpn = Some(evpn),
            ControllerKind::Bgp(bgp) => form.bgp = Some(bgp),
            ControllerKind::Isis(isis) => form.isis = Some(isis),
        }
        form
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<ControllerSpec, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_controller_is_written_as_it_is_read() {
        for json in [
            r#"{"type":"evpn","evpn":{"asn":65000,"peers":["10.0.0.1","10.0.0.2"]}}"#,
            r#"{"type":"evpn","evpn":{"asn":65000,"fabric":"core","group":"FABRIC","mode":"external"}}"#,
            r#"{"type":"evpn","evpn":{"asn":1,"listenRanges":["10.0.0.0/24"],"sessions":{"bfd":"off"}}}"#,
            r#"{"type":"bgp","nodes":{"names":["n1"]},"bgp":{"asn":65001,"external":true,"peers":["10.0.0.9"],"sessions":{"multihop":3,"password":"s3cret","timers":{"keepalive":3,"hold":9},"source":"lo","bfd":"fast","routeMapIn":"IN","routeMapOut":"OUT"},"multipathRelax":true}}"#,
            r#"{"type":"isis","isis":{"domain":"isis1","net":"49.0001.1720.2000.3001.00","interfaces":["eth1"],"source":"lo"}}"#,
        ] {
            let spec = read(json).unwrap();
            assert_eq!(serde_json::to_string(&spec).unwrap(), json);
        }
    }

    #[test]
    fn a_controller_that_contradicts_itself_is_refused() {
        for (json, part) in [
            (r#"{"type":"ospf"}"#, "use evpn, bgp or isis"),
            (r#"{"type":"evpn"}"#, "needs these options"),
            (
                r#"{"type":"bgp","evpn":{"asn":1,"peers":["10.0.0.1"]}}"#,
                "for controllers of type evpn, and this one is bgp",
            ),
            (
                r#"{"type":"evpn","evpn":{"asn":1}}"#,
                "who the other side is",
            ),
            (
                r#"{"type":"evpn","evpn":{"asn":1,"peers":["10.0.0.1"],"fabric":"core"}}"#,
                "who the other side is",
            ),
            (
                r#"{"type":"evpn","evpn":{"asn":0,"peers":["10.0.0.1"]}}"#,
                "not a usable AS number",
            ),
            (
                r#"{"type":"bgp","bgp":{"asn":1,"peers":[]}}"#,
                "at least one",
            ),
            (
                r#"{"type":"bgp","bgp":{"asn":1,"peers":["10.0.0.1"],"sessions":{"multihop":2}}}"#,
                "set `external`",
            ),
            (
                r#"{"type":"isis","isis":{"domain":"a\n!","net":"49.0001.1720.2000.3001.00","interfaces":["eth1"]}}"#,
                "not valid",
            ),
            (
                r#"{"type":"isis","isis":{"domain":"a","net":"49.01.00","interfaces":["eth1"]}}"#,
                "not an IS-IS network entity title",
            ),
            (
                r#"{"type":"bgp","bgp":{"asn":1,"peers":["10.0.0.1"],"sessions":{"password":"a b"}}}"#,
                "password",
            ),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(part), "{json}: {error}");
        }
    }
}
