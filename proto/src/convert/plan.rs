//! Plans on the wire.

use std::collections::BTreeSet;
use std::sync::Arc;

use weft_model::mac::Mac;
use weft_model::name::LinkName;
use weft_model::object::Kind;
use weft_model::object::drift::DriftPolicy;
use weft_model::plan::digest::Digest;
use weft_model::plan::frr::Frr;
use weft_model::plan::link::{Link, Vlans};
use weft_model::plan::nat::Nat;
use weft_model::plan::route::Route;
use weft_model::plan::segment::Segment;
use weft_model::plan::{Entry, EntryKey, NodePlan, Origin, PlanDelta};
use weft_model::prefix::{Family, Prefix};
use weft_model::vlan::VlanId;
use weft_model::vni::Vni;

use super::fields::{Fields, Invalid};
use super::kind::{address, address_to_wire, flood, flood_to_wire, kind};
use crate::digest;
use crate::v1;

impl From<&Origin> for v1::Origin {
    fn from(origin: &Origin) -> Self {
        let text = |name: Option<String>| name.unwrap_or_default();
        let key = origin.key();
        let of = |kind| text((key.kind == kind).then(|| key.name.clone()));
        Self {
            zone: text(origin.zone().map(ToString::to_string)),
            vnet: text(origin.vnet().map(ToString::to_string)),
            host: text(origin.host().map(ToString::to_string)),
            controller: of(Kind::Controller),
            snippet: of(Kind::FrrSnippet),
            fabric: of(Kind::Fabric),
        }
    }
}

impl TryFrom<&v1::Origin> for Origin {
    type Error = Invalid;

    fn try_from(wire: &v1::Origin) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        if !wire.host.is_empty() {
            let host = fields.text("host", &wire.host);
            return fields.finish(host.map(|host| Self::Host { host }));
        }
        if !wire.controller.is_empty() {
            let controller = fields.text("controller", &wire.controller);
            return fields.finish(controller.map(|controller| Self::Controller { controller }));
        }
        if !wire.fabric.is_empty() {
            let fabric = fields.text("fabric", &wire.fabric);
            return fields.finish(fabric.map(|fabric| Self::Fabric { fabric }));
        }
        if !wire.snippet.is_empty() {
            let snippet = fields.text("snippet", &wire.snippet);
            return fields.finish(snippet.map(|snippet| Self::Snippet { snippet }));
        }
        let zone = fields.text("zone", &wire.zone);
        let vnet = fields.maybe_text("vnet", &wire.vnet);
        let value = (|| {
            Some(Self::Zone {
                zone: zone?,
                vnet: vnet?,
            })
        })();
        fields.finish(value)
    }
}

/// Reads a digest; empty bytes are the digest of the empty plan.
///
/// # Errors
/// When there are neither 0 nor 32 bytes.
pub fn digest(wire: &[u8]) -> Result<Digest, Invalid> {
    if wire.is_empty() {
        return Ok(Digest::EMPTY);
    }
    <[u8; 32]>::try_from(wire)
        .map(Digest::from_bytes)
        .map_err(|_| Invalid::field("digest", "a digest has 32 bytes"))
}

/// Writes a digest.
pub fn digest_to_wire(digest: Digest) -> Vec<u8> {
    digest.as_bytes().to_vec()
}

impl From<&Entry> for v1::Entry {
    fn from(entry: &Entry) -> Self {
        let wire = match entry {
            Entry::Link(link) => v1::entry::Entry::Link(link.into()),
            Entry::Nat(nat) => v1::entry::Entry::Nat(v1::Nat {
                source: nat.source.to_string(),
                inside: nat.inside.to_string(),
                to: nat.to.to_string(),
                outside: nat.outside.iter().map(ToString::to_string).collect(),
            }),
            Entry::Segment(segment) => v1::entry::Entry::Segment(v1::Segment {
                tunnel: segment.tunnel.to_string(),
                vlan: segment.vlan.into(),
                vni: segment.vni.get(),
                flood: flood_to_wire(&segment.flood),
            }),
            Entry::Frr(frr) => v1::entry::Entry::Frr(json(&frr.stanza)),
        };
        Self {
            origin: Some(entry.origin().into()),
            entry: Some(wire),
        }
    }
}

