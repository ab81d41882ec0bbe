//! How manifests write a host network: its interfaces as a list, each with its name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{
    HostBond, HostBridge, HostNetworkSpec, HostRoute, HostVlan, Interface, InterfaceKind,
    Masquerade, is_default,
};
use crate::mtu::Mtu;
use crate::name::LinkName;
use crate::object::drift::DriftPolicy;
use crate::object::selector::NodeSelector;
use crate::prefix::{Family, InterfaceAddress};
use crate::text::Text;

/// A host network that contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostNetworkError {
    /// Two interfaces have one name.
    #[error("interfaces: {0} is listed twice: keep one of them")]
    Twice(LinkName),
    /// An interface is two things.
    #[error("an interface is either a bridge, a bond or a VLAN, and {0} has options of several")]
    Several(LinkName),
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Spec {
    #[serde(default, skip_serializing_if = "NodeSelector::is_all")]
    nodes: NodeSelector,
    #[serde(default, skip_serializing_if = "is_default")]
    drift: DriftPolicy,
    interfaces: Vec<Named>,
}

/// An interface with its name. Errors of one are found where it stands in the file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
struct Named(LinkName, Interface);

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fields {
    name: LinkName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alias: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mtu: Option<Mtu>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bridge: Option<HostBridge>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bond: Option<HostBond>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vlan: Option<HostVlan>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    addresses: BTreeSet<InterfaceAddress>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    gateways: BTreeSet<IpAddr>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    routes: BTreeSet<HostRoute>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    forward: BTreeSet<Family>,
    #[serde(default, skip_serializing_if = "is_default")]
    proxy_arp: bool,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    masquerade: BTreeSet<Masquerade>,
}

impl InterfaceKind {
    /// The kind that these options are of.
    ///
    /// # Errors
    /// When there are options of several kinds.
    pub fn of(
        name: &LinkName,
        bridge: Option<HostBridge>,
        bond: Option<HostBond>,
        vlan: Option<HostVlan>,
    ) -> Result<Self, HostNetworkError> {
        match (bridge, bond, vlan) {
            (None, None, None) => Ok(Self::Physical),
            (Some(bridge), None, None) => Ok(Self::Bridge(bridge)),
            (None, Some(bond), None) => Ok(Self::Bond(bond)),
            (None, None, Some(vlan)) => Ok(Self::Vlan(vlan)),
            (_, _, _) => Err(HostNetworkError::Several(name.clone())),
        }
    }
}

impl HostNetworkSpec {
    /// The interfaces by name.
    ///
    /// # Errors
    /// When two have one name.
    pub fn by_name(
        interfaces: impl IntoIterator<Item = (LinkName, Interface)>,
    ) -> Result<BTreeMap<LinkName, Interface>, HostNetworkError> {
        let mut by_name = BTreeMap::new();
        for (name, interface) in interfaces {
            if by_name.insert(name.clone(), interface).is_some() {
                return Err(HostNetworkError::Twice(name));
            }
        }
        Ok(by_name)
    }
}

impl TryFrom<Spec> for HostNetworkSpec {
    type Error = HostNetworkError;

    fn try_from(form: Spec) -> Result<Self, HostNetworkError> {
        let interfaces = form
            .interfaces
            .into_iter()
            .map(|Named(name, it)| (name, it));
        Ok(Self {
            nodes: form.nodes,
            drift: form.drift,
            interfaces: Self::by_name(interfaces)?,
        })
    }
}

impl From<HostNetworkSpec> for Spec {
    fn from(spec: HostNetworkSpec) -> Self {
        let interfaces = spec.interfaces.into_iter();
        Self {
            nodes: spec.nodes,
            drift: spec.drift,
            interfaces: interfaces.map(|(name, it)| Named(name, it)).collect(),
        }
    }
}

impl TryFrom<Fields> for Named {
    type Error = HostNetworkError;

    fn try_from(form: Fields) -> Result<Self, HostNetworkError> {
        let kind = InterfaceKind::of(&form.name, form.bridge, form.bond, form.vlan)?;
        let interface = Interface {
            kind,
            alias: form.alias,
            mtu: form.mtu,
            addresses: form.addresses,
            gateways: form.gateways,
            routes: form.routes,
            forward: form.forward,
            proxy_arp: form.proxy_arp,
            masquerade: form.masquerade,
        };
        Ok(Self(form.name, interface))
    }
}

impl From<Named> for Fields {
    fn from(Named(name, interface): Named) -> Self {
        let (mut bridge, mut bond, mut vlan) = (None, None, None);
        match interface.kind {
            InterfaceKind::Physical => {}
            InterfaceKind::Bridge(it) => bridge = Some(it),
            InterfaceKind::Bond(it) => bond = Some(it),
            InterfaceKind::Vlan(it) => vlan = Some(it),
        }
        Self {
            name,
            alias: interface.alias,
            mtu: interface.mtu,
            bridge,
            bond,
            vlan,
            addresses: interface.addresses,
            gateways: interface.gateways,
            routes: interface.routes,
            forward: interface.forward,
            proxy_arp: interface.proxy_arp,
            masquerade: interface.masquerade,
        }
    }
}
