//! How manifests write a fabric, and what makes one contradict itself.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::{
    BgpOptions, FabricInterface, FabricKind, FabricNode, FabricSpec, LinkNetwork,
    OpenFabricOptions, OspfOptions,
};
use crate::asn::Asn;
use crate::name::{LinkName, NodeName};
use crate::prefix::{Family, Prefix};

/// A fabric that contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FabricError {
    /// The type is none.
    #[error("type: {0:?} is not a type of fabric: use openfabric, ospf or bgp")]
    UnknownType(String),
    /// The options of its type are not given.
    #[error("ospf: a fabric of type ospf needs these options: say the area")]
    NoOptions,
    /// Options of another type are given.
    #[error("{options}: these options are for fabrics of type {options}, and this one is {fabric}")]
    ForeignOptions {
        /// The type that the options are for.
        options: &'static str,
        /// The type of the fabric.
        fabric: &'static str,
    },
    /// There is no network of addresses.
    #[error("prefix: give the network of the nodes' addresses, in `prefix`, `prefix6` or both")]
    NoPrefix,
    /// A network is of the other family.
    #[error("{field}: {prefix} is not {family}")]
    PrefixFamily {
        /// The field.
        field: &'static str,
        /// The network.
        prefix: Prefix,
        /// What it should be of.
        family: Family,
    },
    /// OSPF is told of IPv6.
    #[error("prefix6: OSPF carries IPv4 only: use openfabric or bgp")]
    OspfIpv6,
    /// An entry is there twice.
    #[error("{field}: {name} is there twice")]
    Twice {
        /// The list.
        field: &'static str,
        /// The name.
        name: String,
    },
    /// A node has no AS number where each needs one.
    #[error("nodes: node {0} needs an AS number of its own: set `asn`")]
    NoAsn(NodeName),
    /// A node has an AS number where none is used.
    #[error("nodes: node {0} has an AS number, which only fabrics of type bgp use")]
    ForeignAsn(NodeName),
    /// What only OSPF knows is said of an interface.
    #[error(
        "nodes: node {0} says what network is on an interface, which only fabrics of type ospf use"
    )]
    ForeignNetwork(NodeName),
}

impl FabricError {
    /// The field of the spec that is wrong.
    pub fn field(&self) -> &'static str {
        match self {
            Self::UnknownType(_) => "type",
            Self::NoOptions => "ospf",
            Self::ForeignOptions { options, .. } => options,
            Self::NoPrefix => "prefix",
            Self::PrefixFamily { field, .. } | Self::Twice { field, .. } => field,
            Self::OspfIpv6 => "prefix6",
            Self::NoAsn(_) | Self::ForeignAsn(_) | Self::ForeignNetwork(_) => "nodes",
        }
    }
}

