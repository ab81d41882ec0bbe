//! What kind of change each object makes, by what it does to nodes and guests while some nodes have
//! it and others do not.
//!
//! # Guarantees
//! Of two intents that share what did not change, only what changed is looked at, and the zones,
//! whose nodes and sizes also follow from what nodes say of themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weft_model::name::NodeName;
use weft_model::object::subnet::SubnetSpec;
use weft_model::object::vnet::VnetSpec;
use weft_model::object::{Kind, ObjectKey};

use crate::diff::{Pending, pending_all};
use crate::intent::{Intent, Zone};

mod host;
mod zone;

/// A kind of change; the graver, the later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Something comes that nothing else depended on. Waves do no harm.
    Additive,
    /// Nodes with and without the change go on together. Waves do no harm.
    Compatible,
    /// Nodes with the change and nodes without it cannot reach each other, or lose what is large:
    /// all at once, or a gap for as long as the waves last.
    FlagDay,
    /// Something goes that guests may use.
    Destructive,
}

impl Class {
    /// The word that clients show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Additive => "additive",
            Self::Compatible => "compatible",
            Self::FlagDay => "flag-day",
            Self::Destructive => "destructive",
        }
    }
}

/// The kinds of change that one object makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classified {
    /// The object.
    pub key: ObjectKey,
    /// What it changes, and of what kind that is; the gravest first, and never empty.
    pub changes: Vec<(Class, String)>,
}

impl Classified {
    /// The gravest kind.
    pub fn class(&self) -> Class {
        let classes = self.changes.iter().map(|(class, _)| *class);
        classes.max().unwrap_or(Class::Compatible)
    }

    /// Whether some of it is of this kind.
    pub fn is(&self, class: Class) -> bool {
        self.changes.iter().any(|(it, _)| *it == class)
    }
}

/// The gravest kind of all; none where nothing changes.
pub fn gravest(changes: &[Classified]) -> Option<Class> {
    changes.iter().map(Classified::class).max()
}

/// Every object that makes a change between two intents, in the order of the keys. A zone that no
/// user touched is among them when what nodes say of themselves changes it.
pub fn classify(old: &Intent, new: &Intent) -> Vec<Classified> {
    let mut found = Found::default();
    let differing = pending_all(old.snapshot(), new.snapshot());
    let is_declared: BTreeSet<&ObjectKey> = differing.iter().map(|(key, _)| key).collect();
    for (key, pending) in &differing {
        match key.kind {
            Kind::Node => node(old, new, key, *pending, &mut found),
            Kind::HostNetwork => host::classify(old, new, key, *pending, &mut found),
            Kind::PrefixList | Kind::RouteMap => policy(key, *pending, &mut found),
            Kind::Fabric => fabric(old, new, key, *pending, &mut found),
            Kind::Controller => controller(old, new, key, *pending, &mut found),
            Kind::FrrSnippet => snippet(key, *pending, &mut found),
            Kind::Zone => zone::classify(old, new, key, *pending, &mut found),
            Kind::Vnet => vnet(old, new, key, *pending, &mut found),
            Kind::Subnet => subnet(old, new, key, *pending, &mut found),
        }
    }
    for (before, after) in both(old, new) {
        let key = ObjectKey::new(Kind::Zone, before.name().as_str());
        let is_theirs =
            |node: &NodeName| is_declared.contains(&ObjectKey::new(Kind::Node, node.as_str()));
        zone::membership(&before, &after, &key, is_theirs, &mut found);
        if !is_declared.contains(&key) {
            zone::sizes(&before, &after, &key, &mut found);
        }
    }
    host::memberships(old, new, |key| is_declared.contains(key), &mut found);
    found.finish()
}

/// What is said of a change of which there is nothing else to say.
const PLAIN: &str = "it is described anew";

/// What was found, by object.
#[derive(Default)]
struct Found(BTreeMap<ObjectKey, BTreeSet<(std::cmp::Reverse<Class>, String)>>);

impl Found {
    fn note(&mut self, key: &ObjectKey, class: Class, what: impl Into<String>) {
        let changes = self.0.entry(key.clone()).or_default();
        changes.insert((std::cmp::Reverse(class), what.into()));
    }

    fn finish(self) -> Vec<Classified> {
        let classified = |(key, changes): (ObjectKey, BTreeSet<(_, String)>)| {
            let is_all = changes.len() == 1;
            let changes = changes.into_iter();
            let changes = changes.filter(|(_, what)| is_all || what != PLAIN);
            Classified {
                key,
                changes: changes
                    .map(|(std::cmp::Reverse(class), what)| (class, what))
                    .collect(),
            }
        };
        self.0.into_iter().map(classified).collect()
    }
}

