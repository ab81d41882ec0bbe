//! Where each wanted device comes from: it is there, is the host's, was another, or is made.

use weft_model::name::LinkName;
use weft_model::plan::link::{Link, LinkKind};
use weft_model::prefix::Family;
use weft_model::report::Fault;

use super::Round;
use crate::seen::{Claim, SeenKind, SeenLink};
use crate::{clash, link};

/// Where a wanted device is to come from.
pub(super) enum Place<'a> {
    Here(&'a SeenLink),
    /// A device of the host.
    Lent(&'a SeenLink),
    Moved(&'a SeenLink),
    New,
}

impl<'a> Round<'a> {
    pub(super) fn place(&mut self, link: &'a Link) {
        match self.find(link) {
            Ok(place) => {
                let index = match place {
                    Place::Here(is) | Place::Lent(is) | Place::Moved(is) => is.index,
                    Place::New => {
                        let index = self.next;
                        self.next += 1;
                        index
                    }
                };
                if let Place::Moved(is) = place {
                    self.displaced.insert(is.index, is);
                }
                let taken = self.taken_networks(link);
                self.plan.clashes.extend(taken);
                self.indexes.insert(link.name.as_str(), index);
                self.places.push((link, index, place));
            }
            Err(fault) => self.plan.clashes.push(fault),
        }
    }

    fn find(&mut self, link: &'a Link) -> Result<Place<'a>, Fault> {
        let seen = self.seen;
        let named = seen.named(link.name.as_str());
        if let Some(other) = link
            .alternative_name
            .as_ref()
            .and_then(|name| Some((name, seen.named(name.as_str())?)))
            .filter(|(_, other)| !self.owner.owns(other))
        {
            return Err(clash::name(link, other.0.as_str(), other.1));
        }
        if let Some(master) = &link.master {
            let is_there = self.indexes.contains_key(master.as_str())
                || seen
                    .named(master.as_str())
                    .is_some_and(|it| self.owner.owns(it) || self.is_hosts(master));
            if !is_there {
                return Err(clash::no_master(link, master));
            }
        }
        if let LinkKind::Vlan(vlan) = &link.kind
            && self.index_of(&vlan.parent).is_none()
        {
            return Err(clash::no_parent(link, vlan));
        }
        if let LinkKind::Switched(port) = &link.kind
            && !seen.switches.contains(port.switch.as_str())
        {
            return Err(clash::no_switch(link, port));
        }
        if let Some(place) = self.borrow(link, named) {
            return place;
        }
        if let Some(is) = named {
            if !self.owner.owns(is) || is.name != link.name.as_str() {
                return Err(clash::name(link, link.name.as_str(), is));
            }
            if self.fits(link, is) {
                if !is.up {
                    self.free_port(link)?;
                }
                return Ok(Place::Here(is));
            }
            if let Some(guest) = self.guest(is.index) {
                return Err(clash::guest(&link.origin, is, guest));
            }
            self.displaced.insert(is.index, is);
        }
        self.free_port(link)?;
        let claim = match &link.kind {
            LinkKind::Vxlan(vxlan) => Some(Claim::Tunnel(link::tunnel(vxlan))),
            LinkKind::Vlan(vlan) => self
                .index_of(&vlan.parent)
                .map(|parent| Claim::Vlan(link::vlan(vlan, parent))),
            LinkKind::Bundle(bundle) => {
                let port = bundle.port.get();
                let other = self.retired_bundle(link, port);
                return Ok(other.map_or(Place::New, Place::Moved));
            }
            LinkKind::Vrf(vrf) => Some(Claim::Table(vrf.table)),
            LinkKind::Bridge(_)
            | LinkKind::Veth { .. }
            | LinkKind::Switched(_)
            | LinkKind::Bond(_)
            | LinkKind::Dummy
            | LinkKind::Physical => None,
        };
        let Some(is) = claim.and_then(|claim| seen.holding(claim).next()) else {
            return Ok(Place::New);
        };
        if !self.owner.owns(is) || self.is_in_use(is) {
            return Err(clash::claim(link, is));
        }
        Ok(Place::Moved(is))
    }

    /// The number that a device has or will have.
    pub(super) fn index_of(&self, name: &LinkName) -> Option<u32> {
        let new = self.indexes.get(name.as_str()).copied();
        new.or_else(|| self.seen.named(name.as_str()).map(|is| is.index))
    }

    /// Whether the device can become what is wanted without being made anew.
    pub(super) fn fits(&self, want: &Link, is: &SeenLink) -> bool {
        match (&want.kind, &is.kind) {
            (LinkKind::Bridge(_), SeenKind::Bridge { .. }) => true,
            (LinkKind::Vxlan(vxlan), SeenKind::Vxlan { tunnel: has, .. }) => {
                link::tunnel(vxlan) == *has
            }
            (LinkKind::Bundle(bundle), SeenKind::Bundle { port, family, .. }) => {
                (bundle.port.get(), Family::of(bundle.local)) == (*port, *family)
            }
            (LinkKind::Vlan(vlan), SeenKind::Vlan(has)) => self
                .index_of(&vlan.parent)
                .is_some_and(|parent| link::vlan(vlan, parent) == *has),
            (LinkKind::Switched(port), SeenKind::Switched(has)) => {
                has.switch == port.switch.as_str()
            }
            (LinkKind::Vrf(vrf), SeenKind::Vrf { table }) => vrf.table == *table,
            (LinkKind::Bond(_), SeenKind::Bond(_))
            | (LinkKind::Dummy, SeenKind::Dummy)
            | (LinkKind::Physical, _) => true,
            // An end whose other end is someone else's, or elsewhere, is of no use.
            (LinkKind::Veth { peer }, SeenKind::Veth { peer: Some(other) }) => self
                .seen
                .link(*other)
                .is_some_and(|other| other.name == peer.as_str() && self.owner.owns(other)),
            (
                LinkKind::Bridge(_)
                | LinkKind::Vxlan(_)
                | LinkKind::Bundle(_)
                | LinkKind::Vlan(_)
                | LinkKind::Veth { .. }
                | LinkKind::Switched(_)
                | LinkKind::Vrf(_)
                | LinkKind::Dummy
                | LinkKind::Bond(_),
                _,
            ) => false,
        }
    }

    /// Whether the plan wants the device to go on as what it is.
    pub(super) fn is_in_use(&self, is: &SeenLink) -> bool {
        is.name
            .parse()
            .ok()
            .and_then(|name| self.want.link(&name))
            .is_some_and(|want| self.fits(want, is))
    }

    /// Another device of ours that has the wanted device's alternative name, and will still have
    /// it when names are given.
    pub(super) fn holder(&self, want: &'a Link, index: u32) -> Option<(&'a SeenLink, &'a str)> {
        let name = want.alternative_name.as_ref()?.as_str();
        let holder = self.seen.named(name)?;
        let keeps = holder.index != index && !self.displaced.contains_key(&holder.index);
        keeps.then_some((holder, name))
    }

    /// A port of the device that someone else plugged in.
    pub(super) fn guest(&self, index: u32) -> Option<&'a SeenLink> {
        let (owner, seen) = (self.owner, self.seen);
        let is_guest = |port: &&SeenLink| !owner.owns(port) && seen.loan(port.index).is_none();
        seen.ports(index).find(is_guest)
    }
}
