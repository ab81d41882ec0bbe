//! All that one node must be, with no choice left in it.
//!
//! A plan is a map from key to entry. Everything on a device (addresses, routes, flood list) is in
//! the device's entry, so that one changed vnet is one or two changed entries: the unit in which
//! plans are compared, sent and applied.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::name::LinkName;
use crate::prefix::Prefix;
use crate::vlan::VlanId;

pub mod digest;
pub mod frr;
pub mod link;
pub mod nat;
mod origin;
pub mod route;
pub mod segment;

use frr::{Frr, StanzaKey};
use link::{Link, LinkKind};
use nat::Nat;
pub use origin::Origin;
use segment::Segment;

/// All that one node must be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodePlan {
    entries: BTreeMap<EntryKey, Arc<Entry>>,
    /// The VLANs of every device that has some, by that device.
    vlans: BTreeMap<LinkName, BTreeSet<LinkName>>,
    /// The devices that are there for host networks.
    hosts: BTreeSet<LinkName>,
}

/// Names one entry of a plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EntryKey {
    /// A device, by name.
    Link(LinkName),
    /// A source translation, by the device that the network is behind, and the network.
    Nat(LinkName, Prefix),
    /// A network of a tunnel device that has many, by that device and the network's VLAN.
    Segment(LinkName, VlanId),
    /// A stanza of FRR's configuration.
    Frr(StanzaKey),
}

impl fmt::Display for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(name) => write!(f, "device {name}"),
            Self::Nat(inside, source) => {
                write!(f, "source translation of {source} behind {inside}")
            }
            Self::Segment(tunnel, vlan) => write!(f, "VLAN {vlan} of {tunnel}"),
            Self::Frr(key) => key.fmt(f),
        }
    }
}

/// One thing that a node must have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Entry {
    /// A device and all that is on it.
    Link(Link),
    /// A source translation.
    Nat(Nat),
    /// A network of a tunnel device that has many.
    Segment(Segment),
    /// A stanza of FRR's configuration.
    Frr(Frr),
}

impl Entry {
    /// The entry's name in the plan.
    pub fn key(&self) -> EntryKey {
        match self {
            Self::Link(link) => EntryKey::Link(link.name.clone()),
            Self::Nat(nat) => EntryKey::Nat(nat.inside.clone(), nat.source),
            Self::Segment(segment) => EntryKey::Segment(segment.tunnel.clone(), segment.vlan),
            Self::Frr(frr) => EntryKey::Frr(frr.stanza.key()),
        }
    }

    /// The objects that ask for the entry.
    pub fn origin(&self) -> &Origin {
        match self {
            Self::Link(link) => &link.origin,
            Self::Nat(nat) => &nat.origin,
            Self::Segment(segment) => &segment.origin,
            Self::Frr(frr) => &frr.origin,
        }
    }
}

impl NodePlan {
    /// The entry with this key.
    pub fn get(&self, key: &EntryKey) -> Option<&Arc<Entry>> {
        self.entries.get(key)
    }

    /// Adds an entry, in place of one with the same key.
    pub fn put(&mut self, entry: Arc<Entry>) {
        self.remove(&entry.key());
        if let Some((parent, name)) = vlan_of(&entry) {
            let vlans = self.vlans.entry(parent.clone()).or_default();
            vlans.insert(name.clone());
        }
        if let (Entry::Link(link), Origin::Host { .. }) = (&*entry, entry.origin()) {
            self.hosts.insert(link.name.clone());
        }
        self.entries.insert(entry.key(), entry);
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &EntryKey) -> Option<Arc<Entry>> {
        let entry = self.entries.remove(key)?;
        if let EntryKey::Link(name) = key {
            self.hosts.remove(name);
        }
        if let Some((parent, name)) = vlan_of(&entry)
            && let Some(vlans) = self.vlans.get_mut(parent)
        {
            vlans.remove(name);
            if vlans.is_empty() {
                self.vlans.remove(parent);
            }
        }
        Some(entry)
    }

    /// The names of the devices that are VLANs of this device, which may be someone else's.
    pub fn vlans_of(&self, parent: &LinkName) -> impl Iterator<Item = &LinkName> {
        self.vlans.get(parent).into_iter().flatten()
    }