/// The zones of both intents that are not the very same.
fn both<'a>(
    old: &'a Intent,
    new: &'a Intent,
) -> impl Iterator<Item = (Arc<Zone>, Arc<Zone>)> + use<'a> {
    let pairs = old.zones().filter_map(|before| {
        let after = new.zone(before.name())?;
        Some((Arc::clone(before), Arc::clone(after)))
    });
    pairs.filter(|(before, after)| !Arc::ptr_eq(before, after))
}

fn node(old: &Intent, new: &Intent, key: &ObjectKey, pending: Pending, found: &mut Found) {
    match pending {
        Pending::New => found.note(key, Class::Additive, "it comes"),
        Pending::Deleted => {
            let name = key.name.parse::<NodeName>();
            let carried = name.map_or(0, |name| {
                old.zones_of(&name).len() + old.host_networks_of(&name).len()
            });
            match carried {
                0 => found.note(key, Class::Compatible, "it goes, and carried nothing"),
                _ => found.note(key, Class::Destructive, "it goes, with what it carried"),
            }
        }
        Pending::Changed => found.note(key, Class::Compatible, PLAIN),
    }
    let Ok(name) = key.name.parse::<NodeName>() else {
        return;
    };
    for zone in old.zones_of(&name) {
        let after = new.zone(zone.name()).and_then(|zone| zone.underlay());
        let [before, after] =
            [zone.underlay(), after].map(|it| it.and_then(|it| it.tunnel_address(&name)));
        if let Some((before, after)) = before.zip(after)
            && before != after
        {
            let zone = zone.name();
            let what = format!("its tunnels of zone {zone} end at {after} instead of {before}");
            found.note(key, Class::FlagDay, what);
        }
    }
}

fn controller(old: &Intent, new: &Intent, key: &ObjectKey, pending: Pending, found: &mut Found) {
    match pending {
        Pending::New => found.note(key, Class::Additive, "it comes"),
        Pending::Deleted => found.note(key, Class::Destructive, "it goes, with its sessions"),
        Pending::Changed => {
            let spec = |intent: &Intent| {
                let controllers = intent.snapshot().controllers();
                controllers.get(key.name.as_str()).map(|it| it.spec.clone())
            };
            if spec(old) == spec(new) {
                found.note(key, Class::Compatible, PLAIN);
            } else {
                found.note(
                    key,
                    Class::FlagDay,
                    "its sessions begin anew where they change",
                );
            }
        }
    }
}

/// What names it decides who has it; by itself it does nothing.
fn policy(key: &ObjectKey, pending: Pending, found: &mut Found) {
    let (class, what) = match pending {
        Pending::New => (Class::Additive, "it comes"),
        Pending::Changed => (
            Class::Compatible,
            "other routes are let through, or changed",
        ),
        Pending::Deleted => (Class::Compatible, "it goes, and nothing names it"),
    };
    found.note(key, class, what);
}

fn fabric(old: &Intent, new: &Intent, key: &ObjectKey, pending: Pending, found: &mut Found) {
    match pending {
        Pending::New => return found.note(key, Class::Additive, "it comes"),
        Pending::Deleted => {
            return found.note(
                key,
                Class::Destructive,
                "it goes, with its addresses and ways",
            );
        }
        Pending::Changed => {}
    }
    let of = |intent: &Intent| {
        let fabrics = intent.snapshot().fabrics();
        fabrics.get(key.name.as_str()).map(|it| it.spec.clone())
    };
    let (Some(before), Some(after)) = (of(old), of(new)) else {
        return;
    };
    found.note(key, Class::Compatible, PLAIN);
    if before.kind != after.kind {
        found.note(key, Class::FlagDay, "its nodes speak in another way");
    }
    for (name, node) in &before.nodes {
        let Some(next) = after.nodes.get(name) else {
            let what = format!("node {name} leaves it, with its address");
            found.note(key, Class::Destructive, what);
            continue;
        };
        let [was, is] = [before.addresses(node), after.addresses(next)];
        for gone in was.difference(&is) {
            let what = format!("address {gone} of node {name} goes");
            found.note(key, Class::Destructive, what);
        }
        let kept = |it: &_| next.interfaces.contains_key(it);
        if node.asn != next.asn || !node.interfaces.keys().all(kept) {
            let what = format!("node {name} loses ways, or speaks as another system");
            found.note(key, Class::FlagDay, what);
        }
    }
    let comes = after
        .nodes
        .keys()
        .find(|it| !before.nodes.contains_key(*it));
    if comes.is_some() {
        found.note(key, Class::Additive, "nodes come into it");
    }
}