impl From<&Link> for v1::Link {
    fn from(link: &Link) -> Self {
        let text = |value: Option<String>| value.unwrap_or_default();
        let static_routes = link.static_routes.iter().map(|route| v1::Route {
            to: route.to.to_string(),
            via: route.via.map(address_to_wire).unwrap_or_default(),
            metric: route.metric,
        });
        Self {
            name: link.name.to_string(),
            kind: Some((&link.kind).into()),
            mtu: link.mtu.map(u32::from),
            mac: link
                .mac
                .map(|mac| mac.octets().to_vec())
                .unwrap_or_default(),
            alias: text(link.alias.as_ref().map(ToString::to_string)),
            alternative_name: text(link.alternative_name.as_ref().map(ToString::to_string)),
            master: text(link.master.as_ref().map(ToString::to_string)),
            addresses: link.addresses.iter().map(ToString::to_string).collect(),
            routes: link.routes.iter().map(ToString::to_string).collect(),
            forward_ipv4: link.forward.contains(&Family::Ipv4),
            forward_ipv6: link.forward.contains(&Family::Ipv6),
            observe_drift: link.drift == DriftPolicy::Observe,
            tagged_vlans: link.vlans.tagged.to_string(),
            untagged_vlan: link.vlans.untagged.map(u32::from),
            static_routes: static_routes.collect(),
            proxy_arp: link.proxy_arp,
            hears_announcements: link.hears_announcements,
            any_source: link.any_source,
        }
    }
}

impl TryFrom<&v1::Entry> for Entry {
    type Error = Invalid;

    fn try_from(wire: &v1::Entry) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let absent = v1::Origin::default();
        let origin = wire.origin.as_ref().unwrap_or(&absent);
        let Some(origin) = fields.within("origin", Origin::try_from(origin)) else {
            return fields.finish(None);
        };
        let value = match &wire.entry {
            Some(v1::entry::Entry::Link(wire)) => {
                fields.within("link", link(wire, origin)).map(Self::Link)
            }
            Some(v1::entry::Entry::Nat(wire)) => {
                fields.within("nat", nat(wire, origin)).map(Self::Nat)
            }
            Some(v1::entry::Entry::Segment(wire)) => fields
                .within("segment", segment(wire, origin))
                .map(Self::Segment),
            Some(v1::entry::Entry::Frr(wire)) => fields
                .keep("frr", serde_json::from_str(wire))
                .map(|stanza| Self::Frr(Frr { origin, stanza })),
            None => None,
        };
        fields.finish(value)
    }
}

/// Writes what the model alone describes. Its maps are ordered, so that it is the same everywhere.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value)
        .unwrap_or_else(|error| unreachable!("all keys of its maps are texts: {error}"))
}

fn nat(wire: &v1::Nat, origin: Origin) -> Result<Nat, Invalid> {
    let mut fields = Fields::default();
    let source = fields.text("source", &wire.source);
    let inside = fields.text("inside", &wire.inside);
    let to = fields.text("to", &wire.to);
    let outside = fields.texts("outside", &wire.outside);
    let value = (|| {
        Some(Nat {
            origin,
            source: source?,
            inside: inside?,
            outside,
            to: to?,
        })
    })();
    fields.finish(value)
}

fn link(wire: &v1::Link, origin: Origin) -> Result<Link, Invalid> {
    let mut fields = Fields::default();
    let name = fields.text("name", &wire.name);
    let kind = wire.kind.as_ref().and_then(|it| kind(&mut fields, it));
    let mtu = fields.maybe_number("mtu", wire.mtu);
    let mac = match wire.mac.as_slice() {
        [] => Some(None),
        bytes => {
            let octets = <[u8; 6]>::try_from(bytes).map_err(|_| "a MAC address has 6 bytes");
            fields
                .keep("mac", octets)
                .and_then(|octets| fields.keep("mac", Mac::try_from(octets)))
                .map(Some)
        }
    };
    let alias = fields.maybe_text("alias", &wire.alias);
    let alternative_name = fields.maybe_text("alternative_name", &wire.alternative_name);
    let master = fields.maybe_text("master", &wire.master);
    let addresses = fields.texts("addresses", &wire.addresses);
    let routes = fields.texts("routes", &wire.routes);
    let forward = [
        (wire.forward_ipv4, Family::Ipv4),
        (wire.forward_ipv6, Family::Ipv6),
    ];
    let forward = forward
        .into_iter()
        .filter_map(|(on, family)| on.then_some(family))
        .collect();
    let mut static_routes = BTreeSet::new();
    for (at, wire) in wire.static_routes.iter().enumerate() {
        static_routes.extend(fields.within(&format!("static_routes[{at}]"), route(wire)));
    }
    let tagged = fields.text("tagged_vlans", &wire.tagged_vlans);
    let untagged = fields.maybe_number("untagged_vlan", wire.untagged_vlan);
    let drift = if wire.observe_drift {
        DriftPolicy::Observe
    } else {
        DriftPolicy::Heal
    };
    let value = (|| {
        Some(Link {
            name: name?,
            origin,
            kind: kind?,
            mtu: mtu?,
            mac: mac?,
            alias: alias?,
            alternative_name: alternative_name?,
            master: master?,
            addresses,
            routes,
            static_routes,
            forward,
            proxy_arp: wire.proxy_arp,
            hears_announcements: wire.hears_announcements,
            any_source: wire.any_source,
            vlans: Vlans {
                tagged: tagged?,
                untagged: untagged?,
            },
            drift,
        })
    })();
    fields.finish(value)
}