    /// Every entry, in the order of the keys.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&EntryKey, &Arc<Entry>)> {
        self.entries.iter()
    }

    /// Every device, in the order of the names.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.entries.values().filter_map(|entry| match &**entry {
            Entry::Link(link) => Some(link),
            Entry::Nat(_) | Entry::Segment(_) | Entry::Frr(_) => None,
        })
    }

    /// Every device that is there for a host network.
    pub fn host_links(&self) -> impl Iterator<Item = &Link> {
        self.hosts.iter().filter_map(|name| self.link(name))
    }

    /// The device with this name.
    pub fn link(&self, name: &LinkName) -> Option<&Link> {
        match self
            .entries
            .get(&EntryKey::Link(name.clone()))
            .map(|entry| &**entry)
        {
            Some(Entry::Link(link)) => Some(link),
            Some(Entry::Nat(_) | Entry::Segment(_) | Entry::Frr(_)) | None => None,
        }
    }

    /// Every source translation.
    pub fn nats(&self) -> impl Iterator<Item = &Nat> {
        self.entries.values().filter_map(|entry| match &**entry {
            Entry::Nat(nat) => Some(nat),
            Entry::Link(_) | Entry::Segment(_) | Entry::Frr(_) => None,
        })
    }

    /// The networks of a tunnel device that has many, in the order of their VLANs.
    pub fn segments_of(&self, tunnel: &LinkName) -> impl Iterator<Item = &Segment> {
        let ends = VlanId::ENDS.map(|vlan| EntryKey::Segment(tunnel.clone(), vlan));
        let [first, last] = ends;
        let entries = self.entries.range(first..=last).map(|(_, entry)| entry);
        entries.filter_map(|entry| match &**entry {
            Entry::Segment(segment) => Some(segment),
            Entry::Link(_) | Entry::Nat(_) | Entry::Frr(_) => None,
        })
    }

    /// Every stanza of FRR's configuration.
    pub fn stanzas(&self) -> impl Iterator<Item = &Frr> {
        self.entries.values().filter_map(|entry| match &**entry {
            Entry::Frr(frr) => Some(frr),
            Entry::Segment(_) => None,
            Entry::Link(_) | Entry::Nat(_) => None,
        })
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the node must have nothing of ours.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What turns `self` into `next`.
    pub fn delta(&self, next: &Self) -> PlanDelta {
        let remove = self
            .entries
            .keys()
            .filter(|key| !next.entries.contains_key(*key))
            .cloned()
            .collect();
        let put = next
            .entries
            .iter()
            .filter(|(key, entry)| {
                self.entries
                    .get(*key)
                    .is_none_or(|had| !Arc::ptr_eq(had, entry) && had != *entry)
            })
            .map(|(_, entry)| Arc::clone(entry))
            .collect();
        PlanDelta { remove, put }
    }

    /// Makes the change that a delta describes.
    pub fn apply(&mut self, delta: &PlanDelta) {
        for key in &delta.remove {
            self.remove(key);
        }
        for entry in &delta.put {
            self.put(Arc::clone(entry));
        }
    }
}

/// The device that has a VLAN of another, which comes first.
fn vlan_of(entry: &Entry) -> Option<(&LinkName, &LinkName)> {
    match entry {
        Entry::Link(link) => match &link.kind {
            LinkKind::Vlan(vlan) => Some((&vlan.parent, &link.name)),
            LinkKind::Switched(port) => Some((&port.switch, &link.name)),
            LinkKind::Bridge(_)
            | LinkKind::Vxlan(_)
            | LinkKind::Bundle(_)
            | LinkKind::Veth { .. }
            | LinkKind::Bond(_)
            | LinkKind::Vrf(_)
            | LinkKind::Dummy
            | LinkKind::Physical => None,
        },
        Entry::Nat(_) | Entry::Segment(_) | Entry::Frr(_) => None,
    }
}

impl FromIterator<Arc<Entry>> for NodePlan {
    fn from_iter<I: IntoIterator<Item = Arc<Entry>>>(entries: I) -> Self {
        let mut plan = Self::default();
        entries.into_iter().for_each(|entry| plan.put(entry));
        plan
    }
}

impl FromIterator<Entry> for NodePlan {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        entries.into_iter().map(Arc::new).collect()
    }
}

impl Serialize for NodePlan {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.entries.values().map(|entry| &**entry))
    }
}

impl<'de> Deserialize<'de> for NodePlan {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Entry>::deserialize(deserializer)?
            .into_iter()
            .collect())
    }
}

/// The difference between two plans, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanDelta {
    /// Entries that go.
    pub remove: Vec<EntryKey>,
    /// Entries that come, or take the place of one with the same key.
    pub put: Vec<Arc<Entry>>,
}

impl PlanDelta {
    /// Whether the plans are the same.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.put.is_empty()
    }
}