/// What the lines are worth to guests only their author knows; nodes get them one after the other,
/// so that what goes wrong is seen on the first.
fn snippet(key: &ObjectKey, pending: Pending, found: &mut Found) {
    let what = match pending {
        Pending::New => "lines of the administrator's come, and Weft does not know what they do",
        Pending::Changed => {
            "lines of the administrator's change, and Weft does not know what they do"
        }
        Pending::Deleted => "lines of the administrator's go, and Weft does not know what they did",
    };
    found.note(key, Class::Compatible, what);
}

fn vnet(old: &Intent, new: &Intent, key: &ObjectKey, pending: Pending, found: &mut Found) {
    match pending {
        Pending::New => return found.note(key, Class::Additive, "it comes"),
        Pending::Deleted => return found.note(key, Class::Destructive, "it goes"),
        Pending::Changed => {}
    }
    let (Some(before), Some(after)) = (
        old.snapshot().vnets().get(key.name.as_str()),
        new.snapshot().vnets().get(key.name.as_str()),
    ) else {
        return;
    };
    let VnetSpec {
        zone,
        tag,
        vlan: _,
        alias: _,
        mac,
        vlan_aware,
        isolate_ports,
        distinguisher,
        targets,
    } = &before.spec;
    let next = &after.spec;
    found.note(key, Class::Compatible, PLAIN);
    if *mac != next.mac {
        found.note(key, Class::Compatible, "its Ethernet address changes");
    }
    if *vlan_aware != next.vlan_aware {
        let word = if next.vlan_aware {
            "may"
        } else {
            "may no longer"
        };
        let what = format!("its guests {word} use VLANs of their own");
        found.note(key, Class::FlagDay, what);
    }
    if *isolate_ports != next.isolate_ports {
        let word = if next.isolate_ports {
            "are"
        } else {
            "are no longer"
        };
        let what = format!("its guests on one node {word} kept apart");
        found.note(key, Class::Compatible, what);
    }
    if (distinguisher, targets) != (&next.distinguisher, &next.targets) {
        found.note(key, Class::FlagDay, "its routes are marked in another way");
    }
    if *zone != next.zone {
        let what = format!("it is in zone {} instead of {zone}", next.zone);
        found.note(key, Class::FlagDay, what);
        let nodes = |intent: &Intent, name| intent.zone(name).map(|zone| zone.nodes().clone());
        let after = nodes(new, &next.zone).unwrap_or_default();
        for node in nodes(old, zone).unwrap_or_default().difference(&after) {
            found.note(key, Class::Destructive, format!("it leaves node {node}"));
        }
    }
    let is_bundle = new
        .snapshot()
        .zones()
        .get(&next.zone)
        .is_some_and(|zone| zone.spec.kind.is_bundle());
    let [vlan, next_vlan] = [&before.spec, next].map(VnetSpec::bundle_vlan);
    if let Some((vlan, next_vlan)) = vlan.zip(next_vlan)
        && is_bundle
        && vlan != next_vlan
    {
        let what = format!(
            "it is VLAN {next_vlan} of its zone's bridge instead of {vlan}, which ports of guests \
             are in"
        );
        found.note(key, Class::Destructive, what);
    }
    if *tag != next.tag {
        let word = |tag: Option<_>| tag.map_or("none".to_owned(), |tag| format!("{tag}"));
        let what = format!("its tag is {} instead of {}", word(next.tag), word(*tag));
        found.note(key, Class::FlagDay, what);
    }
}

fn subnet(old: &Intent, new: &Intent, key: &ObjectKey, pending: Pending, found: &mut Found) {
    let of = |intent: &Intent| {
        let subnet = intent.snapshot().subnets().get(key.name.as_str());
        subnet.map(|subnet| subnet.spec.clone())
    };
    match (pending, of(old), of(new)) {
        (Pending::Deleted, Some(SubnetSpec { gateway, .. }), _) => match gateway {
            Some(gateway) => {
                let what = format!("it goes, and gateway {gateway} with it");
                found.note(key, Class::Destructive, what);
            }
            None => found.note(key, Class::Compatible, "it goes, and had no gateway"),
        },
        (Pending::Changed, Some(before), Some(after)) => {
            found.note(key, Class::Compatible, PLAIN);
            if before.vnet != after.vnet {
                let what = format!("it is in vnet {} instead of {}", after.vnet, before.vnet);
                found.note(key, Class::Destructive, what);
            }
            match (before.gateway, after.gateway) {
                (Some(before), Some(after)) if before != after => {
                    let what = format!("its gateway is {after} instead of {before}");
                    found.note(key, Class::Destructive, what);
                }
                (Some(before), None) => {
                    let what = format!("its gateway {before} goes");
                    found.note(key, Class::Destructive, what);
                }
                (None, Some(after)) => {
                    let what = format!("its gateway {after} comes");
                    found.note(key, Class::Additive, what);
                }
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
        (Pending::New | Pending::Changed | Pending::Deleted, ..) => {
            found.note(key, Class::Additive, "it comes");
        }
    }
}