fn route(wire: &v1::Route) -> Result<Route, Invalid> {
    let mut fields = Fields::default();
    let to = fields.text("to", &wire.to);
    let via = match wire.via.as_slice() {
        [] => Some(None),
        bytes => fields.keep("via", address(bytes)).map(Some),
    };
    let value = (|| {
        Some(Route {
            to: to?,
            via: via?,
            metric: wire.metric,
        })
    })();
    fields.finish(value)
}

fn segment(wire: &v1::Segment, origin: Origin) -> Result<Segment, Invalid> {
    let mut fields = Fields::default();
    let tunnel = fields.text("tunnel", &wire.tunnel);
    let vlan = fields.maybe_number("vlan", Some(wire.vlan)).flatten();
    let vni = fields.keep("vni", Vni::try_from(wire.vni));
    let flood = flood(&mut fields, &wire.flood);
    let value = (|| {
        Some(Segment {
            origin,
            tunnel: tunnel?,
            vlan: vlan?,
            vni: vni?,
            flood,
        })
    })();
    fields.finish(value)
}

impl From<&EntryKey> for v1::EntryKey {
    fn from(key: &EntryKey) -> Self {
        let key = match key {
            EntryKey::Link(name) => v1::entry_key::Key::Link(name.to_string()),
            EntryKey::Nat(inside, source) => v1::entry_key::Key::Nat(v1::NatKey {
                inside: inside.to_string(),
                source: source.to_string(),
            }),
            EntryKey::Segment(tunnel, vlan) => v1::entry_key::Key::Segment(v1::SegmentKey {
                tunnel: tunnel.to_string(),
                vlan: (*vlan).into(),
            }),
            EntryKey::Frr(key) => v1::entry_key::Key::Frr(json(key)),
        };
        Self { key: Some(key) }
    }
}

impl TryFrom<&v1::EntryKey> for EntryKey {
    type Error = Invalid;

    fn try_from(wire: &v1::EntryKey) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let value = match &wire.key {
            Some(v1::entry_key::Key::Link(name)) => fields.text("link", name).map(Self::Link),
            Some(v1::entry_key::Key::Nat(nat)) => {
                let inside: Option<LinkName> = fields.text("nat.inside", &nat.inside);
                let source: Option<Prefix> = fields.text("nat.source", &nat.source);
                inside
                    .zip(source)
                    .map(|(inside, source)| Self::Nat(inside, source))
            }
            Some(v1::entry_key::Key::Segment(segment)) => {
                let tunnel: Option<LinkName> = fields.text("segment.tunnel", &segment.tunnel);
                let vlan: Option<VlanId> = fields
                    .maybe_number("segment.vlan", Some(segment.vlan))
                    .flatten();
                tunnel
                    .zip(vlan)
                    .map(|(tunnel, vlan)| Self::Segment(tunnel, vlan))
            }
            Some(v1::entry_key::Key::Frr(key)) => {
                fields.keep("frr", serde_json::from_str(key)).map(Self::Frr)
            }
            None => None,
        };
        fields.finish(value)
    }
}

/// Writes the difference between two plans with these digests.
pub fn delta_to_wire(delta: &PlanDelta, from: Digest, to: Digest) -> v1::PlanDelta {
    v1::PlanDelta {
        from_digest: digest_to_wire(from),
        to_digest: digest_to_wire(to),
        remove: delta.remove.iter().map(Into::into).collect(),
        put: delta.put.iter().map(|entry| (&**entry).into()).collect(),
    }
}

/// Writes a whole plan, as the difference from nothing.
pub fn whole_to_wire(plan: &NodePlan) -> v1::PlanDelta {
    let put = plan.entries().map(|(_, entry)| Arc::clone(entry)).collect();
    let delta = PlanDelta {
        remove: Vec::new(),
        put,
    };
    v1::PlanDelta {
        from_digest: Vec::new(),
        ..delta_to_wire(&delta, Digest::EMPTY, digest::plan(plan))
    }
}

impl TryFrom<&v1::PlanDelta> for PlanDelta {
    type Error = Invalid;

    fn try_from(wire: &v1::PlanDelta) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let mut delta = Self::default();
        for (at, key) in wire.remove.iter().enumerate() {
            delta
                .remove
                .extend(fields.within(&format!("remove[{at}]"), EntryKey::try_from(key)));
        }
        for (at, entry) in wire.put.iter().enumerate() {
            let entry = fields.within(&format!("put[{at}]"), Entry::try_from(entry));
            delta.put.extend(entry.map(Arc::new));
        }
        fields.finish(Some(delta))
    }
}