/// The kind that a type and the options beside it make.
///
/// # Errors
/// When the type is none, or the options are not those of the type.
pub fn kind_of(
    r#type: &str,
    openfabric: Option<OpenFabricOptions>,
    ospf: Option<OspfOptions>,
    bgp: Option<BgpOptions>,
) -> Result<FabricKind, FabricError> {
    let known = ["openfabric", "ospf", "bgp"].into_iter();
    let Some(fabric) = known.into_iter().find(|it| *it == r#type) else {
        return Err(FabricError::UnknownType(r#type.chars().take(80).collect()));
    };
    let given = [
        ("openfabric", openfabric.is_some()),
        ("ospf", ospf.is_some()),
        ("bgp", bgp.is_some()),
    ];
    if let Some((options, _)) = given.iter().find(|(of, given)| *given && *of != fabric) {
        return Err(FabricError::ForeignOptions { options, fabric });
    }
    match fabric {
        "openfabric" => Ok(FabricKind::OpenFabric(openfabric.unwrap_or_default())),
        "bgp" => Ok(FabricKind::Bgp(bgp.unwrap_or_default())),
        _ => ospf.map(FabricKind::Ospf).ok_or(FabricError::NoOptions),
    }
}

/// The entries of a list by name.
///
/// # Errors
/// When a name is there twice.
pub fn map_of<K: Ord + Clone + ToString, V>(
    field: &'static str,
    list: impl IntoIterator<Item = (K, V)>,
) -> Result<BTreeMap<K, V>, FabricError> {
    let mut map = BTreeMap::new();
    for (name, value) in list {
        if map.insert(name.clone(), value).is_some() {
            let name = name.to_string();
            return Err(FabricError::Twice { field, name });
        }
    }
    Ok(map)
}

impl FabricSpec {
    /// A fabric whose parts fit together.
    ///
    /// # Errors
    /// When it has no network, one of the wrong family, or a node says what its type has no use for.
    pub fn checked(self) -> Result<Self, FabricError> {
        if self.prefix.is_none() && self.prefix6.is_none() {
            return Err(FabricError::NoPrefix);
        }
        for (field, prefix, family) in [
            ("prefix", self.prefix, Family::Ipv4),
            ("prefix6", self.prefix6, Family::Ipv6),
        ] {
            if let Some(prefix) = prefix.filter(|it| it.family() != family) {
                return Err(FabricError::PrefixFamily {
                    field,
                    prefix,
                    family,
                });
            }
        }
        let (is_ospf, is_bgp) = match self.kind {
            FabricKind::OpenFabric(_) => (false, false),
            FabricKind::Ospf(_) => (true, false),
            FabricKind::Bgp(_) => (false, true),
        };
        if is_ospf && self.prefix6.is_some() {
            return Err(FabricError::OspfIpv6);
        }
        for (name, node) in &self.nodes {
            match (is_bgp, node.asn) {
                (true, None) => return Err(FabricError::NoAsn(name.clone())),
                (false, Some(_)) => return Err(FabricError::ForeignAsn(name.clone())),
                (true, Some(_)) | (false, None) => {}
            }
            if !is_ospf && node.interfaces.values().any(|it| it.network.is_some()) {
                return Err(FabricError::ForeignNetwork(name.clone()));
            }
        }
        Ok(self)
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Spec {
    r#type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<Prefix>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix6: Option<Prefix>,
    nodes: Vec<Node>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    openfabric: Option<OpenFabricOptions>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ospf: Option<OspfOptions>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bgp: Option<BgpOptions>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Node {
    name: NodeName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip: Option<Ipv4Addr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip6: Option<Ipv6Addr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index: Option<NonZeroU32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asn: Option<Asn>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    interfaces: Vec<Interface>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Interface {
    name: LinkName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network: Option<LinkNetwork>,
}

impl TryFrom<Spec> for FabricSpec {
    type Error = FabricError;

    fn try_from(form: Spec) -> Result<Self, FabricError> {
        let mut nodes = Vec::new();
        for node in form.nodes {
            let interfaces = node.interfaces.into_iter();
            let interfaces = interfaces.map(|it| {
                let interface = FabricInterface {
                    network: it.network,
                };
                (it.name, interface)
            });
            let read = FabricNode {
                ip: node.ip,
                ip6: node.ip6,
                index: node.index,
                asn: node.asn,
                interfaces: map_of("nodes", interfaces)?,
            };
            nodes.push((node.name, read));
        }
        Self {
            prefix: form.prefix,
            prefix6: form.prefix6,
            kind: kind_of(&form.r#type, form.openfabric, form.ospf, form.bgp)?,
            nodes: map_of("nodes", nodes)?,
        }
        .checked()
    }
}

impl From<FabricSpec> for Spec {
    fn from(spec: FabricSpec) -> Self {
        let nodes = spec.nodes.into_iter().map(|(name, node)| {
            let interfaces = node.interfaces.into_iter();
            let interfaces = interfaces.map(|(name, it)| Interface {
                name,
                network: it.network,
            });
            Node {
                name,
                ip: node.ip,
                ip6: node.ip6,
                index: node.index,
                asn: node.asn,
                interfaces: interfaces.collect(),
            }
        });
        let mut form = Self {
            r#type: spec.kind.as_str().to_owned(),
            prefix: spec.prefix,
            prefix6: spec.prefix6,
            nodes: nodes.collect(),
            openfabric: None,
            ospf: None,
            bgp: None,
        };
        match spec.kind {
            FabricKind::OpenFabric(options) => {
                form.openfabric = Some(options).filter(|it| *it != OpenFabricOptions::default());
            }
            FabricKind::Ospf(options) => form.ospf = Some(options),
            FabricKind::Bgp(options) => {
                form.bgp = Some(options).filter(|it| *it != BgpOptions::default());
            }
        }
        form
    }
}
