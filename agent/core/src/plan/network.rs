//! Tunnel devices that have many networks: which port they need for themselves, and what of their
//! networks leaves before anything comes.

use std::collections::BTreeMap;

use weft_model::name::LinkName;
use weft_model::plan::link::{Link, LinkKind};
use weft_model::report::Fault;

use super::{Place, Round, step};
use crate::scope::Scope;
use crate::seen::{Claim, SeenKind, SeenLink};
use crate::segment::{self, Due};
use crate::step::Step;
use crate::{clash, link};

impl<'a> Round<'a> {
    /// Makes those of ours give way that are up and receive on the device's port the other way: a
    /// kernel has a port for many networks a device or for one, of both families.
    pub(super) fn free_port(&mut self, want: &Link) -> Result<(), Fault> {
        let seen = self.seen;
        let others: Vec<&SeenLink> = match &want.kind {
            LinkKind::Bundle(bundle) => {
                let port = bundle.port.get();
                let is_on = |kind: &SeenKind| matches!(kind, SeenKind::Vxlan { tunnel, .. } if tunnel.port == port);
                seen.links().filter(|other| is_on(&other.kind)).collect()
            }
            LinkKind::Vxlan(vxlan) => {
                let port = link::tunnel(vxlan).port;
                seen.holding(Claim::Port(port)).collect()
            }
            LinkKind::Bridge(_)
            | LinkKind::Vlan(_)
            | LinkKind::Veth { .. }
            | LinkKind::Switched(_)
            | LinkKind::Bond(_)
            | LinkKind::Vrf(_)
            | LinkKind::Dummy
            | LinkKind::Physical => return Ok(()),
        };
        for other in others.into_iter().filter(|other| other.up) {
            if !self.owner.owns(other) || self.is_in_use(other) {
                return Err(clash::port(want, other));
            }
            self.displaced.insert(other.index, other);
        }
        Ok(())
    }

    /// A device of ours for many networks on this port that nobody wants and that can be this one.
    pub(super) fn retired_bundle(&self, want: &Link, port: u16) -> Option<&'a SeenLink> {
        let mut others = self.seen.holding(Claim::Port(port));
        others.find(|is| {
            self.owner.owns(is)
                && self.fits(want, is)
                && !self.is_in_use(is)
                && !self.displaced.contains_key(&is.index)
        })
    }

    /// What a wanted device lacks of its networks.
    pub(super) fn networks(
        &self,
        want: &Link,
        index: u32,
        is: &SeenLink,
        stays: bool,
    ) -> Vec<Step> {
        let LinkKind::Bundle(bundle) = &want.kind else {
            return Vec::new();
        };
        let due = segment::missing(bundle, self.want.segments_of(&want.name), is, stays);
        of_networks(want, index, want.name.as_str(), due)
    }

    /// What a wanted device has too much of them.
    fn extra_networks(&self, want: &Link, index: u32, is: &SeenLink, stays: bool) -> Vec<Step> {
        let LinkKind::Bundle(bundle) = &want.kind else {
            return Vec::new();
        };
        let due = segment::extra(bundle, self.want.segments_of(&want.name), is, stays);
        of_networks(want, index, &is.name, due)
    }

    /// Networks of the device that one which is not ours receives for.
    pub(super) fn taken_networks(&self, want: &Link) -> Vec<Fault> {
        let LinkKind::Bundle(bundle) = &want.kind else {
            return Vec::new();
        };
        let others = self.seen.holding(Claim::Port(bundle.port.get()));
        let others = others.filter(|other| !self.owner.owns(other));
        let taken = others.flat_map(|other| {
            let segments = self.want.segments_of(&want.name);
            let taken = segments.filter(|it| other.networks.vnis.contains(&it.vni.get()));
            taken.map(|it| clash::network(&it.origin, it.vni.get(), other))
        });
        taken.collect()
    }

    /// Takes away what is too much: of devices that stay, and all of those that go.
    pub(super) fn clear(&self, scope: &Scope) -> Vec<Step> {
        let mut steps = Vec::new();
        for (want, index, place) in &self.places {
            let cleared = match place {
                Place::Here(is) => {
                    let master = want.master.as_ref();
                    let master = master.and_then(|master| self.index_of(master));
                    let stays = master.is_some() && is.master == master;
                    self.extra_networks(want, *index, is, stays)
                }
                Place::Moved(is) => self.extra_networks(want, *index, &link::retired(is), false),
                Place::Lent(_) | Place::New => continue,
            };
            steps.extend(cleared);
        }
        let present = scope.present(self.seen);
        let displaced = self.displaced.values().copied();
        let all: BTreeMap<u32, &SeenLink> = present
            .into_iter()
            .chain(displaced)
            .map(|is| (is.index, is))
            .collect();
        for is in all.into_values().filter(|is| self.owner.owns(is)) {
            let is_wanted = |name: &LinkName| self.want.link(name).is_some();
            let stays = is.name.parse().is_ok_and(|name| is_wanted(&name))
                && !self.displaced.contains_key(&is.index);
            if stays {
                continue;
            }
            let origin = self.owner.origin(is);
            let due = segment::forget(is, |_| false).into_iter();
            steps.extend(due.map(|(_, change)| step(is.index, &is.name, origin.as_ref(), change)));
        }
        steps
    }
}

/// Changes of a device's networks as steps; what is for no vnet alone is for the zone.
fn of_networks(want: &Link, index: u32, name: &str, due: Vec<Due>) -> Vec<Step> {
    let on = |(origin, change): Due| {
        let origin = origin.as_ref().unwrap_or(&want.origin);
        step(index, name, Some(origin), change)
    };
    due.into_iter().map(on).collect()
}
